"""Answers to offers that ask for more than was consented to, until the learner decides.

They are sealed with the learner's key, as the offer is.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from node.store import learners
from node.store.columns import dumps
from node.store.rows import many, one
from node.store.sealed import Vault
from node.store.tables import offer, offer_answer

ASKING = "asking"
"""The state of an offer whose answer waits for the learner."""


class Answer(NamedTuple):
    """What a recipient answered: `body` is that of the message."""

    offer_id: str
    body: Mapping[str, Any]
    at: datetime
    decide_by: datetime


class Waiting(NamedTuple):
    """An offer whose learner was asked again; nothing of it is opened."""

    id: str
    peer: str
    consent_id: str
    decide_by: datetime


def keep(
    connection: Connection,
    *,
    vault: Vault,
    offer_id: str,
    learner_id: str,
    body: Mapping[str, Any],
    at: datetime,
    decide_by: datetime,
) -> None:
    """Keep an answer until the learner decides, or `decide_by` passes."""
    box = learners.box(connection, vault=vault, learner_id=learner_id)
    connection.execute(
        insert(offer_answer),
        {
            "offer_id": offer_id,
            "body": box.seal(dumps(body).encode(), f"offer_answer.body:{offer_id}"),
            "at": at,
            "decide_by": decide_by,
        },
    )


def answer(
    connection: Connection, *, vault: Vault, offer_id: str, learner_id: str
) -> Answer | None:
    """Return the answer kept for an offer, or None."""
    found = one(
        connection, select(offer_answer).where(offer_answer.c.offer_id == offer_id)
    )
    if found is None:
        return None
    box = learners.box(connection, vault=vault, learner_id=learner_id)
    body = json.loads(box.open(found["body"], f"offer_answer.body:{offer_id}"))
    return Answer(**found | {"body": body})


def waiting(
    connection: Connection,
    *,
    learner_id: str | None = None,
    due_before: datetime | None = None,
) -> list[Waiting]:
    """Return the offers whose learner was asked again, the most urgent first."""
    query = (
        select(
            offer.c.id,
            offer.c.peer,
            offer.c.consent_id,
            offer_answer.c.decide_by,
        )
        .join(offer_answer, offer_answer.c.offer_id == offer.c.id)
        .where(offer.c.state == ASKING)
        .order_by(offer_answer.c.decide_by, offer.c.id)
    )
    if learner_id is not None:
        query = query.where(offer.c.learner_id == learner_id)
    if due_before is not None:
        query = query.where(offer_answer.c.decide_by <= due_before)
    return [Waiting(**row) for row in many(connection, query)]
