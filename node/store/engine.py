"""The store as the rest of the node sees it: `read` and `write`.

Store functions take a `Connection` and keyword arguments, and are handed over:
`await store.write(consents.withdraw, consent_id=…)`, or several of them wrapped in one
function, which is then one transaction. They run in the thread of a connection, so
they never await, never commit, and touch nothing but their arguments.

SQLite in one file: WAL, `synchronous=FULL`, foreign keys and recursive triggers on.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Connection, make_url

from node.store import gate
from node.store.line import Line
from node.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

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

    Args:
        url: for example `sqlite+aiosqlite:///node.db`.
        expected: the hash of the triggers and views that must stand; only tests, which
            replace the clock, have another than the release's.

    Raises:
        GateMissingError: the gate in the database is not that of this release.
        ValueError: `url` is not a SQLite file.
        OperationalError: there is no such file.
    """
    path = path_of(url)
    lines: list[Line] = []
    try:
        lines.append(await Line.open(path, writes=True))
        await lines[0].run(gate.check, expected=expected)
        lines.extend([await Line.open(path, writes=False) for _ in range(READERS)])
    except BaseException:
        for line in lines:
            await line.close()
        raise
    return Store(lines[0], lines[1:])
