"""The holder's proof of an SD-JWT: a JWT over exactly what is presented, to one reader.

Implements RFC 9901, section "Key Binding JWT". Whether key binding is required is for
the reader's policy: whoever stole a credential would leave the proof out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.keys import SigningKey, VerificationKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.linked_data.jcs import canonical, parse_strict
from protocol.securing.disclosures import digest_of
from protocol.securing.jose import ALGORITHM_NAMES
from protocol.securing.sd_jwt import SdJwt

TYP = "kb+jwt"
LONGEST = timedelta(minutes=5)
"""Age of a proof at which it is refused."""

_PARTS = 3


@dataclass(frozen=True, slots=True)
class Binding:
    """What a reader asked the holder to sign."""

    audience: str
    nonce: str


def bind(presented: str, *, key: SigningKey, to: Binding, at: datetime) -> str:
    """Return the SD-JWT `presented` with the holder's proof appended."""
    header = {"alg": key.algorithm, "typ": TYP}
    claims = {
        "iat": int(at.timestamp()),
        "aud": to.audience,
        "nonce": to.nonce,
        "sd_hash": digest_of(presented),
    }
    signing_input = f"{_part(header)}.{_part(claims)}"
    signature = as_base64url(key.sign(signing_input.encode()))
    return f"{presented}{signing_input}.{signature}"


def fault(presented: SdJwt, *, to: Binding | None, at: datetime) -> str | None:
    """Say what is wrong with the holder's proof; None if it holds.

    Without `to` the proof is judged by itself, for whomever it was made.
    """
    if presented.key_binding is None:
        return "there is no key binding JWT"
    try:
        key = _holder_key(presented.payload)
        claims = _read(presented.key_binding, key)
    except (MalformedValueError, SecuringError) as error:
        return str(error)
    if claims.get("sd_hash") != digest_of(presented.presented_without_binding()):
        return "the key binding JWT is over another presentation"
    made = claims.get("iat")
    if type(made) is not int or not _is_fresh(made, at):
        return f"the key binding JWT is not from the {LONGEST} before"
    if to and (claims.get("aud"), claims.get("nonce")) != (to.audience, to.nonce):
        return "the key binding JWT was made for another audience or nonce"
    return None


def _holder_key(payload: Mapping[str, Any]) -> VerificationKey:
    match payload.get("cnf"):
        case {"jwk": dict(jwk)}:
            return VerificationKey.from_jwk(jwk)
    raise SecuringError("the credential names no holder's key in cnf.jwk")


def _read(token: str, key: VerificationKey) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise SecuringError("the key binding JWT is not signed")
    header = parse_strict(from_base64url(parts[0]), depth=1)
    claims = parse_strict(from_base64url(parts[1]))
    if not isinstance(header, dict) or header.keys() != {"alg", "typ"}:
        raise SecuringError("the key binding JWT has a header other than alg and typ")
    alg = header["alg"]
    if header["typ"] != TYP or not isinstance(claims, dict):
        raise SecuringError("the key binding JWT has another typ, or no claims")
    if not isinstance(alg, str) or ALGORITHM_NAMES.get(alg) != key.algorithm:
        raise SecuringError("the key binding JWT has an alg that does not fit the key")
    signing_input = f"{parts[0]}.{parts[1]}".encode()
    if not key.verify(from_base64url(parts[2]), signing_input):
        raise SecuringError("the key binding JWT was not signed with the holder's key")
    return claims


def _is_fresh(made: int, at: datetime) -> bool:
    now = int(at.astimezone(UTC).timestamp())
    return now - LONGEST.total_seconds() <= made <= now


def _part(value: Mapping[str, Any]) -> str:
    return as_base64url(canonical(value))
