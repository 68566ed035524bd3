"""Whether a release is permitted: the one policy decision.

`permit` is a pure function of a snapshot, in which deny overrides and unknown means
deny. It looks at one consent, because consents are never added together: who twice
allowed a little has not allowed the sum. It gives every ground against a release, so
that the learner, the operator and the log see the same answer.

What is asked for and chosen is `dcql`; what the recipient must then do is `odrl`.
Reading the snapshot, and holding the database to the same rules, is for the node.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from protocol.credentials.claims_paths import Path, format_path
from protocol.exchange.jurisdiction import Ruling

ScopeField = tuple[str, Path]
"""A record id and a concrete unit of that record."""


class Purpose(StrEnum):
    """What the data may be used for; a consent and a release have exactly one."""

    ADMISSION = "admission"
    RECOGNITION_ASSESSMENT = "recognition-assessment"
    CREDIT_TRANSFER = "credit-transfer"
    EMPLOYMENT = "employment"
    LICENSING = "licensing"
    SCHOLARSHIP = "scholarship"
    IMMIGRATION = "immigration"
    PERSONAL_USE = "personal-use"


class Status(StrEnum):
    """The states of a consent version; expired and spent are derived, never stored."""

    REQUESTED = "requested"
    GRANTED = "granted"
    SUSPENDED = "suspended"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


class Denial(StrEnum):
    """Why a release is not permitted."""

    NO_CONSENT = "no-consent"
    NOT_GRANTED = "not-granted"
    NOT_YET = "not-yet"
    EXPIRED = "expired"
    SPENT = "spent"
    OTHER_LEARNER = "other-learner"
    OTHER_RECIPIENT = "other-recipient"
    OTHER_PURPOSE = "other-purpose"
    NO_FIELDS = "no-fields"
    OUT_OF_SCOPE = "out-of-scope"
    BEYOND_AMENDED = "beyond-amended"
    PEER = "peer"
    PEER_ROLE = "peer-role"
    PEER_PURPOSE = "peer-purpose"
    INSTITUTION = "institution"
    SOURCE_LAW = "source-law"
    RECIPIENT_LAW = "recipient-law"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Reason:
    """One ground of a denial."""

    denial: Denial
    detail: str = ""
    """What was found, without personal data."""


@dataclass(frozen=True, slots=True)
class ConsentVersion:
    """One version of one consent, as it stands in the database."""

    id: str
    version: int
    learner: str
    recipient: str
    purpose: str
    status: str
    not_before: datetime
    not_after: datetime
    max_uses: int
    uses: int
    """Releases made so far; amends do not count."""
    scope: frozenset[ScopeField]


@dataclass(frozen=True, slots=True)
class Release:
    """The disclosure somebody wants to make."""

    learner: str
    recipient: str
    purpose: str
    role: str
    """The role in which the recipient receives: one its peer terms must name."""
    fields: frozenset[ScopeField]
    amends: frozenset[ScopeField] | None = None
    """For a correction: the fields of the dispatched release that it corrects."""


@dataclass(frozen=True, slots=True)
class PeerTerms:
    """What was agreed with the recipient."""

    trusted: bool
    roles: frozenset[str]
    purposes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the decision looks at; what is None was not known, and denies."""

    release: Release
    consent: ConsentVersion | None
    peer: PeerTerms | None
    institution: Ruling | None
    source_law: Ruling | None
    recipient_law: Ruling | None
    holds: frozenset[str] | None
    """Names of the holds on the learner or a record of the release."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, with every ground against it, not only the first."""

    reasons: tuple[Reason, ...]

    @property
    def permitted(self) -> bool:
        """Whether nothing speaks against the release."""
        return not self.reasons


def permit(snapshot: Snapshot, *, at: datetime) -> Decision:
    """Decide whether a release may be made at the moment `at`."""
    consent, release = snapshot.consent, snapshot.release
    reasons: list[Reason] = []
    if not release.fields:
        reasons.append(Reason(Denial.NO_FIELDS))
    if consent is None:
        reasons.append(Reason(Denial.NO_CONSENT))
    else:
        reasons += _not_live(consent, amends=release.amends is not None, at=at)
        reasons += _not_covered(consent, release)
    reasons += _not_agreed(snapshot.peer, release)
    for denial, ruling in (
        (Denial.INSTITUTION, snapshot.institution),
        (Denial.SOURCE_LAW, snapshot.source_law),
        (Denial.RECIPIENT_LAW, snapshot.recipient_law),
    ):
        if ruling is None:
            reasons.append(Reason(denial, "not evaluated"))
        else:
            reasons += [
                Reason(denial, str(objection)) for objection in ruling.objections
            ]
    holds = ("unknown",) if snapshot.holds is None else sorted(snapshot.holds)
    reasons += [Reason(Denial.HOLD, hold) for hold in holds]
    return Decision(tuple(reasons))


def _not_live(
    consent: ConsentVersion, *, amends: bool, at: datetime
) -> Iterator[Reason]:
    if consent.status != Status.GRANTED:
        yield Reason(Denial.NOT_GRANTED, consent.status)
    if at < consent.not_before:
        yield Reason(Denial.NOT_YET)
    if at >= consent.not_after:
        yield Reason(Denial.EXPIRED)
    if not amends and consent.uses >= consent.max_uses:
        yield Reason(Denial.SPENT)


def _not_covered(consent: ConsentVersion, release: Release) -> Iterator[Reason]:
    if release.learner != consent.learner:
        yield Reason(Denial.OTHER_LEARNER)
    if release.recipient != consent.recipient:
        yield Reason(Denial.OTHER_RECIPIENT)
    if release.purpose != consent.purpose:
        yield Reason(Denial.OTHER_PURPOSE, release.purpose)
    # Compared field by field: a scope names concrete units, so that no wider path of a
    # release could pass for one of them.
    if outside := release.fields - consent.scope:
        yield Reason(Denial.OUT_OF_SCOPE, _listed(outside))
    if release.amends is not None and (outside := release.fields - release.amends):
        yield Reason(Denial.BEYOND_AMENDED, _listed(outside))


def _not_agreed(peer: PeerTerms | None, release: Release) -> Iterator[Reason]:
    if peer is None or not peer.trusted:
        yield Reason(Denial.PEER)
    if peer is None or release.role not in peer.roles:
        yield Reason(Denial.PEER_ROLE, release.role)
    if peer is None or release.purpose not in peer.purposes:
        yield Reason(Denial.PEER_PURPOSE, release.purpose)


def _listed(fields: Collection[ScopeField]) -> str:
    return " ".join(sorted({format_path(path) for _, path in fields}))


def beyond(stated: Mapping[str, Any], agreed: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the terms in which a recipient goes beyond what the learner agreed to.

    Both have the members of `recipient_terms`. To keep data longer, under another law,
    to pass it on to others, or to let a machine decide is beyond; less is not. What was
    not stated when the learner agreed was not agreed to.
    """
    names = []
    if stated["jurisdiction"] != agreed.get("jurisdiction"):
        names.append("jurisdiction")
    most = agreed.get("retention_days")
    if most is None or stated["retention_days"] > most:
        names.append("retention_days")
    if not set(stated.get("onward") or ()) <= set(agreed.get("onward") or ()):
        names.append("onward")
    if stated.get("automated_decision") and not agreed.get("automated_decision"):
        names.append("automated_decision")
    return tuple(names)
