"""Is this document authentic, current, and of an issuer who might say so at the time?

`assess` is the one judgement: the node asks it about what it receives, `lrx verify`
about a file, and an evidence pack years later. It is pure: the same octets, evidence,
anchors and moments give the same findings. What it lacks it names; the caller obtains
it, or says that it cannot be had, and asks again. A bad document gives findings; only
one that cannot be read at all raises.

Implements LRX 1.0, section "Verification result".
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from protocol.credentials import model, verification
from protocol.credentials.conformance import ACCREDITATION_TYPES
from protocol.credentials.findings import (
    POLICIES,
    Evidence,
    Finding,
    Result,
    Verification,
    Want,
)
from protocol.credentials.model import AwardDate, SecuredDocument
from protocol.identity.dids import Did
from protocol.rules import trust
from protocol.rules.statements import DELEGATION, INSTITUTION, PROGRAMME
from protocol.securing.key_binding import Binding

__all__ = [
    "POLICIES",
    "Binding",
    "Evidence",
    "Finding",
    "Result",
    "Verification",
    "Want",
    "assess",
]

_ISSUER = "issuer_accredited_at_award"
_PROGRAMME = "programme_accredited_at_award"


def assess(
    octets: bytes,
    *,
    media_type: str | None,
    evidence: Evidence,
    anchors: Collection[Did],
    at: datetime,
    award_date: date | None = None,
    binding: Binding | None = None,
) -> Verification:
    """Find out everything there is to find out about a document, as of `at`.

    Args:
        octets: the document, as received.
        media_type: what it was said to be; None to see for itself.
        evidence: what has been gathered so far.
        anchors: the DIDs this reader trusts to say who may say what.
        at: the moment of judgement.
        award_date: the day to judge accreditation on; None for the day it states.
        binding: what the holder was asked to sign, if a holder's proof is required.

    Raises:
        ProtocolError: the document cannot be read at all.
    """
    document = model.read(octets, media_type)
    verified = verification.verify(document, evidence=evidence, at=at, binding=binding)
    award = AwardDate(award_date, "as asked") if award_date else document.award
    findings = dict(verified.findings)
    wants = list(verified.wants)
    for name in (_ISSUER, _PROGRAMME):
        finding, wanted = _accredited(name, verified, award, evidence, anchors, at)
        findings[name] = finding
        wants += wanted
    ordered = {name: findings[name] for name in _ORDER if name in findings}
    return Verification(document, ordered, tuple(dict.fromkeys(wants)))


_ORDER = (
    "integrity",
    "issuer_identified",
    "key_at_signing",
    "validity_period",
    "time_evidence",
    _ISSUER,
    _PROGRAMME,
    "status_now",
    "status_at",
    "holder_binding",
    "endorsements",
    "schema",
)


def _accredited(
    name: str,
    verified: Verification,
    award: AwardDate | None,
    evidence: Evidence,
    anchors: Collection[Did],
    at: datetime,
) -> tuple[Finding, tuple[Want, ...]]:
    """Find out whether the issuer, or its programme, was accredited on the day."""
    document = verified.document
    issuer = document.issuer
    named: dict[str, Any] = {}
    if award:
        named["on"] = award.on.isoformat() if award.on else None
        named["date_from"] = award.stated_in

    def unknown(reason: str) -> tuple[Finding, tuple[Want, ...]]:
        return Finding(name, Result.UNKNOWN, reason, named), ()

    if not anchors:
        return unknown("no trust anchor is configured")
    if issuer is None or verified.findings["issuer_identified"].result != Result.VALID:
        reason = "the issuer is not identified"
        first = "issuer_identified"
        return Finding(name, Result.UNKNOWN, reason, named, waits_for=first), ()
    if award is None or award.on is None:
        where = award.stated_in if award else "the document"
        return unknown(f"{where} states no day that accreditation could be judged on")
    programme = _programme(document) if name == _PROGRAMME else None
    if name == _PROGRAMME and programme is None:
        reason = "no programme is stated or disclosed"
        return Finding(name, Result.NOT_APPLICABLE, reason, named), ()
    found = trust.standing(
        issuer,
        types=_types(name, document),
        on=award.on,
        evidence=evidence,
        anchors=anchors,
        at=at,
        programme=programme,
    )
    reason = f"{found.reason}; judged on {award.on}, from {award.stated_in}"
    finding = Finding(name, found.result, reason, {**named, **found.as_evidence()})
    # Most programmes are accredited with their institution: nobody need look further.
    wants = (one for one in found.wants if one.kind != "accreditation" or not programme)
    return finding, tuple(wants)


def _programme(document: SecuredDocument) -> str | None:
    """Return the name of the programme a record is about."""
    record = document.record
    for group, name in (("programme", "name"), ("qualification", "title")):
        members = record.get(group)
        value = members.get(name) if isinstance(members, Mapping) else None
        if isinstance(value, str):
            return value
    return None


def _types(name: str, document: SecuredDocument) -> frozenset[str]:
    if name == _PROGRAMME:
        return frozenset({PROGRAMME, DELEGATION})
    if not ACCREDITATION_TYPES.isdisjoint(document.types):
        # Whoever makes such a statement is no institution, but a delegate.
        return frozenset({DELEGATION})
    return frozenset({INSTITUTION})
