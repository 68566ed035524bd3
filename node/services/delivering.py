"""Sends what earlier transactions promised, and takes the answers.

Every attempt that carries learner data is a dispatch first (`node.gate`). Retries
follow LRX 1.0, section "Delivery semantics": only a signed answer changes anything;
one slow peer holds nobody else back.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import gate, mail, outbox
from node.context import NodeContext
from node.gate import Earlier
from node.holdings import Item, items_within
from node.outbox import Peer
from node.peers import Outcome
from node.store import audit, consents, credentials, exchanges, messages, people
from node.store import peers as peer_store
from protocol.credentials.record_model import vct
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.exchange import states
from protocol.exchange.bodies import ErasureReport
from protocol.exchange.messages import Message, policy_digest
from protocol.exchange.record_bodies import RecordAnswer, RecordReceipt
from protocol.exchange.states import QueryEvent

FIRST_RETRY = 30
"""Seconds; doubles up to `LAST_RETRY`, with a fifth of jitter either way."""
LAST_RETRY = 3600
LONGEST_WAIT = 86_400
"""Seconds; a peer may ask for no more, whatever its `Retry-After` says."""
DECIDE_WITHIN = timedelta(days=7)
CIRCUIT_OPENS_AFTER = 5
"""Failures in a row after which a peer is left alone until the next retry is due."""

_STOP = {400, 410, 413, 415}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an outcome means for the message."""

    state: str
    """`sent`, `queued` or `failed`."""
    wait: int = 0
    """Seconds until the next attempt."""
    alarm: str = ""


