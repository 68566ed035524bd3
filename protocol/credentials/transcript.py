"""The transcript of records: every course that was taken, as it ended.

Failed and repeated attempts are listed too, because a reader who compares two documents
must find the same rows in both; only the sum counts each course once. The average is
stated with the scale it is on, its highest value and the rule it was worked out by, or
not at all: a bare number means something else at each institution.
"""

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from protocol.credentials.learner_record import (
    Catalogue,
    CourseResult,
    LearnerRecord,
    Programme,
)
from protocol.credentials.record_parts import (
    Built,
    Draft,
    add_grading,
    add_holder,
    add_institution,
    add_results,
    add_studies,
    earned,
    enrolment_in,
    in_order,
    number,
)

GPA_RULE = (
    "Grade points weighted by credits; every course by its last attempt, failed ones "
    "included; grades without points and credits recognised from elsewhere left out; "
    "rounded half up to two decimals."
)


def transcript(
    learner: LearnerRecord, programme: Programme, catalogue: Catalogue
) -> Built:
    """Build the transcript of one learner, with every attempt at every course."""
    draft = Draft()
    add_holder(draft, learner, born=False)
    add_institution(draft, catalogue)
    enrolment = enrolment_in(learner, programme.key)
    add_studies(draft, programme, enrolment, catalogue)
    add_results(draft, learner.results, catalogue)
    add_grading(draft, learner.results, catalogue, scale=programme.grading_scale)
    add_summary(draft, learner.results, catalogue, scale=programme.grading_scale)
    return draft.built()


def add_summary(
    draft: Draft,
    results: Sequence[CourseResult],
    catalogue: Catalogue,
    *,
    scale: str | None,
    gpa: bool = True,
) -> None:
    """State the credits earned, and the average where it can be worked out."""
    total = credits_earned(results)
    draft.may(
        *("credits_earned", "summary", "credits_earned", total),
        "Credits in more than one unit are not added together."
        if earned(results)
        else "No credits have been earned.",
    )
    if gpa:
        draft.put("summary", gpa=average(results, catalogue, scale=scale))


def credits_earned(results: Iterable[CourseResult]) -> dict[str, Any] | None:
    """Return the sum of the credits earned; None if there is none in one unit."""
    counted = earned(results)
    units = {result.credits.unit for result in counted}
    if len(units) != 1:
        return None
    total = sum((result.credits.value for result in counted), Decimal(0))
    return {"value": number(total), "unit": units.pop()}


def average(
    results: Iterable[CourseResult], catalogue: Catalogue, *, scale: str | None
) -> dict[str, Any] | None:
    """Return the grade point average by `GPA_RULE`; None if the scale has no points."""
    found = catalogue.scale(scale)
    if found is None:
        return None
    points = {b.label: b.points for b in found.bands if b.points is not None}
    last = {result.code: result for result in in_order(results)}
    weighted = [
        (points[result.grade.label], result.credits.value)
        for result in last.values()
        if result.grade.scale == found.key
        and result.grade.label in points
        and not result.recognised_from
    ]
    weight = sum((value for _, value in weighted), Decimal(0))
    if weight <= 0:
        return None
    total = sum((point * value for point, value in weighted), Decimal(0))
    value = (total / weight).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return {
        "value": number(value),
        "maximum": number(max(points.values())),
        "scale": found.key,
        "rule": GPA_RULE,
    }
