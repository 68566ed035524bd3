"""The parts that several kinds of record share, made from what the institution knows.

A record is drafted part by part. What is required and not known is noted as missing,
with the item and the reason, and then nothing is issued: no value is made up, none is
converted, and nothing says what a qualification is worth elsewhere. What is rightly
empty carries its reason instead (Diploma Supplement, general rule).

Credits keep their unit and are never added across units. A repeated course counts once,
a failed one not at all (University Establishment Standards art. 27).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from protocol.credentials.claims_paths import Path
from protocol.credentials.learner_record import (
    Catalogue,
    Course,
    CourseResult,
    Credits,
    Enrolment,
    GradeBand,
    GradingScale,
    LearnerRecord,
    Programme,
    Text,
)


@dataclass(frozen=True, slots=True)
class MissingItem:
    """Something a record must say and the institution has not recorded."""

    item: str
    """Number in the Diploma Supplement, or a word for what has none."""
    path: Path
    why: str
    """What was found, and where it would have to be stated."""


@dataclass(frozen=True, slots=True)
class Built:
    """A record, or what is missing for it; complete if nothing is missing."""

    record: dict[str, Any]
    missing: tuple[MissingItem, ...] = ()

    @property
    def complete(self) -> bool:
        """Tell whether the record may be issued."""
        return not self.missing


@dataclass(slots=True)
class Draft:
    """A record while it is being put together."""

    record: dict[str, Any] = field(default_factory=dict)
    missing: list[MissingItem] = field(default_factory=list)
    _reasons: dict[str, str] = field(default_factory=dict)

    def put(self, group: str, **members: Any) -> None:
        """State members of a group; those that are None or empty are left out."""
        stated = {name: value for name, value in members.items() if _is_stated(value)}
        if stated:
            self.record.setdefault(group, {}).update(stated)

    def need(self, item: str, group: str, member: str, value: Any, why: str) -> None:
        """State a member that must not be absent."""
        if _is_stated(value):
            self.put(group, **{member: value})
        else:
            self.lack(item, (group, member), why)

    def may(self, item: str, group: str, member: str, value: Any, why: str) -> None:
        """State a member, or else why it is rightly empty."""
        if _is_stated(value):
            self.put(group, **{member: value})
        else:
            self._reasons[item] = why

    def lack(self, item: str, path: Path, why: str) -> None:
        """Note that something is missing."""
        self.missing.append(MissingItem(item, path, why))

    def built(self) -> Built:
        """Return what was drafted."""
        record = dict(self.record)
        if self._reasons:
            record["reasons"] = dict(self._reasons)
        return Built(record, tuple(self.missing))


def number(value: Decimal) -> int | float:
    """Return an exact amount as the JSON number that reads the same."""
    return int(value) if value == value.to_integral_value() else float(value)


def amount(credits_: Credits | None) -> dict[str, Any] | None:
    """Return credits with their unit."""
    if credits_ is None:
        return None
    return {"value": number(credits_.value), "unit": credits_.unit}


def original(text: Text | None, catalogue: Catalogue) -> str | None:
    """Return a text in the institution's own language, untranslated."""
    if text is None:
        return None
    if text.original:
        return text.original
    return text.ja if catalogue.country == "JP" else text.en or text.ja


def translation(text: Text | None) -> str | None:
    """Return a text in English, or in the language there is."""
    return text.best("en") if text else None


def other(text: Text | None, catalogue: Catalogue) -> str | None:
    """Return a text in the original language where that is not the English one."""
    own = original(text, catalogue)
    return None if own == translation(text) else own


def add_holder(draft: Draft, learner: LearnerRecord, *, born: bool = True) -> None:
    """State who the learner is (section 1); `born` says the birth date is required."""
    person = learner.person
    name = person.name("latin", "kanji", "kana")
    scripts = {str(each.script): each for each in reversed(person.names)}
    draft.may(
        *("1.1", "holder", "family_name", name.family),
        "The holder has a single name, which is given in 1.2.",
    )
    draft.need(
        *("1.2", "holder", "given_name", name.given),
        "the register has no given name",
    )
    for script, member in (("kanji", "name_native"), ("kana", "name_kana")):
        if (spelling := scripts.get(script)) is not None:
            whole = f"{spelling.family} {spelling.given}".strip()
            draft.put("holder", **{member: whole})
    birth = person.birth_date.isoformat() if person.birth_date else None
    if birth or not born:
        draft.put("holder", birth_date=birth)
    else:
        draft.lack(
            *("1.3", ("holder", "birth_date")),
            "the register has no possible date of birth",
        )
    draft.put("holder", student_number=person.student_number)


def add_institution(draft: Draft, catalogue: Catalogue) -> None:
    """State which institution this is, in its own language too (item 2.3)."""
    draft.need(
        *("2.3", "qualification", "awarding_institution"),
        translation(catalogue.institution),
        "the catalogue does not name the institution",
    )
    draft.put(
        "qualification",
        awarding_institution_original=other(catalogue.institution, catalogue),
    )


