"""What a learner asks under data protection law: to correct, to erase, to stop."""

from aiohttp import web

from node.services import exercising, learner_views, rights_views, subject_access
from node.services.exercising import GROUNDS, LONGEST_TEXT, PERSONAL
from node.services.proposing import Field, Record
from node.web.forms import Form
from node.web.keys import CLOCK, CONTEXT, STORE
from node.web.learner_pages import download, learner_of
from node.web.login import FORM
from node.web.pages import render
from protocol.errors import NotFoundError


async def home(request: web.Request) -> web.StreamResponse:
    """Show a learner's rights, and what was asked so far."""
    page = await request.app[STORE].read(
        rights_views.rights_home,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )
    return render(request, "learner_rights", page=page)


async def asked(request: web.Request) -> web.StreamResponse:
    """Show one request and its answer."""
    page = await request.app[STORE].read(
        rights_views.asked_page,
        context=request.app[CONTEXT],
        request_id=request.match_info["right"],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )
    done = request.query.get("done") == "sent"
    return render(request, "learner_asked", page=page, done=done)


async def data(request: web.Request) -> web.StreamResponse:
    """Show everything held about the learner, on a page that can be printed."""
    return render(request, "learner_data", page=await _held(request))


async def data_file(request: web.Request) -> web.StreamResponse:
    """Hand out everything held about the learner as one file."""
    held = await _held(request)
    content = subject_access.as_dict(held, context=request.app[CONTEXT])
    return download(f"my-data-{held.at.date().isoformat()}.json", content)


async def _held(request: web.Request) -> subject_access.Holding:
    return await request.app[STORE].read(
        subject_access.holding,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )


async def record(request: web.Request) -> web.StreamResponse:
    """Show one record with every value of it."""
    page = await _record(request, request.match_info["record"])
    return render(request, "learner_record", page=page)


async def _record(request: web.Request, record_id: str) -> Record:
    return await request.app[STORE].read(
        rights_views.record_page,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        record_id=record_id,
    )


async def correction_page(request: web.Request) -> web.StreamResponse:
    """Ask which item is wrong, and what it should be."""
    query = Form(tuple(request.query.items()))
    return await _show_correction(request, query, under=query.get("item"))


async def _show_correction(
    request: web.Request, said: Form, *, under: str, problem: str = ""
) -> web.StreamResponse:
    record_id = said.get("record")
    page, items = None, tuple[Field, ...]()
    if record_id:
        page = await _record(request, record_id)
        items = rights_views.items_under(page, under)
    elif said.get("item") not in {"", *PERSONAL}:
        raise NotFoundError("no such item")
    return render(
        request,
        "learner_correction",
        status=422 if problem else 200,
        page=page,
        items=items,
        personal=PERSONAL,
        said=said,
        under=under,
        law=exercising.right_of(request.app[CONTEXT], "correction"),
        longest=LONGEST_TEXT,
        problem=problem,
    )


async def correct(request: web.Request) -> web.StreamResponse:
    """Take a request for a correction."""
    form = request[FORM]
    problem = _problem(form, "wanted")
    if problem:
        return await _show_correction(
            request, form, under=form.get("under"), problem=problem
        )
    request_id = await request.app[STORE].write(
        exercising.ask_correction,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        record_id=form.get("record") or None,
        item=form.get("item"),
        wanted=form.get("wanted"),
        why=form.get("why"),
        at=request.app[CLOCK](),
    )
    raise web.HTTPSeeOther(f"/learner/rights/{request_id}?done=sent")


async def end_page(request: web.Request) -> web.StreamResponse:
    """Ask what is to be erased or stopped, and why."""
    return await _show_end(request, Form(tuple(request.query.items())))


async def _show_end(
    request: web.Request, said: Form, *, problem: str = ""
) -> web.StreamResponse:
    context = request.app[CONTEXT]
    page = await request.app[STORE].read(
        learner_views.learner_home,
        context=context,
        learner_id=learner_of(request),
        at=request.app[CLOCK](),
    )
    return render(
        request,
        "learner_end",
        status=422 if problem else 200,
        records=page.records,
        grounds=GROUNDS,
        laws=[exercising.right_of(context, one) for one in ("erasure", "cessation")],
        said=said,
        longest=LONGEST_TEXT,
        problem=problem,
    )


async def end(request: web.Request) -> web.StreamResponse:
    """Take a request for erasure, or for an end of use."""
    form = request[FORM]
    problem = _problem(form, "why")
    if form.get("ground") not in GROUNDS:
        problem = "ground"
    if problem:
        return await _show_end(request, form, problem=problem)
    request_id = await request.app[STORE].write(
        exercising.ask_end,
        context=request.app[CONTEXT],
        learner_id=learner_of(request),
        kind=form.get("kind"),
        record_id=form.get("record") or None,
        ground=form.get("ground"),
        why=form.get("why"),
        at=request.app[CLOCK](),
    )
    raise web.HTTPSeeOther(f"/learner/rights/{request_id}?done=sent")


def _problem(form: Form, needed: str) -> str:
    if not form.get(needed):
        return f"no-{needed}"
    if any(len(form.get(name)) > LONGEST_TEXT for name in ("wanted", "why")):
        return "too-long"
    return ""
