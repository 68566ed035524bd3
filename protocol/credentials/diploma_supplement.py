"""The Diploma Supplement: all eight sections, or a list of what is missing.

Follows the template of the Council of Europe, European Commission and UNESCO in its
2018 form, which the Tokyo Convention (art. I.1, VIII.4) calls the UNESCO Diploma
Supplement. Names are given in the original language and not translated away (2.1, 2.3).
An item that is rightly empty carries its reason; an item the catalogue or register does
not have is reported, and then there is no supplement. Statements of equivalence, value
or recognition have no place in one, and nothing here could make them.
"""

from datetime import date
from typing import Any

from protocol.credentials.learner_record import (
    Award,
    Catalogue,
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
    amount,
    enrolment_in,
    number,
    original,
    other,
    translation,
)
from protocol.credentials.transcript import add_summary

ITEMS: tuple[str, ...] = (
    *("1.1", "1.2", "1.3", "1.4"),
    *("2.1", "2.2", "2.3", "2.4", "2.5"),
    *("3.1", "3.2", "3.3"),
    *("4.1", "4.2", "4.3", "4.4", "4.5"),
    *("5.1", "5.2"),
    *("6.1", "6.2"),
    *("7.1", "7.2", "7.3", "7.4"),
    "8",
)
"""Every item; each has a value or a reason in a supplement that is issued."""

SEAL = "Sealed electronically: the proof of this document is the issuer's seal."


def award_of(learner: LearnerRecord, programme: Programme) -> Award | None:
    """Return the degree the learner was last awarded in a programme."""
    found = [a for a in learner.awards if a.programme == programme.key]
    return max(found, key=lambda a: a.awarded_on, default=None)


def diploma_supplement(
    learner: LearnerRecord, programme: Programme, catalogue: Catalogue, *, on: date
) -> Built:
    """Build the supplement of the degree awarded in `programme`, certified `on`."""
    draft = Draft()
    award = award_of(learner, programme)
    add_holder(draft, learner)
    _add_qualification(draft, programme, award, catalogue)
    _add_level(draft, programme)
    enrolment = enrolment_in(learner, programme.key)
    add_studies(draft, programme, enrolment, catalogue)
    _add_contents(draft, learner, programme, award, catalogue)
    _add_function(draft, programme)
    _add_certification(draft, catalogue, on)
    return draft.built()


def _add_qualification(
    draft: Draft, programme: Programme, award: Award | None, catalogue: Catalogue
) -> None:
    """State section 2."""
    degree = programme.degree
    absent = f"the catalogue has no {{}} for {programme.key}".format
    draft.need(
        *("2.1", "qualification", "title", translation(degree)), absent("degree title")
    )
    if degree is not None and original(degree, catalogue) is None:
        draft.lack(
            *("2.1", ("qualification", "title_original")),
            absent("degree title in the original language"),
        )
    draft.put("qualification", title_original=other(degree, catalogue))
    draft.need(
        *("2.1", "qualification", "awarded_on"),
        award.awarded_on.isoformat() if award else None,
        f"the register has no degree awarded in {programme.key}",
    )
    draft.need(
        *("2.2", "qualification", "field", _field(programme)), absent("field of study")
    )
    add_institution(draft, catalogue)
    draft.need(
        *("2.3", "qualification", "institution_status"),
        translation(catalogue.institution_status),
        "the catalogue does not state the status of the institution",
    )
    draft.may(
        *("2.4", "qualification", "teaching_institution", None),
        "The studies were administered by the awarding institution (2.3).",
    )
    draft.need(
        *("2.5", "qualification", "languages", list(programme.languages)),
        absent("language of instruction"),
    )


def _add_level(draft: Draft, programme: Programme) -> None:
    """State section 3."""
    absent = f"the catalogue has no {{}} for {programme.key}".format
    draft.need(
        *("3.1", "qualification", "level", translation(programme.level)),
        absent("level in words"),
    )
    length = programme.length_years
    draft.need(
        *("3.2", "programme", "length"),
        {"value": number(length), "unit": "year"} if length is not None else None,
        absent("official length in years"),
    )
    draft.need(
        *("3.2", "programme", "credits", amount(programme.credits_required)),
        absent("number of credits required"),
    )
    draft.need(
        *("3.3", "programme", "access_requirements"),
        translation(programme.access_requirements),
        absent("access requirements"),
    )


def _add_contents(
    draft: Draft,
    learner: LearnerRecord,
    programme: Programme,
    award: Award | None,
    catalogue: Catalogue,
) -> None:
    """State section 4."""
    absent = f"the catalogue has no {{}} for {programme.key}".format
    draft.need(
        *("4.1", "programme", "mode", translation(programme.mode)),
        absent("mode of study"),
    )
    draft.need(
        *("4.2", "programme", "learning_outcomes"),
        translation(programme.learning_outcomes),
        absent("learning outcomes"),
    )
    add_results(draft, learner.results, catalogue)
    add_grading(draft, learner.results, catalogue, scale=programme.grading_scale)
    add_summary(draft, learner.results, catalogue, scale=programme.grading_scale)
    draft.may(
        *("4.5", "qualification", "classification"),
        award.classification if award else None,
        "The register states no overall classification of this qualification.",
    )


def _add_function(draft: Draft, programme: Programme) -> None:
    """State sections 5 and 6."""
    absent = f"the catalogue has no {{}} for {programme.key}".format
    draft.need(
        *("5.1", "function", "further_study", translation(programme.further_study)),
        absent("access to further study"),
    )
    # That a degree opens no regulated profession is a statement too, and only the
    # institution can make it: an empty cell does not say so.
    draft.need(
        *("5.2", "function", "professional_status"),
        translation(programme.professional_status),
        absent("professional status"),
    )
    draft.may(
        *("6.1", "information", "additional", translation(programme.additional)),
        "The institution has no additional information on this programme.",
    )
    draft.may(
        *("6.2", "information", "sources", list(programme.sources)),
        "The institution names no further sources for this programme.",
    )


def _add_certification(draft: Draft, catalogue: Catalogue, on: date) -> None:
    """State sections 7 and 8."""
    signatory, _, capacity = (translation(catalogue.signatory) or "").partition(", ")
    draft.put("certification", date=on.isoformat())
    draft.need(
        *("7.2", "certification", "signatory", signatory),
        "the catalogue does not say who certifies",
    )
    draft.may(
        *("7.3", "certification", "capacity", capacity),
        "The capacity is part of the name given in 7.2.",
    )
    draft.put("certification", seal=SEAL)
    draft.need(
        *("8", "system", "description", translation(catalogue.education_system)),
        "the catalogue does not describe the education system",
    )


def _field(programme: Programme) -> dict[str, Any] | None:
    if programme.field is None:
        return None
    field: dict[str, Any] = {"scheme": "ISCED-F 2013", "code": programme.field}
    if name := translation(programme.field_name):
        field["name"] = name
    return field
