"""Pages: templates with texts in the reader's language, and headers that keep them in.

A page loads one style sheet and nothing else, runs no script, tells no other site where
the reader came from, and is kept in no cache.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from functools import cache, partial
from importlib.resources import files
from typing import Any

import aiohttp_jinja2
import jinja2
from aiohttp import web
from markupsafe import Markup, escape

from node.services.consenting import NotPermittedError
from node.services.inviting import Login
from node.texts.catalogue import LANGUAGES, choose, text, text_or
from node.web import wording
from node.web.keys import CONTEXT
from protocol.errors import (
    NotFoundError,
    ProtocolError,
    SizeError,
    UnexpectedMessageError,
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LANGUAGE_COOKIE = "__Host-lrx-language"
_REGISTRY = (
    ("/registrar", "nav.registrar"),
    ("/registrar/import", "nav.import"),
    ("/registrar/quarantine", "nav.quarantine"),
    ("/registrar/learners", "nav.learners"),
    ("/registrar/rights", "nav.cases"),
    ("/registrar/issue", "nav.issue"),
    ("/registrar/peers", "nav.peers"),
    ("/registrar/audit", "nav.audit"),
)
_LEARNER = (
    ("/learner", "nav.learner"),
    ("/learner/consents", "nav.consents"),
    ("/learner/share/send", "nav.send"),
    ("/learner/share/code", "nav.code"),
    ("/learner/access", "nav.access"),
    ("/learner/rights", "nav.rights"),
)
NAVIGATION: Mapping[str, tuple[tuple[str, str], ...]] = {
    "learner": _LEARNER,
    "guardian": _LEARNER,
    "registrar": _REGISTRY,
    "operator": (_REGISTRY[0], *_REGISTRY[-2:]),
    "officer": (
        ("/authority", "nav.authority"),
        ("/authority/ask", "nav.ask"),
        ("/verify", "nav.verify"),
    ),
}
"""The pages each role is led to; the first is where a login arrives."""
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_log = logging.getLogger(__name__)


VIEWER: web.RequestKey[Login] = web.RequestKey("VIEWER", Login)
CSRF: web.RequestKey[str] = web.RequestKey("CSRF", str)
LANGUAGE: web.RequestKey[str] = web.RequestKey("LANGUAGE", str)


def install(app: web.Application) -> None:
    """Give `app` its templates and the headers of every answer."""
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.PackageLoader("node.web", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    app.on_response_prepare.append(_add_headers)


def render(
    request: web.Request, template: str, *, status: int = 200, **values: Any
) -> web.Response:
    """Answer with the page made from `template` and `values`."""
    language = request[LANGUAGE]
    settings = request.app[CONTEXT].settings
    zone = wording.zone_of(settings.country)
    viewer = request.get(VIEWER)
    shown = {
        "t": partial(text, language),
        "t_or": partial(text_or, language),
        "lang": language,
        "languages": LANGUAGES,
        "day": partial(wording.day, language),
        "moment": lambda at: _time(language, at, zone),
        "label": partial(wording.label, language),
        "group": partial(wording.group, language),
        "value": partial(wording.value, language),
        "institution": settings.name.best("ja" if language == "ja" else "en"),
        "settings": settings,
        "viewer": viewer,
        "csrf": request.get(CSRF, ""),
        "style": _style()[1],
        "navigation": NAVIGATION[viewer.role] if viewer else (),
        "here": _here(request, viewer),
        "in_language": lambda code: str(request.rel_url.update_query(lang=code)),
        "best": partial(best, language),
    }
    return aiohttp_jinja2.render_template(
        f"{template}.html", request, shown | values, status=status
    )


def _here(request: web.Request, viewer: Login | None) -> str:
    """The entry of the navigation that the page belongs to."""
    entries = NAVIGATION[viewer.role] if viewer else ()
    fitting = [path for path, _ in entries if f"{request.path}/".startswith(f"{path}/")]
    return max(fitting, key=len, default="")


def best(language: str, texts: Mapping[str, Any] | str | None) -> str:
    """Pick the text in `language` from a language map, else any there is."""
    if texts is None or isinstance(texts, str):
        return texts or ""
    for key in (language, "en", "ja"):
        if isinstance(texts.get(key), str) and texts[key]:
            return str(texts[key])
    return next((str(v) for v in texts.values() if isinstance(v, str)), "")


@web.middleware
async def language(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Settle the language: asked for, kept in a cookie, or as the browser prefers."""
    asked = request.query.get("lang")
    kept = request.cookies.get(LANGUAGE_COOKIE)
    if asked in LANGUAGES:
        request[LANGUAGE] = asked
    elif kept in LANGUAGES:
        request[LANGUAGE] = kept
    else:
        request[LANGUAGE] = choose(request.headers.get("Accept-Language"))
    try:
        response = await handler(request)
    except web.HTTPRedirection as redirection:
        _keep_language(redirection, asked)
        raise
    _keep_language(response, asked)
    return response


