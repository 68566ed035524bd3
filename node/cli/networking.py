"""`lrx network`: test networks of many nodes, in containers."""

import asyncio
import os
import signal
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from node.cli.common import Exit, UsageError, say
from node.context import system_clock
from node.demo import compose, network, world

T = TypeVar("T")
SILENCE = 120.0
"""Seconds after which a connection that says nothing is given up."""
_Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx network`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    new = actions.add_parser(
        "new", help="write a network of nodes as a compose project"
    )
    new.add_argument("folder", type=Path, metavar="DIR")
    new.add_argument("--universities", type=int, default=2, metavar="N")
    new.add_argument("--authorities", type=int, default=1, metavar="N")
    new.add_argument("--accreditors", type=int, default=1, metavar="N")
    new.add_argument("--students", type=int, default=200, help="per university")
    new.add_argument("--image", default="lrx-node", help="image of the nodes")
    new.set_defaults(command=new_network)
    prepare = actions.add_parser("prepare", help="make the homes of the compose file")
    prepare.add_argument("folder", type=Path, metavar="DIR")
    prepare.set_defaults(command=prepare_homes)
    proxy = actions.add_parser("proxy", help="hand connections on to the portals")
    proxy.add_argument("--portals", default=os.environ.get("LRX_PORTALS", ""))
    proxy.set_defaults(command=hand_on)


async def new_network(arguments: Namespace) -> int:
    """Write homes, seeded data and a compose file into a new folder."""
    folder: Path = arguments.folder
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty")
    counts = (arguments.universities, arguments.authorities, arguments.accreditors)
    if min(counts) < 1 or sum(counts) > compose.MOST:
        raise UsageError(f"at least one of each, and {compose.MOST} nodes at most")
    lines = await compose.new(
        folder, *counts, students=arguments.students, image=arguments.image
    )
    say(*lines)
    return Exit.VALID


async def prepare_homes(arguments: Namespace) -> int:
    """Make the homes of the repository's compose file, once."""
    folder: Path = arguments.folder
    members = network.containers()
    # Written last: homes that were only begun are made again from the start.
    complete = folder / members[-1].key / "network-complete"
    if not complete.exists():
        await world.create(folder, members, system_clock())
        complete.touch()
    say(*(f"{m.key}: {m.portal_origin}" for m in members if m.kind != "stranger"))
    return Exit.VALID


async def hand_on(arguments: Namespace) -> int:
    """Accept connections for the portals and pass their octets on."""
    servers = []
    for pair in filter(None, arguments.portals.split(",")):
        port, _, target = pair.partition("=")
        host, _, target_port = target.rpartition(":")
        if not port.isdigit() or not target_port.isdigit():
            raise UsageError(f"{pair} is not PORT=HOST:PORT")
        servers.append(
            await asyncio.start_server(
                _passing(host, int(target_port)),
                "0.0.0.0",  # noqa: S104 - published by the container engine only
                int(port),
            )
        )
        say(f"http://localhost:{port} -> {target}")
    if not servers:
        raise UsageError("nothing to hand on: LRX_PORTALS is PORT=HOST:PORT,…")
    # The first process of a container is not ended by a signal it does not handle.
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    for server in servers:
        server.close()
    return Exit.VALID


def _passing(host: str, port: int) -> _Handler:
    async def pass_on(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(
            _copy(reader, far_writer), _copy(far_reader, writer), return_exceptions=True
        )

    return pass_on


async def _within(work: Awaitable[T]) -> T:
    async with asyncio.timeout(SILENCE):
        return await work


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await _within(reader.read(65536)):
            writer.write(chunk)
            await _within(writer.drain())
    finally:
        writer.close()
