"""What a learner sees and decides: requests, consents, codes, sendings, the log.

Every function asks for the objects of the learner who is logged in; an id of somebody
else is answered as one that never was.
"""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.services import (
    consent_views,
    consenting,
    guarding,
    learner_views,
    offering,
)
from node.services.consent_views import SharePage
from node.services.consenting import FRESH_LOGIN
from node.web.keys import CLOCK, CONTEXT, STORE
from node.web.login import FORM
from node.web.pages import LANGUAGE, VIEWER, parse_day, render
from protocol.errors import NotFoundError
from protocol.exchange.consent import Purpose

LONGEST = timedelta(days=365)
"""How long a consent the learner starts may last."""
USUAL = timedelta(days=30)


def learner_of(request: web.Request) -> str:
    """Return the id of the learner who is logged in."""
    learner_id = request[VIEWER].learner_id
    if learner_id is None:
        raise web.HTTPNotFound
    return learner_id


def _fresh(request: web.Request) -> bool:
    return request.app[CLOCK]() - request[VIEWER].login_at <= FRESH_LOGIN


async def _barrier(request: web.Request) -> str:
    """Return why somebody else decides: `age`, `unknown`; empty if the viewer does."""
    if request[VIEWER].role == "guardian":
        return ""
    return await request.app[STORE].read(
        guarding.needed,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )


def _by(request: web.Request) -> guarding.By:
    return "guardian" if request[VIEWER].role == "guardian" else "learner"


async def home(request: web.Request) -> web.StreamResponse:
    """Show what waits, what there is, and what is in force."""
    page = await request.app[STORE].read(
        learner_views.learner_home,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )
    return render(request, "learner_home", page=page)


async def request_page(request: web.Request) -> web.StreamResponse:
    """Show who asks, what for, and each value that would go out."""
    return await _show_request(request)


async def _show_request(
    request: web.Request, *, problem: str = "", status: int = 200
) -> web.StreamResponse:
    page = await request.app[STORE].read(
        learner_views.request_page,
        context=request.app[CONTEXT],
        query_id=request.match_info["query"],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )
    return render(
        request,
        "learner_request",
        status=status,
        page=page,
        fresh=_fresh(request),
        barrier=await _barrier(request),
        problem=problem,
    )


async def decide(request: web.Request) -> web.StreamResponse:
    """Take the learner's decision about a request."""
    form, query_id = request[FORM], request.match_info["query"]
    match form.get("decision"):
        case "refuse":
            await request.app[STORE].write(
                consenting.refuse,
                context=request.app[CONTEXT],
                query_id=query_id,
                learner_id=learner_of(request),
                tell=form.get("tell") == "yes",
                at=request.app[CLOCK](),
            )
            raise web.HTTPSeeOther(request.path)
        case "approve" if _fresh(request):
            return await _approve(request, query_id)
        case "approve" | "login":
            # The id is looked for first: a stranger's is not worth a login link.
            await _show_request(request)
            raise web.HTTPSeeOther(f"/login/again?next={request.path}")
    raise web.HTTPNotFound


async def _approve(request: web.Request, query_id: str) -> web.StreamResponse:
    if await _barrier(request):
        return await _show_request(request, status=422)
    chosen = frozenset(request[FORM].all("optional"))
    complete = await request.app[STORE].read(
        learner_views.is_complete,
        context=request.app[CONTEXT],
        query_id=query_id,
        learner_id=learner_of(request),
        chosen=chosen,
        at=request.app[CLOCK](),
    )
    if not complete:
        return await _show_request(request, problem="incomplete", status=422)
    consent_id = await request.app[STORE].write(
        consenting.approve,
        context=request.app[CONTEXT],
        query_id=query_id,
        learner_id=learner_of(request),
        chosen_optional=chosen,
        language=request[LANGUAGE],
        login_at=request[VIEWER].login_at,
        at=request.app[CLOCK](),
        by=_by(request),
    )
    raise web.HTTPSeeOther(f"/learner/consents/{consent_id}?done=approved")


