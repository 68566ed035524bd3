import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials.certificates import FORMS, STATUS_NAMES, certificate, expiry
from protocol.credentials.learner_record import Text
from protocol.credentials.record_model import unknown_units
from tests.records import (
    CATALOGUE,
    ON,
    PROGRAMME,
    learner,
    result,
    results_of_any_kind,
)

# The whole table, written out: who gets which certificate.
GIVEN_TO = {
    "enrolment-certificate": {"enrolled", "expected", "on-leave"},
    "expected-graduation-certificate": {"expected"},
    "graduation-certificate": {"graduated"},
    "grade-certificate": set(STATUS_NAMES),
    "credit-certificate": set(STATUS_NAMES),
}
TITLES = {
    "enrolment-certificate": "在学証明書",
    "expected-graduation-certificate": "卒業見込証明書",
    "graduation-certificate": "卒業証明書",
    "grade-certificate": "成績証明書",
    "credit-certificate": "単位修得証明書",
}


def build(kind, record=None, catalogue=CATALOGUE, programme=PROGRAMME):
    status = min(GIVEN_TO[kind])
    return certificate(
        kind,
        record or learner(status=status),
        programme,
        catalogue,
        on=ON,
        number="A-1",
    )


@pytest.mark.parametrize(
    ("kind", "status"), list(itertools.product(FORMS, STATUS_NAMES))
)
def test_a_certificate_is_for_its_statuses_only(kind, status):
    built = build(kind, learner(status=status))

    if status in GIVEN_TO[kind]:
        assert built.complete
    else:
        refusals = [m.why for m in built.missing if m.item == "status"]
        assert len(refusals) == 1
        assert TITLES[kind] in refusals[0]
        assert STATUS_NAMES[status] in refusals[0]


@pytest.mark.parametrize("kind", FORMS)
def test_a_certificate_speaks_japanese_and_english(kind):
    text = build(kind).record["certificate"]

    assert text["title_original"] == TITLES[kind]
    assert text["title"].startswith("Certificate of")
    assert text["statement"].startswith("This is to certify")
    assert text["statement_original"].endswith("。")
    assert "{" not in text["statement"] + text["statement_original"]


@pytest.mark.parametrize("kind", FORMS)
def test_an_institution_elsewhere_certifies_in_english_only(kind):
    catalogue = CATALOGUE.model_copy(update={"country": "NL"})

    text = build(kind, catalogue=catalogue).record["certificate"]

    assert {"title_original", "statement_original"}.isdisjoint(text)


@pytest.mark.parametrize("kind", FORMS)
def test_a_certificate_carries_number_and_day(kind):
    text = build(kind).record["certificate"]

    assert (text["kind"], text["number"], text["issued_on"]) == (
        kind,
        "A-1",
        "2026-04-10",
    )


@pytest.mark.parametrize("kind", FORMS)
def test_what_changes_ends_after_three_months(kind):
    text = build(kind).record["certificate"]

    assert text.get("valid_until") == ("2026-07-10" if FORMS[kind].expires else None)


def test_only_the_first_two_end():
    assert [kind for kind, form in FORMS.items() if form.expires] == [
        "enrolment-certificate",
        "expected-graduation-certificate",
    ]


def test_asking_when_a_lasting_certificate_ends_is_a_mistake():
    with pytest.raises(ValueError, match="does not end"):
        expiry("graduation-certificate", ON)


def test_three_months_after_the_last_of_november_is_the_last_of_february():
    assert expiry("enrolment-certificate", date(2025, 11, 30)) == date(2026, 2, 28)


@given(st.dates(date(1990, 1, 1), date(2200, 1, 1)))
def test_three_months_are_89_to_92_days(day):
    assert timedelta(89) <= expiry("enrolment-certificate", day) - day <= timedelta(92)


def test_a_learner_on_leave_is_certified_as_such():
    text = build("enrolment-certificate", learner(status="on-leave")).record[
        "certificate"
    ]

    assert "休学中" in text["statement_original"]
    assert "leave of absence" in text["statement"]


def test_a_learner_who_is_not_enrolled_gets_no_certificate():
    built = build("enrolment-certificate", learner(status="enrolled", enrolments=()))

    assert {m.item for m in built.missing} == {"enrolment"}


def test_graduation_states_the_day_and_the_degree():
    record = build("graduation-certificate").record

    assert record["qualification"]["title_original"] == "学士(工学)"
    assert record["qualification"]["awarded_on"] == "2026-03-24"
    assert "2026年3月24日" in record["certificate"]["statement_original"]
    assert "24 March 2026" in record["certificate"]["statement"]


@pytest.mark.parametrize(
    ("changes", "programme", "item"),
    [
        ({"awards": ()}, PROGRAMME, "2.1"),
        ({}, PROGRAMME.model_copy(update={"degree": None}), "2.1"),
    ],
)
def test_graduation_needs_an_award_and_a_degree(changes, programme, item):
    built = build("graduation-certificate", learner(**changes), programme=programme)

    assert item in {m.item for m in built.missing}


def test_graduation_needs_a_day():
    record = learner()
    enrolment = record.enrolments[0].model_copy(update={"graduated_on": None})
    built = build(
        "graduation-certificate",
        record.model_copy(update={"enrolments": (enrolment,)}),
    )

    assert {m.item for m in built.missing} == {"graduation"}


def test_grades_are_certified_for_passed_courses_and_without_an_average():
    results = (result("INF1", "D"), result("INF2", "A"))
    record = build("grade-certificate", learner(results)).record

    assert [row["code"] for row in record["results"]] == ["INF2"]
    assert "gpa" not in record["summary"]


def test_credits_are_certified_without_grades():
    record = build("credit-certificate").record

    assert "grading" not in record
    assert all("grade" not in row for row in record["results"])
    assert record["summary"]["credits_earned"] == {"value": 124, "unit": "JP-UNIV"}


def test_nothing_passed_is_nothing_to_certify():
    built = build("credit-certificate", learner((result("INF1", "D"),)))

    assert {m.item for m in built.missing} == {"4.3"}


def test_a_programme_with_a_japanese_name_only_is_named_so():
    programme = PROGRAMME.model_copy(update={"name": Text(ja="情報工学科")})
    text = build("enrolment-certificate", programme=programme).record["certificate"]

    assert "情報工学科" in text["statement"]


@given(st.sampled_from(list(FORMS)), results_of_any_kind)
def test_every_part_of_a_certificate_is_in_the_record_model(kind, results):
    assert unknown_units(kind, build(kind, learner(results)).record) == ()
