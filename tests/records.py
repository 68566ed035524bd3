"""A learner, a programme and a catalogue that are complete, to be bent by tests."""

from datetime import date
from decimal import Decimal

from hypothesis import strategies as st

from protocol.credentials.learner_record import (
    Award,
    Catalogue,
    CourseResult,
    Credits,
    Enrolment,
    Grade,
    GradeBand,
    GradingScale,
    LearnerRecord,
    MicroCredential,
    Name,
    Origin,
    Person,
    Programme,
    Text,
)

ON = date(2026, 4, 10)
KEY = "01/工学部/情報工学科"
ORIGIN = Origin(document="0" * 32, file="register.csv", line=2)


def both(ja: str, en: str) -> Text:
    return Text(ja=ja, en=en)


SCALE = GradingScale(
    key="JP5",
    name=both("五段階評価", "Five grades"),
    bands=(
        GradeBand(
            label="S", minimum=90, maximum=100, passed=True, points=4, share="0.12"
        ),
        GradeBand(label="A", minimum=80, maximum=89, passed=True, points=3),
        GradeBand(label="B", minimum=70, maximum=79, passed=True, points=2),
        GradeBand(label="C", minimum=60, maximum=69, passed=True, points=1),
        GradeBand(label="D", minimum=0, maximum=59, passed=False, points=0),
        GradeBand(label="認", passed=True),
    ),
)

PROGRAMME = Programme(
    key=KEY,
    name=both("工学部 情報工学科", "Department of Computer Science"),
    degree=both("学士(工学)", "Bachelor of Engineering"),
    field="0613",
    field_name=both("ソフトウェア", "Software and applications development"),
    level=both("学士課程", "Bachelor's level; Japan has no national framework"),
    level_code="bachelor",
    length_years=4,
    credits_required=Credits(value=124, unit="JP-UNIV"),
    mode=both("全日制", "Full-time"),
    languages=("ja",),
    access_requirements=both("高等学校卒業", "Completion of upper secondary school"),
    learning_outcomes=both("設計できる", "Graduates can design software"),
    grading_scale="JP5",
    further_study=both("修士課程", "Gives access to master's programmes"),
    professional_status=both("なし", "Gives no access to a regulated profession"),
    additional=both("補足", "Syllabuses are published"),
    sources=("https://uni.example/",),
)

MICRO = MicroCredential(
    key="DATA",
    courses=("INF1", "INF2"),
    title=both("データ", "Foundations of Data Science"),
    learning_outcomes=both("分析できる", "The learner can analyse data"),
    workload=Credits(value=4, unit="JP-UNIV"),
    level=both("学士", "Bachelor's level"),
    assessment=both("試験", "Examination"),
    participation=both("対面", "On campus"),
    quality_assurance=both("認証評価", "Certified evaluation"),
)

CATALOGUE = Catalogue(
    institution=both("見本大学", "Sample University"),
    institution_status=both("私立大学", "Private university"),
    country="JP",
    signatory=both("教務部長 一例", "Ichirei REIJI, Registrar"),
    programmes=(PROGRAMME,),
    grading_scales=(SCALE,),
    micro_credentials=(MICRO,),
    education_system=both("日本の高等教育", "Higher education in Japan"),
)


def result(code: str = "INF1", label: str = "A", **changes: object) -> CourseResult:
    """One attempt at a course of two credits, passed unless the grade is D."""
    values: dict[str, object] = {
        "code": code,
        "title": both(f"科目{code}", f"Course {code}"),
        "year": 2022,
        "term": "first",
        "credits": Credits(value=2, unit="JP-UNIV"),
        "grade": Grade(label=label, scale="JP5", score=None, passed=label != "D"),
        "origin": ORIGIN,
    }
    return CourseResult.model_validate(values | changes)


def learner(
    results: tuple[CourseResult, ...] | None = None,
    *,
    status: str = "graduated",
    person: dict[str, object] | None = None,
    **changes: object,
) -> LearnerRecord:
    """A learner with 124 credits unless told otherwise."""
    graduated = date(2026, 3, 24) if status == "graduated" else None
    if results is None:
        results = tuple(
            result(f"INF{number}", year=2022 + number % 4) for number in range(62)
        )
    values: dict[str, object] = {
        "person": Person.model_validate(
            {
                "student_number": "0022001",
                "names": (
                    Name(script="kanji", family="見本", given="愛子"),
                    Name(script="kana", family="ミホン", given="アイコ"),
                    Name(script="latin", family="MIHON", given="AIKO"),
                ),
                "birth_date": date(2003, 5, 14),
                "origin": ORIGIN,
            }
            | (person or {})
        ),
        "enrolments": (
            Enrolment(
                programme=KEY,
                faculty=Text(ja="工学部"),
                department=Text(ja="情報工学科"),
                status=status,
                admitted_on=date(2022, 4, 1),
                graduated_on=graduated,
                origin=ORIGIN,
            ),
        ),
        "results": results,
        "awards": (
            (Award(programme=KEY, awarded_on=graduated, origin=ORIGIN),)
            if graduated
            else ()
        ),
    }
    return LearnerRecord.model_validate(values | changes)


results_of_any_kind = st.lists(
    st.builds(
        lambda code, label, year, term, value, unit, media, recognised, attempt: result(
            code,
            label,
            year=year,
            term=term,
            credits=Credits(value=value, unit=unit),
            media=media,
            recognised_from=recognised,
            attempt=attempt,
        ),
        st.sampled_from([f"INF{n}" for n in range(30)]),
        st.sampled_from(["S", "A", "B", "C", "D", "認"]),
        st.integers(2020, 2026),
        st.sampled_from(["first", "second", "full-year", "intensive"]),
        st.sampled_from([Decimal(n) / 2 for n in range(40)]),
        st.sampled_from(["JP-UNIV", "JP-UNIV", "ECTS"]),
        st.booleans(),
        st.sampled_from([None, None, "外国大学", "見本大学"]),
        st.integers(1, 3),
    ),
    max_size=80,
    unique_by=lambda r: (r.code, r.year, r.term, r.attempt),
).map(tuple)