def add_studies(
    draft: Draft,
    programme: Programme,
    enrolment: Enrolment | None,
    catalogue: Catalogue,
) -> None:
    """State what is or was studied, and since when."""
    draft.put(
        "programme",
        name=translation(programme.name),
        name_original=other(programme.name, catalogue),
    )
    if enrolment is None:
        draft.lack(
            *("enrolment", ("programme", "admitted_on")),
            f"the register has no enrolment in {programme.key}",
        )
        return
    draft.put("programme", admitted_on=_day(enrolment.admitted_on))
    if enrolment.status == "graduated":
        draft.put("programme", graduated_on=_day(enrolment.graduated_on))


def add_results(
    draft: Draft,
    results: Sequence[CourseResult],
    catalogue: Catalogue,
    *,
    grades: bool = True,
) -> None:
    """State courses with credits and unit, grade and scale, term (item 4.3).

    With the term go the links to that year's syllabus and criteria of assessment, where
    the catalogue has them (University Establishment Standards, art. 25-2).
    Credits earned elsewhere carry their origin: they are reported, not certified as
    the institution's own.
    """
    if not results:
        draft.lack("4.3", ("results",), "there is no result to state")
        return
    courses = {(course.code, course.year): course for course in catalogue.courses}
    draft.record["results"] = [
        _row(result, courses.get((result.code, result.year)), catalogue, grades=grades)
        for result in in_order(results)
    ]


def add_grading(
    draft: Draft,
    results: Sequence[CourseResult],
    catalogue: Catalogue,
    *,
    scale: str | None = None,
) -> None:
    """State the scales of the grades used, best grade first (item 4.4)."""
    keys = dict.fromkeys([*([scale] if scale else []), *_scales(results)])
    scales: list[GradingScale] = []
    for key in keys:
        if (found := catalogue.scale(key)) is None:
            draft.lack(
                *("4.4", ("grading", "bands")),
                f"the catalogue has no grading scale {key}",
            )
        else:
            scales.append(found)
    if not keys:
        draft.lack("4.4", ("grading", "bands"), "the programme names no grading scale")
    for label, key in sorted(_unexplained(results, scales)):
        draft.lack(
            *("4.4", ("grading", "bands")),
            f"the grading scale {key} does not explain the grade {label}",
        )
    if scales:
        draft.put(
            "grading",
            name="; ".join(found.name.best("en") for found in scales),
            direction=_direction(scales[0]),
            bands=[_band(found.key, band) for found in scales for band in found.bands],
        )


def earned(results: Iterable[CourseResult]) -> tuple[CourseResult, ...]:
    """Return the results that earn credits: passed, and each course once.

    Of several passes of one course the first counts.
    """
    counted: dict[str, CourseResult] = {}
    for result in in_order(results):
        if result.grade.passed and result.credits.value > 0:
            counted.setdefault(result.code, result)
    return tuple(counted.values())


def in_order(results: Iterable[CourseResult]) -> list[CourseResult]:
    """Return results as they were taken: by year, term, code and attempt."""
    terms = {"first": 0, "second": 1, "full-year": 2, "intensive": 3}
    return sorted(results, key=lambda r: (r.year, terms[r.term], r.code, r.attempt))


def enrolment_in(learner: LearnerRecord, programme: str) -> Enrolment | None:
    """Return the latest enrolment of the learner in a programme."""
    found = [e for e in learner.enrolments if e.programme == programme]
    return max(found, key=lambda e: e.admitted_on or date.min, default=None)


def _row(
    result: CourseResult, given: Course | None, catalogue: Catalogue, *, grades: bool
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "code": result.code,
        "title": translation(result.title),
    }
    if (own := other(result.title, catalogue)) is not None:
        row["title_original"] = own
    row["credits"] = amount(result.credits)
    if grades:
        row["grade"] = {"label": result.grade.label, "scale": result.grade.scale}
        if result.grade.score is not None:
            row["grade"]["score"] = number(result.grade.score)
        row["grade"]["passed"] = result.grade.passed
    row["taken"] = {"year": result.year, "term": result.term}
    if result.recognised_from:
        row["recognised_from"] = result.recognised_from
    elif given is not None:
        links = {"syllabus": given.syllabus, "assessment": given.assessment}
        row["taken"] |= {name: link for name, link in links.items() if link}
    return row


def _band(scale: str, band: GradeBand) -> dict[str, Any]:
    row: dict[str, Any] = {"scale": scale, "label": band.label, "passed": band.passed}
    for name in ("minimum", "maximum", "points", "share"):
        value = getattr(band, name)
        if value is not None:
            row[name] = number(value)
    return row


def _scales(results: Iterable[CourseResult]) -> list[str]:
    return sorted({result.grade.scale for result in results})


def _unexplained(
    results: Iterable[CourseResult], scales: Iterable[GradingScale]
) -> set[tuple[str, str]]:
    explained = {(band.label, scale.key) for scale in scales for band in scale.bands}
    known = {scale.key for scale in scales}
    used = {(r.grade.label, r.grade.scale) for r in results if r.grade.scale in known}
    return used - explained


def _direction(scale: GradingScale) -> str:
    return "higher-is-better" if scale.higher_is_better else "lower-is-better"


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _is_stated(value: Any) -> bool:
    return value is not None and value not in ("", [], (), {})