def judge(outcome: Outcome, attempts: int) -> Verdict:
    """Decide what follows from one attempt, the `attempts`-th."""
    if outcome.status == 202:  # noqa: PLR2004 - accepted
        return Verdict("sent")
    if outcome.status == 409 and outcome.code.endswith("replay"):  # noqa: PLR2004
        return Verdict("queued")
    if outcome.status in _STOP or (
        outcome.status == 409 and outcome.code.endswith("id-reuse")  # noqa: PLR2004
    ):
        return Verdict("failed", alarm=outcome.code)
    alarm = outcome.code if outcome.status in {403, 404, 421} else ""
    wait = min(FIRST_RETRY * 2 ** min(attempts - 1, 20), LAST_RETRY)
    wait += secrets.randbelow(2 * wait // 5 + 1) - wait // 5
    told = min(outcome.retry_after or 0, LONGEST_WAIT)
    return Verdict("queued", max(wait, told), alarm)


def record_outcome(
    connection: Connection,
    *,
    context: NodeContext,
    message: messages.Outgoing,
    outcome: Outcome,
    verdict: Verdict,
    at: datetime,
) -> None:
    """Write down what came of an attempt."""
    if verdict.state == "sent":
        messages.mark_sent(connection, id=message.id, at=at)
        if message.type == "record/deliver":
            _advance_query(connection, context, message.thread, QueryEvent.DELIVER)
    elif verdict.state == "failed":
        messages.mark_failed(
            connection,
            id=message.id,
            problem=f"{outcome.code} {outcome.detail}"[:500],
        )
        _cancel_query(connection, context, message)
        audit.append(
            connection,
            vault=context.vault,
            kind="delivery-failed",
            event={"message": message.id, "code": outcome.code},
            at=at,
        )
    else:
        messages.retry_later(
            connection,
            id=message.id,
            next_at=at + timedelta(seconds=verdict.wait),
            problem=f"{outcome.status} {outcome.code} {outcome.detail}"[:500],
        )


def give_up(
    connection: Connection, *, context: NodeContext, message: messages.Outgoing
) -> None:
    """Cancel a message whose consent ended before it could be sent."""
    messages.cancel(connection, id=message.id)
    _cancel_query(connection, context, message)


def _cancel_query(
    connection: Connection, context: NodeContext, message: messages.Outgoing
) -> None:
    """Let the timer close a query whose delivery will not be tried any more."""
    if message.type == "record/deliver":
        _advance_query(connection, context, message.thread, QueryEvent.CANCEL)


def take_receipt(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    jws: bytes,
    peer: Peer,
    at: datetime,
) -> None:
    """Keep the signed receipt of a delivery; it closes the exchange."""
    body = message.body
    if not isinstance(body, RecordReceipt):
        raise TypeError("not a receipt")
    delivery = exchanges.delivery_by_digest(
        connection, vault=context.vault, peer=peer.id, digest=body.message_digest
    )
    if delivery is None:
        raise NotFoundError("a receipt for something that was not sent")
    if delivery.receipt_id is not None:
        raise UnexpectedMessageError("the delivery has its receipt; the first stands")
    exchanges.set_receipt(
        connection,
        vault=context.vault,
        delivery_id=delivery.id,
        receipt_id=message.id,
        jws=jws,
    )
    _advance_query(connection, context, delivery.thread, QueryEvent.RECEIPT)
    consent = consents.consent(connection, consent_id=delivery.consent_id)
    learner_id = consent.learner if consent else None
    audit.append(
        connection,
        vault=context.vault,
        kind="receipt",
        event={
            "delivery": delivery.id,
            "message": message.id,
            "results": {item.item_id: item.result for item in body.items},
        },
        at=at,
        learner_id=learner_id,
    )
    person = (
        people.person_of_learner(connection, learner_id=learner_id)
        if learner_id
        else None
    )
    if person is not None:
        mail.enqueue(
            connection,
            context=context,
            person_id=person.id,
            kind="sent",
            path=f"/learner/consents/{delivery.consent_id}",
            at=at,
        )


def take_report(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    peer: Peer,
    at: datetime,
) -> None:
    """Keep what a recipient says it did about a withdrawal."""
    body = message.body
    if not isinstance(body, ErasureReport):
        raise TypeError("not a report")
    consent = consents.consent(connection, consent_id=body.consent_id)
    if consent is None or consent.recipient != peer.id:
        raise NotFoundError("a report about an unknown consent")
    for result in body.results:
        delivery = exchanges.delivery(
            connection, vault=context.vault, id=result.delivery_id, peer=peer.id
        )
        if delivery is None or delivery.consent_id != consent.id:
            raise NotFoundError("a report about something that was not sent")
        exchanges.set_delivery_state(
            connection, id=delivery.id, state=f"reported-{result.result}"
        )
    audit.append(
        connection,
        vault=context.vault,
        kind="erasure-report",
        event={
            "consent": body.consent_id,
            "results": [r.model_dump(mode="json") for r in body.results],
        },
        at=at,
        learner_id=consent.learner,
    )


def offer(
    connection: Connection,
    *,
    context: NodeContext,
    consent_id: str,
    reference: str | None,
    at: datetime,
) -> str:
    """Offer a peer what the learner consented to send; return the thread.

    Raises:
        NotFoundError: no such consent or peer.
    """
    consent = consents.consent(connection, consent_id=consent_id)
    row = peer_store.peer(connection, id=consent.recipient) if consent else None
    if consent is None or row is None:
        raise NotFoundError("no such consent")
    items = _items_of(connection, context, consent)
    terms = consents.terms(connection, consent_id=consent.id, version=consent.version)
    body: dict[str, Any] = {
        "purpose": consent.purpose,
        "items": [
            {
                "item_id": item.item_id,
                "format": "dc+sd-jwt",
                "type": vct(item.credential.kind),
                "bytes": len(item.credential.sd_jwt),
            }
            for item in items
        ],
        "consent": {
            "id": consent.id,
            "version": consent.version,
            "policy_digest": policy_digest(terms["policy"]),
        },
        "decide_by": int((at + DECIDE_WITHIN).timestamp()),
    }
    if reference:
        body["reference"] = reference
    composed = outbox.queue(
        connection,
        context=context,
        peer=Peer(row.id, row.did),
        kind="record/offer",
        body=body,
        at=at,
    )
    exchanges.add_offer(
        connection,
        vault=context.vault,
        id=composed.id,
        direction="out",
        peer=row.id,
        learner_id=consent.learner,
        consent_id=consent.id,
        state="offered",
        body=composed.payload,
        at=at,
        decide_by=at + DECIDE_WITHIN,
    )
    return composed.id


def take_answer(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    peer: Peer,
    at: datetime,
) -> None:
    """An offer was answered: deliver what was accepted."""
    body = message.body
    if not isinstance(body, RecordAnswer):
        raise TypeError("not an answer")
    row = exchanges.offer(connection, vault=context.vault, id=message.thread)
    if row is None or row.peer != peer.id or row.direction != "out":
        raise NotFoundError("an answer to nothing")
    if row.state != "offered":
        raise UnexpectedMessageError(f"the offer is {row.state}")
    if body.answer != "accept":
        exchanges.set_offer(connection, id=row.id, state="declined")
        return
    consent = consents.consent(connection, consent_id=row.consent_id or "")
    if consent is None:
        raise NotFoundError("the consent is gone")
    terms = consents.terms(connection, consent_id=consent.id, version=consent.version)
    if body.terms and not _within(body.terms.model_dump(), terms["recipient_terms"]):
        # Terms beyond what the learner saw: asked again, never stretched.
        exchanges.set_offer(connection, id=row.id, state="terms-not-covered")
        outbox.queue(
            connection,
            context=context,
            peer=peer,
            kind="report-problem",
            body={
                "code": "e.p.terms.not-covered",
                "comment": "The terms exceed what the learner consented to.",
            },
            at=at,
            pthid=row.id,
        )
        return
    items = [
        item
        for item in _items_of(connection, context, consent)
        if not body.items or item.item_id in body.items
    ]
    if not items:
        raise NotFoundError("an answer that accepts nothing of what was offered")
    gate.release(
        connection,
        context=context,
        consent=consent,
        peer=peer,
        items=items,
        thread=row.id,
        at=at,
    )
    exchanges.set_offer(connection, id=row.id, state="accepted")


def _within(answered: Mapping[str, Any], agreed: Mapping[str, Any]) -> bool:
    return (
        answered["retention_days"] <= agreed["retention_days"]
        and answered["jurisdiction"] == agreed["jurisdiction"]
        and set(answered["onward"]) <= set(agreed["onward"])
    )


def _items_of(
    connection: Connection, context: NodeContext, consent: consents.Consent
) -> list[Item]:
    """Return what a consent covers, one item for each record of its scope."""
    scope = consents.scope(connection, consent_id=consent.id, version=consent.version)
    mine = credentials.current(
        connection, vault=context.vault, learner_id=consent.learner
    )
    return items_within(mine, frozenset(scope))


def tell_changed(
    connection: Connection,
    *,
    context: NodeContext,
    old_credential_id: str,
    new_credential_id: str | None,
    reason: str,
    at: datetime,
) -> int:
    """Tell everyone who holds a credential that it was revoked; send what replaces it.

    Returns how many recipients were told.
    """
    told = 0
    for delivery, item in exchanges.deliveries_of_credential(
        connection, vault=context.vault, credential_id=old_credential_id
    ):
        row = peer_store.peer(connection, id=delivery.peer)
        old = credentials.credential(
            connection, vault=context.vault, id=old_credential_id
        )
        consent = consents.consent(connection, consent_id=delivery.consent_id)
        if row is None or old is None or consent is None:
            continue
        peer = Peer(row.id, row.did)
        outbox.queue(
            connection,
            context=context,
            peer=peer,
            kind="record/changed",
            body={
                "delivery_id": delivery.id,
                "items": [
                    {
                        "item_id": item.item_id,
                        "digest": item.digest,
                        "kind": "status",
                        "status": "revoked",
                        "effective": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                        "reason": reason,
                        "list": old.status_url,
                        "index": str(old.status_index),
                    }
                ],
            },
            at=at,
            pthid=delivery.thread,
        )
        told += 1
        if new_credential_id and consent.status == "granted":
            _amend(
                *(connection, context, delivery, item, consent, peer),
                new_credential_id,
                reason,
                at,
            )
    return told


def _amend(
    connection: Connection,
    context: NodeContext,
    delivery: exchanges.Delivery,
    item: exchanges.DeliveryItem,
    consent: consents.Consent,
    peer: Peer,
    new_credential_id: str,
    reason: str,
    at: datetime,
) -> None:
    new = credentials.credential(connection, vault=context.vault, id=new_credential_id)
    if new is None or delivery.release_id is None or at >= consent.not_after:
        return
    released = frozenset(
        consents.release_fields(connection, release_id=delivery.release_id)
    )
    for one in items_within([new], released):
        gate.amend(
            connection,
            context=context,
            consent=consent,
            peer=peer,
            earlier=Earlier(
                delivery.id, delivery.release_id, delivery.thread, item.digest
            ),
            item=Item(item.item_id, one.credential, one.units, one.units),
            reason={"en": reason},
            at=at,
        )


def _advance_query(
    connection: Connection, context: NodeContext, thread: str, event: QueryEvent
) -> None:
    """Move a query on; one that was closed in between stays as it is.

    The delivery counts, and its receipt is kept, whatever became of the query.
    """
    query = exchanges.query(connection, vault=context.vault, id=thread)
    if query is None:
        return
    state = states.Query(query.state)
    if event in states.QUERY[state]:
        following = states.advance(states.QUERY, state, event)
        exchanges.set_query(connection, id=query.id, state=following)


@dataclass(slots=True)
class Circuit:
    """Failures in a row with one peer, and until when it is left alone."""

    failures: int = 0
    closed_until: datetime | None = None

    def failed(self, at: datetime, wait: int) -> None:
        """Count a failure."""
        self.failures += 1
        if self.failures >= CIRCUIT_OPENS_AFTER:
            self.closed_until = at + timedelta(seconds=min(wait, LAST_RETRY))

    def answered(self) -> None:
        """Forget earlier failures."""
        self.failures = 0
        self.closed_until = None

    def is_open(self, at: datetime) -> bool:
        """Tell whether the peer is left alone at the moment."""
        return self.closed_until is not None and at < self.closed_until
