"""What every part of the story needs: commands, waiting, people, looking inside."""

import asyncio
import email
import email.policy
import io
import json
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, func, select

from node.demo.browser import Browser
from node.demo.narrator import Narrator
from node.demo.world import World
from node.handle import Node, opened_at
from node.store.tables import metadata

T = TypeVar("T")

Command = Callable[[Sequence[str]], Awaitable[int]]
"""Takes the words after `lrx`; returns the exit status."""
PATIENCE = 30.0
"""Seconds to wait for something another node must do."""


class StoryError(Exception):
    """The story did not go as it must; the message says what was found instead."""


def expect(condition: object, message: str) -> None:
    """Stop the story if `condition` does not hold.

    Raises:
        StoryError: with `message`.
    """
    if not condition:
        raise StoryError(message)


@dataclass(slots=True)
class Stage:
    """The network the story is told in, and what has been learned so far."""

    world: World
    narrator: Narrator
    out: Path
    command: Command
    """Runs one command of `lrx`, as a shell would."""
    inside: bool
    """Whether this process runs in the network's own container."""
    artefacts: dict[str, str] = field(default_factory=dict)
    """Name of each artefact and its path below `out`."""
    facts: dict[str, Any] = field(default_factory=dict)

    async def lrx(
        self, key: str | None, *words: str, expected: tuple[int, ...] = (0,)
    ) -> str:
        """Run one command of `lrx` on a node, as an operator would; return its output.

        Raises:
            StoryError: another exit status than expected.
        """
        config = ["--config", str(self.world.file(key))] if key else []
        out, err = io.StringIO(), io.StringIO()
        async with self.narrator.working(f"lrx {words[0]}"):
            with redirect_stdout(out), redirect_stderr(err):
                status = await self.command([*config, *words])
        expect(
            status in expected,
            f"lrx {' '.join(words)} ended with {status}, not {expected}: "
            f"{out.getvalue()[-1500:]}{err.getvalue()[-1500:]}",
        )
        return out.getvalue()

    async def until(
        self,
        what: str,
        look: Callable[[], Awaitable[T | None]],
        *,
        seconds: float = PATIENCE,
    ) -> T:
        """Wait until `look` finds something.

        Raises:
            StoryError: it did not within `seconds`.
        """
        begun = time.monotonic()
        while True:
            found = await look()
            if found:
                return found
            passed = time.monotonic() - begun
            expect(passed < seconds, f"waited {seconds:.0f} s in vain for {what}")
            await asyncio.sleep(0.1)

    def open(self, key: str) -> AbstractAsyncContextManager[Node]:
        """Open a node's store beside the running node."""
        return opened_at(self.world.settings[key])

    async def count(self, key: str, *tables: str) -> dict[str, int]:
        """Count the rows of some tables of a node."""
        async with self.open(key) as node:
            return await node.store.read(_count, tables)

    def browser(self, key: str, language: str = "en") -> Browser:
        """Return a browser at a node's portal."""
        settings = self.world.settings[key]
        reach = settings.portal_listen
        if self.inside:
            member = next(m for m in self.world.members if m.key == key)
            reach = f"{member.reached_at.rpartition(':')[0]}:8080"
        return Browser(settings.portal_origin, f"http://{reach}", language)

    async def link(self, key: str, *who: str, path: str = "/") -> str:
        """Let the registrar invite somebody; return the one-time link."""
        out = await self.lrx(key, "invite", *who, "--path", path, "--show")
        return out.strip().splitlines()[-1]

    async def mail_link(self, key: str, part: str) -> str:
        """Return the link of the newest mail whose link contains `part`.

        Raises:
            StoryError: no such mail came.
        """

        async def look() -> str | None:
            folder = self.world.home(key) / "mail"
            for file in sorted(folder.glob("*.eml"), reverse=True):
                text = file.read_bytes()
                message = email.message_from_bytes(text, policy=email.policy.default)
                body = message.get_body(("plain",))
                found = re.findall(r"https?://\S+", body.get_content() if body else "")
                for link in found:
                    if part in link:
                        return str(link)
            return None

        return await self.until(f"a mail of {key} with a link to {part}", look)

    def keep(self, name: str, octets: bytes | str, file: str) -> Path:
        """Write an artefact below `out` and remember it."""
        path = self.out / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(octets.encode() if isinstance(octets, str) else octets)
        self.artefacts[name] = file
        return path

    def write_story(self) -> None:
        """Write `story.json`: every artefact, person, and the withheld value."""
        said = {
            "artefacts": self.artefacts,
            **self.facts,
            "nodes": {
                key: {
                    "did": str(settings.did),
                    "home": key,
                    "portal": settings.portal_origin,
                }
                for key, settings in self.world.settings.items()
            },
        }
        text = json.dumps(said, indent=1, ensure_ascii=False, default=str)
        (self.out / "story.json").write_text(text + "\n", encoding="utf-8")


def _count(connection: Connection, tables: tuple[str, ...]) -> dict[str, int]:
    return {
        name: connection.scalar(select(func.count()).select_from(metadata.tables[name]))
        or 0
        for name in tables
    }
