"""Anyone's document, judged in words on one page; nothing of it is kept."""

import asyncio

from aiohttp import web

from node.services import verdicts
from node.services.verdicts import Policy, Unreadable
from node.web.forms import read_form
from node.web.keys import CLOCK, CONTEXT, STORE, VERIFY
from node.web.pages import render
from protocol.errors import ProtocolError, SizeError

LIMIT = 10 * 1024 * 1024
"""Bytes of a document."""
FORM_LIMIT = LIMIT + 64 * 1024
AT_ONCE = 4
"""Documents judged at a time: judging costs processor time, and asks other nodes."""
GATE: web.AppKey[asyncio.Semaphore] = web.AppKey("GATE")


async def page(request: web.Request) -> web.StreamResponse:
    """Offer to check a document."""
    return render(request, "verify", problem="", detail="")


async def check(request: web.Request) -> web.StreamResponse:
    """Judge the document that was sent.

    The only form without a token: it changes nothing and belongs to nobody, and a
    script may use it too.
    """
    try:
        form = await read_form(request, FORM_LIMIT)
    except SizeError:
        return _problem(request, 413, "size")
    if not form.files or not form.files[0][1]:
        return _problem(request, 422, "none")
    name, octets = form.files[0]
    if len(octets) > LIMIT:
        return _problem(request, 413, "size")
    policy: Policy = (
        "authenticity" if form.get("policy") == "authenticity" else "recognition"
    )
    try:
        async with request.app[GATE]:
            shown = await verdicts.of_upload(
                octets,
                name=name,
                policy=policy,
                verify=request.app[VERIFY],
                context=request.app[CONTEXT],
                store=request.app[STORE],
                at=request.app[CLOCK](),
            )
    except (Unreadable, ProtocolError) as error:
        return _problem(request, 422, "unreadable", str(error))
    return render(request, "verified", page=shown, again=None)


def _problem(
    request: web.Request, status: int, problem: str, detail: str = ""
) -> web.Response:
    return render(request, "verify", status=status, problem=problem, detail=detail)
