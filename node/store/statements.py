"""What an accreditor or council has stated about organisations, and its status list.

They have a list of their own: credentials of learners and statements about
organisations are published at different times by different people.
"""

import secrets
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, exists, insert, select, update

from node.store.credentials import SIZE
from node.store.rows import columns, many
from node.store.tables import statement, status_list

LIST = "organisations"
"""Id of the status list of statements; its `purpose` keeps it apart from the others."""


class Statement(NamedTuple):
    """A statement that was issued."""

    id: str
    subject: str
    type: str
    octets: bytes
    issued_at: datetime
    status_index: int
    revoked_at: datetime | None


def claim_index(connection: Connection) -> int:
    """Return a random free place; the list is added with the first."""
    known = connection.scalar(select(exists().where(status_list.c.id == LIST)))
    if not known:
        connection.execute(
            insert(status_list).values(id=LIST, purpose=LIST, size=SIZE, dirty=1),
        )
    while True:
        index = secrets.randbelow(SIZE)
        taken = exists().where(statement.c.status_index == index)
        if not connection.scalar(select(taken)):
            return index


def add(connection: Connection, *, issued: Statement) -> None:
    """Store a statement in the place claimed for it."""
    values = issued._asdict()
    connection.execute(insert(statement).values(status_list=LIST, **values))


def revoke(connection: Connection, *, id: str, at: datetime) -> bool:
    """Take a statement back; False if there is none, or it was taken back before."""
    done = connection.execute(
        update(statement)
        .where(statement.c.id == id, statement.c.revoked_at.is_(None))
        .values(revoked_at=at),
    )
    if done.rowcount:
        connection.execute(
            update(status_list).where(status_list.c.id == LIST).values(dirty=1),
        )
    return done.rowcount > 0


def all_of(connection: Connection) -> list[Statement]:
    """Return every statement, the oldest first."""
    query = select(*columns(statement, Statement)).order_by(statement.c.issued_at)
    return [Statement(**row) for row in many(connection, query)]


def bits(connection: Connection) -> bytes:
    """Return the bits of the list as they are now."""
    query = select(statement.c.status_index).where(statement.c.revoked_at.is_not(None))
    found = bytearray(SIZE // 8)
    for index in connection.scalars(query):
        found[index // 8] |= 0b1000_0000 >> index % 8
    return bytes(found)


def is_due(connection: Connection, *, published_before: datetime) -> bool:
    """Tell whether the list changed, or was last published too long ago."""
    row = connection.execute(
        select(status_list.c.dirty, status_list.c.published_at).where(
            status_list.c.id == LIST,
        ),
    ).first()
    return row is not None and (
        row.dirty == 1
        or row.published_at is None
        or row.published_at < published_before
    )
