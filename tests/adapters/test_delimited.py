"""CSV and TSV: rows, encodings, quoting, counts, and where a fault stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layouts import PERSONS, RESULTS

from adapters import SOURCES
from adapters.delimited import MOST_LINES, DelimitedSource
from adapters.mapping import read_mapping
from adapters.source import Rejected, SourceError, SourceRecord

HEAD = "学籍番号,氏名,生年月日"
GOOD = "0012345,見本　太郎,H12.4.1"


def read(text, layout=PERSONS, *, encoding="cp932", name="a.csv"):
    octets = text if isinstance(text, bytes) else text.encode(encoding)
    found = read_mapping(layout.encode(), file="mapping.toml")
    return list(SOURCES[found.layout](name, octets, found).records())


def test_a_row_is_read_and_its_line_told():
    (record,) = read(f"{HEAD}\r\n{GOOD}\r\n#END\r\n")

    assert isinstance(record, SourceRecord)
    assert (record.file, record.line) == ("a.csv", 2)
    assert record.values["student_number"] == "0012345"
    assert record.values["name_kanji"] == ("見本", "太郎")


@pytest.mark.parametrize("encoding", ["cp932", "shift_jis", "euc_jp", "utf-8"])
def test_every_encoding_gives_the_same_values(encoding):
    layout = f'encoding = "{encoding}"\n{PERSONS}'

    (record,) = read(f"{HEAD}\n{GOOD}\n#END\n", layout, encoding=encoding)

    assert record.values["name_kanji"] == ("見本", "太郎")


def test_marks_of_unicode_are_dropped():
    for announced, written in (("utf-8", "utf-8-sig"), ("utf-16", "utf-16")):
        layout = f'encoding = "{announced}"\n{PERSONS}'
        (record,) = read(f"{HEAD}\n{GOOD}\n#END\n", layout, encoding=written)
        assert record.values["student_number"] == "0012345"


def test_utf16_that_was_not_announced_is_named():
    with pytest.raises(SourceError, match='encoding = "utf-16"'):
        read(f"{HEAD}\n{GOOD}\n#END\n", encoding="utf-16")


def test_damaged_utf16_is_refused():
    layout = f'encoding = "utf-16"\n{PERSONS}'
    with pytest.raises(SourceError, match="not UTF-16"):
        read(f"{HEAD}\n".encode("utf-16") + b"\x00", layout)


def test_one_bad_byte_costs_one_row():
    rows = [GOOD.encode("cp932")] * 3
    rows[1] = rows[1].replace("見".encode("cp932"), b"\x85\x20")
    octets = b"\n".join([HEAD.encode("cp932"), *rows, b"#END"])

    first, bad, last = read(octets)

    assert isinstance(first, SourceRecord)
    assert isinstance(last, SourceRecord)
    assert (bad.line, bad.column) == (3, 2)
    assert "0x85" in bad.reason
    assert bad.raw == rows[1]


@given(st.binary(max_size=200))
def test_no_bytes_are_too_odd_to_be_told_apart(octets):
    row = octets.replace(b"\n", b"").replace(b"\r", b"").replace(b'"', b"")
    row = row.replace(b"\x1a", b"")
    if row.startswith(b"#END"):
        return
    lines = [HEAD.encode("cp932"), GOOD.encode("cp932"), b"x" + row, b"#END"]

    first, *others = read(b"\n".join(lines))

    assert isinstance(first, SourceRecord)
    assert all(other.line == 3 for other in others)


def test_quotes_hold_delimiters_and_line_ends():
    text = (
        f'{HEAD}\n"0012345","見本　""太郎""",\n"0012346","見\n本, 花子",H12.4.1\n#END'
    )

    first, second = read(text)

    assert first.values["name_kanji"] == ("見本", '"太郎"')
    assert second.line == 3
    assert second.values["name_kanji"] == ("見", "本, 花子")


def test_a_quote_that_is_never_closed_spoils_its_own_line_only():
    text = f'{HEAD}\n"0012345,見本,H12.4.1\n' + f"{GOOD}\n" * MOST_LINES + "#END"

    bad, *good = read(text)

    assert isinstance(bad, Rejected)
    assert bad.line == 2
    assert "quoting" in bad.reason
    assert [record.line for record in good] == list(range(3, 3 + MOST_LINES))


