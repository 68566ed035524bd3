"""Any JSON-LD document as quads, by way of a general processor, and nothing lost.

PyLD knows all of JSON-LD 1.1 and drops in silence what has no meaning: a member without
a term, a relative IRI. What is dropped is in the text and not in the
graph, so no signature covers it, and a reader would believe what nobody signed. Here
each of these is refused. The base direction of a text becomes part of its datatype
(JSON-LD 1.1 API, "Object to RDF Conversion", `i18n-datatype`), as by other software.

This is the slow way (tens of milliseconds for a diploma), for whatever the fast one
does not read.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self

from pyld.jsonld import JsonLdError, JsonLdProcessor

from protocol.errors import LinkedDataError, UnknownContextError
from protocol.linked_data.canonical import Quad
from protocol.linked_data.contexts import Contexts
from protocol.linked_data.named import Namer, Names
from protocol.linked_data.nquads import is_iri, is_language, literal
from protocol.linked_data.walk import refuse_echo

_XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"
_BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)
"""What PyLD stumbles over where a document is not as it expects."""


def quads_of(
    document: Mapping[str, Any], contexts: Contexts, namer: Namer | None = None
) -> list[Quad]:
    """Return the statements a document makes.

    With `namer` the blank node of a JSON object has the name it gives that object; see
    `protocol.linked_data.named`.

    Raises:
        UnknownContextError: it names a context that is not at hand.
        LinkedDataError: it is not JSON-LD, or says what its graph would not.
    """
    dropped: list[str | None] = []
    root, names = _Root(document), Names(namer) if namer else None
    processor = _Processor(dropped.append, root, document, names)
    # Without `base` at all PyLD would resolve relative IRIs against one of its own.
    options = {
        "documentLoader": _loader(contexts),
        "base": None,
        "rdfDirection": "i18n-datatype",
    }
    try:
        _refuse_mistaken(document)
        expanded = processor.expand(root, options)
        if dropped:
            raise LinkedDataError(f"the term {dropped[0]} is not defined by @context")
        _refuse_losses(expanded)
        dataset = processor.to_rdf(expanded, options)
    except JsonLdError as error:
        raise _told(error) from error
    except _BROKEN as error:
        raise LinkedDataError("a document that JSON-LD cannot read") from error
    quads = [
        Quad(
            _term(triple["subject"]),
            _term(triple["predicate"]),
            _term(triple["object"]),
            "" if graph == "@default" else _resource(graph),
        )
        for graph, triples in dataset.items()
        for triple in triples
    ]
    return names.restore(quads) if names else quads


class _Root(dict[str, Any]):
    """A document that is read and never changed, so its copy is itself."""

    def __deepcopy__(self, _memo: Any) -> Self:
        return self


class _Processor(JsonLdProcessor):  # type: ignore[misc]
    """A processor that names the nodes of a document as it expands it."""

    def __init__(
        self,
        on_property_dropped: Callable[[str | None], None],
        root: _Root,
        document: Mapping[str, Any],
        names: Names | None,
    ) -> None:
        super().__init__(on_property_dropped=on_property_dropped)
        self._root, self._document, self._names = root, document, names

    def _expand(
        self, active_ctx: Any, active_property: Any, element: Any, *more: Any, **by: Any
    ) -> Any:
        expanded = super()._expand(active_ctx, active_property, element, *more, **by)
        if self._names and isinstance(element, dict) and isinstance(expanded, dict):
            source = self._document if element is self._root else element
            self._names.give(source, expanded)
        return expanded

    def _expand_index_map(self, *more: Any, **by: Any) -> Any:
        if self._names:
            raise LinkedDataError(
                "a map by index, id or type, whose nodes have no name"
            )
        return super()._expand_index_map(*more, **by)


def _loader(contexts: Contexts) -> Any:
    def load(url: str, _options: Any) -> dict[str, Any]:
        return {
            "contentType": "application/ld+json",
            "contextUrl": None,
            "documentUrl": url,
            "document": contexts[url],
        }

    return load


def _told(error: JsonLdError) -> LinkedDataError:
    """Return the error that says what PyLD says deep inside its own."""
    cause: BaseException | None = error
    deepest: BaseException = error
    while cause is not None:
        if isinstance(cause, UnknownContextError):
            return UnknownContextError(str(cause))
        deepest, cause = cause, cause.__cause__
    words = deepest.args[0] if deepest.args else "not JSON-LD"
    return LinkedDataError(f"not JSON-LD that can be read: {words}")


def _refuse_mistaken(value: Any) -> None:
    """Refuse what PyLD takes for something else."""
    for member in _members(value):
        if "@import" in member:  # By it PyLD changes the imported context for good.
            raise LinkedDataError("a context that imports another one")
        if isinstance(member.get("@value"), list) and "@json" not in member.values():
            # PyLD drops an empty one, and with it that there was a value.
            raise LinkedDataError("a value that is an array")


def _members(value: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _refuse_losses(expanded: Any) -> None:
    """Refuse what an expanded document states and its graph would not."""
    roots = {one.get("@id") for one in expanded if isinstance(one, dict)} - {None}
    waiting: list[Any] = [expanded]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            if "@value" in one:
                _refuse_lossy_value(one)
                continue
            _refuse_lossy_node(one)
            if one.get("@id") in roots and not any(one is root for root in expanded):
                refuse_echo(name for name in one if name[0] != "@")
            waiting += [value for name, value in one.items() if name[0] != "@"]
            waiting += [one[name] for name in _NESTING if name in one]


_NESTING = ("@list", "@set", "@graph", "@included", "@reverse")


def _refuse_lossy_value(value: dict[str, Any]) -> None:
    if "@direction" in value and "@language" in value:
        # PyLD leaves the language of such a text as it was written.
        value["@language"] = value["@language"].lower()
    if "@index" in value:
        raise LinkedDataError("a value with an index, which no proof covers")
    if not is_language(value.get("@language", "en")):
        raise LinkedDataError(f"{value['@language']!r} is not a language tag")
    datatype = value.get("@type")
    if datatype not in (None, "@json"):
        _refuse_relative([datatype])


def _refuse_lossy_node(node: Mapping[str, Any]) -> None:
    if "@index" in node:
        raise LinkedDataError("a node with an index, which no proof covers")
    types = node.get("@type", [])
    _refuse_relative([*types, *([node["@id"]] if "@id" in node else [])])
    for name in node:
        if name[0] != "@" and not is_iri(name):
            raise LinkedDataError(f"the property {name} is not an absolute IRI")


def _refuse_relative(iris: Iterable[Any]) -> None:
    for iri in iris:
        if not isinstance(iri, str) or not (iri.startswith("_:") or is_iri(iri)):
            raise LinkedDataError(f"{iri!r} is not an absolute IRI, nor a defined term")


def _term(term: Mapping[str, Any]) -> str:
    if term["type"] != "literal":
        return _resource(term["value"])
    text = literal(term["value"])
    if "language" in term:
        return f"{text}@{term['language']}"
    if term["datatype"] == _XSD_STRING:
        return text
    return f"{text}^^<{term['datatype']}>"


def _resource(value: str) -> str:
    return value if value.startswith("_:") else f"<{value}>"
