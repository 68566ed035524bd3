"""Logging in by a link, staying logged in by a cookie, and proof that a form is ours.

Opening a link shows a page; only its button uses the link up, so that mail scanners do
no harm. The session cookie is `__Host-`, `Secure`, `HttpOnly` and `SameSite=Lax`; its
name holds a digest of the node's DID, because browsers share cookies between the ports
of one host, and two nodes on one machine must not log each other out.

Every form carries a token: of the session, or, before there is one, derived from a
cookie of its own. Without it another site could log somebody in as somebody else.
"""

import asyncio
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from node.services import inviting
from node.web.forms import Form, read_form
from node.web.jobs import JOBS
from node.web.keys import CLOCK, CONTEXT, STORE
from node.web.pages import (
    CSRF,
    LANGUAGE,
    LANGUAGE_COOKIE,
    NAVIGATION,
    VIEWER,
    Handler,
    render,
)

FORM: web.RequestKey[Form] = web.RequestKey("FORM", Form)
SECRET: web.AppKey[bytes] = web.AppKey("SECRET")
"""Turns the cookie of a visitor into the token of their forms; new at every start."""
LOOKING: web.AppKey[asyncio.Semaphore] = web.AppKey("LOOKING")
"""One search for an address at a time; what comes meanwhile is not looked at."""
_VISITOR_COOKIE: Final = "__Host-lrx-form"
_VISITOR_BYTES: Final = 16


def session_cookie(app: web.Application) -> str:
    """Return the name of this node's session cookie."""
    digest = hashlib.sha256(str(app[CONTEXT].did).encode()).hexdigest()
    return f"__Host-lrx-{digest[:10]}"


@web.middleware
async def session(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find out who is there, and give the forms of the page their token."""
    token = request.cookies.get(session_cookie(request.app), "")
    viewer = None
    if token:
        store, at = request.app[STORE], request.app[CLOCK]()
        context = request.app[CONTEXT]
        viewer = await store.read(inviting.seen, context=context, token=token, at=at)
        if viewer is not None and at - viewer.seen_at > inviting.TOUCH_AFTER:
            await store.write(inviting.touch, token_hash=viewer.token_hash, at=at)
    if viewer is not None:
        request[VIEWER] = viewer
        request[CSRF] = viewer.csrf
        if LANGUAGE_COOKIE not in request.cookies and "lang" not in request.query:
            request[LANGUAGE] = viewer.language
        return await handler(request)
    visitor = request.cookies.get(_VISITOR_COOKIE, "")
    fresh = len(visitor) != 2 * _VISITOR_BYTES
    if fresh:
        visitor = secrets.token_hex(_VISITOR_BYTES)
    request[CSRF] = hmac.digest(request.app[SECRET], visitor.encode(), "sha256").hex()
    response = await handler(request)
    if fresh and not response.prepared:
        response.set_cookie(
            _VISITOR_COOKIE, visitor, secure=True, httponly=True, samesite="Lax"
        )
    return response


async def checked_form(request: web.Request, limit: int) -> Form:
    """Read a form and see that it came from a page of ours.

    Raises:
        HTTPForbidden: it did not, or that page is too old.
        ProtocolError: it could not be read.
    """
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise web.HTTPForbidden
    form = await read_form(request, limit)
    if not hmac.compare_digest(form.get("csrf").encode(), request[CSRF].encode()):
        raise web.HTTPForbidden
    return form


def own_path(value: str) -> str:
    """Return `value` if it is a path of this site, else the start page."""
    parts = urlsplit(value)
    ours = value.startswith("/") and not value.startswith(("//", "/\\"))
    if not ours or parts.scheme or parts.netloc or not value.isprintable():
        return "/"
    return value


async def start(request: web.Request) -> web.StreamResponse:
    """Lead who is logged in to their pages, and greet everybody else."""
    viewer = request.get(VIEWER)
    if viewer is not None:
        raise web.HTTPSeeOther(NAVIGATION[viewer.role][0][0])
    return render(request, "welcome")


async def login_page(request: web.Request) -> web.StreamResponse:
    """Offer a link by mail."""
    return render(
        request, "login", sent=False, next=own_path(request.query.get("next", "/"))
    )


async def send_link(request: web.Request) -> web.StreamResponse:
    """Mail a link if the address is known.

    The answer goes out before anybody looks, so that neither its words nor its time
    tell whether it is.
    """
    form, app = request[FORM], request.app
    email, path = form.get("email")[:254], own_path(form.get("next", "/"))

    async def look() -> None:
        async with app[LOOKING]:
            found = await app[STORE].read(
                inviting.people_at, context=app[CONTEXT], email=email
            )
        for person_id in found:
            await app[STORE].write(
                inviting.invite,
                context=app[CONTEXT],
                person_id=person_id,
                path=path,
                at=app[CLOCK](),
            )

    if not app[LOOKING].locked():
        app[JOBS].later(look())
    return render(request, "login", sent=True, next="/")


async def enter_page(request: web.Request) -> web.StreamResponse:
    """Show what the link is for; looking uses nothing up and tells nothing."""
    return render(request, "enter")


async def enter(request: web.Request) -> web.StreamResponse:
    """Use the link up and begin a session."""
    token = await request.app[STORE].write(
        inviting.redeem,
        token=request.match_info["token"],
        at=request.app[CLOCK](),
    )
    if token is None:
        return render(request, "spent", status=410)
    response = web.HTTPSeeOther(own_path(request.query.get("next", "/")))
    response.set_cookie(
        session_cookie(request.app),
        token,
        max_age=int(inviting.SESSION_LIFETIME.total_seconds()),
        secure=True,
        httponly=True,
        samesite="Lax",
    )
    response.del_cookie(_VISITOR_COOKIE, secure=True, httponly=True, samesite="Lax")
    raise response


async def fresh_page(request: web.Request) -> web.StreamResponse:
    """Explain why a fresh login is needed."""
    target = own_path(request.query.get("next", "/"))
    return render(request, "fresh", sent=False, next=target)


async def fresh_link(request: web.Request) -> web.StreamResponse:
    """Mail a new link to whoever is logged in."""
    await request.app[STORE].write(
        inviting.invite,
        context=request.app[CONTEXT],
        person_id=request[VIEWER].person_id,
        path=own_path(request[FORM].get("next", "/")),
        at=request.app[CLOCK](),
    )
    return render(request, "fresh", sent=True, next="/")


async def logout(request: web.Request) -> web.StreamResponse:
    """End the session, here and in the store."""
    viewer = request.get(VIEWER)
    if viewer is not None:
        await request.app[STORE].write(inviting.logout, token_hash=viewer.token_hash)
    response = web.HTTPSeeOther("/")
    response.del_cookie(
        session_cookie(request.app), secure=True, httponly=True, samesite="Lax"
    )
    raise response
