"""The VC API: other software has credentials issued and verified over HTTP.

Not the door of LRX: it is on a listener of its own, and off unless the operator sets
`[vc_api]`. What signs needs a bearer token; what verifies and resolves changes nothing.
Every answer is JSON.

Follows Verifiable Credential API (W3C CCG), sections "Issuing", "Verifying" and
"Presenting", and DID Resolution v0.3, section "Bindings: HTTP(S)".
"""

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from node.context import Clock
from node.services import resolving, vc_issuing
from node.services.vc_checking import Checker, Report
from node.services.vc_issuing import Issuer
from node.services.vc_statuses import StatusLists
from node.web.problems import Handler, problem
from node.web.silence import body_in_time
from protocol.errors import (
    MalformedValueError,
    NotFoundError,
    ProtocolError,
    SecuringError,
)
from protocol.linked_data.jcs import parse_strict

MAXIMUM_BODY = 1024 * 1024
"""Octets of a request: a diploma is some ten thousand."""
_PREFERRED = ("eddsa-rdfc-2022", "eddsa-jcs-2022")
"""What secures a credential when the caller names no issuer."""
_JSON = "application/json"
_BARE = frozenset({"application/did+ld+json", "application/did+json"})
"""Who accepts nothing but these is answered with the document alone."""
_RESOLUTION: Mapping[str, int] = {
    "invalidDid": 400,
    "invalidDidUrl": 400,
    "notFound": 404,
    "representationNotSupported": 406,
    "methodNotSupported": 501,
    "invalidPublicKey": 400,
    "invalidPublicKeyLength": 400,
    "invalidPublicKeyType": 400,
    "unsupportedPublicKeyType": 400,
    "internalError": 500,
}
"""Decentralized Identifier Resolution v0.3, section "Bindings: HTTP(S)"."""

routes = web.RouteTableDef()
_logger = logging.getLogger(__name__)


Note = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""Notes which issuer is about to have secured what, before anybody has it."""


@dataclass(frozen=True, slots=True)
class VcApi:
    """What the routes work with."""

    issuers: dict[str, Issuer]
    """By name; they change when the node's keys do."""
    checker: Checker
    clock: Clock
    token: str | None
    """What a caller of an issuer must show; None on a test network left open."""
    statuses: StatusLists | None = None
    note: Note | None = None


VC_API: web.AppKey[VcApi] = web.AppKey("VC_API")


def build_vc_api(api: VcApi) -> web.Application:
    """Join the routes into an application; it has not been started."""
    app = web.Application(middlewares=[_answer_in_json], client_max_size=MAXIMUM_BODY)
    app[VC_API] = api
    app.add_routes(routes)
    return app


@routes.post("/vc-api/credentials/issue")
@routes.post("/vc-api/issuers/{name}/credentials/issue")
@routes.post("/vc-api/issuers/{name}/{key}/credentials/issue")
async def issue(request: web.Request) -> web.Response:
    """Secure a credential with the issuer the path names."""
    _check_caller(request)
    api = request.app[VC_API]
    body = await _body(request)
    credential, options = body.get("credential"), _options(body)
    name = "/".join(request.match_info[part] for part in request.match_info)
    if name == "status":
        credential = _with_status(api, credential, options)
    # A graph takes time to be made canonical: not on the loop.
    issued = await asyncio.to_thread(
        vc_issuing.issue,
        _issuer(api, name),
        credential,
        options=options,
        at=api.clock(),
    )
    if api.note:
        await api.note(name, issued)
    return _json({"verifiableCredential": issued}, 201)


@routes.post("/vc-api/credentials/verify")
async def verify(request: web.Request) -> web.Response:
    """Tell whether a credential is verified."""
    api = request.app[VC_API]
    body = await _body(request)
    value = body.get("verifiableCredential")
    return _report(await api.checker.credential(value, api.clock()))


@routes.post("/vc-api/credentials/derive")
async def derive(request: web.Request) -> web.Response:
    """Show part of a credential; its holder needs no key of this node."""
    body = await _body(request)
    derived = await asyncio.to_thread(
        vc_issuing.derive, body.get("verifiableCredential"), _options(body)
    )
    return _json({"verifiableCredential": derived}, 201)


@routes.post("/vc-api/presentations/verify")
async def verify_presentation(request: web.Request) -> web.Response:
    """Tell whether a presentation is verified, with every credential in it."""
    api = request.app[VC_API]
    body = await _body(request)
    options = _options(body)
    report = await api.checker.presentation(
        body.get("verifiablePresentation"),
        api.clock(),
        challenge=_text(options, "challenge"),
        domain=_text(options, "domain"),
    )
    return _report(report)


@routes.post("/vc-api/presentations")
async def create_presentation(request: web.Request) -> web.Response:
    """Prove a presentation with the key of the issuer used by default."""
    _check_caller(request)
    api = request.app[VC_API]
    body = await _body(request)
    options = _options(body)
    presented = await asyncio.to_thread(
        vc_issuing.present,
        _issuer(api, "").signer,
        body.get("presentation"),
        challenge=_text(options, "challenge"),
        domain=_text(options, "domain"),
        at=api.clock(),
    )
    if api.note:
        await api.note("presentations", presented)
    return _json({"verifiablePresentation": presented}, 201)


