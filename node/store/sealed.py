"""Encryption of what the store keeps: one key per learner, further keys of the node.

Every learner has an AES-256 key of their own, which is stored wrapped; without it what
was sealed with it is noise, and deleting it is how a learner is erased. What belongs to
no one learner is sealed with keys derived from the node's master key. A sealed value is
bound to its place: opened in another column or row it is refused.

AES-256-GCM with a random 96-bit nonce; keys derived by HKDF-SHA-256 (RFC 5869); keys
wrapped by AES Key Wrap (RFC 3394). Where the master key lives is for `node.identity`.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = b"\x01"
"""First octet of a sealed value; another form would get another number."""


class SealError(Exception):
    """A sealed value does not open: another key, another place, or altered."""


class Box:
    """Seals and opens values with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, aad: str) -> bytes:
        """Encrypt `plaintext` for the place `aad`, for example `mail.body:<id>`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plaintext, aad.encode())
        return _FORM + nonce + sealed

    def open(self, sealed: bytes, aad: str) -> bytes:
        """Decrypt what `seal` made for the same place.

        Raises:
            SealError: the key or the place is another, or an octet was changed.
        """
        if sealed[:1] != _FORM:
            raise SealError(f"{aad}: not a sealed value")
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, aad.encode())
        except (InvalidTag, ValueError):
            raise SealError(f"{aad}: does not open with this key") from None


class Vault:
    """The keys behind one master key."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            raise ValueError(f"the master key has {len(master)} bytes, not {KEY_BYTES}")
        self._master = master
        self._wrapping = self._derive("learner keys")
        self._matching = self._derive("match hashes")
        self._boxes: dict[str, Box] = {}

    def _derive(self, label: str) -> bytes:
        info = f"lrx store 1 {label}".encode()
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self._master)

    def new_learner_key(self) -> bytes:
        """Make a key for a learner; returns it wrapped, ready to be stored."""
        return aes_key_wrap(self._wrapping, secrets.token_bytes(KEY_BYTES))

    def learner(self, wrapped: bytes) -> Box:
        """Unwrap a learner's key.

        Raises:
            SealError: it was wrapped under another master key.
        """
        try:
            return Box(aes_key_unwrap(self._wrapping, wrapped))
        except InvalidUnwrap:
            raise SealError("a learner key of another master key") from None

    def node_box(self, label: str) -> Box:
        """Return the box for what belongs to the node under `label`."""
        if label not in self._boxes:
            self._boxes[label] = Box(self._derive(f"node {label}"))
        return self._boxes[label]

    def match_hash(self, kind: str, value: str) -> bytes:
        """Hash an identifier of a learner, so that equal ones can be found.

        Keyed: without the master key nobody can try out student numbers.
        """
        octets = kind.encode() + b"\0" + value.encode()
        return hmac.digest(self._matching, octets, "sha256")
