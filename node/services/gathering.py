"""Joins the rows of student-record exports into learner records.

Nothing is stored here and nothing guessed: a row that contradicts itself or repeats
another is set aside like one that could not be read. Every value keeps its `Origin`.

When a learner is known already, what a new export says of them is laid over what is
there: an enrolment, a result or an award replaces the one with the same key, and what
the export does not mention stays. Where nothing but the place in a file is different,
the older origin stays too, so that importing the same facts again changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

from adapters.mapping import SourceMapping
from adapters.source import Rejected, SourceRecord, StudentRecordSource
from protocol.credentials.learner_record import (
    Award,
    CourseResult,
    Credits,
    Enrolment,
    Grade,
    LearnerRecord,
    Name,
    Origin,
    Person,
    Text,
)

_SCRIPTS = {
    "name_kanji": "kanji",
    "name_kana": "kana",
    "name_latin": "latin",
    "name_former": "former",
}
_TERMS = {"first": 0, "full-year": 1, "intensive": 2, "second": 3}
"""The order of terms on a transcript."""

ResultKey = tuple[str, int, str, int]


@dataclass(slots=True)
class Draft:
    """What the files of one import say of one learner."""

    person: Person | None = None
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    awards: dict[str, Award] = field(default_factory=dict)
    results: dict[ResultKey, CourseResult] = field(default_factory=dict)
    rows: list[SourceRecord] = field(default_factory=list)
    """The result rows, to be set aside if nobody knows the learner."""


@dataclass(slots=True)
class Gathered:
    """What the files of one import say altogether, by student number."""

    drafts: dict[str, Draft] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    rows: int = 0


def document_id(octets: bytes) -> str:
    """Return the id under which an original is kept: the same for the same bytes."""
    return sha256(octets).hexdigest()[:32]


def gather(sources: Iterable[tuple[StudentRecordSource, SourceMapping]]) -> Gathered:
    """Read all of `sources` and join their rows by student number.

    Raises:
        SourceError: one of them cannot be used as a whole; then none is.
    """
    gathered = Gathered()
    for source, mapping in sources:
        document = document_id(source.octets)
        last = 0
        for read in source.records():
            gathered.rows += read.line != last
            last = read.line
            if isinstance(read, Rejected):
                gathered.rejected.append(read)
                continue
            origin = Origin(document=document, file=read.file, line=read.line)
            draft = gathered.drafts.setdefault(read.values["student_number"], Draft())
            try:
                if read.kind == "persons":
                    _add_person(draft, read.values, origin)
                else:
                    _add_result(draft, read.values, origin, mapping.failing)
                    draft.rows.append(read)
            except _ContradictionError as error:
                gathered.rejected.append(_aside(read, error.field, str(error)))
    return gathered


class _ContradictionError(Exception):
    """A row that can be read but says what cannot be so."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field_name


def _aside(row: SourceRecord, field_name: str, reason: str) -> Rejected:
    return Rejected(row.file, row.line, None, field_name, reason, row.raw)


def unknown_learner(draft: Draft) -> list[Rejected]:
    """Set the result rows of a learner aside whom neither files nor store know."""
    reason = "no learner has this student number"
    return [_aside(row, "student_number", reason) for row in draft.rows]


def _add_person(draft: Draft, values: Mapping[str, Any], origin: Origin) -> None:
    """Add a row of a student register: the person, perhaps an enrolment and award."""
    names = tuple(
        Name(script=script, family=values[key][0], given=values[key][1])
        for key, script in _SCRIPTS.items()
        if key in values
    )
    if not names:
        raise _ContradictionError("name_kanji", "the row has no name in any script")
    person = Person(
        student_number=values["student_number"],
        names=names,
        birth_date=values.get("birth_date"),
        sex=values.get("sex"),
        nationality=values.get("nationality"),
        origin=origin,
    )
    if draft.person is not None and not _same(draft.person, person):
        raise _ContradictionError(
            "student_number",
            f"line {draft.person.origin.line} of {draft.person.origin.file} has this "
            "student number too, with another name, birth date, sex or nationality",
        )
    enrolment = _enrolment(values, origin)
    award = _award(values, origin)
    if enrolment is not None and enrolment.programme in draft.enrolments:
        raise _ContradictionError("programme", "this enrolment was already read")
    draft.person = draft.person or person
    if enrolment is not None:
        draft.enrolments[enrolment.programme] = enrolment
    if award is not None:
        draft.awards[award.programme] = award


def _enrolment(values: Mapping[str, Any], origin: Origin) -> Enrolment | None:
    """Return the enrolment a row tells of, if it names a programme and a status."""
    if "programme" not in values or "status" not in values:
        return None
    admitted, graduated = values.get("admitted_on"), values.get("graduated_on")
    born = values.get("birth_date")
    if admitted and graduated and graduated < admitted:
        raise _ContradictionError("graduated_on", "graduated before being admitted")
    if born and admitted and admitted <= born:
        raise _ContradictionError("admitted_on", "admitted before being born")
    return Enrolment(
        programme=values["programme"],
        faculty=Text(ja=values.get("faculty"), en=values.get("faculty_en")),
        department=Text(ja=values.get("department"), en=values.get("department_en")),
        status=values["status"],
        admitted_on=admitted,
        graduated_on=graduated,
        origin=origin,
    )


