"""What the registry does: import, look at what was set aside, decide on partners."""

import asyncio

from aiohttp import web

from node.services import peering, staff_views, uploading
from node.services.uploading import KINDS, UploadError
from node.web.keys import CLOCK, CONTEXT, STORE
from node.web.login import FORM
from node.web.pages import VIEWER, parse_day, render
from protocol.errors import NotFoundError
from protocol.exchange.consent import Purpose

DECISIONS = ("accepted", "refused", "suspended", "resumed")
_SHOWN_REJECTED = 200
"""Rows of a report shown at once; the others stand in the quarantine."""


def offset_of(request: web.Request) -> int:
    """Return the offset of a page of a list; nonsense is the first page."""
    value = request.query.get("offset", "")
    return min(int(value), 10**9) if value.isascii() and value.isdigit() else 0


async def home(request: web.Request) -> web.StreamResponse:
    """Show counts and the latest runs."""
    page = await request.app[STORE].read(
        staff_views.registrar_home, at=request.app[CLOCK]()
    )
    return render(request, "registrar_home", page=page)


# --- import


async def import_page(request: web.Request) -> web.StreamResponse:
    """Offer to take exports."""
    return _import_problem(request, "")


async def import_files(request: web.Request) -> web.StreamResponse:
    """Read exports; a dry run stores nothing and reports the same."""
    form, app = request[FORM], request.app
    files = tuple((name, octets) for name, octets in form.files if octets)
    if not files:
        return _import_problem(request, "none")
    dry = form.get("mode") != "real"
    transaction = app[STORE].read if dry else app[STORE].write
    try:
        report = await transaction(
            uploading.take,
            context=app[CONTEXT],
            uploaded=await asyncio.to_thread(_read, request, files, form.get("kind")),
            dry_run=dry,
            at=app[CLOCK](),
        )
    except UploadError as error:
        return _import_problem(request, "unreadable", error)
    return render(
        request,
        "registrar_report",
        dry=dry,
        counts=tuple(report.counts.items()),
        rejected=report.rejected[:_SHOWN_REJECTED],
        rejected_total=len(report.rejected),
    )


def _read(
    request: web.Request, files: tuple[tuple[str, bytes], ...], kind: str
) -> uploading.Uploaded:
    app = request.app
    known = uploading.known_mappings(app[CONTEXT])
    return uploading.read(files, kind=kind, known=known, at=app[CLOCK]())


def _import_problem(
    request: web.Request, problem: str, error: UploadError | None = None
) -> web.StreamResponse:
    return render(
        request,
        "registrar_import",
        status=422 if problem else 200,
        kinds=("auto", *KINDS),
        problem=problem,
        detail=str(error) if error else "",
        mapping=error.mapping if error else "",
    )


async def run(request: web.Request) -> web.StreamResponse:
    """Show what one run did."""
    found = await request.app[STORE].read(
        staff_views.run_report, run_id=request.match_info["run"]
    )
    counts = tuple(
        (name, count)
        for name, count in found["report"].items()
        if isinstance(count, int) and not isinstance(count, bool) and name in _COUNTED
    )
    return render(
        request,
        "registrar_report",
        dry=False,
        counts=counts,
        rejected=None,
        rejected_total=0,
    )


_COUNTED = {
    "rows",
    "kept",
    "changed",
    "unchanged",
    "learners",
    "quarantined",
    "issued",
    "missing",
    "failed",
    "total",
}


async def quarantine(request: web.Request) -> web.StreamResponse:
    """Show what could not be read, and why."""
    page = await request.app[STORE].read(
        staff_views.quarantined, offset=offset_of(request)
    )
    return render(request, "registrar_quarantine", page=page)


# --- partners and the log


async def peers(request: web.Request) -> web.StreamResponse:
    """List the partners."""
    page = await request.app[STORE].read(staff_views.peers)
    return render(request, "registrar_peers", page=page)


async def peer(request: web.Request) -> web.StreamResponse:
    """Show one partner and the decision to be taken."""
    page = await request.app[STORE].read(
        staff_views.peer_of, peer_id=request.match_info["peer"]
    )
    return render(
        request,
        "registrar_peer",
        page=page,
        purposes=tuple(Purpose),
        done=request.query.get("done") == "yes",
    )


async def decide_peer(request: web.Request) -> web.StreamResponse:
    """Accept a partner for some purposes, refuse or suspend it."""
    form, peer_id = request[FORM], request.match_info["peer"]
    found = await request.app[STORE].read(staff_views.peer_of, peer_id=peer_id)
    decision = form.get("decision")
    if decision not in DECISIONS:
        raise NotFoundError("no such decision")
    await request.app[STORE].write(
        peering.decide,
        context=request.app[CONTEXT],
        peer=found.id,
        decision=decision,
        purposes=tuple(p for p in Purpose if p in form.all("purpose")),
        review_by=parse_day(form.get("review_by")),
        reason=form.get("reason")[:500],
        by=request[VIEWER].person_id,
        at=request.app[CLOCK](),
    )
    raise web.HTTPSeeOther(f"{request.path}?done=yes")


async def audit(request: web.Request) -> web.StreamResponse:
    """Show the audit log, its contents sealed."""
    page = await request.app[STORE].read(staff_views.audit, offset=offset_of(request))
    return render(request, "registrar_audit", head=page.checkpoint, page=page.paged)