def test_a_row_of_absurd_length_is_set_aside():
    (bad,) = read(f"{HEAD}\n{'x' * 70000}\n#END")

    assert "does not end" in bad.reason


@pytest.mark.parametrize(
    ("head", "end"),
    [
        ("#出力件数:00000002", "#END"),
        ("#成績 出力件数: 2", "#END,00000002"),
        ("", "#END 2"),
        ("", "#END"),
    ],
)
def test_counts_that_fit_are_accepted(head, end):
    first = f"{head}\n" if head else ""
    rows = GOOD + "\n" + GOOD.replace("45", "46")
    assert len(read(f"{first}{HEAD}\n{rows}\n{end}\n")) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"#出力件数:00000003\n{HEAD}\n{GOOD}\n#END", "says it has 3 rows, but 1"),
        (f"{HEAD}\n{GOOD}\n#END,2", "says it has 2 rows, but 1"),
        (f"{HEAD}\n{GOOD}\n", "cut short"),
        (f"{HEAD}\n{GOOD}\n#END\n{GOOD}", "a.csv:4: more follows the trailer"),
        ("", "cut short"),
        ("#END", "no rows"),
        (f"学籍番号,氏名\n{GOOD}\n#END", "'生年月日' .birth_date. is missing"),
        (f"{HEAD},氏名\n{GOOD}\n#END", "'氏名' .name_kanji. stands twice"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_before_its_first_row(text, says):
    with pytest.raises(SourceError, match=says):
        read(text)


def test_a_heading_in_another_encoding_is_refused():
    with pytest.raises(SourceError, match=r"a\.csv:1: the heading cannot be read"):
        read(b"\x81\x20,\x85\n1,2,3\n#END")


def test_a_file_larger_than_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr("adapters.delimited.LARGEST_FILE", 10)
    with pytest.raises(SourceError, match="larger than 10 bytes"):
        read(f"{HEAD}\n{GOOD}\n#END")


def test_a_comment_between_the_rows_is_set_aside_not_lost():
    layout = PERSONS.replace('trailer = "#END"', "")
    bad, good = read(f"#top\n{HEAD}\n# a remark\n{GOOD}\n# the end\n", layout)

    assert (bad.line, bad.reason) == (3, "1 columns where the heading has 3")
    assert good.line == 4


def test_line_ends_of_old_machines_and_their_end_of_file_mark():
    for ending in ("\r", "\r\n"):
        text = ending.join([HEAD, GOOD, "", "#END", "\x1a"])
        assert [record.line for record in read(text)] == [2]


def test_columns_by_number_where_there_is_no_heading():
    layout = (
        PERSONS.replace('kind = "persons"', 'kind = "persons"\nheading = false')
        .replace('"学籍番号"', "1")
        .replace('"氏名"', "2")
        .replace('"生年月日"', "3")
    )
    (record,) = read(f"{GOOD}\n#END,1", layout)
    assert record.line == 1
    with pytest.raises(SourceError, match="column 3 for birth_date, but there are 2"):
        read("0012345,見本\n#END", layout)


def test_tabs():
    layout = 'layout = "tsv"\n' + PERSONS
    text = f"{HEAD}\n{GOOD}\n#END".replace(",", "\t")
    assert len(read(text, layout)) == 1


def test_an_impossible_birth_date_is_left_out_and_the_learner_kept():
    bad, good = read(f"{HEAD}\n0012345,見本　太郎,昭和64年1月8日\n#END")

    assert bad.omitted
    assert (bad.line, bad.column, bad.field) == (2, 3, "生年月日")
    assert "birth_date" not in good.values


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        ("12345,見本　太郎,", 1, "leading zeros"),
        ("0012345,\ue000見本,", 2, "U+E000"),
        ("0012345,見〓本,", 2, "already lost"),
        ("0012345,見\x07本,", 2, "control character"),
        (",見本　太郎,", 1, "empty, and needed"),
        ("0012345,1.2E+04,", 2, "scientific"),
        ("0012345," + "見" * 2001 + ",", 2, "2001 characters"),
    ],
)
def test_a_bad_value_is_set_aside_with_its_column(row, column, says):
    (bad,) = read(f"{HEAD}\n{row}\n#END")

    assert (bad.line, bad.column, bad.omitted) == (2, column, False)
    assert says in bad.reason