def _keep_language(response: web.StreamResponse, asked: str | None) -> None:
    if asked in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            asked,
            max_age=365 * 86400,
            secure=True,
            httponly=True,
            samesite="Lax",
        )


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what goes wrong with a page in words.

    An object of somebody else and one that never existed end in the same page.
    """
    try:
        return await handler(request)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        kind = {403: "forbidden", 404: "missing", 405: "missing"}
        return _error(request, error.status, kind.get(error.status, "failed"))
    except ProtocolError as error:
        status, words = next(
            (found for kind, found in _PROBLEMS if isinstance(error, kind)),
            (400, "unreadable"),
        )
        detail = str(error) if words == "unreadable" else ""
        return _error(request, status, words, detail=detail)
    except Exception:  # noqa: BLE001 - logged, and the reader gets a page
        _log.exception("page failed", extra={"route": _route(request)})
        return _error(request, 500, "failed")


_PROBLEMS: tuple[tuple[type[ProtocolError], tuple[int, str]], ...] = (
    (NotFoundError, (404, "missing")),
    (NotPermittedError, (409, "not-permitted")),
    (UnexpectedMessageError, (409, "moved-on")),
    (SizeError, (413, "size")),
)


def _error(
    request: web.Request, status: int, kind: str, detail: str = ""
) -> web.Response:
    return render(request, "error", status=status, kind=kind, detail=detail)


def _route(request: web.Request) -> str:
    """The route's pattern, never the path: a path may hold a token."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


async def style(_: web.Request) -> web.Response:
    """Serve the one style sheet; its address changes with its content."""
    return web.Response(
        body=_style()[0],
        content_type="text/css",
        charset="utf-8",
        headers={"Cache-Control": "public, max-age=31536000, immutable"},
    )


@cache
def _style() -> tuple[bytes, str]:
    content = files("node.web").joinpath("static/style.css").read_bytes()
    return content, f"/style.css?v={hashlib.sha256(content).hexdigest()[:12]}"


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    for name, content in _HEADERS.items():
        response.headers.setdefault(name, content)
    response.headers.setdefault("Cache-Control", "no-store")
    if request.app[CONTEXT].settings.portal_origin.startswith("https:"):
        response.headers.setdefault(
            "Strict-Transport-Security", "max-age=31536000; includeSubDomains"
        )


def _time(lang: str, at: datetime | int | None, zone: Any) -> Markup:
    """Write a moment as a `time` element, its machine form in UTC."""
    if at is None:
        return escape(text(lang, "value.empty"))
    machine = (
        at.isoformat()
        if isinstance(at, datetime)
        else datetime.fromtimestamp(at, tz=zone).isoformat()
    )
    shown = wording.moment(lang, at, zone)
    return Markup('<time datetime="{}">{}</time>').format(machine, shown)


def parse_day(value: str) -> date | None:
    """Read the value of a date field; what is no day is none."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="#1f4b7a"/>'
    '<path d="M9 7h14v18H9z" fill="#fff"/>'
    '<path d="M12 12h8M12 16h8" stroke="#1f4b7a" stroke-width="2"/>'
    '<path d="M13 21l2.5 2.5L20 19" stroke="#1c6140" stroke-width="2.5" fill="none"/>'
    "</svg>"
)


async def icon(_: web.Request) -> web.Response:
    """Serve the picture browsers show beside the title."""
    return web.Response(
        text=_ICON,
        content_type="image/svg+xml",
        headers={"Cache-Control": "public, max-age=86400"},
    )
