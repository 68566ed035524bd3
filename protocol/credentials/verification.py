"""Is this an authentic and current statement of its issuer?

The questions are asked in order, because each rests on the one before: whose document
is it, which key held when it was signed, does each proof hold, is it within its dates,
and only then, was it revoked. A document nobody vouches for must not choose what this
node fetches.

Pure: what would have to be fetched is named in `Verification.wants`; the caller obtains
it and asks again. Follows LRX 1.0, section "Verification result". Whether the issuer
may say what it says is for `protocol.rules`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from protocol.credentials import (
    assertions,
    conformance,
    contained,
    former_badges,
    revocation,
    seals,
)
from protocol.credentials.findings import (
    AUTHENTICITY,
    PROOF,
    Evidence,
    Finding,
    Inquiry,
    ProofCheck,
    Result,
    Verification,
    Want,
    is_same,
    worst,
)
from protocol.credentials.model import Bound, SecuredDocument
from protocol.credentials.proofs import StatedProof
from protocol.credentials.signing_keys import ITS_OWN_KEY, PURPOSE, key_at_signing
from protocol.errors import (
    LinkedDataError,
    SecuringError,
    UnknownContextError,
    WorkLimitError,
)
from protocol.identity.dids import DidHistory, Relationship
from protocol.identity.keys import VerificationKey
from protocol.securing import as_text, key_binding
from protocol.securing.key_binding import Binding

_SAID = 4
"""Reasons that are said together; all of them stand in the evidence."""


def verify(
    document: SecuredDocument,
    *,
    evidence: Evidence,
    at: datetime,
    binding: Binding | None = None,
) -> Verification:
    """Find out whether `document` is authentic and current at `at`.

    `binding` is what the holder was asked to sign; with it a missing or wrong proof of
    the holder is a fault, without it only a wrong one is.
    """
    inquiry = Inquiry(evidence, at)
    findings = _by_itself(document, inquiry)
    if all(findings[name].result == Result.VALID for name in PROOF):
        findings |= _with_contained(document, findings, inquiry)
    findings["holder_binding"] = _holder_binding(document, binding, at)
    findings["time_evidence"] = _time_evidence(document)
    findings["status_at"] = Finding(
        "status_at",
        Result.NOT_APPLICABLE,
        "no other moment than that of status_now was asked about",
    )
    return Verification(document, findings, tuple(inquiry.wants))


def _by_itself(document: SecuredDocument, inquiry: Inquiry) -> dict[str, Finding]:
    """Find out what the policy of authenticity requires, but for what is inside."""
    if document.media_type == assertions.MEDIA_TYPE:
        text = as_text(document.octets)
        return former_badges.verify(text, document.claims, inquiry)
    findings = authenticity(document, inquiry)
    return findings | {"status_now": status_now(document, findings, inquiry)}


def _with_contained(
    document: SecuredDocument, findings: Mapping[str, Finding], inquiry: Inquiry
) -> dict[str, Finding]:
    """Add what is inside: a record is as good as each credential it gathers."""
    parts, said = contained.gathered(document), contained.endorsements(document)
    if len(parts) + len(said) > contained.MOST:
        reason = f"it contains more than {contained.MOST} credentials"
        return {"integrity": Finding("integrity", Result.UNKNOWN, reason)}
    changed: dict[str, Finding] = {}
    if parts:
        each = [_part(part, inquiry) for part in parts]
        for name in AUTHENTICITY:
            changed[name] = together(
                name, [findings[name], *(one[name] for one in each)]
            )
    if said:
        found = [_endorsement(part, inquiry) for part in said]
        changed["endorsements"] = together("endorsements", found)
    return changed


def _part(part: contained.Part, inquiry: Inquiry) -> dict[str, Finding]:
    """Judge a contained credential by itself, each reason with its name."""
    if isinstance(part.document, str):
        reason = f"{part.label}: {part.document}"
        return {name: Finding(name, Result.INVALID, reason) for name in AUTHENTICITY}
    found = _by_itself(part.document, inquiry)
    if contained.gathered(part.document):
        reason = "it gathers credentials itself, which are not judged here"
        found["integrity"] = Finding("integrity", Result.UNKNOWN, reason)
    return {
        name: replace(
            one,
            reason=f"{part.label}: {one.reason}",
            evidence={"contained": part.label, **one.evidence},
        )
        for name, one in found.items()
    }


def _endorsement(part: contained.Part, inquiry: Inquiry) -> Finding:
    found = _part(part, inquiry)
    result = worst(one.result for one in found.values())
    issuer = "" if isinstance(part.document, str) else part.document.issuer_id
    evidence = {"contained": part.label, "issuer": issuer}
    reasons = [one.reason for one in found.values() if one.result == result]
    if result != Result.INVALID and not contained.is_about(part):
        result = Result.INVALID
        reasons = [f"{part.label}: not an endorsement of what it stands in"]
    reason = f"{issuer} endorses it" if result == Result.VALID else "; ".join(reasons)
    return Finding("endorsements", result, reason, evidence)


def authenticity(document: SecuredDocument, inquiry: Inquiry) -> dict[str, Finding]:
    """Find out all that needs no status list."""
    issuer, history = _issuer(document, inquiry)
    judged = [
        judge(proof, history, inquiry, issued_at=document.valid_from)
        for proof in document.proofs
    ]
    if not judged:
        reason = "the document carries no proof"
        integrity = Finding(
            "integrity", Result.INVALID, reason, {"problem": "trust.unsigned"}
        )
        key = Finding("key_at_signing", Result.UNKNOWN, reason, waits_for="integrity")
    else:
        integrity = together("integrity", [one for one, _ in judged])
        key = together("key_at_signing", [one for _, one in judged])
    found = (
        integrity,
        issuer,
        key,
        _validity_period(document, inquiry.at),
        conformance.schema(document, inquiry.evidence.resources),
    )
    return {finding.name: finding for finding in found}


def status_now(
    document: SecuredDocument, findings: Mapping[str, Finding], inquiry: Inquiry
) -> Finding:
    """Find out whether the document was revoked or suspended."""
    if not document.stated_status:
        return Finding(
            "status_now", Result.NOT_APPLICABLE, "the document names no status list"
        )
    unsure = next((n for n in PROOF if findings[n].result != Result.VALID), None)
    if unsure:
        return Finding(
            "status_now",
            Result.UNKNOWN,
            "not asked: who vouches for the document is not established",
            waits_for=unsure,
        )
    issuer = document.issuer
    assert issuer is not None  # noqa: S101 - it was identified
    history = inquiry.history(issuer)
    assert isinstance(history, DidHistory)  # noqa: S101 - the key came from it
    found = [
        _status(stated, document, history, inquiry) for stated in document.stated_status
    ]
    return together("status_now", found)


def _status(
    stated: Any, document: SecuredDocument, history: DidHistory, inquiry: Inquiry
) -> Finding:
    """Judge one status entry by the list it names."""
    place = revocation.place(stated)
    if isinstance(place, Finding):
        return place
    # Nobody signs a list of ids: where it lies is all there is to believe it for.
    is_signed = place.kind != "1edtech"
    known = is_signed and place.list_url in inquiry.evidence.status_lists
    if not known and not revocation.is_tied(place.list_url, history):
        reason = (
            f"the status list {place.list_url} lies on an origin that is not tied to "
            "the issuer, so it is not fetched"
        )
        return Finding("status_now", Result.UNKNOWN, reason, place.as_evidence())
    octets = inquiry.status_list(place.list_url)
    if isinstance(octets, str):
        return Finding("status_now", Result.UNKNOWN, octets, place.as_evidence())
    if not is_signed:
        return revocation.look_up_id(place, octets, document.claims.get("id"))
    listed = revocation.read(octets)
    if isinstance(listed, str):
        return Finding("status_now", Result.INVALID, listed, place.as_evidence())
    findings = authenticity(listed, inquiry)
    issuer = document.issuer
    assert issuer is not None  # noqa: S101 - it was identified
    return revocation.look_up(place, listed, findings, issuer)


def _issuer(
    document: SecuredDocument, inquiry: Inquiry
) -> tuple[Finding, DidHistory | None]:
    """Find out who issued the document, and whether that is who signed it."""
    sealed = [seals.issuer(p.seal, document) for p in document.proofs if p.seal]
    if sealed:
        return together("issuer_identified", sealed), None
    named = {"issuer": document.issuer_id}
    issuer = document.issuer
    result, reason = _claimed(document)
    if issuer is None or result != Result.VALID:
        return Finding("issuer_identified", result, reason, named), None
    history = inquiry.history(issuer)
    if isinstance(history, str):
        return Finding("issuer_identified", Result.UNKNOWN, history, named), None
    if history.did != issuer:
        named["now_known_as"] = str(history.did)
    if not any(proof.verification_method for proof in document.proofs):
        result, reason = Result.UNKNOWN, "no proof names a key of the issuer"
    return Finding("issuer_identified", result, reason, named), history


def _claimed(document: SecuredDocument) -> tuple[Result, str]:
    """Tell whether issuer and signers claim to be one party, before any look-up."""
    issuer = document.issuer
    if not document.issuer_id:
        return Result.INVALID, "the document names no issuer"
    if issuer is None:
        reason = f"the issuer {document.issuer_id} is not a DID this node can read"
        return Result.UNKNOWN, reason
    if document.claims.get("iss", issuer) != issuer:
        return Result.INVALID, f"iss names another issuer than {issuer}"
    for proof in document.proofs:
        signer = proof.verification_method
        if signer and not is_same(signer.did, issuer):
            return Result.INVALID, f"the issuer is {issuer}, but {signer.did} signed"
    return Result.VALID, f"{issuer} issued it, and the keys named are its own"


def judge(
    proof: StatedProof,
    history: DidHistory | None,
    inquiry: Inquiry,
    *,
    issued_at: datetime | None,
    purpose: Relationship = PURPOSE,
) -> tuple[Finding, Finding]:
    """Judge one proof: does it hold, and might its key sign at that time?

    `history` is that of the party who has to have signed, None if it is not known;
    `issued_at` stands in for a time of signing that the proof does not state.
    """
    signer = proof.verification_method
    if history is None and signer and signer.did.method in ITS_OWN_KEY:
        # Whoever that is: the proof can be judged without asking anybody.
        found = inquiry.history(signer.did)
        history = None if isinstance(found, str) else found
    if proof.seal:
        return seals.judge(proof.seal, proof.mechanism)
    key, at_signing = key_at_signing(
        proof, issued_at=issued_at, history=history, at=inquiry.at, purpose=purpose
    )
    if history is not None and signer and key is None:
        # The signer may have rotated since its document was last looked at.
        inquiry.lack(Want("key", signer))
    key = key or proof.brought
    named = {"mechanism": proof.mechanism}
    if proof.verification_method:
        named["verification_method"] = str(proof.verification_method)
    result, reason = Result.INVALID, proof.fault
    waits_for = ""
    if proof.fault is None:
        result = Result.UNKNOWN
        if proof.digest:
            result, reason = _judged_twice(proof, key, inquiry, named)
        elif proof.unsupported:
            reason = f"{proof.mechanism} is a mechanism this node cannot judge"
        elif key is None:
            reason = "there is no key to verify the proof with"
            waits_for = "key_at_signing"
        else:
            result, reason = _holds(proof, key, inquiry)
    integrity = Finding("integrity", result, reason or "", named, waits_for)
    return integrity, at_signing


def _holds(
    proof: StatedProof, key: VerificationKey, inquiry: Inquiry
) -> tuple[Result, str]:
    """Tell whether a proof was made with `key`."""
    try:
        if proof.verify_graph is None:
            holds = proof.verify(key)
        else:
            holds = proof.verify_graph(key, inquiry.evidence.vocabulary)
    except (UnknownContextError, WorkLimitError) as error:
        if isinstance(error, WorkLimitError):
            inquiry.lack(Want("work", proof.mechanism))
        return Result.UNKNOWN, f"the {proof.mechanism} proof was not judged: {error}"
    except LinkedDataError as error:
        return Result.INVALID, f"the {proof.mechanism} proof covers too little: {error}"
    except SecuringError as error:
        return Result.INVALID, f"the {proof.mechanism} proof does not hold: {error}"
    if holds:
        return Result.VALID, f"the {proof.mechanism} proof holds"
    return (
        Result.INVALID,
        f"the {proof.mechanism} proof does not fit document and key",
    )


def _judged_twice(
    proof: StatedProof,
    key: VerificationKey | None,
    inquiry: Inquiry,
    named: dict[str, str],
) -> tuple[Result, str]:
    """Judge a proof here and have it judged elsewhere; two verdicts must agree."""
    other, reason = _judged_elsewhere(proof.digest or "", inquiry, named)
    if key is None:
        return other, reason
    result, own_reason = _holds(proof, key, inquiry)
    if other in (Result.UNKNOWN, result):
        # The other one knows fewer contexts, or is not there at all.
        return result, own_reason
    if result == Result.UNKNOWN:
        return other, reason
    return Result.UNKNOWN, f"two judges disagree: {own_reason}, but {reason}"


def _judged_elsewhere(
    digest: str, inquiry: Inquiry, named: dict[str, str]
) -> tuple[Result, str]:
    """Take over what a linked-data processor found out about a proof."""
    check = inquiry.proof_check(digest)
    if not isinstance(check, ProofCheck):
        return Result.UNKNOWN, check
    named["judged_by"] = check.by
    return check.result, check.reason


def _validity_period(document: SecuredDocument, at: datetime) -> Finding:
    return within(document.starts, document.ends, at)


def within(starts: Iterable[Bound], ends: Iterable[Bound], at: datetime) -> Finding:
    """Find out whether `at` lies within the dates that are stated."""
    starts, ends = tuple(starts), tuple(ends)
    named = {
        bound.name: bound.at.isoformat() if bound.at else "unreadable"
        for bound in (*starts, *ends)
    }

    def found(result: Result, reason: str) -> Finding:
        return Finding("validity_period", result, reason, named)

    for bound in (*starts, *ends):
        if bound.at is None:
            return found(Result.INVALID, f"{bound.name} is not a date that can be read")
    for bound in starts:
        if bound.at and at < bound.at:
            reason = f"not valid before {bound.at.isoformat()} ({bound.name})"
            return found(Result.INVALID, reason)
    for bound in ends:
        if bound.at and bound.at <= at:
            reason = f"expired at {bound.at.isoformat()} ({bound.name})"
            return found(Result.INVALID, reason)
    if not ends:
        return found(Result.VALID, "it states no end of its validity")
    return found(Result.VALID, "the moment of judgement lies within its dates")


def _holder_binding(
    document: SecuredDocument, binding: Binding | None, at: datetime
) -> Finding:
    presented = document.sd_jwt
    is_bound = "cnf" in document.claims

    def found(result: Result, reason: str) -> Finding:
        return Finding("holder_binding", result, reason)

    if presented is None or (presented.key_binding is None and not binding):
        if is_bound:
            reason = "the credential is bound to a holder's key, who was not asked"
            return found(Result.UNKNOWN, reason)
        if binding:
            return found(Result.INVALID, "a holder's proof is asked, none can be given")
        return found(Result.NOT_APPLICABLE, "whoever has the credential may show it")
    fault = key_binding.fault(presented, to=binding, at=at)
    if fault:
        return found(Result.INVALID, fault)
    return found(Result.VALID, "the holder signed this presentation")


def _time_evidence(document: SecuredDocument) -> Finding:
    stated = next((p.signed_at for p in document.proofs if p.signed_at), None)
    evidence: dict[str, Any] = {"level": "T0"}
    if stated:
        evidence["signed_at"] = stated.astimezone(UTC).isoformat()
    return Finding(
        "time_evidence",
        Result.UNKNOWN,
        "T0: when it was signed is stated by the signer only",
        evidence,
    )


def together(name: str, found: list[Finding]) -> Finding:
    """Make one finding of several by AND, with the reasons of those that decide."""
    if len(found) == 1:
        return found[0]
    result = worst(one.result for one in found)
    reasons = [one.reason for one in found if one.result == result]
    if len(reasons) > _SAID:
        reasons = [*reasons[:_SAID], f"and {len(reasons) - _SAID} more"]
    evidence = [
        {"result": str(one.result), "reason": one.reason, **one.evidence}
        for one in found
    ]
    waits_for = next(one.waits_for for one in found if one.result == result)
    return Finding(name, result, "; ".join(reasons), {"each": evidence}, waits_for)
