"""What messages say: the vocabulary of bodies, and the bodies not about records.

Bodies ignore members they do not know, so that a minor version can add some; what they
do know has one form. Values that another module gives meaning to (DCQL, ODRL) stay
plain JSON here. Whether what is said may be said, by this peer and in this thread, is
not asked here either: a deadline of ten minutes is a well-formed one.

Bodies about records are in `protocol.exchange.record_bodies`. Follows LRX 1.0, sections
"Message catalogue" and "JSON examples".
"""

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from protocol.identity.dids import Did
from protocol.identity.multibase import from_base64url

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def _spelt(pattern: re.Pattern[str]) -> BeforeValidator:
    """Refuse the spellings of a time that pydantic takes and the protocol does not.

    A `date` or `datetime` passes: it was made inside.
    """

    def check(value: object) -> object:
        is_text = isinstance(value, str) and pattern.fullmatch(value)
        if not is_text and not isinstance(value, date):
            raise ValueError("not a time as RFC 3339 writes it")
        return value

    return BeforeValidator(check)


Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""A UUIDv7 in 32 hex digits, compared byte for byte."""
Digest = Annotated[str, Field(pattern=r"^sha-256:[A-Za-z0-9_-]{43}$")]
Moment = Annotated[AwareDatetime, _spelt(_MOMENT)]
Day = Annotated[date, _spelt(_DAY)]
Seconds = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=0)]
Version = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
"""A code, role, purpose, key of a table: short, and never empty."""
Line = Annotated[str, Field(max_length=2000)]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Texts = dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{2,35}$")], Line]
"""The same text by language (BCP 47)."""
Fields = dict[Name, tuple[tuple[str | Annotated[int, Field(ge=0)] | None, ...], ...]]
"""Claims paths of the record model, by item."""
FindingResult = Literal["valid", "invalid", "unknown", "not-applicable"]


class Part(BaseModel):
    """The base of everything inside a body."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Body(Part):
    """The base of all bodies."""

    pad: Annotated[str, Field(pattern=r"^0{0,1023}$")] = ""
    """Makes the length of the message a multiple of 1024."""


class AttachmentData(Part):
    """Content of an attachment: octets, JSON, or links to where it lies."""

    base64: str | None = None
    """Base64url without padding."""
    json_: Any = Field(default=None, alias="json")
    links: tuple[str, ...] | None = None
    hash: str | None = None

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        given = self.model_fields_set & {"base64", "json_", "links"}
        if len(given) != 1:
            raise ValueError("exactly one of base64, json, links")
        return self


class Attachment(Part):
    """Something sent along with a message."""

    id: Name
    media_type: Name
    byte_count: Count | None = None
    data: AttachmentData

    def octets(self) -> bytes | None:
        """Return the octets sent inline, or None where there are none."""
        if self.data.base64 is None:
            return None
        return from_base64url(self.data.base64)


class Organisation(Part):
    """Who introduces itself."""

    legal_name: Name
    country: Country
    roles: tuple[Name, ...] = Field(min_length=1)


class Requests(Part):
    """What a node asks to be trusted for."""

    roles: tuple[Name, ...]
    purposes: tuple[Name, ...] = ()
    max_queries_per_day: Count | None = None


class Privacy(Part):
    """The privacy law a node is under, and whom to ask about it."""

    jurisdiction: Country
    regimes: tuple[Name, ...] = ()
    notice: Line | None = None
    contact: Line | None = None


class PeerIntroduce(Body):
    """Who I am, and what I ask to be trusted for; credentials are attached."""

    organisation: Organisation
    requests: Requests
    privacy: Privacy
    contact: dict[Name, Line] = Field(default_factory=dict)
    profile: Line


class PeerTerms(Part):
    """What a peer is trusted for."""

    roles: tuple[Name, ...]
    purposes: tuple[Name, ...] = ()
    max_queries_per_day: Count | None = None
    max_pending_per_learner: Count | None = None
    review_by: Day | None = None


class Basis(Part):
    """A credential a decision rests on."""

    anchor: Did
    credential: Name
    checked: Moment


class PeerDecision(Body):
    """The answer to an introduction; own credentials are attached."""

    decision: Literal["accepted", "limited", "pending", "refused"]
    terms: PeerTerms | None = None
    basis: tuple[Basis, ...] = ()
    reason: Line | None = None


class PeerNotice(Body):
    """Something about the sender has changed."""

    event: Literal[
        "keys-rotated",
        "endpoint-moved",
        "suspended",
        "resumed",
        "ended",
        "compromised",
    ]
    effective: Moment
    did_version: Name | None = None
    retired: tuple[Name, ...] = ()
    """Fragments of verification methods that no longer count."""
    active: tuple[Name, ...] = ()
    reason: Line | None = None


class PeerSync(Body):
    """A request to resend everything after an id, or (in a thread) its answer."""

    since: Id | None = None
    """None asks for everything."""
    reason: Line | None = None
    resent: tuple[Id, ...] = ()
    returned: tuple[Id, ...] = ()
    gone: tuple[Id, ...] = ()
    more: Flag = False


class ConsentChanged(Body):
    """A consent ended or became narrower, and what is asked of the recipient."""

    basis: Literal[
        "withdrawn",
        "narrowed",
        "expired",
        "learner-request",
        "retention-ended",
        "unlawful",
    ]
    consent_id: Id
    version: Version
    effective: Moment
    deliveries: tuple[Id, ...]
    requested: Literal["delete", "stop", "restrict"]
    respond_by: Day


class Retained(Part):
    """What a recipient keeps, on what ground and how long."""

    fields: Fields
    legal_basis: Line
    until: Day | None = None


class ErasedDelivery(Part):
    """What became of one delivery."""

    delivery_id: Id
    result: Literal["deleted", "partly-deleted", "retained"]
    completed_at: Moment
    backups_clear_by: Day | None = None
    onward: tuple[Name, ...] = ()
    """Recipients the request was passed on to."""
    retained: Retained | None = None


class ErasureReport(Body):
    """What the recipient did about a request to delete, or unasked when it was due."""

    consent_id: Id
    results: tuple[ErasedDelivery, ...] = Field(min_length=1, max_length=256)


class ProblemReport(Body):
    """Something is wrong with a thread (Report Problem 2.0 of DIDComm)."""

    code: Annotated[str, Field(pattern=r"^[ew]\.[a-z0-9.-]{1,100}$")]
    comment: Line = ""
    args: tuple[Line, ...] = Field(default=(), max_length=16)
    escalate_to: Line | None = None
