"""The learner sends: a peer is offered what was consented to, and answers.

The consent comes first; it is never stretched to fit. A recipient that answers with
terms beyond it is not sent anything until the learner, asked again, has agreed to them.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import gate, outbox
from node.context import NodeContext
from node.holdings import Item, items_within
from node.outbox import Peer
from node.services import consenting, guarding
from node.services.agreeing import Decided
from node.services.consenting import NotPermittedError
from node.services.guarding import By
from node.store import answers, consents, credentials, exchanges
from node.store import peers as peer_store
from protocol.credentials.record_model import vct
from protocol.errors import NotFoundError, UnexpectedMessageError
from protocol.exchange.consent import beyond
from protocol.exchange.messages import Message, policy_digest
from protocol.exchange.record_bodies import RecordAnswer

DECIDE_WITHIN = timedelta(days=7)
"""How long a recipient may take to answer an offer."""
DECIDE_AGAIN_WITHIN = timedelta(days=14)
"""How long a learner may take to decide on terms that go beyond the consent."""


def offer(
    connection: Connection,
    *,
    context: NodeContext,
    consent_id: str,
    reference: str | None,
    at: datetime,
) -> str:
    """Offer a peer what the learner consented to send; return the thread.

    Raises:
        NotFoundError: no such consent or peer.
    """
    consent = consents.consent(connection, consent_id=consent_id)
    row = peer_store.peer(connection, id=consent.recipient) if consent else None
    if consent is None or row is None:
        raise NotFoundError("no such consent")
    items = _items_of(connection, context, consent)
    terms = consents.terms(connection, consent_id=consent.id, version=consent.version)
    body: dict[str, Any] = {
        "purpose": consent.purpose,
        "items": [
            {
                "item_id": item.item_id,
                "format": "dc+sd-jwt",
                "type": vct(item.credential.kind),
                "bytes": len(item.credential.sd_jwt),
            }
            for item in items
        ],
        "consent": {
            "id": consent.id,
            "version": consent.version,
            "policy_digest": policy_digest(terms["policy"]),
        },
        "decide_by": int((at + DECIDE_WITHIN).timestamp()),
    }
    if reference:
        body["reference"] = reference
    composed = outbox.queue(
        connection,
        context=context,
        peer=Peer(row.id, row.did),
        kind="record/offer",
        body=body,
        at=at,
    )
    exchanges.add_offer(
        connection,
        vault=context.vault,
        id=composed.id,
        direction="out",
        peer=row.id,
        learner_id=consent.learner,
        consent_id=consent.id,
        state="offered",
        body=composed.payload,
        at=at,
        decide_by=at + DECIDE_WITHIN,
    )
    return composed.id


def take_answer(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    peer: Peer,
    at: datetime,
) -> None:
    """An offer was answered: deliver what was accepted."""
    body = message.body
    if not isinstance(body, RecordAnswer):
        raise TypeError("not an answer")
    row = exchanges.offer(connection, vault=context.vault, id=message.thread)
    if row is None or row.peer != peer.id or row.direction != "out":
        raise NotFoundError("an answer to nothing")
    if row.state != "offered":
        raise UnexpectedMessageError(f"the offer is {row.state}")
    if body.answer != "accept":
        exchanges.set_offer(connection, id=row.id, state="declined")
        return
    consent = consents.consent(connection, consent_id=row.consent_id or "")
    if consent is None:
        raise NotFoundError("the consent is gone")
    terms = consents.terms(connection, consent_id=consent.id, version=consent.version)
    if body.terms and beyond(
        body.terms.model_dump(mode="json"), terms["recipient_terms"]
    ):
        _ask_again(connection, context, row, consent, body, at)
        return
    _send(connection, context, row, consent, peer, body.items, at)


def agree(
    connection: Connection,
    *,
    context: NodeContext,
    offer_id: str,
    learner_id: str,
    language: str,
    login_at: datetime,
    at: datetime,
    by: By = "learner",
) -> str:
    """Agree to the terms a recipient answered with, and send what was offered.

    The consent gets a new version; fields, purpose and end stay as they were. Returns
    the consent's id.

    Raises:
        NotFoundError: no such offer, or somebody else's.
        UnexpectedMessageError: it was decided before, the time is over, or the login is
            too old.
        NotPermittedError: the rules forbid it.
    """
    row, kept, peer = _asked_again(connection, context, offer_id, learner_id)
    consenting.check_login(login_at, at)
    guarding.check(connection, context=context, learner_id=learner_id, by=by, at=at)
    consent = consents.consent(connection, consent_id=row.consent_id or "")
    if consent is None or consent.status != "granted" or at >= kept.decide_by:
        raise UnexpectedMessageError("the consent is no longer in force")
    earlier = consents.terms(connection, consent_id=consent.id, version=consent.version)
    scope = consents.scope(connection, consent_id=consent.id, version=consent.version)
    version = consenting.renew(
        connection,
        context=context,
        consent=consent,
        decided=Decided(
            *(learner_id, peer, consent.purpose, frozenset(scope), consent.not_after),
            consent.max_uses,
            earlier["recipient_terms"] | dict(kept.body["terms"]),
            language,
            login_at,
            {},
            by=by,
        ),
        at=at,
    )
    renewed = consents.consent(connection, consent_id=consent.id, version=version)
    items = tuple(kept.body["items"])
    if renewed is None or not _send(connection, context, row, renewed, peer, items, at):
        raise NotPermittedError("the rules do not permit this release")
    return consent.id


def disagree(
    connection: Connection,
    *,
    context: NodeContext,
    offer_id: str,
    learner_id: str,
    at: datetime,
) -> None:
    """Do not agree to a recipient's terms: nothing is sent, and it is told.

    Raises:
        NotFoundError: no such offer, or somebody else's.
        UnexpectedMessageError: it was decided before.
    """
    row, _, peer = _asked_again(connection, context, offer_id, learner_id)
    _not_covered(connection, context, row.id, peer, at)


def close_due(connection: Connection, *, context: NodeContext, at: datetime) -> int:
    """End the offers whose learner did not decide in time; return how many."""
    due = answers.waiting(connection, due_before=at)
    for one in due:
        row = peer_store.peer(connection, id=one.peer)
        if row is not None:
            _not_covered(connection, context, one.id, Peer(row.id, row.did), at)
    return len(due)


def _ask_again(
    connection: Connection,
    context: NodeContext,
    row: exchanges.Offer,
    consent: consents.Consent,
    body: RecordAnswer,
    at: datetime,
) -> None:
    """Terms beyond what the learner saw: the learner decides, nothing is stretched."""
    exchanges.set_offer(connection, id=row.id, state=answers.ASKING)
    answers.keep(
        connection,
        vault=context.vault,
        offer_id=row.id,
        learner_id=consent.learner,
        body=body.model_dump(mode="json", include={"items", "terms"}),
        at=at,
        decide_by=min(at + DECIDE_AGAIN_WITHIN, consent.not_after),
    )
    guarding.tell(
        connection,
        context=context,
        learner_id=consent.learner,
        kind="terms-beyond",
        path=f"/learner/offers/{row.id}",
        at=at,
    )


def _asked_again(
    connection: Connection, context: NodeContext, offer_id: str, learner_id: str
) -> tuple[exchanges.Offer, answers.Answer, Peer]:
    row = exchanges.offer(connection, vault=context.vault, id=offer_id)
    if row is None or row.learner_id != learner_id or row.direction != "out":
        raise NotFoundError("no such offer")
    kept = answers.answer(
        connection, vault=context.vault, offer_id=offer_id, learner_id=learner_id
    )
    peer = peer_store.peer(connection, id=row.peer)
    if kept is None or peer is None:
        raise NotFoundError("nothing was asked about this offer")
    if row.state != answers.ASKING:
        raise UnexpectedMessageError(f"the offer is {row.state}")
    return row, kept, Peer(peer.id, peer.did)


def _not_covered(
    connection: Connection,
    context: NodeContext,
    offer_id: str,
    peer: Peer,
    at: datetime,
) -> None:
    exchanges.set_offer(connection, id=offer_id, state="terms-not-covered")
    outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="report-problem",
        body={
            "code": "e.p.terms.not-covered",
            "comment": "The terms exceed what the learner consented to.",
        },
        at=at,
        pthid=offer_id,
    )


def _send(
    connection: Connection,
    context: NodeContext,
    row: exchanges.Offer,
    consent: consents.Consent,
    peer: Peer,
    accepted: Collection[str],
    at: datetime,
) -> bool:
    """Release what was accepted of an offer; tell whether the rules permitted it."""
    items = [
        item
        for item in _items_of(connection, context, consent)
        if not accepted or item.item_id in accepted
    ]
    if not items:
        raise NotFoundError("an answer that accepts nothing of what was offered")
    made = gate.attempt(
        connection,
        lambda: gate.release(
            connection,
            context=context,
            consent=consent,
            peer=peer,
            items=items,
            thread=row.id,
            at=at,
        ),
        context=context,
        about={"offer": row.id, "consent": consent.id},
        learner_id=consent.learner,
        at=at,
    )
    state = "accepted" if made else "denied"
    exchanges.set_offer(connection, id=row.id, state=state)
    return made


def _items_of(
    connection: Connection, context: NodeContext, consent: consents.Consent
) -> list[Item]:
    """Return what a consent covers, one item for each record of its scope."""
    scope = consents.scope(connection, consent_id=consent.id, version=consent.version)
    mine = credentials.current(
        connection, vault=context.vault, learner_id=consent.learner
    )
    return items_within(mine, frozenset(scope))
