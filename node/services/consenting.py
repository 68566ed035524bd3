"""A learner gives, refuses or withdraws consent, or hands out a grant.

What was decided is stored with the words it was decided on: the terms of the recipient,
the policy that goes along, a consent record after ISO/IEC TS 27560, and when the person
had logged in.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection

from node import answering, outbox
from node.context import NodeContext
from node.gate import grant_hash
from node.holdings import Fields as Scope
from node.outbox import Peer
from node.services import agreeing, guarding
from node.services.agreeing import Decided
from node.services.guarding import By
from node.services.proposing import proposal
from node.store import audit, consents, exchanges, messages
from node.store import peers as peer_store
from node.store.exchanges import Query
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.exchange import states
from protocol.exchange.messages import Message
from protocol.exchange.record_bodies import RecordQuery, SubjectByGrant
from protocol.exchange.states import QueryEvent

FRESH_LOGIN = timedelta(minutes=5)
"""How old a login may be for giving or widening a consent."""
DELIVERY_WINDOW = timedelta(days=45)
"""How long an approved query may wait for a recipient that is down."""
RESPOND_WITHIN = timedelta(days=30)
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Signs of a grant's code; none is easily taken for another."""
CODE_LENGTH = 16
"""Signs; 78 bits."""


class NotPermittedError(UnexpectedMessageError):
    """Law or the rules of the institution forbid what the learner would agree to."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant that was made; the code is shown once."""

    consent_id: str
    code: str


def approve(
    connection: Connection,
    *,
    context: NodeContext,
    query_id: str,
    learner_id: str,
    chosen_optional: frozenset[str],
    language: str,
    login_at: datetime,
    at: datetime,
    by: By = "learner",
) -> str:
    """Grant what a query asks, and release it in the same transaction.

    Returns the id of the consent.

    Raises:
        NotFoundError: no such query, or about somebody else.
        UnexpectedMessageError: it was decided before, the login is too old, or the
            record no longer holds what was shown.
        NotPermittedError: the rules forbid it.
    """
    query, peer = _open_query(connection, context, query_id, learner_id)
    check_login(login_at, at)
    guarding.check(connection, context=context, learner_id=learner_id, by=by, at=at)
    shown = proposal(
        connection, context=context, query_id=query_id, learner_id=learner_id
    )
    body = Message.model_validate(query.message).body
    if shown is None or not isinstance(body, RecordQuery):
        raise UnexpectedMessageError("the record no longer holds what was asked for")
    consent_id = _grant(
        connection,
        context,
        Decided(
            learner_id,
            peer,
            body.purpose.code,
            shown.scope(chosen_optional),
            at + DELIVERY_WINDOW,
            1,
            _terms(connection, peer.id) | body.recipient_terms.model_dump(mode="json"),
            language,
            login_at,
            dict(body.purpose.text),
            body.purpose.reference,
            by,
        ),
        at,
    )
    if isinstance(body.subject, SubjectByGrant):
        # It was for one use, and this is that use, on other terms.
        _replace_grant(connection, context, body.subject.grant)
    consent = consents.consent(connection, consent_id=consent_id)
    if consent is None or not answering.release_under(
        connection, context=context, query=query, consent=consent, peer=peer, at=at
    ):
        raise NotPermittedError("the rules do not permit this release")
    return consent_id


def _replace_grant(connection: Connection, context: NodeContext, code: str) -> None:
    earlier = consents.by_grant(connection, code_hash=grant_hash(context, code))
    if earlier is not None and earlier.status == "granted":
        consents.supersede(connection, consent_id=earlier.id, version=earlier.version)


def refuse(
    connection: Connection,
    *,
    context: NodeContext,
    query_id: str,
    learner_id: str,
    tell: bool,
    at: datetime,
) -> None:
    """Refuse a query; the requester learns so only if the learner wants it.

    Raises:
        NotFoundError: no such query, or about somebody else.
        UnexpectedMessageError: it was decided before.
    """
    query, _ = _open_query(connection, context, query_id, learner_id)
    state = states.advance(states.QUERY, states.Query(query.state), QueryEvent.REFUSE)
    outcome = "declined" if tell else None
    exchanges.set_query(connection, id=query.id, state=state, outcome=outcome)
    audit.append(
        connection,
        vault=context.vault,
        kind="query-refused",
        event={"query": query.id, "told": tell},
        at=at,
        learner_id=learner_id,
    )


