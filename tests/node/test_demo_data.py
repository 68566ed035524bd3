"""The made-up exports: the same seed makes the same bytes, and nobody is real."""

import csv
import io
from decimal import Decimal

import pytest

from adapters import SOURCES
from adapters.mapping import read_mapping
from node.demo.data import generate
from node.demo.people import demo_file
from node.services.gathering import compose, gather


@pytest.fixture(scope="module")
def data():
    return generate(students=60)


@pytest.fixture(scope="module")
def gathered(data):
    sources = []
    for name, octets in data.files.items():
        mapping = read_mapping(demo_file(name.replace(".csv", ".toml")), file=name)
        sources.append((SOURCES[mapping.layout](name, octets, mapping), mapping))
    return gather(sources)


def counted(gathered, student, **flags):
    record = compose(gathered.drafts[student.number], None)
    return sum(
        result.credits.value
        for result in record.results
        if result.grade.passed
        and all(getattr(result, name) == value for name, value in flags.items())
    )


def test_the_same_seed_makes_the_same_bytes(data):
    assert generate(students=60).files == data.files
    assert generate(1, students=60).files != data.files


def test_the_graduate_fulfils_what_the_law_asks(data, gathered):
    assert counted(gathered, data.graduate) >= 124
    assert counted(gathered, data.graduate, media=True) <= 60
    record = compose(gathered.drafts[data.graduate.number], None)
    assert record.enrolments[0].status == "graduated"
    repeated = [r for r in record.results if r.code == "INF201"]
    assert [(r.attempt, r.grade.passed) for r in repeated] == [(1, False), (2, True)]
    recognised = [r for r in record.results if r.recognised_from]
    assert [r.grade.label for r in recognised] == ["認"]


def test_two_are_marked_as_graduated_who_do_not(data, gathered):
    assert counted(gathered, data.short_of_credits) == 122
    assert counted(gathered, data.too_much_media) >= 124
    assert counted(gathered, data.too_much_media, media=True) > Decimal(60)
    for student in (data.short_of_credits, data.too_much_media):
        assert gathered.drafts[student.number].awards


def test_others_have_not_graduated_yet(data, gathered):
    for student, status in ((data.expected, "expected"), (data.enrolled, "enrolled")):
        record = compose(gathered.drafts[student.number], None)
        assert record.enrolments[0].status == status
        assert record.awards == ()


def test_every_planted_fault_is_found_where_it_was_planted(data, gathered):
    found = {(r.file, r.line, r.column): r.reason for r in gathered.rejected}
    for planted in data.planted:
        if planted.says == "no learner":
            continue
        assert planted.says in found.pop((planted.file, planted.line, planted.column))
    assert found == {}


def test_odd_rows_are_read_all_the_same(gathered):
    single = gathered.drafts["0022801"].person.name("kanji")
    assert (single.family, single.given) == ("", "サンプルディ")
    assert gathered.drafts["0022802"].person.birth_date.isoformat() == "1989-01-07"
    assert gathered.drafts["0022803"].person.birth_date.isoformat() == "1988-12-31"


def test_names_are_made_of_words_that_are_no_names(data):
    text = data.files["gakuseki.csv"].decode("cp932", "replace")
    words = {
        row["kanji"]
        for row in csv.DictReader(io.StringIO(demo_file("names.csv").decode()))
        if row["part"] == "family"
    }
    for row in csv.DictReader(io.StringIO(text)):
        name = row["氏名漢字"] or ""
        if not name.isdigit() and "\ufffd" not in name and "グエン" not in name:
            assert any(word in name for word in words | {"サンプル", "別人", "見本"})
