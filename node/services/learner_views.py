"""What the learner's pages show, put together from the store. Nothing is written.

An object of somebody else raises the same error as one that never was, after the same
look into the store.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.services import proposing
from node.services.consent_views import ConsentPage, Part, consent_page, state_of
from node.services.parties import Party, Terms, parties, party, terms_of
from node.services.proposing import Field, Record
from node.store import answers, consents, exchanges, listing
from node.store.exchanges import Query
from protocol.credentials.claims_paths import Path
from protocol.errors import NotFoundError
from protocol.exchange.consent import beyond


@dataclass(frozen=True, slots=True)
class Pending:
    """A request that waits for the learner."""

    id: str
    peer: Party
    purpose: str
    deadline: datetime


@dataclass(frozen=True, slots=True)
class LearnerHome:
    """The first page of a learner."""

    pending: tuple[Pending, ...]
    asked_again: tuple[Pending, ...]
    """Offers whose recipient answered with terms beyond the consent."""
    records: tuple[Record, ...]
    live: int


def learner_home(
    connection: Connection, *, context: NodeContext, learner_id: str, at: datetime
) -> LearnerHome:
    """Return what waits, what there is, and how many consents are in force."""
    known = parties(connection)
    pending = tuple(
        Pending(row["id"], known[row["peer"]], row["purpose"], row["deadline"])
        for row in listing.pending_queries(connection, learner_id=learner_id)
    )
    records = proposing.offerable(connection, context=context, learner_id=learner_id)
    rows = listing.consents_of(connection, learner_id=learner_id)
    live = sum(state_of(row, at) == "granted" for row in rows)
    return LearnerHome(
        pending, _asked_again(connection, known, learner_id), records, live
    )


def _asked_again(
    connection: Connection, known: Mapping[str, Party], learner_id: str
) -> tuple[Pending, ...]:
    found = []
    for one in answers.waiting(connection, learner_id=learner_id):
        consent = consents.consent(connection, consent_id=one.consent_id)
        purpose = consent.purpose if consent else ""
        found.append(Pending(one.id, known[one.peer], purpose, one.decide_by))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class TermsPage:
    """A recipient's answer that asks for more than the learner agreed to."""

    offer_id: str
    consent: ConsentPage
    agreed: Terms
    stated: Terms
    beyond: tuple[str, ...]
    decide_by: datetime
    open: bool
    state: str


def terms_page(
    connection: Connection,
    *,
    context: NodeContext,
    offer_id: str,
    learner_id: str,
    at: datetime,
) -> TermsPage:
    """Return what a recipient answered to an offer, beside what was agreed.

    Raises:
        NotFoundError: no such offer, somebody else's, or nothing was asked about it.
    """
    row = exchanges.offer(connection, vault=context.vault, id=offer_id)
    if row is None or row.learner_id != learner_id or row.consent_id is None:
        raise NotFoundError("no such offer")
    kept = answers.answer(
        connection, vault=context.vault, offer_id=offer_id, learner_id=learner_id
    )
    if kept is None:
        raise NotFoundError("nothing was asked about this offer")
    page = consent_page(
        connection,
        context=context,
        consent_id=row.consent_id,
        learner_id=learner_id,
        at=at,
    )
    # What was agreed when the recipient answered: the version the offer named.
    offered = json.loads(row.body)["body"]["consent"]
    terms = consents.terms(
        connection, consent_id=row.consent_id, version=offered["version"]
    )
    agreed = terms["recipient_terms"]
    stated = agreed | dict(kept.body["terms"])
    return TermsPage(
        offer_id,
        page,
        terms_of(agreed, page.peer),
        terms_of(stated, page.peer),
        beyond(stated, agreed),
        kept.decide_by,
        row.state == answers.ASKING and at < kept.decide_by,
        row.state,
    )


