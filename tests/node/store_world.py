"""A migrated database with a clock of its own, and a learner or two in it."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool
from store_clock import run_clock

from node.store import consents, learners, migrate
from node.store.sealed import Vault

AT = datetime(2026, 10, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
VAULT = Vault(bytes(range(32)))
DIGEST = "sha-256:" + "x" * 43
ANN, BOB = "ann", "bob"
CONSENT, RELEASE, MESSAGE = (letter * 32 for letter in "abc")


@contextmanager
def opened(path):
    """Migrate a database at `path` and yield a connection to it, in a transaction."""
    migrate.upgrade(f"sqlite:///{path}")
    run_clock(path, AT)
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=NullPool,
        connect_args={"isolation_level": None},
    )

    @event.listens_for(engine, "begin")
    def _(connection):
        connection.exec_driver_sql("pragma foreign_keys=on")
        connection.exec_driver_sql("begin immediate")

    with engine.begin() as connection:
        keys = {name: VAULT.new_learner_key() for name in (ANN, BOB)}
        learners.add_learners(connection, wrapped_keys=keys, at=AT)
        yield connection


def grant(connection, *, id_=CONSENT, learner=ANN, version=1, **changes):
    """Store a consent to two fields and grant it."""
    terms = {
        "recipient": "enic",
        "purpose": "study",
        "not_before": AT,
        "not_after": AT + DAY,
        "max_uses": 1,
    }
    consents.request(
        connection, id=id_, version=version, learner=learner, **terms | changes
    )
    consents.add_scope(
        connection,
        consent_id=id_,
        version=version,
        scope=[("rec", '["a"]'), ("rec", '["b"]')],
    )
    consents.grant(connection, consent_id=id_, version=version)
    return consents.consent(connection, consent_id=id_, version=version)


def tick(connection, seconds):
    """Let the database's clock run."""
    connection.exec_driver_sql("update clock set now=now+?", (seconds,))
