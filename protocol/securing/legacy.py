"""Credentials of VC Data Model 1.1 as JWTs, the form called `jwt_vc_json`.

The credential stands in the claim `vc`, a presentation in the claim `vp`; what the
registered claims say of it may stand there, in the credential, or in both. In both it
must be the same: a reader that looks at one place must not be told something else than
a reader that looks at the other.

Follows Verifiable Credentials Data Model v1.1, section "JSON Web Token". The signature
is that of `protocol.securing.jose`, with its rules on headers.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from protocol.errors import SecuringError
from protocol.identity.keys import SigningKey
from protocol.securing import jose
from protocol.securing.jose import Jws

TYPES = ("JWT", "")
"""Many do not write a `typ` at all: RFC 7519 makes it optional."""
MECHANISM = "VC-JWT of VC Data Model 1.1"

_LAST_MOMENT = 253_402_300_799
"""Seconds until the year 10000."""
_DATES = {"nbf": "issuanceDate", "exp": "expirationDate"}
_LATER_DATES = {"nbf": "validFrom", "exp": "validUntil"}
_FORMER_CONTEXT = "https://www.w3.org/2018/credentials/v1"


def secure(credential: Mapping[str, Any], *, key: SigningKey, kid: str) -> str:
    """Return a credential of VC Data Model 1.1 as a compact JWS.

    Raises:
        KeyError: no issuer.
        ValueError: a date that is none.
    """
    claims: dict[str, Any] = {"iss": _id_of(credential["issuer"])}
    for claim, name in _DATES.items():
        if name in credential:
            claims[claim] = int(_aware(credential[name]).timestamp())
    if isinstance(credential.get("id"), str):
        claims["jti"] = credential["id"]
    subject = _id_of(credential.get("credentialSubject"))
    if isinstance(subject, str):
        claims["sub"] = subject
    return jose.secure(
        claims | {"vc": dict(credential)}, key=key, kid=kid, typ=TYPES[0]
    )


def read(token: str) -> Jws:
    """Take a VC-JWT apart; its claims are then those of the credential it secures.

    Raises:
        SecuringError: not a compact JWS as `jose.read` demands, no credential in `vc`,
            or two places that contradict each other.
    """
    jws = jose.read(token, TYPES)
    return replace(jws, claims=credential_of(jws.claims))


def credential_of(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the credential in `vc`, each registered claim put where it belongs in it.

    Raises:
        SecuringError: there is none, or two places contradict each other.
    """
    credential = _inner(claims, "vc")
    beside = [name for name in ("status", "credentialStatus") if name in claims]
    if beside:
        raise SecuringError(f"a JWT with {beside[0]} beside the credential")
    for claim, name in (("iss", "issuer"), ("sub", "credentialSubject")):
        if claim in claims:
            credential[name] = _named(credential.get(name), claims[claim], claim)
    for claim, name in _dates_of(credential).items():
        if claim in claims:
            at = _moment(claims[claim], claim)
            stated = credential.setdefault(name, f"{at:%Y-%m-%dT%H:%M:%SZ}")
            # A NumericDate is often cut to whole seconds.
            if not isinstance(stated, str) or _distance(stated, at) >= 1:
                raise SecuringError(f"a JWT whose {claim} is not the {name}")
    return credential


def _dates_of(credential: Mapping[str, Any]) -> Mapping[str, str]:
    """Return what the dates are called: some put a credential of 2.0 in `vc`, too."""
    contexts = credential.get("@context")
    first = contexts[0] if isinstance(contexts, list) and contexts else contexts
    return _DATES if first == _FORMER_CONTEXT else _LATER_DATES


def presentation_of(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the presentation in `vp`, with the holder whom `iss` names.

    Its dates stay as claims, because a presentation has no members for them.

    Raises:
        SecuringError: there is none, or two places contradict each other.
    """
    presentation = _inner(claims, "vp")
    if "iss" in claims:
        presentation["holder"] = _named(
            presentation.get("holder"), claims["iss"], "iss"
        )
    dates = {name: claims[name] for name in ("nbf", "exp") if name in claims}
    return presentation | dates


def _inner(claims: Mapping[str, Any], name: str) -> dict[str, Any]:
    inner = claims.get(name)
    if not isinstance(inner, dict):
        raise SecuringError(f"a JWT without an object in {name}")
    document = dict(inner)
    if "jti" in claims and document.setdefault("id", claims["jti"]) != claims["jti"]:
        raise SecuringError(f"a JWT whose jti is not the id of its {name}")
    return document


def _named(member: Any, id_: Any, claim: str) -> Any:
    """Return `member` with the id `id_`, which it must not contradict."""
    if not isinstance(id_, str):
        raise SecuringError(f"a JWT whose {claim} is not a text")
    if member is None or member == id_:
        return member or id_
    if not isinstance(member, dict) or member.get("id", id_) != id_:
        raise SecuringError(f"a JWT whose {claim} is not that of the credential")
    return {"id": id_, **member}


def _distance(stated: str, at: datetime) -> float:
    """Return how many seconds lie between two moments."""
    try:
        return abs((_aware(stated) - at).total_seconds())
    except ValueError as error:
        raise SecuringError("a credential with a date that is none") from error


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a date without a time zone")
    return moment


def _moment(seconds: Any, claim: str) -> datetime:
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not 0 <= seconds <= _LAST_MOMENT:
        raise SecuringError(f"a JWT whose {claim} is not a NumericDate")
    return datetime.fromtimestamp(seconds, UTC)


def _id_of(value: Any) -> Any:
    return value.get("id") if isinstance(value, Mapping) else value