def test_a_user_defined_character_is_replaced_by_the_table():
    (record,) = read(f"{HEAD}\n0012345,\ue001本　太郎,\n#END")

    assert record.values["name_kanji"] == ("𠮷本", "太郎")


RESULT_HEAD = "番号,科目コード,科目名,年度,学期,単位,評価,合否,評点,回,形態"
RESULT = "1,INF101,線形代数Ⅰ,2019,前,2.0,秀,合,088,,講義"


def test_a_grade():
    (record,) = read(f"{RESULT_HEAD}\n{RESULT}", RESULTS)

    values = record.values
    assert (values["grade"], values["passed"]) == ("S", "yes")
    assert (str(values["credits"]), str(values["score"])) == ("2", "88")
    assert (values["term"], values["attempt"], values["media"]) == ("first", 1, "no")


@pytest.mark.parametrize(
    ("old", "new", "column", "says"),
    [
        ("2019", "20191", 4, "not a year"),
        ("2019", "1850", 4, "outside 1900 to 2100"),
        (",前,", ",春夏,", 5, "no table"),
        ("2.0", "12-Apr", 6, "spreadsheet"),
        ("2.0", "二", 6, "not a number of credits"),
        ("088", "105", 9, "above 100"),
        (",,講義", ",0,講義", 10, "not a count"),
        ("INF101", "1.2E+04", 2, "scientific"),
    ],
)
def test_a_bad_grade_row(old, new, column, says):
    (bad,) = read(f"{RESULT_HEAD}\n{RESULT.replace(old, new, 1)}", RESULTS)

    assert bad.column == column
    assert says in bad.reason


@pytest.mark.parametrize(
    ("written", "year"),
    [
        ("2022年度", 2022),
        ("令和4年度", 2022),
        ("令和元年度", 2019),
        ("R4", 2022),
        ("平成31", 2019),
    ],
)
def test_academic_years(written, year):
    text = f"{RESULT_HEAD}\n{RESULT.replace('2019', written)}"
    assert read(text, RESULTS)[0].values["year"] == year


def test_a_code_table_may_not_invent_meanings():
    layout = RESULTS.replace('"遠隔" = "yes"', '"遠隔" = "perhaps"')
    text = f"{RESULT_HEAD}\n{RESULT.replace('講義', '遠隔')}"

    (bad,) = read(text, layout)

    assert "media may be no, yes" in bad.reason


def test_a_countrys_code_is_taken_as_it_is():
    layout = PERSONS + 'nationality = { source = "国" }\n'
    head, row = f"{HEAD},国", GOOD
    good = read(f"{head}\n{row},vnm\n{row},日本\n{row},？\n#END", layout)

    assert [
        r.values.get("nationality") for r in good if isinstance(r, SourceRecord)
    ] == [
        "VNM",
        "JPN",
        None,
    ]


def test_a_template_must_name_headings_that_are_there():
    layout = PERSONS.replace('source = "氏名"', 'template = "{姓} {名}"')
    with pytest.raises(SourceError, match=r"'姓' .name_kanji. is missing"):
        read(f"{HEAD}\n{GOOD}\n#END", layout)
    layout = PERSONS.replace('source = "氏名"', 'template = "same"')
    with pytest.raises(SourceError, match="names no heading"):
        read(f"{HEAD}\n{GOOD}\n#END", layout)


def test_one_cell_in_two_fields_is_set_aside_once():
    layout = PERSONS + (
        'programme = { value = "P" }\nfaculty = { value = "F" }\n'
        'department = { value = "D" }\nstatus = { value = "卒業" }\n'
        'graduated_on = { source = "卒業" }\nawarded_on = { source = "卒業" }\n'
    )
    found = read(f"{HEAD},卒業\n{GOOD},2001/2/29\n#END", layout)

    assert [(r.column, r.omitted) for r in found] == [(4, False)]


def test_the_original_is_at_hand():
    octets = f"{HEAD}\n#END".encode("cp932")
    found = DelimitedSource("a.csv", octets, read_mapping(PERSONS.encode(), file="m"))
    assert (found.name, found.octets) == ("a.csv", octets)
