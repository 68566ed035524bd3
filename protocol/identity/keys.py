"""Keys: what can sign bytes, what can verify a signature, what can be encrypted to.

Ed25519 (`EdDSA`), P-256 (`ES256`), P-384 (`ES384`) and P-521 (`ES512`) sign; X25519
agrees on a secret. A key of BLS12-381 (`BBS`) is known as a public key only: what is
signed with it is not octets but many messages (`protocol.securing.bbs`). Keys come and
go as JWK and as Multikey (Controlled Identifiers v1.0, section "Multikey"). The
algorithm is a property of the key and never read from a message: a signer who could
name the algorithm could pick the weakest.

A key in an HSM fits `SigningKey` as well as one in memory. Where keys are kept is for
the node; nothing here reads or writes a file.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils, x25519
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.errors import MalformedValueError
from protocol.identity.bbs_keys import PublicKey as BbsPublicKey
from protocol.identity.multibase import (
    as_base58btc,
    as_base64url,
    from_base64url,
    from_multibase,
)

Algorithm = Literal["EdDSA", "ES256", "ES384", "ES512", "BBS"]
ALGORITHMS: tuple[Algorithm, ...] = ("EdDSA", "ES256", "ES384", "ES512")
"""Of keys that sign octets."""
MESSAGE_ALGORITHMS: frozenset[Algorithm] = frozenset({"EdDSA", "ES256"})
"""Of the keys that nodes sign messages with (LRX 1.0, section "Keys")."""

_X25519 = b"\xec\x01"
_SCALAR = 32
"""Bytes of a coordinate and of a private key of Curve25519."""


class _Shape(NamedTuple):
    """How keys and signatures of one algorithm are written."""

    curve: str
    """As in `crv` of a JWK."""
    scalar: int
    """Bytes of a coordinate, of half a signature and of a private key."""
    public: bytes
    """Multicodec prefix of a public key, as an unsigned varint."""
    private: bytes
    """Multicodec prefix of a private key."""


_SHAPES: Mapping[Algorithm, _Shape] = {
    "EdDSA": _Shape("Ed25519", 32, b"\xed\x01", b"\x80\x26"),
    "ES256": _Shape("P-256", 32, b"\x80\x24", b"\x86\x26"),
    "ES384": _Shape("P-384", 48, b"\x81\x24", b"\x87\x26"),
    "ES512": _Shape("P-521", 66, b"\x82\x24", b"\x88\x26"),
    "BBS": _Shape("BLS12381G2", 32, b"\xeb\x01", b"\x8a\x26"),
}


class _Ecdsa(NamedTuple):
    """The curve and the hash of an algorithm that is ECDSA."""

    curve: ec.EllipticCurve
    digest: Callable[[bytes], Any]
    scheme: ec.ECDSA
    """It is given the digest: to hash here takes an eighth off a signature."""


_CURVES: Mapping[Algorithm, _Ecdsa] = {
    "ES256": _Ecdsa(
        ec.SECP256R1(), hashlib.sha256, ec.ECDSA(utils.Prehashed(SHA256()))
    ),
    "ES384": _Ecdsa(
        ec.SECP384R1(), hashlib.sha384, ec.ECDSA(utils.Prehashed(SHA384()))
    ),
    "ES512": _Ecdsa(
        ec.SECP521R1(), hashlib.sha512, ec.ECDSA(utils.Prehashed(SHA512()))
    ),
}
_BY_BITS: Mapping[int, Algorithm] = {256: "ES256", 384: "ES384", 521: "ES512"}

_BBS_POINT = 96
"""Bytes of a public key for BBS."""

_FIELD = 2**255 - 19
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7,
    }
)
"""The second coordinates of the Ed25519 points of order 1, 2, 4 and 8. Under such a
key a signature fits many messages, so it proves nothing about any of them."""

_PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | BbsPublicKey
_PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that tells whether a signature was made with its private half."""

    algorithm: Algorithm
    raw: bytes
    """32 bytes for Ed25519; a compressed point of 33, 49, 67 or (BBS) 96 bytes."""
    _key: _PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        try:
            key = _load(self.algorithm, self.raw)
        except ValueError as error:
            raise MalformedValueError(
                f"not a public key for {self.algorithm}"
            ) from error
        object.__setattr__(self, "_key", key)

    @classmethod
    def from_multikey(cls, text: str) -> Self:
        """Read a `publicKeyMultibase` value.

        Raises:
            MalformedValueError: not multibase, of another kind, or no point of the
                curve.
        """
        octets = from_multibase(text)
        for algorithm, shape in _SHAPES.items():
            if octets.startswith(shape.public):
                return cls(algorithm, octets[len(shape.public) :])
        raise MalformedValueError(f"a Multikey of none of {_names()}")

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """Read a public JWK; members that say nothing about the key are ignored.

        Raises:
            MalformedValueError: another kind of key, one marked for another use, or a
                private one.
        """
        if "d" in jwk:
            raise MalformedValueError("a private JWK where a public one is expected")
        operations = jwk.get("key_ops", ["verify"])
        if jwk.get("use", "sig") != "sig" or "verify" not in _listed(operations):
            raise MalformedValueError("a JWK that is not for signatures")
        match (jwk.get("kty"), jwk.get("crv"), jwk.get("alg")):
            case ("OKP", "Ed25519", None | "EdDSA" | "Ed25519"):
                return cls("EdDSA", _coordinate(jwk, "x", _SCALAR))
            case ("EC", "P-256", None | "ES256"):
                return cls._of_point("ES256", jwk)
            case ("EC", "P-384", None | "ES384"):
                return cls._of_point("ES384", jwk)
            case ("EC", "P-521", None | "ES512"):
                return cls._of_point("ES512", jwk)
            case ("OKP", "BLS12381G2", None):
                return cls("BBS", _coordinate(jwk, "x", _BBS_POINT))
        raise MalformedValueError(f"a JWK of none of {_names()}")

    @classmethod
    def _of_point(cls, algorithm: Algorithm, jwk: Mapping[str, Any]) -> Self:
        size = _SHAPES[algorithm].scalar
        x, y = _coordinate(jwk, "x", size), _coordinate(jwk, "y", size)
        key = cls(algorithm, bytes([2 + y[-1] % 2]) + x)
        if key.jwk()["y"] != jwk["y"]:
            raise MalformedValueError(f"a JWK whose point is not on {jwk['crv']}")
        return key

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Tell whether `signature` is over `data`.

        It has 64 bytes, or r and s of ECDSA in 64, 96 or 132. No octets are signed with
        a key for BBS.
        """
        size = _SHAPES[self.algorithm].scalar
        if isinstance(self._key, BbsPublicKey) or len(signature) != 2 * size:
            return False
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, data)
            else:
                r = int.from_bytes(signature[:size])
                s = int.from_bytes(signature[size:])
                der = utils.encode_dss_signature(r, s)
                ecdsa = _CURVES[self.algorithm]
                self._key.verify(der, ecdsa.digest(data).digest(), ecdsa.scheme)
        except InvalidSignature:
            return False
        return True

    def multikey(self) -> str:
        """Return the `publicKeyMultibase` value, in base58btc."""
        return "z" + as_base58btc(_SHAPES[self.algorithm].public + self.raw)

    def jwk(self) -> dict[str, str]:
        """Return the public JWK, with the members its thumbprint covers."""
        if isinstance(self._key, ed25519.Ed25519PublicKey | BbsPublicKey):
            curve = _SHAPES[self.algorithm].curve
            return {"kty": "OKP", "crv": curve, "x": as_base64url(self.raw)}
        numbers = self._key.public_numbers()
        shape = _SHAPES[self.algorithm]
        return {
            "kty": "EC",
            "crv": shape.curve,
            "x": as_base64url(numbers.x.to_bytes(shape.scalar)),
            "y": as_base64url(numbers.y.to_bytes(shape.scalar)),
        }

    def thumbprint(self) -> str:
        """Return the SHA-256 thumbprint of RFC 7638, in base64url."""
        return _thumbprint(self.jwk())


class SigningKey(Protocol):
    """Whatever can sign: a key in memory, in a token, behind a service."""

    @property
    def algorithm(self) -> Algorithm:
        """The one algorithm of this key."""
        ...

    @property
    def verification_key(self) -> VerificationKey:
        """The public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Sign `data`; 64 bytes, or r and s of ECDSA in 64, 96 or 132."""
        ...


@dataclass(frozen=True, slots=True)
class LocalSigningKey:
    """A private key held in memory."""

    algorithm: Algorithm
    verification_key: VerificationKey
    _key: _PrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, algorithm: Algorithm) -> Self:
        """Make a new key."""
        if algorithm == "EdDSA":
            return cls._of(ed25519.Ed25519PrivateKey.generate())
        return cls._of(ec.generate_private_key(_CURVES[algorithm].curve))

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """Read a private JWK.

        Raises:
            MalformedValueError: another kind of key, no private part, or halves that
                do not belong together.
        """
        if "sign" not in _listed(jwk.get("key_ops", ["sign"])):
            raise MalformedValueError("a JWK that is not for signing")
        ours = ("d", "key_ops")
        public = {name: value for name, value in jwk.items() if name not in ours}
        expected = VerificationKey.from_jwk(public)
        secret = _coordinate(jwk, "d", _SHAPES[expected.algorithm].scalar)
        key = cls._of_secret(expected.algorithm, secret)
        if key.verification_key != expected:
            raise MalformedValueError("a JWK whose halves do not belong together")
        return key

    @classmethod
    def from_multikey(cls, text: str) -> Self:
        """Read a `secretKeyMultibase` value.

        Raises:
            MalformedValueError: not multibase, of another kind, or no private key.
        """
        octets = from_multibase(text)
        for algorithm in ALGORITHMS:
            shape = _SHAPES[algorithm]
            if octets.startswith(shape.private):
                secret = octets[len(shape.private) :]
                if len(secret) == shape.scalar:
                    return cls._of_secret(algorithm, secret)
        raise MalformedValueError(f"a private Multikey of none of {_names()}")

    @classmethod
    def _of_secret(cls, algorithm: Algorithm, secret: bytes) -> Self:
        try:
            return cls._of(_load_private(algorithm, secret))
        except ValueError as error:
            raise MalformedValueError("a private part that is no key") from error

    @classmethod
    def _of(cls, key: _PrivateKey) -> Self:
        if isinstance(key, ed25519.Ed25519PrivateKey):
            public = VerificationKey("EdDSA", key.public_key().public_bytes_raw())
        else:
            point = key.public_key().public_bytes(
                Encoding.X962, PublicFormat.CompressedPoint
            )
            public = VerificationKey(_BY_BITS[key.key_size], point)
        return cls(public.algorithm, public, key)

    def sign(self, data: bytes) -> bytes:
        """Sign `data`; 64 bytes, or r and s of ECDSA in 64, 96 or 132."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(data)
        ecdsa = _CURVES[self.algorithm]
        der = self._key.sign(ecdsa.digest(data).digest(), ecdsa.scheme)
        r, s = utils.decode_dss_signature(der)
        size = _SHAPES[self.algorithm].scalar
        return r.to_bytes(size) + s.to_bytes(size)

    def private_jwk(self) -> dict[str, str]:
        """Return the JWK with its private part."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            secret = self._key.private_bytes_raw()
        else:
            size = _SHAPES[self.algorithm].scalar
            secret = self._key.private_numbers().private_value.to_bytes(size)
        return self.verification_key.jwk() | {"d": as_base64url(secret)}


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """An X25519 public key: what is encrypted to it, its owner alone can read."""

    raw: bytes
    """32 bytes."""

    def __post_init__(self) -> None:
        if len(self.raw) != _SCALAR:
            raise MalformedValueError("not a public key for X25519")

    @classmethod
    def from_multikey(cls, text: str) -> Self:
        """Read a `publicKeyMultibase` value.

        Raises:
            MalformedValueError: not multibase, or not X25519.
        """
        octets = from_multibase(text)
        if not octets.startswith(_X25519):
            raise MalformedValueError("a Multikey that is not X25519")
        return cls(octets[len(_X25519) :])

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """Read a public JWK; members that say nothing about the key are ignored.

        Raises:
            MalformedValueError: another kind of key, one marked for another use, or a
                private one.
        """
        if "d" in jwk:
            raise MalformedValueError("a private JWK where a public one is expected")
        if jwk.get("use", "enc") != "enc":
            raise MalformedValueError("a JWK that is not for encryption")
        if (jwk.get("kty"), jwk.get("crv")) != ("OKP", "X25519"):
            raise MalformedValueError("a JWK that is not X25519")
        return cls(_coordinate(jwk, "x", _SCALAR))

    def multikey(self) -> str:
        """Return the `publicKeyMultibase` value, in base58btc."""
        return "z" + as_base58btc(_X25519 + self.raw)

    def jwk(self) -> dict[str, str]:
        """Return the public JWK."""
        return {"kty": "OKP", "crv": "X25519", "x": as_base64url(self.raw)}

    def thumbprint(self) -> str:
        """Return the SHA-256 thumbprint of RFC 7638, in base64url."""
        return _thumbprint(self.jwk())


@dataclass(frozen=True, slots=True)
class DecryptionKey:
    """An X25519 private key held in memory."""

    encryption_key: EncryptionKey
    _key: x25519.X25519PrivateKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> Self:
        """Make a new key."""
        return cls._of(x25519.X25519PrivateKey.generate())

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """Read a private JWK.

        Raises:
            MalformedValueError: another kind of key, no private part, or halves that
                do not belong together.
        """
        public = {name: value for name, value in jwk.items() if name != "d"}
        expected = EncryptionKey.from_jwk(public)
        secret = _coordinate(jwk, "d", _SCALAR)
        key = cls._of(x25519.X25519PrivateKey.from_private_bytes(secret))
        if key.encryption_key != expected:
            raise MalformedValueError("a JWK whose halves do not belong together")
        return key

    @classmethod
    def _of(cls, key: x25519.X25519PrivateKey) -> Self:
        return cls(EncryptionKey(key.public_key().public_bytes_raw()), key)

    def agree(self, other: EncryptionKey) -> bytes:
        """Return the 32 bytes that only the owners of the two keys can compute.

        Raises:
            MalformedValueError: `other` is a point of small order, with which the
                secret would be the same for everyone.
        """
        public = x25519.X25519PublicKey.from_public_bytes(other.raw)
        try:
            return self._key.exchange(public)
        except ValueError as error:
            raise MalformedValueError("an X25519 key of small order") from error

    def private_jwk(self) -> dict[str, str]:
        """Return the JWK with its private part."""
        secret = as_base64url(self._key.private_bytes_raw())
        return self.encryption_key.jwk() | {"d": secret}


def _load(algorithm: Algorithm, raw: bytes) -> _PublicKey:
    if algorithm in _CURVES:
        if len(raw) != 1 + _SHAPES[algorithm].scalar:
            raise ValueError("a compressed point is expected")
        curve = _CURVES[algorithm].curve
        return ec.EllipticCurvePublicKey.from_encoded_point(curve, raw)
    if algorithm == "BBS":
        key = BbsPublicKey(raw)
        _ = key.point
        return key
    second = int.from_bytes(raw, "little") & (2**255 - 1)
    if second >= _FIELD or second in _SMALL_ORDER:
        raise ValueError("a point of small order, or one with two spellings")
    return ed25519.Ed25519PublicKey.from_public_bytes(raw)


def _load_private(algorithm: Algorithm, secret: bytes) -> _PrivateKey:
    if algorithm in _CURVES:
        return ec.derive_private_key(int.from_bytes(secret), _CURVES[algorithm].curve)
    return ed25519.Ed25519PrivateKey.from_private_bytes(secret)


def _coordinate(jwk: Mapping[str, Any], name: str, size: int) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise MalformedValueError(f"a JWK without the member {name}")
    octets = from_base64url(value)
    if len(octets) != size:
        raise MalformedValueError(f"a JWK whose member {name} is not {size} bytes")
    return octets


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names() -> str:
    return ", ".join(shape.curve for shape in _SHAPES.values())


def _thumbprint(jwk: Mapping[str, str]) -> str:
    text = json.dumps(jwk, sort_keys=True, separators=(",", ":"))
    return as_base64url(hashlib.sha256(text.encode()).digest())
