"""Two nodes introduce themselves, each checking the other up to a trust anchor.

A complete chain and standard purposes are accepted without asking; anything else waits
for the operator, who may accept it for what they know themselves (LRX 1.0,
"Introduction and trust check").
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import outbox
from node.context import NodeContext
from node.outbox import Peer
from node.store import audit, messages
from node.store import peers as peer_store
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.exchange import envelope, states
from protocol.exchange import messages as wire
from protocol.exchange.bodies import PeerDecision, PeerIntroduce
from protocol.exchange.messages import Attachment, Message, attach
from protocol.exchange.states import PeerEvent
from protocol.identity.dids import Did
from protocol.rules import statements

REVIEW_AFTER = timedelta(days=365)
MAX_IN_FLIGHT = 16
MAX_PENDING_PER_LEARNER = 3
QUERIES_PER_DAY = 200
BOTH_ROLES = ("source", "requester")
"""What a peer is to a node that introduced itself to it."""
ORGANISATION_TYPE = "application/vc+jwt"


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found about a peer's organisation credentials."""

    basis: tuple[dict[str, str], ...] = ()
    """Anchor, credential type and moment of each statement that holds."""
    reasons: tuple[str, ...] = ()
    """What is missing or wrong, in words."""
    result: str = "unknown"
    """`invalid` where the statements themselves say no, `unknown` where some lack."""

    @property
    def complete(self) -> bool:
        """Whether a chain of trust stands."""
        return bool(self.basis)


def peer_of(did: Did) -> Peer:
    """Return a peer under the key it is stored by."""
    return Peer(did.scid or str(did), did)


def introduce(
    connection: Connection,
    *,
    context: NodeContext,
    did: Did,
    purposes: Collection[str],
    at: datetime,
) -> str:
    """Introduce this node to `did`; return the message id."""
    peer = peer_of(did)
    settings = context.settings
    roles = _roles_asked(settings.roles)
    if peer_store.peer(connection, id=peer.id) is None:
        peer_store.add_peer(
            connection,
            id=peer.id,
            did=did,
            name={},
            state=states.Peer.INTRODUCED,
            roles=[],
            purposes=list(purposes),
            max_in_flight=MAX_IN_FLIGHT,
            at=at,
        )
    body = {
        "organisation": {
            "legal_name": settings.legal_name,
            "country": settings.country,
            "roles": list(settings.roles),
        },
        "requests": {
            "roles": roles,
            "purposes": list(purposes),
            "max_queries_per_day": QUERIES_PER_DAY,
        },
        "privacy": settings.privacy.model_dump(
            include={"jurisdiction", "regimes", "notice", "contact"}, mode="json"
        ),
        "contact": {"technical": settings.contact},
        "profile": f"{settings.origin}/.well-known/lrx",
    }
    composed = outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="peer/introduce",
        body=body,
        at=at,
        attachments=_own_credentials(connection, context),
    )
    return composed.id


def _roles_asked(roles: Collection[str]) -> list[str]:
    asked = [r for r in ("source", "requester") if r in roles]
    return asked or ["requester"]


def _own_credentials(connection: Connection, context: NodeContext) -> list[Attachment]:
    """Return the statements about this node and about those who made them."""
    return [
        attach(f"org{number}", ORGANISATION_TYPE, octets)
        for number, octets in enumerate(
            peer_store.organisation_credentials(connection, own=True), 1
        )
    ]


def take_introduction(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    checked: Checked,
    at: datetime,
) -> None:
    """Store who introduced itself, and decide if no person is needed for it."""
    body = message.body
    if not isinstance(body, PeerIntroduce):
        raise TypeError("not an introduction")
    peer = peer_of(message.from_)
    known = peer_store.peer(connection, id=peer.id)
    if known is None:
        peer_store.add_peer(
            connection,
            id=peer.id,
            did=message.from_,
            name={},
            state=states.Peer.INTRODUCED,
            roles=[],
            purposes=[],
            max_in_flight=MAX_IN_FLIGHT,
            at=at,
        )
    _keep_credentials(connection, message, at)
    standard = set(body.requests.purposes) <= set(context.settings.accept_purposes)
    peer_store.set_peer(
        connection,
        id=peer.id,
        name={
            "legal_name": body.organisation.legal_name,
            "country": body.organisation.country,
            "roles": list(body.organisation.roles),
        },
        their_terms={
            "requests": body.requests.model_dump(mode="json"),
            "privacy": body.privacy.model_dump(mode="json"),
            "introduction": message.id,
        },
        basis=list(checked.basis),
        reason="; ".join(checked.reasons) or None,
    )
    if known is not None and known.state == states.Peer.SUSPENDED:
        # Introducing itself again ends no suspension: that is for the operator.
        _decision(connection, context, peer, message.id, "pending", None, checked, at)
        return
    if known is not None and known.state == states.Peer.TRUSTED:
        # Introduced again: what was agreed stands, and is told again.
        _decision(
            connection,
            context,
            peer,
            message.id,
            "accepted",
            known.terms or _terms(known.purposes, known.roles, at),
            checked,
            at,
        )
        return
    if checked.complete and standard:
        accept(
            connection,
            context=context,
            peer_id=peer.id,
            purposes=body.requests.purposes,
            roles=body.requests.roles,
            thread=message.id,
            checked=checked,
            at=at,
        )
        return
    peer_store.set_peer(connection, id=peer.id, state=states.Peer.PENDING)
    _decision(connection, context, peer, message.id, "pending", None, checked, at)


