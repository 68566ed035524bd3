from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials.learner_record import Credits
from protocol.rules.graduation import RULES, account, applies, assess, rule_on
from tests.records import (
    CATALOGUE,
    KEY,
    ON,
    PROGRAMME,
    learner,
    result,
    results_of_any_kind,
)

RULE = RULES[0]


def judge(results=None, programme=PROGRAMME, **changes):
    return assess(learner(results, **changes), programme, CATALOGUE, on=ON)


def many(count, **changes):
    prefix = changes.pop("prefix", "INF")
    return tuple(result(f"{prefix}{n}", **changes) for n in range(count))


def enrolled(begin, end, **changes):
    enrolment = learner().enrolments[0]
    return enrolment.model_copy(
        update={"admitted_on": begin, "graduated_on": end, **changes}
    )


def test_article_32_1_four_years_and_124_credits_are_enough():
    answer = judge()

    assert answer.fulfilled
    assert answer.shortfalls == ()
    assert (answer.credits, answer.half_years) == (124, 8)


def test_article_32_1_122_credits_are_not():
    answer = judge(many(61))

    assert answer.fulfilled is False
    assert answer.shortfalls == ("122 credits count, and art. 32(1) asks for 124",)


def test_article_32_1_three_and_a_half_years_are_not():
    answer = judge(enrolments=(enrolled(date(2022, 10, 1), date(2026, 3, 24)),))

    assert answer.shortfalls == ("3.5 years in residence, and art. 32(1) asks for 4",)


def test_article_32_1_all_that_is_short_is_said():
    assert len(judge((), enrolments=()).shortfalls) == 2


@pytest.mark.parametrize(
    ("begin", "end", "half_years"),
    [
        # Admission in April or October; the degree some days before the term ends.
        (date(2022, 4, 1), date(2026, 3, 20), 8),
        (date(2022, 4, 1), date(2026, 3, 31), 8),
        (date(2022, 4, 7), date(2025, 9, 30), 7),
        (date(2022, 10, 1), date(2026, 9, 20), 8),
        (date(2022, 9, 21), date(2026, 9, 20), 9),
    ],
)
def test_article_32_1_residence_is_counted_in_half_years(begin, end, half_years):
    assert judge(enrolments=(enrolled(begin, end),)).half_years == half_years


def test_article_32_1_leave_of_absence_is_not_residence():
    periods = (
        enrolled(date(2022, 4, 1), date(2024, 3, 24), programme="x"),
        enrolled(date(2024, 4, 1), None, status="on-leave", programme="x"),
        enrolled(date(2025, 4, 1), date(2026, 3, 24)),
    )

    assert judge(enrolments=periods).half_years == 6


def test_a_programme_may_ask_for_more_than_the_law():
    programme = PROGRAMME.model_copy(
        update={"credits_required": Credits(value=128, unit="JP-UNIV")}
    )

    assert judge(programme=programme).shortfalls == (
        "124 credits count, and the programme asks for 128",
    )


@pytest.mark.parametrize("stated", [None, Credits(value=180, unit="ECTS")])
def test_a_programme_cannot_ask_for_less(stated):
    programme = PROGRAMME.model_copy(update={"credits_required": stated})

    assert judge(programme=programme).required == 124


def test_article_27_a_failed_course_earns_nothing_and_a_repeat_nothing_more():
    accounts = account(
        (
            result("INF1", "D"),
            result("INF1", "C", year=2023, attempt=2),
            result("INF1", "B", year=2024, attempt=3),
        ),
        RULE,
    )

    assert [(a.counted, a.why) for a in accounts] == [
        (0, "not passed"),
        (2, "passed"),
        (0, "a repeat: the course counts once"),
    ]
    assert {a.article for a in accounts} == {"27"}


def test_article_21_other_units_do_not_count():
    (only,) = account((result(credits=Credits(value=6, unit="ECTS")),), RULE)

    assert (only.counted, only.article) == (0, "21")


def test_a_course_without_credits_counts_none():
    (only,) = account((result(credits=Credits(value=0, unit="JP-UNIV")),), RULE)

    assert only.why == "carries no credits"


def test_articles_28_to_30_share_one_bucket_of_60():
    results = many(31, recognised_from="外国大学", label="認") + many(40, prefix="GEN")
    answer = judge(results)

    assert answer.credits == 60 + 80
    over = [a for a in answer.accounts if a.counted < a.earned]
    assert [(a.article, a.counted) for a in over] == [("28-30", 0)]
    assert "0 of 2 fit below the limit of 60" in over[0].why


