"""Peers are looked at again: credentials end, and who was out of reach comes back."""

from datetime import datetime

from sqlalchemy import Connection

from node.context import NodeContext
from node.services import peering
from node.services.peering import Checked
from node.store import audit
from node.store import peers as peer_store
from protocol.exchange import states


def recheck(
    connection: Connection,
    *,
    context: NodeContext,
    peer: str,
    checked: Checked,
    at: datetime,
) -> None:
    """Look at a peer's chain of credentials again.

    A trusted peer whose chain no longer stands is suspended: nothing new is released to
    it; receipts, reports and recovery still flow. Who was accepted by hand has no chain
    to lose. A pending peer whose chain stands by now is trusted as if it had at once.
    """
    row = peer_store.peer(connection, id=peer)
    if row is not None and row.state == states.Peer.PENDING:
        _take_up(connection, context=context, row=row, checked=checked, at=at)
        return
    if row is None or row.state != states.Peer.TRUSTED or not row.basis:
        return
    if checked.complete:
        peer_store.set_peer(connection, id=peer, basis=list(checked.basis))
        return
    reason = "; ".join(checked.reasons)
    if checked.result != "invalid":
        # Somebody could not be reached: said to the operator, held against nobody.
        peer_store.set_peer(connection, id=peer, reason=reason)
        return
    peer_store.set_peer(connection, id=peer, state=states.Peer.SUSPENDED, reason=reason)
    audit.append(
        connection,
        vault=context.vault,
        kind="peer-decided",
        event={"peer": peer, "decision": "suspended", "by": "node", "reason": reason},
        at=at,
    )


def _take_up(
    connection: Connection,
    *,
    context: NodeContext,
    row: peer_store.Peer,
    checked: Checked,
    at: datetime,
) -> None:
    """Trust a peer that waited only for its chain to be seen."""
    theirs = row.their_terms or {}
    if not checked.complete:
        peer_store.set_peer(connection, id=row.id, reason="; ".join(checked.reasons))
        return
    if "introduction" in theirs:
        asked = theirs["requests"]
        if not set(asked["purposes"]) <= set(context.settings.accept_purposes):
            return
        peering.accept(
            connection,
            context=context,
            peer_id=row.id,
            purposes=asked["purposes"],
            roles=asked["roles"],
            thread=theirs["introduction"],
            checked=checked,
            at=at,
        )
    elif "decision" in theirs:
        told = theirs["decision"]["purposes"]
        agreed = [purpose for purpose in row.purposes if purpose in told]
        changes = peering.trusted(agreed, peering.BOTH_ROLES, at)
        peer_store.set_peer(connection, id=row.id, **changes)
    else:
        return
    peer_store.set_peer(connection, id=row.id, basis=list(checked.basis), reason=None)
