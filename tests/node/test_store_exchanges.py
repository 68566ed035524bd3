"""Queries, requests, offers, deliveries, obligations and tombstones."""

from datetime import UTC, date, datetime, timedelta

import pytest
from store_world import ANN, AT, BOB, CONSENT, DAY, DIGEST, MESSAGE, VAULT, opened

from node.store import exchanges, learners
from node.store.exchanges import Delivery
from node.store.learners import ErasedError
from protocol.errors import IdReuseError

D1, D2 = "1" * 32, "2" * 32


@pytest.fixture
def connection(tmp_path):
    with opened(tmp_path / "node.db") as connection:
        yield connection


def ask(connection, id_="q", *, peer="enic", at=AT, state="matching"):
    return exchanges.add_query(
        connection,
        vault=VAULT,
        id=id_,
        peer=peer,
        received_at=at,
        deadline=at + DAY,
        close_at=at + 2 * DAY,
        state=state,
        purpose="study",
        body=b'{"body":{"x":1}}',
    )


def deliver(connection, id_=D1, *, direction="out", learner_id=ANN, **changes):
    delivery = Delivery(
        *(id_, direction, "enic", "t", id_, DIGEST, "r" * 32, CONSENT, 1, "study"),
        *(AT, "released", b"jws", {"uid": "p"}),
    )._replace(**changes)
    exchanges.add_delivery(
        connection, vault=VAULT, delivery=delivery, learner_id=learner_id
    )
    return delivery


def hold(connection, delivery_id=D1, item_id="i", *, octets=b"octets", **changes):
    values = {"record_id": "rec", "credential_id": None, "digest": DIGEST} | changes
    exchanges.add_item(
        connection,
        vault=VAULT,
        delivery_id=delivery_id,
        item_id=item_id,
        format="dc+sd-jwt",
        octets=octets,
        **values,
    )


def test_a_query_is_kept_and_read_back(connection):
    asked = ask(connection)

    assert exchanges.query(connection, vault=VAULT, id="q") == asked
    assert asked.message == {"body": {"x": 1}}
    assert not asked.shown
    assert exchanges.query(connection, vault=VAULT, id="other") is None


def test_a_query_moves_on(connection):
    ask(connection)

    exchanges.set_query(
        connection, id="q", state="consent-pending", learner_id=ANN, shown=True
    )
    exchanges.set_query(connection, id="q", consent_id=CONSENT)

    found = exchanges.query_of_consent(connection, vault=VAULT, consent_id=CONSENT)
    assert (found.state, found.learner_id, found.shown) == (
        "consent-pending",
        ANN,
        True,
    )
    unknown = exchanges.query_of_consent(connection, vault=VAULT, consent_id="x")
    assert unknown is None


def test_only_queries_nothing_came_of_are_closed_when_their_time_is_over(connection):
    for state in ("waiting", "consent-pending", "releasing", "delivered", "closed"):
        ask(connection, state, state=state)

    def closing(at):
        return {q.id for q in exchanges.queries_to_close(connection, at=at)}

    assert closing(AT + 2 * DAY - timedelta(seconds=1)) == set()
    assert closing(AT + 2 * DAY) == {"waiting", "consent-pending"}


def test_queries_are_counted_whether_or_not_they_fit_anybody(connection):
    ask(connection, "1", state="waiting")
    ask(connection, "2", at=AT - DAY)
    ask(connection, "3", peer="corp")

    assert exchanges.count_queries(connection, peer="enic", since=AT) == 1
    assert exchanges.count_queries(connection, peer="enic", since=AT - DAY) == 2


def test_only_open_queries_that_are_shown_count_against_a_learner(connection):
    for id_, change in {
        "1": {"state": "consent-pending", "learner_id": ANN, "shown": True},
        "2": {"state": "consent-pending", "learner_id": BOB, "shown": True},
        "3": {"state": "waiting", "learner_id": ANN, "shown": True},
        "4": {"state": "waiting", "learner_id": ANN},
    }.items():
        ask(connection, id_)
        exchanges.set_query(connection, id=id_, **change)

    assert exchanges.count_shown(connection, peer="enic", learner_id=ANN) == 1
    assert exchanges.count_shown(connection, peer="corp", learner_id=ANN) == 0