def grant(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    recipient: str,
    purpose: str,
    scope: Scope,
    not_after: datetime,
    language: str,
    login_at: datetime,
    at: datetime,
    by: By = "learner",
) -> Granted:
    """Grant one use in advance and return the code the learner hands out.

    Raises:
        NotFoundError: no such peer.
        UnexpectedMessageError: the login is too old, or the scope is empty.
    """
    consent_id = give(
        connection,
        context=context,
        learner_id=learner_id,
        recipient=recipient,
        purpose=purpose,
        scope=scope,
        not_after=not_after,
        language=language,
        login_at=login_at,
        at=at,
        by=by,
    )
    code = "".join(secrets.choice(_ALPHABET) for _ in range(CODE_LENGTH))
    consents.add_grant(
        connection,
        code_hash=grant_hash(context, code),
        consent_id=consent_id,
        version=1,
    )
    return Granted(
        consent_id, "-".join(code[i : i + 4] for i in range(0, CODE_LENGTH, 4))
    )


def give(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    recipient: str,
    purpose: str,
    scope: Scope,
    not_after: datetime,
    language: str,
    login_at: datetime,
    at: datetime,
    by: By = "learner",
) -> str:
    """Grant one use for a delivery the learner starts; return the consent's id.

    Raises:
        NotFoundError: no such peer.
        UnexpectedMessageError: the login is too old, or the scope is empty.
    """
    check_login(login_at, at)
    guarding.check(connection, context=context, learner_id=learner_id, by=by, at=at)
    peer = _peer(connection, recipient)
    terms = _terms(connection, recipient)
    decided = Decided(
        *(learner_id, peer, purpose, scope, not_after, 1, terms, language, login_at),
        {},
        by=by,
    )
    return _grant(connection, context, decided, at)


def withdraw(
    connection: Connection,
    *,
    context: NodeContext,
    consent_id: str,
    learner_id: str,
    at: datetime,
) -> None:
    """Withdraw a consent: nothing more goes out, and what went out is asked back.

    Raises:
        NotFoundError: no such consent, or somebody else's.
        UnexpectedMessageError: it is not in force.
    """
    consent = consents.consent(connection, consent_id=consent_id)
    if consent is None or consent.learner != learner_id:
        raise NotFoundError("no such consent")
    if consent.status not in {"granted", "suspended"}:
        raise UnexpectedMessageError(f"the consent is {consent.status}")
    _end(connection, context, consent, "withdrawn", "delete", at)
    guarding.tell(
        connection,
        context=context,
        learner_id=learner_id,
        kind="withdrawn",
        path=f"/learner/consents/{consent.id}",
        at=at,
    )


def end_at_request(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    record_id: str | None,
    requested: Literal["delete", "stop"],
    at: datetime,
) -> int:
    """End a learner's consents because the learner asked for erasure or cessation.

    Those about one record, or all; whoever got something under one is asked to delete
    it or to stop using it. Returns how many consents ended.
    """
    ended = 0
    for consent in consents.consents_of_learner(connection, learner=learner_id):
        if consent.status not in {"granted", "suspended"}:
            continue
        scope = consents.scope(
            connection, consent_id=consent.id, version=consent.version
        )
        if record_id is None or any(record == record_id for record, _ in scope):
            _end(connection, context, consent, "learner-request", requested, at)
            ended += 1
    return ended


