"""Learners and what was imported of them."""

from datetime import date

import pytest
from sqlalchemy.exc import IntegrityError
from store_world import ANN, AT, BOB, DAY, VAULT, opened

from node.store import documents, learners, messages
from node.store.documents import Document, Quarantined
from node.store.learners import ErasedError, StoredRecord
from node.store.sealed import SealError
from protocol.credentials.learner_record import (
    Catalogue,
    LearnerRecord,
    Name,
    Origin,
    Person,
    Text,
)

RECORD = LearnerRecord(
    person=Person(
        student_number="A001",
        names=(Name(script="kanji", family="山田", given="花子"),),
        birth_date=date(2000, 1, 2),
        origin=Origin(document="d" * 32, file="students.csv", line=2),
    ),
    enrolments=(),
)


@pytest.fixture
def connection(tmp_path):
    with opened(tmp_path / "node.db") as connection:
        yield connection


def store(connection, learner_id=ANN, *, digest="d", version=1):
    wrapped = learners.wrapped_keys(connection, learner_ids=[learner_id])[learner_id]
    body = learners.seal_record(
        VAULT, wrapped, learner_id, RECORD.model_dump_json().encode()
    )
    stored = StoredRecord(learner_id, digest, version, body)
    learners.put_records(connection, records=[stored], at=AT)
    return wrapped, stored


def test_a_learner_has_a_key_until_erased(connection):
    assert learners.learner_ids(connection) == [ANN, BOB]
    box = learners.box(connection, vault=VAULT, learner_id=ANN)
    assert box.open(box.seal(b"x", "p"), "p") == b"x"

    learners.erase(connection, learner_id=ANN, at=AT + DAY)

    assert learners.learner_ids(connection) == [BOB]
    assert learners.learner_row(connection, learner_id=ANN) == {
        "id": ANN,
        "created_at": AT,
        "erased_at": AT + DAY,
    }
    assert learners.learner_row(connection, learner_id="x") is None
    for unknown in (ANN, "x"):
        with pytest.raises(ErasedError):
            learners.box(connection, vault=VAULT, learner_id=unknown)


def test_erasing_again_changes_nothing(connection):
    learners.erase(connection, learner_id=ANN, at=AT)
    learners.erase(connection, learner_id=ANN, at=AT + DAY)

    assert learners.learner_row(connection, learner_id=ANN)["erased_at"] == AT


def test_many_learners_are_added_and_found_together(connection):
    many = {f"{n:032x}": VAULT.new_learner_key() for n in range(1200)}

    learners.add_learners(connection, wrapped_keys=many, at=AT)
    learners.add_learners(connection, wrapped_keys={}, at=AT)

    assert learners.wrapped_keys(connection, learner_ids=many) == many
    assert learners.wrapped_keys(connection, learner_ids=["x"]) == {}


def test_a_learner_is_found_by_hashes_until_they_change(connection):
    learners.set_matches(
        connection,
        matches={
            ANN: [("number", b"1"), ("name", b"2"), ("number", b"1")],
            BOB: [("name", b"2")],
        },
    )

    found = learners.learners_by_hash(connection, hashes=[b"1", b"2", b"3"])
    assert found == {b"1": [ANN], b"2": [ANN, BOB]}

    learners.set_matches(connection, matches={ANN: [("number", b"4")], BOB: []})
    found = learners.learners_by_hash(connection, hashes=[b"1", b"2", b"4"])
    assert found == {b"4": [ANN]}

    learners.erase(connection, learner_id=ANN, at=AT)
    assert learners.learners_by_hash(connection, hashes=[b"4"]) == {}


def test_a_record_is_sealed_for_its_learner(connection):
    wrapped, stored = store(connection)

    assert "花子".encode() not in stored.body
    assert learners.open_record(VAULT, wrapped, stored) == RECORD
    assert learners.learner_record(connection, VAULT, learner_id=ANN) == RECORD
    assert learners.learner_record(connection, VAULT, learner_id=BOB) is None
    with pytest.raises(SealError):
        learners.open_record(VAULT, wrapped, stored._replace(learner_id=BOB))


