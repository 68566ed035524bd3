"""Where a credential says that its status can be found, in each form it may say so.

A credential names a list and its place in it. `BitstringStatusListEntry` (Bitstring
Status List v1.0, section "BitstringStatusListEntry") and the older
`StatusList2021Entry` stand in `credentialStatus`; `status_list` (Token Status List,
section "Referenced Token in JOSE") stands in the claim `status`;
`1EdTechRevocationList` (Open Badges 3.0) names a list of ids and no place. What an
entry means is not told here: see `revocation`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

Kind = Literal["bitstring", "status-list-2021", "token", "1edtech"]

BITSTRING: Final = "BitstringStatusListEntry"
STATUS_LIST_2021: Final = "StatusList2021Entry"
REVOCATION_LIST: Final = "1EdTechRevocationList"
TOKEN: Final = "status_list"  # noqa: S105 - the name of a claim
LARGEST_SIZE = 8
"""Bits of one entry that are read: there must be a message for each of its values."""

_KINDS: Mapping[str, Kind] = {
    BITSTRING: "bitstring",
    STATUS_LIST_2021: "status-list-2021",
    REVOCATION_LIST: "1edtech",
}
_INDEX = re.compile(r"\d{1,10}", re.ASCII)
_VALUE = re.compile(r"0x[0-9a-fA-F]{1,8}", re.ASCII)
_LARGEST_INDEX = 10**10


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """A credential's place in a status list."""

    list_url: str
    index: int
    """Counted in entries, not in bits; 0 where the list is one of ids."""
    purpose: str
    """As stated; empty where the list itself says what a value means."""
    kind: Kind = "bitstring"
    size: int = 1
    """Bits of an entry."""
    messages: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the issuer says a value means, by value."""

    def as_evidence(self) -> dict[str, Any]:
        """Return what is to be kept of it beside a finding."""
        named: dict[str, Any] = {"list": self.list_url}
        if self.kind != "1edtech":
            named["index"] = self.index
        if self.purpose:
            named["purpose"] = self.purpose
        return named


class UnknownStatusError(Exception):
    """A status of a kind this node cannot read; the message names it."""


def parts_of(stated: Any) -> Iterator[Any]:
    """Yield each entry on its own: a `status` claim holds one for each mechanism."""
    if not isinstance(stated, Mapping) or "type" in stated or not stated:
        yield stated
        return
    for name, value in stated.items():
        yield {name: value}


def read(stated: Any) -> StatusEntry | str:
    """Read one entry, or say what is wrong with it.

    Raises:
        UnknownStatusError: it may be good, but is of a kind this node does not know.
    """
    if not isinstance(stated, Mapping):
        return "a status that is not an object"
    if "type" not in stated and TOKEN in stated:
        return _token(stated[TOKEN])
    types = stated.get("type")
    listed = types if isinstance(types, list) else [types]
    kinds = [_KINDS[one] for one in listed if isinstance(one, str) and one in _KINDS]
    if len(kinds) != 1:
        named = types or ", ".join(map(str, stated))
        raise UnknownStatusError(f"a status of the type {named}")
    if kinds[0] == "1edtech":
        url = stated.get("id")
        if not isinstance(url, str) or not url:
            return "a revocation list without an id, which is its URL"
        return StatusEntry(url, 0, "revocation", kinds[0])
    return _place(stated, kinds[0])


def _place(stated: Mapping[str, Any], kind: Kind) -> StatusEntry | str:
    url, index = stated.get("statusListCredential"), stated.get("statusListIndex")
    purpose = stated.get("statusPurpose")
    if not isinstance(url, str) or not isinstance(purpose, str):
        return "a status entry without a list or a purpose"
    if not isinstance(index, str) or not _INDEX.fullmatch(index):
        return "a status entry whose statusListIndex is not a number in a text"
    size = stated.get("statusSize", 1) if kind == "bitstring" else 1
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        return "a status entry whose statusSize is not a number of bits"
    if size > LARGEST_SIZE:
        raise UnknownStatusError(f"a status of {size} bits, more than {LARGEST_SIZE}")
    messages = _messages(stated.get("statusMessage"))
    needed = size > 1 or purpose == "message"
    if needed and messages.keys() != set(range(2**size)):
        return f"a status entry without a statusMessage for each of {2**size} values"
    return StatusEntry(url, int(index), purpose, kind, size, messages)


def _token(stated: Any) -> StatusEntry | str:
    if not isinstance(stated, Mapping):
        return "a status_list that is not an object"
    url, index = stated.get("uri"), stated.get("idx")
    if not isinstance(url, str) or not url:
        return "a status_list without a uri"
    if not isinstance(index, int) or isinstance(index, bool):
        return "a status_list whose idx is not a number"
    if not 0 <= index < _LARGEST_INDEX:
        return "a status_list whose idx is outside any list"
    return StatusEntry(url, index, "", "token")


def _messages(stated: Any) -> dict[int, str]:
    """Return the messages by value; what is not one is left out."""
    found: dict[int, str] = {}
    for one in stated if isinstance(stated, list) else []:
        match one:
            case {"status": str(value), "message": str(text)} if _VALUE.fullmatch(
                value
            ):
                found[int(value, 16)] = text
    return found
