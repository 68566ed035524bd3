"""Importing: what is stored, what is set aside, and that the same again is nothing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from import_store import VAULT, Folder, contents

from adapters.catalogue import read_catalogue
from adapters.mapping import read_mapping
from adapters.source import SourceError
from node.demo import elmo as demo_elmo
from node.demo.data import generate
from node.demo.people import demo_file
from node.matching import (
    NAME_AND_BIRTH,
    STUDENT_NUMBER,
    hashes_of,
    name_value,
    number_value,
)
from node.services import importing
from node.services.importing import ImportFile, import_catalogue, import_elmo
from node.store import documents, learners

AT = datetime(2026, 11, 24, tzinfo=UTC)
LATER = AT + timedelta(days=1)

REGISTER = """学籍番号,氏名,氏名英字,生年月日,課程,学部,学科,学籍,入学,卒業
0000001,見本　愛子,MIHON AIKO,H15.5.14,INF,工学部,情報,卒業,R4.4.1,R8.3.24
0000002,試験　太郎,,H16.1.2,INF,工学部,情報,在学,R5.4.1,
0000003,例示　次郎,,昭和64年1月8日,INF,工学部,情報,在学,R5.4.1,
"""
GRADES = """番号,科目,科目名,年度,学期,単位,評価,合否
0000001,INF101,線形代数Ⅰ,2022,前,2,A,合
0000001,INF102,解析,2022,後,2,D,否
0000002,INF101,線形代数Ⅰ,2023,前,2,B,合
0000009,INF101,線形代数Ⅰ,2023,前,2,B,合
"""
REGISTER_MAPPING = read_mapping(
    """
kind = "persons"
[columns]
student_number = { source = "学籍番号", width = 7 }
name_kanji = { source = "氏名" }
name_latin = { source = "氏名英字" }
birth_date = { source = "生年月日" }
programme = { source = "課程" }
faculty = { source = "学部" }
department = { source = "学科" }
status = { source = "学籍" }
admitted_on = { source = "入学" }
graduated_on = { source = "卒業" }
awarded_on = { source = "卒業" }
""".encode(),
    file="register.toml",
)
GRADES_MAPPING = read_mapping(
    """
