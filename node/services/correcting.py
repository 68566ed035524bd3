"""A credential was revoked or issued anew: whoever holds it is told.

The message alone changes nothing, for the status list is the authority. Where consent
is still live, what takes the old one's place goes along, within the same fields.
"""

from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from node import gate, outbox
from node.context import NodeContext
from node.gate import Earlier
from node.holdings import Item, items_within
from node.outbox import Peer
from node.store import consents, credentials, exchanges
from node.store import peers as peer_store


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
        item_ = Item(item.item_id, one.credential, one.units, one.units)
        gate.attempt(
            connection,
            partial(
                gate.amend,
                connection,
                context=context,
                consent=consent,
                peer=peer,
                earlier=Earlier(
                    delivery.id, delivery.release_id, delivery.thread, item.digest
                ),
                item=item_,
                reason={"en": reason},
                at=at,
            ),
            context=context,
            about={"amends": delivery.release_id, "consent": consent.id},
            learner_id=consent.learner,
            at=at,
        )
