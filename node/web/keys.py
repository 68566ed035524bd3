"""Typed names of what handlers need."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from node.context import Clock, NodeContext
from node.store.engine import Store
from node.verifying import Presented
from protocol.credentials.findings import Verification

STORE: web.AppKey[Store] = web.AppKey("STORE")
CONTEXT: web.AppKey[NodeContext] = web.AppKey("CONTEXT")
CLOCK: web.AppKey[Clock] = web.AppKey("CLOCK")

Verify = Callable[[bytes], Awaitable[Verification | Presented]]
"""Gathers evidence for one document and judges it; keeps nothing."""
Reverify = Callable[[str, str], Awaitable[None]]
"""Verifies one item of a delivery again, given both ids, and stores the verdict."""

VERIFY: web.AppKey[Verify] = web.AppKey("VERIFY")
REVERIFY: web.AppKey[Reverify] = web.AppKey("REVERIFY")
