"""The keys that DID documents state, and those that are a DID themselves."""

import json
from collections.abc import Mapping
from typing import Any

from protocol.errors import MalformedValueError
from protocol.identity.keys import EncryptionKey, VerificationKey
from protocol.identity.multibase import from_base64url

PublicKey = VerificationKey | EncryptionKey


def key_of(stated: Mapping[str, Any]) -> PublicKey | None:
    """Return the key of a verification method; None where we cannot use its kind.

    It is not an error: a key of a kind we do not know may stand beside one we do.
    """
    multibase, jwk = stated.get("publicKeyMultibase"), stated.get("publicKeyJwk")
    try:
        match (stated.get("type"), multibase, jwk):
            case ("Multikey", str(), None):
                return _any_multikey(multibase)
            case ("Ed25519VerificationKey2020", str(), None):
                key = VerificationKey.from_multikey(multibase)
                return key if key.algorithm == "EdDSA" else None
            case ("X25519KeyAgreementKey2020", str(), None):
                return EncryptionKey.from_multikey(multibase)
            case ("JsonWebKey" | "JsonWebKey2020", None, dict()):
                return _any_jwk(jwk)
    except MalformedValueError:
        return None
    return None


def expand(method: str, text: str) -> tuple[str, dict[str, Any]]:
    """Return the fragment and the key members of a `did:key` or `did:jwk`.

    `text` is what follows `did:key:` or `did:jwk:`.

    Raises:
        MalformedValueError: `text` holds no public key of a kind this node can use.
    """
    if method == "key":
        # `did:key` allows base58btc only, of which each key has one spelling.
        if not text.startswith("z"):
            raise MalformedValueError("a did:key that is not in base58btc")
        _any_multikey(text)
        return "#" + text, {"type": "Multikey", "publicKeyMultibase": text}
    try:
        jwk = json.loads(from_base64url(text))
    except (ValueError, RecursionError) as error:
        raise MalformedValueError("a did:jwk that holds no JSON") from error
    if not isinstance(jwk, dict):
        raise MalformedValueError("a did:jwk that holds no JWK")
    _any_jwk(jwk)
    return "#0", {"type": "JsonWebKey", "publicKeyJwk": jwk}


def _any_multikey(text: str) -> PublicKey:
    try:
        return VerificationKey.from_multikey(text)
    except MalformedValueError:
        return EncryptionKey.from_multikey(text)


def _any_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    if jwk.get("crv") == "X25519":
        return EncryptionKey.from_jwk(jwk)
    return VerificationKey.from_jwk(jwk)
