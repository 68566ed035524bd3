"""Answers a query under a consent, if one covers it.

Consents are never added together: one of them covers all of the query, or none does.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from node import gate, holdings
from node.context import NodeContext
from node.outbox import Peer
from node.store import consents, credentials, exchanges
from node.store.consents import Consent
from node.store.exchanges import Query
from protocol.exchange import states
from protocol.exchange.dcql import Dcql
from protocol.exchange.states import QueryEvent


def wanted(query: Query) -> Dcql:
    """Return what a stored query asks for."""
    return Dcql.parse(query.message["body"]["dcql"])


def can_answer(
    connection: Connection, *, context: NodeContext, query: Query, learner_id: str
) -> bool:
    """Tell whether the learner has what the query wants, were all of it allowed."""
    mine = credentials.current(connection, vault=context.vault, learner_id=learner_id)
    return holdings.can_answer(mine, wanted(query))


def release_under(
    connection: Connection,
    *,
    context: NodeContext,
    query: Query,
    consent: Consent,
    peer: Peer,
    at: datetime,
) -> bool:
    """Answer `query` under `consent` if it covers it; tell whether it did.

    What the database refuses, or is too large to go inline, is not released either, and
    the requester cannot tell it from a query nobody was found for.
    """
    items = holdings.items_for(
        credentials.current(
            connection, vault=context.vault, learner_id=consent.learner
        ),
        wanted(query),
        allowed=frozenset(
            consents.scope(connection, consent_id=consent.id, version=consent.version)
        ),
    )
    if items is None:
        return False
    return gate.attempt(
        connection,
        lambda: _release(connection, context, query, consent, peer, items, at),
        context=context,
        about={"query": query.id, "consent": consent.id},
        learner_id=consent.learner,
        at=at,
    )


def _release(
    connection: Connection,
    context: NodeContext,
    query: Query,
    consent: Consent,
    peer: Peer,
    items: Sequence[holdings.Item],
    at: datetime,
) -> None:
    state = states.Query(query.state)
    for event in (QueryEvent.CONSENT, QueryEvent.RELEASE):
        state = states.advance(states.QUERY, state, event)
    exchanges.set_query(
        connection,
        id=query.id,
        state=state,
        learner_id=consent.learner,
        consent_id=consent.id,
    )
    gate.release(
        connection,
        context=context,
        consent=consent,
        peer=peer,
        items=items,
        thread=query.id,
        at=at,
    )
