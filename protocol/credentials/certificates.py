"""The five certificates that learners of Japanese institutions ask for most.

在学証明書, 卒業見込証明書, 卒業証明書, 成績証明書 and 単位修得証明書, each with its
text in Japanese and in English. A certificate says what the register says: one for a
status the learner does not have is refused, with the status found. The first two state
something that changes, and therefore end three months after they were issued.

What a graduate must have fulfilled is judged in `protocol.rules.graduation`, not here.
"""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal

from protocol.credentials.diploma_supplement import award_of
from protocol.credentials.learner_record import (
    Catalogue,
    CourseResult,
    Enrolment,
    LearnerRecord,
    Programme,
    Text,
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
    other,
    translation,
)
from protocol.credentials.transcript import add_summary

CertificateKind = Literal[
    "enrolment-certificate",
    "expected-graduation-certificate",
    "graduation-certificate",
    "grade-certificate",
    "credit-certificate",
]

MONTHS_VALID = 3
"""How long a certificate of a status that changes is good for."""

STATUS_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "enrolled": "在学 (enrolled)",
        "on-leave": "休学 (on leave)",
        "graduated": "卒業 (graduated)",
        "withdrawn": "退学 (withdrawn)",
        "removed": "除籍 (removed)",
        "expected": "卒業見込 (expected to graduate)",
    }
)


@dataclass(frozen=True, slots=True)
class Form:
    """What one kind of certificate is called, says, and is given to."""

    title: Text
    statement: Text
    """With `{programme}`, `{date}` and `{degree}` to be filled in."""
    statuses: frozenset[str]
    expires: bool = False


_ANY = frozenset(STATUS_NAMES)

FORMS: Mapping[CertificateKind, Form] = MappingProxyType(
    {
        "enrolment-certificate": Form(
            Text(ja="在学証明書", en="Certificate of Enrolment"),
            Text(
                ja="上記の者は、本学{programme}に在学していることを証明する。",
                en="This is to certify that the person named above is enrolled in "
                "{programme} at this institution.",
            ),
            frozenset({"enrolled", "expected", "on-leave"}),
            expires=True,
        ),
        "expected-graduation-certificate": Form(
            Text(ja="卒業見込証明書", en="Certificate of Expected Graduation"),
            Text(
                ja="上記の者は、本学{programme}を卒業見込みであることを証明する。",
                en="This is to certify that the person named above is expected to "
                "graduate from {programme} at this institution.",
            ),
            frozenset({"expected"}),
            expires=True,
        ),
        "graduation-certificate": Form(
            Text(ja="卒業証明書", en="Certificate of Graduation"),
            Text(
                ja="上記の者は、{date}本学{programme}を卒業し、{degree}の学位を授与された"
                "ことを証明する。",
                en="This is to certify that the person named above graduated from "
                "{programme} at this institution on {date} and was awarded the degree "
                "of {degree}.",
            ),
            frozenset({"graduated"}),
        ),
        "grade-certificate": Form(
            Text(ja="成績証明書", en="Certificate of Academic Record"),
            Text(
                ja="上記の者の本学{programme}における学業成績は、次のとおりであることを"
                "証明する。単位を修得していない科目は記載しない。",
                en="This is to certify the academic record of the person named above "
                "in {programme} at this institution. Courses in which no credits were "
                "earned are not listed.",
            ),
            _ANY,
        ),
        "credit-certificate": Form(
            Text(ja="単位修得証明書", en="Certificate of Credits Earned"),
            Text(
                ja="上記の者は、本学{programme}において次の単位を修得したことを証明する。",
                en="This is to certify that the person named above has earned the "
                "following credits in {programme} at this institution.",
            ),
            _ANY,
        ),
    }
)

ON_LEAVE = Text(
    ja="なお、現在休学中である。", en=" The person is on leave of absence at present."
)


