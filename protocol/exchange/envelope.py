"""Who stated a message, and who can read it: a JWS inside a JWE.

The sender signs once and keeps the JWS as evidence; each attempt to send encrypts it
anew, with a fresh ephemeral key to the receiver's current key. Both layers have one
form: which header members there are, which algorithms, which alphabet. What is not in
the list is refused, because every option of JOSE that was ever taken from the message
(`jwk`, `jku`, `crit`, `zip`, `alg`) has been an attack somewhere. The algorithm of a
signature follows from the key; the header may only agree.

Implements LRX 1.0, section "Message envelope", with RFC 7515 (flattened JSON
serialization), RFC 7516 (general JSON serialization, one recipient) and RFC 7518,
section "Key Agreement with Elliptic Curve Diffie-Hellman Ephemeral Static", directly
on `cryptography`: half of what a general JOSE library costs. Whether `kid` is a key of
the sender, in the right relationship and at the right time, is for the caller.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from protocol.errors import CryptoError, MalformedValueError, ProtocolError, SizeError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import (
    Algorithm,
    DecryptionKey,
    EncryptionKey,
    SigningKey,
    VerificationKey,
)
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.linked_data.jcs import parse_strict

SIGNED: Final = "application/didcomm-signed+json"
ENCRYPTED: Final = "application/didcomm-encrypted+json"
"""Media types; also `typ` of the two headers."""

MAXIMUM_BYTES: Final = 256 * 1024
"""The largest JWE; on `/introduce` `MAXIMUM_INTRODUCTION_BYTES`."""
MAXIMUM_INTRODUCTION_BYTES: Final = 16 * 1024

_ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    "EdDSA": "EdDSA",
    "Ed25519": "EdDSA",
    "ES256": "ES256",
}
"""What a JWS header may say; `Ed25519` is the name RFC 9864 gave to EdDSA."""

_KEY_BYTES = 32
_WRAPPED_BYTES = _KEY_BYTES + 8
_IV_BYTES = 12
_TAG_BYTES = 16
_AGREEMENT = "ECDH-ES+A256KW"
_CIPHER = "A256GCM"


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A JWS whose form is right; its signature is not verified yet."""

    kid: DidUrl
    payload: bytes
    signing_input: bytes
    signature: bytes
    algorithm: Algorithm

    def verify(self, key: VerificationKey) -> None:
        """Verify the signature.

        Raises:
            CryptoError: `key` is of another algorithm than the header says, or did not
                make this signature.
        """
        if key.algorithm != self.algorithm:
            raise CryptoError("alg is not the algorithm of the key")
        if not key.verify(self.signature, self.signing_input):
            raise CryptoError("the message signature does not verify")


def message_digest(payload: bytes) -> str:
    """Return what identifies a message: the digest of its JWS payload."""
    return "sha-256:" + as_base64url(hashlib.sha256(payload).digest())


def sign(payload: bytes, *, key: SigningKey, kid: DidUrl) -> bytes:
    """Return `payload` as a flattened JWS."""
    protected = as_base64url(
        _compact({"typ": SIGNED, "alg": key.algorithm, "kid": str(kid)})
    )
    encoded = as_base64url(payload)
    signature = key.sign(f"{protected}.{encoded}".encode("ascii"))
    return _compact(
        {
            "payload": encoded,
            "protected": protected,
            "signature": as_base64url(signature),
        }
    )


def read(jws: bytes) -> SignedMessage:
    """Read a flattened JWS.

    Raises:
        CryptoError: not a JWS, another header member, algorithm or media type, or a
            `kid` that is not a DID URL. A plaintext message is none of ours either.
    """
    try:
        outer = parse_strict(jws)
        protected, encoded, signature = _texts(
            outer, "protected", "payload", "signature"
        )
        header = parse_strict(from_base64url(protected))
        typ, algorithm, kid = _texts(header, "typ", "alg", "kid")
        if typ != SIGNED or algorithm not in _ALGORITHMS:
            raise CryptoError("another typ or alg than a message has")
        return SignedMessage(
            kid=DidUrl.parse(kid),
            payload=from_base64url(encoded),
            signing_input=f"{protected}.{encoded}".encode("ascii"),
            signature=from_base64url(signature),
            algorithm=_ALGORITHMS[algorithm],
        )
    except ProtocolError as error:
        raise CryptoError("not a signed message") from error


def encrypt(jws: bytes, *, to: EncryptionKey, kid: DidUrl) -> bytes:
    """Return `jws` as a JWE that the owner of `kid` can read.

    Raises:
        CryptoError: `to` is no key anything can be encrypted to.
        SizeError: larger than any receiver takes.
    """
    ephemeral = DecryptionKey.generate()
    apv = hashlib.sha256(kid.encode()).digest()
    content_key = secrets.token_bytes(_KEY_BYTES)
    iv = secrets.token_bytes(_IV_BYTES)
    protected = as_base64url(
        _compact(
            {
                "typ": ENCRYPTED,
                "alg": _AGREEMENT,
                "enc": _CIPHER,
                "apv": as_base64url(apv),
                "epk": ephemeral.encryption_key.jwk(),
            }
        )
    )
    wrapped = aes_key_wrap(_wrapping_key(ephemeral, to, apv), content_key)
    sealed = AESGCM(content_key).encrypt(iv, jws, protected.encode("ascii"))
    jwe = _compact(
        {
            "ciphertext": as_base64url(sealed[:-_TAG_BYTES]),
            "iv": as_base64url(iv),
            "protected": protected,
            "recipients": [
                {"encrypted_key": as_base64url(wrapped), "header": {"kid": str(kid)}}
            ],
            "tag": as_base64url(sealed[-_TAG_BYTES:]),
        }
    )
    if len(jwe) > MAXIMUM_BYTES:
        raise SizeError(f"a message of {len(jwe)} bytes, at most {MAXIMUM_BYTES}")
    return jwe


