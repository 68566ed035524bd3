"""Which key made a proof, and might it sign such documents when it did?

A key may be gone from the DID document by now and still be good for what it signed; it
may be there and never have been meant for credentials; it may have been given up since,
and then only time evidence tells whether a document is older than that. Follows LRX
1.0, sections "DIDs" and "Verification result" ("A ten-year-old diploma").
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from protocol.credentials.findings import Finding, Result
from protocol.credentials.proofs import StatedProof, as_moment
from protocol.identity.dids import (
    OFFLINE,
    DidDocument,
    DidHistory,
    DidUrl,
    Relationship,
)
from protocol.identity.keys import VerificationKey

PURPOSE: Final = "assertionMethod"

ITS_OWN_KEY = OFFLINE
"""DID methods whose document follows from the DID itself, for ever."""


def key_at_signing(
    proof: StatedProof,
    *,
    issued_at: datetime | None,
    history: DidHistory | None,
    at: datetime,
    purpose: Relationship = PURPOSE,
) -> tuple[VerificationKey | None, Finding]:
    """Return the key a proof names, and whether it might sign at the time.

    The key is returned also if it might not, so that the proof can be judged apart.
    `issued_at` stands in for the time of signing where the proof does not state it.
    """
    url = proof.verification_method
    if url is None or history is None:
        what = f"it is not known what {url} was" if url else "the proof names no key"
        first = "issuer_identified" if url else "integrity"
        return None, Finding(
            "key_at_signing", Result.UNKNOWN, what, {"key": url}, waits_for=first
        )
    signed_at = proof.signed_at or issued_at
    evidence: dict[str, Any] = {"key": str(url)}
    if signed_at:
        evidence["signed_at"] = signed_at.isoformat()
        evidence["stated_in"] = "the proof" if proof.signed_at else "the document"
    question = _Question(url, signed_at, history, purpose, evidence)
    return question.key(), question.answer(at)


@dataclass(slots=True)
class _Question:
    """Might this key sign at this time?"""

    url: DidUrl
    signed_at: datetime | None
    history: DidHistory
    purpose: Relationship
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def documents(self) -> Sequence[DidDocument]:
        return [version.document for version in self.history.versions]

    def key(self) -> VerificationKey | None:
        """Find the key itself, whatever it may be used for."""
        for document in self.documents:
            method = document.methods.get(self.url)
            if method and isinstance(method.key, VerificationKey):
                return method.key
        return None

    def answer(self, at: datetime) -> Finding:
        """Judge, as of the moment `at`."""
        if self.history.did.method in ITS_OWN_KEY:
            document: DidDocument | Finding = self.documents[0]
        else:
            document = self._document_then(at)
        if isinstance(document, Finding):
            return document
        if document.key_for(self.url, self.purpose):
            return self._given_up() or self._found(
                Result.VALID, f"{self.url} was in {self.purpose} when it was signed"
            )
        return self._not_allowed(document)

    def _found(self, result: Result, reason: str) -> Finding:
        return Finding("key_at_signing", result, reason, self.evidence)

    def _document_then(self, at: datetime) -> DidDocument | Finding:
        """Return the document that counted at the time of signing."""
        if self.signed_at is None:
            return self._found(Result.UNKNOWN, "it is not stated when it was signed")
        when = self.signed_at.isoformat()
        if self.signed_at > at:
            reason = f"signed at {when}, after the moment of judgement"
            return self._found(Result.INVALID, reason)
        first = self.history.versions[0]
        document = self.history.at(self.signed_at)
        if self.history.scid is None and self.signed_at < first.at:
            # A did:web keeps no history: what was seen first is the oldest there is.
            document = first.document
        if document is None:
            reason = f"{self.history.did} had no document at {when}"
            return self._found(Result.INVALID, reason)
        for version in self.history.versions:
            if version.document is document:
                self.evidence["did_version"] = version.version_id
                self.evidence["did_version_at"] = version.at.isoformat()
        return document

    def _not_allowed(self, document: DidDocument) -> Finding:
        """Say why a document does not let the key sign credentials."""
        method = document.methods.get(self.url)
        if method is None:
            did = self.history.did
            if self.key() is None and not did.scid and did.method not in ITS_OWN_KEY:
                reason = f"{self.url} has never been seen in the DID document"
                return self._found(Result.UNKNOWN, reason)
            reason = f"{self.url} was not in the DID document when it was signed"
            return self._found(Result.INVALID, reason)
        if method.revoked:
            reason = f"{self.url} was revoked when it was signed"
            return self._found(Result.INVALID, reason)
        uses = [use for use, urls in document.relationships.items() if self.url in urls]
        if self.purpose in uses:
            reason = f"{self.url} is a key of a kind this node cannot use"
            return self._found(Result.UNKNOWN, reason)
        only = ", ".join(uses) or "none"
        reason = f"{self.url} was not in {self.purpose}, only in {only}"
        return self._found(Result.INVALID, reason)

    def _given_up(self) -> Finding | None:
        """Ask all versions whether the key had to be given up; None if it had not."""
        since = [
            _revoked_at(document, self.url)
            for document in self.documents
            if self.url in document.methods and document.methods[self.url].revoked
        ]
        if not since:
            return None
        moments = [one for one in since if one]
        if self.signed_at is None or len(moments) < len(since):
            reason = f"{self.url} was revoked, and it is not said when"
            return self._found(Result.INVALID, reason)
        first = min(moments)
        self.evidence["revoked"] = first.isoformat()
        if first <= self.signed_at:
            reason = f"{self.url} was revoked when it was signed"
            return self._found(Result.INVALID, reason)
        reason = (
            f"{self.url} was given up at {first.isoformat()}; that the document is "
            "older is stated by itself only"
        )
        return self._found(Result.UNKNOWN, reason)


def _revoked_at(document: DidDocument, url: DidUrl) -> datetime | None:
    stated = document.as_dict()
    methods = [*stated.get("verificationMethod", ()), *stated.get(PURPOSE, ())]
    found = (
        one.get("revoked")
        for one in methods
        if isinstance(one, dict) and one["id"] in (url, f"#{url.fragment}")
    )
    return as_moment(next(found, None))
