from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.texts.catalogue import LANGUAGES
from node.web import wording
from node.web.pages import best, parse_day
from protocol.credentials.record_model import UNITS


@pytest.mark.parametrize(
    ("path", "value", "en", "ja"),
    [
        (
            ("qualification", "awarded_on"),
            "2026-03-24",
            "24 March 2026",
            "2026年3月24日",
        ),
        (("a", "b"), "2026-13-24", "2026-13-24", "2026-13-24"),
        (
            ("programme", "credits"),
            {"value": 124, "unit": "JP-UNIV"},
            "124 credits (Japan, 45 h each)",
            "124単位（1単位45時間）",
        ),
        (("programme", "credits"), {"value": 3, "unit": "X"}, "3 X", "3 X"),
        (("programme", "length"), {"value": 4, "unit": "year"}, "4 years", "4年"),
        (("programme", "length"), {"value": 4, "unit": "moon"}, "4 moon", "4 moon"),
        (
            ("results", 0, "grade"),
            {"label": "A", "scale": "JP5", "score": 86, "passed": True},
            "A (86), passed",
            "A (86)、合格",
        ),
        (
            ("results", 0, "grade"),
            {"label": "D", "scale": "JP5", "passed": False},
            "D, not passed",
            "D、不合格",
        ),
        (
            ("results", 0, "taken"),
            {"year": 2022, "term": "first"},
            "academic year 2022, first semester",
            "2022年度 前期",
        ),
        (("results", 0, "taken"), {"year": 2022}, "academic year 2022", "2022年度"),
        (
            ("results", 0, "taken"),
            {"year": 2022, "syllabus": "https://a/s", "assessment": "https://a/c"},
            "academic year 2022; syllabus https://a/s; assessment criteria https://a/c",
            "2022年度; シラバス https://a/s; 成績評価基準 https://a/c",
        ),
        (("summary", "gpa"), {"value": 3, "maximum": 4}, "3 of 4", "3（4満点）"),
        (
            ("qualification", "field"),
            {"scheme": "ISCED-F 2013", "code": "0613", "name": "Software"},
            "Software (ISCED-F 2013 0613)",
            "Software (ISCED-F 2013 0613)",
        ),
        (("qualification", "languages"), ["ja", "xx"], "Japanese, xx", "日本語、xx"),
        (
            ("grading", "bands"),
            [
                {"label": "S", "minimum": 90, "maximum": 100, "share": 0.12}
                | {"passed": True},
                {"label": "D", "passed": False},
            ],
            "S 90–100 (12%); D [not passed]",
            "S 90–100 (12%); D [不合格]",
        ),
        (
            ("achievement", "courses"),
            [{"title": "T", "credits": {"value": 2, "unit": "ECTS"}}],
            "T (2 ECTS credits)",
            "T (2 ECTS単位)",
        ),
        (
            ("certificate", "kind"),
            "graduation-certificate",
            "Certificate of graduation",
            None,
        ),
        (("grading", "direction"), "higher-is-better", "higher is better", None),
        (("achievement", "country"), "JP", "Japan", "日本"),
        (("a", "b"), True, "yes", "はい"),
        (("a", "b"), None, "–", "－"),
        (("a", "b"), ["x", "y"], "x, y", "x、y"),
        (("a", "b"), [{"code": "1"}, {"code": "2"}], "code 1; code 2", None),
        (("results", 0, "grade"), {"label": "A"}, "grade A", "評語 A"),
    ],
)
def test_values_are_written_as_people_read_them(path, value, en, ja):
    assert wording.value("en", path, value) == en
    assert ja is None or wording.value("ja", path, value) == ja


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["label", "value", "unit", "passed", "year", "x"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.sampled_from(UNITS), values, st.sampled_from(LANGUAGES))
def test_no_value_of_a_stranger_breaks_a_page(unit, value, language):
    assert isinstance(wording.value(language, unit.path, value), str)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (("qualification", "title"), "Title of the qualification"),
        (("results", None, "grade"), "Grades"),
        (("results", 3, "grade"), "Grades"),
        (("qualification",), "Qualification"),
        (("reasons", "4.5"), "Why item 4.5 is empty"),
        (("new", "thing"), "new › thing"),
        (("new",), "new"),
    ],
)
def test_a_path_has_a_name(path, name):
    assert wording.label("en", path) == name


def test_moments_name_their_zone():
    at = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)

    assert wording.moment("en", at) == "24 November 2026, 15:30 (UTC)"
    japan = wording.zone_of("JP")
    assert wording.moment("ja", at, japan) == "2026年11月25日 00:30（JST）"
    assert wording.moment("en", int(at.timestamp())) == "24 November 2026, 15:30 (UTC)"
    assert wording.zone_of("NL") is UTC


@pytest.mark.parametrize(
    ("texts", "chosen"),
    [
        ({"en": "a", "ja": "b"}, "b"),
        ({"en": "a"}, "a"),
        ({"fr": "c"}, "c"),
        ({"fr": 1}, ""),
        ({}, ""),
        (None, ""),
        ("plain", "plain"),
    ],
)
def test_a_text_in_some_language_is_better_than_none(texts, chosen):
    assert best("ja", texts) == chosen


def test_a_day_of_a_form_is_a_day_or_nothing():
    assert parse_day("2026-02-28") == date(2026, 2, 28)
    assert parse_day("2026-02-30") is None