def recipient_kid(jwe: bytes) -> str:
    """Return the `kid` of the one recipient.

    Raises:
        CryptoError: not a JWE with one recipient and no more than its `kid` outside the
            protected header.
        MalformedValueError: not JSON, or a member twice.
        SizeError: larger than `MAXIMUM_BYTES`.
    """
    return _open(jwe).kid


def decrypt(jwe: bytes, keys: Mapping[str, DecryptionKey]) -> bytes:
    """Return the JWS inside, read with the key that `keys` has for its `kid`.

    Raises:
        CryptoError: another form, algorithm or header member, no such key, or altered.
        MalformedValueError: not JSON, or a member twice.
        SizeError: larger than `MAXIMUM_BYTES`.
    """
    opened = _open(jwe)
    key = keys.get(opened.kid)
    if key is None:
        raise CryptoError("encrypted to a key this node does not have")
    wrapping_key = _wrapping_key(key, opened.ephemeral, opened.apv)
    try:
        content_key = aes_key_unwrap(wrapping_key, opened.wrapped)
        return AESGCM(content_key).decrypt(
            opened.iv, opened.sealed, opened.protected.encode("ascii")
        )
    except (InvalidUnwrap, InvalidTag) as error:
        raise CryptoError("not encrypted to this key, or altered") from error


@dataclass(frozen=True, slots=True)
class _Sealed:
    """The parts of a JWE, decoded."""

    kid: str
    protected: str
    apv: bytes
    ephemeral: EncryptionKey
    wrapped: bytes
    iv: bytes
    sealed: bytes


def _open(jwe: bytes) -> _Sealed:
    if len(jwe) > MAXIMUM_BYTES:
        raise SizeError(f"a message of more than {MAXIMUM_BYTES} bytes")
    outer = parse_strict(jwe)
    _exactly(outer, "ciphertext", "iv", "protected", "recipients", "tag")
    recipients = outer.pop("recipients")
    if not isinstance(recipients, list) or len(recipients) != 1:
        raise CryptoError("not exactly one recipient")
    _exactly(recipients[0], "encrypted_key", "header")
    (kid,) = _texts(recipients[0].pop("header"), "kid")
    (wrapped,) = _texts(recipients[0], "encrypted_key")
    ciphertext, iv, protected, tag = _texts(
        outer, "ciphertext", "iv", "protected", "tag"
    )
    try:
        apv, ephemeral = _header(protected, kid)
        return _Sealed(
            kid=kid,
            protected=protected,
            apv=apv,
            ephemeral=ephemeral,
            wrapped=_sized(wrapped, _WRAPPED_BYTES),
            iv=_sized(iv, _IV_BYTES),
            sealed=from_base64url(ciphertext) + _sized(tag, _TAG_BYTES),
        )
    except MalformedValueError as error:
        raise CryptoError("a JWE with unreadable parts") from error


def _header(protected: str, kid: str) -> tuple[bytes, EncryptionKey]:
    """Return `apv` and the ephemeral key of a protected header that fits the profile.

    `apv` ties the header to the recipient: without it the outer `kid`, which nothing
    protects, could be exchanged.
    """
    header = parse_strict(from_base64url(protected))
    _exactly(header, "typ", "alg", "enc", "apv", "epk")
    fixed = (header["typ"], header["alg"], header["enc"])
    if fixed != (ENCRYPTED, _AGREEMENT, _CIPHER):
        raise CryptoError("another typ, alg or enc than a message has")
    apv = hashlib.sha256(kid.encode("utf-8", "surrogatepass")).digest()
    if header["apv"] != as_base64url(apv):
        raise CryptoError("apv is not the digest of kid")
    _exactly(header["epk"], "kty", "crv", "x")
    return apv, EncryptionKey.from_jwk(header["epk"])


def _wrapping_key(own: DecryptionKey, other: EncryptionKey, apv: bytes) -> bytes:
    """Derive the key that wraps the content key (Concat KDF of RFC 7518)."""
    try:
        secret = own.agree(other)
    except MalformedValueError as error:
        raise CryptoError("a key of small order") from error
    parts = (_AGREEMENT.encode("ascii"), b"", apv)
    info = b"".join(len(part).to_bytes(4) + part for part in parts)
    info += (8 * _KEY_BYTES).to_bytes(4)
    return ConcatKDFHash(SHA256(), _KEY_BYTES, info).derive(secret)


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _exactly(value: Any, *names: str) -> None:
    if not isinstance(value, dict) or value.keys() != set(names):
        raise CryptoError(f"not an object of exactly {', '.join(names)}")


def _texts(value: Any, *names: str) -> list[str]:
    """Return the members `names` of an object that has no others, all texts."""
    _exactly(value, *names)
    texts = [value[name] for name in names]
    if not all(isinstance(text, str) for text in texts):
        raise CryptoError(f"{', '.join(names)} are not texts")
    return texts


def _sized(text: str, size: int) -> bytes:
    octets = from_base64url(text)
    if len(octets) != size:
        raise MalformedValueError(f"{len(octets)} bytes instead of {size}")
    return octets
