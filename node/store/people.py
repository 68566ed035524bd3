"""People who log in: their invitations, sessions, and the mail that waits for them.

Of tokens only hashes are stored. Name and address of a learner are sealed with the
learner's key, those of staff with a key of the node.
"""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from node.store import learners
from node.store.learners import ErasedError
from node.store.rows import Row, columns, many, one
from node.store.sealed import Box, Vault
from node.store.tables import invitation, mail
from node.store.tables import person as _person
from node.store.tables import session as _session


class Who(NamedTuple):
    """A person without name and address."""

    id: str
    role: str
    learner_id: str | None
    language: str


class Person(NamedTuple):
    """A person."""

    id: str
    role: str
    learner_id: str | None
    language: str
    name: str
    email: str


class Session(NamedTuple):
    """A login that has not ended."""

    token_hash: bytes
    person_id: str
    login_at: datetime
    seen_at: datetime
    expires_at: datetime
    csrf: str


class Mail(NamedTuple):
    """A mail that has not left yet."""

    id: str
    created_at: datetime
    person_id: str
    kind: str
    lang: str
    attempts: int
    body: bytes


# People.


def add_person(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    role: str,
    name: str,
    email: str,
    language: str,
    learner_id: str | None = None,
) -> None:
    """Add a person; learners and guardians come with `learner_id`, nobody else does.

    Raises:
        ErasedError: the learner has no key any more.
    """
    box = _box(connection, vault, learner_id)
    connection.execute(
        insert(_person),
        {
            "id": id,
            "role": role,
            "learner_id": learner_id,
            "language": language,
            "name": box.seal(name.encode(), f"person.name:{id}"),
            "email": box.seal(email.encode(), f"person.email:{id}"),
        },
    )


def person(connection: Connection, *, vault: Vault, id: str) -> Person | None:
    """Return a person with name and address; None for an erased learner too."""
    found = one(connection, select(_person).where(_person.c.id == id))
    return None if found is None else _opened(connection, vault, found)


def person_of_learner(connection: Connection, *, learner_id: str) -> Who | None:
    """Return the person who is a learner, or None."""
    query = select(*columns(_person, Who)).where(
        _person.c.learner_id == learner_id, _person.c.role == "learner"
    )
    found = one(connection, query)
    return None if found is None else Who(**found)


def guardians_of(
    connection: Connection, *, vault: Vault, learner_id: str
) -> list[Person]:
    """Return the guardians of a learner; none for an erased one."""
    query = (
        select(_person)
        .where(_person.c.learner_id == learner_id, _person.c.role == "guardian")
        .order_by(_person.c.id)
    )
    found = (_opened(connection, vault, row) for row in many(connection, query))
    return [guardian for guardian in found if guardian is not None]


def remove_person(connection: Connection, *, id: str) -> None:
    """Forget a person, their logins, and the mail that waits for them."""
    for table in (_session, invitation, mail):
        connection.execute(delete(table).where(table.c.person_id == id))
    connection.execute(delete(_person).where(_person.c.id == id))


def people(
    connection: Connection, *, vault: Vault, role: str | None = None
) -> list[Person]:
    """Return everybody, or those of one role, without erased learners."""
    query = select(_person).order_by(_person.c.role, _person.c.id)
    if role is not None:
        query = query.where(_person.c.role == role)
    found = (_opened(connection, vault, row) for row in many(connection, query))
    return [one_person for one_person in found if one_person is not None]


def set_language(connection: Connection, *, id: str, language: str) -> None:
    """Note which language a person reads."""
    connection.execute(
        update(_person).where(_person.c.id == id).values(language=language)
    )


def set_email(connection: Connection, *, vault: Vault, id: str, email: str) -> None:
    """Note a person's new address."""
    learner_id = connection.scalar(
        select(_person.c.learner_id).where(_person.c.id == id)
    )
    sealed = _box(connection, vault, learner_id).seal(
        email.encode(), f"person.email:{id}"
    )
    connection.execute(update(_person).where(_person.c.id == id).values(email=sealed))


# Invitations.


def add_invitation(
    connection: Connection,
    *,
    token_hash: bytes,
    person_id: str,
    created_at: datetime,
    expires_at: datetime,
) -> None:
    """Store the hash of a link that logs a person in, once."""
    connection.execute(
        insert(invitation),
        {
            "token_hash": token_hash,
            "person_id": person_id,
            "created_at": created_at,
            "expires_at": expires_at,
        },
    )


