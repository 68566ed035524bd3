"""The learner sends: a peer is offered what was consented to, and answers.

The consent comes first; terms beyond it are never stretched to fit.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import gate, outbox
from node.context import NodeContext
from node.holdings import Item, items_within
from node.outbox import Peer
from node.store import consents, credentials, exchanges
from node.store import peers as peer_store
from protocol.credentials.record_model import vct
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.exchange.messages import Message, policy_digest
from protocol.exchange.record_bodies import RecordAnswer

DECIDE_WITHIN = timedelta(days=7)


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
    made = gate.attempt(
        connection,
        lambda: gate.release(
            connection,
            context=context,
            consent=consent,
            peer=peer,
            items=items,
            thread=row.id,
            at=at,
        ),
        context=context,
        about={"offer": row.id, "consent": consent.id},
        learner_id=consent.learner,
        at=at,
    )
    state = "accepted" if made else "denied"
    exchanges.set_offer(connection, id=row.id, state=state)


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
