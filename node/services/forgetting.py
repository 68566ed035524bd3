"""What must be deleted is deleted, when asked or when promised, and said so.

A withdrawal may overtake the delivery it is about: the tombstone it leaves refuses the
late copy (LRX 1.0, invariant I7).
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import outbox
from node.context import NodeContext
from node.outbox import Peer
from node.store import audit, exchanges
from node.store import peers as peer_store
from protocol.exchange.bodies import ConsentChanged
from protocol.exchange.messages import Message

TOMBSTONE_LIFETIME = timedelta(days=80)
DELETE_DUTY = "#delete"
"""The duty of a policy to delete after some days."""


def take_consent_change(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    peer: Peer,
    at: datetime,
) -> None:
    """A consent ended: forget what came under it, and say so."""
    body = message.body
    if not isinstance(body, ConsentChanged):
        raise TypeError("not a change of consent")
    until = at + TOMBSTONE_LIFETIME
    exchanges.add_consent_tombstone(
        connection,
        vault=context.vault,
        consent_id=theirs(peer, body.consent_id),
        version=body.version,
        until=until,
    )
    results = []
    for delivery_id in body.deliveries:
        exchanges.add_delivery_tombstone(
            connection,
            vault=context.vault,
            delivery_id=theirs(peer, delivery_id),
            until=until,
        )
        delivery = exchanges.delivery(
            connection, vault=context.vault, id=delivery_id, peer=peer.id
        )
        if delivery is not None and delivery.direction == "in":
            exchanges.erase_delivery(connection, id=delivery_id, at=at)
        results.append(_deleted(delivery_id, at))
    if not results:
        return
    outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="erasure/report",
        body={"consent_id": body.consent_id, "results": results},
        at=at,
        thid=message.id,
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="erased",
        event={"consent": body.consent_id, "deliveries": list(body.deliveries)},
        at=at,
    )


def fulfil_due(connection: Connection, *, context: NodeContext, at: datetime) -> int:
    """Delete what was promised to be deleted by now, and say so unasked.

    Returns how many deliveries were deleted.
    """
    done = 0
    for duty in exchanges.obligations_due(connection, at=at):
        delivery = exchanges.delivery(
            connection, vault=context.vault, id=duty.delivery_id
        )
        row = peer_store.peer(connection, id=delivery.peer) if delivery else None
        if duty.uid != DELETE_DUTY or delivery is None or row is None:
            continue
        exchanges.erase_delivery(connection, id=delivery.id, at=at)
        exchanges.set_obligation(
            connection,
            delivery_id=delivery.id,
            uid=duty.uid,
            state="reported",
            done_at=at,
        )
        outbox.queue(
            connection,
            context=context,
            peer=Peer(row.id, row.did),
            kind="erasure/report",
            body={
                "consent_id": delivery.consent_id,
                "results": [_deleted(delivery.id, at)],
            },
            at=at,
            pthid=delivery.thread,
        )
        audit.append(
            connection,
            vault=context.vault,
            kind="erased",
            event={"consent": delivery.consent_id, "deliveries": [delivery.id]},
            at=at,
        )
        done += 1
    return done


def theirs(peer: Peer, id_: str) -> str:
    """Name an id as this peer's: one peer's withdrawal cannot block another's data."""
    return f"{peer.id} {id_}"


def _deleted(delivery_id: str, at: datetime) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "result": "deleted",
        "completed_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "onward": [],
    }
