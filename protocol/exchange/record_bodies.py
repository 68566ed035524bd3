"""What messages about records say: query, offer, delivery, receipt, change.

Follows LRX 1.0, sections "Message catalogue" and "JSON examples"; how bodies are read
is told in `protocol.exchange.bodies`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from protocol.exchange.bodies import (
    Body,
    Count,
    Country,
    Day,
    Digest,
    Fields,
    FindingResult,
    Flag,
    Id,
    Line,
    Moment,
    Name,
    Part,
    Seconds,
    Texts,
    Version,
)
from protocol.identity.dids import Did


class Identifier(Part):
    """One identifier of a learner, in the register that `type` names."""

    type: Name
    value: Name


class SubjectByIdentifiers(Part):
    """A learner as the requester knows them."""

    match: Literal["identifiers"]
    given_name: Name | None = None
    family_name: Name | None = None
    birth_date: Day | None = None
    identifiers: tuple[Identifier, ...] = Field(default=(), max_length=16)


class SubjectByGrant(Part):
    """A learner who created a grant and handed out its code."""

    match: Literal["grant"]
    grant: Name


class Purpose(Part):
    """What the data is for."""

    code: Name
    reference: Name | None = None
    legal_basis: Name | None = None
    text: Texts = Field(default_factory=dict)


class RecipientTerms(Part):
    """What a recipient does with what it receives."""

    jurisdiction: Country
    regimes: tuple[Name, ...] = ()
    retention_days: Count
    onward: tuple[Name, ...] = ()
    """To whom it passes data on."""
    automated_decision: Flag = False


class Accept(Part):
    """The formats a requester reads, the preferred one first."""

    formats: tuple[Name, ...] = Field(min_length=1, max_length=32)
    max_inline_bytes: Count | None = None


class LearnerRequest(Part):
    """The learner's application, as the requester holds it."""

    digest: Digest
    dated: Day


class RecordQuery(Body):
    """A request for fields of one learner's records."""

    subject: Annotated[
        SubjectByIdentifiers | SubjectByGrant, Field(discriminator="match")
    ]
    dcql: dict[str, Any]
    """As `protocol.exchange.consent` reads it."""
    purpose: Purpose
    recipient_terms: RecipientTerms
    accept: Accept
    deadline: Seconds
    learner_request: LearnerRequest | None = None


class RecordStatus(Body):
    """The query is closed, and nothing was delivered."""

    state: Literal["closed"]
    outcome: Literal["unavailable", "declined"]
    """`declined` only where the learner chose to have it said."""


class OfferedItem(Part):
    """One thing on offer; nothing of its content."""

    item_id: Name
    format: Name
    type: Name | None = None
    bytes: Count


class ConsentReference(Part):
    """The consent a message rests on."""

    id: Id
    version: Version
    policy_digest: Digest


class RecordOffer(Body):
    """The learner wants to send you this."""

    purpose: Name
    reference: Name | None = None
    items: tuple[OfferedItem, ...] = Field(min_length=1, max_length=64)
    consent: ConsentReference
    decide_by: Seconds


class RecordAnswer(Body):
    """The answer to an offer."""

    answer: Literal["accept", "decline"]
    items: tuple[Name, ...] = ()
    """Accepted ones."""
    terms: RecipientTerms | None = None
    reason: Line | None = None


class Release(Part):
    """The facts of one release."""

    release_id: Id
    amends: Id | None = None
    """The release whose content this one corrects."""
    consent_id: Id
    consent_version: Version
    policy_digest: Digest
    purpose: Name
    released_at: Moment
    fields: Fields


class ItemStatus(Part):
    """Where the status of an item is published."""

    type: Name
    list: Line
    index: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,9})$")]


class DeliveredItem(Part):
    """One delivered item; its octets are in the attachment it names."""

    item_id: Name
    attachment: Name
    format: Name
    type: Name | None = None
    issuer: Did | None = None
    digest: Digest
    """Of the octets of the item."""
    status: ItemStatus | None = None


class RecordDeliver(Body):
    """Items released to the recipient, under a policy."""

    delivery_id: Id
    release: Release
    policy: dict[str, Any]
    """ODRL agreement; `release.policy_digest` is the digest of its canonical form."""
    items: tuple[DeliveredItem, ...] = Field(min_length=1, max_length=64)
    blobs: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    """Items sent by reference, by attachment."""


class ReceivedItem(Part):
    """What the recipient found about one item."""

    item_id: Name
    digest: Digest
    result: Literal["accepted", "rejected"]
    checks: dict[Name, FindingResult] = Field(default_factory=dict)
    reason: Line | None = None


class AcceptedObligation(Part):
    """A duty of the policy, by its `uid`."""

    uid: Name
    accepted: Flag
    due: Day | None = None


class Checkpoint(Part):
    """The latest checkpoint of the sender's log."""

    origin: Name
    size: Count
    root: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$")]


class RecordReceipt(Body):
    """The signed receipt for one delivery or amendment."""

    delivery_id: Id
    message_digest: Digest
    received_at: Moment
    items: tuple[ReceivedItem, ...] = Field(min_length=1, max_length=64)
    obligations: tuple[AcceptedObligation, ...] = ()
    log: Checkpoint | None = None


class AmendedItem(Part):
    """A corrected or re-issued item."""

    item_id: Name
    kind: Literal["correction", "re-issue"]
    supersedes: Digest
    reason: Texts = Field(default_factory=dict)
    attachment: Name
    format: Name
    digest: Digest


class RecordAmend(Body):
    """Items that take the place of delivered ones, under a still live consent."""

    delivery_id: Id
    release: Release
    changes: tuple[AmendedItem, ...] = Field(min_length=1, max_length=64)


class ChangedItem(Part):
    """Something delivered that is no longer what it was."""

    item_id: Name
    digest: Digest
    kind: Literal["status", "corrected"]
    status: Literal["active", "suspended", "revoked"] | None = None
    effective: Moment
    reason: Name | None = None
    list: Line | None = None
    index: Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,9})$")] | None = None


class RecordChanged(Body):
    """What you hold changed; carries no data, and changes nothing by itself."""

    delivery_id: Id
    items: tuple[ChangedItem, ...] = Field(min_length=1, max_length=64)
    hint: Name | None = None
