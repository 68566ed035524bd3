"""Peers, people and the log: what else the node remembers."""

import base64
import json
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError
from store_world import ANN, AT, BOB, DAY, VAULT, opened

from node.store import audit, learners, meta, peers, people
from node.store.learners import ErasedError
from protocol.errors import DidError, ProtocolError
from protocol.exchange.merkle_log import leaf
from protocol.identity.dids import Did

DID = Did("did:web:enic.test")


@pytest.fixture
def connection(tmp_path):
    with opened(tmp_path / "node.db") as connection:
        yield connection


def add_peer(connection, id_="enic", did=DID, **changes):
    values = {
        "name": {"legal_name": "ENIC"},
        "state": "introduced",
        "roles": [],
        "purposes": ["study"],
        "max_in_flight": 16,
        "at": AT,
    }
    peers.add_peer(connection, id=id_, did=did, **values | changes)


def test_a_peer_is_kept_and_changed(connection):
    add_peer(connection)
    peers.set_peer(
        connection, id="enic", state="trusted", terms={"a": 1}, decided_at=AT
    )
    peers.set_peer(connection, id="enic")

    peer = peers.peer(connection, id="enic")
    assert isinstance(peer.did, Did)
    assert (peer.state, peer.terms, peer.decided_at) == ("trusted", {"a": 1}, AT)
    assert (peer.basis, peer.their_terms, peer.reason) == (None, None, None)
    assert peers.peer(connection, id="x") is None


def test_one_did_is_one_peer(connection):
    add_peer(connection)

    with pytest.raises(IntegrityError):
        add_peer(connection, "other")


def test_peers_are_listed_in_the_order_they_came(connection):
    add_peer(connection, "b", Did("did:web:b.test"), at=AT + DAY)
    add_peer(connection, "c", Did("did:web:c.test"), state="trusted")

    assert [p.id for p in peers.peers(connection)] == ["c", "b"]
    assert [p.id for p in peers.peers(connection, state="trusted")] == ["c"]


