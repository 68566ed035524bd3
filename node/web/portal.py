"""The portal: every page, who may open it, and what it takes, in one table.

A page that is not in `ROUTES` does not exist, and whoever has not one of its roles is
answered as if it did not. Objects are looked for among those the caller may see; one
that is not there and one that is somebody else's give the same answer.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from aiohttp import web

from node.context import NodeContext
from node.store.engine import Store
from node.web import (
    authority_pages,
    learner_pages,
    login,
    pages,
    registrar_learners,
    registrar_pages,
    registrar_rights,
    rights_pages,
    verify_page,
)
from node.web.forms import SMALL
from node.web.jobs import JOBS, Jobs
from node.web.keys import CLOCK, CONTEXT, REVERIFY, STORE, VERIFY, Reverify, Verify
from node.web.pages import VIEWER, Handler

UPLOAD: Final = 64 * 1024 * 1024
"""Bytes of the exports of one import."""
ANYONE: Final = frozenset[str]()
LEARNER: Final = frozenset({"learner", "guardian"})
"""A guardian sees the pages of the learner they act for."""
REGISTRAR: Final = frozenset({"registrar"})
STAFF: Final = frozenset({"registrar", "operator"})
OFFICER: Final = frozenset({"officer"})
EVERYONE: Final = LEARNER | STAFF | OFFICER


@dataclass(frozen=True, slots=True)
class Route:
    """One page and verb."""

    method: str
    path: str
    handler: Handler
    roles: frozenset[str]
    """Empty: no login needed."""
    limit: int = SMALL
    """Bytes of the form it takes; 0: the handler reads the form itself."""


ROUTES: Final = (
    Route("GET", "/", login.start, ANYONE),
    Route("GET", "/style.css", pages.style, ANYONE),
    Route("GET", "/icon.svg", pages.icon, ANYONE),
    Route("GET", "/verify", verify_page.page, ANYONE),
    Route("POST", "/verify", verify_page.check, ANYONE, 0),
    Route("GET", "/login", login.login_page, ANYONE),
    Route("POST", "/login", login.send_link, ANYONE),
    Route("GET", "/login/again", login.fresh_page, EVERYONE),
    Route("POST", "/login/again", login.fresh_link, EVERYONE),
    Route("GET", "/login/{token}", login.enter_page, ANYONE),
    Route("POST", "/login/{token}", login.enter, ANYONE),
    Route("POST", "/logout", login.logout, ANYONE),
    Route("GET", "/learner", learner_pages.home, LEARNER),
    Route("GET", "/learner/requests/{query}", learner_pages.request_page, LEARNER),
    Route("POST", "/learner/requests/{query}", learner_pages.decide, LEARNER),
    Route("GET", "/learner/offers/{offer}", learner_pages.terms_page, LEARNER),
    Route("POST", "/learner/offers/{offer}", learner_pages.decide_terms, LEARNER),
    Route("GET", "/learner/consents", learner_pages.consents, LEARNER),
    Route("GET", "/learner/consents/{consent}", learner_pages.consent, LEARNER),
    Route(
        "GET",
        "/learner/consents/{consent}/record.json",
        learner_pages.consent_record,
        LEARNER,
    ),
    Route(
        "GET",
        "/learner/consents/{consent}/withdraw",
        learner_pages.withdraw_page,
        LEARNER,
    ),
    Route(
        "POST", "/learner/consents/{consent}/withdraw", learner_pages.withdraw, LEARNER
    ),
    Route("GET", "/learner/share/{way}", learner_pages.share_page, LEARNER),
    Route("POST", "/learner/share/{way}", learner_pages.share, LEARNER),
    Route("GET", "/learner/access", learner_pages.access, LEARNER),
    Route("GET", "/learner/access.json", learner_pages.access_export, LEARNER),
    Route("GET", "/learner/records/{record}", rights_pages.record, LEARNER),
    Route("GET", "/learner/rights", rights_pages.home, LEARNER),
    Route("GET", "/learner/rights/data", rights_pages.data, LEARNER),
    Route("GET", "/learner/rights/data.json", rights_pages.data_file, LEARNER),
    Route("GET", "/learner/rights/correction", rights_pages.correction_page, LEARNER),
    Route("POST", "/learner/rights/correction", rights_pages.correct, LEARNER),
    Route("GET", "/learner/rights/erasure", rights_pages.end_page, LEARNER),
    Route("POST", "/learner/rights/erasure", rights_pages.end, LEARNER),
    Route("GET", "/learner/rights/{right}", rights_pages.asked, LEARNER),
    Route("GET", "/registrar", registrar_pages.home, STAFF),
    Route("GET", "/registrar/rights", registrar_rights.home, REGISTRAR),
    Route("GET", "/registrar/rights/{case}", registrar_rights.case, REGISTRAR),
    Route("POST", "/registrar/rights/{case}", registrar_rights.decide, REGISTRAR),
    Route("GET", "/registrar/import", registrar_pages.import_page, REGISTRAR),
    Route("POST", "/registrar/import", registrar_pages.import_files, REGISTRAR, UPLOAD),
    Route("GET", "/registrar/runs/{run}", registrar_pages.run, STAFF),
    Route("GET", "/registrar/quarantine", registrar_pages.quarantine, REGISTRAR),
    Route("GET", "/registrar/learners", registrar_learners.find, REGISTRAR),
    Route(
        "GET", "/registrar/learners/{learner}", registrar_learners.learner, REGISTRAR
    ),
    Route(
        "POST",
        "/registrar/learners/{learner}/invite",
        registrar_learners.invite,
        REGISTRAR,
    ),
    Route(
        "POST",
        "/registrar/learners/{learner}/guardians",
        registrar_learners.guardian,
        REGISTRAR,
    ),
    Route(
        "POST",
        "/registrar/learners/{learner}/issue",
        registrar_learners.issue_one,
        REGISTRAR,
    ),
    Route(
        "POST",
        "/registrar/credentials/{credential}",
        registrar_learners.change_credential,
        REGISTRAR,
    ),
    Route("GET", "/registrar/issue", registrar_learners.issue_page, REGISTRAR),
    Route("POST", "/registrar/issue", registrar_learners.issue_many, REGISTRAR),
    Route("GET", "/registrar/jobs/{job}", registrar_learners.progress, REGISTRAR),
    Route("GET", "/registrar/peers", registrar_pages.peers, STAFF),
    Route("GET", "/registrar/peers/{peer}", registrar_pages.peer, STAFF),
    Route("POST", "/registrar/peers/{peer}", registrar_pages.decide_peer, STAFF),
    Route("GET", "/registrar/audit", registrar_pages.audit, STAFF),
    Route("GET", "/authority", authority_pages.home, OFFICER),
    Route("GET", "/authority/ask", authority_pages.ask_page, OFFICER),
    Route("POST", "/authority/ask", authority_pages.ask, OFFICER),
    Route("GET", "/authority/requests/{request}", authority_pages.asked, OFFICER),
    Route("GET", "/authority/deliveries/{delivery}", authority_pages.delivery, OFFICER),
    Route(
        "GET",
        "/authority/deliveries/{delivery}/items/{item}",
        authority_pages.verdict,
        OFFICER,
    ),
    Route(
        "POST",
        "/authority/deliveries/{delivery}/items/{item}/verify",
        authority_pages.verify_again,
        OFFICER,
    ),
)


def build_portal(
    *, store: Store, context: NodeContext, verify: Verify, reverify: Reverify
) -> web.Application:
    """Join the pages into an application that has not yet been started."""
    app = web.Application(
        middlewares=[pages.language, pages.errors, login.session],
        client_max_size=UPLOAD + SMALL,
    )
    app[STORE] = store
    app[CONTEXT] = context
    app[CLOCK] = context.clock
    app[VERIFY] = verify
    app[REVERIFY] = reverify
    app[login.SECRET] = secrets.token_bytes(32)
    app[login.LOOKING] = asyncio.Semaphore(1)
    app[verify_page.GATE] = asyncio.Semaphore(verify_page.AT_ONCE)
    app[JOBS] = Jobs()
    app.on_cleanup.append(app[JOBS].stop)
    pages.install(app)
    for route in ROUTES:
        add: Callable[[str, Handler], web.AbstractRoute] = (
            app.router.add_get if route.method == "GET" else app.router.add_post
        )
        add(route.path, _guarded(route))
    return app


def _guarded(route: Route) -> Handler:
    """Let a handler be called only by who may, with a form that came from our page."""

    async def handle(request: web.Request) -> web.StreamResponse:
        viewer = request.get(VIEWER)
        if route.roles and viewer is None:
            target = request.path if route.method == "GET" else "/"
            raise web.HTTPSeeOther(f"/login?next={quote(target)}")
        if route.roles and viewer is not None and viewer.role not in route.roles:
            raise web.HTTPNotFound
        if route.method == "POST" and route.limit:
            request[login.FORM] = await login.checked_form(request, route.limit)
        return await route.handler(request)

    return handle
