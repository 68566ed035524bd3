"""What must be sent: composed, signed and stored in the transaction that promises it.

Sending is for `node.services.delivering`. A message is signed once, here; the outbox
keeps the signed octets and each attempt encrypts them anew.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.store import messages
from protocol.exchange import envelope
from protocol.exchange import messages as wire
from protocol.exchange.messages import Attachment
from protocol.identity.dids import Did

LIFETIME = timedelta(days=14)
"""How long a message is tried, where its type does not say otherwise."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom a message goes to."""

    id: str
    """Key of the peer in the store."""
    did: Did


@dataclass(frozen=True, slots=True)
class Composed:
    """A message that was signed and not yet stored."""

    id: str
    kind: str
    thread: str
    payload: bytes
    jws: bytes
    expires: datetime

    @property
    def digest(self) -> str:
        """The digest receipts and releases speak of."""
        return envelope.message_digest(self.payload)


def next_id(connection: Connection, at: datetime) -> str:
    """Return a new message id, greater than every one this node used before."""
    return wire.new_id(
        at,
        secrets.token_bytes(wire.ENTROPY_BYTES),
        after=messages.last_own_id(connection),
    )


def compose(
    connection: Connection,
    *,
    context: NodeContext,
    to: Did,
    kind: str,
    body: Mapping[str, Any],
    at: datetime,
    thid: str | None = None,
    pthid: str | None = None,
    attachments: Sequence[Attachment] = (),
    lifetime: timedelta = LIFETIME,
) -> Composed:
    """Compose and sign one message."""
    id_ = next_id(connection, at)
    expires = at + lifetime
    payload = wire.compose(
        kind,
        id=id_,
        from_=context.did,
        to=to,
        body=body,
        at=at,
        expires=expires,
        thid=thid,
        pthid=pthid,
        attachments=attachments,
    )
    jws = envelope.sign(
        payload, key=context.identity.message_key, kid=context.identity.message_kid
    )
    return Composed(id_, kind, thid or id_, payload, jws, expires)


def store(
    connection: Connection,
    composed: Composed,
    *,
    context: NodeContext,
    peer: Peer,
    at: datetime,
    release_id: str | None = None,
) -> None:
    """Store a composed message, to be sent at once.

    One with learner data goes under a release, and only `node.gate` has any.
    """
    messages.queue(
        connection,
        vault=context.vault,
        id=composed.id,
        peer=peer.id,
        type=composed.kind,
        thread=composed.thread,
        jws=composed.jws,
        created_at=at,
        expires_at=composed.expires,
        release_id=release_id,
    )


def queue(
    connection: Connection,
    *,
    context: NodeContext,
    peer: Peer,
    kind: str,
    body: Mapping[str, Any],
    at: datetime,
    thid: str | None = None,
    pthid: str | None = None,
    attachments: Sequence[Attachment] = (),
    lifetime: timedelta = LIFETIME,
) -> Composed:
    """Compose, sign and store a message that carries no learner data."""
    composed = compose(
        connection,
        context=context,
        to=peer.did,
        kind=kind,
        body=body,
        at=at,
        thid=thid,
        pthid=pthid,
        attachments=attachments,
        lifetime=lifetime,
    )
    store(connection, composed, context=context, peer=peer, at=at)
    return composed
