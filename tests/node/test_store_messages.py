"""Messages: received once, sent until taken, each with its state."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from store_world import ANN, AT, DAY, VAULT, grant, opened

from node.store import consents, learners, messages, peers
from node.store.learners import ErasedError
from protocol.errors import IdReuseError, ReplayError

SECOND = timedelta(seconds=1)


@pytest.fixture
def connection(tmp_path):
    with opened(tmp_path / "node.db") as connection:
        for number, name in enumerate(("enic", "corp")):
            peers.add_peer(
                connection,
                id=name,
                did=f"did:web:{name}.test",
                name={"legal_name": name},
                state="trusted",
                roles=["requester"],
                purposes=["study"],
                max_in_flight=16 - number,
                at=AT,
            )
        yield connection


def take(connection, number, *, peer="enic", digest="d", at=AT):
    return messages.take(
        connection,
        vault=VAULT,
        peer=peer,
        id=f"{number:032x}",
        digest=digest,
        type="record/query",
        thread="t",
        jws=b"jws",
        expires_at=at + DAY,
        at=at,
    )


def queue(connection, number, *, peer="enic", at=AT, **changes):
    messages.queue(
        connection,
        vault=VAULT,
        id=f"{number:032x}",
        peer=peer,
        type="record/status",
        thread=f"t{number}",
        jws=b"jws %d" % number,
        created_at=at,
        expires_at=at + DAY,
        **changes,
    )


def due(connection, *, at=AT, per_peer=16):
    rows = messages.due(connection, vault=VAULT, at=at, per_peer=per_peer)
    return [(row.peer, int(row.id, 16)) for row in rows]


def test_a_nonce_is_good_once(connection):
    messages.remember_nonce(connection, keyid="k", nonce="n", at=AT)
    messages.remember_nonce(connection, keyid="other", nonce="n", at=AT)

    with pytest.raises(ReplayError):
        messages.remember_nonce(connection, keyid="k", nonce="n", at=AT)

    messages.prune(connection, nonces_before=AT, at=AT)
    with pytest.raises(ReplayError):
        messages.remember_nonce(connection, keyid="k", nonce="n", at=AT)

    messages.prune(connection, nonces_before=AT + SECOND, at=AT)
    messages.remember_nonce(connection, keyid="k", nonce="n", at=AT)


def test_the_first_message_has_no_last(connection):
    assert take(connection, 1) == (False, None)


def test_last_is_the_greatest_id_before_this_message_whenever_it_came(connection):
    take(connection, 5)
    take(connection, 9, peer="corp")

    assert take(connection, 3) == (False, f"{5:032x}")
    assert take(connection, 7) == (False, f"{5:032x}")
    assert take(connection, 7) == (True, f"{5:032x}")
    assert messages.last_received(connection, peer="enic") == f"{7:032x}"


def test_the_same_message_again_is_stored_once(connection):
    take(connection, 1)
    messages.mark_acted(
        connection, peer="enic", id=f"{1:032x}", state="done", problem=None
    )

    assert take(connection, 1).duplicate
    assert messages.pending(connection, vault=VAULT) == []


def test_an_id_is_not_used_for_other_content(connection):
    take(connection, 1)

    with pytest.raises(IdReuseError):
        take(connection, 1, digest="e")

    kept = messages.received(connection, vault=VAULT, peer="enic", id=f"{1:032x}")
    assert kept.digest == "d"
    assert take(connection, 1, peer="corp", digest="e") == (False, None)


def test_messages_wait_in_the_order_they_came(connection):
    take(connection, 2, at=AT)
    take(connection, 1, at=AT + SECOND)
    take(connection, 3, at=AT)

    waiting = messages.pending(connection, vault=VAULT, limit=2)

    assert [int(m.id, 16) for m in waiting] == [2, 3]
    assert waiting[0].jws == b"jws"
    assert waiting[0].received_at == AT


def test_an_id_is_forgotten_when_it_may_be_but_not_before_it_was_acted_on(connection):
    take(connection, 1)
    take(connection, 2)
    messages.mark_acted(
        connection, peer="enic", id=f"{1:032x}", state="failed", problem="why"
    )

    messages.prune(connection, nonces_before=AT, at=AT + DAY)
    assert messages.received(connection, vault=VAULT, peer="enic", id=f"{1:032x}")

    messages.prune(connection, nonces_before=AT, at=AT + DAY + SECOND)
    assert not messages.received(connection, vault=VAULT, peer="enic", id=f"{1:032x}")
    assert messages.received(connection, vault=VAULT, peer="enic", id=f"{2:032x}")


def test_what_is_queued_is_due_at_once_with_all_it_takes_to_send_it(connection):
    queue(connection, 1)

    (message,) = messages.due(connection, vault=VAULT, at=AT, per_peer=1)

    assert message.jws == b"jws 1"
    assert message.did == "did:web:enic.test"
    assert message.max_in_flight == 16
    assert (message.attempts, message.state, message.release_id) == (0, "queued", None)
    assert messages.outgoing(connection, vault=VAULT, id=message.id) == message
    assert messages.outgoing(connection, vault=VAULT, id="x") is None


def test_a_peer_with_many_messages_does_not_crowd_out_another(connection):
    for number in range(1, 8):
        queue(connection, number)
    queue(connection, 9, peer="corp", at=AT + SECOND)

    found = due(connection, at=AT + SECOND, per_peer=2)

    assert found == [("enic", 1), ("enic", 2), ("corp", 9)]


def test_a_message_put_off_is_due_later(connection):
    queue(connection, 1)
    messages.retry_later(
        connection, id=f"{1:032x}", next_at=AT + DAY, problem="503 busy"
    )

    assert due(connection) == []
    assert messages.next_due(connection) == AT + DAY
    (message,) = messages.due(connection, vault=VAULT, at=AT + DAY, per_peer=1)
    assert message.attempts == 1


@pytest.mark.parametrize("end", ["sent", "failed", "cancelled"])
def test_a_settled_message_stays_as_it_is(connection, end):
    queue(connection, 1)
    id_ = f"{1:032x}"
    settle = {
        "sent": lambda: messages.mark_sent(connection, id=id_, at=AT),
        "failed": lambda: messages.mark_failed(connection, id=id_, problem="410"),
        "cancelled": lambda: messages.cancel(connection, id=id_),
    }
    settle.pop(end)()

    for again in settle.values():
        again()
    messages.retry_later(connection, id=id_, next_at=AT, problem="late")

    (row,) = messages.of_thread(connection, thread="t1")
    assert row["state"] == end
    assert due(connection) == []
    assert messages.oldest_queued(connection) is None
    assert messages.next_due(connection) is None


def test_own_ids_are_known_so_that_the_next_is_greater(connection):
    assert messages.last_own_id(connection) is None
    queue(connection, 4)
    queue(connection, 2, at=AT + SECOND)

    assert messages.last_own_id(connection) == f"{4:032x}"
    assert messages.oldest_queued(connection) == AT


def test_an_id_is_used_once(connection):
    queue(connection, 1)

    with pytest.raises(IntegrityError):
        queue(connection, 1)


def test_what_goes_out_under_a_release_is_the_learners_own(connection):
    consents.add_release(
        connection,
        id="b" * 32,
        consent=grant(connection),
        payload_digest="sha-256:" + "x" * 43,
        fields=[("rec", '["a"]')],
    )
    queue(connection, 1, release_id="b" * 32)
    queue(connection, 2)
    assert due(connection) == [("enic", 1), ("enic", 2)]

    learners.erase(connection, learner_id=ANN, at=AT)

    assert due(connection) == [("enic", 2)]
    with pytest.raises(ErasedError):
        messages.outgoing(connection, vault=VAULT, id=f"{1:032x}")
    with pytest.raises(ErasedError):
        queue(connection, 3, release_id="b" * 32)
