"""A learner exercises a right of data protection law, and the registry answers.

Correction, erasure, and an end of use or of giving to others (in Japan articles 34 and
35 of the Act on the Protection of Personal Information, in the EEA articles 16 to 18
of the GDPR). Each has a clock, taken from the law pack of the institution's country.

Nothing is deleted by itself: what the law makes an institution keep is for a person to
say, with the reason. An accepted correction is done once the record has been issued
anew and states something else; an accepted erasure or cessation ends the consents
concerned, and whoever received something is asked to delete it or to stop using it.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, Literal

from sqlalchemy import Connection

from node import mail
from node.context import NodeContext
from node.jurisdictions import right
from node.services import consenting, guarding, issuing, proposing
from node.services.inviting import Login
from node.store import audit, credentials, people, rights
from node.store.rights import RightsRequest
from protocol.credentials.claims_paths import Path, parse_path
from protocol.errors import (
    MalformedValueError,
    NotFoundError,
    SizeError,
    UnexpectedMessageError,
)
from protocol.exchange.jurisdiction import Right, Wording

Kind = Literal["correction", "erasure", "cessation"]
KINDS: tuple[Kind, ...] = ("correction", "erasure", "cessation")
GROUNDS = ("no-longer-needed", "other-purpose", "unlawful", "harm", "other")
"""Why a learner wants something erased or stopped, as the laws name it."""
PERSONAL = ("name", "birth-date", "mail")
"""What the register itself holds of a person, beside every record."""
LONGEST_TEXT = 2000
"""Characters of one text."""
AT_ONCE = 20
"""Requests of one learner that may be open together."""
_NO_LAW = "P1M"
"""Within which an institution answers whose country has no law pack."""


def right_of(context: NodeContext, kind: str) -> Right:
    """Return what the law at this institution says of a right.

    Without a law pack for the country the institution still answers, within a month.
    """
    found = right(context.settings.country, kind, context.settings.own_packs)
    return found or Right.model_validate(
        {
            "id": kind,
            "source": Wording(en="", ja=""),
            "answer_within": _NO_LAW,
            "text": Wording(
                en="The institution answers within one month.",
                ja="1か月以内に回答します。",
            ),
        }
    )


def ask_correction(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    record_id: str | None,
    item: str,
    wanted: str,
    why: str,
    at: datetime,
) -> str:
    """Take a request to correct one item; return its id.

    `item` is the path of a unit of the record as text, one of `PERSONAL` if
    `record_id` is None, or empty for the record as a whole.

    Raises:
        NotFoundError: a record that is not the learner's, or an item not in it.
        MalformedValueError: nothing was said, or too much is open already.
        SizeError: a text is too long.
    """
    field = None
    if record_id is not None:
        field = _field(connection, context, learner_id, record_id, item)
    elif item not in PERSONAL:
        raise NotFoundError("no such item")
    body = {
        "record": record_id,
        "item": item,
        "stated": field.value if field else None,
        "beside": field.beside if field else "",
        "wanted": _text(wanted),
        "why": _text(why, needed=False),
    }
    return _ask(connection, context, learner_id, "correction", body, at)


def ask_end(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    kind: str,
    record_id: str | None,
    ground: str,
    why: str,
    at: datetime,
) -> str:
    """Take a request for erasure, or for an end of use and giving; return its id.

    It is about one record, or about everything.

    Raises:
        NotFoundError: no such kind or ground, or a record that is not the learner's.
        MalformedValueError: nothing was said, or too much is open already.
        SizeError: the text is too long.
    """
    if kind not in {"erasure", "cessation"} or ground not in GROUNDS:
        raise NotFoundError("no such request")
    if record_id is not None:
        _owned(connection, learner_id, record_id)
    body = {"record": record_id, "ground": ground, "why": _text(why)}
    return _ask(connection, context, learner_id, kind, body, at)


def answer(
    connection: Connection,
    *,
    context: NodeContext,
    request_id: str,
    accept: bool,
    reason: str,
    kept: str = "",
    viewer: Login,
    at: datetime,
) -> None:
    """Answer a request: the reason is shown to the learner.

    `kept` says what stays in spite of an erasure, and on what ground.

    Raises:
        NotFoundError: no such request.
        UnexpectedMessageError: it was answered before.
        MalformedValueError: no reason was given.
        SizeError: a text is too long.
    """
    asked = _request(connection, context, request_id)
    if asked.state != "open":
        raise UnexpectedMessageError(f"the request is {asked.state}")
    said: dict[str, Any] = {
        "reason": _text(reason),
        "kept": _text(kept, needed=False),
        "by": viewer.name,
    }
    state = "accepted" if accept else "refused"
    if accept and asked.kind != "correction":
        said["ended"] = consenting.end_at_request(
            connection,
            context=context,
            learner_id=asked.learner_id,
            record_id=asked.body["record"],
            requested="delete" if asked.kind == "erasure" else "stop",
            at=at,
        )
        state = "done"
    rights.answer(
        connection,
        vault=context.vault,
        id=asked.id,
        learner_id=asked.learner_id,
        state=state,
        answer=said,
        at=at,
    )
    _note(connection, context, asked, "rights-answered", {"accepted": accept}, at)
    _tell(connection, context, asked, at)


def carry_out(
    connection: Connection, *, context: NodeContext, request_id: str, at: datetime
) -> None:
    """Correct what was accepted: issue the record anew and tell whoever has the old.

    The data of a record comes from the student system: it is corrected there and
    imported first. A record that would state the same again is not issued. What is not
    about one item of a record is only noted as done.

    Raises:
        NotFoundError: no such request.
        UnexpectedMessageError: it was not accepted, or was done before.
        MalformedValueError: the record still states what was to be corrected.
    """
    asked = _request(connection, context, request_id)
    if asked.state != "accepted":
        raise UnexpectedMessageError(f"the request is {asked.state}")
    if asked.body["record"] is not None:
        _issue_anew(connection, context, asked, at)
    rights.set_done(connection, id=asked.id, at=at)
    _note(connection, context, asked, "rights-done", {}, at)
    _tell(connection, context, asked, at)


def _issue_anew(
    connection: Connection, context: NodeContext, asked: RightsRequest, at: datetime
) -> None:
    record_id, item = asked.body["record"], asked.body["item"]
    current = _current(connection, context, asked.learner_id, record_id)
    if current is None:
        raise UnexpectedMessageError("there is no such record now")
    wrong = (asked.body["beside"], asked.body["stated"])
    if item and _stated(connection, context, current, item) != wrong:
        # Corrected before: an import was followed by issuing to everybody.
        return
    new = issuing.reissue(
        connection,
        context=context,
        credential_id=current,
        reason="record-corrected",
        at=at,
    )
    if item and _stated(connection, context, new, item) == wrong:
        raise MalformedValueError("the record still states what was to be corrected")


def _current(
    connection: Connection, context: NodeContext, learner_id: str, record_id: str
) -> str | None:
    mine = credentials.current(connection, vault=context.vault, learner_id=learner_id)
    return next((one.id for one in mine if one.record_id == record_id), None)


def _stated(
    connection: Connection, context: NodeContext, credential_id: str, item: str
) -> tuple[str, Any] | None:
    """Return what a credential states at `item`, and in which entry of a list."""
    fields = proposing.stated(connection, context=context, credential_id=credential_id)
    return next(((one.beside, one.value) for one in fields if one.key == item), None)


def _owned(connection: Connection, learner_id: str, record_id: str) -> None:
    mine = credentials.records(connection, learner_id=learner_id)
    if record_id not in {one.id for one in mine}:
        raise NotFoundError("no such record")


def _field(
    connection: Connection,
    context: NodeContext,
    learner_id: str,
    record_id: str,
    item: str,
) -> proposing.Field | None:
    current = _current(connection, context, learner_id, record_id)
    if current is None:
        raise NotFoundError("no such record")
    if not item:
        return None
    fields = proposing.stated(connection, context=context, credential_id=current)
    found = next((one for one in fields if one.key == item), None)
    if found is None:
        raise NotFoundError("no such item")
    return found


def item_path(item: str) -> Path | None:
    """Return the path an item's text stands for; None for what is not in a record."""
    return None if not item or item in PERSONAL else parse_path(item)


