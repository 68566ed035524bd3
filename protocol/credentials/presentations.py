"""Presentations: what a holder shows of credentials, and the holder's proof over it.

The proof of a presentation says who shows it, to whom and when; it says nothing about
the credentials in it, of which each is judged by itself. A presentation is verified
like a credential: pure, and what would have to be fetched is named in `wants`.

Follows Verifiable Credentials Data Model v2.0, section "Verifiable Presentations" (and
reads presentations of 1.1), and Securing Verifiable Credentials using JOSE and COSE.
The media type decides: `application/vp+jwt` must not have a claim `vp`, the former
`application/jwt` has everything in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from protocol import securing
from protocol.credentials import envelopes
from protocol.credentials.enveloping import header_of, open_envelope
from protocol.credentials.findings import (
    Evidence,
    Finding,
    Inquiry,
    Overall,
    Result,
    Want,
    is_same,
    overall_of,
)
from protocol.credentials.form import presentation_faults
from protocol.credentials.model import Bound, bounds
from protocol.credentials.proofs import StatedProof, proofs_of
from protocol.credentials.verification import judge, together, within
from protocol.errors import DidError, ProtocolError, SecuringError
from protocol.identity.dids import Did, DidHistory
from protocol.linked_data.jcs import canonical, parse_strict

PURPOSE: Final = "authentication"
REQUIRED = (
    "integrity",
    "key_at_signing",
    "holder_binding",
    "validity_period",
    "schema",
)
"""The findings about a presentation itself, all of which must be good."""
MAXIMUM_CREDENTIALS = 64
"""Credentials in one presentation."""

_TYPE = "VerifiablePresentation"
_ENVELOPED: Final = "EnvelopedVerifiablePresentation"
_ENVELOPED_CREDENTIAL: Final = "EnvelopedVerifiableCredential"


@dataclass(frozen=True, slots=True)
class Contained:
    """A credential as it lies in a presentation."""

    octets: bytes
    media_type: str | None
    """What the presentation says it is; None where it does not say."""
    fault: str | None = None
    """Why it cannot be read, and then there are no octets."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """A presentation that could be read; nothing is verified yet."""

    octets: bytes
    media_type: str
    claims: Mapping[str, Any]
    proofs: tuple[StatedProof, ...]

    @property
    def holder_id(self) -> str:
        """Who the presentation says shows it; empty if it does not."""
        stated = self.claims.get("holder")
        if isinstance(stated, Mapping):
            stated = stated.get("id")
        return stated if isinstance(stated, str) else ""

    @property
    def contained(self) -> tuple[Contained, ...]:
        """The credentials in it, in their order."""
        stated = self.claims.get("verifiableCredential", [])
        listed = stated if isinstance(stated, list) else [stated]
        return tuple(map(_contained, listed[:MAXIMUM_CREDENTIALS]))

    @property
    def bounds(self) -> tuple[tuple[Bound, ...], tuple[Bound, ...]]:
        """The dates before which, and from which on, its proof does not count."""
        ends = [Bound("proof.expires", p.expires) for p in self.proofs if p.expires]
        return bounds(self.claims, ("nbf",)), (*bounds(self.claims, ("exp",)), *ends)


@dataclass(frozen=True, slots=True)
class Shown:
    """What was found out about a presentation itself."""

    presentation: Presentation
    findings: Mapping[str, Finding] = field(default_factory=dict)
    wants: tuple[Want, ...] = ()

    @property
    def overall(self) -> Overall:
        """Judge the presentation, without what is in it."""
        return overall_of(self.findings, REQUIRED)


def is_presentation(octets: bytes, media_type: str | None = None) -> bool:
    """Tell whether a document is a presentation, as far as can be seen from outside."""
    if media_type is not None:
        essence = media_type.partition(";")[0].strip().lower()
        if essence.startswith("application/vp"):
            return True
        if essence.startswith(("application/vc", "application/dc")):
            return False
    try:
        read(octets, media_type)
    except ProtocolError:
        return False
    return True


def read(octets: bytes, media_type: str | None = None) -> Presentation:
    """Read a presentation, of the given media type or of whichever it looks like.

    Raises:
        MalformedValueError: not UTF-8, or not JSON with one meaning.
        SecuringError: no presentation.
    """
    text = securing.as_text(octets)
    mechanism = securing.mechanism_of(text, media_type)
    if mechanism == "data-integrity":
        return _of_object(octets, parse_strict(text.encode()))
    if mechanism != "cose":
        typ = str(header_of(text).get("typ", "")).removeprefix("application/")
        if typ.startswith(("vc+", "dc+")):
            raise SecuringError(f"a {typ}, which is no presentation")
    opened = open_envelope(text, mechanism, "vp", media_type)
    if _TYPE not in _types(opened.claims):
        raise SecuringError(f"an envelope around no {_TYPE}")
    _refuse_both(opened.claims)
    return Presentation(octets, opened.media_type, opened.claims, (opened.proof,))


def verify(
    presentation: Presentation,
    *,
    evidence: Evidence,
    at: datetime,
    challenge: str | None = None,
    domain: str | None = None,
) -> Shown:
    """Find out whether a holder made `presentation`, for whoever asked for it.

    `challenge` and `domain` are what the holder was asked to sign; without them the
    proof is judged by itself, for whomever it was made.
    """
    inquiry = Inquiry(evidence, at)
    holder, history = _holder(presentation, inquiry)
    judged = [
        judge(proof, history, inquiry, issued_at=at, purpose=PURPOSE)
        for proof in presentation.proofs
    ]
    if judged:
        integrity = together("integrity", [one for one, _ in judged])
        key = together("key_at_signing", [one for _, one in judged])
    else:
        reason = "the presentation carries no proof"
        integrity = Finding("integrity", Result.INVALID, reason)
        key = Finding("key_at_signing", Result.UNKNOWN, reason, waits_for="integrity")
    faults = list(presentation_faults(presentation.claims, presentation.media_type))
    stated = presentation.claims.get("verifiableCredential")
    if isinstance(stated, list) and len(stated) > MAXIMUM_CREDENTIALS:
        faults.append(f"{len(stated)} credentials, more than {MAXIMUM_CREDENTIALS}")
    form = Finding("schema", Result.VALID, "it has what VC Data Model requires")
    if faults:
        form = Finding("schema", Result.INVALID, "; ".join(faults))
    found = (
        integrity,
        key,
        _binding(presentation, holder, challenge, domain),
        within(*presentation.bounds, at),
        form,
    )
    findings = {finding.name: finding for finding in found}
    return Shown(presentation, findings, tuple(inquiry.wants))


def _of_object(octets: bytes, document: Any) -> Presentation:
    if not isinstance(document, dict) or "@context" not in document:
        raise SecuringError("a JSON document that is not a presentation")
    if envelopes.is_enveloped(document, _ENVELOPED):
        inner, media_type = envelopes.open_envelope(document, _ENVELOPED)
        if media_type in ("application/vp", "application/vp+ld+json") or (
            inner.lstrip()[:1] == b"{"
        ):
            raise SecuringError("an envelope around what is secured without one")
        return read(inner, media_type)
    if _TYPE not in _types(document):
        raise SecuringError("a JSON document that is not a presentation")
    _refuse_both(document)
    known_as = "application/vp"
    return Presentation(octets, known_as, document, proofs_of(document, PURPOSE))


def _contained(stated: Any) -> Contained:
    if isinstance(stated, str):
        return Contained(stated.encode(), "application/jwt")
    if not isinstance(stated, dict):
        return Contained(b"", None, "what stands for a credential is not an object")
    if not envelopes.is_enveloped(stated, _ENVELOPED_CREDENTIAL):
        try:
            return Contained(canonical(stated), "application/vc")
        except ProtocolError as error:
            return Contained(b"", None, str(error))
    try:
        return Contained(*envelopes.open_envelope(stated, _ENVELOPED_CREDENTIAL))
    except SecuringError as error:
        return Contained(b"", None, str(error))


def _refuse_both(claims: Mapping[str, Any]) -> None:
    """Refuse what is a credential, too: its holder vouches for nothing in it."""
    if "VerifiableCredential" in _types(claims):
        raise SecuringError("a document that is a credential and a presentation")


def _types(claims: Mapping[str, Any]) -> list[Any]:
    stated = claims.get("type")
    return stated if isinstance(stated, list) else [stated]


def _holder(
    presentation: Presentation, inquiry: Inquiry
) -> tuple[Finding, DidHistory | None]:
    """Find out who shows it: the holder it names, or else whoever signed."""

    def found(result: Result, reason: str) -> tuple[Finding, None]:
        return Finding("holder_binding", result, reason), None

    named = (proof.verification_method for proof in presentation.proofs)
    signers = {url.did for url in named if url}
    stated = presentation.holder_id
    if not stated and not signers:
        return found(Result.UNKNOWN, "neither a holder nor a key of one is named")
    try:
        holder = Did(stated) if stated else min(signers)
    except DidError:
        return found(Result.UNKNOWN, f"the holder {stated} is not a DID")
    if not all(is_same(signer, holder) for signer in signers):
        return found(Result.INVALID, f"the holder is {holder}, but another signed")
    history = inquiry.history(holder)
    if isinstance(history, str):
        return found(Result.UNKNOWN, history)
    return Finding("holder_binding", Result.VALID, f"{holder} signed it"), history


def _binding(
    presentation: Presentation,
    holder: Finding,
    challenge: str | None,
    domain: str | None,
) -> Finding:
    """Add to who signed it whether that was for whoever asked."""
    if holder.result != Result.VALID:
        return holder
    for proof in presentation.proofs:
        if challenge is not None and proof.challenge != challenge:
            reason = "the holder signed another challenge, or none"
            return Finding("holder_binding", Result.INVALID, reason)
        if domain is not None and domain not in proof.domain:
            reason = f"the holder did not sign for {domain}"
            return Finding("holder_binding", Result.INVALID, reason)
    return holder
