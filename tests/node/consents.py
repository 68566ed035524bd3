"""A consent that a learner gave, by the service that gives it."""

from datetime import timedelta

from sqlalchemy import Connection

from node.services import consenting, proposing
from tests.node.portal_world import AUTHORITY, World


def seed_consent(connection: Connection, world: World, name: str) -> str:
    """Let a learner give the title of their diploma away."""
    learner_id = world.ids[name]
    (record, *_) = proposing.offerable(
        connection, context=world.context, learner_id=learner_id
    )
    at = world.clock()
    return consenting.give(
        connection,
        context=world.context,
        learner_id=learner_id,
        recipient=AUTHORITY.scid or "",
        purpose="admission",
        scope=frozenset({(record.id, record.fields[0].key)}),
        not_after=at + timedelta(days=30),
        language="en",
        login_at=at,
        at=at,
    )