def test_a_record_takes_the_place_of_the_one_before(connection):
    store(connection)
    _, second = store(connection, digest="e", version=2)

    assert learners.stored_records(connection, learner_ids=[ANN, BOB]) == {ANN: second}
    learners.put_records(connection, records=[], at=AT)


def test_erasing_takes_the_record_and_what_is_queued_along(connection):
    store(connection)
    messages.queue(
        connection,
        vault=VAULT,
        id="m" * 32,
        peer="p",
        type="record/status",
        thread="t",
        jws=b"jws",
        created_at=AT,
        expires_at=AT + DAY,
    )
    connection.exec_driver_sql("update outbox set learner_id='ann'")

    learners.erase(connection, learner_id=ANN, at=AT)

    assert learners.stored_records(connection, learner_ids=[ANN]) == {}
    (message,) = messages.of_thread(connection, thread="t")
    assert message["state"] == "cancelled"


def test_a_record_needs_a_learner(connection):
    with pytest.raises(IntegrityError):
        learners.put_records(
            connection, records=[StoredRecord("x", "d", 1, b"")], at=AT
        )


# Documents.


def document(number, octets=b"octets"):
    return Document(f"{number:032x}", f"sha {octets!r}", "a.csv", "students", AT)


def keep(connection, number, octets=b"octets"):
    return documents.add_document(
        connection, VAULT, document=document(number, octets), octets=octets
    )


def test_an_original_is_kept_once(connection):
    assert keep(connection, 1)
    assert not keep(connection, 1)
    assert not keep(connection, 2)
    assert keep(connection, 3, b"other")

    assert documents.original(connection, vault=VAULT, document_id=f"{1:032x}") == (
        b"octets"
    )
    assert documents.original(connection, vault=VAULT, document_id="x") is None
    assert set(documents.documents(connection)) == {
        document(1),
        document(3, b"other"),
    }


def test_what_is_set_aside_changes_only_when_it_does(connection):
    keep(connection, 1)
    one = Quarantined("a.csv", 3, "2", "birth_date", "no such day", "山".encode())
    two = Quarantined("a.csv", 2, None, None, "too short", None)
    id_ = f"{1:032x}"

    def aside(*rows):
        return documents.set_quarantine(
            connection, VAULT, document_id=id_, quarantined=rows, at=AT
        )

    assert not aside()
    assert aside(one, two)
    assert not aside(two, one)
    found = documents.quarantined(connection, vault=VAULT, document_id=id_)
    assert found == [two, one]
    assert documents.quarantine_counts(connection) == {id_: 2}
    assert aside(one)
    assert documents.quarantined(connection, vault=VAULT, document_id=id_) == [one]
    assert aside()
    assert documents.quarantine_counts(connection) == {}


def test_reports_of_imports_are_kept(connection):
    for number in range(3):
        documents.add_import_run(
            connection,
            run_id=f"{number}",
            kind="students",
            report={"rows": number},
            at=AT + number * DAY,
        )

    runs = documents.import_runs(connection, limit=2)
    assert [run["report"]["rows"] for run in runs] == [2, 1]


def test_the_latest_catalogue_is_the_current_one(connection):
    texts = ("institution", "institution_status", "signatory", "education_system")
    first = Catalogue(
        **dict.fromkeys(texts, Text(ja="名", en="name")),
        country="JP",
        programmes=(),
        grading_scales=(),
    )
    second = first.model_copy(update={"country": "NL"})

    def add(number, body):
        return documents.add_catalogue(
            connection,
            catalogue_id=f"{number}",
            digest=body.country,
            body=body,
            at=AT,
        )

    assert documents.current_catalogue(connection) is None
    assert add(1, first)
    assert not add(2, first)
    assert add(3, second)
    assert documents.current_catalogue(connection) == second
    assert add(4, first)
    assert documents.current_catalogue(connection) == first
