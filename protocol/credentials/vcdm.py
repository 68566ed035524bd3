"""A record as a credential not yet secured: VC Data Model 2.0, or SD-JWT claims.

In a VC the record is the `credentialSubject`; a micro-credential takes the shape of an
Open Badge instead. In an SD-JWT VC the groups of the record are top-level claims beside
the registered ones (SD-JWT VC, section "Claims"), which can never be withheld.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from protocol.credentials.micro_credential import as_open_badge, from_open_badge
from protocol.credentials.record_model import NAMESPACE, TYPES, Kind
from protocol.identity.dids import Did

CREDENTIALS_CONTEXT = "https://www.w3.org/ns/credentials/v2"
RECORDS_CONTEXT = NAMESPACE + "ns/records/1"
OPEN_BADGES_CONTEXT = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"


def as_credential(
    record: Mapping[str, Any],
    kind: Kind,
    *,
    id_: str,
    issuer: Did,
    name: str,
    valid_from: datetime,
    valid_until: datetime | None,
    status: Mapping[str, Any],
) -> dict[str, Any]:
    """Return an unsecured VC that states `record`.

    Args:
        record: as a builder made it, with nothing missing.
        kind: the kind of the record.
        id_: a URI.
        issuer: who signs it.
        name: the issuer's legal name.
        valid_from: when it was issued.
        valid_until: None for what does not end.
        status: a `BitstringStatusListEntry`.
    """
    badge = kind == "micro-credential"
    contexts = [CREDENTIALS_CONTEXT, OPEN_BADGES_CONTEXT] if badge else []
    credential: dict[str, Any] = {
        "@context": [*(contexts or [CREDENTIALS_CONTEXT]), RECORDS_CONTEXT],
        "id": id_,
        "type": ["VerifiableCredential", TYPES[kind]],
        "name": display_name(record, kind),
        "issuer": {"id": str(issuer), "name": name},
        "validFrom": as_text(valid_from),
    }
    if valid_until is not None:
        credential["validUntil"] = as_text(valid_until)
    if badge:
        credential |= as_open_badge(record, issuer=str(issuer))
    else:
        credential["credentialSubject"] = dict(record)
    return credential | {"credentialStatus": dict(status)}


def as_claims(
    record: Mapping[str, Any],
    *,
    id_: str,
    issuer: Did,
    valid_from: datetime,
    valid_until: datetime | None,
    status: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the claims of an SD-JWT VC that state `record`, but for its `vct`."""
    claims: dict[str, Any] = {
        "iss": str(issuer),
        "jti": id_,
        "iat": int(valid_from.timestamp()),
        "nbf": int(valid_from.timestamp()),
    }
    if valid_until is not None:
        claims["exp"] = int(valid_until.timestamp())
    return claims | {"status": dict(status)} | dict(record)


def record_of(credential: Mapping[str, Any], kind: Kind | None) -> dict[str, Any]:
    """Return the record a VC states, in the shape of the record model."""
    if kind == "micro-credential":
        return from_open_badge(credential)
    subject = credential.get("credentialSubject")
    return dict(subject) if isinstance(subject, Mapping) else {}


def display_name(record: Mapping[str, Any], kind: Kind) -> str:
    """Return what a wallet would show as the name of the credential."""
    if kind == "micro-credential":
        return str(record["achievement"]["title"])
    if "certificate" in record:
        return str(record["certificate"]["title"])
    titles = {
        "diploma-supplement": "Diploma Supplement",
        "transcript": "Transcript of Records",
    }
    return titles[kind]


def as_text(moment: datetime) -> str:
    """Write a moment as a `dateTimeStamp`, to whole seconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
