"""Text and dates as Japanese systems write them."""

import contextlib
import itertools
import unicodedata
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import japanese
from adapters.japanese import ERAS, day, in_era_form, normalise

days = st.dates(date(1873, 1, 1), date(2099, 12, 31))


@given(st.text())
def test_normalising_twice_changes_nothing_more(text):
    once = normalise(text)

    assert normalise(once) == once


@given(st.text(alphabet=st.characters(min_codepoint=0x30A1, max_codepoint=0x30F4)))
def test_full_width_kana_stay_as_they_are(text):
    assert normalise(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ﾔﾏｻﾞｷ　ﾊﾅｺ", "ヤマザキ ハナコ"),
        ("ﾊﾟﾋﾟﾌﾟ", "パピプ"),
        ("ｳﾞｧｲｵﾘﾝ", "ヴァイオリン"),
        ("００１２３４５", "0012345"),
        ("Ｓ", "S"),
        ("線形代数Ⅰ①", "線形代数Ⅰ①"),
        ("㈱見本", "㈱見本"),
        ("会話～入門", "会話〜入門"),
        ("会話〜入門", "会話〜入門"),
        ("－1", "−1"),
        ("\u3000 髙橋 \u3000 太郎 ", "髙橋 太郎"),
    ],
)
def test_one_spelling(written, meant):
    assert normalise(written) == meant


def test_what_cp932_and_shift_jis_decode_differently_becomes_one():
    for code in (b"\x81\x60", b"\x81\x61", b"\x81\x7c", b"\x81\x91", b"\x81\xca"):
        assert normalise(code.decode("cp932")) == normalise(code.decode("shift_jis"))


def test_a_name_keeps_its_own_form_of_a_character():
    for sign in "神福都﨑髙":
        assert normalise(sign) == sign


@pytest.mark.parametrize("sign", ["\ue000", "\ue757", "\uf8f0"])
def test_user_defined_characters_are_found(sign):
    assert japanese.gaiji(f"見{sign}本") == sign
    assert japanese.gaiji("見本髙﨑") is None


@given(days, st.sampled_from(["kanji", "roman", "compact"]))
def test_every_day_is_read_back_from_every_era_form(at, form):
    assert day(in_era_form(at, form)) == at


@given(days)
def test_every_day_is_read_from_every_common_form(at):
    forms = (
        f"{at:%Y%m%d}",
        f"{at:%Y-%m-%d}",
        f"{at.year}/{at.month}/{at.day}",
        f"{at.year}年{at.month}月{at.day}日",
    )
    for form in forms:
        assert day(form) == at
        assert (
            day(form.translate(str.maketrans("0123456789", "０１２３４５６７８９")))
            == at
        )


def test_an_era_ends_on_the_day_it_ends():
    for era, following in itertools.pairwise(ERAS):
        year = era.last.year - era.first.year + 1
        last = f"{era.letter}{year}.{era.last.month}.{era.last.day}"
        after = era.last + timedelta(days=1)

        assert day(last) == era.last
        with pytest.raises(ValueError, match=f"{era.name} ended"):
            day(f"{era.letter}{year}.{after.month}.{after.day}")
        assert japanese.era_of(after) is following


def test_an_era_does_not_begin_before_it_begins():
    with pytest.raises(ValueError, match="before 令和"):
        day("令和元年4月30日")
    assert day("令和元年5月1日") == date(2019, 5, 1)
    assert day("平成31年4月30日") == date(2019, 4, 30)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("H12.04.01", date(2000, 4, 1)),
        ("S64.01.07", date(1989, 1, 7)),
        ("R元.9.21", date(2019, 9, 21)),
        ("R1.05.01", date(2019, 5, 1)),
        ("平31.4.30", date(2019, 4, 30)),
        ("㍻31年4月30日", date(2019, 4, 30)),
        ("平成三十一年四月三十日", date(2019, 4, 30)),
        ("二〇一九年十二月三十一日", date(2019, 12, 31)),
        ("4310430", date(2019, 4, 30)),
        ("H310430", date(2019, 4, 30)),
        ("2000/4/1 0:00:00", date(2000, 4, 1)),
        ("令和 5年 3月 24日", date(2023, 3, 24)),
        ("大正15年12月25日", date(1926, 12, 25)),
        ("昭和元年12月25日", date(1926, 12, 25)),
    ],
)
def test_a_day(written, meant):
    assert day(written) == meant


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("昭和64年1月8日", "1989-01-08 is 平成1年"),
        ("平成31年5月1日", "2019-05-01 is 令和1年"),
        ("2001/2/29", "no day 2001-02-29"),
        ("R0.1.1", "no year 0"),
        ("310401", "six digits"),
        ("12-Apr", "spreadsheet"),
        ("1.2E+04", "scientific"),
        ("36617", "5 digits"),
        ("9310401", "not an era"),
        ("明治5年12月2日", "lunisolar"),
        ("令和一二三年三十十月一日", "not a date"),
        ("昨日", "not a date"),
        ("  ", "empty"),
    ],
)
def test_a_day_that_is_none_is_refused_with_its_reason(written, says):
    with pytest.raises(ValueError, match=says):
        day(written)


@given(st.text(alphabet="〇一二三十九平成令和元RH0123456789年月日./-", max_size=12))
def test_no_text_is_too_odd_to_be_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(day(text), date)


def test_six_digits_are_read_when_their_era_is_known():
    assert day("310401", era_letter="H") == date(2019, 4, 1)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("12345", "leading zeros are lost"),
        ("1.2E+04", "scientific"),
        ("12-Apr", "day without a year"),
        ("4月1日", "day without a year"),
        ("#REF!", "spreadsheet error"),
        ("A12", "3 characters"),
        ("12345678", "8 characters"),
        (" ", "empty"),
    ],
)
def test_a_number_a_spreadsheet_has_touched_is_refused(written, says):
    with pytest.raises(ValueError, match=says):
        japanese.identifier(written, width=7)


def test_an_identifier_keeps_its_zeros():
    assert japanese.identifier("００１２３４５", width=7) == "0012345"
    assert japanese.identifier("２０１９－１１８４２") == "2019-11842"


def test_a_year_begins_in_april():
    assert japanese.academic_year(date(2023, 3, 31)) == 2022
    assert japanese.academic_year(date(2023, 4, 1)) == 2023
    assert japanese.academic_year(date(2024, 2, 29)) == 2023