def _end(
    connection: Connection,
    context: NodeContext,
    consent: consents.Consent,
    basis: str,
    requested: str,
    at: datetime,
) -> None:
    """End a consent, and tell the recipient of what went out under it."""
    consents.withdraw(connection, consent_id=consent.id, version=consent.version)
    messages.cancel_undispatched(
        connection, consent_id=consent.id, version=consent.version
    )
    query = exchanges.query_of_consent(
        connection, vault=context.vault, consent_id=consent.id
    )
    deliveries = consents.dispatched_deliveries(
        connection, consent_id=consent.id, version=consent.version
    )
    if query is not None and query.state in {"granted", "releasing"} and not deliveries:
        exchanges.set_query(connection, id=query.id, state=states.Query.WAITING)
    row = peer_store.peer(connection, id=consent.recipient)
    if deliveries and row is not None:
        outbox.queue(
            connection,
            context=context,
            peer=Peer(row.id, row.did),
            kind="consent/changed",
            body={
                "basis": basis,
                "consent_id": consent.id,
                "version": consent.version,
                "effective": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "deliveries": [d.id for d in deliveries],
                "requested": requested,
                "respond_by": (at + RESPOND_WITHIN).date().isoformat(),
            },
            at=at,
            pthid=deliveries[0].thread,
            lifetime=timedelta(days=45),
        )
    audit.append(
        connection,
        vault=context.vault,
        kind="consent-withdrawn",
        event={"consent": consent.id, "version": consent.version},
        at=at,
        learner_id=consent.learner,
    )


def renew(
    connection: Connection,
    *,
    context: NodeContext,
    consent: consents.Consent,
    decided: Decided,
    at: datetime,
) -> int:
    """Grant a new version of a consent in place of the one in force; return its number.

    Raises:
        GateError: the consent is not in force.
    """
    version = agreeing.renew(
        connection, context=context, consent=consent, decided=decided, at=at
    )
    _note_granted(connection, context, consent.id, version, decided, at)
    return version


def _open_query(
    connection: Connection, context: NodeContext, query_id: str, learner_id: str
) -> tuple[Query, Peer]:
    query = exchanges.query(connection, vault=context.vault, id=query_id)
    if query is None or query.learner_id != learner_id or not query.shown:
        raise NotFoundError("no such request")
    if query.state != states.Query.CONSENT_PENDING:
        raise UnexpectedMessageError("the request is no longer open")
    return query, _peer(connection, query.peer)


def _peer(connection: Connection, peer_id: str) -> Peer:
    row = peer_store.peer(connection, id=peer_id)
    if row is None or row.state != states.Peer.TRUSTED:
        raise NotFoundError("no such peer")
    return Peer(row.id, row.did)


def _terms(connection: Connection, peer_id: str) -> dict[str, Any]:
    row = peer_store.peer(connection, id=peer_id)
    privacy = ((row.their_terms if row else None) or {}).get("privacy", {})
    return {
        "jurisdiction": privacy.get("jurisdiction", ""),
        "regimes": privacy.get("regimes", []),
        "retention_days": privacy.get("retention_days", 180),
        "onward": [],
        "automated_decision": False,
        "notice": privacy.get("notice", ""),
        "contact": privacy.get("contact", ""),
    }


def check_login(login_at: datetime, at: datetime) -> None:
    """Refuse what needs a fresh login.

    Raises:
        UnexpectedMessageError: the login is older than `FRESH_LOGIN`.
    """
    if at - login_at > FRESH_LOGIN:
        raise UnexpectedMessageError("a consent needs a login younger than 5 minutes")


def _grant(
    connection: Connection, context: NodeContext, decided: Decided, at: datetime
) -> str:
    consent_id = agreeing.grant(connection, context=context, decided=decided, at=at)
    _note_granted(connection, context, consent_id, 1, decided, at)
    return consent_id


def _note_granted(
    connection: Connection,
    context: NodeContext,
    consent_id: str,
    version: int,
    decided: Decided,
    at: datetime,
) -> None:
    audit.append(
        connection,
        vault=context.vault,
        kind="consent-granted",
        event={
            "consent": consent_id,
            "version": version,
            "recipient": decided.peer.id,
            "purpose": decided.purpose,
            "fields": len(decided.scope),
            "by": decided.by,
        },
        at=at,
        learner_id=decided.learner_id,
    )
