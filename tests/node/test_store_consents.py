"""Consents, releases and dispatches as the node's functions see them."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from store_world import (
    ANN,
    AT,
    CONSENT,
    DAY,
    DIGEST,
    MESSAGE,
    RELEASE,
    VAULT,
    grant,
    opened,
    tick,
)

from node.store import consents, exchanges, messages
from node.store.gate import GateError, refusals

FIELDS = {("rec", '["a"]')}


@pytest.fixture
def connection(tmp_path):
    with opened(tmp_path / "node.db") as connection:
        yield connection


def release(connection, consent, *, id_=RELEASE, fields=FIELDS, amends=None):
    return consents.add_release(
        connection,
        id=id_,
        consent=consent,
        payload_digest=DIGEST,
        fields=fields,
        amends=amends,
    )


def queue(connection, *, release_id=RELEASE, id_=MESSAGE):
    messages.queue(
        connection,
        vault=VAULT,
        id=id_,
        peer="enic",
        type="record/deliver",
        thread="t",
        jws=b"jws",
        release_id=release_id,
        created_at=AT,
        expires_at=AT + DAY,
    )


def test_a_consent_is_asked_for_granted_and_found(connection):
    consent = grant(connection)

    assert consent.status == "granted"
    assert (consent.not_before, consent.not_after) == (AT, AT + DAY)
    assert consents.scope(connection, consent_id=CONSENT, version=1) == {
        *FIELDS,
        ("rec", '["b"]'),
    }
    assert consents.consents_of_learner(connection, learner=ANN) == [consent]
    assert [
        e["to_status"] for e in consents.events(connection, consent_id=CONSENT)
    ] == ["granted"]


def test_an_unknown_consent_is_none(connection):
    assert consents.consent(connection, consent_id=CONSENT) is None
    assert consents.terms(connection, consent_id=CONSENT, version=1) == {}
    assert consents.uses(connection, consent_id=CONSENT, version=1) == 0
    with pytest.raises(LookupError):
        consents.withdraw(connection, consent_id=CONSENT, version=1)


def test_the_newest_version_comes_unless_a_number_is_given(connection):
    first = grant(connection)
    consents.supersede(connection, consent_id=CONSENT, version=1)
    second = grant(connection, version=2)

    assert consents.consent(connection, consent_id=CONSENT) == second
    earlier = consents.consent(connection, consent_id=CONSENT, version=1)
    assert earlier == first._replace(status="superseded")


@pytest.mark.parametrize(
    "end", [consents.refuse, consents.withdraw, consents.supersede]
)
def test_what_has_ended_does_not_end_again(connection, end):
    if end is consents.refuse:
        consents.request(
            connection,
            id=CONSENT,
            version=1,
            learner=ANN,
            recipient="enic",
            purpose="study",
            not_before=AT,
            not_after=AT + DAY,
            max_uses=1,
        )
    else:
        grant(connection)
    end(connection, consent_id=CONSENT, version=1)

    with pytest.raises(GateError, match="illegal transition"):
        end(connection, consent_id=CONSENT, version=1)


def test_a_decided_scope_is_not_widened(connection):
    grant(connection)

    with pytest.raises(GateError, match="frozen"):
        consents.add_scope(
            connection, consent_id=CONSENT, version=1, scope=[("rec", '["c"]')]
        )


def test_another_constraint_is_no_refusal_of_the_gate(connection):
    with pytest.raises(IntegrityError, match="CHECK"), refusals():
        connection.exec_driver_sql(
            "insert into consent values('short',1,'a','b','c',1,2,1,'requested')"
        )


def test_only_what_holds_now_and_has_uses_left_is_live(connection):
    def live(at=AT, purpose="study"):
        found = consents.live(
            connection, learner_id=ANN, recipient="enic", purpose=purpose, at=at
        )
        return [consent.id for consent in found]

    consent = grant(connection)
    later = grant(connection, id_="9" * 32, max_uses=2)

    assert live() == [consent.id, later.id]
    assert live(purpose="ads") == []
    assert live(at=AT - timedelta(seconds=1)) == []
    assert live(at=AT + DAY) == []
    release(connection, consent)
    assert live() == [later.id]
    consents.withdraw(connection, consent_id=later.id, version=1)
    assert live() == []


def test_terms_are_kept_and_replaced(connection):
    grant(connection)
    for terms in ({"policy": {"名": 1}}, {"policy": {}}):
        consents.set_terms(connection, consent_id=CONSENT, version=1, terms=terms)

        assert consents.terms(connection, consent_id=CONSENT, version=1) == terms


def test_a_grant_is_found_by_the_hash_of_its_code(connection):
    consent = grant(connection)
    consents.add_grant(connection, code_hash=b"h", consent_id=CONSENT, version=1)
    consents.count_grant(connection, code_hash=b"h")

    assert consents.by_grant(connection, code_hash=b"h") == consent
    assert consents.by_grant(connection, code_hash=b"x") is None
    with pytest.raises(IntegrityError):
        consents.add_grant(connection, code_hash=b"h", consent_id=CONSENT, version=1)


def test_a_release_is_kept_with_its_fields_at_the_databases_time(connection):
    consent = grant(connection)
    tick(connection, 5)

    at = release(connection, consent)

    kept = consents.release(connection, release_id=RELEASE)
    assert at == kept.at == consents.now(connection) == AT + timedelta(seconds=5)
    assert (kept.learner, kept.recipient, kept.purpose) == consent[2:5]
    assert kept.payload_digest == DIGEST
    assert consents.release_fields(connection, release_id=RELEASE) == FIELDS
    assert consents.uses(connection, consent_id=CONSENT, version=1) == 1
    assert consents.release(connection, release_id="x") is None


def test_a_release_beyond_the_scope_is_refused(connection):
    consent = grant(connection)

    with pytest.raises(GateError, match="out of scope"):
        release(connection, consent, fields={("rec", '["c"]')})


def test_an_amendment_is_no_use(connection):
    consent = grant(connection)
    release(connection, consent)
    consents.dispatch(connection, release_id=RELEASE)

    release(connection, consent, id_="d" * 32, amends=RELEASE)

    assert consents.uses(connection, consent_id=CONSENT, version=1) == 1


def test_every_attempt_is_a_dispatch_until_the_withdrawal(connection):
    release(connection, grant(connection))
    consents.dispatch(connection, release_id=RELEASE)
    assert consents.dispatch(connection, release_id=RELEASE) == AT

    consents.withdraw(connection, consent_id=CONSENT, version=1)

    with pytest.raises(GateError, match="no longer live"):
        consents.dispatch(connection, release_id=RELEASE)


def test_a_withdrawal_cancels_what_is_queued_under_it(connection):
    release(connection, grant(connection, max_uses=2))
    release(connection, grant(connection, id_="9" * 32), id_="d" * 32)
    queue(connection)
    queue(connection, release_id="d" * 32, id_="e" * 32)
    consents.withdraw(connection, consent_id=CONSENT, version=1)

    cancelled = messages.cancel_undispatched(connection, consent_id=CONSENT, version=1)

    states = {m["id"]: m["state"] for m in messages.of_thread(connection, thread="t")}
    assert cancelled == 1
    assert states == {MESSAGE: "cancelled", "e" * 32: "queued"}


def test_what_may_have_reached_the_recipient_is_named(connection):
    consent = grant(connection)
    release(connection, consent)
    exchanges.add_delivery(
        connection,
        vault=VAULT,
        delivery=exchanges.Delivery(
            *("f" * 32, "out", "enic", "t", MESSAGE, DIGEST, RELEASE, CONSENT, 1),
            *("study", AT, "released", b"jws", {}),
        ),
        learner_id=ANN,
    )

    def reached():
        return consents.dispatched_deliveries(connection, consent_id=CONSENT, version=1)

    assert reached() == []
    consents.dispatch(connection, release_id=RELEASE)
    assert reached() == [("f" * 32, "t", "enic", RELEASE)]