def test_article_30_3_credits_of_the_same_university_are_outside_the_bucket():
    assert judge(many(40, recognised_from="見本大学")).credits == 80


def test_article_32_5_media_credits_count_up_to_60():
    answer = judge(many(31, media=True) + many(31, prefix="GEN"))

    assert answer.credits == 122
    assert not answer.fulfilled


def test_article_32_5_what_is_above_the_limit_is_said():
    results = (
        many(31, media=True)
        + many(29, prefix="GEN")
        + many(31, prefix="EX", recognised_from="外国大学")
    )
    answer = judge(
        results,
        PROGRAMME.model_copy(
            update={"credits_required": Credits(value=190, unit="JP-UNIV")}
        ),
    )

    assert answer.shortfalls == (
        (
            "178 credits count, "
            "2 more are above the 60 from elsewhere of arts. 28 to 30, "
            "2 more are above the 60 by advanced media of art. 32(5), "
            "and the programme asks for 190"
        ),
    )


def test_credits_are_said_without_idle_zeros():
    half = result("H", credits=Credits(value=Decimal("1.50"), unit="JP-UNIV"))
    answer = judge((half,))

    assert answer.shortfalls[0].startswith("1.5 credits count")


def test_article_32_5_more_media_do_no_harm_beside_124_others():
    assert judge(many(40, media=True) + many(32, prefix="GEN")).fulfilled


def test_a_course_at_the_edge_of_a_bucket_counts_in_part():
    results = (
        *many(29, media=True),
        result("Z", media=True, credits={"value": 4, "unit": "JP-UNIV"}),
    )
    last = account(results, RULE)[-1]

    assert (last.earned, last.counted) == (4, 2)
    assert "2 of 4 fit below the limit of 60" in last.why


@pytest.mark.parametrize("day", [date(1991, 7, 1), date(2018, 6, 28)])
def test_before_the_text_that_is_known_there_is_no_answer(day):
    answer = judge(enrolments=(enrolled(date(1988, 4, 1), day),))

    assert rule_on(day) is None
    assert answer.fulfilled is None
    assert str(day) in answer.shortfalls[0]


def test_a_rule_ends_on_its_last_day(monkeypatch):
    ended = replace(RULE, until=date(2030, 3, 31))
    monkeypatch.setattr("protocol.rules.graduation.RULES", (ended,))

    assert rule_on(date(2030, 3, 31)) is ended
    assert rule_on(date(2030, 4, 1)) is None


def test_who_has_not_graduated_is_judged_by_the_day_asked_about():
    assert judge(status="expected").rule is RULE


@pytest.mark.parametrize("field", ["0841", "0911", "0912", "0916"])
def test_article_32_2_to_4_are_for_a_person_to_judge(field):
    six = PROGRAMME.model_copy(update={"field": field, "length_years": Decimal(6)})
    four = six.model_copy(update={"length_years": Decimal(4)})

    assert judge(programme=six).fulfilled is None
    assert judge(programme=four).fulfilled


@pytest.mark.parametrize(
    ("country", "level", "governed"),
    [
        ("JP", "bachelor", True),
        ("JP", None, True),
        ("JP", "master", False),
        ("NL", "bachelor", False),
    ],
)
def test_article_32_governs_bachelors_in_japan(country, level, governed):
    catalogue = CATALOGUE.model_copy(update={"country": country})
    programme = PROGRAMME.model_copy(update={"level_code": level})

    assert applies(programme, catalogue) is governed


@given(results_of_any_kind)
def test_credits_counted_never_exceed_credits_earned(results):
    accounts = account(results, RULE, institution=("見本大学",))

    assert len(accounts) == len(results)
    assert all(0 <= a.counted <= a.earned for a in accounts)
    assert all(a.why and a.article for a in accounts)
    for article in ("28-30", "32(5)"):
        assert sum(a.counted for a in accounts if a.article == article) <= 60


@given(results_of_any_kind, st.integers(0, 79))
def test_one_more_pass_never_takes_credits_away(results, position):
    more = result("NEW", credits=Credits(value=3, unit="JP-UNIV"))
    position = min(position, len(results))
    longer = (*results[:position], more, *results[position:])

    assert sum(a.counted for a in account(longer, RULE)) == 3 + sum(
        a.counted for a in account(results, RULE)
    )


@given(results_of_any_kind)
def test_the_order_of_an_export_changes_no_sum(results):
    forwards = judge(results)
    backwards = judge(tuple(reversed(results)))

    assert forwards.fulfilled == backwards.fulfilled


def test_the_programme_is_that_of_the_enrolment():
    assert judge(programme=PROGRAMME.model_copy(update={"key": KEY + "x"})).rule
