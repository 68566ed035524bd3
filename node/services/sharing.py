"""A peer asks; the node looks, asks the learner, and answers or stays silent.

What a requester may learn before the learner decides is the same for every query: the
signed 202, then `closed/unavailable` at the deadline and a random delay (LRX 1.0,
invariant I9). A problem is told only if it follows from the query, the profile and the
terms agreed with the peer.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from node import answering, outbox
from node.context import NodeContext
from node.gate import grant_hash
from node.matching import NAME_AND_BIRTH, STUDENT_NUMBER, name_value, number_value
from node.outbox import Peer
from node.services import guarding
from node.store import audit, consents, exchanges, learners
from node.store import peers as peer_store
from node.store.consents import Consent
from node.store.exchanges import Query
from protocol.errors import MessageSchemaError
from protocol.exchange import states
from protocol.exchange.consent import beyond
from protocol.exchange.dcql import Dcql
from protocol.exchange.messages import Message
from protocol.exchange.record_bodies import (
    RecordQuery,
    SubjectByGrant,
    SubjectByIdentifiers,
)
from protocol.exchange.states import QueryEvent

FORMATS = ("dc+sd-jwt",)
"""What this node produces, as its profile says."""
SHORTEST = timedelta(hours=1)
LONGEST = timedelta(days=45)
CLOSING_DELAY = timedelta(hours=6)
"""The longest random delay between a deadline and its `closed/unavailable`."""
SHOWN_AT_ONCE = 3
"""Open queries of one peer that one learner is shown."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A problem that may be told, because it discloses nobody."""

    code: str
    comment: str


def take_query(
    connection: Connection, *, context: NodeContext, message: Message, peer: Peer
) -> None:
    """Take up a query: refuse it for what it is, or look whom it is about."""
    at = context.clock()
    body = message.body
    if not isinstance(body, RecordQuery):
        raise TypeError("not a query")
    refusal = _refusal(connection, context=context, message=message, peer=peer, at=at)
    if refusal:
        _tell(connection, context, peer, message, refusal, at)
        return
    deadline = datetime.fromtimestamp(body.deadline, UTC)
    delay = timedelta(seconds=secrets.randbelow(int(CLOSING_DELAY.total_seconds()) + 1))
    query = exchanges.add_query(
        connection,
        vault=context.vault,
        id=message.id,
        peer=peer.id,
        received_at=at,
        deadline=deadline,
        close_at=deadline + delay,
        state=states.Query.MATCHING,
        purpose=body.purpose.code,
        body=message.model_dump_json(by_alias=True, exclude_none=True).encode(),
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="query-received",
        event={"query": message.id, "peer": peer.id, "purpose": body.purpose.code},
        at=at,
    )
    if isinstance(body.subject, SubjectByGrant):
        _by_grant(connection, context, query, body, peer, at)
    else:
        _by_identifiers(connection, context, query, body, body.subject, peer, at)


def close_due(connection: Connection, *, context: NodeContext, at: datetime) -> int:
    """Close the queries whose time has come; return how many."""
    due = exchanges.queries_to_close(connection, at=at)
    for query in due:
        row = peer_store.peer(connection, id=query.peer)
        if row is None:
            continue
        state = states.advance(
            states.QUERY, states.Query(query.state), QueryEvent.TIMER
        )
        outcome = query.outcome or "unavailable"
        exchanges.set_query(connection, id=query.id, state=state, outcome=outcome)
        outbox.queue(
            connection,
            context=context,
            peer=Peer(query.peer, row.did),
            kind="record/status",
            body={"state": "closed", "outcome": outcome},
            at=at,
            thid=query.id,
        )
        audit.append(
            connection,
            vault=context.vault,
            kind="query-closed",
            event={"query": query.id, "outcome": outcome},
            at=at,
        )
    return len(due)


def _refusal(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    peer: Peer,
    at: datetime,
) -> Refusal | None:
    body = message.body
    if not isinstance(body, RecordQuery):
        raise TypeError("not a query")
    row = peer_store.peer(connection, id=peer.id)
    purposes = set(row.purposes) if row else set()
    if body.purpose.code not in purposes:
        return Refusal(
            "e.m.msg.purpose-not-agreed",
            f"{body.purpose.code} is not among the agreed purposes",
        )
    span = datetime.fromtimestamp(body.deadline, UTC) - at
    if not SHORTEST <= span <= LONGEST:
        return Refusal("e.p.query.deadline", "expected a deadline in 1 h to 45 days")
    if not set(body.accept.formats) & set(FORMATS):
        return Refusal("e.p.format.no-common", f"expected one of {', '.join(FORMATS)}")
    try:
        Dcql.parse(body.dcql)
    except MessageSchemaError as error:
        return Refusal("e.m.msg.schema", str(error))
    limit = (row.terms or {}).get("max_queries_per_day") if row else None
    asked = exchanges.count_queries(
        connection, peer=peer.id, since=at - timedelta(days=1)
    )
    if limit is not None and asked >= limit:
        return Refusal("e.p.limit.queries", f"{limit} queries a day were agreed")
    return None


