from datetime import date

import pytest

from node.services.drafting import (
    GRADUATES,
    LANGUAGES,
    Drafted,
    Missing,
    Occasion,
    drafts,
    is_wanted,
    kinds_named,
    programme_key,
    readiness,
    same_content,
)
from protocol.credentials.learner_record import Award, Text
from protocol.credentials.record_model import KINDS
from protocol.errors import NotFoundError
from tests.records import (
    CATALOGUE,
    KEY,
    MICRO,
    ON,
    ORIGIN,
    PROGRAMME,
    learner,
    result,
)

OCCASION = Occasion(ON, number="2026-1")
GRADUATE_GETS = {
    "diploma-supplement",
    "transcript",
    "micro-credential",
    "graduation-certificate",
    "grade-certificate",
    "credit-certificate",
}


def draft(kind, record=None, catalogue=CATALOGUE, occasion=OCCASION):
    return list(drafts(kind, record or learner(), catalogue, occasion))


def short(count=61):
    return learner(tuple(result(f"INF{n}", year=2022 + n % 4) for n in range(count)))


def test_a_graduate_gets_everything_but_what_ends_with_graduation():
    ready, missing = readiness(KINDS, learner(), CATALOGUE, OCCASION)

    assert set(ready) == GRADUATE_GETS
    assert {(one.kind, one.item) for one in missing} == {
        ("enrolment-certificate", "status"),
        ("expected-graduation-certificate", "status"),
    }


@pytest.mark.parametrize("kind", ["diploma-supplement", "graduation-certificate"])
def test_who_does_not_fulfil_article_32_gets_no_diploma(kind):
    (only,) = draft(kind, short())

    assert only == Missing(
        kind, "art. 32", "122 credits count, and art. 32(1) asks for 124"
    )


@pytest.mark.parametrize("kind", ["transcript", "grade-certificate"])
def test_who_does_not_fulfil_article_32_gets_the_rest(kind):
    assert isinstance(draft(kind, short())[0], Drafted)


def test_article_32_is_not_asked_about_who_has_not_graduated():
    for kind in GRADUATES:
        found = draft(kind, learner((result("X"),), status="enrolled"))

        assert found
        assert "art. 32" not in {one.item for one in found}


def test_article_32_does_not_govern_degrees_elsewhere():
    catalogue = CATALOGUE.model_copy(update={"country": "NL"})

    assert isinstance(draft("diploma-supplement", short(), catalogue)[0], Drafted)


def test_a_missing_item_and_a_missing_credit_are_both_named():
    bare = PROGRAMME.model_copy(update={"learning_outcomes": None})
    catalogue = CATALOGUE.model_copy(update={"programmes": (bare,)})

    found = draft("diploma-supplement", short(), catalogue)

    assert [one.item for one in found] == ["4.2", "art. 32"]


def test_a_programme_the_catalogue_does_not_have_is_named():
    catalogue = CATALOGUE.model_copy(update={"programmes": ()})

    assert draft("transcript", catalogue=catalogue) == [
        Missing("transcript", "programme", f"the catalogue has no programme {KEY}")
    ]


def test_who_was_never_enrolled_gets_nothing():
    record = learner(enrolments=(), awards=())

    assert draft("transcript", record)[0].reason == "never enrolled"


def test_a_diploma_is_about_the_latest_award_and_the_rest_about_the_present():
    master = (
        learner()
        .enrolments[0]
        .model_copy(
            update={
                "programme": "master",
                "status": "enrolled",
                "admitted_on": date(2026, 4, 1),
                "graduated_on": None,
            }
        )
    )
    older = Award(programme="older", awarded_on=date(2000, 3, 24), origin=ORIGIN)
    record = learner()
    record = record.model_copy(
        update={
            "enrolments": (master, *record.enrolments),
            "awards": (*record.awards, older),
        }
    )

    assert programme_key("diploma-supplement", record) == KEY
    assert programme_key("enrolment-certificate", record) == "master"


