"""What the registry does with learners: find, invite, issue, reissue, revoke."""

from typing import Any

from aiohttp import web
from sqlalchemy import Connection

from node.services import guarding, inviting, issuing, staff_views
from node.services.staff_views import LearnerPage
from node.texts.catalogue import LANGUAGES
from node.web.forms import Form
from node.web.jobs import JOBS, Outcome
from node.web.keys import CLOCK, CONTEXT, STORE
from node.web.login import FORM
from node.web.pages import LANGUAGE, VIEWER, parse_day, render
from protocol.credentials.record_model import KINDS as RECORD_KINDS
from protocol.errors import NotFoundError

REASONS = ("issue", "question", "correction", "rights", "invite", "audit")
REVOCATIONS = (
    "record-corrected",
    "issued-in-error",
    "award-withdrawn",
    "key-compromised",
)
_SHOWN_MISSING = 200
"""Missing items shown at once."""


def _reason(value: str) -> str:
    return value if value in REASONS else REASONS[0]


async def find(request: web.Request) -> web.StreamResponse:
    """Search for a learner, saying why."""
    text = request.query.get("q", "")[:100]
    found = None
    if text.strip():
        found = await request.app[STORE].read(
            staff_views.find_learners, context=request.app[CONTEXT], text=text
        )
    return render(
        request,
        "registrar_learners",
        q=text,
        found=found,
        reasons=REASONS,
        reason=_reason(request.query.get("reason", "")),
    )


async def learner(request: web.Request) -> web.StreamResponse:
    """Show one learner; the learner sees that somebody looked."""
    done = request.query.get("done")
    reason = _reason(request.query.get("reason", ""))
    return render(
        request,
        "registrar_learner",
        page=await _inspect(request, request.match_info["learner"], reason),
        reason=reason,
        done=done if done in {"revoked", "reissued", "guardian-removed"} else None,
        kinds=RECORD_KINDS,
        chosen_kinds=RECORD_KINDS[:2],
        revocations=REVOCATIONS,
    )


async def _inspect(request: web.Request, learner_id: str, reason: str) -> LearnerPage:
    return await request.app[STORE].write(
        staff_views.inspect_learner,
        context=request.app[CONTEXT],
        learner_id=learner_id,
        viewer=request[VIEWER],
        reason=reason,
        at=request.app[CLOCK](),
    )


async def invite(request: web.Request) -> web.StreamResponse:
    """Make a login link for a learner, mail it, and show it this once."""
    form, learner_id = request[FORM], request.match_info["learner"]
    language = form.get("language")
    link = await request.app[STORE].write(
        inviting.invite_learner,
        context=request.app[CONTEXT],
        learner_id=learner_id,
        email=form.get("email"),
        language=language if language in LANGUAGES else request[LANGUAGE],
        viewer=request[VIEWER],
        at=request.app[CLOCK](),
    )
    return render(request, "registrar_invited", link=link, back=_back(request, form))


async def guardian(request: web.Request) -> web.StreamResponse:
    """Register a guardian and mail a login link, or remove one."""
    form, app = request[FORM], request.app
    viewer, learner_id = request[VIEWER], request.match_info["learner"]
    acting: dict[str, Any] = {
        "context": app[CONTEXT],
        "learner_id": learner_id,
        "who": viewer.name,
        "role": viewer.role,
        "at": app[CLOCK](),
    }
    if form.get("action") == "remove":
        await app[STORE].write(guarding.remove, person_id=form.get("person"), **acting)
        raise web.HTTPSeeOther(f"{_back(request, form)}&done=guardian-removed")
    language = form.get("language")
    link = await app[STORE].write(
        _register,
        name=form.get("name")[:200],
        email=form.get("email")[:254],
        language=language if language in LANGUAGES else request[LANGUAGE],
        **acting,
    )
    return render(request, "registrar_invited", link=link, back=_back(request, form))


def _register(connection: Connection, /, **acting: Any) -> str:
    """Register a guardian and make a login link, in one transaction."""
    person_id = guarding.register(connection, **acting)
    return inviting.invite(
        connection, context=acting["context"], person_id=person_id, at=acting["at"]
    )


def _back(request: web.Request, form: Form) -> str:
    learner_id = request.match_info.get("learner") or form.get("learner")
    return f"/registrar/learners/{learner_id}?reason={_reason(form.get('reason'))}"


def _wanted(form: Form) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kinds = tuple(k for k in RECORD_KINDS if k in form.all("kind"))
    languages = tuple(code for code in LANGUAGES if code in form.all("language"))
    return kinds, languages or LANGUAGES


