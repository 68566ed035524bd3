"""Who decides for a learner: the learner, or a guardian while the law asks for one.

A guardian is a person the registry registered for one learner, after checking who they
are. From which age a learner decides alone is for the law packs to say (rule
`guardian`: under an age, consent is by a guardian). Until then the guardian sees the
learner's pages and decides there; from that birthday on the guardian's login ends. A
learner whose birth date is not known counts as too young: nothing is guessed.
"""

import secrets
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection

from node import mail
from node.context import NodeContext
from node.jurisdictions import ruling
from node.store import audit, learners, people
from node.store.people import Person
from protocol.errors import NotFoundError, UnexpectedMessageError

By = Literal["learner", "guardian"]
_BY_GUARDIAN = "consent.by_guardian"
AT_MOST = 4
"""Guardians of one learner."""


def age(born: date, on: date) -> int:
    """Return the completed years of somebody on a day."""
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def needed(
    connection: Connection, *, context: NodeContext, learner_id: str, at: datetime
) -> Literal["", "age", "unknown"]:
    """Tell whether a guardian has to decide: for the age, or because it is unknown."""
    record = learners.learner_record(
        connection, vault=context.vault, learner_id=learner_id
    )
    born = record.person.birth_date if record else None
    settings = context.settings
    facts: dict[str, Any] = {"source.country": settings.country}
    if born is not None:
        facts["learner.age"] = age(born, at.date())
    rulings = (
        ruling("sender", facts, more=settings.own_packs),
        ruling("institution", facts, more=settings.own_packs),
    )
    if all(_BY_GUARDIAN not in one.missing for one in rulings):
        return ""
    return "unknown" if born is None else "age"


def check(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    by: By,
    at: datetime,
) -> None:
    """See that whoever decides is the one to decide.

    Raises:
        UnexpectedMessageError: a guardian has to, or has not to any more.
    """
    if bool(needed(connection, context=context, learner_id=learner_id, at=at)) is not (
        by == "guardian"
    ):
        raise UnexpectedMessageError(f"it is not for the {by} to decide")


def register(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    name: str,
    email: str,
    language: str,
    who: str,
    role: str,
    at: datetime,
) -> str:
    """Register a guardian and return the id of the person; the learner sees it.

    Raises:
        NotFoundError: no such learner, or name or address is empty.
        UnexpectedMessageError: the learner decides alone, or has `AT_MOST` guardians.
    """
    if not name or not email:
        raise NotFoundError("a guardian without name or address")
    if (
        learners.learner_record(connection, context.vault, learner_id=learner_id)
        is None
    ):
        raise NotFoundError("no such learner")
    if not needed(connection, context=context, learner_id=learner_id, at=at):
        raise UnexpectedMessageError("the learner decides alone")
    if len(guardians(connection, context=context, learner_id=learner_id)) >= AT_MOST:
        raise UnexpectedMessageError(f"there are {AT_MOST} guardians already")
    person_id = secrets.token_hex(16)
    people.add_person(
        connection,
        vault=context.vault,
        id=person_id,
        role="guardian",
        learner_id=learner_id,
        name=name,
        email=email,
        language=language,
    )
    _note(connection, learner_id, who, role, "guardian-added", at)
    return person_id


def remove(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    person_id: str,
    who: str,
    role: str,
    at: datetime,
) -> None:
    """Remove a guardian, whose login ends at once; the learner sees it.

    Raises:
        NotFoundError: no such guardian of this learner.
    """
    mine = guardians(connection, context=context, learner_id=learner_id)
    if person_id not in {one.id for one in mine}:
        raise NotFoundError("no such guardian")
    people.remove_person(connection, id=person_id)
    _note(connection, learner_id, who, role, "guardian-removed", at)


def guardians(
    connection: Connection, *, context: NodeContext, learner_id: str
) -> list[Person]:
    """Return the guardians registered for a learner."""
    return people.guardians_of(connection, vault=context.vault, learner_id=learner_id)


def tell(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    kind: str,
    path: str,
    at: datetime,
) -> None:
    """Mail the learner, and whoever has to decide for them, that something waits."""
    person = people.person_of_learner(connection, learner_id=learner_id)
    told = [person.id] if person is not None else []
    mine = guardians(connection, context=context, learner_id=learner_id)
    if mine and needed(connection, context=context, learner_id=learner_id, at=at):
        told += [one.id for one in mine]
    for person_id in told:
        mail.enqueue(
            connection,
            context=context,
            person_id=person_id,
            kind=kind,
            path=path,
            at=at,
        )


def _note(
    connection: Connection,
    learner_id: str,
    who: str,
    role: str,
    what: str,
    at: datetime,
) -> None:
    audit.add_access(
        connection,
        learner_id=learner_id,
        who=who,
        role=role,
        what=what,
        reason="invite",
        at=at,
    )
