"""Single facts about this database that fit no table of their own."""

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.tables import meta


def get(connection: Connection, *, key: str) -> str | None:
    """Return what is stored under a key, or None."""
    value: str | None = connection.scalar(select(meta.c.value).where(meta.c.key == key))
    return value


def put(connection: Connection, *, key: str, value: str) -> None:
    """Store a value in the place of the one before."""
    statement = upsert(meta).values(key=key, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": value})
    )
