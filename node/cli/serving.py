"""`lrx serve` and `lrx migrate`."""

import asyncio
import signal
from argparse import ArgumentParser, Namespace

from node.app import Running
from node.cli.common import Exit, UsageError, read_settings, say, settings_file
from node.logs import configure
from node.store.migrate import upgrade as migrate


def add_serve(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx serve`."""
    parser.set_defaults(command=serve)


def add_migrate(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx migrate`."""
    parser.set_defaults(command=upgrade)


async def serve(arguments: Namespace) -> int:
    """Run the node until it is asked to end."""
    settings = read_settings(arguments)
    configure()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    try:
        node = await Running.start(settings)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {settings.listen} and {settings.portal_listen}: "
            f"{error.strerror}; choose others with listen and portal_listen"
        ) from error
    try:
        await ended.wait()
    finally:
        await node.stop()
    return Exit.VALID


async def upgrade(arguments: Namespace) -> int:
    """Bring the database to the schema of this release."""
    migrate(read_settings(arguments).store_url)
    say(f"{settings_file(arguments)}: the database has the schema of this release")
    return Exit.VALID