def test_an_award_has_its_date_and_a_transcript_none():
    assert draft("diploma-supplement")[0].award_date == date(2026, 3, 24)
    assert draft("micro-credential")[0].award_date == ON
    assert draft("transcript")[0].award_date is None


def test_only_what_ends_has_a_last_day():
    enrolled = draft("enrolment-certificate", learner(status="enrolled"))[0]

    assert enrolled.valid_until == date(2026, 7, 10)
    assert draft("graduation-certificate")[0].valid_until is None


def test_a_certificate_is_drafted_in_each_language():
    japanese, english = draft("grade-certificate")

    assert (japanese.key, japanese.lang) == (f"{KEY} (ja)", "ja")
    assert japanese.record["certificate"]["title"] == "成績証明書"
    assert "title_original" not in japanese.record["certificate"]
    assert (english.key, english.lang) == (f"{KEY} (en)", "en")
    assert english.record["certificate"]["title"] == "Certificate of Academic Record"
    assert english.record["certificate"]["title_original"] == "成績証明書"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_certificate_is_drafted_in_the_language_wanted(language):
    (only,) = draft("grade-certificate", occasion=Occasion(ON, (language,), "1"))

    assert only.lang == language


def test_languages_say_nothing_where_a_certificate_has_one():
    catalogue = CATALOGUE.model_copy(update={"country": "NL"})

    (only,) = draft(
        "grade-certificate", catalogue=catalogue, occasion=Occasion(ON, ("ja",), "1")
    )

    assert (only.key, only.lang) == (f"{KEY} (en)", "en")


def test_every_micro_credential_that_was_earned_is_drafted():
    other = MICRO.model_copy(update={"key": "OTHER", "courses": ("INF3",)})
    beyond = MICRO.model_copy(update={"key": "BEYOND", "courses": ("X",)})
    catalogue = CATALOGUE.model_copy(
        update={"micro_credentials": (MICRO, other, beyond)}
    )

    assert [one.key for one in draft("micro-credential", catalogue=catalogue)] == [
        "DATA",
        "OTHER",
    ]


def test_none_earned_is_said_once():
    found = draft("micro-credential", learner((result("X"),)))

    assert [one.item for one in found] == ["courses"]


def test_a_micro_credential_the_catalogue_describes_badly_is_named():
    bad = MICRO.model_copy(update={"level": Text()})
    catalogue = CATALOGUE.model_copy(update={"micro_credentials": (bad,)})

    assert [one.item for one in draft("micro-credential", catalogue=catalogue)] == [
        "Level (and cycle) of the learning experience"
    ]


@pytest.mark.parametrize("kind", sorted(GRADUATE_GETS))
def test_the_day_of_building_changes_no_content(kind):
    later = Occasion(date(2026, 5, 1), number="2026-2")

    assert same_content(draft(kind)[0].record, draft(kind, occasion=later)[0].record)


def test_a_corrected_grade_changes_the_content():
    corrected = learner((*learner().results[:-1], result("INF61", "S", year=2023)))

    assert not same_content(
        draft("transcript")[0].record, draft("transcript", corrected)[0].record
    )


@pytest.mark.parametrize(
    ("programme", "day", "wanted"),
    [
        (None, None, True),
        (KEY, None, True),
        (KEY, date(2026, 3, 24), True),
        (None, date(2026, 3, 25), False),
        ("other", None, False),
    ],
)
def test_a_cohort_is_a_programme_and_a_day(programme, day, wanted):
    assert is_wanted(learner(), programme, day) is wanted


def test_kinds_come_in_the_order_of_the_model():
    assert kinds_named(reversed(KINDS)) == list(KINDS)


def test_a_kind_nobody_knows_is_refused():
    with pytest.raises(NotFoundError, match="unheard-of"):
        kinds_named(["transcript", "unheard-of"])


def test_both_languages_are_the_rule():
    assert Occasion(ON).languages == LANGUAGES == ("ja", "en")