async def issue_one(request: web.Request) -> web.StreamResponse:
    """Issue documents to one learner, or say which item is missing."""
    form, learner_id = request[FORM], request.match_info["learner"]
    kinds, languages = _wanted(form)
    page = await _inspect(request, learner_id, "issue")
    issued = await request.app[STORE].write(
        issuing.issue,
        context=request.app[CONTEXT],
        learner_id=learner_id,
        kinds=kinds,
        languages=languages,
        at=request.app[CLOCK](),
    )
    return render(
        request,
        "registrar_issued",
        back=_back(request, form),
        issued=len(issued.credential_ids),
        unchanged=issued.unchanged,
        missing=_missing(page.name, page.number, issued.missing),
    )


def _missing(name: str, number: str, missing: Any) -> list[dict[str, str]]:
    return [
        {
            "name": name,
            "number": number,
            "kind": one.kind,
            "item": one.item,
            "reason": one.reason,
        }
        for one in missing
    ]


async def change_credential(request: web.Request) -> web.StreamResponse:
    """Revoke a credential, or issue it anew and revoke the old one."""
    form, credential_id = request[FORM], request.match_info["credential"]
    owner = await request.app[STORE].read(
        staff_views.credential_owner, credential_id=credential_id
    )
    why = form.get("why")
    action = {"revoke": issuing.revoke, "reissue": issuing.reissue}.get(
        form.get("action")
    )
    if action is None or why not in REVOCATIONS:
        raise NotFoundError("no such action or reason")
    await request.app[STORE].write(
        action,
        context=request.app[CONTEXT],
        credential_id=credential_id,
        reason=why,
        at=request.app[CLOCK](),
    )
    reason, done = _reason(form.get("reason")), f"{form.get('action')}d"
    raise web.HTTPSeeOther(
        f"/registrar/learners/{owner}?reason={reason}&done="
        f"{'reissued' if done == 'reissued' else 'revoked'}"
    )


# --- issuing to many


async def issue_page(request: web.Request) -> web.StreamResponse:
    """Choose whom to issue what, and see for whom which item is missing."""
    query = Form(tuple(request.query.items()))
    listed = query.get("list") == "yes"
    kinds, languages = _wanted(query) if listed else (RECORD_KINDS[:2], LANGUAGES)
    programmes = await request.app[STORE].read(
        issuing.programmes, context=request.app[CONTEXT]
    )
    found = await _candidates(request, query) if listed else []
    return render(
        request,
        "registrar_issue",
        programmes=[
            (key, name.best(_text_language(request))) for key, name in programmes
        ],
        programme=query.get("programme"),
        graduated=query.get("graduated"),
        kinds=RECORD_KINDS,
        chosen_kinds=kinds,
        chosen_languages=languages,
        listed=listed,
        ready=sum(bool(one.ready) for one in found),
        missing=[
            row
            for one in found
            for row in _missing(one.name, one.student_number, one.missing)
        ][:_SHOWN_MISSING],
    )


def _text_language(request: web.Request) -> Any:
    return "ja" if request[LANGUAGE] == "ja" else "en"


async def _candidates(request: web.Request, form: Form) -> list[issuing.Candidate]:
    kinds, _ = _wanted(form)
    return await request.app[STORE].read(
        issuing.candidates,
        context=request.app[CONTEXT],
        programme=form.get("programme") or None,
        graduated_on=parse_day(form.get("graduated")),
        kinds=kinds,
    )


async def issue_many(request: web.Request) -> web.StreamResponse:
    """Begin to issue to everybody who is ready."""
    form, app = request[FORM], request.app
    kinds, languages = _wanted(form)
    ready = [one for one in await _candidates(request, form) if one.ready]
    names = {one.learner_id: (one.name, one.student_number) for one in ready}

    async def step(learner_id: str) -> Outcome:
        issued = await app[STORE].write(
            issuing.issue,
            context=app[CONTEXT],
            learner_id=learner_id,
            kinds=kinds,
            languages=languages,
            at=app[CLOCK](),
        )
        missing = _missing(*names[learner_id], issued.missing)
        return Outcome(len(issued.credential_ids), issued.unchanged, tuple(missing))

    job = app[JOBS].start([one.learner_id for one in ready], step)
    raise web.HTTPSeeOther(f"/registrar/jobs/{job.id}")


async def progress(request: web.Request) -> web.StreamResponse:
    """Show how far issuing has come."""
    job = request.app[JOBS].get(request.match_info["job"])
    if job is None:
        raise NotFoundError("no such job")
    return render(request, "registrar_progress", job=job)