def _award(values: Mapping[str, Any], origin: Origin) -> Award | None:
    """Return the degree a row tells of, if it says when it was conferred."""
    if "awarded_on" not in values or "programme" not in values:
        return None
    if values.get("status") not in (None, "graduated"):
        raise _ContradictionError(
            "awarded_on",
            f"a degree was conferred, but the status is {values['status']}",
        )
    return Award(
        programme=values["programme"],
        awarded_on=values["awarded_on"],
        number=values.get("award_number"),
        classification=values.get("classification"),
        origin=origin,
    )


def _add_result(
    draft: Draft, values: Mapping[str, Any], origin: Origin, failing: tuple[str, ...]
) -> None:
    """Add a row of grades."""
    label, said = values["grade"], values.get("passed")
    passed = said == "yes" if said else label not in failing
    if said and failing and passed == (label in failing):
        verb = "fails" if label in failing else "passes"
        raise _ContradictionError(
            "passed", f"the grade {label} {verb}, but the row says otherwise"
        )
    result = CourseResult(
        code=values["code"],
        title=_title(values["title"], values.get("title_en")),
        year=values["year"],
        term=values["term"],
        credits=_credits(values["credits"], values["credit_unit"]),
        grade=_grade(label, values["scale"], values.get("score"), passed),
        class_type=values.get("class_type"),
        media=values.get("media") == "yes",
        compulsory=values.get("compulsory"),
        recognised_from=values.get("recognised_from"),
        attempt=values.get("attempt", 1),
        origin=origin,
    )
    key = result_key(result)
    earlier = draft.results.get(key)
    if earlier is not None:
        raise _ContradictionError(
            "code",
            f"line {earlier.origin.line} of {earlier.origin.file} is the same attempt "
            "at the same course",
        )
    draft.results[key] = result


@lru_cache(maxsize=65536)
def _title(title: str, title_en: str | None) -> Text:
    if title_en is None and title.isascii():
        return Text(en=title)
    return Text(ja=title, en=title_en)


@lru_cache(maxsize=4096)
def _credits(value: Any, unit: str) -> Credits:
    return Credits(value=value, unit=unit)


@lru_cache(maxsize=65536)
def _grade(label: str, scale: str, score: Any, passed: bool) -> Grade:  # noqa: FBT001
    return Grade(label=label, scale=scale, score=score, passed=passed)


def result_key(result: CourseResult) -> ResultKey:
    """Return what tells one attempt at one course from another."""
    return result.code, result.year, result.term, result.attempt


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values say the same, wherever they were read."""
    return bool(one == other.model_copy(update={"origin": one.origin}))


def _laid_over(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> dict[Any, Any]:
    """Lay `new` over `old` by key; what says the same keeps its older origin."""
    kept = {
        key: old[key] if key in old and _same(old[key], value) else value
        for key, value in new.items()
    }
    return {**old, **kept}


def drafted(record: LearnerRecord) -> Draft:
    """Return a record that was read as a whole as what an import says of a learner."""
    return Draft(
        person=record.person,
        enrolments={e.programme: e for e in record.enrolments},
        awards={a.programme: a for a in record.awards},
        results={result_key(r): r for r in record.results},
    )


def compose(draft: Draft, known: LearnerRecord | None) -> LearnerRecord | None:
    """Return the record that follows from `draft`, laid over the one there is.

    `None` if the learner is known neither to the files nor to the store.
    """
    person = draft.person or (known and known.person)
    if person is None:
        return None
    drafted = LearnerRecord(
        person=person,
        enrolments=tuple(draft.enrolments.values()),
        results=tuple(draft.results.values()),
        awards=tuple(draft.awards.values()),
    )
    return overlay(drafted, known)


def overlay(new: LearnerRecord, known: LearnerRecord | None) -> LearnerRecord:
    """Lay a record over the one there is; results come in the order of a transcript."""
    old = known or LearnerRecord(person=new.person)
    results = _laid_over(
        {result_key(r): r for r in old.results}, {result_key(r): r for r in new.results}
    )
    enrolments = _laid_over(
        {e.programme: e for e in old.enrolments},
        {e.programme: e for e in new.enrolments},
    )
    awards = _laid_over(
        {a.programme: a for a in old.awards}, {a.programme: a for a in new.awards}
    )
    ordered = sorted(
        results.values(), key=lambda r: (r.year, _TERMS[r.term], r.code, r.attempt)
    )
    return LearnerRecord(
        person=old.person if _same(old.person, new.person) else new.person,
        enrolments=tuple(enrolments.values()),
        results=tuple(ordered),
        awards=tuple(awards.values()),
    )


_ORIGINS: Any = {
    "person": {"origin"},
    "enrolments": {"__all__": {"origin"}},
    "results": {"__all__": {"origin"}},
    "awards": {"__all__": {"origin"}},
}


def content_digest(record: LearnerRecord) -> str:
    """Return a digest of what a record says, wherever it was read (hex SHA-256)."""
    return sha256(record.model_dump_json(exclude=_ORIGINS).encode()).hexdigest()
