"""The audit log: events, their blinds, and the leaves of the Merkle tree.

A leaf says nothing about the event it stands for without the blind, and blind and event
are sealed under the key of the learner concerned: destroying that key leaves the log
whole and empty of that learner. Appended in the transaction of what it tells; the
database refuses to change it.

LRX 1.0, section "Audit log". The tree is `protocol.exchange.merkle_log`.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select

from node.store import learners
from node.store.columns import dumps
from node.store.learners import ErasedError
from node.store.rows import Row, columns, first, many
from node.store.sealed import Vault
from node.store.tables import access, audit_event, checkpoint
from protocol.exchange.merkle_log import leaf

BLIND_BYTES = 32
_BOX = "audit"
_APPEND = insert(audit_event).returning(audit_event.c.seq)


class Event(NamedTuple):
    """One entry of the log, opened as far as its key still exists."""

    seq: int
    at: datetime
    kind: str
    learner_id: str | None
    leaf: bytes
    blind: bytes | None
    event: Mapping[str, Any] | None


class Head(NamedTuple):
    """A signed head of the tree."""

    size: int
    at: datetime
    root: bytes
    note: str


def append(
    connection: Connection,
    *,
    vault: Vault,
    kind: str,
    event: Mapping[str, Any],
    at: datetime,
    learner_id: str | None = None,
) -> int:
    """Append an event and return its number, counted from 1.

    `kind` and the moment become part of what the leaf stands for. What still happens
    about a learner who was erased is noted without naming them.
    """
    whole = {"kind": kind, "at": int(at.timestamp()), **event}
    blind = secrets.token_bytes(BLIND_BYTES)
    entry = leaf(blind, whole)
    try:
        box = learners.box_for(
            connection, vault=vault, learner_id=learner_id, label=_BOX
        )
    except ErasedError:
        learner_id, box = None, vault.node_box(_BOX)
    added = connection.execute(
        _APPEND,
        {
            "at": at,
            "kind": kind,
            "learner_id": learner_id,
            "blind": box.seal(blind, f"audit_event.blind:{entry.hex()}"),
            "event": box.seal(
                dumps(whole).encode(), f"audit_event.event:{entry.hex()}"
            ),
            "leaf": entry,
        },
    )
    number: int = added.scalar_one()
    return number


def leaves_since(connection: Connection, *, size: int) -> list[bytes]:
    """Return the leaves after the first `size`, in order."""
    query = select(audit_event.c.leaf).where(audit_event.c.seq > size)
    return list(connection.scalars(query.order_by(audit_event.c.seq)))


def size(connection: Connection) -> int:
    """Return how many events there are."""
    return connection.scalar(select(func.max(audit_event.c.seq))) or 0


def events(
    connection: Connection,
    *,
    vault: Vault,
    since: int = 0,
    limit: int = 1000,
    learner_id: str | None = None,
    kind: str | None = None,
) -> list[Event]:
    """Return events after number `since`, in order; of one learner or kind, or all."""
    query = select(audit_event).where(audit_event.c.seq > since)
    if kind is not None:
        query = query.where(audit_event.c.kind == kind)
    if learner_id is not None:
        query = query.where(audit_event.c.learner_id == learner_id)
    query = query.order_by(audit_event.c.seq).limit(limit)
    return [_opened(connection, vault, row) for row in many(connection, query)]


def keep_checkpoint(
    connection: Connection, *, size: int, root: bytes, note: str, at: datetime
) -> None:
    """Keep a signed head; the first one of a size stays."""
    known = connection.scalar(
        select(checkpoint.c.size).where(checkpoint.c.size == size)
    )
    if known is None:
        connection.execute(
            insert(checkpoint), {"size": size, "at": at, "root": root, "note": note}
        )


def checkpoints(connection: Connection) -> list[Head]:
    """Return every kept head, the smallest first."""
    rows = many(connection, select(checkpoint).order_by(checkpoint.c.size))
    return [Head(**row) for row in rows]


def last_checkpoint(connection: Connection) -> Head | None:
    """Return the head of the largest tree that was kept, or None."""
    query = select(*columns(checkpoint, Head)).order_by(checkpoint.c.size.desc())
    found = first(connection, query)
    return None if found is None else Head(**found)


def add_access(
    connection: Connection,
    *,
    learner_id: str,
    who: str,
    role: str,
    what: str,
    at: datetime,
    reason: str | None = None,
) -> None:
    """Note that a member of staff looked, so that the learner can see it."""
    connection.execute(
        insert(access),
        {
            "at": at,
            "learner_id": learner_id,
            "who": who,
            "role": role,
            "what": what,
            "reason": reason,
        },
    )


def accesses(connection: Connection, *, learner_id: str) -> list[Row]:
    """Return who looked at a learner's data, the latest first."""
    query = select(access).where(access.c.learner_id == learner_id)
    return many(connection, query.order_by(access.c.seq.desc()))


def _opened(connection: Connection, vault: Vault, row: Row) -> Event:
    facts = (row["seq"], row["at"], row["kind"], row["learner_id"], row["leaf"])
    try:
        box = learners.box_for(
            connection, vault=vault, learner_id=row["learner_id"], label=_BOX
        )
    except ErasedError:
        return Event(*facts, blind=None, event=None)
    place = row["leaf"].hex()
    blind = box.open(row["blind"], f"audit_event.blind:{place}")
    event = json.loads(box.open(row["event"], f"audit_event.event:{place}"))
    return Event(*facts, blind=blind, event=event)
