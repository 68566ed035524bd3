"""`did:peer` with methods 2 and 4: DIDs that carry their own document.

Method 2 strings the keys and services together, each with a letter for its purpose;
method 4 is the hash of a document, and in its long form the document too. The short
form of method 4 says nothing to somebody who has not seen the long one.

Follows the Peer DID Method Specification (DIF), sections "Generation Method", method 2,
and did:peer:4 (DIF), sections "Creating a DID" and "Resolving a DID".
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from protocol.errors import MalformedValueError
from protocol.identity.multibase import (
    as_base58btc,
    as_base64url,
    from_base58btc,
    from_base64url,
)
from protocol.identity.places import SHA2_256

CONTEXTS = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]

_LONGEST = 2048
"""Characters of an encoded document: as long as a DID may be here."""
_JSON = b"\x80\x04"
"""The multicodec prefix of JSON, 0x0200, as an unsigned varint."""
_PURPOSES = {
    "V": "authentication",
    "A": "assertionMethod",
    "E": "keyAgreement",
    "I": "capabilityInvocation",
    "D": "capabilityDelegation",
}
_LETTERS = {purpose: letter for letter, purpose in _PURPOSES.items()}
_LONG_NAMES = {"t": "type", "s": "serviceEndpoint", "r": "routingKeys", "a": "accept"}
_SHORT_NAMES = {long: short for short, long in _LONG_NAMES.items()}
_MESSAGING = "DIDCommMessaging"


def document(did: str) -> dict[str, Any]:
    """Return the DID document of a `did:peer`.

    Raises:
        MalformedValueError: another method than 2 and 4, the short form of method 4,
            or one that holds no document.
    """
    rest = did.removeprefix("did:peer:")
    match rest[:1]:
        case "2":
            return _strung(did, rest[1:])
        case "4":
            return _hashed(did, rest[1:])
    raise MalformedValueError("a did:peer of another method than 2 and 4")


def string(
    keys: Sequence[tuple[str, str]], services: Sequence[Mapping[str, Any]] = ()
) -> str:
    """Return the `did:peer:2` of keys, each a purpose and a Multikey, and services.

    A purpose is the name of a verification relationship.

    Raises:
        MalformedValueError: no such purpose.
    """
    try:
        parts = [f".{_LETTERS[purpose]}{key}" for purpose, key in keys]
    except KeyError as error:
        raise MalformedValueError(f"{error} is no verification relationship") from error
    parts += [".S" + as_base64url(_compact(_shortened(one))) for one in services]
    return "did:peer:2" + "".join(parts)


def hashed(stated: Mapping[str, Any]) -> str:
    """Return the `did:peer:4`, in its long form, of a document without `id`.

    Raises:
        MalformedValueError: it has an `id`: that follows from the hash.
    """
    if "id" in stated:
        raise MalformedValueError("a document for a did:peer:4 that has an id")
    encoded = "z" + as_base58btc(_JSON + _compact(stated))
    return f"did:peer:4{_hash(encoded)}:{encoded}"


def short_form(did: str) -> str:
    """Return the short form of a `did:peer:4`, which is its hash alone."""
    return ":".join(did.split(":")[:3])


def _strung(did: str, parts: str) -> dict[str, Any]:
    methods: list[dict[str, Any]] = []
    relationships: dict[str, list[str]] = {}
    services: list[dict[str, Any]] = []
    first, *elements = parts.split(".")
    if first or not elements:
        raise MalformedValueError("a did:peer:2 without an element")
    for element in elements:
        letter, value = element[:1], element[1:]
        if letter == "S":
            services += _services(value, len(services))
        elif letter in _PURPOSES and value.startswith("z"):
            name = f"#key-{len(methods) + 1}"
            methods.append(
                {
                    "id": name,
                    "type": "Multikey",
                    "controller": did,
                    "publicKeyMultibase": value,
                }
            )
            relationships.setdefault(_PURPOSES[letter], []).append(name)
        else:
            raise MalformedValueError("a did:peer:2 with an element of no known kind")
    return {
        "@context": CONTEXTS,
        "id": did,
        "verificationMethod": methods,
        **relationships,
        **({"service": services} if services else {}),
    }


def _services(encoded: str, before: int) -> list[dict[str, Any]]:
    """Read an element with one service, or with a list of them as older ones have."""
    stated = _parsed(from_base64url(encoded))
    listed = stated if isinstance(stated, list) else [stated]
    if not all(isinstance(one, dict) for one in listed):
        raise MalformedValueError("a did:peer:2 with a service that is no object")
    found = []
    for number, one in enumerate(listed, start=before):
        name = f"#service-{number}" if number else "#service"
        found.append({"id": name, **_lengthened(one)})
    return found


def _hashed(did: str, rest: str) -> dict[str, Any]:
    digest, _, encoded = rest.partition(":")
    if not encoded:
        raise MalformedValueError("the short form of a did:peer:4 holds no document")
    if _hash(encoded) != digest:
        raise MalformedValueError("a did:peer:4 whose hash is that of another document")
    octets = from_base58btc(encoded.removeprefix("z"), longest=_LONGEST)
    if not encoded.startswith("z") or not octets.startswith(_JSON):
        raise MalformedValueError("a did:peer:4 that holds no JSON")
    stated = _parsed(octets[len(_JSON) :])
    if not isinstance(stated, dict) or "id" in stated:
        raise MalformedValueError("a did:peer:4 that holds no document without id")
    also = stated.get("alsoKnownAs", [])
    if not isinstance(also, list):
        raise MalformedValueError("a did:peer:4 whose alsoKnownAs is not an array")
    resolved = {name: _controlled(did, value) for name, value in stated.items()}
    return resolved | {"id": did, "alsoKnownAs": [*also, short_form(did)]}


def _controlled(did: str, value: Any) -> Any:
    """Fill in the controller of the methods a document holds without one."""
    if not isinstance(value, list):
        return value
    return [
        {"controller": did, **one}
        if isinstance(one, dict)
        and ("publicKeyMultibase" in one or "publicKeyJwk" in one)
        else one
        for one in value
    ]


def _hash(encoded: str) -> str:
    digest = hashlib.sha256(encoded.encode()).digest()
    return "z" + as_base58btc(SHA2_256 + digest)


def _lengthened(value: Any) -> Any:
    if isinstance(value, list):
        return [_lengthened(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {_LONG_NAMES.get(name, name): _lengthened(v) for name, v in value.items()}
    if found.get("type") == "dm":
        found["type"] = _MESSAGING
    return found


def _shortened(value: Any) -> Any:
    if isinstance(value, list):
        return [_shortened(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    found = {_SHORT_NAMES.get(name, name): _shortened(v) for name, v in value.items()}
    if found.get("t") == _MESSAGING:
        found["t"] = "dm"
    return found


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _parsed(octets: bytes) -> Any:
    try:
        return json.loads(octets)
    except (ValueError, RecursionError) as error:
        raise MalformedValueError("a did:peer that holds no JSON") from error
