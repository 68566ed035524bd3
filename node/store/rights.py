"""What learners asked under data protection law, and how they were answered.

What was asked and answered is sealed with the learner's key; state and clock are not,
so that a list of what waits opens nothing.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from node.store import learners
from node.store.columns import dumps
from node.store.rows import Row, columns, many, one
from node.store.sealed import Vault
from node.store.tables import rights_request

WAITING = ("open", "accepted")
"""States in which the registry has something to do."""


class RightsRequest(NamedTuple):
    """A learner's request; `answer` is None while it is open."""

    id: str
    learner_id: str
    kind: str
    received_at: datetime
    due_at: datetime
    state: str
    answered_at: datetime | None
    done_at: datetime | None
    body: Mapping[str, Any]
    answer: Mapping[str, Any] | None


class Waiting(NamedTuple):
    """A request in a list: nothing of it is opened."""

    id: str
    learner_id: str
    kind: str
    received_at: datetime
    due_at: datetime
    state: str


def add(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    learner_id: str,
    kind: str,
    body: Mapping[str, Any],
    at: datetime,
    due_at: datetime,
) -> None:
    """Store a request that arrived at `at`.

    Raises:
        ErasedError: the learner is unknown, or was erased.
    """
    box = learners.box(connection, vault=vault, learner_id=learner_id)
    connection.execute(
        insert(rights_request),
        {
            "id": id,
            "learner_id": learner_id,
            "kind": kind,
            "received_at": at,
            "due_at": due_at,
            "state": "open",
            "body": box.seal(dumps(body).encode(), f"rights_request.body:{id}"),
        },
    )


def request(connection: Connection, *, vault: Vault, id: str) -> RightsRequest | None:
    """Return one request, opened; None if there is none, or its learner was erased."""
    found = one(connection, select(rights_request).where(rights_request.c.id == id))
    return None if found is None else _opened(connection, vault, found)


def requests_of(
    connection: Connection, *, vault: Vault, learner_id: str
) -> list[RightsRequest]:
    """Return a learner's requests, the latest first."""
    query = select(rights_request).where(rights_request.c.learner_id == learner_id)
    query = query.order_by(
        rights_request.c.received_at.desc(), rights_request.c.id.desc()
    )
    opened = (_opened(connection, vault, row) for row in many(connection, query))
    return [request for request in opened if request is not None]


def waiting(connection: Connection, *, limit: int, offset: int = 0) -> list[Waiting]:
    """Return what the registry has to do, the most urgent first."""
    query = (
        select(*columns(rights_request, Waiting))
        .where(rights_request.c.state.in_(WAITING))
        .order_by(rights_request.c.due_at, rights_request.c.id)
        .limit(limit)
        .offset(offset)
    )
    return [Waiting(**row) for row in many(connection, query)]


def settled(connection: Connection, *, limit: int) -> list[Waiting]:
    """Return what was answered and needs nothing more, the latest first."""
    query = (
        select(*columns(rights_request, Waiting))
        .where(rights_request.c.state.not_in(WAITING))
        .order_by(rights_request.c.answered_at.desc(), rights_request.c.id)
        .limit(limit)
    )
    return [Waiting(**row) for row in many(connection, query)]


def count_waiting(connection: Connection, *, due_before: datetime) -> tuple[int, int]:
    """Count what the registry has to do, and how much of it is overdue.

    Overdue is what has not been answered by its day.
    """
    query = select(func.count()).select_from(rights_request)
    todo = connection.scalar(query.where(rights_request.c.state.in_(WAITING))) or 0
    late = connection.scalar(
        query.where(
            rights_request.c.state == "open", rights_request.c.due_at < due_before
        )
    )
    return todo, late or 0


def count_open(connection: Connection, *, learner_id: str) -> int:
    """Count a learner's requests that wait for an answer."""
    query = select(func.count()).where(
        rights_request.c.learner_id == learner_id, rights_request.c.state == "open"
    )
    return connection.scalar(query) or 0


def answer(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    learner_id: str,
    state: str,
    answer: Mapping[str, Any],
    at: datetime,
) -> None:
    """Note what a request was answered with; `state` is accepted, refused or done."""
    box = learners.box(connection, vault=vault, learner_id=learner_id)
    sealed = box.seal(dumps(answer).encode(), f"rights_request.answer:{id}")
    done = at if state == "done" else None
    connection.execute(
        update(rights_request)
        .where(rights_request.c.id == id)
        .values(state=state, answer=sealed, answered_at=at, done_at=done)
    )


def set_done(connection: Connection, *, id: str, at: datetime) -> None:
    """Note that what was accepted has been carried out."""
    connection.execute(
        update(rights_request)
        .where(rights_request.c.id == id)
        .values(state="done", done_at=at)
    )


def _opened(connection: Connection, vault: Vault, row: Row) -> RightsRequest | None:
    try:
        box = learners.box(connection, vault=vault, learner_id=row["learner_id"])
    except learners.ErasedError:
        return None
    opened = {
        name: json.loads(box.open(row[name], f"rights_request.{name}:{row['id']}"))
        if row[name] is not None
        else None
        for name in ("body", "answer")
    }
    return RightsRequest(**row | opened)
