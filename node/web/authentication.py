"""Who is calling: a peer, by its DID (LRX 1.0, "HTTP signature profile").

The steps are those of the section and in its order; a stranger costs one signature
check at most. Nothing is decrypted here.

(1) size, encoding, media type · (2) one signature · (3) components and parameters ·
(4) authority from our settings · (5) time · (6) key of a known peer ·
(7) signature, digest · (8) state, role · (9) nonce, with the message · (10) decrypt
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from node.context import NodeContext
from node.registry import Registry
from node.store import peers as peer_store
from node.store.engine import Store
from protocol.errors import (
    ClockError,
    DidError,
    MediaTypeError,
    MisdirectedError,
    NotFoundError,
    RoleError,
    SignatureError,
    SizeError,
)
from protocol.exchange import http_signatures
from protocol.exchange.http_signatures import RequestParts, SignedParts
from protocol.identity.dids import Did, DidHistory
from protocol.identity.jobs import shared_key
from protocol.identity.keys import VerificationKey

BODY_SECONDS = 20.0
"""How long a request's body may take to come."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as received, its signature read but not yet verified."""

    parts: RequestParts
    signed: SignedParts
    body: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Caller:
    """A peer that has proved control of its message key."""

    did: Did
    peer: str
    """Key of the peer: its SCID, or its DID where it has none."""
    history: DidHistory
    state: str
    """`unknown` on the one route open to strangers."""


def peer_key(did: Did) -> str:
    """Return what a peer is keyed by: it keeps its identity when its domain changes."""
    return did.scid or str(did)


async def read_call(
    request: web.Request, context: NodeContext, *, media_type: str, limit: int
) -> Call:
    """Steps 1 to 3: read the request within its limits and find its one signature.

    Raises:
        SizeError, MediaTypeError, SignatureError, NotFoundError: as the section says;
            answered unsigned.
    """
    if "Content-Encoding" in request.headers:  # (1)
        raise MediaTypeError("a content encoding, expected none")
    if request.headers.getall("Content-Type", []) != [media_type]:
        raise MediaTypeError(f"expected the one content type {media_type}")
    if (request.content_length or 0) > limit:
        raise SizeError(f"{request.content_length} bytes, at most {limit}")
    body = await _body(request, limit)
    path, mark, query = request.raw_path.partition("?")
    if path != request.path:
        # What is signed is what is routed: no escapes, no dots, no double slashes.
        raise NotFoundError("the path is not in its canonical form")
    parts = RequestParts(
        request.method,
        context.settings.authority,
        path,
        mark + query if mark else "?",
        media_type,
        body,
    )
    headers = [(name.decode(), value.decode()) for name, value in request.raw_headers]
    signed = http_signatures.read_request(parts, headers)  # (2), (3)
    return Call(parts, signed, body, context.clock())


async def authenticate(
    request: web.Request,
    call: Call,
    *,
    context: NodeContext,
    store: Store,
    registry: Registry,
    admit: Callable[[], None] | None = None,
) -> Caller:
    """Steps 4 to 7: return who signed the call.

    `admit` is asked before a stranger's DID is resolved; without it none is.

    Raises:
        BusyError: `admit` lets no stranger in now.
        MisdirectedError, ClockError, SignatureError: answered signed, and alike for an
            unknown peer, an unknown key and a bad signature.
        RoleError: the caller's DID document gives one key two jobs.
    """
    if request.headers.getall("Host", []) != [context.settings.authority]:  # (4)
        raise MisdirectedError("the Host is not one this node answers for")
    try:  # (5)
        http_signatures.check_time(call.signed, int(call.at.timestamp()))
    except ClockError as error:
        raise ClockError(f"{error}; it is {call.at.isoformat()} here") from error
    did = call.signed.keyid.did
    row = await store.read(peer_store.peer, id=peer_key(did))  # (6)
    key: VerificationKey | None = None
    history: DidHistory | None = None
    if row is None and admit is not None:
        admit()
    if row is not None or admit is not None:
        try:
            history = await registry.history(did)
            key = history.current().key_for(call.signed.keyid, "authentication")
            if key is None and row is not None:
                # The peer may have rotated since we looked.
                history = await registry.history(did, fresh=True)
                key = history.current().key_for(call.signed.keyid, "authentication")
        except DidError:
            key = None
    http_signatures.verify(call.signed, key, call.body)  # (7)
    if history is None:
        raise SignatureError("unknown peer")
    shared = shared_key(history)  # (8)
    if shared is not None:
        raise RoleError(f"a key of {did} has two jobs: {shared}")
    return Caller(did, peer_key(did), history, row.state if row else "unknown")


async def _body(request: web.Request, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > limit:
                    raise SizeError(f"over {limit} bytes")
                parts.append(chunk)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    return b"".join(parts)