def test_a_delivery_is_expected_where_it_was_asked_for_or_accepted(connection):
    exchanges.add_request(
        connection,
        vault=VAULT,
        id="asked",
        peer="uni",
        created_at=AT,
        deadline=AT + DAY,
        state="sent",
        body=b"{}",
    )
    for id_, direction, state in (
        ("in", "in", "accepted"),
        ("declined", "in", "declined"),
        ("out", "out", "accepted"),
    ):
        exchanges.add_offer(
            connection,
            vault=VAULT,
            id=id_,
            direction=direction,
            peer="uni",
            state=state,
            body=b"offer",
            at=AT,
            decide_by=AT + DAY,
        )

    def expected(thread, peer="uni"):
        return exchanges.expects(connection, peer=peer, thread=thread)

    assert [t for t in ("asked", "in", "declined", "out", "x") if expected(t)] == [
        "asked",
        "in",
    ]
    assert not expected("asked", "corp")
    assert not expected("in", "corp")


def test_a_request_is_settled(connection):
    exchanges.add_request(
        connection,
        vault=VAULT,
        id="asked",
        peer="uni",
        created_at=AT,
        deadline=AT + DAY,
        state="sent",
        body=b"{}",
        reference="case 7",
    )
    for peer, thread, state in (
        ("uni", "asked", "delivered"),
        ("another", "asked", "closed-unavailable"),
        ("uni", "nothing", "delivered"),
    ):
        exchanges.settle_request(connection, peer=peer, thread=thread, state=state)

    request = exchanges.request(connection, vault=VAULT, id="asked")
    assert (request.state, request.reference, request.body) == (
        "delivered",
        "case 7",
        b"{}",
    )
    assert exchanges.request(connection, vault=VAULT, id="nothing") is None


def test_an_offer_is_the_learners_own(connection):
    exchanges.add_offer(
        connection,
        vault=VAULT,
        id="o",
        direction="out",
        peer="uni",
        state="offered",
        body=b"offer",
        at=AT,
        decide_by=AT + DAY,
        learner_id=ANN,
        consent_id=CONSENT,
    )
    exchanges.set_offer(connection, id="o", state="accepted")

    offer = exchanges.offer(connection, vault=VAULT, id="o")
    assert (offer.state, offer.body, offer.learner_id) == ("accepted", b"offer", ANN)
    assert exchanges.offer(connection, vault=VAULT, id="x") is None
    learners.erase(connection, learner_id=ANN, at=AT)
    with pytest.raises(ErasedError):
        exchanges.offer(connection, vault=VAULT, id="o")


def test_a_delivery_is_found_by_id_peer_and_digest(connection):
    sent = deliver(connection)._replace(learner_id=ANN)

    def found(**which):
        return exchanges.delivery(connection, vault=VAULT, **which)

    by_digest = exchanges.delivery_by_digest(
        connection, vault=VAULT, peer="enic", digest=DIGEST
    )
    assert found(id=D1) == found(id=D1, peer="enic") == by_digest == sent
    assert found(id=D1, peer="corp") is None
    assert found(id=D2) is None
    other = exchanges.delivery_by_digest(
        connection, vault=VAULT, peer="corp", digest=DIGEST
    )
    assert other is None
    assert exchanges.deliveries(connection, vault=VAULT, direction="out") == [sent]
    assert exchanges.deliveries(connection, vault=VAULT, direction="in") == []


def test_a_receipt_is_not_asked_of_what_was_received(connection):
    deliver(connection, direction="in", learner_id=None)

    found = exchanges.delivery_by_digest(
        connection, vault=VAULT, peer="enic", digest=DIGEST
    )
    assert found is None


def test_a_peer_cannot_write_over_a_delivery(connection):
    deliver(connection)

    with pytest.raises(IdReuseError):
        deliver(connection, direction="in", message_id=MESSAGE)


def test_the_first_receipt_stands(connection):
    deliver(connection)
    for number in (b"1", b"2"):
        exchanges.set_receipt(
            connection,
            vault=VAULT,
            delivery_id=D1,
            receipt_id=number.decode(),
            jws=b"receipt " + number,
        )

    kept = exchanges.delivery(connection, vault=VAULT, id=D1)
    assert (kept.receipt_id, kept.receipt_jws) == ("1", b"receipt 1")


