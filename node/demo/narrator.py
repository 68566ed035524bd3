"""Tells the story as it happens: steps, timings, a bar while something takes long."""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TextIO

BAR = 30
"""Signs of a progress bar."""
PATIENCE = 2.0
"""Seconds after which a bar appears."""


@dataclass(slots=True)
class Step:
    """One step of the story."""

    name: str
    ok: bool = False
    ms: int = 0


@dataclass(slots=True)
class Narrator:
    """Writes to standard error with `--json`, else to standard output."""

    as_json: bool
    steps: list[Step] = field(default_factory=list)
    exchanged: list[tuple[str, str, str, str]] = field(default_factory=list)
    """What went from whom to whom, and what came of it."""
    _started: float = field(default_factory=time.perf_counter)
    _terminal: TextIO = field(default_factory=lambda: sys.stderr)
    """Where bars go; taken at the beginning, for commands write elsewhere."""

    @property
    def _out(self) -> TextIO:
        return sys.stderr if self.as_json else sys.stdout

    def say(self, text: str) -> None:
        """Tell one thing that happened, with the seconds since the beginning."""
        seconds = time.perf_counter() - self._started
        print(f"{seconds:6.1f} s  {text}", file=self._out, flush=True)

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Tell a step; it is ok when it ends without an error."""
        step = Step(name)
        self.steps.append(step)
        number = len(self.steps)
        print(f"\n{number}. {title}", file=self._out, flush=True)
        begun = time.perf_counter()
        try:
            yield
            step.ok = True
        finally:
            step.ms = round((time.perf_counter() - begun) * 1000)

    @asynccontextmanager
    async def working(self, what: str) -> AsyncIterator[None]:
        """Show a moving bar while something takes over `PATIENCE`; on a terminal."""
        ticking = asyncio.create_task(self._tick(what))
        try:
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking

    async def _tick(self, what: str) -> None:
        if not self._terminal.isatty():
            return
        await asyncio.sleep(PATIENCE)
        begun = time.perf_counter() - PATIENCE
        try:
            for place in itertools.count():
                cells = [
                    "#" if (n - place) % BAR < BAR // 5 else "." for n in range(BAR)
                ]
                seconds = time.perf_counter() - begun
                print(
                    f"\r\033[K         {what} [{''.join(cells)}] {seconds:.0f} s",
                    end="",
                    file=self._terminal,
                    flush=True,
                )
                await asyncio.sleep(0.2)
        finally:
            print("\r\033[K", end="", file=self._terminal, flush=True)

    def note(self, what: str, source: str, target: str, outcome: str) -> None:
        """Remember what was exchanged, for the table at the end."""
        self.exchanged.append((what, source, target, outcome))

    def end(self) -> bool:
        """Print the tables and the last line; tell whether all went well."""
        seconds = time.perf_counter() - self._started
        ok = all(step.ok for step in self.steps) and bool(self.steps)
        print(file=self._out)
        for row in (("what", "from", "to", "outcome"), *self.exchanged):
            print(
                f"{row[0]:26} {row[1]:13} {row[2]:13} {row[3]}".rstrip(),
                file=self._out,
            )
        print(file=self._out)
        for step in self.steps:
            mark = "ok" if step.ok else "FAILED"
            print(f"{step.name:10} {step.ms:7} ms  {mark}", file=self._out)
        print(f"{'whole':10} {seconds * 1000:7.0f} ms", file=self._out)
        print(f"demo: {'ok' if ok else 'FAILED'}", file=self._out, flush=True)
        if self.as_json:
            said = {
                "ok": ok,
                "seconds": round(seconds, 1),
                "steps": [
                    {"name": step.name, "ok": step.ok, "ms": step.ms}
                    for step in self.steps
                ],
            }
            print(json.dumps(said), flush=True)
        return ok