kind = "results"
failing = ["D"]
[columns]
student_number = { source = "番号" }
code = { source = "科目" }
title = { source = "科目名" }
year = { source = "年度" }
term = { source = "学期" }
credits = { source = "単位" }
credit_unit = { value = "JP-UNIV" }
grade = { source = "評価" }
scale = { value = "JP5-S" }
passed = { source = "合否" }
""".encode(),
    file="grades.toml",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Folder(tmp_path_factory.mktemp("store"))


@pytest.fixture
def connection(folder, tmp_path):
    with folder.database(tmp_path / "node.db") as found:
        yield found


def register(text=REGISTER, name="register.csv"):
    return ImportFile(name, text.encode("cp932"), REGISTER_MAPPING)


def grades(text=GRADES, name="grades.csv"):
    return ImportFile(name, text.encode("cp932"), GRADES_MAPPING)


def import_(connection, *files, at=AT, dry_run=False):
    return importing.import_files(
        connection, VAULT, files=files, at=at, dry_run=dry_run
    )


def learner_of(connection, number):
    hashed = VAULT.match_hash(STUDENT_NUMBER, number)
    (learner_id,) = learners.learners_by_hash(connection, hashes=[hashed])[hashed]
    return learner_id


def record_of(connection, number):
    learner_id = learner_of(connection, number)
    return learners.learner_record(connection, VAULT, learner_id=learner_id)


def test_good_rows_become_learner_records(connection):
    report = import_(connection, register(), grades())

    assert (report.kept, report.changed, report.unchanged) == (3, 0, 0)
    assert report.rows == 7
    record = record_of(connection, "0000001")
    assert record.person.birth_date == date(2003, 5, 14)
    assert [r.code for r in record.results] == ["INF101", "INF102"]
    assert record.awards[0].awarded_on == date(2026, 3, 24)
    assert record.enrolments[0].status == "graduated"


def test_every_value_says_where_it_was_read(connection):
    files = (register(), grades())
    import_(connection, *files)

    record = record_of(connection, "0000001")
    origin = record.results[1].origin
    kept = documents.original(connection, vault=VAULT, document_id=origin.document)
    assert (origin.file, origin.line) == ("grades.csv", 3)
    assert kept == files[1].octets
    assert kept.split(b"\n")[origin.line - 1].startswith(b"0000001,INF102")
    assert record.person.origin.file == "register.csv"
    assert record.awards[0].origin.line == 2


def test_bad_rows_are_set_aside_with_their_place(connection):
    report = import_(connection, register(), grades())

    assert [
        (q.file, q.line, q.column, q.field, q.omitted) for q in report.quarantined
    ] == [
        ("grades.csv", 5, None, "student_number", False),
        ("register.csv", 4, 4, "生年月日", True),
    ]
    assert report.refused_rows == 1
    assert record_of(connection, "0000003").person.birth_date is None
    aside = {
        one.reason: one
        for document in documents.documents(connection)
        for one in documents.quarantined(
            connection, vault=VAULT, document_id=document.id
        )
    }
    assert aside["no learner has this student number"].raw.startswith(b"0000009")
    assert all("0000009" not in reason for reason in aside)


def test_the_same_again_changes_nothing_at_all(connection):
    import_(connection, register(), grades())
    before = contents(connection)

    report = import_(connection, register(), grades(), at=LATER)

    assert (report.kept, report.changed, report.unchanged) == (0, 0, 3)
    assert contents(connection) == before


def test_the_same_facts_on_other_lines_change_no_record(connection):
    import_(connection, register(), grades())
    before = record_of(connection, "0000001")

    moved = GRADES.replace("番号", "#出力\n番号", 1)
    report = import_(connection, register(), grades(moved), at=LATER)

    assert (report.changed, report.unchanged) == (0, 3)
    assert record_of(connection, "0000001") == before
    assert len(documents.documents(connection)) == 3


def test_a_corrected_grade_changes_one_record_and_keeps_the_rest(connection):
    import_(connection, register(), grades())
    before = record_of(connection, "0000001")

    corrected = GRADES.replace("2022,後,2,D,否", "2022,後,2,C,合")
    report = import_(connection, grades(corrected, "grades2.csv"), at=LATER)

    after = record_of(connection, "0000001")
    assert (report.kept, report.changed, report.unchanged) == (0, 1, 1)
    assert report.learners == [learner_of(connection, "0000001")]
    assert after.results[1].grade.label == "C"
    assert after.results[1].origin.file == "grades2.csv"
    assert after.results[0] == before.results[0]
    assert after.person == before.person


def test_grades_may_come_before_anyone_is_known_and_wait_aside(connection):
    first = import_(connection, grades())
    assert (first.kept, len(first.quarantined)) == (0, 4)

    second = import_(connection, register(), grades(), at=LATER)

    assert (second.kept, second.refused_rows) == (3, 1)
    counts = documents.quarantine_counts(connection)
    assert sum(counts.values()) == 2


def test_a_dry_run_says_the_same_and_stores_nothing(connection):
    before = contents(connection)

    dry = import_(connection, register(), grades(), dry_run=True)
    assert contents(connection) == before

    real = import_(connection, register(), grades())
    for report in (dry, real):
        report.milliseconds = 0
    assert replace(dry, dry_run=False, learners=real.learners) == real


def test_a_file_cut_short_stores_nothing_of_any_file(connection):
    before = contents(connection)
    cut = grades("#件数:9\n" + GRADES)

    with pytest.raises(SourceError, match="says it has 9 rows, but 4"):
        import_(connection, register(), cut)

    assert contents(connection) == before


def test_two_files_of_one_name_are_refused(connection):
    with pytest.raises(SourceError, match="same name"):
        import_(connection, register(), register(REGISTER + "\n"))


def test_progress_is_told(connection):
    told = []
    prepared = importing.prepare([register()], at=AT)
    importing.import_prepared(
        connection,
        VAULT,
        prepared=prepared,
        at=AT,
        tell=lambda what, done, total: told.append((what, done, total)),
    )
    assert told == [("learners", 1, 3), ("learners", 2, 3), ("learners", 3, 3)]


def test_an_import_that_changed_something_is_noted_without_numbers(connection):
    import_(connection, register(), grades())
    import_(connection, register(), grades(), at=LATER)

    (run,) = documents.import_runs(connection)
    assert run["report"]["kept"] == 3
    assert "0000001" not in str(run["report"])


def test_a_learner_is_found_by_number_and_by_name_with_birth_date(connection):
    import_(connection, register())
    value = name_value("ＭＩＨＯＮ", "Aikō", date(2003, 5, 14))
    by_name = VAULT.match_hash(NAME_AND_BIRTH, value)
    by_number = VAULT.match_hash(STUDENT_NUMBER, number_value("０００００-０１"))

    found = learners.learners_by_hash(connection, hashes=[by_name, by_number])

    assert found[by_name] == found[by_number]


def test_voicing_tells_names_apart_and_a_missing_day_leaves_only_the_number(connection):
    born = date(2000, 1, 1)
    assert name_value("カミ", "ア", born) != name_value("ガミ", "ア", born)
    assert name_value("ｶﾞﾐ", "ｱ", born) == name_value("ガミ", "ア", born)

    import_(connection, register())
    person = record_of(connection, "0000003").person
    assert [kind for kind, _ in hashes_of(VAULT, person)] == [STUDENT_NUMBER]


CONTRADICTIONS = [
    ("R8.3.24", "R3.3.24", "graduated_on", "graduated before being admitted"),
    ("R4.4.1", "H13.4.1", "admitted_on", "admitted before being born"),
    ("卒業,R4", "在学,R4", "awarded_on", "but the status is enrolled"),
]


@pytest.mark.parametrize(("old", "new", "field", "reason"), CONTRADICTIONS)
def test_a_row_that_contradicts_itself_is_set_aside(
    connection, old, new, field, reason
):
    report = import_(connection, register(REGISTER.replace(old, new, 1)))

    (first, *_) = report.quarantined
    assert (first.line, first.field) == (2, field)
    assert reason in first.reason


def test_one_number_for_two_people_is_set_aside(connection):
    twice = REGISTER + "0000001,別人　見本,,H15.5.14,HIS,文学部,史学,在学,R4.4.1,\n"
    again = twice + "0000002,試験　太郎,,H16.1.2,INF,工学部,情報,在学,R5.4.1,\n"
    report = import_(connection, register(again))

    assert [(q.line, q.field) for q in report.quarantined if not q.omitted] == [
        (5, "student_number"),
        (6, "programme"),
    ]


def test_a_second_enrolment_of_one_person_is_kept(connection):
    second = "0000002,試験　太郎,,H16.1.2,HIS,文学部,史学,在学,R5.4.1,\n"
    import_(connection, register(REGISTER + second))

    record = record_of(connection, "0000002")
    assert [e.programme for e in record.enrolments] == ["INF", "HIS"]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("0000001,INF103,微分,2022,前,2,D,合", "the grade D fails"),
        ("0000001,INF103,微分,2022,前,2,A,否", "the grade A passes"),
        ("0000001,INF101,線形,2022,前,2,A,合", "line 2 of grades.csv is the same"),
    ],
)
def test_a_grade_row_that_cannot_be_so_is_set_aside(connection, row, says):
    report = import_(connection, register(), grades(f"{GRADES}{row}\n"))
    assert any(q.line == 6 and says in q.reason for q in report.quarantined)


def test_a_register_without_names_or_programmes(connection):
    mapping = read_mapping(
        b'kind = "persons"\n[columns]\nstudent_number = { source = "n" }\n'
        b'name_latin = { source = "name" }\n',
        file="m.toml",
    )
    octets = b"n,name\n1,SAMPLE SAM\n2,\n"
    report = import_(connection, ImportFile("a.csv", octets, mapping))

    assert (report.kept, report.quarantined[0].reason) == (
        1,
        "the row has no name in any script",
    )
    assert record_of(connection, "1").enrolments == ()


@pytest.fixture(scope="module")
def catalogue_b():
    return read_catalogue(demo_file("catalogue-b.csv"), file="catalogue-b.csv")


def test_a_signed_elmo_becomes_a_record_and_stays_as_evidence(connection, catalogue_b):
    signed = demo_elmo.make(catalogue_b, at=AT)
    found = import_elmo(
        connection,
        VAULT,
        name=signed.name,
        octets=signed.octets,
        at=AT,
        trusted=[signed.signer],
    )

    assert (found.verdict.result, found.report.kept) == ("valid", 1)
    record = record_of(connection, number_value(signed.student_number))
    document = record.results[0].origin.document
    kept = documents.original(connection, vault=VAULT, document_id=document)
    assert kept == signed.octets

    before = contents(connection)
    again = import_elmo(
        connection, VAULT, name=signed.name, octets=signed.octets, at=LATER
    )
    assert again.report.unchanged == 1
    assert contents(connection) == before


@pytest.mark.parametrize("change", [(b"Specimen", b"Specimens"), (b"<ds:", b"<dx:")])
def test_nothing_is_taken_from_an_elmo_that_is_not_as_signed(
    connection, catalogue_b, change
):
    octets = demo_elmo.make(catalogue_b, at=AT).octets
    if change[0] == b"<ds:":
        octets = octets[: octets.index(b"<ds:Signature")] + b"</elmo>"
    found = import_elmo(
        connection, VAULT, name="a.xml", octets=octets.replace(*change), at=AT
    )

    assert not found.verdict.holds
    assert (found.report.kept, len(found.report.quarantined)) == (0, 1)
    assert len(documents.documents(connection)) == 1
    assert learners.learner_ids(connection) == []


def test_an_elmo_that_cannot_be_read_is_not_kept(connection):
    with pytest.raises(SourceError, match=r"a\.xml"):
        import_elmo(connection, VAULT, name="a.xml", octets=b"<x/>", at=AT)
    assert documents.documents(connection) == []


def test_a_catalogue_becomes_the_current_one(connection):
    def take(name, *, octets=None, dry_run=False):
        return import_catalogue(
            connection,
            VAULT,
            name=name,
            octets=octets or demo_file(name),
            at=AT,
            dry_run=dry_run,
        )

    assert take("catalogue-a.toml", dry_run=True).changed
    assert documents.current_catalogue(connection) is None
    assert take("catalogue-a.toml").changed
    assert not take("catalogue-a.toml").changed
    assert not take("catalogue-a.toml", dry_run=True).changed
    assert take("catalogue-b.csv").changed
    assert documents.current_catalogue(connection).country == "NL"
    with pytest.raises(SourceError, match=r"x\.toml"):
        take("x.toml", octets=b"country = 1")
    assert documents.current_catalogue(connection).country == "NL"


@pytest.mark.slow
def test_the_demonstrations_files_in_time_with_every_fault_in_its_place(connection):
    data = generate()
    files = [
        ImportFile(
            name,
            octets,
            read_mapping(demo_file(name.replace(".csv", ".toml")), file=name),
        )
        for name, octets in data.files.items()
    ]

    report = import_(connection, *files)

    assert (data.students >= 2000, data.grades >= 100_000) == (True, True)
    planted = {(p.file, p.line, p.column): p.says for p in data.planted}
    assert {(q.file, q.line, q.column) for q in report.quarantined} == set(planted)
    for one in report.quarantined:
        assert planted[one.file, one.line, one.column] in one.reason
    again = import_(connection, *files, at=LATER)
    assert (again.kept, again.changed, again.unchanged) == (0, 0, report.kept)
