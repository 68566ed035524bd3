"""Messages received, messages to be sent, and the nonces that came with requests.

A received message is stored before it is answered and acted on later; a message to be
sent is stored with what made it necessary, and sent later, perhaps more than once.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    Connection,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store import learners
from node.store.line import touch
from node.store.rows import Row, columns, many, one
from node.store.sealed import Vault
from node.store.tables import inbox, outbox
from node.store.tables import nonce as _nonce
from node.store.tables import peer as _peer
from node.store.tables import release as _release
from protocol.errors import IdReuseError, ReplayError
from protocol.identity.dids import Did

RECEIVED = "a message was received"
QUEUED = "a message was queued"
SETTLED = "a message was sent, or given up"


class Taken(NamedTuple):
    """What a transport receipt says of a message beside its id."""

    duplicate: bool
    last: str | None


class Incoming(NamedTuple):
    """A message that was received."""

    peer: str
    id: str
    digest: str
    type: str
    thread: str
    received_at: datetime
    expires_at: datetime
    state: str
    jws: bytes


class Outgoing(NamedTuple):
    """A message that is to be sent, with whom it goes to."""

    id: str
    peer: str
    type: str
    thread: str
    release_id: str | None
    created_at: datetime
    expires_at: datetime
    next_at: datetime
    attempts: int
    state: str
    jws: bytes
    did: Did
    max_in_flight: int


_NOTE = upsert(_nonce).on_conflict_do_nothing()
_DIGEST = select(inbox.c.digest).where(
    inbox.c.peer == bindparam("peer"), inbox.c.id == bindparam("message_id")
)
_LAST = select(func.max(inbox.c.id)).where(
    inbox.c.peer == bindparam("peer"), inbox.c.id != bindparam("message_id")
)
_ACTED = update(inbox).where(
    inbox.c.peer == bindparam("of_peer"), inbox.c.id == bindparam("of_id")
)
_WHOSE = select(_release.c.learner).where(_release.c.id == bindparam("release_id"))
_PENDING = (
    select(inbox.c.peer, inbox.c.id)
    .where(inbox.c.state == "pending")
    .order_by(inbox.c.received_at, inbox.c.id)
    .limit(bindparam("limit"))
)
_RECEIVED = select(*columns(inbox, Incoming)).where(
    inbox.c.peer == bindparam("peer"), inbox.c.id == bindparam("message_id")
)
_PLACES = (
    select(
        outbox.c.id,
        outbox.c.next_at,
        func.row_number()
        .over(partition_by=outbox.c.peer, order_by=[outbox.c.next_at, outbox.c.id])
        .label("place"),
    )
    .where(outbox.c.state == "queued", outbox.c.next_at <= bindparam("at"))
    .subquery()
)
_RIPE = (
    select(_PLACES.c.id)
    .where(_PLACES.c.place <= bindparam("per_peer"))
    .order_by(_PLACES.c.next_at, _PLACES.c.id)
)
_OUTGOING = (
    select(
        *columns(outbox, Outgoing),
        outbox.c.learner_id,
        _peer.c.did,
        _peer.c.max_in_flight,
    )
    .join(_peer, _peer.c.id == outbox.c.peer)
    .where(outbox.c.id == bindparam("message_id"))
)
_TAKE = insert(inbox)
_QUEUE = insert(outbox)
_LAST_OWN = select(func.max(outbox.c.id))
_SETTLE = update(outbox).where(
    outbox.c.id == bindparam("of_id"), outbox.c.state == "queued"
)


# Received.


def remember_nonce(
    connection: Connection, *, keyid: str, nonce: str, at: datetime
) -> None:
    """Take note of a nonce.

    Raises:
        ReplayError: it was used before with this key.
    """
    noted = connection.execute(_NOTE, {"keyid": keyid, "nonce": nonce, "at": at})
    if noted.rowcount == 0:
        raise ReplayError("the nonce was used before")


def take(
    connection: Connection,
    *,
    vault: Vault,
    peer: str,
    id: str,
    digest: str,
    type: str,
    thread: str,
    jws: bytes,
    expires_at: datetime,
    at: datetime,
) -> Taken:
    """Store a message once, to be acted on later.

    Its id is remembered until `expires_at`.

    Raises:
        IdReuseError: the peer used the id for another message; that one stands.
    """
    known = connection.scalar(_DIGEST, {"peer": peer, "message_id": id})
    if known is not None and known != digest:
        raise IdReuseError(f"message {id} came before with other content")
    last = last_received(connection, peer=peer, besides=id)
    if known is not None:
        return Taken(duplicate=True, last=last)
    connection.execute(
        _TAKE,
        {
            "peer": peer,
            "id": id,
            "digest": digest,
            "type": type,
            "thread": thread,
            "received_at": at,
            "expires_at": expires_at,
            "jws": vault.node_box("inbox").seal(jws, f"inbox.jws:{peer}:{id}"),
            "state": "pending",
        },
    )
    touch(connection, RECEIVED)
    return Taken(duplicate=False, last=last)


def last_received(
    connection: Connection, *, peer: str, besides: str = ""
) -> str | None:
    """Return the greatest id received from a peer, leaving out `besides`."""
    last: str | None = connection.scalar(_LAST, {"peer": peer, "message_id": besides})
    return last


def pending(
    connection: Connection,
    *,
    vault: Vault,
    limit: int = 64,
    besides: Collection[tuple[str, str]] = (),
) -> list[Incoming]:
    """Return messages to be acted on, in the order they came.

    Of the first `limit`, those `besides` (by peer and id) are in hand already and are
    not opened once more.
    """
    waiting = connection.execute(_PENDING, {"limit": limit}).all()
    found = [
        received(connection, vault=vault, peer=peer, id=message_id)
        for peer, message_id in waiting
        if (peer, message_id) not in besides
    ]
    return [message for message in found if message is not None]


def received(
    connection: Connection, *, vault: Vault, peer: str, id: str
) -> Incoming | None:
    """Return one received message, whatever its state; or None."""
    found = one(connection, _RECEIVED, peer=peer, message_id=id)
    return None if found is None else _received(found, vault)


def received_all(connection: Connection, *, vault: Vault) -> list[Incoming]:
    """Return every message that is still kept, in the order they came."""
    query = select(*columns(inbox, Incoming)).where(inbox.c.jws.is_not(None))
    query = query.order_by(inbox.c.received_at, inbox.c.id)
    return [_received(row, vault) for row in many(connection, query)]


def mark_acted(
    connection: Connection, *, peer: str, id: str, state: str, problem: str | None
) -> None:
    """Note that a message was acted on: `done`, or `failed` with why."""
    connection.execute(
        _ACTED,
        {"of_peer": peer, "of_id": id, "state": state, "problem": problem},
    )


# Sent.


def queue(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    peer: str,
    type: str,
    thread: str,
    jws: bytes,
    created_at: datetime,
    expires_at: datetime,
    release_id: str | None = None,
) -> None:
    """Put a signed message into the outbox, due at once.

    What goes out under a release is sealed with the key of its learner.

    Raises:
        ErasedError: the learner has no key any more.
    """
    learner_id = None
    if release_id is not None:
        learner_id = connection.scalar(_WHOSE, {"release_id": release_id})
    box = learners.box_for(
        connection, vault=vault, learner_id=learner_id, label="outbox"
    )
    connection.execute(
        _QUEUE,
        {
            "id": id,
            "peer": peer,
            "type": type,
            "thread": thread,
            "jws": box.seal(jws, f"outbox.jws:{id}"),
            "learner_id": learner_id,
            "release_id": release_id,
            "created_at": created_at,
            "expires_at": expires_at,
            "next_at": created_at,
            "attempts": 0,
            "state": "queued",
        },
    )
    touch(connection, QUEUED)


def last_own_id(connection: Connection) -> str | None:
    """Return the greatest id among the messages in the outbox."""
    last: str | None = connection.scalar(_LAST_OWN)
    return last


def due(
    connection: Connection,
    *,
    vault: Vault,
    at: datetime,
    per_peer: int,
    besides: Collection[str] = (),
) -> list[Outgoing]:
    """Return queued messages that are due, at most `per_peer` to each peer.

    The longest due come first. Those past their `expires_at` are among them: whoever
    sends decides that they failed. Those `besides` are being sent already: they count,
    and are not opened once more.
    """
    ripe = connection.scalars(_RIPE, {"at": at, "per_peer": per_peer}).all()
    found = [
        outgoing(connection, vault=vault, id=ripe_id)
        for ripe_id in ripe
        if ripe_id not in besides
    ]
    return [message for message in found if message is not None]


def outgoing(connection: Connection, *, vault: Vault, id: str) -> Outgoing | None:
    """Return one message of the outbox, whatever its state; or None.

    Raises:
        ErasedError: the learner it concerns has no key any more.
    """
    found = one(connection, _OUTGOING, message_id=id)
    return None if found is None else _sent(connection, vault, found)


def mark_sent(connection: Connection, *, id: str, at: datetime) -> None:
    """Note that the peer has stored the message."""
    _settle(connection, id, state="sent", sent_at=at, problem=None)


def mark_failed(connection: Connection, *, id: str, problem: str) -> None:
    """Give a message up; `problem` is for the operator."""
    _settle(connection, id, state="failed", problem=problem)


def cancel(connection: Connection, *, id: str) -> None:
    """Take a message back, if it is still queued."""
    _settle(connection, id, state="cancelled")


def cancel_undispatched(
    connection: Connection, *, consent_id: str, version: int
) -> int:
    """Cancel what is still queued under a consent version; returns how many."""
    under = select(_release.c.id).where(
        _release.c.consent_id == consent_id, _release.c.consent_version == version
    )
    done = connection.execute(
        update(outbox)
        .where(outbox.c.release_id.in_(under), outbox.c.state == "queued")
        .values(state="cancelled")
    )
    return done.rowcount


def retry_later(
    connection: Connection, *, id: str, next_at: datetime, problem: str
) -> None:
    """Try again at `next_at`; `problem` is what this attempt met."""
    connection.execute(
        _SETTLE.values(attempts=outbox.c.attempts + 1),
        {"of_id": id, "next_at": next_at, "problem": problem},
    )


def oldest_queued(connection: Connection) -> datetime | None:
    """Return when the oldest message still to be sent was stored, or None."""
    oldest: datetime | None = connection.scalar(
        select(func.min(outbox.c.created_at)).where(outbox.c.state == "queued")
    )
    return oldest


def next_due(connection: Connection) -> datetime | None:
    """Return when the next queued message is due, or None if nothing is queued."""
    moment: datetime | None = connection.scalar(
        select(func.min(outbox.c.next_at)).where(outbox.c.state == "queued")
    )
    return moment


def of_thread(connection: Connection, *, thread: str) -> list[Row]:
    """Return the messages sent in a thread, in order, without their octets."""
    shown = [column for column in outbox.c if column.name != "jws"]
    query = select(*shown).where(outbox.c.thread == thread).order_by(outbox.c.id)
    return many(connection, query)


def prune(connection: Connection, *, nonces_before: datetime, at: datetime) -> None:
    """Forget nonces noted before a moment, and ids that need not be remembered.

    A message not acted on yet stays, however old.
    """
    connection.execute(delete(_nonce).where(_nonce.c.at < nonces_before))
    connection.execute(
        delete(inbox).where(inbox.c.expires_at < at, inbox.c.state != "pending")
    )


def _settle(connection: Connection, id: str, **values: object) -> None:
    connection.execute(_SETTLE, {"of_id": id, **values})
    touch(connection, SETTLED)


def _received(row: Row, vault: Vault) -> Incoming:
    place = f"inbox.jws:{row['peer']}:{row['id']}"
    return Incoming(**row | {"jws": vault.node_box("inbox").open(row["jws"], place)})


def _sent(connection: Connection, vault: Vault, row: Row) -> Outgoing:
    box = learners.box_for(
        connection, vault=vault, learner_id=row.pop("learner_id"), label="outbox"
    )
    opened = {
        "jws": box.open(row["jws"], f"outbox.jws:{row['id']}"),
        "did": Did(row["did"]),
    }
    return Outgoing(**row | opened)
