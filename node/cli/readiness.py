"""`lrx ready`: asked every few seconds by what watches a node, so it loads little."""

import asyncio
import http.client
from argparse import ArgumentParser, Namespace
from http import HTTPStatus

from node.cli.common import Exit, complain, read_settings
from node.settings import address

PATIENCE = 3.0
"""Seconds a node that is well may take to say so."""


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx ready`."""
    parser.set_defaults(command=ready)


async def ready(arguments: Namespace) -> int:
    """Ask the running node whether it answers; exit status 0 or 1."""
    host, port = address(read_settings(arguments).portal_listen)
    everywhere = {"0.0.0.0": "127.0.0.1", "[::]": "::1"}  # noqa: S104 - compared only
    status = await asyncio.to_thread(
        _status, everywhere.get(host, host.strip("[]")), port
    )
    if status == HTTPStatus.OK:
        return Exit.VALID
    said = "does not answer; is `lrx serve` running?" if status is None else status
    complain(f"{host}:{port}: {said}")
    return Exit.INVALID


def _status(host: str, port: int) -> int | None:
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