def accept(
    connection: Connection,
    *,
    context: NodeContext,
    peer_id: str,
    purposes: Collection[str],
    roles: Collection[str],
    thread: str | None,
    checked: Checked,
    at: datetime,
) -> None:
    """Trust a peer for `purposes`, and tell it."""
    row = peer_store.peer(connection, id=peer_id)
    if row is None:
        raise NotFoundError("no such peer")
    granted = trusted(purposes, roles, at)
    peer_store.set_peer(connection, id=peer_id, **granted)
    _decision(
        connection,
        context,
        Peer(row.id, row.did),
        thread,
        "accepted",
        granted["terms"],
        checked,
        at,
    )


def decide(
    connection: Connection,
    *,
    context: NodeContext,
    peer: str,
    decision: str,
    purposes: tuple[str, ...],
    review_by: date | None,
    reason: str,
    by: str,
    at: datetime,
) -> None:
    """The operator's decision: `accepted`, `refused`, `suspended` or `resumed`.

    Raises:
        NotFoundError: no such peer.
        UnexpectedMessageError: not possible in the peer's state.
    """
    row = peer_store.peer(connection, id=peer)
    if row is None:
        raise NotFoundError("no such peer")
    event = {
        "accepted": PeerEvent.ACCEPT,
        "refused": PeerEvent.REFUSE,
        "suspended": PeerEvent.SUSPEND,
        "resumed": PeerEvent.RESUME,
        "ended": PeerEvent.END,
    }.get(decision)
    if event is None:
        raise UnexpectedMessageError(f"{decision} is not a decision")
    state = states.Peer(row.state)
    if event in {PeerEvent.ACCEPT, PeerEvent.REFUSE} and state in {
        states.Peer.INTRODUCED,
        states.Peer.TRUSTED,
    }:
        # A person may look before the machine did, and may change what was agreed.
        state = states.Peer.PENDING
    following = states.advance(states.PEER, state, event)
    thread = (row.their_terms or {}).get("introduction")
    if event is PeerEvent.ACCEPT:
        accept(
            connection,
            context=context,
            peer_id=peer,
            purposes=purposes,
            roles=("requester",) if not row.roles else row.roles,
            thread=thread,
            checked=Checked(tuple(row.basis or ())),
            at=at,
        )
    else:
        peer_store.set_peer(
            connection, id=peer, state=following, reason=reason, decided_at=at
        )
        if event is PeerEvent.REFUSE:
            _decision(
                connection,
                context,
                Peer(row.id, row.did),
                thread,
                "refused",
                None,
                Checked(),
                at,
            )
    audit.append(
        connection,
        vault=context.vault,
        kind="peer-decided",
        event={"peer": peer, "decision": decision, "by": by, "reason": reason},
        at=at,
    )


def trust(
    connection: Connection, *, context: NodeContext, peer: str, by: str, at: datetime
) -> None:
    """Trust a peer that accepted us, on the operator's own knowledge.

    Raises:
        NotFoundError: no such peer.
        UnexpectedMessageError: it did not answer, or is trusted already.
    """
    row = peer_store.peer(connection, id=peer)
    if row is None:
        raise NotFoundError("no such peer")
    following = states.advance(states.PEER, states.Peer(row.state), PeerEvent.ACCEPT)
    peer_store.set_peer(
        connection,
        id=peer,
        state=following,
        roles=list(BOTH_ROLES),
        purposes=row.purposes,
        terms=_terms(row.purposes, BOTH_ROLES, at),
        decided_at=at,
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="peer-decided",
        event={"peer": peer, "decision": "trusted", "by": by},
        at=at,
    )


