"""The parameters of a `did:webvh` log: who may add the next entry, and how.

Each entry states what it changes and inherits the rest. Implements the did:webvh DID
Method v1.0, section "did:webvh DID Method Parameters", with the checks of "Pre-Rotation
Key Hash Generation and Verification" and "The witness Parameter". Whether an entry is
signed by one of the keys is for `protocol.exchange.did_log`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from protocol.errors import DidError, MalformedValueError
from protocol.identity.dids import MAXIMUM_KEYS, Did
from protocol.identity.keys import VerificationKey
from protocol.identity.multibase import as_base58btc
from protocol.identity.places import SHA2_256, is_scid

METHOD = "did:webvh:1.0"
DEFAULT_TTL = 3600
"""Seconds a resolver may keep what it resolved."""

_LARGEST_TTL = 2**31
_LONGEST = 1024
"""Characters of a key, a hash or a watcher's URL."""


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who must approve an entry: `threshold` of the `did:key`s in `ids`."""

    threshold: int
    ids: frozenset[Did]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What holds after an entry."""

    scid: str
    update_keys: tuple[str, ...]
    next_key_hashes: tuple[str, ...] = ()
    """Not empty: the next entry must bring keys with these hashes (pre-rotation)."""
    witnesses: Witnesses | None = None
    watchers: tuple[str, ...] = ()
    portable: bool = False
    deactivated: bool = False
    ttl: int = DEFAULT_TTL

    @classmethod
    def first(cls, stated: Any) -> Self:
        """Read the parameters of the first entry.

        Raises:
            DidError: one is missing, unknown or malformed.
        """
        read = _read(stated)
        if not {"method", "scid", "updateKeys"} <= read.keys():
            raise DidError("a first entry without method, scid or updateKeys")
        return replace(cls(read["scid"], read["updateKeys"]), **_renamed(read))

    def followed_by(self, stated: Any) -> Self:
        """Read the parameters of the entry after this one.

        Raises:
            DidError: one is unknown, malformed or not allowed here, or the keys are
                not those that were announced.
        """
        read = _read(stated)
        if "scid" in read or read.get("portable"):
            raise DidError("scid and portable are set by the first entry only")
        if self.deactivated:
            raise DidError("an entry after the DID was deactivated")
        if self.next_key_hashes:
            if not {"updateKeys", "nextKeyHashes"} <= read.keys():
                raise DidError("keys were announced: updateKeys, nextKeyHashes missing")
            # Every key, not only the new ones: one that was used before may be known
            # to a thief by now.
            if not {multihash(k.encode()) for k in read["updateKeys"]} <= {
                *self.next_key_hashes
            }:
                raise DidError("an update key that the entry before did not announce")
        return replace(self, **_renamed(read))


def multihash(octets: bytes) -> str:
    """Return the SHA-256 multihash of `octets` in base58btc."""
    return as_base58btc(SHA2_256 + hashlib.sha256(octets).digest())


def _read(stated: Any) -> dict[str, Any]:
    if not isinstance(stated, dict) or not stated.keys() <= _READERS.keys():
        raise DidError("parameters outside those of did:webvh 1.0")
    return {name: _READERS[name](value) for name, value in stated.items()}


def _renamed(read: Mapping[str, Any]) -> dict[str, Any]:
    return {_FIELDS[name]: value for name, value in read.items() if name in _FIELDS}


def _texts(value: Any) -> tuple[str, ...]:
    # The specification asks to read the null of early implementations as empty.
    texts = [] if value is None else value
    if (
        not isinstance(texts, list)
        or len(texts) > MAXIMUM_KEYS
        or not all(isinstance(t, str) and 0 < len(t) <= _LONGEST for t in texts)
        or len(set(texts)) != len(texts)
    ):
        raise DidError(f"not a list of up to {MAXIMUM_KEYS} different strings")
    return tuple(texts)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise DidError("portable and deactivated are true or false")
    return value


def _method(value: Any) -> str:
    if value != METHOD:
        raise DidError(f"a log of another method than {METHOD}")
    return METHOD


def _scid(value: Any) -> str:
    if not isinstance(value, str) or not is_scid(value):
        raise DidError("scid is not a SHA-256 multihash in base58btc")
    return value


def _ttl(value: Any) -> int:
    if value is None:
        return DEFAULT_TTL
    if type(value) is not int or not 0 <= value <= _LARGEST_TTL:
        raise DidError("ttl is not a number of seconds")
    return value


def _witnesses(value: Any) -> Witnesses | None:
    if value is None or value == {}:
        return None
    match value:
        case {"threshold": int(threshold), "witnesses": list(listed), **rest} if (
            not rest and type(threshold) is int
        ):
            ids = frozenset(_witness(item) for item in listed[:MAXIMUM_KEYS])
            if len(ids) == len(listed) and 1 <= threshold <= len(ids):
                return Witnesses(threshold, ids)
    raise DidError("witness is not a threshold and as many different witnesses")


def _witness(value: Any) -> Did:
    match value:
        case {"id": str(text), **rest} if not rest and text.startswith("did:key:"):
            try:
                key = VerificationKey.from_multikey(text.removeprefix("did:key:"))
            except MalformedValueError as error:
                raise DidError("a witness whose did:key is none") from error
            if key.algorithm == "EdDSA":
                return Did(text)
    raise DidError("a witness that is not the did:key of an Ed25519 key")


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "method": _method,
    "scid": _scid,
    "updateKeys": _texts,
    "nextKeyHashes": _texts,
    "witness": _witnesses,
    "watchers": _texts,
    "portable": _flag,
    "deactivated": _flag,
    "ttl": _ttl,
}
_FIELDS = {
    "updateKeys": "update_keys",
    "nextKeyHashes": "next_key_hashes",
    "witness": "witnesses",
    "watchers": "watchers",
    "portable": "portable",
    "deactivated": "deactivated",
    "ttl": "ttl",
}
