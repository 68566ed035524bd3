"""Errors become problem documents (RFC 9457) here and nowhere else.

The only module that knows which HTTP status a problem of LRX 1.0 (section "Problems")
has.
"""

import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web

from node.web.silence import NO_HTTP, malformed
from protocol import errors
from protocol.errors import PROBLEMS, ProtocolError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PROBLEM_TYPE = "application/problem+json"

_STATUS: dict[str, HTTPStatus] = {
    errors.MalformedValueError.code: HTTPStatus.BAD_REQUEST,
    errors.MessageSchemaError.code: HTTPStatus.BAD_REQUEST,
    errors.UnsupportedMessageError.code: HTTPStatus.BAD_REQUEST,
    errors.UnexpectedMessageError.code: HTTPStatus.BAD_REQUEST,
    errors.SignatureError.code: HTTPStatus.UNAUTHORIZED,
    errors.ClockError.code: HTTPStatus.UNAUTHORIZED,
    errors.PeerStateError.code: HTTPStatus.FORBIDDEN,
    errors.RoleError.code: HTTPStatus.FORBIDDEN,
    errors.NotFoundError.code: HTTPStatus.NOT_FOUND,
    errors.ReplayError.code: HTTPStatus.CONFLICT,
    errors.IdReuseError.code: HTTPStatus.CONFLICT,
    errors.ExpiredError.code: HTTPStatus.GONE,
    errors.SizeError.code: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.MediaTypeError.code: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.MisdirectedError.code: HTTPStatus.MISDIRECTED_REQUEST,
    errors.CryptoError.code: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BusyError.code: HTTPStatus.TOO_MANY_REQUESTS,
}
_SILENT = frozenset({errors.SignatureError.code, errors.CryptoError.code})
"""Told without detail: an attacker must not learn which step failed."""

_logger = logging.getLogger(__name__)


def problem(error: ProtocolError, **more: object) -> tuple[int, bytes]:
    """Return status and body of the problem document for `error`."""
    status = _STATUS.get(error.code, HTTPStatus.BAD_REQUEST)
    document: dict[str, object] = {
        "type": error.type,
        "title": error.title,
        "status": int(status),
        "code": error.code,
        "trace": secrets.token_hex(8),
    }
    if error.code not in _SILENT:
        document["detail"] = str(error)
    _logger.info("problem", extra={"code": error.code, "trace": document["trace"]})
    return int(status), json.dumps(document | more, ensure_ascii=False).encode()


@web.middleware
async def problem_details(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a protocol error, or a fault of our own, with a problem document."""
    try:
        return await handler(request)
    except ProtocolError as error:
        status, body = problem(error)
        return web.Response(status=status, body=body, content_type=PROBLEM_TYPE)
    except web.HTTPException as error:
        return _plain(error.status, error.reason)
    except NO_HTTP:
        malformed.count()
        return _plain(400, "Bad request")
    except Exception:
        _logger.exception("a request failed", extra={"path": request.rel_url.raw_path})
        return _plain(500, "Internal error")


def _plain(status: int, title: str) -> web.Response:
    codes = {404: errors.NotFoundError.code, 413: errors.SizeError.code}
    code = codes.get(status, "e.p.internal" if status >= 500 else "e.m.msg.malformed")  # noqa: PLR2004 - the classes of RFC 9110
    body = {"type": PROBLEMS + code, "title": title, "status": status, "code": code}
    return web.json_response(body, status=status, content_type=PROBLEM_TYPE)
