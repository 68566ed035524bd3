"""The states of what nodes exchange, each course as a table of states and events.

A step that is not in a table is refused and changes nothing; the database refuses it
too. Five courses: a query at the source, one version of a consent, a delivery at the
recipient, a peer, an obligation.

Implements LRX 1.0, section "State machines", and for consent "Objects and the one
gate". Which event has happened, and whether it may, is decided elsewhere.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

from protocol.errors import UnexpectedMessageError


class Query(StrEnum):
    """Where a query stands at the source."""

    RECEIVED = "received"
    MATCHING = "matching"
    WAITING = "waiting"
    """For the timer: no match, a bad grant, not shown, refused, withdrawn. The asking
    side cannot tell which, nor this from `CONSENT_PENDING`."""
    CONSENT_PENDING = "consent-pending"
    GRANTED = "granted"
    RELEASING = "releasing"
    DELIVERED = "delivered"
    RECEIPTED = "receipted"
    CLOSED = "closed"


class QueryEvent(StrEnum):
    """What moves a query."""

    TAKE_UP = "take-up"
    NO_MATCH = "no-match"
    """Also: a bad grant, or more open queries than are shown to one learner."""
    ASK_LEARNER = "ask-learner"
    CONSENT = "consent"
    """The learner approved, or a consent given before covers the query."""
    REFUSE = "refuse"
    RELEASE = "release"
    DELIVER = "deliver"
    """The recipient's node answered the delivery with its 202."""
    RECEIPT = "receipt"
    CANCEL = "cancel"
    """The consent ended before anything was delivered, or delivery failed for good."""
    TIMER = "timer"
    """The deadline and a random delay have passed."""


class Consent(StrEnum):
    """The state of one version of a consent, as it is stored.

    Spent and expired are not states: they follow from the releases and the clock.
    """

    REQUESTED = "requested"
    GRANTED = "granted"
    SUSPENDED = "suspended"
    """After a restore without journal, until the learner confirms."""
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"


class ConsentEvent(StrEnum):
    """What moves a version of a consent."""

    GRANT = "grant"
    REFUSE = "refuse"
    SUSPEND = "suspend"
    CONFIRM = "confirm"
    WITHDRAW = "withdraw"
    SUPERSEDE = "supersede"


class Delivery(StrEnum):
    """Where a delivery stands at the recipient."""

    ABSENT = "absent"
    """Nothing received yet: a tombstone may come before the delivery it forbids."""
    RECEIVED = "received"
    VERIFIED = "verified"
    """Judged, whatever the findings."""
    ACTIVE = "active"
    DELETED = "deleted"
    RETAINED_IN_PART = "retained-in-part"
    TOMBSTONED = "tombstoned"


class DeliveryEvent(StrEnum):
    """What moves a delivery."""

    RECEIVE = "receive"
    VERIFY = "verify"
    ACTIVATE = "activate"
    """Stored for use, its obligations scheduled, its receipt sent."""
    DELETE = "delete"
    RETAIN_PART = "retain-part"
    TOMBSTONE = "tombstone"


class Peer(StrEnum):
    """Where the relationship with a peer stands."""

    INTRODUCED = "introduced"
    PENDING = "pending"
    """Checked as far as a machine can; the decision is open, here or there."""
    TRUSTED = "trusted"
    SUSPENDED = "suspended"
    """No new releases; receipts, reports and recovery still flow."""
    ENDED = "ended"


class PeerEvent(StrEnum):
    """What moves a relationship."""

    CHECK = "check"
    ACCEPT = "accept"
    """Accepted, in full or within limits."""
    REFUSE = "refuse"
    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"
    INTRODUCE = "introduce"
    """Introduced again, after a refusal or an end."""


class Obligation(StrEnum):
    """Where a duty of the recipient stands."""

    OPEN = "open"
    DONE = "done"
    OVERDUE = "overdue"
    REPORTED = "reported"


class ObligationEvent(StrEnum):
    """What moves an obligation."""

    FULFIL = "fulfil"
    LAPSE = "lapse"
    """Its due date passed."""
    REPORT = "report"


QUERY: Final[Mapping[Query, Mapping[QueryEvent, Query]]] = {
    Query.RECEIVED: {QueryEvent.TAKE_UP: Query.MATCHING},
    Query.MATCHING: {
        QueryEvent.NO_MATCH: Query.WAITING,
        QueryEvent.ASK_LEARNER: Query.CONSENT_PENDING,
        QueryEvent.CONSENT: Query.GRANTED,
    },
    # One way out for all that ends without a delivery: closed, at the timer.
    Query.WAITING: {QueryEvent.TIMER: Query.CLOSED},
    Query.CONSENT_PENDING: {
        QueryEvent.CONSENT: Query.GRANTED,
        QueryEvent.REFUSE: Query.WAITING,
        QueryEvent.TIMER: Query.CLOSED,
    },
    Query.GRANTED: {
        QueryEvent.RELEASE: Query.RELEASING,
        QueryEvent.CANCEL: Query.WAITING,
    },
    # A receipt may overtake the 202 of the delivery it is about.
    Query.RELEASING: {
        QueryEvent.DELIVER: Query.DELIVERED,
        QueryEvent.RECEIPT: Query.RECEIPTED,
        QueryEvent.CANCEL: Query.WAITING,
    },
    Query.DELIVERED: {QueryEvent.RECEIPT: Query.RECEIPTED},
    Query.RECEIPTED: {QueryEvent.DELIVER: Query.RECEIPTED},
    Query.CLOSED: {},
}

