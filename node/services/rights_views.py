"""What pages show of a learner's requests under data protection law.

For the learner, an object of somebody else raises the same error as one that never was.
For the registry, looking at a request is a write: the learner sees who looked.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.services import proposing
from node.services.exercising import KINDS, item_path, right_of
from node.services.inviting import Login
from node.services.proposing import Field, Record
from node.services.staff_views import known_record, note_access
from node.store import listing, rights
from node.store.rights import RightsRequest, Waiting
from protocol.credentials.claims_paths import Path, parse_path
from protocol.errors import NotFoundError, ProtocolError
from protocol.exchange.jurisdiction import Right

PAGE = 50
"""Requests of one page."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request with everything said about it."""

    id: str
    kind: str
    state: str
    received_at: datetime
    due_at: datetime
    overdue: bool
    answered_at: datetime | None
    done_at: datetime | None
    record_kind: str
    """Empty if it is about no record, or about everything."""
    item: str
    path: Path | None
    beside: str
    stated: Any
    wanted: str
    why: str
    ground: str
    reason: str
    kept: str
    by: str
    ended: int


@dataclass(frozen=True, slots=True)
class RightsHome:
    """A learner's rights, and what was asked so far."""

    laws: tuple[Right, ...]
    asked: tuple[Asked, ...]


def rights_home(
    connection: Connection, *, context: NodeContext, learner_id: str, at: datetime
) -> RightsHome:
    """Return what a learner may ask, and has asked."""
    return RightsHome(
        tuple(right_of(context, kind) for kind in ("access", *KINDS)),
        asked_of(connection, context=context, learner_id=learner_id, at=at),
    )


def asked_of(
    connection: Connection, *, context: NodeContext, learner_id: str, at: datetime
) -> tuple[Asked, ...]:
    """Return what a learner asked so far, the latest first."""
    kinds = listing.record_kinds(connection, learner_id=learner_id)
    asked = rights.requests_of(connection, vault=context.vault, learner_id=learner_id)
    return tuple(_asked(one, kinds, at) for one in asked)


@dataclass(frozen=True, slots=True)
class AskedPage:
    """One request as its learner sees it."""

    asked: Asked
    law: Right


def asked_page(
    connection: Connection,
    *,
    context: NodeContext,
    request_id: str,
    learner_id: str,
    at: datetime,
) -> AskedPage:
    """Return one of a learner's requests.

    Raises:
        NotFoundError: no such request, or somebody else's.
    """
    found = rights.request(connection, vault=context.vault, id=request_id)
    if found is None or found.learner_id != learner_id:
        raise NotFoundError("no such request")
    kinds = listing.record_kinds(connection, learner_id=learner_id)
    return AskedPage(_asked(found, kinds, at), right_of(context, found.kind))


def record_page(
    connection: Connection, *, context: NodeContext, learner_id: str, record_id: str
) -> Record:
    """Return one of a learner's records, with every value of it.

    Raises:
        NotFoundError: no such record in force, or somebody else's.
    """
    own = proposing.offerable(connection, context=context, learner_id=learner_id)
    found = next((one for one in own if one.id == record_id), None)
    if found is None:
        raise NotFoundError("no such record")
    return found


def items_under(record: Record, item: str) -> tuple[Field, ...]:
    """Return the fields of `record` that `item`, a path as text, leads to.

    Raises:
        NotFoundError: there are none.
    """
    try:
        path = parse_path(item) if item else ()
    except ProtocolError:
        raise NotFoundError("no such item") from None
    found = tuple(one for one in record.fields if one.path[: len(path)] == path)
    if not found:
        raise NotFoundError("no such item")
    return found


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One request in the registry's list."""

    case: Waiting
    name: str
    number: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class WorkList:
    """What waits for the registry, the most urgent first; then what was settled."""

    waiting: tuple[CaseLine, ...]
    settled: tuple[CaseLine, ...]
    total: int
    overdue: int


def work_list(
    connection: Connection, *, context: NodeContext, at: datetime
) -> WorkList:
    """Return what learners asked, and whose request it is."""
    total, overdue = rights.count_waiting(connection, due_before=at)
    return WorkList(
        tuple(
            _line(connection, context, one, at)
            for one in rights.waiting(connection, limit=PAGE)
        ),
        tuple(
            _line(connection, context, one, at)
            for one in rights.settled(connection, limit=PAGE)
        ),
        total,
        overdue,
    )


def _line(
    connection: Connection, context: NodeContext, case: Waiting, at: datetime
) -> CaseLine:
    try:
        person = known_record(
            connection, context=context, learner_id=case.learner_id
        ).person
    except NotFoundError:
        return CaseLine(case, "", "", overdue=False)
    name = person.name("kanji", "latin")
    return CaseLine(
        case,
        f"{name.family} {name.given}".strip(),
        person.student_number,
        overdue=case.state == "open" and case.due_at < at,
    )


@dataclass(frozen=True, slots=True)
class CasePage:
    """One request as the registry sees it."""

    asked: Asked
    law: Right
    learner_id: str
    name: str
    number: str


def case_page(
    connection: Connection,
    *,
    context: NodeContext,
    request_id: str,
    viewer: Login,
    at: datetime,
) -> CasePage:
    """Return one request, and note that the registry looked.

    Raises:
        NotFoundError: no such request, or its learner was erased.
    """
    found = rights.request(connection, vault=context.vault, id=request_id)
    if found is None:
        raise NotFoundError("no such request")
    person = known_record(
        connection, context=context, learner_id=found.learner_id
    ).person
    note_access(
        connection,
        learner_id=found.learner_id,
        viewer=viewer,
        what="view",
        reason="rights",
        at=at,
    )
    kinds = listing.record_kinds(connection, learner_id=found.learner_id)
    name = person.name("kanji", "latin")
    return CasePage(
        _asked(found, kinds, at),
        right_of(context, found.kind),
        found.learner_id,
        f"{name.family} {name.given}".strip(),
        person.student_number,
    )


def _asked(request: RightsRequest, kinds: dict[str, str], at: datetime) -> Asked:
    body, answer = request.body, request.answer or {}
    item = str(body.get("item", ""))
    return Asked(
        request.id,
        request.kind,
        request.state,
        request.received_at,
        request.due_at,
        request.state == "open" and request.due_at < at,
        request.answered_at,
        request.done_at,
        kinds.get(body["record"], "") if body["record"] else "",
        item,
        item_path(item),
        body.get("beside", ""),
        body.get("stated"),
        body.get("wanted", ""),
        body["why"],
        body.get("ground", ""),
        answer.get("reason", ""),
        answer.get("kept", ""),
        answer.get("by", ""),
        answer.get("ended", 0),
    )
