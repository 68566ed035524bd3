"""Sends what earlier transactions promised, and takes the answers.

Every attempt that carries learner data is a dispatch first (`node.gate`). Retries
follow LRX 1.0, section "Delivery semantics": only a signed answer changes anything;
one slow peer holds nobody else back.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from node import mail
from node.context import NodeContext
from node.outbox import Peer
from node.peers import Outcome
from node.store import audit, consents, exchanges, messages, people
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.exchange import states
from protocol.exchange.bodies import ErasureReport
from protocol.exchange.messages import Message
from protocol.exchange.record_bodies import RecordReceipt
from protocol.exchange.states import QueryEvent

FIRST_RETRY = 30
"""Seconds; doubles up to `LAST_RETRY`, with a fifth of jitter either way."""
LAST_RETRY = 3600
LONGEST_WAIT = 86_400
"""Seconds; a peer may ask for no more, whatever its `Retry-After` says."""
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
