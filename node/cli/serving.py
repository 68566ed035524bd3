"""`lrx serve` and `lrx migrate`."""

import asyncio
import json
import signal
from argparse import ArgumentParser, Namespace
from pathlib import Path

from node import contexts
from node.app import Running, spare_the_collector
from node.cli.common import Exit, UsageError, read_settings, say, settings_file
from node.conformance import throw_away
from node.logs import configure
from node.store.migrate import upgrade as migrate
from protocol.errors import ProtocolError


def add_serve(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx serve`."""
    parser.add_argument(
        "--conformance",
        type=int,
        metavar="PORT",
        help="a throw-away node for conformance suites, on this machine only",
    )
    parser.add_argument(
        "--context",
        action="append",
        default=[],
        metavar="URL=FILE",
        help="with --conformance: one more JSON-LD context to accept",
    )
    parser.set_defaults(command=serve)


def add_migrate(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx migrate`."""
    parser.set_defaults(command=upgrade)


async def serve(arguments: Namespace) -> int:
    """Run the node until it is asked to end."""
    if arguments.context and arguments.conformance is None:
        raise UsageError(
            "--context goes with --conformance: a node accepts pinned ones"
        )
    if arguments.conformance is not None:
        for stated in arguments.context:
            _accept(stated)
        return await _serve_suites(arguments.conformance)
    settings = read_settings(arguments)
    configure()
    ended = _asked_to_end()
    try:
        node = await Running.start(settings)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {settings.listen} and {settings.portal_listen}: "
            f"{error.strerror}; choose others with listen and portal_listen"
        ) from error
    spare_the_collector()
    try:
        await ended.wait()
    finally:
        await node.stop()
    return Exit.VALID


def _accept(stated: str) -> None:
    url, _, file = stated.rpartition("=")
    try:
        contexts.add(url, Path(file).read_bytes())
    except (OSError, ProtocolError) as error:
        raise UsageError(f"--context {stated}: {error}") from error


async def _serve_suites(port: int) -> int:
    """Run a throw-away node until it is asked to end; print who its issuers are."""
    ended = _asked_to_end()
    try:
        async with throw_away(port) as dids:
            print(json.dumps(dids), flush=True)
            await ended.wait()
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"cannot listen on port {port}: {reason}") from error
    return Exit.VALID


def _asked_to_end() -> asyncio.Event:
    """Return what is set once the process is asked to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    return ended


async def upgrade(arguments: Namespace) -> int:
    """Bring the database to the schema of this release."""
    migrate(read_settings(arguments).store_url)
    say(f"{settings_file(arguments)}: the database has the schema of this release")
    return Exit.VALID
