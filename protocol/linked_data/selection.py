"""Part of a document, as JSON Pointers name it.

A part has the `id` and `type` of every object on the way to what was named, because a
statement about a thing needs to say which thing; whatever is named is there with all
that is in it. Arrays keep their order and close up.

Implements Data Integrity ECDSA Cryptosuites v1.0, section "selectJsonLd" with those it
calls, and RFC 6901. Objects that are in the part as a whole are those of the document
itself, not copies.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.errors import SecuringError

MAXIMUM_POINTERS = 1000
"""Pointers into one document."""

_POINTER = re.compile(r"(/([^~/]|~[01])*)*", re.DOTALL)
_PLACE = re.compile(r"0|[1-9]\d{0,5}", re.ASCII)
_ON_THE_WAY = ("id", "type", "@id", "@type")


@dataclass(slots=True)
class _Wanted:
    """What is wanted of a value: all of it, or some of what is in it."""

    whole: bool = False
    inner: dict[str, "_Wanted"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a document, and where each of its objects comes from."""

    document: dict[str, Any]
    origins: Mapping[int, object]
    """The object of the whole document, by the identity of the one that stands for it
    here; those that are the same object are not listed."""


def select(document: dict[str, Any], pointers: Sequence[str]) -> Part | None:
    """Return the part of `document` that `pointers` name; None if there are none.

    Raises:
        SecuringError: one that is no JSON Pointer or points to nothing, or more than
            `MAXIMUM_POINTERS`.
    """
    if len(pointers) > MAXIMUM_POINTERS:
        raise SecuringError(f"more than {MAXIMUM_POINTERS} JSON Pointers")
    if not pointers:
        return None
    wanted = _Wanted()
    for pointer in pointers:
        at = wanted
        for token in _tokens(pointer):
            at = at.inner.setdefault(token, _Wanted())
        at.whole = True
    origins: dict[int, object] = {}
    part = _part(document, wanted, origins, "")
    if part is not document and "@context" in document:
        part["@context"] = document["@context"]
    return Part(part, origins)


def _tokens(pointer: object) -> list[str]:
    if not isinstance(pointer, str) or not _POINTER.fullmatch(pointer):
        raise SecuringError(f"{pointer!r} is not a JSON Pointer")
    return [
        token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]
    ]


def _part(source: Any, wanted: _Wanted, origins: dict[int, object], where: str) -> Any:
    if wanted.whole:
        if wanted.inner:
            # Named twice: what is in it is there already, if it is there at all.
            _part(source, _Wanted(inner=wanted.inner), {}, where)
        return source
    part: dict[str, Any] | list[Any]
    if isinstance(source, dict):
        part = {name: source[name] for name in _ON_THE_WAY if _is_told(source, name)}
        for token, inner in wanted.inner.items():
            there = f"{where}/{token}"
            if token not in source:
                raise SecuringError(f"the JSON Pointer {there} points to nothing")
            selected = _part(source[token], inner, origins, there)
            # What is told on the way is told as a whole.
            part.setdefault(token, selected)
        origins[id(part)] = source
        return part
    if isinstance(source, list):
        places = sorted(_place(token, source, where) for token in wanted.inner)
        return [
            _part(source[place], wanted.inner[str(place)], origins, f"{where}/{place}")
            for place in places
        ]
    raise SecuringError(
        f"a JSON Pointer goes on after {where}, where nothing is inside"
    )


def _is_told(source: Mapping[str, Any], name: str) -> bool:
    """Tell whether a member says which thing, or what kind of thing, this is.

    The name of a blank node says neither.
    """
    value = source.get(name)
    if name in ("id", "@id"):
        return isinstance(value, str) and not value.startswith("_:")
    return value is not None


def _place(token: str, source: list[Any], where: str) -> int:
    if not _PLACE.fullmatch(token) or int(token) >= len(source):
        raise SecuringError(f"the JSON Pointer {where}/{token} points to nothing")
    return int(token)
