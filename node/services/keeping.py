"""May what arrived be kept under the law here? Asked before it is stored.

The source has asked the same packs, and was told what a peer says of itself; here they
are asked about what this node does (LRX 1.0, "Privacy law at both ends").
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection

from node import jurisdictions
from node.context import NodeContext
from node.outbox import Peer
from node.store import peers as peer_store
from protocol.exchange.jurisdiction import Objection
from protocol.rules.validation import Verification


def objections(
    connection: Connection,
    *,
    context: NodeContext,
    peer: Peer,
    purpose: str | None,
    consent: str,
    verifications: Collection[Verification | None],
) -> tuple[Objection, ...]:
    """Return what the law of this node's country has against keeping a delivery.

    `consent` is the id of the consent it rests on, as the peer states it; of items
    that could not be read, `verifications` has None.
    """
    settings = context.settings
    privacy = settings.privacy
    row = peer_store.peer(connection, id=peer.id)
    name = (row.name if row else None) or {}
    read = [one for one in verifications if one is not None]
    facts: dict[str, Any] = {
        "recipient.country": privacy.jurisdiction,
        "terms.retention_days": privacy.retention_days,
        "terms.automated_decision": False,
        "terms.onward": False,
        "terms.notice": bool(privacy.notice),
        "terms.contact": bool(privacy.contact),
        "consent.given": bool(consent),
        # The receipt is in the transaction that stores what came.
        "record.receipt": True,
        "provider.identified": bool(name.get("legal_name")),
        "provider.origin_stated": all(one.document.issuer_id for one in read),
    }
    if purpose:
        facts["purpose"] = purpose
    if name.get("country"):
        facts["source.country"] = name["country"]
    return jurisdictions.ruling(
        "recipient", facts, more=settings.own_packs, here=privacy.jurisdiction
    ).objections