async def terms_page(request: web.Request) -> web.StreamResponse:
    """Show terms of a recipient beside those that were agreed."""
    page = await request.app[STORE].read(
        learner_views.terms_page,
        context=request.app[CONTEXT],
        offer_id=request.match_info["offer"],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )
    barrier = await _barrier(request)
    return render(
        request, "learner_terms", page=page, fresh=_fresh(request), barrier=barrier
    )


async def decide_terms(request: web.Request) -> web.StreamResponse:
    """Take the learner's decision about a recipient's terms."""
    decided: dict[str, Any] = {
        "context": request.app[CONTEXT],
        "offer_id": request.match_info["offer"],
        "learner_id": learner_of(request),
        "at": request.app[CLOCK](),
    }
    match request[FORM].get("decision"):
        case "refuse":
            await request.app[STORE].write(offering.disagree, **decided)
            raise web.HTTPSeeOther(request.path)
        case "approve" if await _barrier(request):
            return await terms_page(request)
        case "approve" if _fresh(request):
            consent_id = await request.app[STORE].write(
                offering.agree,
                language=request[LANGUAGE],
                login_at=request[VIEWER].login_at,
                by=_by(request),
                **decided,
            )
            raise web.HTTPSeeOther(f"/learner/consents/{consent_id}?done=approved")
        case "approve" | "login":
            # The id is looked for first: a stranger's is not worth a login link.
            await terms_page(request)
            raise web.HTTPSeeOther(f"/login/again?next={request.path}")
    raise web.HTTPNotFound


async def consents(request: web.Request) -> web.StreamResponse:
    """List everything the learner allowed."""
    page = await request.app[STORE].read(
        consent_views.consents, learner_id=learner_of(request), at=request.app[CLOCK]()
    )
    return render(request, "learner_consents", page=page)


async def _consent(request: web.Request) -> consent_views.ConsentPage:
    return await request.app[STORE].read(
        consent_views.consent_page,
        context=request.app[CONTEXT],
        consent_id=request.match_info["consent"],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )


async def consent(request: web.Request) -> web.StreamResponse:
    """Show one consent: what was agreed, what was sent, what came back."""
    done = request.query.get("done")
    known = done if done in {"approved", "sent", "withdrawn"} else None
    return render(request, "learner_consent", page=await _consent(request), done=known)


async def consent_record(request: web.Request) -> web.StreamResponse:
    """Hand out the consent record as JSON."""
    page = await _consent(request)
    return download(f"consent-{page.id}.json", page.record)


async def withdraw_page(request: web.Request) -> web.StreamResponse:
    """Ask once more, and say what withdrawing does."""
    page = await _consent(request)
    if not page.withdrawable:
        raise web.HTTPSeeOther(f"/learner/consents/{page.id}")
    return render(request, "learner_withdraw", page=page)


async def withdraw(request: web.Request) -> web.StreamResponse:
    """Withdraw a consent."""
    consent_id = request.match_info["consent"]
    await request.app[STORE].write(
        consenting.withdraw,
        context=request.app[CONTEXT],
        consent_id=consent_id,
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )
    raise web.HTTPSeeOther(f"/learner/consents/{consent_id}?done=withdrawn")


async def share_page(request: web.Request) -> web.StreamResponse:
    """Let the learner choose to whom, what for and which records; then each field."""
    return await _show_share(
        request,
        recipient=request.query.get("recipient", ""),
        purpose=request.query.get("purpose", ""),
        records=tuple(request.query.getall("record", ())),
        asked="recipient" in request.query,
    )


async def _show_share(
    request: web.Request,
    *,
    recipient: str,
    purpose: str,
    records: tuple[str, ...],
    asked: bool,
    problem: str = "",
) -> web.StreamResponse:
    way = _way(request)
    page = await _share(request, recipient, purpose, records)
    chosen = page.recipient is not None and bool(page.purpose and records)
    today = request.app[CLOCK]().date()
    return render(
        request,
        "learner_share",
        status=422 if problem else 200,
        way=way,
        page=page,
        chosen=chosen,
        fresh=_fresh(request),
        barrier=await _barrier(request),
        problem=problem or ("incomplete" if asked and not chosen else ""),
        until=(today + USUAL).isoformat(),
        earliest=(today + timedelta(days=1)).isoformat(),
        latest=(today + LONGEST).isoformat(),
    )