@dataclass(frozen=True, slots=True)
class RequestPage:
    """One request, as the learner decides on it."""

    id: str
    peer: Party
    purpose: str
    text: Mapping[str, str]
    reference: str | None
    terms: Terms
    parts: tuple[Part, ...]
    absent: tuple[Path, ...]
    everything: bool
    state: str
    open: bool
    consent_id: str | None
    deadline: datetime
    beyond: tuple[str, ...] = ()
    """Terms in which the request goes beyond a consent in force."""


def request_page(
    connection: Connection,
    *,
    context: NodeContext,
    query_id: str,
    learner_id: str,
    at: datetime,
) -> RequestPage:
    """Return a request with every value that would go out.

    Raises:
        NotFoundError: no such request, about somebody else, or not shown to anybody.
    """
    query = exchanges.query(connection, vault=context.vault, id=query_id)
    if query is None or query.learner_id != learner_id or not query.shown:
        raise NotFoundError("no such request")
    body = query.message["body"]
    peer = party(connection, query.peer)
    shown = None
    if query.state == "consent-pending":
        shown = proposing.proposal(
            connection, context=context, query_id=query_id, learner_id=learner_id
        )
    kinds = listing.record_kinds(connection, learner_id=learner_id)
    return RequestPage(
        query.id,
        peer,
        body["purpose"]["code"],
        body["purpose"].get("text") or {},
        body["purpose"].get("reference"),
        terms_of(body["recipient_terms"], peer),
        _parts(shown.fields if shown else (), kinds),
        shown.absent if shown else (),
        everything=shown.everything if shown else False,
        state=query.state,
        open=shown is not None,
        consent_id=query.consent_id,
        deadline=query.deadline,
        beyond=_beyond(connection, query, at) if shown else (),
    )


def _beyond(connection: Connection, query: Query, at: datetime) -> tuple[str, ...]:
    """Name the terms in which a query goes beyond the latest consent it fell under."""
    live = consents.live(
        connection,
        learner_id=query.learner_id or "",
        recipient=query.peer,
        purpose=query.purpose,
        at=at,
    )
    for consent in live:
        terms = consents.terms(
            connection, consent_id=consent.id, version=consent.version
        )
        stated = query.message["body"]["recipient_terms"]
        return beyond(stated, terms.get("recipient_terms", {}))
    return ()


def is_complete(
    connection: Connection,
    *,
    context: NodeContext,
    query_id: str,
    learner_id: str,
    chosen: Collection[str],
    at: datetime,
) -> bool:
    """Tell whether something complete is left to send; closed requests are not asked.

    Raises:
        NotFoundError: no such request, or about somebody else.
    """
    page = request_page(
        connection, context=context, query_id=query_id, learner_id=learner_id, at=at
    )
    if not page.open:
        return True
    shown = proposing.proposal(
        connection, context=context, query_id=query_id, learner_id=learner_id
    )
    return shown is not None and bool(shown.scope(chosen))


def _parts(fields: Iterable[Field], kinds: Mapping[str, str]) -> tuple[Part, ...]:
    by_record: dict[str, list[Field]] = {}
    for field in fields:
        by_record.setdefault(field.record_id, []).append(field)
    return tuple(
        Part(kinds.get(record_id, ""), tuple(found))
        for record_id, found in by_record.items()
    )


@dataclass(frozen=True, slots=True)
class AccessLine:
    """One thing that happened with a learner's records."""

    at: datetime
    kind: str
    who: str
    role: str | None
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON would have it."""
        return {
            "at": self.at.isoformat(),
            "kind": self.kind,
            "who": self.who,
            "role": self.role,
            "detail": self.detail,
        }


def access_log(
    connection: Connection, *, learner_id: str, limit: int | None = 500
) -> tuple[AccessLine, ...]:
    """Return what happened with a learner's records, the latest first."""
    known = parties(connection)
    return tuple(
        AccessLine(
            row["at"],
            row["kind"],
            known[row["peer"]].called if row["peer"] else row["who"] or "",
            row["role"],
            row["detail"] or "",
        )
        for row in listing.access_log(connection, learner_id=learner_id, limit=limit)
    )
