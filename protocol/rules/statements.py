"""Statements about organisations: read, not yet believed.

Anyone can write one; whether it leads to a trust anchor is for `protocol.rules.trust`.
Implements the credentials of LRX 1.0, section "Who may say what".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from protocol.credentials import model
from protocol.credentials.conformance import ACCREDITATION_TYPES
from protocol.credentials.model import SecuredDocument
from protocol.errors import ProtocolError
from protocol.identity.dids import Did

DELEGATION = "TrustAnchorDelegation"
INSTITUTION = "InstitutionAccreditationCredential"
PROGRAMME = "ProgrammeAccreditationCredential"
AUTHORITY = "RecognitionAuthorityCredential"

Effective = tuple[date, date | None]
"""First and last day a statement is about; None for no end."""

_DECIDED = frozenset({INSTITUTION, PROGRAMME})
"""Statements that report a decision; the others are one."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A credential about an organisation that could be read; nothing is verified."""

    document: SecuredDocument
    type: str
    issuer: Did
    subject: Did
    decision: str | None
    """None where the statement is itself the decision."""
    effective: Effective
    country: str | None
    """Where the subject has its seat."""
    countries: tuple[str, ...]
    """Where a delegation lets its subject accredit; empty for everywhere."""
    programme: str | None
    legal_name: str | None
    """Of the subject."""

    def covers(self, on: date) -> bool:
        """Tell whether the statement is about that day; both ends belong to it."""
        since, until = self.effective
        return since <= on and (until is None or on <= until)

    @property
    def period(self) -> str:
        """The days it is about, in words."""
        since, until = self.effective
        return f"{since} to {until}" if until else f"from {since} on"

    def as_evidence(self) -> dict[str, Any]:
        """Return what a finding keeps of it."""
        since, until = self.effective
        return {
            "type": self.type,
            "issuer": str(self.issuer),
            "subject": str(self.subject),
            "decision": self.decision,
            "effective": {
                "from": since.isoformat(),
                "until": until.isoformat() if until else None,
            },
            "digest": self.document.digest,
        }


def read_all(octets: Iterable[bytes]) -> tuple[Statement, ...]:
    """Read the statements there are, each once; what cannot be read is passed over."""
    found = (read(one) for one in dict.fromkeys(octets))
    return tuple(one for one in found if one is not None)


@lru_cache(maxsize=256)
def read(octets: bytes) -> Statement | None:
    """Read a statement about an organisation; None for anything else.

    The few statements a node knows decide about every document it is shown.
    """
    try:
        document = model.read(octets)
    except ProtocolError:
        return None
    type_ = next((one for one in document.types if one in ACCREDITATION_TYPES), None)
    stated = document.claims.get("credentialSubject")
    issuer, subject = document.issuer, document.subject
    if not type_ or not issuer or not subject or not isinstance(stated, Mapping):
        return None
    said = _object(stated, "accreditation")
    effective = _effective(said.get("effective"))
    countries = said.get("countries", [])
    # A limit that cannot be read must not become no limit.
    if effective is None or not isinstance(countries, list):
        return None
    return Statement(
        document,
        type_,
        issuer,
        subject,
        str(said.get("decision")) if type_ in _DECIDED else None,
        effective,
        _text(stated, "country"),
        tuple(map(str, countries)),
        _text(_object(stated, "programme"), "name"),
        _text(stated, "legalName"),
    )


def _object(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(holder: Mapping[str, Any], name: str) -> str | None:
    value = holder.get(name)
    return value if isinstance(value, str) else None


def _effective(stated: Any) -> Effective | None:
    """Read a period; without a first day a statement is about no day at all."""
    if not isinstance(stated, Mapping):
        return None
    try:
        since = date.fromisoformat(stated["from"])
        until = stated.get("until")
        return since, None if until is None else date.fromisoformat(until)
    except (KeyError, TypeError, ValueError):
        return None
