"""What the pages of the registry show.

Looking at one learner is a write: the learner sees who looked, in which role and why.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.matching import STUDENT_NUMBER, number_value
from node.services import guarding
from node.services.inviting import Login
from node.services.parties import Party, parties
from node.store import audit as audit_store
from node.store import learners, listing, rights
from node.store.listing import PAGE, Row
from node.store.people import Person
from protocol.credentials.learner_record import Enrolment, LearnerRecord, Name
from protocol.errors import NotFoundError

FOUND = 50
"""Learners shown by one search."""
AT_ONCE = 500
"""Records opened together."""
SEARCHED = 20_000
"""Records a search by name opens at most; beyond, search by number."""


@dataclass(frozen=True, slots=True)
class Paged:
    """Some rows of a long list, and where the others are."""

    rows: tuple[Row, ...]
    offset: int
    total: int
    query: str = ""

    @property
    def previous(self) -> int | None:
        """The offset of the page before, if there is one."""
        return max(0, self.offset - PAGE) if self.offset else None

    @property
    def next(self) -> int | None:
        """The offset of the page after, if there is one."""
        following = self.offset + PAGE
        return following if following < self.total else None


@dataclass(frozen=True, slots=True)
class RegistrarHome:
    """The first page of the registry."""

    learners: int
    credentials: int
    quarantined: int
    peers_waiting: int
    rights_waiting: int
    rights_overdue: int
    runs: tuple[Row, ...]


def registrar_home(connection: Connection, *, at: datetime) -> RegistrarHome:
    """Count what there is and what waits, and list the latest runs."""
    runs = tuple(listing.import_runs(connection, limit=10))
    waiting, overdue = rights.count_waiting(connection, due_before=at)
    return RegistrarHome(
        runs=runs,
        rights_waiting=waiting,
        rights_overdue=overdue,
        **listing.counts(connection),
    )


def run_report(connection: Connection, *, run_id: str) -> Row:
    """Return the report of one run.

    Raises:
        NotFoundError: no such run.
    """
    found = listing.import_run_of(connection, run_id=run_id)
    if found is None:
        raise NotFoundError("no such run")
    return found


def quarantined(connection: Connection, *, offset: int) -> Paged:
    """Return one page of what was set aside."""
    rows = tuple(listing.quarantine_page(connection, offset=offset))
    return Paged(rows, offset, listing.counts(connection)["quarantined"])


@dataclass(frozen=True, slots=True)
class FoundLearner:
    """A learner as a search shows them."""

    id: str
    number: str
    name: str
    programme: str


def find_learners(
    connection: Connection, *, context: NodeContext, text: str
) -> tuple[FoundLearner, ...]:
    """Find learners by full student number, or by the beginning of a name."""
    wanted = "".join(text.split()).casefold()
    if not wanted:
        return ()
    hashed = context.vault.match_hash(STUDENT_NUMBER, number_value(text))
    exact = learners.learners_by_hash(connection, hashes=[hashed]).get(hashed, [])
    if exact:
        opened = _opened(connection, context, exact)
        return tuple(_found(*one) for one in opened)
    found: list[FoundLearner] = []
    ids = listing.learner_ids(connection, limit=SEARCHED)
    for learner_id, body in _opened(connection, context, ids):
        if any(spelt.startswith(wanted) for spelt in _spellings(body)):
            found.append(_found(learner_id, body))
            if len(found) == FOUND:
                break
    return tuple(found)


def _opened(
    connection: Connection, context: NodeContext, ids: list[str]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Open records one after another, as plain JSON: a search reads many."""
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        keys = learners.wrapped_keys(connection, learner_ids=some)
        stored = learners.stored_records(connection, learner_ids=some)
        for learner_id, one in stored.items():
            if learner_id in keys:
                octets = learners.open_body(context.vault, keys[learner_id], one)
                yield learner_id, json.loads(octets)


def _spellings(body: Mapping[str, Any]) -> Iterator[str]:
    for name in body["person"]["names"]:
        family, given = name["family"].casefold(), name["given"].casefold()
        yield f"{family}{given}"
        yield f"{given}{family}"


