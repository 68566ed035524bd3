"""Nodes as processes of their own: started, waited for, stopped, killed."""

import asyncio
import os
import signal
import socket
import sys
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from node.demo.world import World
from node.settings import address

START_SECONDS = 60
"""How long a node may take until it answers."""


class ProcessError(Exception):
    """A node did not start, or ended by itself; the message holds its last words."""


@dataclass(slots=True)
class Processes:
    """The running nodes of a test network."""

    world: World
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    async def start(self, *keys: str) -> None:
        """Start the nodes `keys` and wait until each answers.

        Raises:
            ProcessError: one did not.
        """
        for key in keys:
            self._refuse_if_taken(key)
        for key in keys:
            log = (self.world.home(key) / "node.log").open("ab")
            self.running[key] = await asyncio.create_subprocess_exec(
                *lrx(self.world.file(key), "serve"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            log.close()
        await asyncio.gather(*(self._until_ready(key) for key in keys))

    def _refuse_if_taken(self, key: str) -> None:
        """Make sure that what answers later is the node that is started now.

        Raises:
            ProcessError: another program listens there.
        """
        settings = self.world.settings[key]
        for listen in (settings.listen, settings.portal_listen):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(address(listen))
                except OSError as error:
                    raise ProcessError(
                        f"{listen} cannot be listened on ({error.strerror}): "
                        "end what runs there, or choose --port-base N"
                    ) from error

    async def _until_ready(self, key: str) -> None:
        listen = self.world.settings[key].portal_listen
        url = f"http://{listen}/health/ready"
        async with aiohttp.ClientSession() as session, asyncio.timeout(START_SECONDS):
            while True:
                if self.running[key].returncode is not None:
                    raise ProcessError(f"{key} ended at once:\n{self.last_words(key)}")
                try:
                    async with session.get(url) as response:
                        if response.status == 200:  # noqa: PLR2004 - ready
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    def last_words(self, key: str) -> str:
        """Return the end of a node's log."""
        file = self.world.home(key) / "node.log"
        return file.read_text(encoding="utf-8", errors="replace")[-2000:]

    async def kill(self, key: str) -> None:
        """End a node as a power cut would."""
        process = self.running.pop(key)
        process.kill()
        await process.wait()

    async def stop(self) -> None:
        """Ask every node to end, and wait."""
        for process in self.running.values():
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
        for key, process in list(self.running.items()):
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                await self.kill(key)
        self.running.clear()


def lrx(file: Path | None, *arguments: str) -> list[str]:
    """Return the command line of `lrx` in this installation."""
    chosen = ["--config", str(file)] if file else []
    return [sys.executable, "-m", "node", *chosen, *arguments]


async def command(
    file: Path | None, *arguments: str, expected: tuple[int, ...] = (0,)
) -> tuple[int, str, str]:
    """Run `lrx` once; return exit status, output and errors.

    Raises:
        ProcessError: the status is not among `expected`.
    """
    process = await asyncio.create_subprocess_exec(
        *lrx(file, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
    )
    out, err = await process.communicate()
    status = process.returncode or 0
    if status not in expected:
        raise ProcessError(
            f"lrx {' '.join(arguments)} ended with {status}: "
            f"{err.decode(errors='replace')[-2000:]}{out.decode(errors='replace')[-500:]}"
        )
    return status, out.decode(), err.decode()