@routes.post("/vc-api/credentials/status")
async def set_status(request: web.Request) -> web.Response:
    """Set the status of a credential that the issuer `status` secured."""
    _check_caller(request)
    lists = _statuses(request.app[VC_API])
    body = await _body(request)
    status = body.get("credentialStatus")
    name, to = body.get("credentialId"), body.get("status", True)
    purpose = status.get("statusPurpose") if isinstance(status, dict) else None
    if not isinstance(name, str) or not isinstance(purpose, str):
        raise MalformedValueError("credentialId, or statusPurpose, is not a text")
    if not isinstance(to, bool):
        raise MalformedValueError("status is neither true nor false")
    lists.set(name, purpose, to=to)
    return _json({"credentialId": name, "statusPurpose": purpose, "status": to}, 200)


@routes.get("/vc-api/status/{purpose}")
async def get_status_list(request: web.Request) -> web.Response:
    """Serve a status list of the issuer `status`."""
    api = request.app[VC_API]
    lists = _statuses(api)
    return _json(lists.credential(request.match_info["purpose"], api.clock()), 200)


@routes.get("/1.0/identifiers/{did:.+}")
@routes.get("/vc-api/1.0/identifiers/{did:.+}")
async def get_identifier(request: web.Request) -> web.Response:
    """Resolve a DID, or dereference a DID URL."""
    text = request.match_info["did"]
    # What follows an unescaped `?` is for the resolver; a DID URL comes escaped.
    outcome = await resolving.resolve(
        text,
        source=request.app[VC_API].checker.source,
        key_format=request.query.get("publicKeyFormat", ""),
    )
    status = _RESOLUTION.get(outcome.error, 410 if outcome.ended else 200)
    told = outcome.as_dict()
    if outcome.is_url:
        # The did:key suite looks for what was dereferenced under these names.
        told |= {
            "didDocument": told["content"],
            "didDocumentMetadata": told["contentMetadata"],
            "didDereferencingMetadata": told["dereferencingMetadata"],
        }
    elif status == 200 and request.headers.get("Accept", "") in _BARE:  # noqa: PLR2004 - OK
        return _json(told["didDocument"], status, request.headers["Accept"])
    return _json(told, status)


@web.middleware
async def _answer_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what was refused, and what went wrong here, in JSON too."""
    try:
        return await handler(request)
    except ProtocolError as error:
        status, body = problem(error)
        told = json.loads(body)
        title = f"{error.title}: {told.get('detail', '')}".removesuffix(": ")
        return _json(told | {"errors": [title]}, status)
    except web.HTTPException as error:
        return _json({"title": error.reason, "errors": [error.reason]}, error.status)
    except Exception:
        _logger.exception("a request failed", extra={"path": request.rel_url.raw_path})
        return _json({"title": "Internal error", "errors": ["Internal error"]}, 500)


def _check_caller(request: web.Request) -> None:
    """Let in who shows the token.

    Raises:
        web.HTTPUnauthorized: nobody else.
    """
    token = request.app[VC_API].token
    if token is None:
        return
    shown = request.headers.get("Authorization", "")
    if not hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()):
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})


async def _body(request: web.Request) -> dict[str, Any]:
    async with body_in_time(request):
        body = parse_strict(await request.read())
    if not isinstance(body, dict):
        raise MalformedValueError("a request whose body is not an object")
    return body


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    options = body.get("options")
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise MalformedValueError("options that are not an object")
    return options


def _text(options: Mapping[str, Any], name: str) -> str | None:
    value = options.get(name)
    if value is not None and not isinstance(value, str):
        raise MalformedValueError(f"{name} is not a text")
    return value


def _issuer(api: VcApi, name: str) -> Issuer:
    names = [name] if name else _PREFERRED
    if name == "status":
        names = _PREFERRED
    for one in names:
        if one in api.issuers:
            return api.issuers[one]
    raise NotFoundError(f"no issuer {name}: there are {', '.join(sorted(api.issuers))}")


def _statuses(api: VcApi) -> StatusLists:
    if api.statuses is None:
        raise NotFoundError("no status lists are kept for this interface")
    return api.statuses


def _with_status(api: VcApi, credential: Any, options: Mapping[str, Any]) -> Any:
    """Give a credential a place in a status list, where it states none."""
    lists = _statuses(api)
    if not isinstance(credential, dict):
        raise SecuringError("a credential is an object")
    if "credentialStatus" in credential:
        return credential
    purpose = options.get("statusPurpose", "revocation")
    return {**credential, "credentialStatus": lists.entry(credential, purpose)}


def _report(report: Report) -> web.Response:
    return _json(report.as_dict(), 200 if report.verified else 400)


def _json(value: Any, status: int, media_type: str = _JSON) -> web.Response:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return web.Response(text=text, status=status, content_type=media_type)