CONSENT: Final[Mapping[Consent, Mapping[ConsentEvent, Consent]]] = {
    Consent.REQUESTED: {
        ConsentEvent.GRANT: Consent.GRANTED,
        ConsentEvent.REFUSE: Consent.REFUSED,
    },
    Consent.GRANTED: {
        ConsentEvent.SUSPEND: Consent.SUSPENDED,
        ConsentEvent.WITHDRAW: Consent.WITHDRAWN,
        ConsentEvent.SUPERSEDE: Consent.SUPERSEDED,
    },
    Consent.SUSPENDED: {
        ConsentEvent.CONFIRM: Consent.GRANTED,
        ConsentEvent.WITHDRAW: Consent.WITHDRAWN,
        ConsentEvent.SUPERSEDE: Consent.SUPERSEDED,
    },
    Consent.REFUSED: {},
    Consent.WITHDRAWN: {},
    Consent.SUPERSEDED: {},
}

DELIVERY: Final[Mapping[Delivery, Mapping[DeliveryEvent, Delivery]]] = {
    Delivery.ABSENT: {
        DeliveryEvent.RECEIVE: Delivery.RECEIVED,
        DeliveryEvent.TOMBSTONE: Delivery.TOMBSTONED,
    },
    Delivery.RECEIVED: {
        DeliveryEvent.VERIFY: Delivery.VERIFIED,
        DeliveryEvent.TOMBSTONE: Delivery.TOMBSTONED,
    },
    Delivery.VERIFIED: {
        DeliveryEvent.ACTIVATE: Delivery.ACTIVE,
        DeliveryEvent.TOMBSTONE: Delivery.TOMBSTONED,
    },
    Delivery.ACTIVE: {
        DeliveryEvent.DELETE: Delivery.DELETED,
        DeliveryEvent.RETAIN_PART: Delivery.RETAINED_IN_PART,
        DeliveryEvent.TOMBSTONE: Delivery.TOMBSTONED,
    },
    Delivery.DELETED: {DeliveryEvent.TOMBSTONE: Delivery.TOMBSTONED},
    Delivery.RETAINED_IN_PART: {DeliveryEvent.TOMBSTONE: Delivery.TOMBSTONED},
    # A second withdrawal finds its work done; a late copy is refused.
    Delivery.TOMBSTONED: {DeliveryEvent.TOMBSTONE: Delivery.TOMBSTONED},
}

PEER: Final[Mapping[Peer, Mapping[PeerEvent, Peer]]] = {
    Peer.INTRODUCED: {PeerEvent.CHECK: Peer.PENDING},
    Peer.PENDING: {
        PeerEvent.ACCEPT: Peer.TRUSTED,
        PeerEvent.REFUSE: Peer.ENDED,
    },
    # Ending at once is suspending and ending; nothing is lost between the two.
    Peer.TRUSTED: {
        PeerEvent.SUSPEND: Peer.SUSPENDED,
        PeerEvent.END: Peer.ENDED,
    },
    Peer.SUSPENDED: {
        PeerEvent.RESUME: Peer.TRUSTED,
        PeerEvent.END: Peer.ENDED,
    },
    Peer.ENDED: {PeerEvent.INTRODUCE: Peer.INTRODUCED},
}

OBLIGATION: Final[Mapping[Obligation, Mapping[ObligationEvent, Obligation]]] = {
    Obligation.OPEN: {
        ObligationEvent.FULFIL: Obligation.DONE,
        ObligationEvent.LAPSE: Obligation.OVERDUE,
    },
    Obligation.DONE: {ObligationEvent.REPORT: Obligation.REPORTED},
    Obligation.OVERDUE: {ObligationEvent.REPORT: Obligation.REPORTED},
    Obligation.REPORTED: {},
}

_State = TypeVar("_State", bound=StrEnum)
_Event = TypeVar("_Event", bound=StrEnum)


def advance(
    table: Mapping[_State, Mapping[_Event, _State]], state: _State, event: _Event
) -> _State:
    """Return the state that follows `state` upon `event`.

    Raises:
        UnexpectedMessageError: the table has no such step.
    """
    try:
        return table[state][event]
    except KeyError:
        raise UnexpectedMessageError(f"{event} is not expected in {state}") from None