def statement(subject="did:web:uni.test", issuer="did:web:council.test", **claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")

    header = {"alg": "EdDSA", "kid": "did:web:council.test#k", "typ": "vc+jwt"}
    body = {
        "type": ["VerifiableCredential", "InstitutionAccreditation"],
        "issuer": issuer,
        "credentialSubject": {"id": subject},
    }
    return b".".join([part(header), part(body | claims), part("x" * 64)])


def test_statements_are_kept_once_and_ours_stay_ours(connection):
    def keep(octets, *, own):
        peers.keep_organisation_credential(connection, octets=octets, own=own, at=AT)

    def kept(**which):
        return set(peers.organisation_credentials(connection, **which))

    ours, theirs = statement(), statement("did:web:enic.test", {"id": "did:web:c"})
    keep(ours, own=False)
    keep(ours, own=True)
    keep(ours, own=False)
    keep(theirs, own=False)

    assert kept() == {ours, theirs}
    assert kept(own=True) == {ours}
    assert kept(own=False) == {theirs}
    assert kept(subject="did:web:uni.test") == {ours}


def test_what_is_no_statement_is_not_kept(connection):
    with pytest.raises(ProtocolError):
        peers.keep_organisation_credential(
            connection, octets=b"\xff\xfe", own=True, at=AT
        )


def archive(connection, *versions, octets=b"log"):
    peers.archive_did(
        connection, did=DID, scid=None, octets=octets, versions=versions, at=AT
    )


def test_a_log_may_grow_and_stay_but_not_shrink(connection):
    archive(connection, "1-a")
    archive(connection, "1-a", "2-b", octets=b"longer")
    archive(connection, "1-a", "2-b", octets=b"longer")

    with pytest.raises(DidError, match="2 were seen"):
        archive(connection, "1-a")
    assert peers.archived_did(connection, did=DID) == b"longer"
    assert peers.archived_did(connection, did="did:web:x") is None


def test_a_log_may_not_tell_another_past(connection):
    archive(connection, "1-a", "2-b")

    with pytest.raises(DidError, match="not the one"):
        archive(connection, "1-a", "2-c", "3-d")


def test_a_document_without_versions_is_replaced(connection):
    archive(connection, octets=b"one")
    archive(connection, octets=b"two")

    assert peers.archived_did(connection, did=DID) == b"two"


def test_the_latest_status_list_is_archived(connection):
    for octets in (b"one", b"two"):
        peers.archive_status_list(connection, url="https://x", octets=octets, at=AT)

    assert peers.archived_status_list(connection, url="https://x") == b"two"
    assert peers.archived_status_list(connection, url="https://y") is None


# People.


def add_person(connection, id_="p", role="registrar", learner_id=None):
    people.add_person(
        connection,
        vault=VAULT,
        id=id_,
        role=role,
        name="山田 花子",
        email="hanako@uni.test",
        language="ja",
        learner_id=learner_id,
    )


def test_a_person_is_found_with_name_and_address(connection):
    add_person(connection)
    people.set_language(connection, id="p", language="en")
    people.set_email(connection, vault=VAULT, id="p", email="new@uni.test")

    person = people.person(connection, vault=VAULT, id="p")
    assert (person.name, person.email, person.language) == (
        *("山田 花子", "new@uni.test"),
        "en",
    )
    assert people.people(connection, vault=VAULT) == [person]
    assert people.people(connection, vault=VAULT, role="officer") == []
    assert people.person(connection, vault=VAULT, id="x") is None


def test_nobody_reads_a_name_in_the_file(connection, tmp_path):
    add_person(connection)
    connection.commit()

    for file in tmp_path.iterdir():
        assert "花子".encode() not in file.read_bytes()
        assert b"hanako" not in file.read_bytes()


def test_an_erased_learner_is_nobody_any_more(connection):
    add_person(connection, role="learner", learner_id=ANN)
    assert people.person_of_learner(connection, learner_id=ANN).id == "p"
    assert people.person_of_learner(connection, learner_id=BOB) is None

    learners.erase(connection, learner_id=ANN, at=AT)

    assert people.person(connection, vault=VAULT, id="p") is None
    assert people.people(connection, vault=VAULT) == []
    with pytest.raises(ErasedError):
        add_person(connection, "q", "learner", ANN)


def test_an_invitation_is_good_once_and_for_a_while(connection):
    add_person(connection)
    for token in (b"1", b"2"):
        people.add_invitation(
            connection,
            token_hash=token,
            person_id="p",
            created_at=AT,
            expires_at=AT + DAY,
        )

    def use(token, at=AT):
        return people.use_invitation(connection, token_hash=token, at=at)

    assert people.invited(connection, token_hash=b"1", at=AT) == "p"
    assert use(b"1") == "p"
    assert use(b"1") is None
    assert people.invited(connection, token_hash=b"1", at=AT) is None
    assert use(b"2", AT + DAY) is None
    assert use(b"x") is None


def test_a_session_lasts_until_it_ends(connection):
    add_person(connection)
    for token in (b"1", b"2"):
        people.add_session(
            connection,
            token_hash=token,
            person_id="p",
            at=AT,
            expires_at=AT + DAY,
            csrf="c",
        )
    later = AT + timedelta(minutes=5)
    people.touch_session(connection, token_hash=b"1", at=later)

    def session(token, at=AT):
        return people.session(connection, token_hash=token, at=at)

    assert session(b"1").seen_at == later
    assert session(b"1").login_at == AT
    assert session(b"1", AT + DAY) is None
    people.end_session(connection, token_hash=b"1")
    assert session(b"1") is None
    people.prune(connection, at=AT + 2 * DAY)
    assert session(b"2") is None


def test_mail_waits_until_it_has_left(connection):
    add_person(connection)
    for number in range(3):
        people.add_mail(
            connection,
            vault=VAULT,
            id=f"{number}",
            person_id="p",
            kind="sent",
            lang="ja",
            body=b"/path",
            at=AT,
        )
    people.mark_mail_sent(connection, id="0", at=AT)
    people.mark_mail_tried(connection, id="1")

    waiting = people.unsent_mail(connection, vault=VAULT)
    assert [(m.id, m.attempts, m.body) for m in waiting] == [
        ("1", 1, b"/path"),
        ("2", 0, b"/path"),
    ]
    few = people.unsent_mail(connection, vault=VAULT, most_attempts=1)
    assert [m.id for m in few] == ["2"]


# The log.


def append(connection, kind="k", learner_id=None, **event):
    return audit.append(
        connection, vault=VAULT, kind=kind, event=event, at=AT, learner_id=learner_id
    )


def test_events_are_counted_and_their_leaves_can_be_recomputed(connection):
    numbers = [append(connection, x=1), append(connection, learner_id=ANN, y="名")]

    first, second = audit.events(connection, vault=VAULT)

    assert numbers == [1, 2] == [first.seq, second.seq]
    assert second.event == {"kind": "k", "at": int(AT.timestamp()), "y": "名"}
    for event in (first, second):
        assert leaf(event.blind, event.event) == event.leaf
    assert audit.leaves_since(connection, size=0) == [first.leaf, second.leaf]
    assert audit.leaves_since(connection, size=1) == [second.leaf]
    assert audit.size(connection) == 2
    own = audit.events(connection, vault=VAULT, learner_id=ANN)
    assert own == [second]


def test_the_same_event_twice_has_two_leaves(connection):
    append(connection)
    append(connection)

    assert len(set(audit.leaves_since(connection, size=0))) == 2


def test_an_undone_event_leaves_no_gap(connection):
    append(connection)
    savepoint = connection.begin_nested()
    append(connection)
    savepoint.rollback()

    assert append(connection) == 2


def test_erasure_empties_the_log_of_a_learner_and_keeps_its_leaves(connection):
    append(connection, learner_id=ANN)
    before = audit.leaves_since(connection, size=0)
    learners.erase(connection, learner_id=ANN, at=AT)
    append(connection, "erased", learner_id=ANN, x=1)

    first, second = audit.events(connection, vault=VAULT)
    assert audit.leaves_since(connection, size=0)[:1] == before
    assert (first.event, first.blind) == (None, None)
    assert second.event["x"] == 1
    assert second.learner_id is None


def test_the_first_checkpoint_of_a_size_stays(connection):
    assert audit.last_checkpoint(connection) is None
    for size, note in ((2, "a"), (1, "b"), (2, "c")):
        audit.keep_checkpoint(connection, size=size, root=bytes(32), note=note, at=AT)

    assert [h.note for h in audit.checkpoints(connection)] == ["b", "a"]
    assert audit.last_checkpoint(connection).size == 2


def test_who_looked_is_told_to_the_learner(connection):
    for who in ("registrar", "officer"):
        audit.add_access(
            connection, learner_id=ANN, who=who, role=who, what="record", at=AT
        )

    looked = audit.accesses(connection, learner_id=ANN)
    assert [row["who"] for row in looked] == ["officer", "registrar"]
    assert audit.accesses(connection, learner_id=BOB) == []


def test_single_facts_are_kept_and_replaced(connection):
    assert meta.get(connection, key="k") is None
    for value in ("1", "2"):
        meta.put(connection, key="k", value=value)
    assert meta.get(connection, key="k") == "2"