def _tell(
    connection: Connection,
    context: NodeContext,
    peer: Peer,
    message: Message,
    refusal: Refusal,
    at: datetime,
) -> None:
    outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="report-problem",
        body={"code": refusal.code, "comment": refusal.comment},
        at=at,
        pthid=message.id,
    )


def _by_grant(
    connection: Connection,
    context: NodeContext,
    query: Query,
    body: RecordQuery,
    peer: Peer,
    at: datetime,
) -> None:
    code = body.subject.grant if isinstance(body.subject, SubjectByGrant) else ""
    consent = consents.by_grant(connection, code_hash=grant_hash(context, code))
    fits = (
        consent is not None
        and consent.recipient == peer.id
        and consent.purpose == body.purpose.code
    )
    if consent is not None and fits and not _covered(connection, body, consent):
        if consent in consents.live(
            connection,
            learner_id=consent.learner,
            recipient=peer.id,
            purpose=consent.purpose,
            at=at,
        ):
            # Terms beyond what the learner saw: asked again, and nothing is stretched.
            exchanges.set_query(connection, id=query.id, learner_id=consent.learner)
            _ask_learner(connection, context, query, consent.learner, peer, at)
            return
        fits = False
    if (
        consent is None
        or not fits
        or not answering.release_under(
            connection, context=context, query=query, consent=consent, peer=peer, at=at
        )
    ):
        # A bad grant is treated as no match: the requester cannot tell.
        exchanges.set_query(connection, id=query.id, state=states.Query.WAITING)


def _by_identifiers(
    connection: Connection,
    context: NodeContext,
    query: Query,
    body: RecordQuery,
    subject: SubjectByIdentifiers,
    peer: Peer,
    at: datetime,
) -> None:
    learner_id = _match(connection, context, subject)
    if learner_id is None:
        exchanges.set_query(connection, id=query.id, state=states.Query.WAITING)
        return
    exchanges.set_query(connection, id=query.id, learner_id=learner_id)
    for consent in consents.live(
        connection,
        learner_id=learner_id,
        recipient=peer.id,
        purpose=body.purpose.code,
        at=at,
    ):
        if _covered(connection, body, consent) and answering.release_under(
            connection, context=context, query=query, consent=consent, peer=peer, at=at
        ):
            return
    _ask_learner(connection, context, query, learner_id, peer, at)


def _ask_learner(
    connection: Connection,
    context: NodeContext,
    query: Query,
    learner_id: str,
    peer: Peer,
    at: datetime,
) -> None:
    """Let the learner decide on a query, if they have what it wants."""
    shown = exchanges.count_shown(connection, peer=peer.id, learner_id=learner_id)
    if shown >= SHOWN_AT_ONCE or not answering.can_answer(
        connection, context=context, query=query, learner_id=learner_id
    ):
        exchanges.set_query(connection, id=query.id, state=states.Query.WAITING)
        return
    exchanges.set_query(
        connection, id=query.id, state=states.Query.CONSENT_PENDING, shown=True
    )
    guarding.tell(
        connection,
        context=context,
        learner_id=learner_id,
        kind="consent-request",
        path=f"/learner/requests/{query.id}",
        at=at,
    )


def _covered(connection: Connection, body: RecordQuery, consent: Consent) -> bool:
    """Tell whether a query's terms stay within those the learner agreed to."""
    agreed = consents.terms(connection, consent_id=consent.id, version=consent.version)
    stated = body.recipient_terms.model_dump(mode="json")
    return not beyond(stated, agreed.get("recipient_terms", {}))


def _match(
    connection: Connection, context: NodeContext, subject: SubjectByIdentifiers
) -> str | None:
    """Return the one learner everything submitted fits; None for none or several."""
    hashes = [
        context.vault.match_hash(STUDENT_NUMBER, number_value(identifier.value))
        for identifier in subject.identifiers
        if identifier.type == STUDENT_NUMBER
    ]
    if subject.birth_date and (subject.family_name or subject.given_name):
        value = name_value(
            subject.family_name or "", subject.given_name or "", subject.birth_date
        )
        hashes.append(context.vault.match_hash(NAME_AND_BIRTH, value))
    if not hashes:
        return None
    found = learners.learners_by_hash(connection, hashes=hashes)
    fitting = set.intersection(*(set(found.get(h, ())) for h in hashes))
    return fitting.pop() if len(fitting) == 1 else None
