"""Reads ELMO 1.x and 2.x, the XML in which European universities exchange results.

One document is about one learner and holds a report for each institution. What is read
comes from the signed bytes alone (`adapters.elmo_signature`); the original is kept by
the caller, for ELMO says more than a learner record holds.

Rules of the format that are easy to miss: an absent status means passed; credits stand
either on a module or on its parts, never both; a day may carry a time zone and is the
day written, while a moment in UTC is not a birth date at all.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from adapters.elmo_signature import DS, Verdict, parse, unpack, verify
from adapters.source import Rejected, SourceError
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

NAMESPACES = {
    "https://github.com/emrex-eu/elmo-schemas/tree/v1": "1",
    "https://github.com/emrex-eu/elmo-schemas/tree/v2": "2",
}
_OLD = "http://purl.org/net/elmo"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})?")
_FIRST_MONTH = 8
"""European academic years begin in August to October."""
_FULL_YEAR_DAYS = 200
_TERMS = ("first", "full-year", "intensive", "second")
_DEGREE = "Degree Programme"
_NATIONAL = frozenset({"nationalIdentifier", "SSN"})
UNSTATED = "unstated"
"""Key of the grading scale where the document names none."""


@dataclass(frozen=True, slots=True)
class ElmoDocument:
    """What one ELMO document says."""

    version: str
    """`1` or `2`."""
    verdict: Verdict
    record: LearnerRecord | None
    """`None` when the signature does not hold: then nothing of it is read."""
    rejected: tuple[Rejected, ...]
    issuers: tuple[Text, ...]
    """The institutions of the reports."""


def read(
    octets: bytes,
    *,
    file: str,
    document: str,
    at: datetime,
    trusted: Collection[bytes] = (),
) -> ElmoDocument:
    """Read the ELMO document in `octets`, however it is packed.

    `document` is the id under which the original is kept. The first report is the
    institution's own; results of further reports are marked as recognised from there.

    Raises:
        SourceError: not ELMO, unreadable, of the time before 1.0, or without a learner.
    """
    try:
        xml = unpack(octets)
        verdict, signed = verify(xml, at=at, trusted=trusted)
        original = parse(xml)
        root = original if signed is None else parse(signed)
        space = _namespace(root)
        if signed is None:
            return ElmoDocument(NAMESPACES[space], verdict, None, (), ())
        reader = _Reader(f"{{{space}}}", file, document, _lines(root, original))
        record = reader.record(root)
    except SourceError as error:
        raise SourceError(f"{file}: {error}") from error
    return ElmoDocument(
        NAMESPACES[space],
        verdict,
        record,
        tuple(reader.rejected),
        tuple(reader.issuers),
    )


def _namespace(root: etree._Element) -> str:
    """Return the namespace of an ELMO document.

    Raises:
        SourceError: it is none that is read here.
    """
    name = etree.QName(root)
    space = name.namespace or ""
    if name.localname != "elmo" or space not in NAMESPACES:
        old = " (a form from before ELMO 1.0)" if space == _OLD else ""
        raise SourceError(f"the root is {root.tag}{old}, not ELMO 1 or 2")
    return space


def _lines(root: etree._Element, original: etree._Element) -> dict[Any, int]:
    """Return the line of every element that is read, in the file as it came.

    The signed form has the same elements in the same order, but no XML declaration and
    no Signature, so its own line numbers would mislead.
    """
    signature = original.find(f"{DS}Signature")
    if signature is not None and root is not original:
        original.remove(signature)
    pairs = zip(root.iter(), original.iter(), strict=False)
    return {read: _line(there) for read, there in pairs}


def _line(element: Any) -> int:
    return int(element.sourceline or 1)


class _Reader:
    """Reads one document."""

    def __init__(
        self, space: str, file: str, document: str, lines: dict[Any, int]
    ) -> None:
        self._space = space
        self._file = file
        self._document = document
        self._lines = lines
        self.rejected: list[Rejected] = []
        self.issuers: list[Text] = []

    def _text(self, element: etree._Element, name: str) -> str | None:
        found = element.findtext(f"{self._space}{name}")
        value = " ".join(found.split()) if found else ""
        return value or None

    def _texts(self, element: etree._Element, name: str) -> Text:
        """Return the titles of an element by language."""
        by_language: dict[str, str] = {}
        for found in element.iterfind(f"{self._space}{name}"):
            value = " ".join("".join(map(str, found.itertext())).split())
            language = (found.get(_XML_LANG) or "en").lower()
            if value:
                by_language.setdefault(language.partition("-")[0], value)
        japanese, english = by_language.pop("ja", None), by_language.pop("en", None)
        if japanese or english or not by_language:
            return Text(ja=japanese, en=english)
        language, value = next(iter(by_language.items()))
        return Text(original=value, original_language=language)

    def _origin(self, element: etree._Element) -> Origin:
        line = self._lines.get(element, 1)
        return Origin(document=self._document, file=self._file, line=line)

    def _reject(self, element: etree._Element, field: str, reason: str) -> None:
        raw: bytes = etree.tostring(element)[:2000]
        line = self._lines.get(element, 1)
        self.rejected.append(Rejected(self._file, line, None, field, reason, raw))

    def _day(self, element: etree._Element, name: str) -> date | None:
        """Read an xs:date; a zone changes nothing about the day that is written."""
        text = self._text(element, name)
        if text is None:
            return None
        found = _DAY.fullmatch(text)
        try:
            if found:
                return date.fromisoformat(found[1])
        except ValueError:
            found = None
        self._reject(element, name, "not a day (xs:date)")
        return None

    def record(self, root: etree._Element) -> LearnerRecord:
        """Read the learner and every report."""
        learner = root.find(f"{self._space}learner")
        reports = root.findall(f"{self._space}report")
        if learner is None or not reports:
            raise SourceError("a document without learner or report")
        person = self._person(learner)
        enrolments: dict[str, Enrolment] = {}
        awards: dict[str, Award] = {}
        results: list[CourseResult] = []
        for number, report in enumerate(reports):
            issuer = report.find(f"{self._space}issuer")
            title = Text() if issuer is None else self._texts(issuer, "title")
            self.issuers.append(title)
            elsewhere = title.best() or "another institution" if number else None
            for top in report.iterfind(
                f"{self._space}learningOpportunitySpecification"
            ):
                if number == 0:
                    for node in self._nodes(top):
                        self._programme(node, enrolments, awards)
                results += self._results(top, elsewhere)
        return LearnerRecord(
            person=person,
            enrolments=tuple(enrolments.values()),
            results=tuple(self._numbered(results)),
            awards=tuple(awards.values()),
        )

    def _person(self, learner: etree._Element) -> Person:
        numbers = {
            identifier.get("type", ""): (identifier.text or "").strip()
            for identifier in learner.iterfind(f"{self._space}identifier")
        }
        own = [value for kind, value in numbers.items() if kind not in _NATIONAL]
        candidates = [value for value in (*own, *numbers.values()) if value]
        if not candidates:
            raise SourceError("the learner has no identifier")
        names = [
            Name(
                script="latin",
                family=self._text(learner, "familyName") or "",
                given=self._text(learner, "givenNames") or "",
            )
        ]
        birth_name = self._text(learner, "birthName")
        if birth_name:
            names.append(Name(script="former", family=birth_name, given=""))
        born = self._day(learner, "bday") or self._day(learner, "dateOfBirth")
        gender = self._text(learner, "gender")
        return Person(
            student_number=candidates[0],
            names=tuple(names),
            birth_date=born,
            sex=gender if gender in ("0", "1", "2", "9") else None,
            origin=self._origin(learner),
        )

    def _nodes(self, top: etree._Element) -> Iterator[etree._Element]:
        yield from top.iter(f"{self._space}learningOpportunitySpecification")

    def _parts(self, node: etree._Element) -> list[etree._Element]:
        path = f"{self._space}hasPart/{self._space}learningOpportunitySpecification"
        return node.findall(path)

    def _instance(self, node: etree._Element) -> etree._Element | None:
        path = f"{self._space}specifies/{self._space}learningOpportunityInstance"
        return node.find(path)

    def _key(self, node: etree._Element) -> str:
        """Return what the institution calls a course or programme."""
        found = {
            identifier.get("type", ""): (identifier.text or "").strip()
            for identifier in node.iterfind(f"{self._space}identifier")
        }
        named = found.get("local") or next((v for v in found.values() if v), None)
        return named or self._texts(node, "title").best()

    def _programme(
        self,
        node: etree._Element,
        enrolments: dict[str, Enrolment],
        awards: dict[str, Award],
    ) -> None:
        """Take up a degree programme, and the degree if it was conferred."""
        instance = self._instance(node)
        if self._text(node, "type") != _DEGREE or instance is None:
            return
        key, origin = self._key(node), self._origin(node)
        status, ended = self._text(instance, "status"), self._day(instance, "date")
        conferred = ended is not None and status in (None, "passed")
        enrolments[key] = Enrolment(
            programme=key,
            faculty=Text(),
            department=self._texts(node, "title"),
            status="graduated" if conferred else "enrolled",
            admitted_on=self._day(instance, "start"),
            graduated_on=ended if conferred else None,
            origin=origin,
        )
        if conferred and ended is not None:
            awards[key] = Award(programme=key, awarded_on=ended, origin=origin)

    def _results(
        self, node: etree._Element, elsewhere: str | None
    ) -> Iterator[CourseResult]:
        """Yield the results at or below a node, so that no credit counts twice."""
        instance = self._instance(node)
        kind, parts = self._text(node, "type"), self._parts(node)
        inner = any(
            self._text(below, "type") == "Course"
            for part in parts
            for below in self._nodes(part)
        )
        earns = instance is not None and (
            instance.find(f"{self._space}credit") is not None
            or self._text(instance, "resultLabel") is not None
        )
        if kind == _DEGREE or inner or (parts and not earns):
            for part in parts:
                yield from self._results(part, elsewhere)
        elif instance is not None:
            result = self._result(node, instance, elsewhere)
            if result is not None:
                yield result

    def _result(
        self, node: etree._Element, instance: etree._Element, elsewhere: str | None
    ) -> CourseResult | None:
        """Read one course; `None`, noted, if it lacks what a result must have."""
        status = self._text(instance, "status") or "passed"
        if status == "in-progress":
            return None
        when = self._when(instance)
        if when is None:
            self._reject(node, "date", "the course has no date and no academic term")
            return None
        credits_ = self._credits(instance)
        if credits_ is None:
            self._reject(node, "credit", "the course has no credits that can be read")
            return None
        year, term = when
        return CourseResult(
            code=self._key(node),
            title=self._texts(node, "title"),
            year=year,
            term=term,
            credits=credits_,
            grade=Grade(
                label=self._text(instance, "resultLabel") or status,
                scale=self._text(instance, "gradingSchemeLocalId") or UNSTATED,
                passed=status == "passed",
            ),
            recognised_from=elsewhere,
            origin=self._origin(node),
        )

    def _when(self, instance: etree._Element) -> tuple[int, str] | None:
        """Return academic year and term of a course."""
        period = instance.find(f"{self._space}academicTerm")
        source = instance if period is None else period
        ended = self._day(instance, "date")
        start = self._day(source, "start") or self._day(instance, "start") or ended
        if start is None:
            return None
        end = (None if period is None else self._day(period, "end")) or ended
        year = start.year if start.month >= _FIRST_MONTH else start.year - 1
        if end is not None and (end - start).days > _FULL_YEAR_DAYS:
            return year, "full-year"
        return year, "first" if start.month >= _FIRST_MONTH else "second"

    def _credits(self, instance: etree._Element) -> Credits | None:
        """Read the credits, ECTS before others: a course may state both."""
        found: dict[str, Decimal] = {}
        for credit in instance.iterfind(f"{self._space}credit"):
            scheme = (self._text(credit, "scheme") or "").strip()
            try:
                value = Decimal(self._text(credit, "value") or "")
            except InvalidOperation:
                continue
            if value.is_finite() and 0 <= value <= 1000:  # noqa: PLR2004
                found.setdefault(scheme.upper() if scheme else "", value)
        if not found:
            return None
        unit = "ECTS" if "ECTS" in found else next(iter(found))
        return Credits(value=found[unit], unit=unit or UNSTATED)

    def _numbered(self, results: list[CourseResult]) -> Iterator[CourseResult]:
        """Number the attempts at each course in the order of time."""
        seen: dict[str, int] = {}
        for result in sorted(results, key=lambda r: (r.year, _TERMS.index(r.term))):
            seen[result.code] = seen.get(result.code, 0) + 1
            yield result.model_copy(update={"attempt": seen[result.code]})
