"""The door for other nodes: `/inbox`, `/introduce`, `/echo`.

Every answer from step 4 of the signature profile on is signed and bound to its request;
what a peer was told can be shown later. An answer says "stored", never "done": acting
on a message is a job of `node.background`.
"""

import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from node import inbox
from node.context import NodeContext
from node.registry import Registry
from node.store import messages as message_store
from node.store.engine import Store
from node.web.authentication import Call, Caller, authenticate, read_call
from node.web.limits import Introductions, TooManyError, calling_address
from node.web.problems import PROBLEM_TYPE, problem
from protocol.errors import PeerStateError, ProtocolError, RoleError
from protocol.exchange import http_signatures
from protocol.exchange.http_signatures import ResponseParts

MESSAGE_TYPE = "application/didcomm-encrypted+json"
MESSAGE_LIMIT = 256 * 1024
INTRODUCTION_LIMIT = 16 * 1024
JSON = "application/json"

STORE: web.AppKey[Store] = web.AppKey("PEER_STORE")
CONTEXT: web.AppKey[NodeContext] = web.AppKey("PEER_CONTEXT")
STRANGERS: web.AppKey[Introductions] = web.AppKey("STRANGERS")
REGISTRY: web.AppKey[Registry] = web.AppKey("REGISTRY")

Answer = tuple[int, bytes]
routes = web.RouteTableDef()


@routes.post("/lrx/1/inbox")
async def post_inbox(request: web.Request) -> web.Response:
    """Take one message from a peer."""

    async def take(call: Call, caller: Caller) -> Answer:
        return await _take(request, call, caller, introduction=False)

    return await _signed(request, MESSAGE_TYPE, MESSAGE_LIMIT, take)


@routes.post("/lrx/1/introduce")
async def post_introduce(request: web.Request) -> web.Response:
    """Take one introduction, the only message a stranger may send."""

    async def take(call: Call, caller: Caller) -> Answer:
        return await _take(request, call, caller, introduction=True)

    def admit() -> None:
        context = request.app[CONTEXT]
        address = calling_address(
            request.remote,
            request.headers.getall("X-Forwarded-For", []),
            context.settings.trusted_proxies,
        )
        request.app[STRANGERS].admit(address, context.clock())

    return await _signed(request, MESSAGE_TYPE, INTRODUCTION_LIMIT, take, admit=admit)


@routes.post("/lrx/1/echo")
async def post_echo(request: web.Request) -> web.Response:
    """Tell a peer what was understood of its request; nothing is kept of it."""

    async def tell(call: Call, caller: Caller) -> Answer:
        await request.app[STORE].write(
            message_store.remember_nonce,
            keyid=str(call.signed.keyid),
            nonce=call.signed.nonce,
            at=call.at,
        )
        said = {
            "did": str(caller.did),
            "keyid": str(call.signed.keyid),
            "state": caller.state,
            "signature_base": call.signed.base.decode(),
            "content_digest": (call.signed.digest or b"").hex(),
            "at": int(call.at.timestamp()),
        }
        return 200, json.dumps(said).encode()

    return await _signed(request, JSON, MESSAGE_LIMIT, tell)


async def _take(
    request: web.Request, call: Call, caller: Caller, *, introduction: bool
) -> Answer:
    if caller.state in {"ended", "refused"}:
        raise PeerStateError("the relationship has ended")
    opened = inbox.open_message(
        call.body, caller.did, caller.history, context=request.app[CONTEXT], at=call.at
    )
    if introduction != (opened.message.kind == "peer/introduce"):
        raise RoleError(f"{opened.message.kind} is not taken on this route")
    if not introduction:
        inbox.check_state(caller.state, opened.message.kind)
    taken = await request.app[STORE].write(
        inbox.receive,
        context=request.app[CONTEXT],
        opened=opened,
        peer=caller.peer,
        keyid=str(call.signed.keyid),
        nonce=call.signed.nonce,
        at=call.at,
    )
    body = {
        "accepted": opened.message.id,
        "duplicate": taken.duplicate,
        "last": taken.last,
    }
    return 202, json.dumps(body, separators=(",", ":")).encode()


async def _signed(
    request: web.Request,
    media_type: str,
    limit: int,
    handle: Callable[[Call, Caller], Awaitable[Answer]],
    *,
    admit: Callable[[], None] | None = None,
) -> web.Response:
    """Authenticate, handle, and sign whatever comes of it."""
    app = request.app
    call = await read_call(request, app[CONTEXT], media_type=media_type, limit=limit)
    try:
        caller = await authenticate(
            request,
            call,
            context=app[CONTEXT],
            store=app[STORE],
            registry=app[REGISTRY],
            admit=admit,
        )
        status, body = await handle(call, caller)
        parts = ResponseParts(status, JSON, body)
    except TooManyError as error:
        status, body = problem(error)
        later = str(error.seconds)
        parts = ResponseParts(status, PROBLEM_TYPE, body, retry_after=later)
    except ProtocolError as error:
        status, body = problem(error)
        parts = ResponseParts(status, PROBLEM_TYPE, body)
    return _answer(app[CONTEXT], call, parts)


def _answer(context: NodeContext, call: Call, parts: ResponseParts) -> web.Response:
    headers = http_signatures.sign_response(
        parts,
        request=call.parts,
        key=context.identity.message_key,
        keyid=context.identity.message_kid,
        created=int(context.clock().timestamp()),
        nonce=call.signed.nonce,
    )
    return web.Response(
        status=parts.status,
        body=parts.body,
        headers={"Content-Type": parts.content_type or JSON, **headers},
    )
