"""Guessing a layout: what is written down, and what is left to a person."""

import tomllib

import pytest

from adapters import SOURCES
from adapters.mapping import read_mapping
from adapters.source import SourceError, SourceRecord
from node.demo.data import generate
from node.services.mapping_guess import guess_mapping

REGISTER = """Student ID,Last Name,First Name,DOB,Sex,Shoe size
0001,SAMPLE,Sam,2001-02-03,M,42
0002,TEST,Tess,2002-03-04,F,38
"""


def guess(text, *, encoding="utf-8", file="mine.csv"):
    return guess_mapping(text.encode(encoding), file=file)


def test_a_guess_that_needs_no_edit_can_be_used_as_it_is():
    found = guess(REGISTER)

    assert found.edits == ()
    mapping = read_mapping(found.text.encode(), file="mine.mapping.toml")
    records = list(SOURCES["csv"]("mine.csv", REGISTER.encode(), mapping).records())
    assert [r.values["name_latin"] for r in records] == [
        ("SAMPLE", "Sam"),
        ("TEST", "Tess"),
    ]
    assert records[0].values["student_number"] == "0001"
    assert "#   Shoe size" in found.text


def test_a_guess_shows_the_form_of_values_and_not_the_values():
    text = guess(REGISTER).text

    for value in ("SAMPLE", "0001", "2001-02-03", "Tess"):
        assert value not in text
    assert "9999-99-99" in text


def test_what_gives_grades_their_meaning_is_never_guessed():
    data = generate(students=20)
    found = guess_mapping(data.files["seiseki.csv"], file="seiseki.csv")

    assert [edit.split(":")[0] for edit in found.edits] == ["credit_unit", "scale"]
    decided = found.text.replace("# EDIT credit_unit", "credit_unit")
    decided = decided.replace(
        '# EDIT scale = { value = "?"', 'scale = { value = "JP5-S"'
    )
    mapping = read_mapping(decided.encode(), file="m.toml")
    assert (mapping.kind, mapping.encoding, mapping.trailer) == (
        "results",
        "cp932",
        "#END",
    )


def test_a_japanese_register_is_told_from_its_headings():
    data = generate(students=50)
    found = guess_mapping(data.files["gakuseki.csv"], file="gakuseki.csv")

    columns = tomllib.loads(found.text)["columns"]
    assert columns["student_number"] == {"source": "学籍番号", "width": 7}
    assert columns["programme"] == {"template": "{学部名}/{学科名}"}
    assert {"name_kanji", "name_kana", "name_latin", "birth_date"} <= set(columns)
    assert any(
        "転籍" in line and "EDIT status" in line for line in found.text.split("\n")
    )
    assert any(edit.startswith("awarded_on") for edit in found.edits)


def test_names_are_known_by_their_look():
    text = "番,ア,イ\n0001,ミホン アイコ,見本　愛子\n0002,ｼｹﾝ ﾀﾛｳ,試験　太郎\n"
    found = guess(text.replace("番", "学籍番号"), encoding="cp932")

    columns = tomllib.loads(found.text)["columns"]
    assert columns["name_kana"] == {"source": "ア"}
    assert columns["name_kanji"] == {"source": "イ"}


def test_what_is_missing_is_asked_for():
    found = guess("foo,bar\n1,2\n")

    assert [edit.split(":")[0] for edit in found.edits] == [
        "name_kanji",
        "student_number",
    ]
    assert '# EDIT student_number = { source = "?" }' in found.text
    assert tomllib.loads(found.text)["kind"] == "persons"


def test_values_that_do_not_fit_their_heading_are_asked_about():
    found = guess(
        "学籍番号,氏名,生年月日,学籍状態\n001,見本 愛,若い,在学\n", encoding="cp932"
    )

    edits = {edit.split(":")[0] for edit in found.edits}
    assert {"birth_date", "programme", "faculty", "department"} <= edits


def test_grades_without_a_column_for_passing():
    text = "学籍番号,科目コード,科目名,年度,学期,単位数,評価\n1,A1,解析,2022,前,2,秀\n"
    found = guess(text)

    assert any("there are 秀" in edit for edit in found.edits)
    assert "# EDIT failing" in found.text


@pytest.mark.parametrize(
    "encoding", ["utf-8-sig", "utf-16", "cp932", "euc_jp", "utf-8"]
)
def test_the_encoding_is_found(encoding):
    text = "学籍番号\t氏名\n0001\t見本　愛子の例\n"
    mapping = tomllib.loads(guess(text, encoding=encoding).text)
    assert (mapping["encoding"], mapping["layout"]) == (encoding, "tsv")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no rows"),
        ("# only a remark\n", "no rows"),
        ("D0012345 x\n", "fixed-width"),
    ],
)
def test_where_there_is_nothing_to_guess_it_says_so(text, says):
    with pytest.raises(SourceError, match=says):
        guess(text)


def test_every_row_of_the_sample_is_read_by_the_guess():
    (record, _) = SOURCES["csv"](
        "a", REGISTER.encode(), read_mapping(guess(REGISTER).text.encode(), file="m")
    ).records()
    assert isinstance(record, SourceRecord)


def test_english_headings_of_the_first_day_are_known():
    octets = (
        b"Student ID,Family name,Given name,Date of birth,Degree date\n"
        b"00123,Sample,Hanako,2001-04-05,2024-03-25\n"
    )

    guess = guess_mapping(octets, file="students.csv")

    assert 'name_latin = { template = "{Family name} {Given name}" }' in guess.text
    assert 'awarded_on = { source = "Degree date" }' in guess.text
    assert not guess.edits