def _text(value: str, *, needed: bool = True) -> str:
    plain = "\n".join(line.rstrip() for line in value.strip().splitlines())
    if needed and not plain:
        raise MalformedValueError("nothing was said")
    if len(plain) > LONGEST_TEXT:
        raise SizeError(f"{len(plain)} characters, more than {LONGEST_TEXT}")
    return plain


def _ask(
    connection: Connection,
    context: NodeContext,
    learner_id: str,
    kind: str,
    body: Mapping[str, Any],
    at: datetime,
) -> str:
    if rights.count_open(connection, learner_id=learner_id) >= AT_ONCE:
        raise UnexpectedMessageError(f"{AT_ONCE} requests are open already")
    request_id = secrets.token_hex(16)
    last = right_of(context, kind).due(at.date())
    rights.add(
        connection,
        vault=context.vault,
        id=request_id,
        learner_id=learner_id,
        kind=kind,
        body=body,
        at=at,
        due_at=datetime.combine(last, time(23, 59, 59), at.tzinfo),
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="rights-requested",
        event={"request": request_id, "right": kind},
        at=at,
        learner_id=learner_id,
    )
    for one in people.people(connection, vault=context.vault, role="registrar"):
        mail.enqueue(
            connection,
            context=context,
            person_id=one.id,
            kind="rights-requested",
            path=f"/registrar/rights/{request_id}",
            at=at,
        )
    return request_id


def _request(
    connection: Connection, context: NodeContext, request_id: str
) -> RightsRequest:
    found = rights.request(connection, vault=context.vault, id=request_id)
    if found is None:
        raise NotFoundError("no such request")
    return found


def _note(
    connection: Connection,
    context: NodeContext,
    asked: RightsRequest,
    kind: str,
    event: Mapping[str, Any],
    at: datetime,
) -> None:
    audit.append(
        connection,
        vault=context.vault,
        kind=kind,
        event={"request": asked.id, "right": asked.kind, **event},
        at=at,
        learner_id=asked.learner_id,
    )


def _tell(
    connection: Connection, context: NodeContext, asked: RightsRequest, at: datetime
) -> None:
    """Mail the learner that there is an answer, without saying what it is."""
    guarding.tell(
        connection,
        context=context,
        learner_id=asked.learner_id,
        kind="rights-answered",
        path=f"/learner/rights/{asked.id}",
        at=at,
    )