def test_items_keep_octets_and_verdict(connection):
    deliver(connection)
    hold(connection, item_id="b")
    hold(connection, item_id="a", octets=None)
    hold(connection, item_id="c", learner_id=ANN)
    exchanges.set_verdict(
        connection, delivery_id=D1, item_id="b", verdict={"overall": "valid"}, at=AT
    )

    found = exchanges.items(connection, vault=VAULT, delivery_id=D1)
    assert [i.item_id for i in found] == ["a", "b", "c"]
    assert [i.octets for i in found] == [None, b"octets", b"octets"]
    assert found[1].verdict == {"overall": "valid"}
    assert found[1].verified_at == AT
    assert exchanges.count_items(connection, delivery_id=D1) == 3
    one = exchanges.item(connection, vault=VAULT, delivery_id=D1, item_id="b")
    assert one == found[1]
    none = exchanges.item(connection, vault=VAULT, delivery_id=D1, item_id="z")
    assert none is None


def test_an_erased_delivery_holds_nothing_but_that_there_was_one(connection):
    deliver(connection, direction="in", learner_id=None)
    hold(connection)
    exchanges.set_verdict(
        connection, delivery_id=D1, item_id="i", verdict={"name": "Ann"}, at=AT
    )
    exchanges.add_obligation(connection, delivery_id=D1, uid="u", due=None)

    exchanges.erase_delivery(connection, id=D1, at=AT)

    kept = exchanges.delivery(connection, vault=VAULT, id=D1)
    (item,) = exchanges.items(connection, vault=VAULT, delivery_id=D1)
    (duty,) = exchanges.obligations(connection, delivery_id=D1)
    assert (kept.state, kept.jws) == ("deleted", None)
    assert (item.octets, item.verdict) == (None, None)
    assert (duty.state, duty.done_at) == ("done", AT)


def test_erasing_a_learner_closes_their_deliveries(connection):
    deliver(connection)
    deliver(connection, D2, learner_id=BOB, message_id="m2")
    learners.erase(connection, learner_id=ANN, at=AT)

    with pytest.raises(ErasedError):
        exchanges.delivery(connection, vault=VAULT, id=D1)
    left = exchanges.deliveries(connection, vault=VAULT)
    assert [d.id for d in left] == [D2]


def test_obligations_fall_due(connection):
    deliver(connection)
    for uid, due in (("a", date(2026, 11, 1)), ("b", date(2026, 10, 30)), ("c", None)):
        exchanges.add_obligation(connection, delivery_id=D1, uid=uid, due=due)

    def overdue(at):
        return [o.uid for o in exchanges.obligations_due(connection, at=at)]

    assert overdue(datetime(2026, 10, 29, 23, 59, tzinfo=UTC)) == []
    assert overdue(datetime(2026, 11, 1, tzinfo=UTC)) == ["b", "a"]
    exchanges.set_obligation(
        connection, delivery_id=D1, uid="b", state="done", done_at=AT
    )
    assert overdue(datetime(2026, 11, 1, tzinfo=UTC)) == ["a"]


def test_a_delivery_moves_to_another_state(connection):
    deliver(connection)

    exchanges.set_delivery_state(connection, id=D1, state="reported-deleted")

    assert exchanges.delivery(connection, vault=VAULT, id=D1).state == (
        "reported-deleted"
    )


def test_a_tombstone_holds_off_a_delivery_or_a_consent_up_to_a_version(connection):
    def buried(*, delivery_id="d", consent_id="c", version=1):
        return exchanges.is_tombstoned(
            connection,
            vault=VAULT,
            delivery_id=delivery_id,
            consent_id=consent_id,
            version=version,
        )

    assert not buried()
    exchanges.add_delivery_tombstone(
        connection, vault=VAULT, delivery_id="d", until=AT + DAY
    )
    assert buried(version=9)
    assert not buried(delivery_id="e")

    for version in (3, 2):
        exchanges.add_consent_tombstone(
            connection, vault=VAULT, consent_id="c", version=version, until=AT
        )
    assert buried(delivery_id="e", version=3)
    assert not buried(delivery_id="e", version=4)
    assert not buried(delivery_id="e", consent_id="x")

    exchanges.prune_tombstones(connection, at=AT + timedelta(seconds=1))
    assert buried()
    assert not buried(delivery_id="e")
