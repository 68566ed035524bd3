from decimal import Decimal

from hypothesis import given

from protocol.credentials.learner_record import Credits, Grade
from protocol.credentials.record_model import unknown_units
from protocol.credentials.record_parts import earned, in_order
from protocol.credentials.transcript import (
    GPA_RULE,
    average,
    credits_earned,
    transcript,
)
from tests.records import (
    CATALOGUE,
    PROGRAMME,
    SCALE,
    learner,
    result,
    results_of_any_kind,
)


def build(results):
    return transcript(learner(results), PROGRAMME, CATALOGUE)


def test_every_attempt_is_listed_in_the_order_it_was_taken():
    again = result("INF1", "B", year=2023, attempt=2)
    failed = result("INF1", "D", year=2022)
    rows = build((again, failed)).record["results"]

    assert [row["grade"]["label"] for row in rows] == ["D", "B"]


def test_a_transcript_needs_no_degree_and_no_birth_date():
    record = learner(status="enrolled", person={"birth_date": None})

    built = transcript(record, PROGRAMME, CATALOGUE)

    assert built.complete
    assert "birth_date" not in built.record["holder"]
    assert "graduated_on" not in built.record["programme"]


def test_a_grade_states_its_score_and_scale():
    grade = Grade(label="A", scale="JP5", score=Decimal("84.5"), passed=True)
    row = build((result(grade=grade),)).record["results"][0]

    assert row["grade"] == {
        "label": "A",
        "scale": "JP5",
        "score": 84.5,
        "passed": True,
    }


def test_credits_from_elsewhere_are_marked_with_their_origin():
    row = build((result(label="認", recognised_from="外国大学"),)).record["results"][0]

    assert row["recognised_from"] == "外国大学"


def test_a_repeated_course_counts_once_and_a_failed_one_not_at_all():
    results = (
        result("INF1", "D"),
        result("INF1", "B", year=2023, attempt=2),
        result("INF1", "A", year=2024, attempt=3),
        result("INF2", "D"),
    )

    assert credits_earned(results) == {"value": 2, "unit": "JP-UNIV"}


def test_credits_of_two_units_are_not_added_together():
    ects = result("INF2", credits=Credits(value=6, unit="ECTS"))
    built = build((result("INF1"), ects))

    assert built.complete
    assert "credits_earned" not in built.record["summary"]
    assert "more than one unit" in built.record["reasons"]["credits_earned"]


def test_who_earned_no_credits_has_a_reason_for_it():
    built = build((result("INF1", "D"),))

    assert built.record["reasons"] == {"credits_earned": "No credits have been earned."}


def test_the_average_comes_with_scale_maximum_and_rule():
    results = (
        result("INF1", "S"),
        result("INF2", "C", credits=Credits(value=1, unit="JP-UNIV")),
    )

    assert build(results).record["summary"]["gpa"] == {
        "value": 3,
        "maximum": 4,
        "scale": "JP5",
        "rule": GPA_RULE,
    }


def test_the_average_counts_the_last_attempt_and_failed_courses():
    results = (
        result("INF1", "D"),
        result("INF1", "A", year=2023, attempt=2),
        result("INF2", "D"),
    )

    assert average(results, CATALOGUE, scale="JP5")["value"] == 1.5


def test_the_average_is_rounded_half_up():
    results = tuple(result(f"INF{n}", "A" if n < 5 else "B") for n in range(8))

    assert average(results, CATALOGUE, scale="JP5")["value"] == 2.63


def test_the_average_leaves_out_what_has_no_points():
    results = (
        result("INF1", "B"),
        result("INF2", "認"),
        result("INF3", "S", recognised_from="外国大学"),
    )

    assert average(results, CATALOGUE, scale="JP5")["value"] == 2


def test_there_is_no_average_without_a_scale_or_points():
    bands = tuple(b.model_copy(update={"points": None}) for b in SCALE.bands)
    pointless = SCALE.model_copy(update={"bands": bands})
    catalogue = CATALOGUE.model_copy(update={"grading_scales": (pointless,)})

    assert average((result(),), CATALOGUE, scale="X") is None
    assert average((result(),), catalogue, scale="JP5") is None
    assert average((), CATALOGUE, scale="JP5") is None


@given(results_of_any_kind)
def test_credits_counted_never_exceed_credits_passed(results):
    counted = earned(results)

    assert all(r.grade.passed for r in counted)
    assert len({r.code for r in counted}) == len(counted)
    assert sum(r.credits.value for r in counted) <= sum(
        r.credits.value for r in results if r.grade.passed
    )


@given(results_of_any_kind)
def test_no_result_is_lost_or_made_up(results):
    rows = build(results).record.get("results", [])

    assert [row["code"] for row in rows] == [r.code for r in in_order(results)]
    assert len(rows) == len(results)


@given(results_of_any_kind)
def test_every_part_of_a_transcript_is_in_the_record_model(results):
    assert unknown_units("transcript", build(results).record) == ()


@given(results_of_any_kind)
def test_the_average_lies_within_its_scale(results):
    found = average(results, CATALOGUE, scale="JP5")

    assert found is None or 0 <= found["value"] <= found["maximum"]