async def _share(
    request: web.Request, recipient: str, purpose: str, records: tuple[str, ...]
) -> SharePage:
    return await request.app[STORE].read(
        consent_views.share_page,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        recipient=recipient,
        purpose=purpose if purpose in set(Purpose) else "",
        records=records,
    )


def _way(request: web.Request) -> str:
    way = request.match_info["way"]
    if way not in {"send", "code"}:
        raise NotFoundError("no such page")
    return way


async def share(request: web.Request) -> web.StreamResponse:
    """Give what was chosen: as an offer to the recipient, or as a code to hand over."""
    form, way = request[FORM], _way(request)
    recipient, purpose = form.get("recipient"), form.get("purpose")
    records = form.all("record")
    page = await _share(request, recipient, purpose, records)
    if page.recipient is None or not page.purpose or not records:
        raise NotFoundError("no such recipient, purpose or record")
    if form.get("decision") != "approve" or not _fresh(request):
        raise web.HTTPSeeOther(f"/login/again?next=/learner/share/{way}")
    until = parse_day(form.get("until"))
    scope = page.scope(form.all("optional"))
    problem = "until" if not _within(request, until) else "" if scope else "empty"
    if await _barrier(request):
        problem = "guardian"
    if until is None or problem:
        return await _show_share(
            request,
            recipient=recipient,
            purpose=purpose,
            records=records,
            asked=True,
            problem=problem,
        )
    agreed: dict[str, Any] = {
        "context": request.app[CONTEXT],
        "learner_id": learner_of(request),
        "recipient": page.recipient.id,
        "purpose": page.purpose,
        "scope": scope,
        "not_after": datetime.combine(until, time(23, 59, 59), UTC),
        "language": request[LANGUAGE],
        "login_at": request[VIEWER].login_at,
        "at": request.app[CLOCK](),
        "by": _by(request),
    }
    if way == "send":
        reference = form.get("reference")[:100] or None
        consent_id = await request.app[STORE].write(
            _push, reference=reference, **agreed
        )
        raise web.HTTPSeeOther(f"/learner/consents/{consent_id}?done=sent")
    granted = await request.app[STORE].write(consenting.grant, **agreed)
    # No redirect: the code is shown in this answer and can never be shown again.
    return render(
        request,
        "learner_code",
        code=granted.code,
        consent_id=granted.consent_id,
        peer=page.recipient,
        until=agreed["not_after"],
    )


def _push(connection: Connection, /, *, reference: str | None, **agreed: Any) -> str:
    """Give a consent and offer what it covers, in one transaction."""
    consent_id = consenting.give(connection, **agreed)
    offering.offer(
        connection,
        context=agreed["context"],
        consent_id=consent_id,
        reference=reference,
        at=agreed["at"],
    )
    return consent_id


def _within(request: web.Request, until: date | None) -> bool:
    today = request.app[CLOCK]().date()
    return until is not None and today < until <= today + LONGEST


async def access(request: web.Request) -> web.StreamResponse:
    """Show everything that happened with the learner's records."""
    page = await request.app[STORE].read(
        learner_views.access_log, learner_id=learner_of(request)
    )
    return render(request, "learner_access", page=page)


async def access_export(request: web.Request) -> web.StreamResponse:
    """Hand out the whole log as JSON."""
    lines = await request.app[STORE].read(
        learner_views.access_log, learner_id=learner_of(request), limit=None
    )
    return download("access-log.json", [line.as_dict() for line in lines])


def download(name: str, content: Any) -> web.Response:
    """Answer with `content` as a JSON file to keep."""
    return web.Response(
        text=json.dumps(content, ensure_ascii=False, indent=1),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
