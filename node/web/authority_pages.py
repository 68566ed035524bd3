"""What an officer of a requester does: ask, receive, read verdicts, verify again."""

from datetime import UTC, datetime, time, timedelta

from aiohttp import web

from node.services import officer_views, requesting, verdicts
from node.services.parties import Party
from node.web.forms import Form
from node.web.keys import CLOCK, CONTEXT, REVERIFY, STORE
from node.web.login import FORM
from node.web.pages import LANGUAGE, parse_day, render
from protocol.credentials.claims_paths import Path, format_path
from protocol.credentials.record_model import KINDS, UNITS
from protocol.errors import NotFoundError
from protocol.exchange.consent import Purpose

LATEST = timedelta(days=44)
"""A deadline is at most 45 days ahead; the last minute of the day counts."""
USUAL = timedelta(days=14)
_USUALLY_NEEDED = {
    ("qualification", "title"),
    ("qualification", "level"),
    ("qualification", "awarded_on"),
    ("qualification", "awarding_institution"),
    ("programme", "name"),
    ("results", None, "title"),
    ("results", None, "credits"),
    ("certificate", "statement"),
    ("achievement", "name"),
}
"""Fields the form asks for unless the officer says otherwise."""


async def home(request: web.Request) -> web.StreamResponse:
    """Show what was delivered and what was asked for."""
    page = await request.app[STORE].read(officer_views.authority_home)
    return render(request, "authority_home", page=page)


async def ask_page(request: web.Request) -> web.StreamResponse:
    """Choose whom to ask for what; then which fields of whose record."""
    peer_id, kind = request.query.get("peer", ""), request.query.get("kind", "")
    if peer_id and kind:
        return await _show_ask(request, peer_id, kind, Form(()))
    peers = await request.app[STORE].read(officer_views.sources)
    return render(
        request, "authority_ask", peers=peers, kind="", kinds=KINDS, problem=""
    )


async def _source(request: web.Request, peer_id: str, kind: str) -> Party:
    if kind not in KINDS:
        raise NotFoundError("no such kind of record")
    return await request.app[STORE].read(officer_views.source, peer_id=peer_id)


async def _show_ask(
    request: web.Request, peer_id: str, kind: str, given: Form, problem: str = ""
) -> web.StreamResponse:
    today = request.app[CLOCK]().date()
    groups = list(dict.fromkeys(path[0] for path in _paths(kind)))
    return render(
        request,
        "authority_ask",
        status=422 if problem else 200,
        peer=await _source(request, peer_id, kind),
        kind=kind,
        problem=problem,
        given=given,
        fields=[
            {
                "number": number,
                "place": groups.index(path[0]),
                "path": path,
                "text": format_path(path),
                "wish": given.get(f"field:{format_path(path)}")
                or ("required" if path in _USUALLY_NEEDED else "no"),
            }
            for number, path in enumerate(_paths(kind))
        ],
        purposes=tuple(p for p in Purpose if p != Purpose.PERSONAL_USE),
        deadline=given.get("deadline") or (today + USUAL).isoformat(),
        earliest=(today + timedelta(days=1)).isoformat(),
        latest=(today + LATEST).isoformat(),
    )


def _paths(kind: str) -> tuple[Path, ...]:
    return tuple(unit.path for unit in UNITS if kind in unit.kinds)


async def ask(request: web.Request) -> web.StreamResponse:
    """Send a request."""
    form = request[FORM]
    kind, peer_id = form.get("kind"), form.get("peer")
    peer = await _source(request, peer_id, kind)
    wishes = {path: form.get(f"field:{format_path(path)}") for path in _paths(kind)}
    required = tuple(path for path, wish in wishes.items() if wish == "required")
    optional = tuple(path for path, wish in wishes.items() if wish == "optional")
    subject, deadline = _subject(form), parse_day(form.get("deadline"))
    today = request.app[CLOCK]().date()
    text, reference = form.get("text")[:1000], form.get("reference")[:100]
    problem = ""
    if subject is None:
        problem = "subject"
    elif not required:
        problem = "fields"
    elif deadline is None or not today < deadline <= today + LATEST:
        problem = "deadline"
    elif not text or not reference or form.get("purpose") not in set(Purpose):
        problem = "text"
    if problem or subject is None or deadline is None:
        return await _show_ask(request, peer_id, kind, form, problem)
    request_id = await request.app[STORE].write(
        requesting.query,
        context=request.app[CONTEXT],
        peer=peer.id,
        subject=subject,
        kind=kind,
        required=required,
        optional=optional,
        purpose=form.get("purpose"),
        reference=reference,
        text={request[LANGUAGE]: text},
        deadline=datetime.combine(deadline, time(23, 59), UTC),
        at=request.app[CLOCK](),
    )
    raise web.HTTPSeeOther(f"/authority/requests/{request_id}?done=yes")


def _subject(form: Form) -> dict[str, object] | None:
    """Read whom the request is about; None if that says too little."""
    if code := form.get("grant"):
        return {"match": "grant", "grant": code}
    named = ("family_name", "given_name", "birth_date")
    if not all(form.get(name) for name in named) or not parse_day(
        form.get("birth_date")
    ):
        return None
    subject: dict[str, object] = {"match": "identifiers"}
    subject |= {name: form.get(name) for name in named}
    if number := form.get("student_number"):
        subject["identifiers"] = [{"type": "student-number", "value": number}]
    return subject


async def asked(request: web.Request) -> web.StreamResponse:
    """Show one request and what came of it."""
    page = await request.app[STORE].read(
        officer_views.asked_page,
        context=request.app[CONTEXT],
        request_id=request.match_info["request"],
    )
    return render(
        request,
        "authority_request",
        page=page,
        asked=page.asked,
        done=request.query.get("done") == "yes",
    )


async def delivery(request: web.Request) -> web.StreamResponse:
    """Show one delivery and its documents."""
    page = await request.app[STORE].read(
        officer_views.delivery, delivery_id=request.match_info["delivery"]
    )
    return render(request, "authority_delivery", page=page)


async def verdict(request: web.Request) -> web.StreamResponse:
    """Show the verdict on one document, with every finding and its evidence."""
    page = await request.app[STORE].read(
        verdicts.of_item,
        context=request.app[CONTEXT],
        delivery_id=request.match_info["delivery"],
        item_id=request.match_info["item"],
    )
    return render(request, "verified", page=page, again=f"{request.path}/verify")


async def verify_again(request: web.Request) -> web.StreamResponse:
    """Verify one document anew, with status as of now."""
    delivery_id = request.match_info["delivery"]
    item_id = request.match_info["item"]
    await request.app[STORE].read(
        verdicts.of_item,
        context=request.app[CONTEXT],
        delivery_id=delivery_id,
        item_id=item_id,
    )
    await request.app[REVERIFY](delivery_id, item_id)
    raise web.HTTPSeeOther(request.path.removesuffix("/verify"))
