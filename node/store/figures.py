"""What operators and measurements ask: how much, how old, how far."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from node.store.tables import delivery_item, inbox, outbox


class Sizes(NamedTuple):
    """Octets of messages sent, and of everything about exchanges at rest."""

    wire: int
    stored: int


def threads_sent(
    connection: Connection, *, type_: str, threads: Collection[str]
) -> set[str]:
    """Return those of `threads` in which a message of the type has been taken."""
    query = select(outbox.c.thread).where(
        outbox.c.type == type_, outbox.c.state == "sent", outbox.c.thread.in_(threads)
    )
    return set(connection.scalars(query))


def sizes(connection: Connection) -> Sizes:
    """Return what exchanges cost in octets so far."""
    sent = connection.scalar(select(func.sum(func.length(outbox.c.jws)))) or 0
    received = connection.scalar(select(func.sum(func.length(inbox.c.jws)))) or 0
    items = connection.scalar(select(func.sum(func.length(delivery_item.c.octets))))
    return Sizes(sent, sent + received + (items or 0))
