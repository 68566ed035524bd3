"""Records, credentials and their places in status lists."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from store_world import ANN, AT, BOB, CONSENT, DAY, DIGEST, VAULT, opened

from node.store import credentials, exchanges, learners
from node.store.credentials import Facts, Place, StatusListFullError
from node.store.learners import ErasedError
from protocol.securing.disclosures import Contents, Leaf

LIST = "https://uni.test/status/1"
CONTENTS = Contents({"gpa": "3.2"}, (Leaf(("gpa",), frozenset({0})),))


@pytest.fixture
def connection(tmp_path):
    with opened(tmp_path / "node.db") as connection:
        credentials.add_status_list(connection, id="1", size=64)
        yield connection


def issue(connection, id_, *, learner=ANN, key="bsc", at=AT, place=None):
    record_id = credentials.record_for(
        connection, learner_id=learner, kind="transcript", key=key, id=f"rec-{id_}"
    )
    place = place or credentials.claim_place(connection)
    facts = Facts(
        id=id_,
        record_id=record_id,
        version=credentials.next_version(connection, record_id=record_id),
        learner_id=learner,
        kind="transcript",
        lang="en",
        award_date=date(2026, 3, 25),
        issued_at=at,
        valid_until=None,
        digest_vc=f"vc {id_}",
        digest_sd_jwt=f"sd {id_}",
        status_list=place.status_list,
        status_index=place.status_index,
    )
    status = {"statusListCredential": LIST, "statusListIndex": "7"}
    vc = {"issuer": {"id": "did:web:uni.test"}, "credentialStatus": status}
    credentials.add_credential(
        connection,
        vault=VAULT,
        facts=facts,
        vc=vc,
        sd_jwt=f"ey.{id_}~",
        contents=CONTENTS,
    )
    return facts


def test_a_record_is_the_same_however_often_it_is_issued(connection):
    first, second = issue(connection, "a"), issue(connection, "b")
    other = issue(connection, "c", key="msc")

    assert first.record_id == second.record_id == "rec-a"
    assert (first.version, second.version, other.version) == (1, 2, 1)
    assert credentials.record_row(connection, id="rec-a") == (
        *("rec-a", ANN, "transcript"),
        "bsc",
    )
    assert credentials.record_row(connection, id="x") is None
    keys = [r.key for r in credentials.records(connection, learner_id=ANN)]
    assert keys == ["bsc", "msc"]


def test_a_credential_comes_back_whole(connection):
    facts = issue(connection, "a")

    found = credentials.credential(connection, vault=VAULT, id="a")

    assert found[: len(facts)] == facts
    assert found.sd_jwt == "ey.a~"
    assert found.contents == CONTENTS
    assert found.issuer == "did:web:uni.test"
    assert found.status_url == LIST
    assert credentials.credential(connection, vault=VAULT, id="x") is None
    assert credentials.facts(connection, id="a") == facts
    assert credentials.facts(connection, id="x") is None


def test_it_is_found_by_the_digest_of_either_form(connection):
    facts = issue(connection, "a")

    for digest in ("vc a", "sd a"):
        assert credentials.facts_by_digest(connection, digest=digest) == facts
    assert credentials.facts_by_digest(connection, digest="x") is None


@pytest.mark.parametrize(
    ("vc", "issuer", "url"),
    [
        ({}, "", ""),
        ({"issuer": "did:web:a"}, "did:web:a", ""),
        ({"credentialStatus": [{"statusListCredential": LIST}]}, "", LIST),
    ],
)
def test_issuer_and_list_are_read_in_every_form(connection, vc, issuer, url):
    issue(connection, "a")
    found = credentials.credential(connection, vault=VAULT, id="a")._replace(vc=vc)

    assert (found.issuer, found.status_url) == (issuer, url)


def test_only_what_stands_is_current_and_the_latest_comes_first(connection):
    for number, id_ in enumerate("abc"):
        issue(connection, id_, key=id_, at=AT + number * DAY)
    issue(connection, "d", learner=BOB)
    credentials.revoke(connection, id="b", reason="error", at=AT)

    found = credentials.current(connection, vault=VAULT, learner_id=ANN)

    assert [c.id for c in found] == ["c", "a"]
    known = credentials.facts_of_learner(connection, learner_id=ANN)
    assert [f.id for f in known] == ["c", "b", "a"]


def test_a_new_version_takes_the_place_of_the_one_it_supersedes(connection):
    issue(connection, "a")
    issue(connection, "b")
    done = credentials.revoke(
        connection, id="a", reason="superseded", at=AT, superseded_by="b"
    )

    assert done
    assert not credentials.revoke(connection, id="a", reason="again", at=AT)
    assert credentials.current_facts(connection, record_id="rec-a").id == "b"
    kept = credentials.facts(connection, id="a")
    assert (kept.revoked_reason, kept.superseded_by) == ("superseded", "b")
    credentials.revoke(connection, id="b", reason="error", at=AT)
    assert credentials.current_facts(connection, record_id="rec-a") is None


def test_no_two_credentials_share_a_place(connection):
    issue(connection, "a", place=Place("1", 7))

    with pytest.raises(IntegrityError):
        issue(connection, "b", place=Place("1", 7))


def test_a_place_that_is_taken_is_not_claimed(connection):
    issue(connection, "a", place=Place("1", 7))
    choices = iter([7, 7, 9])

    place = credentials.claim_place(connection, choose=lambda _: next(choices))

    assert place == ("1", 9)


def test_a_list_is_left_when_half_of_it_is_taken(connection):
    for number in range(32):
        issue(connection, f"{number}")

    with pytest.raises(StatusListFullError):
        credentials.claim_place(connection)

    credentials.add_status_list(connection, id="2", size=64)
    assert credentials.claim_place(connection).status_list == "2"


def test_without_a_list_or_luck_there_is_no_place(connection):
    issue(connection, "a", place=Place("1", 7))

    with pytest.raises(StatusListFullError):
        credentials.claim_place(connection, choose=lambda _: 7)
    with pytest.raises(StatusListFullError):
        credentials.claim_place(connection, purpose="suspension")


@settings(max_examples=5, deadline=None)
@given(revoked=st.sets(st.integers(0, 63), max_size=20))
def test_the_bits_are_those_of_what_was_revoked(tmp_path_factory, revoked):
    with opened(tmp_path_factory.mktemp("bits") / "node.db") as connection:
        credentials.add_status_list(connection, id="1", size=64)
        for index in sorted({0, 63} | revoked):
            issue(connection, f"{index}", place=Place("1", index))
        for index in revoked:
            credentials.revoke(connection, id=f"{index}", reason="r", at=AT)

        bits = credentials.status_bits(connection, id="1")

    found = {i for i in range(64) if bits[i // 8] & (0b1000_0000 >> i % 8)}
    assert found == revoked
    assert len(bits) == 8


def test_a_list_is_published_when_its_bits_changed(connection):
    def dirty():
        return [entry.id for entry in credentials.dirty_status_lists(connection)]

    assert dirty() == ["1"]
    assert credentials.published_status_list(connection, id="1") is None
    credentials.publish_status_list(connection, id="1", document={"a": "é"}, at=AT)
    assert dirty() == []
    published = credentials.published_status_list(connection, id="1")
    assert published == '{"a":"é"}'.encode()
    assert credentials.published_status_list(connection, id="2") is None

    issue(connection, "a")
    assert dirty() == []
    credentials.revoke(connection, id="a", reason="r", at=AT)
    assert dirty() == ["1"]


def test_a_list_that_would_expire_is_named(connection):
    credentials.publish_status_list(connection, id="1", document={}, at=AT)

    def aged(before):
        found = credentials.aged_status_lists(connection, published_before=before)
        return [entry.id for entry in found]

    assert aged(AT) == []
    assert aged(AT + timedelta(seconds=1)) == ["1"]


def test_an_erased_learner_has_no_credentials_to_read(connection):
    issue(connection, "a")
    learners.erase(connection, learner_id=ANN, at=AT)

    with pytest.raises(ErasedError):
        credentials.credential(connection, vault=VAULT, id="a")
    with pytest.raises(ErasedError):
        credentials.current(connection, vault=VAULT, learner_id=ANN)
    with pytest.raises(ErasedError):
        issue(connection, "b")


def test_who_holds_a_credential_is_known(connection):
    issue(connection, "a")
    for number, direction in enumerate(("out", "in")):
        delivery = exchanges.Delivery(
            *(f"{number}" * 32, direction, "enic", "t", f"{number}", DIGEST, None),
            *(CONSENT, 1, "study", AT, "released", b"jws", {}),
        )
        exchanges.add_delivery(
            connection, vault=VAULT, delivery=delivery, learner_id=ANN
        )
        exchanges.add_item(
            connection,
            vault=VAULT,
            delivery_id=delivery.id,
            item_id="i",
            record_id="rec-a",
            credential_id="a",
            format="dc+sd-jwt",
            digest="sd a",
            octets=None,
        )

    held = exchanges.deliveries_of_credential(
        connection, vault=VAULT, credential_id="a"
    )

    assert [(d.id, i.item_id, i.digest) for d, i in held] == [("0" * 32, "i", "sd a")]
