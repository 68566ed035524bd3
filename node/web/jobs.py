"""Work that outlasts a request: one learner after another, with a page that tells.

A job lives in memory. If the process ends, what was done is done, and pressing the
button again does the rest: issuing the same thing twice changes nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from protocol.errors import ProtocolError

AT_ONCE = 16
"""Learners in one group commit."""
KEPT = 50
"""Jobs remembered; the oldest finished ones are forgotten."""
GRACE = 2.0
"""Seconds work may go on after the process was asked to end."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outcome:
    """What one step did."""

    issued: int
    unchanged: int
    missing: tuple[Any, ...]


@dataclass(slots=True)
class Job:
    """How far a piece of work has come."""

    total: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    done: int = 0
    issued: int = 0
    unchanged: int = 0
    failed: int = 0
    finished: bool = False
    missing: list[Any] = field(default_factory=list)

    def count(self, outcome: Outcome | BaseException) -> None:
        """Take up what became of one learner."""
        self.done += 1
        if isinstance(outcome, Outcome):
            self.issued += outcome.issued
            self.unchanged += outcome.unchanged
            self.missing += outcome.missing
        else:
            self.failed += 1


class Jobs:
    """The jobs of one process."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, job_id: str) -> Job | None:
        """Return a job that is running or was."""
        return self._jobs.get(job_id)

    def start(
        self, ids: Sequence[str], step: Callable[[str], Awaitable[Outcome]]
    ) -> Job:
        """Begin to do `step` for each of `ids`."""
        job = Job(len(ids))
        for old in [j for j in self._jobs.values() if j.finished][: -KEPT or None]:
            del self._jobs[old.id]
        self._jobs[job.id] = job
        self.later(_run(job, ids, step))
        return job

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin some work that no answer waits for."""
        task = asyncio.create_task(work)
        # The loop keeps only weak references to tasks.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self, _: web.Application) -> None:
        """At the end of the process, let short work finish and stop the rest."""
        if self._tasks:
            late = (await asyncio.wait(self._tasks, timeout=GRACE))[1]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


async def _run(
    job: Job, ids: Sequence[str], step: Callable[[str], Awaitable[Outcome]]
) -> None:
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        outcomes = await asyncio.gather(*map(step, some), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                reason = "refused" if isinstance(outcome, ProtocolError) else "failed"
                _log.warning("issuing %s", reason, exc_info=outcome)
            job.count(outcome)
    job.finished = True


JOBS: web.AppKey[Jobs] = web.AppKey("JOBS")
