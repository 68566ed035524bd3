"""What a seal with a certificate is worth: less than it looks, until somebody vouches.

A seal of a European Digital Credential fits or does not; that is told. Whom its
certificate is for is what whoever issued the certificate says, and whether they may say
so stands in the trusted lists of the European Union, which this node does not have. So
issuer and key stay unknown at best, and no such credential is found valid here.
"""

from collections.abc import Mapping

from protocol.credentials.findings import Finding, Result
from protocol.credentials.model import SecuredDocument
from protocol.securing.jades import Seal

_NO_LIST = "no trusted list that would vouch for the certificate is known here"


def judge(seal: Seal, mechanism: str) -> tuple[Finding, Finding]:
    """Judge a seal: does it fit, and might its certificate's key seal at that time?"""
    named = {"mechanism": mechanism, "certificate": seal.fingerprint}
    if seal.holds:
        integrity = Finding(
            "integrity", Result.VALID, "the seal fits document and certificate", named
        )
    else:
        reason = "the seal does not fit document and certificate"
        integrity = Finding("integrity", Result.INVALID, reason, named)
    return integrity, Finding("key_at_signing", *_key(seal), seal.as_evidence())


def issuer(seal: Seal, document: SecuredDocument) -> Finding:
    """Find out whether the issuer that is named is whom the certificate is for."""
    evidence = {"issuer": document.issuer_id, **seal.as_evidence()}
    stated = _stated_id(document)
    if stated and seal.organisation_id and stated != seal.organisation_id:
        reason = (
            f"the document names {stated}, the certificate is for "
            f"{seal.organisation_id}"
        )
        return Finding("issuer_identified", Result.INVALID, reason, evidence)
    whom = seal.organisation_id or seal.subject
    reason = f"sealed by {whom}, says {seal.certified_by}; {_NO_LIST}"
    return Finding("issuer_identified", Result.UNKNOWN, reason, evidence)


def _key(seal: Seal) -> tuple[Result, str]:
    if not seal.chain_holds:
        return Result.INVALID, "its certificates were not issued by one another"
    if seal.signed_at is None:
        return Result.UNKNOWN, "it is not stated when it was sealed"
    when = seal.signed_at.isoformat()
    if not seal.not_before <= seal.signed_at <= seal.not_after:
        return Result.INVALID, f"sealed at {when}, when its certificate was not valid"
    return Result.UNKNOWN, f"its certificate was valid at {when}; {_NO_LIST}"


def _stated_id(document: SecuredDocument) -> str:
    """Return the registered identifier of the issuer (`eIDASIdentifier`)."""
    stated = document.claims.get("issuer")
    identifier = stated.get("eIDASIdentifier") if isinstance(stated, Mapping) else None
    value = identifier.get("notation") if isinstance(identifier, Mapping) else None
    return value if isinstance(value, str) else ""
