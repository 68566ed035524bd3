"""What stands in the `proofValue` of a proof for selective disclosure.

A base proof is for the holder, who derives from it the proofs that verifiers see. Three
octets say which of the two it is, and of which cryptosuite; the rest is CBOR, all in
base64url. Label maps are kept as they are written, by the numbers of the canonical
names (`c14n0` is 0).

Implements Data Integrity ECDSA Cryptosuites v1.0, section "ecdsa-sd-2023 Functions",
and Data Integrity BBS Cryptosuites v1.0, section "bbs-2023 Functions", without the
features of the latter that bind a proof to a holder or give it a pseudonym.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self, TypeVar

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.securing import cbor
from protocol.securing.bbs import MAXIMUM_MESSAGES

HMAC_KEY = 32
"""Octets of the key that blank nodes are named with."""

_ECDSA_SIGNATURE = 64
_MULTIKEY = 35
"""Octets of the Multikey of a P-256 key, not yet in base58btc."""
_LONGEST = 1 << 20
"""Characters of a `proofValue`."""
_Item = TypeVar("_Item")

_ECDSA_BASE, _ECDSA_DERIVED = b"\xd9\x5d\x00", b"\xd9\x5d\x01"
_BBS_BASE, _BBS_DERIVED = b"\xd9\x5d\x02", b"\xd9\x5d\x03"
_BASES, _DERIVED = {_ECDSA_BASE, _BBS_BASE}, {_ECDSA_DERIVED, _BBS_DERIVED}
_FEATURES: Mapping[bytes, str] = {
    b"\xd9\x5d\x04": "anonymous_holder_binding",
    b"\xd9\x5d\x05": "anonymous_holder_binding",
    b"\xd9\x5d\x06": "pseudonym",
    b"\xd9\x5d\x07": "pseudonym",
    b"\xd9\x5d\x08": "holder_binding_pseudonym",
    b"\xd9\x5d\x09": "holder_binding_pseudonym",
}
"""Features of bbs-2023 that are not implemented here, by the header of their proofs."""


class UnimplementedFeatureError(SecuringError):
    """A proof with an optional feature that this node does not implement."""

    def __init__(self, feature: str) -> None:
        super().__init__(f"a bbs-2023 proof with the feature {feature}")
        self.feature = feature


class EcdsaBase(NamedTuple):
    """The base proof of `ecdsa-sd-2023`."""

    signature: bytes
    public_key: bytes
    """Multikey of the key that signed the statements, of this proof only."""
    hmac_key: bytes
    signatures: list[bytes]
    mandatory_pointers: list[str]

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Read a `proofValue`.

        Raises:
            SecuringError: it is none, or of another kind.
        """
        match _components(text, _ECDSA_BASE):
            case [bytes(signature), bytes(key), bytes(hmac), list(more), pointers]:
                return cls(
                    _sized(signature, _ECDSA_SIGNATURE),
                    _sized(key, _MULTIKEY),
                    _sized(hmac, HMAC_KEY),
                    [_sized(one, _ECDSA_SIGNATURE) for one in _all(more, bytes)],
                    _all(pointers, str),
                )
        raise SecuringError("an ecdsa-sd-2023 base proof is five components")

    def text(self) -> str:
        """Return it as `proofValue`."""
        return _text(_ECDSA_BASE, list(self))


class EcdsaDerived(NamedTuple):
    """A derived proof of `ecdsa-sd-2023`."""

    signature: bytes
    public_key: bytes
    signatures: list[bytes]
    labels: dict[int, bytes]
    mandatory_indexes: list[int]

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Read a `proofValue`.

        Raises:
            SecuringError: it is none, or of another kind.
        """
        match _components(text, _ECDSA_DERIVED):
            case [bytes(signature), bytes(key), list(more), dict(labels), places]:
                return cls(
                    _sized(signature, _ECDSA_SIGNATURE),
                    _sized(key, _MULTIKEY),
                    [_sized(one, _ECDSA_SIGNATURE) for one in _all(more, bytes)],
                    {
                        number: _sized(label, HMAC_KEY)
                        for number, label in _labels(labels, bytes).items()
                    },
                    _indexes(places),
                )
        raise SecuringError("an ecdsa-sd-2023 derived proof is five components")

    def text(self) -> str:
        """Return it as `proofValue`."""
        return _text(_ECDSA_DERIVED, list(self))


class BbsBase(NamedTuple):
    """The base proof of `bbs-2023`."""

    signature: bytes
    header: bytes
    public_key: bytes
    hmac_key: bytes
    mandatory_pointers: list[str]

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Read a `proofValue`.

        Raises:
            SecuringError: it is none, or of another kind.
        """
        match _components(text, _BBS_BASE):
            case [bytes(signature), bytes(header), bytes(key), bytes(hmac), pointers]:
                return cls(
                    signature,
                    header,
                    key,
                    _sized(hmac, HMAC_KEY),
                    _all(pointers, str),
                )
        raise SecuringError("a bbs-2023 base proof is five components")

    def text(self) -> str:
        """Return it as `proofValue`."""
        return _text(_BBS_BASE, list(self))


