"""The store as the rest of the node sees it: `read` and `write`.

Store functions take a `Connection` and keyword arguments, and are handed over:
`await store.write(consents.withdraw, consent_id=…)`, or several of them wrapped in one
function, which is then one transaction. They run in the thread of a connection, so
they never await, never commit, and touch nothing but their arguments.

SQLite in one file: WAL, `synchronous=FULL`, foreign keys and recursive triggers on.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DatabaseError

from node.store import gate
from node.store.line import Line
from node.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

REVISION = "0004"
"""The newest revision in `migrations`; the database must stand at it."""
READERS = 3
"""Connections that read; in WAL mode they wait for nobody."""


def path_of(url: str) -> Path:
    """Return the file a SQLAlchemy URL names.

    Raises:
        ValueError: not SQLite, or not a file.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {
        None,
        "",
        ":memory:",
    }:
        raise ValueError(
            f"{parsed.get_backend_name()}: only SQLite files are supported"
        )
    return Path(str(parsed.database))


class StoreError(Exception):
    """The database cannot be used; the message says what to do."""


class Store:
    """An open database: one writer, a few readers."""

    def __init__(self, writer: Line, readers: list[Line]) -> None:
        self._line = writer
        self._lines = readers
        self._writer = Writer(writer)
        self._free: asyncio.Queue[Line] = asyncio.Queue()
        for line in readers:
            self._free.put_nowait(line)

    async def read(
        self,
        fn: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `fn` in a transaction that sees one state of the database.

        Raises:
            OperationalError: `fn` tried to write.
        """
        line = await self._free.get()
        try:
            return await line.run(fn, *args, **kwargs)
        finally:
            self._free.put_nowait(line)

    async def write(
        self,
        fn: Callable[Concatenate[Connection, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `fn` as a job of the writer; its result is durable when it comes.

        Raises:
            Exception: whatever `fn` raised; nothing of it was stored.
        """
        result: T = await self._writer.write(lambda c: fn(c, *args, **kwargs))
        return result

    @property
    def commits(self) -> int:
        """How many transactions this process has committed."""
        return self._writer.commits

    def watch(self, what: str) -> asyncio.Event:
        """Return an event that is set after each commit that touched `what`.

        Store functions say what they touch. What another process writes to the same
        file is not noticed here.
        """
        return self._writer.watch(what)

    async def close(self) -> None:
        """Finish queued jobs, then close every connection."""
        await self._writer.close()
        for line in (self._line, *self._lines):
            await line.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def open_store(url: str, *, expected: str = gate.RELEASED) -> Store:
    """Open the database at `url`, which `node.store.migrate` has made.

    `expected` is the hash of the triggers and views that must stand; only tests, which
    replace the clock, have another than the release's.

    Raises:
        StoreError: there is no such database, it is of another release, or its gate
            is not the one expected.
        ValueError: `url` is not a SQLite file.
    """
    path = path_of(url)
    lines: list[Line] = []
    try:
        lines.append(await Line.open(path, writes=True))
        await lines[0].run(_check, expected=expected)
        lines.extend([await Line.open(path, writes=False) for _ in range(READERS)])
    except BaseException as error:
        for line in lines:
            await line.close()
        if isinstance(error, sqlite3.Error | DatabaseError):
            raise StoreError(f"{path}: {error}; `lrx migrate` makes one") from error
        raise
    return Store(lines[0], lines[1:])


def _check(connection: Connection, *, expected: str) -> None:
    revision = connection.scalar(text("select version_num from alembic_version"))
    if revision != REVISION:
        raise StoreError(f"the database is at revision {revision}, not {REVISION}")
    found = gate.standing(connection)
    if found != expected:
        raise StoreError(
            "the triggers and views in the database are not those of this release: "
            f"their hash is {found[:16]}, not {expected[:16]}"
        )
