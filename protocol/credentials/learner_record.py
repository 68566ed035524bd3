"""What an institution knows of one learner, before anything is issued.

A `LearnerRecord` is gathered from exports of a student-information system; a
`Programme` from the catalogue, which holds what no student export has. Both are plain
values: the node stores a learner record sealed under the learner's own key, and
`protocol.credentials.diploma_supplement` turns both into the records that are issued.

Every value keeps what gives it meaning: a grade its scale, credits their unit, a name
its script (University Establishment Standards art. 21 and 25-2; Diploma Supplement
sections 1 to 8). Nothing here is guessed: what the source did not say is `None`.
"""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Language = Literal["ja", "en"]


class Value(BaseModel):
    """The base of all values here: frozen, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Value):
    """One text in one or more languages; `ja` or `en` may be absent."""

    ja: str | None = None
    en: str | None = None
    original: str | None = None
    """The text in the language of the source, where that is neither of the two."""
    original_language: str | None = None
    """BCP 47."""

    def best(self, language: Language = "en") -> str:
        """Return the text in `language`, or else in the other one."""
        first, second = (self.en, self.ja) if language == "en" else (self.ja, self.en)
        return first or second or self.original or ""


class Origin(Value):
    """Where a value was read: a stored source document and a line in it."""

    document: str
    """Id of the stored original (32 hex digits)."""
    file: str
    line: int
    """Counted from 1; for XML the line of the element."""


class Name(Value):
    """One spelling of a learner's name; the order of parts is that of the script."""

    script: Literal["kanji", "kana", "latin", "former"]
    family: str
    """May be empty: some people have a single name."""
    given: str


class Person(Value):
    """The learner as a person."""

    student_number: str
    """Half-width digits and letters, leading zeros kept."""
    names: tuple[Name, ...] = Field(min_length=1)
    birth_date: date | None = None
    """`None` where the source holds an impossible date; the reason is quarantined."""
    sex: Literal["0", "1", "2", "9"] | None = None
    """ISO/IEC 5218."""
    nationality: str | None = None
    """ISO 3166-1 alpha-3."""
    origin: Origin

    def name(self, *scripts: str) -> Name:
        """Return the first spelling there is among `scripts`, else the first of all."""
        for script in scripts:
            for name in self.names:
                if name.script == script:
                    return name
        return self.names[0]


class Enrolment(Value):
    """One period of study in one programme."""

    programme: str
    """Key of the programme in the catalogue, as the source writes it."""
    faculty: Text
    department: Text
    status: Literal[
        "enrolled", "on-leave", "graduated", "withdrawn", "removed", "expected"
    ]
    """在学, 休学, 卒業, 退学, 除籍, 卒業見込."""
    admitted_on: date | None = None
    graduated_on: date | None = None
    origin: Origin


class Credits(Value):
    """An amount of study and the unit it is counted in."""

    value: Decimal
    unit: str
    """`JP-UNIV` (1 credit = 45 h, University Establishment Standards art. 21) or
    `ECTS`."""


class Grade(Value):
    """A result as the institution words it, with the scale that gives it meaning."""

    label: str
    """As on the certificate, half-width: `A`, `秀`, `認`."""
    scale: str
    """Key of the grading scale in the catalogue."""
    score: Decimal | None = None
    passed: bool


class CourseResult(Value):
    """One attempt at one course."""

    code: str
    title: Text
    year: int
    """Academic year, April to March in Japan: 2022 ends in March 2023."""
    term: Literal["first", "second", "full-year", "intensive"]
    """前期, 後期, 通年, 集中."""
    credits: Credits
    grade: Grade
    class_type: str | None = None
    """講義, 演習, 実験, 実習, 実技 or 卒業論文等 (art. 21), as the source says it."""
    media: bool = False
    """Taught by advanced media (art. 25(2)); at most 60 such credits count (32(5))."""
    compulsory: Literal["compulsory", "elective", "free"] | None = None
    """必修, 選択, 自由 (art. 20)."""
    recognised_from: str | None = None
    """Where the credits were really earned, if elsewhere (arts. 28 to 30): such a row
    is reported, not certified as the institution's own."""
    attempt: int = 1
    origin: Origin


class Award(Value):
    """A degree that was conferred."""

    programme: str
    awarded_on: date
    number: str | None = None
    """学位記番号."""
    classification: str | None = None
    origin: Origin


class LearnerRecord(Value):
    """Everything the institution knows of one learner."""

    person: Person
    enrolments: tuple[Enrolment, ...] = ()
    results: tuple[CourseResult, ...] = ()
    awards: tuple[Award, ...] = ()


class GradeBand(Value):
    """One grade of a scale."""

    label: str
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    passed: bool
    points: Decimal | None = None
    """Grade points; `None` keeps the grade out of the average."""
    share: Decimal | None = None
    """Share of all grades given, 0 to 1, over the last two years."""


class GradingScale(Value):
    """A grading scale with its direction, pass mark and distribution."""

    key: str
    name: Text
    higher_is_better: bool = True
    bands: tuple[GradeBand, ...]


class Course(Value):
    """A course of the catalogue in one academic year (art. 25-2)."""

    code: str
    year: int
    syllabus: str
    """Link to the syllabus."""
    assessment: str
    """Link to the criteria of assessment."""


class Programme(Value):
    """What no student export has; every item may be absent, and is then named."""

    key: str
    """As enrolments name it, for example `01/工学部/情報工学科`."""
    name: Text
    degree: Text | None = None
    """Title in English and in the original language (Degree Rules art. 2 and 10)."""
    field: str | None = None
    """ISCED-F 2013 code, a string: `0613`."""
    field_name: Text | None = None
    level: Text | None = None
    """In words; Japan has no national qualifications framework."""
    level_code: Literal["bachelor", "master", "doctor", "short-cycle"] | None = None
    length_years: Decimal | None = None
    credits_required: Credits | None = None
    mode: Text | None = None
    languages: tuple[str, ...] = ()
    """BCP 47."""
    access_requirements: Text | None = None
    learning_outcomes: Text | None = None
    grading_scale: str | None = None
    """Key of the scale that applies."""
    further_study: Text | None = None
    professional_status: Text | None = None
    additional: Text | None = None
    sources: tuple[str, ...] = ()


class MicroCredential(Value):
    """A micro-credential of the catalogue (EU 2022/C 243/02, Annex I)."""

    key: str
    courses: tuple[str, ...]
    """Codes of the courses that must be passed."""
    title: Text
    learning_outcomes: Text
    workload: Credits
    level: Text
    assessment: Text
    participation: Text
    quality_assurance: Text


class Catalogue(Value):
    """The programme catalogue of one institution."""

    institution: Text
    institution_status: Text
    country: str
    """ISO 3166-1 alpha-2."""
    place: Text | None = None
    signatory: Text
    """Name and capacity of who certifies, item 7.2 and 7.3."""
    programmes: tuple[Programme, ...]
    grading_scales: tuple[GradingScale, ...]
    courses: tuple[Course, ...] = ()
    micro_credentials: tuple[MicroCredential, ...] = ()
    education_system: Text
    """Item 8."""

    def programme(self, key: str) -> Programme | None:
        """Return the programme of that key, if the catalogue has it."""
        return next((p for p in self.programmes if p.key == key), None)

    def scale(self, key: str | None) -> GradingScale | None:
        """Return the grading scale of that key, if the catalogue has it."""
        return next((s for s in self.grading_scales if s.key == key), None)
