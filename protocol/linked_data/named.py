"""Blank nodes with names of one's own, so that a part can be found in the whole.

Whoever discloses a part of a document must know which statements of the whole it
makes. A blank node is a JSON object without an id, so it is enough that the object has
the same name wherever it stands. The cells of an ordered list are named after the
object the list belongs to: part of a list is another list, and its statements are not
among those of the whole.

Takes the place of `skolemizeExpandedJsonLd` and `toDeskolemizedNQuads` of Data
Integrity ECDSA Cryptosuites v1.0, section "Selective Disclosure Functions". What is
named there is the compacted form of the document; here it is the document itself, so
that nothing has to be compacted and JSON Pointers mean what the holder sees.
"""

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from protocol.linked_data.canonical import Quad

Namer = Callable[[object], str]
"""Gives each JSON object, known by its identity, a name that begins with `_:`."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_FIRST, _REST, _NIL = f"{_RDF}first", f"{_RDF}rest", f"{_RDF}nil"
_NO_NODE = frozenset({"@value", "@list", "@set"})


class Names:
    """The names of one document while a processor holds it, in the guise of IRIs.

    A processor gives blank nodes names of its own; IRIs it leaves alone.
    """

    def __init__(self, namer: Namer) -> None:
        self._namer = namer
        self._guise = f"urn:{secrets.token_hex(16)}:"
        """A document cannot know it, and so cannot state such an IRI itself."""

    def give(self, source: object, expanded: dict[str, Any]) -> None:
        """Give a node, expanded from the JSON object `source`, the name of that."""
        if _NO_NODE & expanded.keys():
            return
        name = self._namer(source)
        expanded.setdefault("@id", self._guise + name)
        for member, values in expanded.items():
            if member == "@id":
                expanded["@id"] = self._disguise(values)
            elif member == "@type":
                expanded["@type"] = [self._disguise(one) for one in values]
            elif isinstance(values, list):
                expanded[member] = [
                    self._named(value, f"{name}!{member}!{place}")
                    for place, value in enumerate(values)
                ]

    def restore(self, quads: Iterable[Quad]) -> list[Quad]:
        """Return the statements with blank nodes again."""
        start = f"<{self._guise}"
        return [
            Quad(
                *(
                    term[len(start) : -1] if term.startswith(start) else term
                    for term in quad
                )
            )
            for quad in quads
        ]

    def _named(self, value: Any, name: str) -> Any:
        if not isinstance(value, dict):
            return value
        if "@list" in value:
            return self._chain(value["@list"], name)
        if "@graph" in value:
            value.setdefault("@id", self._guise + name)
        if "@id" in value:
            value["@id"] = self._disguise(value["@id"])
        return value

    def _chain(self, items: list[Any], name: str) -> dict[str, Any]:
        """Write a list as the nodes it stands for: RDF Schema, "RDF Collections"."""
        chain: dict[str, Any] = {"@id": _NIL}
        for place, item in reversed(list(enumerate(items))):
            cell = f"{name}!{place}"
            chain = {
                "@id": self._guise + cell,
                _FIRST: [self._named(item, cell)],
                _REST: [chain],
            }
        return chain

    def _disguise(self, iri: Any) -> Any:
        if isinstance(iri, str) and iri.startswith("_:"):
            return f"{self._guise}{iri}!stated"
        return iri
