"""The statements of a document, named so that they can be signed and shown one by one.

The canonical names of blank nodes tell how many there are, and change when a part is
shown without the rest. So the issuer names them anew with a secret of this proof:
`ecdsa-sd-2023` by an HMAC of the canonical name, `bbs-2023` by a number in the order of
these HMACs, which says nothing a verifier could recognise again.

Implements Data Integrity ECDSA Cryptosuites v1.0, section "Selective Disclosure
Functions", and Data Integrity BBS Cryptosuites v1.0, section
"createShuffledIdLabelMapFunction".
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from protocol.errors import SecuringError
from protocol.identity.multibase import as_base64url
from protocol.linked_data.canonical import Statement, canonicalize, line
from protocol.linked_data.rdf import canonical_form, quads_of
from protocol.linked_data.selection import Part, select
from protocol.linked_data.terms import Vocabulary

_CANONICAL = "_:c14n"
"""How the canonical name of a blank node begins; a number follows."""

Labels = Mapping[str, str]
Relabel = Callable[[Iterable[str], bytes], Labels]
"""Names blank nodes anew, from their canonical names and an HMAC key."""


def by_hmac(names: Iterable[str], key: bytes) -> Labels:
    """Name each blank node by the HMAC of its canonical name."""
    return {name: "_:u" + as_base64url(digest) for name, digest in _hmacs(names, key)}


def by_shuffling(names: Iterable[str], key: bytes) -> Labels:
    """Number the blank nodes in the order of the HMACs of their canonical names."""
    digests = {name: as_base64url(digest) for name, digest in _hmacs(names, key)}
    order = sorted(digests, key=digests.__getitem__)
    return {name: f"_:b{number}" for number, name in enumerate(order)}


def _hmacs(names: Iterable[str], key: bytes) -> Iterable[tuple[str, bytes]]:
    for name in names:
        yield name, hmac.digest(key, name.removeprefix("_:").encode(), "sha256")


def digest_of(lines: Iterable[str]) -> bytes:
    """Return SHA-256 over lines of N-Quads."""
    return hashlib.sha256("".join(lines).encode()).digest()


@dataclass(slots=True)
class _Namer:
    """Names the blank nodes of a document alike in the whole and in its parts."""

    names: dict[int, str] = field(default_factory=dict)
    origins: Mapping[int, object] = field(default_factory=dict)
    """Of the part that is being read."""

    def __call__(self, json: object) -> str:
        source = id(self.origins.get(id(json), json))
        return self.names.setdefault(source, f"_:n{len(self.names)}")


@dataclass(frozen=True, slots=True)
class Shown:
    """Part of a document, to be shown."""

    document: dict[str, Any]
    places: list[int]
    """Of its statements among those of the whole, in ascending order."""
    labels: dict[int, str]
    """The new name of each blank node, by the number of its canonical name in this
    part."""


@dataclass(frozen=True, slots=True)
class Statements:
    """All statements of a document, in the order of their lines with new names."""

    lines: list[str]
    _document: dict[str, Any]
    _vocabulary: Vocabulary
    _labels: Labels
    """The names that `_namer` gives, to the new ones."""
    _namer: _Namer

    @classmethod
    def of(
        cls,
        document: dict[str, Any],
        vocabulary: Vocabulary,
        relabel: Relabel,
        key: bytes,
    ) -> Self:
        """Read an unsecured document.

        Raises:
            LinkedDataError: its graph cannot be stated, would lose something, or costs
                too much.
        """
        namer = _Namer()
        quads = quads_of(document, vocabulary, namer)
        canonical = canonicalize(quads).labels
        new = relabel(canonical.values(), key)
        labels = {name: new[one] for name, one in canonical.items()}
        return cls(_lines(quads, labels), document, vocabulary, labels, namer)

    def places(self, pointers: Sequence[str]) -> set[int]:
        """Return where the statements of a part stand among all; none of no part.

        Raises:
            SecuringError: a pointer to nothing, or into an ordered list.
        """
        part = select(self._document, pointers)
        return self._places(self._read(part)) if part else set()

    def shown(self, pointers: Sequence[str]) -> Shown:
        """Return the part of the document that `pointers` name.

        Raises:
            SecuringError: a pointer to nothing, or into an ordered list; no pointer.
        """
        part = select(self._document, pointers)
        if part is None:
            raise SecuringError("nothing is selected that could be shown")
        quads = self._read(part)
        places = sorted(self._places(quads))
        labels = {
            _number(canonical): self._labels[name]
            for name, canonical in canonicalize(quads).labels.items()
        }
        return Shown(part.document, places, labels)

    def _read(self, part: Part) -> Sequence[Statement]:
        self._namer.origins = part.origins
        try:
            return quads_of(part.document, self._vocabulary, self._namer)
        finally:
            self._namer.origins = {}

    def _places(self, quads: Iterable[Statement]) -> set[int]:
        known = {text: place for place, text in enumerate(self.lines)}
        try:
            return {known[line(quad, self._labels)] for quad in quads}
        except KeyError:
            raise SecuringError(
                "a JSON Pointer to part of an ordered list, which is shown as a whole "
                "or not at all"
            ) from None


def relabelled(
    document: dict[str, Any], vocabulary: Vocabulary, labels: Mapping[int, str]
) -> list[str]:
    """Return the statements of a part as a verifier reads it, in order.

    `labels` are the names its issuer signed, by the numbers of the canonical names.

    Raises:
        LinkedDataError: its graph cannot be stated, would lose something, or costs too
            much.
        SecuringError: `labels` are not just those of its blank nodes.
    """
    quads = quads_of(document, vocabulary)
    canonical = canonicalize(quads).labels
    if len(labels) != len(canonical) or not labels.keys() <= set(range(len(canonical))):
        raise SecuringError(
            f"a label map of {len(labels)} names for {len(canonical)} blank nodes"
        )
    return _lines(
        quads, {name: labels[_number(one)] for name, one in canonical.items()}
    )


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be secured."""

    document: dict[str, Any]
    options: Mapping[str, Any]
    mandatory: list[str]
    vocabulary: Vocabulary
    hmac_key: bytes
    """Names the blank nodes."""

    @property
    def proof_hash(self) -> bytes:
        """The hash of the proof's options."""
        return proof_hash(self.options, self.document, self.vocabulary)

    def split(self, relabel: Relabel) -> tuple[list[str], list[str]]:
        """Return the statements that are mandatory, and the others."""
        all_ = Statements.of(self.document, self.vocabulary, relabel, self.hmac_key)
        return split_at(all_.lines, all_.places(self.mandatory))


def proof_hash(
    options: Mapping[str, Any], document: Mapping[str, Any], vocabulary: Vocabulary
) -> bytes:
    """Return the hash of the proof's options, in the words of the document."""
    stated = {**options, "@context": document.get("@context")}
    return digest_of(canonical_form(stated, vocabulary).lines)


def split_at(
    lines: list[str], mandatory: Collection[int]
) -> tuple[list[str], list[str]]:
    """Return the lines at the places of `mandatory`, and the others.

    Raises:
        SecuringError: a place after the last line.
    """
    places = set(mandatory)
    if places and max(places) >= len(lines):
        raise SecuringError(
            f"a mandatory statement at {max(places)}, where the document makes "
            f"{len(lines)}"
        )
    chosen = [text for place, text in enumerate(lines) if place in places]
    return chosen, [text for place, text in enumerate(lines) if place not in places]


def _lines(quads: Iterable[Statement], labels: Labels) -> list[str]:
    return sorted({line(quad, labels) for quad in quads})


def _number(canonical: str) -> int:
    return int(canonical[len(_CANONICAL) :])
