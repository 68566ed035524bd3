"""Rows as store functions hand them out: plain values, nothing bound to a connection.

Most have a class of their own, whose fields are columns; a `Row` is a dictionary.

What runs several times for each message is a statement made once, with parameters:
making it anew costs three times what running it does.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Select, Table

Row: TypeAlias = dict[str, Any]
T = TypeVar("T")

CHUNK = 500
"""Values of one `IN`: every new length is another statement to prepare."""


def one(connection: Connection, query: Select[Any], **values: Any) -> Row | None:
    """Return the only row of `query`, or None; `values` are those of its parameters."""
    found = connection.execute(query, values).mappings().one_or_none()
    return None if found is None else dict(found)


def first(connection: Connection, query: Select[Any]) -> Row | None:
    """Return the first row of `query`, or None."""
    found = connection.execute(query.limit(1)).mappings().first()
    return None if found is None else dict(found)


def many(connection: Connection, query: Select[Any], **values: Any) -> list[Row]:
    """Return all rows of `query`; `values` are those of its parameters."""
    return [dict(row) for row in connection.execute(query, values).mappings()]


def columns(table: Table, row: type[tuple[Any, ...]]) -> list[Any]:
    """Return the columns of `table` that the named tuple `row` has fields for."""
    fields: tuple[str, ...] = getattr(row, "_fields", ())
    return [table.c[field] for field in fields if field in table.c]


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut `values` into lists short enough for one `IN`."""
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
