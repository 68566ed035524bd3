"""A document walked once, straight to its quads.

What the general way does in four passes over the document (expand, flatten, state as
RDF, write as N-Quads) is done in one, by tables that `terms` compiled before.

Implements JSON-LD 1.1 Processing Algorithms and API, sections "Expansion Algorithm",
"Node Map Generation" and "Deserialize JSON-LD to RDF Algorithm", for what credentials
use of JSON-LD; the rest raises `OutsideSubsetError`.

A member without a meaning and an IRI that is not absolute raise `LinkedDataError`:
neither would be in the graph, so no proof would cover them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import LinkedDataError, MalformedValueError
from protocol.linked_data.canonical import Statement
from protocol.linked_data.jcs import canonical
from protocol.linked_data.named import Namer
from protocol.linked_data.nquads import double, is_iri, is_language, literal
from protocol.linked_data.terms import (
    DOUBLE,
    ActiveContext,
    Meaning,
    OutsideSubsetError,
    Term,
    Vocabulary,
)

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CREDENTIAL = "https://www.w3.org/2018/credentials#"
_XSD = "http://www.w3.org/2001/XMLSchema#"
_TYPE, _FIRST, _REST, _NIL = (f"<{_RDF}{n}>" for n in ("type", "first", "rest", "nil"))
_JSON = f"^^<{_RDF}JSON>"
_STRING = _XSD + "string"
_LARGEST = 10**21
"""From here on a number is a double, even without a fraction."""


def quads_of(
    document: Mapping[str, Any], vocabulary: Vocabulary, namer: Namer | None = None
) -> list[Statement]:
    """Return the statements a document makes.

    With `namer` the blank node of a JSON object has the name it gives that object; see
    `protocol.linked_data.named`.

    Raises:
        UnknownContextError: it names a context that is not at hand.
        LinkedDataError: it says what its graph would not.
        OutsideSubsetError: it uses JSON-LD that only the general processor knows.
    """
    walk = _Walk(vocabulary, namer)
    if document.keys() & {"@graph", "@included"}:
        raise OutsideSubsetError("@graph")
    walk.node(document, vocabulary.initial, None, "")
    return walk.quads


def refuse_echo(predicates: Iterable[str]) -> None:
    """Refuse what a part of a document says of the whole, as only the whole may.

    The graph is the same wherever an end or a status of the document stands, so a proof
    would hold, and whoever reads the JSON would not find them.

    Raises:
        LinkedDataError: one of `predicates` is a member of a credential itself.
    """
    for one in predicates:
        if one.strip("<>").startswith(_CREDENTIAL):
            raise LinkedDataError(f"{one} of the document itself, inside a part of it")


@dataclass(slots=True)
class _Walk:
    """One walk through one document."""

    vocabulary: Vocabulary
    namer: Namer | None = None
    quads: list[Statement] = field(default_factory=list)
    nodes: int = 0
    root: str = ""
    """The node the document itself is."""
    named: dict[str, str] = field(default_factory=dict)
    """Blank nodes the document names, to our names for them."""
    paths: set[tuple[int, str]] = field(default_factory=set)
    """The objects and predicates under which blank nodes were named."""

    def blank(self, source: object, *path: str | int) -> str:
        """Return a new blank node, the one for `source` or for what `path` leads to."""
        self.nodes += 1
        if self.namer is None:
            return f"_:b{self.nodes}"
        return "!".join((self.namer(source), *map(str, path)))

    def branch(self, source: object, predicate: str) -> None:
        """Refuse a second path from one object to blank nodes named after it."""
        if self.namer is not None:
            if (id(source), predicate) in self.paths:
                raise OutsideSubsetError("two members of one meaning")
            self.paths.add((id(source), predicate))

    def node(
        self,
        value: Mapping[str, Any],
        active: ActiveContext,
        term: Term | None,
        graph: str,
    ) -> str:
        """State a node object, and return the node; for a value object its literal."""
        if active.previous is not None and not _stays(value, active):
            active = active.previous
        if term is not None and term.has_scope:
            active = self.vocabulary.scoped(active, term)
        if "@context" in value:
            active = self.vocabulary.local(active, value["@context"])
        aliases = active.aliases
        keywords = [name for name in value if name in aliases]
        known = {aliases[name]: value[name] for name in keywords}
        if len(known) != len(keywords):
            raise OutsideSubsetError("an id or a type twice")
        if "@value" in known:
            return self._value(value, active)
        types: tuple[str, ...] = ()
        if "@type" in known:
            active, types = self._typed(active, known["@type"])
        node = self._id(known["@id"], active) if "@id" in known else self.blank(value)
        for one in types:
            self.quads.append((node, _TYPE, one, graph))
        is_root, start = not self.root, len(self.quads)
        self.root = self.root or node
        self._members(node, value, known, active, graph)
        if node == self.root and not is_root:
            refuse_echo(one[1] for one in self.quads[start:] if one[0] == node)
        return node

    def _typed(
        self, active: ActiveContext, stated: Any
    ) -> tuple[ActiveContext, tuple[str, ...]]:
        types = tuple(_listed(stated))
        try:
            found = active.by_types.get(types)
        except TypeError:
            raise LinkedDataError("a type that is not a text") from None
        return found or self.vocabulary.typed(active, types)

    def _members(
        self,
        node: str,
        value: Mapping[str, Any],
        known: Mapping[str, Any],
        active: ActiveContext,
        graph: str,
    ) -> None:
        """State all members of a node but its id and its types."""
        for name, inner in value.items():
            meaning = active.members.get(name) or active.member(name)
            if type(meaning) is not tuple:
                if meaning not in known and meaning != "@context":
                    raise OutsideSubsetError(meaning)
            elif meaning[2] is not None and type(inner) is str:
                object_ = literal(inner) + meaning[2]
                self.quads.append((node, meaning[0], object_, graph))
            else:
                self._property(value, node, meaning, name, inner, active, graph)

    def _property(
        self,
        source: object,
        node: str,
        meaning: Meaning,
        name: str,
        value: Any,
        active: ActiveContext,
        graph: str,
    ) -> None:
        """State all values of one member of a node."""
        predicate, term, _ = meaning
        container = term.container
        if term.type == "@json":
            if container:
                raise OutsideSubsetError("@json in a container")
            self.quads.append((node, predicate, _json(value), graph))
            return
        values = _listed(value)
        if "@list" in container:
            if "@graph" in container or value is None:
                raise OutsideSubsetError("@list of what is none")
            self.branch(source, predicate)
            found = [
                self._object(one, name, term, active, graph)
                for one in values
                if one is not None
            ]
            object_ = self._chain(found, source, predicate, graph)
            self.quads.append((node, predicate, object_, graph))
            return
        if "@graph" in container:
            self.branch(source, predicate)
        for place, one in enumerate(values):
            if one is None:
                continue
            if "@graph" in container:
                name_ = self.blank(source, predicate[1:-1], place)
                object_ = self._graph(one, term, active, name_)
            else:
                object_ = self._object(one, name, term, active, graph)
            self.quads.append((node, predicate, object_, graph))

    def _object(
        self, value: Any, name: str, term: Term, active: ActiveContext, graph: str
    ) -> str:
        """State one value of a member, and return the term for it."""
        kind = type(value)
        if kind is dict:
            return self.node(value, active, term, graph)
        if kind is list:
            raise OutsideSubsetError("an array in an array")
        if term.has_scope:
            active = self.vocabulary.scoped(active, term)
            term = active.terms.get(name, term)
        if kind is not str:
            datatype = term.type if term.type and term.type[0] != "@" else None
            return _native(value, datatype)
        if term.type is None or term.type == "@none":
            return _text(value, term, active)
        if term.type[0] == "@":
            return self._resource(
                active.expand(value, vocab=term.type == "@vocab"), value
            )
        return _typed(value, term.type)

    def _chain(
        self, items: list[str], source: object, predicate: str, graph: str
    ) -> str:
        """State a list, and return its first node."""
        rest = _NIL
        for place, object_ in reversed(list(enumerate(items))):
            node = self.blank(source, predicate[1:-1], 0, place)
            self.quads.append((node, _FIRST, object_, graph))
            self.quads.append((node, _REST, rest, graph))
            rest = node
        return rest

    def _graph(self, value: Any, term: Term, active: ActiveContext, graph: str) -> str:
        """State a value in a graph of its own, and return the name of the graph."""
        if type(value) is not dict:
            raise OutsideSubsetError("a graph that is not an object")
        before = len(self.quads)
        self.node(value, active, term, graph)
        if len(self.quads) == before:
            raise OutsideSubsetError("an empty graph")
        return graph

    def _value(self, value: Mapping[str, Any], active: ActiveContext) -> str:
        """Return the literal of a value object."""
        stated: dict[str, Any] = {}
        for name, inner in value.items():
            meaning = active.member(name)
            if type(meaning) is tuple or meaning in stated:
                raise LinkedDataError("a value object with other members")
            stated[str(meaning)] = inner
        inner = stated.pop("@value")
        if len(stated) > 1 or stated.keys() - {"@type", "@language"}:
            raise OutsideSubsetError("a value object with more than a value")
        if "@language" in stated:
            return _tagged(inner, stated["@language"])
        datatype = stated.get("@type", _STRING)
        iri = active.expand(datatype, vocab=True) if type(datatype) is str else None
        if iri is None or iri[0] == "@":
            raise OutsideSubsetError("a datatype of its own kind")
        if not is_iri(iri):
            raise LinkedDataError(f"the datatype {datatype} is not an absolute IRI")
        if type(inner) is str:
            return _typed(inner, iri)
        if inner is None or type(inner) in (dict, list):
            raise OutsideSubsetError("a value that is not one")
        return _native(inner, iri if stated else None)

    def _id(self, value: Any, active: ActiveContext) -> str:
        """Return the term for an IRI, whole or compact, or a named blank node."""
        if type(value) is not str:
            raise LinkedDataError("an id that is not a text")
        return self._resource(active.expand(value, vocab=False), value)

    def _resource(self, iri: str | None, stated: str) -> str:
        if iri is not None:
            if is_iri(iri):
                return f"<{iri}>"
            if iri.startswith("_:"):
                if self.namer is not None:
                    return f"{iri}!stated"
                if iri not in self.named:
                    self.named[iri] = self.blank(None)
                return self.named[iri]
        raise LinkedDataError(f"{stated!r} is not an absolute IRI, nor a defined term")


def _listed(value: Any) -> list[Any]:
    return value if type(value) is list else [value]


def _stays(value: Mapping[str, Any], active: ActiveContext) -> bool:
    """Tell whether an object is no node with members, so that the context stays."""
    if len(value) == 1 and active.aliases.get(next(iter(value))) == "@id":
        return True
    return not value.keys().isdisjoint(active.value_names)


def _text(value: str, term: Term, active: ActiveContext) -> str:
    language = term.language if term.has_language else active.language
    return literal(value) if language is None else _tagged(value, language)


def _tagged(value: Any, language: Any) -> str:
    if type(value) is not str or type(language) is not str:
        raise LinkedDataError("a language of what is not a text")
    if not is_language(language):
        raise LinkedDataError(f"{language!r} is not a language tag")
    return f"{literal(value)}@{language.lower()}"


def _typed(value: str, datatype: str) -> str:
    if datatype == DOUBLE:
        raise OutsideSubsetError("a number in a text")
    return literal(value) if datatype == _STRING else f"{literal(value)}^^<{datatype}>"


def _native(value: Any, datatype: str | None) -> str:
    """Return the literal of a number or a truth value."""
    if value is True or value is False:
        return f'"{str(value).lower()}"^^<{datatype or _XSD + "boolean"}>'
    if type(value) is float and not value.is_integer():
        return f'"{double(value)}"^^<{datatype or DOUBLE}>'
    if type(value) not in (int, float):
        raise LinkedDataError("a value that JSON does not have")
    if datatype == DOUBLE or abs(value) >= _LARGEST:
        return f'"{double(value)}"^^<{datatype or DOUBLE}>'
    return f'"{int(value)}"^^<{datatype or _XSD + "integer"}>'


def _json(value: Any) -> str:
    try:
        return literal(canonical(value).decode()) + _JSON
    except MalformedValueError as error:
        raise LinkedDataError("a JSON literal without a canonical form") from error
