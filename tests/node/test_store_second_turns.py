"""The database's clock is real here, and a second turns while rows are written."""

import time
from datetime import timedelta

import pytest
from store_world import ANN, DIGEST

from node.context import system_clock
from node.store import consents, migrate
from node.store.engine import open_store
from node.store.gate import GateError

CONSENT = "c" * 32
SECONDS = 2.5


def _granted(connection):
    at = system_clock()
    consents.request(
        connection,
        id=CONSENT,
        version=1,
        learner=ANN,
        recipient="enic",
        purpose="study",
        not_before=at - timedelta(seconds=5),
        not_after=at + timedelta(days=1),
        max_uses=1_000_000,
    )
    consents.add_scope(
        connection, consent_id=CONSENT, version=1, scope={("r", '["a"]')}
    )
    consents.grant(connection, consent_id=CONSENT, version=1)
    return consents.consent(connection, consent_id=CONSENT)


def _until_seconds_have_turned(connection):
    consent = _granted(connection)
    end = time.monotonic() + SECONDS
    made, refused = 0, []
    while time.monotonic() < end:
        id_ = f"{made:032x}"
        made += 1
        try:
            consents.add_release(
                connection,
                id=id_,
                consent=consent,
                payload_digest=DIGEST,
                fields={("r", '["a"]')},
            )
            consents.dispatch(connection, release_id=id_)
        except GateError as error:
            refused.append(str(error))
    return made, refused


@pytest.mark.slow
async def test_a_second_that_turns_refuses_no_live_consent(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'node.db'}"
    migrate.upgrade(url)
    async with await open_store(url) as store:
        made, refused = await store.write(_until_seconds_have_turned)

    assert made > 10
    assert refused == []