def _found(learner_id: str, body: Mapping[str, Any]) -> FoundLearner:
    person = body["person"]
    name = person["names"][0]
    enrolments = body.get("enrolments") or [{}]
    return FoundLearner(
        learner_id,
        person["student_number"],
        f"{name['family']} {name['given']}".strip(),
        str(enrolments[-1].get("programme", "")),
    )


@dataclass(frozen=True, slots=True)
class LearnerPage:
    """One learner as the registry sees them."""

    id: str
    name: str
    number: str
    names: tuple[Name, ...]
    enrolments: tuple[Enrolment, ...]
    results: int
    credentials: tuple[Row, ...]
    invited: bool
    language: str
    guardian_needed: str
    """Why somebody else decides for the learner: `age`, `unknown`; empty if nobody."""
    guardians: tuple[Person, ...]


def inspect_learner(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    viewer: Login,
    reason: str,
    at: datetime,
) -> LearnerPage:
    """Return what the registry may see of a learner, and note that it looked.

    Raises:
        NotFoundError: no such learner.
    """
    record = known_record(connection, context=context, learner_id=learner_id)
    note_access(
        connection,
        learner_id=learner_id,
        viewer=viewer,
        what="view",
        reason=reason,
        at=at,
    )
    person = listing.person_invited(connection, learner_id=learner_id)
    name = record.person.name("kanji", "latin")
    return LearnerPage(
        learner_id,
        f"{name.family} {name.given}".strip(),
        record.person.student_number,
        record.person.names,
        record.enrolments,
        len(record.results),
        tuple(
            {**row, "revoked": row["revoked_at"] is not None}
            for row in listing.credentials_of(connection, learner_id=learner_id)
        ),
        person is not None,
        str(person["language"]) if person else "ja",
        guarding.needed(connection, context=context, learner_id=learner_id, at=at),
        tuple(guarding.guardians(connection, context=context, learner_id=learner_id)),
    )


def known_record(
    connection: Connection, *, context: NodeContext, learner_id: str
) -> LearnerRecord:
    """Return a learner's record.

    Raises:
        NotFoundError: no such learner.
    """
    record = learners.learner_record(connection, context.vault, learner_id=learner_id)
    if record is None:
        raise NotFoundError("no such learner")
    return record


def note_access(
    connection: Connection,
    *,
    learner_id: str,
    viewer: Login,
    what: str,
    reason: str,
    at: datetime,
) -> None:
    """Note for the learner that somebody of the staff looked or acted."""
    audit_store.add_access(
        connection,
        learner_id=learner_id,
        who=viewer.name,
        role=viewer.role,
        what=what,
        reason=reason,
        at=at,
    )


def credential_owner(connection: Connection, *, credential_id: str) -> str:
    """Return whose credential it is.

    Raises:
        NotFoundError: no such credential.
    """
    owner = listing.credential_owner(connection, credential_id=credential_id)
    if owner is None:
        raise NotFoundError("no such credential")
    return owner


def peers(connection: Connection) -> tuple[Party, ...]:
    """Return every peer, those that wait for a decision first."""
    return tuple(parties(connection).values())


def peer_of(connection: Connection, *, peer_id: str) -> Party:
    """Return one peer.

    Raises:
        NotFoundError: no such peer.
    """
    known = parties(connection)
    if peer_id not in known:
        raise NotFoundError("no such peer")
    return known[peer_id]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some events of the audit log, and its latest signed head."""

    paged: Paged
    checkpoint: Row | None


def audit(connection: Connection, *, offset: int) -> AuditPage:
    """Return one page of the audit log, digests in hexadecimal."""
    rows = tuple(
        {**row, "leaf": row["leaf"].hex()}
        for row in listing.audit_page(connection, offset=offset)
    )
    head = listing.last_checkpoint(connection)
    return AuditPage(
        Paged(rows, offset, listing.audit_size(connection)),
        {**head, "root": head["root"].hex()} if head else None,
    )
