"""Connections that say nothing, or nothing that is HTTP.

A connection has a few seconds to make its first request; what comes too slowly is given
up. Requests that are no HTTP are counted and noted once a minute, without a word of
what they said: whoever scans the internet must not fill the log.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final
from weakref import WeakSet

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from prometheus_client import Counter

HEAD_SECONDS = 20.0
"""How long a connection may take to make its first request."""
BODY_SECONDS = 20.0
"""How long a body may take, beside what its length asks for."""
SLOWEST = 8 * 1024
"""Octets a second that a long body comes at, at the least."""
NOTED_EVERY = 60.0
"""Seconds between two notes of requests that were no HTTP."""

MALFORMED = Counter("lrx_malformed_requests", "Requests that were no HTTP")
SILENT = Counter("lrx_silent_connections", "Connections that made no request in time")

NO_HTTP = (HttpProcessingError, web.RequestPayloadError)
"""What reading a body raises that is not what its headers say."""

_logger = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def watched(
    server: web.Server, spoken: WeakSet[asyncio.BaseTransport]
) -> Callable[[], asyncio.Protocol]:
    """Return what makes a protocol for each connection, and closes silent ones."""
    loop = asyncio.get_running_loop()

    def close_if_silent(protocol: asyncio.Protocol) -> None:
        transport = getattr(protocol, "transport", None)
        if transport is not None and transport not in spoken:
            SILENT.inc()
            transport.abort()

    def accept() -> asyncio.Protocol:
        protocol = server()
        loop.call_later(HEAD_SECONDS, close_if_silent, protocol)
        return protocol

    return accept


def spoken_in(app: web.Application) -> WeakSet[asyncio.BaseTransport]:
    """Return the connections over which `app` has had a request, from now on."""
    spoken: WeakSet[asyncio.BaseTransport] = WeakSet()

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.transport is not None:
            spoken.add(request.transport)
        return await handler(request)

    app.middlewares.insert(0, note)
    return spoken


@asynccontextmanager
async def body_in_time(request: web.Request) -> AsyncIterator[None]:
    """Give up a body that comes too slowly.

    Raises:
        HTTPRequestTimeout: it did.
    """
    length = request.content_length or 0
    try:
        async with asyncio.timeout(BODY_SECONDS + length / SLOWEST):
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


class QuietLogger(logging.LoggerAdapter[logging.Logger]):
    """What aiohttp logs to: faults of ours as they are, malformed requests counted."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("aiohttp.server"))

    def exception(self, msg: object, *args: object, **more: Any) -> None:
        """Log a fault; count a request that was no HTTP."""
        if isinstance(more.get("exc_info"), HttpProcessingError):
            malformed.count()
        else:
            super().exception(msg, *args, **more)

    def debug(self, msg: object, *args: object, **more: Any) -> None:
        """Count a request that was no HTTP, also where aiohttp expects such."""
        if isinstance(more.get("exc_info"), HttpProcessingError):
            malformed.count()
        else:
            super().debug(msg, *args, **more)


class Malformed:
    """Counts requests that were no HTTP, and says so now and then."""

    def __init__(self) -> None:
        self._noted = -NOTED_EVERY
        self._since = 0

    def count(self) -> None:
        """Count one, and note how many there were if it is time."""
        MALFORMED.inc()
        self._since += 1
        now = time.monotonic()
        if now - self._noted >= NOTED_EVERY:
            _logger.warning("requests that are no HTTP", extra={"count": self._since})
            self._noted, self._since = now, 0


malformed: Final = Malformed()
"""Of this process."""