def take_decision(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    checked: Checked,
    at: datetime,
) -> None:
    """Take a peer's answer; trust it in turn if its own chain stands."""
    body = message.body
    if not isinstance(body, PeerDecision):
        raise TypeError("not a decision")
    peer = peer_of(message.from_)
    row = peer_store.peer(connection, id=peer.id)
    asked = _asked(connection, context, peer, message.thid)
    if row is None or asked is None:
        raise NotFoundError("a decision on an introduction that was not sent")
    _keep_credentials(connection, message, at)
    changes: dict[str, Any] = {"basis": list(checked.basis) or row.basis}
    if body.terms:
        told = {"decision": body.terms.model_dump(mode="json")}
        changes["their_terms"] = (row.their_terms or {}) | told
    if checked.complete and not row.name:
        changes["name"] = _named(message)
    if row.state in {states.Peer.INTRODUCED, states.Peer.PENDING}:
        accepted = body.decision in {"accepted", "limited"}
        if accepted and checked.complete:
            agreed = [p for p in asked if _is_agreed(p, body)]
            changes |= trusted(agreed, BOTH_ROLES, at)
        elif accepted:
            changes |= {
                "state": states.Peer.PENDING,
                "reason": "; ".join(checked.reasons),
            }
        elif body.decision == "refused":
            changes |= {"state": states.Peer.ENDED, "reason": body.reason}
    peer_store.set_peer(connection, id=peer.id, **changes)
    audit.append(
        connection,
        vault=context.vault,
        kind="peer-answered",
        event={"peer": peer.id, "decision": body.decision},
        at=at,
    )


def trusted(
    purposes: Collection[str], roles: Collection[str], at: datetime
) -> dict[str, Any]:
    """Return what changes of a peer that is trusted for `purposes`."""
    return {
        "state": states.Peer.TRUSTED,
        "roles": list(roles),
        "purposes": list(purposes),
        "terms": _terms(purposes, roles, at),
        "decided_at": at,
    }


def _terms(
    purposes: Collection[str], roles: Collection[str], at: datetime
) -> dict[str, Any]:
    """Return what this node grants a peer it trusts."""
    return {
        "roles": list(roles),
        "purposes": list(purposes),
        "max_queries_per_day": QUERIES_PER_DAY,
        "max_pending_per_learner": MAX_PENDING_PER_LEARNER,
        "review_by": (at + REVIEW_AFTER).date().isoformat(),
    }


def _asked(
    connection: Connection, context: NodeContext, peer: Peer, thread: str | None
) -> list[str] | None:
    """Return the purposes of our introduction that began `thread`, if we sent one.

    Without it a peer could accept itself, for whatever it likes.
    """
    sent = messages.outgoing(connection, vault=context.vault, id=thread or "")
    if sent is None or sent.type != "peer/introduce" or sent.peer != peer.id:
        return None
    body = wire.reread(envelope.read(sent.jws).payload).body
    return list(body.requests.purposes) if isinstance(body, PeerIntroduce) else None


def _is_agreed(purpose: str, decision: PeerDecision) -> bool:
    return decision.terms is None or purpose in decision.terms.purposes


def _keep_credentials(connection: Connection, message: Message, at: datetime) -> None:
    for attachment in message.attachments:
        octets = attachment.octets()
        if attachment.media_type == ORGANISATION_TYPE and octets:
            peer_store.keep_organisation_credential(
                connection, octets=octets, own=False, at=at
            )


def _named(message: Message) -> dict[str, str]:
    """Return what the statements about the sender call it."""
    attached = [attachment.octets() for attachment in message.attachments]
    for statement in statements.read_all(filter(None, attached)):
        if statement.subject == message.from_ and statement.legal_name:
            return {
                "legal_name": statement.legal_name,
                "country": statement.country or "",
            }
    return {}


def _decision(
    connection: Connection,
    context: NodeContext,
    peer: Peer,
    thread: str | None,
    decision: str,
    terms: dict[str, Any] | None,
    checked: Checked,
    at: datetime,
) -> None:
    body: dict[str, Any] = {"decision": decision, "basis": list(checked.basis)}
    if terms is not None:
        body["terms"] = terms
    outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="peer/decision",
        body=body,
        at=at,
        thid=thread,
        attachments=_own_credentials(connection, context),
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="peer-decision-sent",
        event={"peer": peer.id, "decision": decision},
        at=at,
    )
