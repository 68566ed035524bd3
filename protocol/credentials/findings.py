"""What verification finds, what it rests on, and what it still lacks.

A verification is never one yes or no: each finding stands on its own, with its reason
and its evidence, and a policy says which of them it needs (LRX 1.0, section
"Verification result"). What is unknown is never taken for good.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from protocol.credentials.model import SecuredDocument
from protocol.errors import DidError
from protocol.identity.dids import Did, DidHistory, resolve_offline
from protocol.linked_data.terms import Vocabulary

WantKind = Literal[
    "document", "did", "key", "status", "accreditation", "linked-data-proof", "work"
]
Overall = Literal["valid", "invalid", "undetermined"]


class Result(StrEnum):
    """What one finding comes to."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


AUTHENTICITY = (
    "integrity",
    "issuer_identified",
    "key_at_signing",
    "validity_period",
    "status_now",
    "schema",
)
"""Is it an authentic and current statement of its issuer?"""
PROOF = ("issuer_identified", "key_at_signing", "integrity")
"""What must be valid before a document may make this node fetch anything, the causes
before what follows from them."""
POLICIES: Mapping[str, tuple[str, ...]] = {
    "authenticity": AUTHENTICITY,
    "recognition": (*AUTHENTICITY, "issuer_accredited_at_award"),
}
"""The findings each policy requires."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found out, or not."""

    name: str
    result: Result
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What the result rests on, fit for JSON."""
    waits_for: str = ""
    """The finding that must be known first, where that is why this one is unknown."""

    @property
    def passes(self) -> bool:
        """Tell whether a policy that requires it is content."""
        return self.result in (Result.VALID, Result.NOT_APPLICABLE)


@dataclass(frozen=True, slots=True)
class Want:
    """Something that must be obtained before more can be found out."""

    kind: WantKind
    id: str
    """A DID, a key that no known version of a DID document has, the URL of a status
    list, the DID an accreditation is about, or the digest of a linked-data proof with
    what it is about (`StatedProof.digest`). For `work` the mechanism that needs more
    of it than the vocabulary in the evidence allows."""


@dataclass(frozen=True, slots=True)
class ProofCheck:
    """What somebody else's code found out about one proof, and only about that."""

    result: Result
    reason: str
    by: str
    """Its name and version."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything gathered so far; the same evidence always gives the same findings."""

    histories: Mapping[str, DidHistory] = field(default_factory=dict)
    """By DID."""
    status_lists: Mapping[str, bytes] = field(default_factory=dict)
    """Status list credentials by URL."""
    documents: Mapping[str, bytes] = field(default_factory=dict)
    """Documents of issuers that have no DID, by URL."""
    accreditations: Collection[bytes] = ()
    """Credentials that say who may say what, in any order; none is trusted unseen."""
    proof_checks: Mapping[str, ProofCheck] = field(default_factory=dict)
    """Of linked-data proofs, which need a processor this package does not have, by
    digest."""
    vocabulary: Vocabulary | None = None
    """What linked data is read with; without it no proof over a graph is judged."""
    resources: Mapping[str, Collection[bytes]] = field(default_factory=dict)
    """What documents refer to with a digest, by URL."""
    unobtainable: Mapping[Want, str] = field(default_factory=dict)
    """What could not be had, and why."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found out about one document."""

    document: SecuredDocument
    findings: Mapping[str, Finding]
    wants: tuple[Want, ...] = ()
    """What would tell more; without those known to be unobtainable."""

    def overall(self, policy: str) -> Overall:
        """Judge by a policy: valid only if all it requires is known to be good.

        Raises:
            KeyError: no such policy.
        """
        return overall_of(self.findings, POLICIES[policy])

    def missing(self, policy: str) -> tuple[str, ...]:
        """Say which required findings are unknown, each with its reason.

        What only waits for another finding that is unknown, too, is left out.
        """
        return tuple(
            f"{name}: {finding.reason}" if finding else name
            for name in POLICIES[policy]
            if not (finding := self.findings.get(name))
            or (finding.result == Result.UNKNOWN and not self._waits(finding))
        )

    def _waits(self, finding: Finding) -> bool:
        first = self.findings.get(finding.waits_for)
        return first is not None and first.result == Result.UNKNOWN


def overall_of(findings: Mapping[str, Finding], required: Iterable[str]) -> Overall:
    """Judge by what is required: valid only if all of it is known to be good."""
    found = [findings.get(name) for name in required]
    if any(one and one.result == Result.INVALID for one in found):
        return "invalid"
    if all(one and one.passes for one in found):
        return "valid"
    return "undetermined"


@dataclass(slots=True)
class Inquiry:
    """One course of questions: what is looked up, as of when, and what was lacking."""

    evidence: Evidence
    at: datetime
    wants: dict[Want, None] = field(default_factory=dict)

    def history(self, did: Did) -> DidHistory | str:
        """Return the versions of a DID's document, or why they are not to be had."""
        try:
            document = resolve_offline(did)
        except DidError as error:
            return str(error)
        if document is not None:
            return DidHistory.of_document(document, datetime.min.replace(tzinfo=UTC))
        history = self.evidence.histories.get(did)
        if history is None:
            return self.lack(Want("did", did))
        if did not in history.dids and not is_same(did, history.did):
            return f"what was found for {did} is the history of another DID"
        return history

    def status_list(self, url: str) -> bytes | str:
        """Return a status list credential, or why it is not to be had."""
        octets = self.evidence.status_lists.get(url)
        return self.lack(Want("status", url)) if octets is None else octets

    def document(self, url: str) -> bytes | str:
        """Return a document at a URL of an issuer's, or why it is not to be had."""
        octets = self.evidence.documents.get(url)
        return self.lack(Want("document", url)) if octets is None else octets

    def proof_check(self, digest: str) -> ProofCheck | str:
        """Return what was found about a linked-data proof, or why nothing was."""
        found = self.evidence.proof_checks.get(digest)
        return self.lack(Want("linked-data-proof", digest)) if found is None else found

    def lack(self, want: Want) -> str:
        """Note that something is lacking and say so."""
        reason = self.evidence.unobtainable.get(want)
        if reason is not None:
            return f"{_NAMES[want.kind]} {want.id} could not be obtained: {reason}"
        self.wants[want] = None
        return f"{_NAMES[want.kind]} {want.id} has not been obtained"


_NAMES: Mapping[WantKind, str] = {
    "document": "the document at",
    "did": "the DID document of",
    "key": "a DID document with the key",
    "status": "the status list",
    "accreditation": "a statement about",
    "linked-data-proof": "a verdict on the linked-data proof",
    "work": "more work on",
}


def is_same(one: Did, other: Did) -> bool:
    """Tell whether two DIDs name one party, perhaps before and after it moved."""
    return one == other or (one.scid is not None and one.scid == other.scid)


def worst(results: Iterable[Result]) -> Result:
    """Combine by AND: one invalid makes all invalid, then one unknown all unknown."""
    found = set(results)
    for result in (Result.INVALID, Result.UNKNOWN, Result.VALID):
        if result in found:
            return result
    return Result.NOT_APPLICABLE
