"""What anyone may read: DID documents, profile, status lists, log, health.

A process may serve several homes (an accreditor that also keeps the log of a council):
the Host of the request says which.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from node.context import NodeContext
from node.ledger import Ledger
from node.store import credentials, messages
from node.store.engine import Store
from node.web.openapi import DOCUMENT
from protocol.errors import ProtocolError
from protocol.exchange import did_log
from protocol.securing import jose

PROFILE_TYPE = "lrx-profile+jwt"
PROFILE_LIFETIME = timedelta(days=7)
INBOX_LIMIT = 256 * 1024
MAX_IN_FLIGHT = 16

routes = web.RouteTableDef()
health = web.RouteTableDef()
"""Answered at both doors."""


@dataclass(frozen=True, slots=True)
class Site:
    """One home this process serves."""

    context: NodeContext
    store: Store
    ledger: Ledger


SITES: web.AppKey[Mapping[str, Site]] = web.AppKey("SITES")
"""By the host name of the public origin."""


def _site(request: web.Request) -> Site:
    try:
        return request.app[SITES][request.headers.get("Host", "")]
    except KeyError:
        raise web.HTTPMisdirectedRequest from None


def profile(context: NodeContext, ledger: Ledger) -> str:
    """Return the signed profile of a node (LRX 1.0, "Endpoints")."""
    settings = context.settings
    now = context.clock()
    claims = {
        "iss": str(context.did),
        "iat": int(now.timestamp()),
        "exp": int((now + PROFILE_LIFETIME).timestamp()),
        "lrx": ["1.0"],
        "name": settings.name.model_dump(exclude_none=True),
        "country": settings.country,
        "roles": list(settings.roles),
        "inbox": {
            "max_bytes": INBOX_LIMIT,
            "max_in_flight": MAX_IN_FLIGHT,
            "modes": ["push"],
        },
        "formats": ["dc+sd-jwt"],
        "unsolicited": {"record/offer": True, "record/deliver": False},
        "privacy": settings.privacy.model_dump(
            include={"jurisdiction", "regimes", "notice", "contact"}, mode="json"
        ),
        "log": {"origin": ledger.origin, "key": ledger.verifier},
        "security": f"{settings.origin}/.well-known/security.txt",
    }
    if settings.test:
        claims["test"] = True
    return jose.secure(
        claims,
        key=context.identity.message_key,
        kid=context.identity.message_kid,
        typ=PROFILE_TYPE,
    )


@routes.get("/.well-known/did.jsonl")
async def get_log(request: web.Request) -> web.Response:
    """Serve the DID log."""
    site = _site(request)
    return _cached(site.context.identity.log, "text/jsonl", 60)


@routes.get("/.well-known/did.json")
async def get_document(request: web.Request) -> web.Response:
    """Serve the parallel did:web document."""
    identity = _site(request).context.identity
    document = did_log.web_document(did_log.read(identity.did, identity.log))
    return _cached(json.dumps(document).encode(), "application/did+json", 60)


@routes.get("/.well-known/lrx")
async def get_profile(request: web.Request) -> web.Response:
    """Serve the signed profile."""
    site = _site(request)
    token = profile(site.context, site.ledger)
    return _cached(token.encode(), f"application/{PROFILE_TYPE}", 3600)


@routes.get("/.well-known/security.txt")
async def get_security(request: web.Request) -> web.Response:
    """Serve where to report a weakness (RFC 9116)."""
    site = _site(request)
    expires = site.context.clock() + timedelta(days=90)
    text = (
        f"Contact: {site.context.settings.contact}\n"
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}\n"
    )
    return _cached(text.encode(), "text/plain", 3600)


@routes.get("/status/{list}")
async def get_status_list(request: web.Request) -> web.Response:
    """Serve a status list as it was last published."""
    site = _site(request)
    octets = await site.store.read(
        credentials.published_status_list, id=request.match_info["list"]
    )
    if octets is None:
        raise web.HTTPNotFound
    return _cached(octets, "application/vc", 30)


@routes.get("/log/checkpoint")
async def get_checkpoint(request: web.Request) -> web.Response:
    """Serve the signed head of the audit log."""
    site = _site(request)
    note = await site.ledger.checkpoint(site.store, site.context.clock())
    return _cached(note.encode(), "text/plain", 5)


@routes.get("/log/tile/{path:.+}")
async def get_tile(request: web.Request) -> web.Response:
    """Serve a tile of the audit log (C2SP tlog-tiles)."""
    site = _site(request)
    try:
        octets = await site.ledger.tile(site.store, request.match_info["path"])
    except ProtocolError:
        raise web.HTTPNotFound from None
    return _cached(octets, "application/octet-stream", 3600)


@health.get("/health/live")
async def live(request: web.Request) -> web.Response:
    """Tell that the process answers."""
    return web.json_response({"status": "live"})


@health.get("/health/ready")
async def ready(request: web.Request) -> web.Response:
    """Tell that the database answers too."""
    for site in request.app[SITES].values():
        await site.store.read(messages.oldest_queued)
    return web.json_response({"status": "ready"})


@routes.get("/metrics")
async def metrics(request: web.Request) -> web.Response:
    """Serve counters for Prometheus; none names a person."""
    return web.Response(
        body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


@routes.get("/openapi.json")
async def openapi(request: web.Request) -> web.Response:
    """Serve the description of this interface."""
    return _cached(DOCUMENT, "application/json", 3600)


def _cached(octets: bytes, media_type: str, seconds: int) -> web.Response:
    return web.Response(
        body=octets,
        headers={
            "Content-Type": media_type,
            "Cache-Control": f"public, max-age={seconds}",
            "X-Content-Type-Options": "nosniff",
        },
    )
