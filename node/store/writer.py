"""The one writer: many jobs share one transaction, and so one fsync.

Jobs are queued, run in order in the thread of one connection, each inside a SAVEPOINT,
and answered only after the COMMIT: an answer means that the work is on the disk. A job
that fails rolls back its own savepoint only; a COMMIT that fails fails every job in it.
Another process may write to the same file: `BEGIN IMMEDIATE` waits for it.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from node.store.line import OPENED, TOUCHED, Line

LARGEST_BATCH = 64
"""Jobs per transaction: past this one fsync is a small part of the cost of each."""


class StoreClosedError(Exception):
    """The store was closed before the job could run."""


@dataclass(slots=True, eq=False)
class Job:
    """Something to do in the next transaction."""

    work: Callable[[Connection], Any]
    future: asyncio.Future[Any] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass(frozen=True, slots=True)
class Failed:
    """What a job raised; its savepoint has been rolled back."""

    error: Exception


class Writer:
    """Takes jobs, and runs what has gathered in one transaction after another."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._jobs: asyncio.Queue[Job | None] = asyncio.Queue()
        self._open = True
        self.commits = 0
        """Transactions committed so far."""
        self._watched: dict[str, list[asyncio.Event]] = {}
        self._task = asyncio.create_task(self._run(), name="store writer")

    async def write(self, work: Callable[[Connection], Any]) -> Any:
        """Queue `work` and wait until it is durable.

        Raises:
            StoreClosedError: the store is closed.
            Exception: whatever `work` raised, or why nothing could be committed.
        """
        if not self._open:
            raise StoreClosedError("the store is closed")
        job = Job(work)
        self._jobs.put_nowait(job)
        return await job.future

    def watch(self, what: str) -> asyncio.Event:
        """Return an event that is set after each commit that touched `what`."""
        news = asyncio.Event()
        self._watched.setdefault(what, []).append(news)
        return news

    async def close(self) -> None:
        """Do what is queued, then stop."""
        if self._open:
            self._open = False
            self._jobs.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while True:
            first = await self._jobs.get()
            if first is None:
                return
            # Whoever was just answered gets a turn to bring the next job.
            await asyncio.sleep(0)
            await self._commit(self._gather(first))

    def _gather(self, first: Job) -> list[Job]:
        """Take what is queued, but not what nobody waits for any more."""
        jobs = [first]
        while len(jobs) < LARGEST_BATCH and not self._jobs.empty():
            job = self._jobs.get_nowait()
            if job is None:
                self._jobs.put_nowait(None)
                break
            jobs.append(job)
        return [job for job in jobs if not job.future.cancelled()]

    async def _commit(self, jobs: Sequence[Job]) -> None:
        try:
            outcomes, touched = await self._line.run(_batch, [j.work for j in jobs])
        except Exception as error:  # noqa: BLE001 - every job must be answered
            outcomes = [Failed(error)] * len(jobs)
        else:
            self.commits += 1
            for news in (
                one for what in touched for one in self._watched.get(what, ())
            ):
                news.set()
        for job, outcome in zip(jobs, outcomes, strict=True):
            _answer(job.future, outcome)


def _batch(
    connection: Connection, works: Sequence[Callable[[Connection], Any]]
) -> tuple[list[Any], set[str]]:
    """Run jobs one after the other; return what came of each, and what they touched."""
    # Past SQLAlchemy: three statements a job that return nothing.
    raw: Any = connection.connection.driver_connection
    connection.info.pop(TOUCHED, None)
    outcomes: list[Any] = []
    for work in works:
        raw.execute("SAVEPOINT job")
        connection.info.pop(OPENED, None)
        try:
            outcomes.append(work(connection))
        except Exception as error:  # noqa: BLE001 - every job must be answered
            # Fails too if SQLite rolled the whole transaction back: then so do all.
            raw.execute("ROLLBACK TO job")
            outcomes.append(Failed(error))
        raw.execute("RELEASE job")
    return outcomes, connection.info.pop(TOUCHED, set())


def _answer(future: asyncio.Future[Any], outcome: Any) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        if isinstance(outcome, Failed):
            future.set_exception(outcome.error)
        else:
            future.set_result(outcome)