class BbsDerived(NamedTuple):
    """A derived proof of `bbs-2023`."""

    proof: bytes
    labels: dict[int, int]
    mandatory_indexes: list[int]
    selective_indexes: list[int]
    presentation_header: bytes

    @classmethod
    def parse(cls, text: Any) -> Self:
        """Read a `proofValue`.

        Raises:
            SecuringError: it is none, or of another kind.
        """
        match _components(text, _BBS_DERIVED):
            case [bytes(proof), dict(labels), mandatory, selective, bytes(header)]:
                return cls(
                    proof,
                    _labels(labels, int),
                    _indexes(mandatory),
                    _indexes(selective),
                    header,
                )
        raise SecuringError("a bbs-2023 derived proof is five components")

    def text(self) -> str:
        """Return it as `proofValue`."""
        return _text(_BBS_DERIVED, list(self))


def _text(header: bytes, components: list[Any]) -> str:
    return "u" + as_base64url(header + cbor.encode(components))


def _components(text: Any, expected: bytes) -> Any:
    if not isinstance(text, str) or not text.startswith("u"):
        raise SecuringError("a proofValue that is not in base64url")
    if len(text) > _LONGEST:
        raise SecuringError(f"a proofValue of more than {_LONGEST} characters")
    try:
        octets = from_base64url(text[1:])
    except MalformedValueError as error:
        raise SecuringError(f"a proofValue that cannot be read: {error}") from error
    header = octets[: len(expected)]
    if header != expected:
        raise _other(header, expected)
    return cbor.decode(octets[len(expected) :])


def _other(header: bytes, expected: bytes) -> SecuringError:
    """Say what kind of proof was met instead of the expected one."""
    if header in _FEATURES:
        return UnimplementedFeatureError(_FEATURES[header])
    if expected in _DERIVED and header in _BASES:
        return SecuringError(
            "a base proof, which discloses all and is for the holder alone: a proof "
            "derived from it is what is shown"
        )
    if expected in _BASES and header in _DERIVED:
        return SecuringError("a derived proof, from which nothing can be derived")
    return SecuringError(
        f"a proofValue that begins with {header.hex()}, not {expected.hex()}"
    )


def _sized(octets: bytes, size: int) -> bytes:
    if len(octets) != size:
        raise SecuringError(f"{len(octets)} octets in a proofValue, not {size}")
    return octets


def _all(found: Any, kind: type[_Item]) -> list[_Item]:
    if not isinstance(found, list) or not all(type(one) is kind for one in found):
        raise SecuringError(f"not a list of {kind.__name__} in a proofValue")
    if len(found) > MAXIMUM_MESSAGES:
        raise SecuringError(f"more than {MAXIMUM_MESSAGES} of a kind in a proofValue")
    return found


def _indexes(found: Any) -> list[int]:
    """Read places, which are in ascending order so that none is named twice."""
    indexes = _all(found, int)
    if indexes != sorted(set(indexes)) or (indexes and indexes[0] < 0):
        raise SecuringError("places in a proofValue that are not in ascending order")
    return indexes


def _labels(found: dict[Any, Any], kind: type[_Item]) -> dict[int, _Item]:
    """Read a label map: two blank nodes of one name would be one."""
    if [*_all(list(found), int)] and min(found) < 0:
        raise SecuringError("a label map with a number below zero")
    labels = dict(zip(found, _all(list(found.values()), kind), strict=True))
    if len(set(labels.values())) != len(labels):
        raise SecuringError("a label map that gives two blank nodes one name")
    return labels
