"""Credentials and other claims as compact JWS (RFC 7515), for `vc+jwt` and its like.

The key decides the algorithm; `alg` in the header must fit it and is otherwise not
believed. A header holds `alg`, `kid`, `typ` and perhaps `cty`, nothing else: members
such as `jwk`, `jku`, `x5c` or `crit` bring keys or rules of the sender's own.

Follows Securing Verifiable Credentials using JOSE and COSE, section "With JOSE", but
for header members it does not know, which that lets a reader ignore. Whose key `kid`
names, and whether the claims are acceptable, are not asked here.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.errors import DidError, MalformedValueError, SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import Algorithm, SigningKey, VerificationKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.linked_data.jcs import parse_strict

ALGORITHM_NAMES: Mapping[str, Algorithm] = {
    "EdDSA": "EdDSA",
    "Ed25519": "EdDSA",
    "ES256": "ES256",
    "ES384": "ES384",
    "ES512": "ES512",
}
"""What may stand in `alg`. `Ed25519` is the name of RFC 9864; `EdDSA` is the one that
peers send and that we write."""

VC_TYPE = "vc+jwt"
VP_TYPE = "vp+jwt"
CONTENT = {"vc+jwt": "vc", "vp+jwt": "vp", "vc+sd-jwt": "vc", "vp+sd-jwt": "vp"}
"""What `cty` may say about what is secured under each `typ`."""

_MEMBERS = frozenset({"alg", "kid", "typ", "cty"})
_PARTS = 3


@dataclass(frozen=True, slots=True)
class Jws:
    """A compact JWS that could be read; nothing is verified yet."""

    header: Mapping[str, str]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes

    @property
    def kid(self) -> DidUrl:
        """The key it claims to be signed with.

        Raises:
            SecuringError: it is named otherwise than by a DID URL, or not at all.
        """
        try:
            return DidUrl(self.header.get("kid", ""))
        except DidError as error:
            raise SecuringError(
                "a JWS whose kid is not the DID URL of a key"
            ) from error


def secure(
    claims: Mapping[str, Any],
    *,
    key: SigningKey,
    kid: str,
    typ: str = VC_TYPE,
    cty: str | None = None,
) -> str:
    """Sign `claims` as they are and return the compact JWS; `kid` is a whole URL."""
    header = {"alg": key.algorithm, "kid": str(kid), "typ": typ}
    if cty is not None:
        header["cty"] = cty
    signing_input = f"{_part(header)}.{_part(claims)}"
    return f"{signing_input}.{as_base64url(key.sign(signing_input.encode()))}"


def read(token: str, typ: str | Collection[str]) -> Jws:
    """Take a compact JWS apart as `read_any` does; its `kid` must be a DID URL.

    Raises:
        SecuringError: as for `read_any`, or another `kid`.
    """
    jws = read_any(token, typ)
    _ = jws.kid
    return jws


def read_any(token: str, typ: str | Collection[str]) -> Jws:
    """Take a compact JWS apart, whose `typ` must be `typ`, or one of them.

    An empty one among them stands for a header without `typ`.

    Raises:
        SecuringError: not a compact JWS, a header member or algorithm outside the
            list, another `typ` or a `cty` against it, or claims that are not one JSON
            object.
    """
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise SecuringError("a compact JWS has three parts")
    try:
        header = parse_strict(from_base64url(parts[0]), depth=1)
        claims = parse_strict(from_base64url(parts[1]))
        signature = from_base64url(parts[2])
    except MalformedValueError as error:
        raise SecuringError(f"not a compact JWS: {error}") from error
    if not isinstance(claims, dict):
        raise SecuringError("the claims of a JWS are one object")
    _check(header, {typ} if isinstance(typ, str) else typ)
    signing_input = f"{parts[0]}.{parts[1]}".encode()
    return Jws(header, claims, signing_input, signature)


def verify(jws: Jws, key: VerificationKey) -> bool:
    """Tell whether `jws` was signed with `key` and says so with the right `alg`."""
    return ALGORITHM_NAMES[jws.header["alg"]] == key.algorithm and key.verify(
        jws.signature, jws.signing_input
    )


def _part(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return as_base64url(text.encode())


def _check(header: Any, types: Collection[str]) -> None:
    if not isinstance(header, dict) or not all(
        isinstance(value, str) for value in header.values()
    ):
        raise SecuringError("a JWS header is an object of strings")
    unknown = header.keys() - _MEMBERS
    if unknown:
        raise SecuringError(f"a JWS header with members outside {sorted(_MEMBERS)}")
    if header.get("alg") not in ALGORITHM_NAMES:
        raise SecuringError("a JWS whose alg is none of ours")
    typ = header.get("typ", "").removeprefix("application/")
    if typ not in types:
        raise SecuringError(f"a JWS of typ {typ[:64]!r}")
    expected = CONTENT.get(typ)
    if expected and header.get("cty", expected) not in (
        expected,
        f"application/{expected}",
    ):
        raise SecuringError(f"a JWS of typ {typ} whose cty is not {expected}")
