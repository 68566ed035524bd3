"""Mapping files: what is in them, and what is wrong with them."""

import pytest
from layouts import FIXED, PERSONS, RESULTS

from adapters.mapping import read_mapping
from adapters.source import SourceError


@pytest.mark.parametrize("text", [PERSONS, RESULTS, FIXED])
def test_a_mapping_is_read(text):
    assert read_mapping(text.encode(), file="m.toml").columns


@pytest.mark.parametrize(
    ("text", "old", "new", "says"),
    [
        (PERSONS, 'kind = "persons"', 'kind = "people"', "kind: Input should be"),
        (PERSONS, "[columns]", "[columns", "not a TOML file"),
        (PERSONS, "name_kanji", "name_hangul", "no field 'name_hangul' in persons"),
        (PERSONS, "student_number =", "name_kana =", "no column for: student_number"),
        (PERSONS, 'name_kanji = { source = "氏名" }', "", "no column for any name"),
        (PERSONS, 'source = "氏名"', 'source = "a", value = "b"', "exactly one of"),
        (PERSONS, 'source = "氏名"', "", "exactly one of"),
        (PERSONS, 'source = "氏名"', "start = 3", "start and bytes belong together"),
        (PERSONS, 'source = "氏名"', "start = 3, bytes = 4", "layout 'fixed'"),
        (PERSONS, "width = 7", "wide = 7", "columns.student_number.wide: Extra"),
        (RESULTS, 'scale = { value = "JP5-S" }', "", "no column for: scale"),
        (FIXED, "start = 10, bytes = 20", 'source = "x"', "layout 'fixed'"),
    ],
)
def test_what_is_wrong_is_named_with_its_key(text, old, new, says):
    with pytest.raises(SourceError, match=says) as caught:
        read_mapping(text.replace(old, new, 1).encode(), file="m.toml")
    assert str(caught.value).startswith("m.toml: ")


def test_half_an_enrolment_is_refused():
    text = PERSONS + 'status = { source = "学籍状態" }\n'
    with pytest.raises(SourceError, match="also needs a column for: department"):
        read_mapping(text.encode(), file="m.toml")


def test_passing_must_be_said_somehow():
    text = RESULTS.replace('passed = { source = "合否" }', "").replace(
        "failing", "gaiji_"
    )
    with pytest.raises(SourceError, match="gaiji_"):
        read_mapping(text.encode(), file="m.toml")
    text = RESULTS.replace('passed = { source = "合否" }', "")
    text = text.replace('failing = ["D"]', "")
    with pytest.raises(SourceError, match="no list of failing grades"):
        read_mapping(text.encode(), file="m.toml")


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(SourceError, match="not a TOML file"):
        read_mapping(b"\xff\xfe", file="m.toml")
