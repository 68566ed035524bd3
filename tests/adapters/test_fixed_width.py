"""Fixed width: places counted in bytes, line types, the trailer."""

import pytest
from layouts import FIXED

from adapters.fixed_width import FixedWidthSource
from adapters.mapping import read_mapping
from adapters.source import SourceError, SourceRecord


def line(number="0012345", name="髙橋　太郎", born="4120401", kind="D"):
    octets = name.encode("cp932")
    return f"{kind}{number:8}".encode() + octets.ljust(20) + f"{born:7}".encode()


def read(*lines, layout=FIXED):
    found = read_mapping(layout.encode(), file="m.toml")
    return list(FixedWidthSource("a.dat", b"\r\n".join(lines), found).records())


def test_fields_are_cut_by_bytes_and_not_by_characters():
    (record,) = read(line(), b"T00000001")

    assert isinstance(record, SourceRecord)
    assert record.values["name_kanji"] == ("髙橋", "太郎")
    assert record.values["birth_date"].isoformat() == "2000-04-01"
    assert record.values["nationality"] == "JPN"


@pytest.mark.parametrize(
    ("bad", "column", "says"),
    [
        (line()[:-1], None, "35 bytes where a line has 36"),
        (line() + b"x", None, "37 bytes"),
        (line(kind="X"), 1, "does not begin with 'D'"),
        (line(number="12345"), 2, "leading zeros"),
        (line(name="x" * 19 + "髙")[:36], 10, "cut in half"),
    ],
)
def test_a_bad_line_costs_that_line(bad, column, says):
    first, last = read(bad, line(), b"T00000002")

    assert (first.line, first.column) == (1, column)
    assert says in first.reason
    assert isinstance(last, SourceRecord)


def test_an_impossible_birth_date_is_left_out():
    bad, good = read(line(born="3640108"), b"T1")

    assert (bad.column, bad.field, bad.omitted) == (30, "birth_date", True)
    assert "birth_date" not in good.values


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ((line(), b"T00000002"), "the trailer says 2 lines, but 1"),
        ((line(),), "no trailer 'T'"),
        ((line(), b"T1", line()), "a.dat:3: more follows"),
        ((line(), b"Tone"), "a.dat:2: the trailer has no count"),
    ],
)
def test_a_file_cut_short_is_refused(lines, says):
    with pytest.raises(SourceError, match=says):
        read(*lines)


def test_comments_and_empty_lines_are_passed_over():
    assert len(read(b"# made by hand", b"", line(), b"T1", b"", b"\x1a")) == 1


def test_what_cannot_be_cut_is_refused(monkeypatch):
    with pytest.raises(SourceError, match="UTF-16"):
        read(layout=f'encoding = "utf-16"\n{FIXED}')
    monkeypatch.setattr("adapters.fixed_width.LARGEST_FILE", 3)
    with pytest.raises(SourceError, match="larger than 3"):
        read(line())


def test_without_line_types_every_line_is_a_record():
    layout = FIXED.replace('record_type = { detail = "D", trailer = "T" }', "")
    layout = layout.replace("line_bytes = 36", "")
    assert len(read(line(kind=" "), line() + b"tail", layout=layout)) == 2


def test_a_template_has_no_place_in_fixed_width():
    layout = FIXED + 'faculty = { value = "F" }\nstatus = { value = "在学" }\n'
    layout += 'department = { value = "D" }\nprogramme = { value = "P" }\n'
    (record,) = read(line(), b"T1", layout=layout)
    assert record.values["status"] == "enrolled"
