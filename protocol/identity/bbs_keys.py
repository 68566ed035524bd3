"""Keys of BBS signatures, which are over many messages at once.

Implements The BBS Signature Scheme (draft-irtf-cfrg-bbs-signatures), sections "Secret
Key" and "Public Key", for BLS12-381, and Multikey (Controlled Identifiers v1.0) for
both halves. What is done with them is in `protocol.securing.bbs`.
"""

import secrets
from dataclasses import dataclass
from typing import Self

from py_arkworks_bls12381 import G2Point, Scalar

from protocol.errors import MalformedValueError
from protocol.identity.multibase import as_base58btc, from_multibase

SCALAR = 32
"""Octets of a scalar, and so of a secret key."""

_ORDER = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_LAST = _ORDER - 1
_PUBLIC = b"\xeb\x01"
_PRIVATE = b"\x8a\x26"
"""Multicodec prefixes of `bls12_381-g2-pub` and `bls12_381-g2-priv`."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that tells whether messages were signed with its secret half."""

    raw: bytes
    """96 octets, a compressed point of G2."""

    @property
    def point(self) -> G2Point:
        """The point itself.

        Raises:
            MalformedValueError: no point of the subgroup, or the identity.
        """
        try:
            point = G2Point.from_compressed_bytes(self.raw)
        except ValueError as error:
            raise MalformedValueError("not a public key for BBS") from error
        if point == G2Point.identity() or point.to_compressed_bytes() != self.raw:
            raise MalformedValueError("not a public key for BBS")
        return point

    def multikey(self) -> str:
        """Return the `publicKeyMultibase` value, in base58btc."""
        return "z" + as_base58btc(_PUBLIC + self.raw)


@dataclass(frozen=True, slots=True, repr=False)
class SecretKey:
    """A key that signs messages."""

    raw: bytes
    """32 octets, a number from 1 to below the order of the group, big-endian."""

    @classmethod
    def generate(cls) -> Self:
        """Make a new key."""
        return cls((secrets.randbelow(_LAST) + 1).to_bytes(SCALAR))

    @classmethod
    def from_multikey(cls, text: str) -> Self:
        """Read a `secretKeyMultibase` value.

        Raises:
            MalformedValueError: not multibase, of another kind, or no secret key.
        """
        octets = from_multibase(text)
        if not octets.startswith(_PRIVATE):
            raise MalformedValueError("a private Multikey that is not of BLS12-381 G2")
        key = cls(octets[len(_PRIVATE) :])
        _ = key.scalar
        return key

    @property
    def public_key(self) -> PublicKey:
        """The public half."""
        return PublicKey((G2Point() * self.scalar).to_compressed_bytes())

    @property
    def scalar(self) -> Scalar:
        """The number itself.

        Raises:
            MalformedValueError: not 32 octets, 0, or the order of the group or more.
        """
        return read_scalar(self.raw)

    def multikey(self) -> str:
        """Return the `secretKeyMultibase` value, in base58btc."""
        return "z" + as_base58btc(_PRIVATE + self.raw)


def read_scalar(octets: bytes) -> Scalar:
    """Read a number from 1 to below the order of the group.

    Raises:
        MalformedValueError: not 32 octets, or out of range.
    """
    if len(octets) != SCALAR or not 0 < int.from_bytes(octets) < _ORDER:
        raise MalformedValueError(f"not a scalar of BBS, of {len(octets)} octets")
    return Scalar.from_be_bytes(octets)