def invited(connection: Connection, *, token_hash: bytes, at: datetime) -> str | None:
    """Return whom an unused invitation is for, without using it; or None."""
    person_id: str | None = connection.scalar(
        select(invitation.c.person_id).where(
            invitation.c.token_hash == token_hash,
            invitation.c.used_at.is_(None),
            invitation.c.expires_at > at,
        )
    )
    return person_id


def use_invitation(
    connection: Connection, *, token_hash: bytes, at: datetime
) -> str | None:
    """Use an invitation up and return whom it is for; None if it is used or over."""
    person_id: str | None = connection.execute(
        update(invitation)
        .where(
            invitation.c.token_hash == token_hash,
            invitation.c.used_at.is_(None),
            invitation.c.expires_at > at,
        )
        .values(used_at=at)
        .returning(invitation.c.person_id)
    ).scalar_one_or_none()
    return person_id


# Sessions.


def add_session(
    connection: Connection,
    *,
    token_hash: bytes,
    person_id: str,
    at: datetime,
    expires_at: datetime,
    csrf: str,
) -> None:
    """Store the hash of a session's token."""
    connection.execute(
        insert(_session),
        {
            "token_hash": token_hash,
            "person_id": person_id,
            "login_at": at,
            "seen_at": at,
            "expires_at": expires_at,
            "csrf": csrf,
        },
    )


def session(
    connection: Connection, *, token_hash: bytes, at: datetime
) -> Session | None:
    """Return a session that has not expired, or None."""
    query = select(_session).where(
        _session.c.token_hash == token_hash, _session.c.expires_at > at
    )
    found = one(connection, query)
    return None if found is None else Session(**found)


def touch_session(connection: Connection, *, token_hash: bytes, at: datetime) -> None:
    """Note that the person is still there."""
    connection.execute(
        update(_session).where(_session.c.token_hash == token_hash).values(seen_at=at)
    )


def end_session(connection: Connection, *, token_hash: bytes) -> None:
    """End a session."""
    connection.execute(delete(_session).where(_session.c.token_hash == token_hash))


def prune(connection: Connection, *, at: datetime) -> None:
    """Forget sessions and invitations that are over."""
    connection.execute(delete(_session).where(_session.c.expires_at < at))
    connection.execute(delete(invitation).where(invitation.c.expires_at < at))


# Mail.


def add_mail(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    person_id: str,
    kind: str,
    lang: str,
    body: bytes,
    at: datetime,
) -> None:
    """Put a mail into the spool."""
    connection.execute(
        insert(mail),
        {
            "id": id,
            "created_at": at,
            "person_id": person_id,
            "kind": kind,
            "lang": lang,
            "body": vault.node_box("mail").seal(body, f"mail.body:{id}"),
            "attempts": 0,
        },
    )


def unsent_mail(
    connection: Connection, *, vault: Vault, limit: int = 32, most_attempts: int = 10
) -> list[Mail]:
    """Return mail that has not left, the oldest first."""
    query = select(*columns(mail, Mail)).where(
        mail.c.sent_at.is_(None), mail.c.attempts < most_attempts
    )
    rows = many(connection, query.order_by(mail.c.created_at, mail.c.id).limit(limit))
    box = vault.node_box("mail")
    return [
        Mail(**row | {"body": box.open(row["body"], f"mail.body:{row['id']}")})
        for row in rows
    ]


def mark_mail_sent(connection: Connection, *, id: str, at: datetime) -> None:
    """Note that a mail has left."""
    connection.execute(update(mail).where(mail.c.id == id).values(sent_at=at))


def mark_mail_tried(connection: Connection, *, id: str) -> None:
    """Note that a mail could not be handed over."""
    connection.execute(
        update(mail).where(mail.c.id == id).values(attempts=mail.c.attempts + 1)
    )


def _box(connection: Connection, vault: Vault, learner_id: str | None) -> Box:
    return learners.box_for(
        connection, vault=vault, learner_id=learner_id, label="person"
    )


def _opened(connection: Connection, vault: Vault, row: Row) -> Person | None:
    try:
        box = _box(connection, vault, row["learner_id"])
    except ErasedError:
        return None
    opened = {
        name: box.open(row[name], f"person.{name}:{row['id']}").decode()
        for name in ("name", "email")
    }
    return Person(**row | opened)
