"""What learners asked under data protection law, and how the registry answers."""

from aiohttp import web

from node.services import exercising, rights_views
from node.services.exercising import LONGEST_TEXT
from node.web.keys import CLOCK, CONTEXT, STORE
from node.web.login import FORM
from node.web.pages import VIEWER, render
from protocol.errors import MalformedValueError, NotFoundError


async def home(request: web.Request) -> web.StreamResponse:
    """List what waits, the most urgent first."""
    page = await request.app[STORE].read(
        rights_views.work_list, context=request.app[CONTEXT], at=request.app[CLOCK]()
    )
    return render(request, "registrar_rights", page=page)


async def case(request: web.Request) -> web.StreamResponse:
    """Show one request; the learner sees that somebody looked."""
    return await _show(request, done=request.query.get("done") == "yes")


async def _show(
    request: web.Request,
    *,
    done: bool = False,
    problem: str = "",
    reason: str = "",
    kept: str | None = None,
) -> web.StreamResponse:
    page = await request.app[STORE].write(
        rights_views.case_page,
        context=request.app[CONTEXT],
        request_id=request.match_info["case"],
        viewer=request[VIEWER],
        at=request.app[CLOCK](),
    )
    return render(
        request,
        "registrar_case",
        status=422 if problem else 200,
        page=page,
        done=done,
        problem=problem,
        reason=reason,
        kept=kept,
        longest=LONGEST_TEXT,
    )


async def decide(request: web.Request) -> web.StreamResponse:
    """Accept or refuse, with a reason; or carry out what was accepted."""
    form, app = request[FORM], request.app
    decision, reason = form.get("decision"), form.get("reason")
    request_id, at = request.match_info["case"], app[CLOCK]()
    if decision == "done":
        return await _carry_out(request, request_id)
    if decision not in {"accept", "refuse"}:
        raise NotFoundError("no such decision")
    kept = form.get("kept") if decision == "accept" else ""
    if not reason or max(len(reason), len(kept)) > LONGEST_TEXT:
        return await _show(
            request,
            problem="too-long" if reason else "no-reason",
            reason=reason,
            kept=form.get("kept"),
        )
    await app[STORE].write(
        exercising.answer,
        context=app[CONTEXT],
        request_id=request_id,
        accept=decision == "accept",
        reason=reason,
        kept=kept,
        viewer=request[VIEWER],
        at=at,
    )
    raise web.HTTPSeeOther(f"{request.path}?done=yes")


async def _carry_out(request: web.Request, request_id: str) -> web.StreamResponse:
    app = request.app
    try:
        await app[STORE].write(
            exercising.carry_out,
            context=app[CONTEXT],
            request_id=request_id,
            at=app[CLOCK](),
        )
    except MalformedValueError:
        return await _show(request, problem="unchanged")
    raise web.HTTPSeeOther(f"{request.path}?done=yes")