def certificate(
    kind: CertificateKind,
    learner: LearnerRecord,
    programme: Programme,
    catalogue: Catalogue,
    *,
    on: date,
    number: str,
) -> Built:
    """Build a certificate issued `on` that day under `number`."""
    form, draft = FORMS[kind], Draft()
    enrolment = enrolment_in(learner, programme.key)
    if enrolment is not None and enrolment.status not in form.statuses:
        draft.lack(*("status", ("certificate", "kind")), _refusal(form, enrolment))
    add_holder(draft, learner, born=False)
    add_institution(draft, catalogue)
    add_studies(draft, programme, enrolment, catalogue)
    _add_text(draft, kind, learner, programme, catalogue)
    draft.put(
        "certificate",
        number=number,
        issued_on=on.isoformat(),
        valid_until=expiry(kind, on).isoformat() if form.expires else None,
    )
    counted = earned(learner.results)
    if kind == "grade-certificate":
        _add_grades(draft, counted, programme, catalogue)
    elif kind == "credit-certificate":
        add_results(draft, counted, catalogue, grades=False)
        add_summary(draft, counted, catalogue, scale=None, gpa=False)
    elif kind == "graduation-certificate":
        _add_degree(draft, learner, programme, enrolment, catalogue)
    return draft.built()


def expiry(kind: CertificateKind, on: date) -> date:
    """Return the last day of a certificate issued `on` that day.

    Raises:
        ValueError: certificates of this kind do not end.
    """
    if not FORMS[kind].expires:
        raise ValueError(f"{kind} does not end")
    years, month = divmod(on.month - 1 + MONTHS_VALID, 12)
    year, month = on.year + years, month + 1
    # The day before an absent 31st is the last of that month.
    return date(year, month, min(on.day, calendar.monthrange(year, month)[1]))


def _refusal(form: Form, enrolment: Enrolment) -> str:
    wanted = ", ".join(
        name for status, name in STATUS_NAMES.items() if status in form.statuses
    )
    return (
        f"{form.title.ja} ({form.title.en}) is issued for the status {wanted}; "
        f"the register says {STATUS_NAMES[enrolment.status]}"
    )


def _add_text(
    draft: Draft,
    kind: CertificateKind,
    learner: LearnerRecord,
    programme: Programme,
    catalogue: Catalogue,
) -> None:
    """State what is certified, in English and, for Japan, in Japanese."""
    form = FORMS[kind]
    enrolment = enrolment_in(learner, programme.key)
    graduated = enrolment.graduated_on if enrolment else None
    on_leave = kind == "enrolment-certificate" and (
        enrolment is not None and enrolment.status == "on-leave"
    )
    texts: dict[Literal["ja", "en"], str] = {}
    for language in ("en", "ja"):
        texts[language] = form.statement.best(language).format(
            programme=programme.name.best(language),
            degree=programme.degree.best(language) if programme.degree else "",
            date=_spelled(graduated, language) if graduated else "",
        )
        if on_leave:
            texts[language] += ON_LEAVE.best(language)
    draft.put(
        "certificate",
        kind=kind,
        title=form.title.en,
        statement=texts["en"],
    )
    if catalogue.country == "JP":
        draft.put(
            "certificate",
            title_original=form.title.ja,
            statement_original=texts["ja"],
        )


def _add_grades(
    draft: Draft,
    counted: Sequence[CourseResult],
    programme: Programme,
    catalogue: Catalogue,
) -> None:
    add_results(draft, counted, catalogue)
    add_grading(draft, counted, catalogue, scale=programme.grading_scale)
    # An average over passed courses only would flatter: it is left to the transcript.
    add_summary(draft, counted, catalogue, scale=None, gpa=False)


def _add_degree(
    draft: Draft,
    learner: LearnerRecord,
    programme: Programme,
    enrolment: Enrolment | None,
    catalogue: Catalogue,
) -> None:
    """State the degree a graduate was awarded (Degree Rules art. 2)."""
    award = award_of(learner, programme)
    draft.need(
        *("2.1", "qualification", "title", translation(programme.degree)),
        f"the catalogue has no degree title for {programme.key}",
    )
    draft.put("qualification", title_original=other(programme.degree, catalogue))
    draft.need(
        *("2.1", "qualification", "awarded_on"),
        award.awarded_on.isoformat() if award else None,
        f"the register has no degree awarded in {programme.key}",
    )
    if enrolment is not None and enrolment.graduated_on is None:
        draft.lack(
            *("graduation", ("programme", "graduated_on")),
            "the register has no day of graduation",
        )


def _spelled(day: date, language: Literal["ja", "en"]) -> str:
    if language == "ja":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {calendar.month_name[day.month]} {day.year}"
