"""ELMO: what is read of a document, and what comes out when it is written."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from adapters import elmo
from adapters.catalogue import read_catalogue
from adapters.source import SourceError
from node.demo.elmo import make
from node.demo.people import demo_file

AT = datetime(2026, 11, 24, tzinfo=UTC)
V1 = "https://github.com/emrex-eu/elmo-schemas/tree/v1"
V2 = "https://github.com/emrex-eu/elmo-schemas/tree/v2"


def document(courses="", *, learner=None, space=V1, degree=""):
    person = learner or (
        '<identifier type="nationalIdentifier">180766-2213</identifier>'
        '<identifier type="local">4711</identifier><givenNames>Robin</givenNames>'
        "<familyName>Specimen</familyName><bday>2001-02-28+02:00</bday>"
    )
    return (
        f'<elmo xmlns="{space}"><generatedDate>2026-01-01T00:00:00Z</generatedDate>'
        f"<learner>{person}</learner>\n"
        f'<report><issuer><title xml:lang="en">Sample</title></issuer>{degree}{courses}'
        "</report></elmo>"
    )


ECTS = "<scheme>ects</scheme><value>5</value>"


def course(
    *,
    code="C1",
    kind="Course",
    credit=ECTS,
    when="<date>2024-12-20</date>",
    rest="<resultLabel>A</resultLabel>",
    parts="",
):
    credits_ = f"<credit>{credit}</credit>" if credit else ""
    return (
        "<learningOpportunitySpecification>"
        f'<identifier type="local">{code}</identifier>'
        f'<title xml:lang="en">Title of {code}</title><type>{kind}</type>'
        f"<specifies><learningOpportunityInstance>{when}{rest}{credits_}"
        f"</learningOpportunityInstance></specifies>{parts}"
        "</learningOpportunitySpecification>"
    )


def part(text):
    return f"<hasPart>{text}</hasPart>"


def read(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return elmo.read(octets, file="a.xml", document="d" * 32, at=AT)


def results(text):
    return read(text).record.results


def test_what_is_written_is_read_back():
    catalogue = read_catalogue(demo_file("catalogue-b.csv"), file="catalogue-b.csv")
    signed = make(catalogue, at=AT)

    found = elmo.read(
        signed.octets, file="b.xml", document="d" * 32, at=AT, trusted=[signed.signer]
    )

    assert (found.verdict.result, found.verdict.remarks) == ("valid", ())
    assert found.verdict.signer_known
    assert found.rejected == ()
    assert found.issuers[0].en == "Example University of Europe"
    record = found.record
    assert record.person.student_number == signed.student_number
    assert record.awards[0].awarded_on == date(2026, 6, 30)
    assert record.enrolments[0].status == "graduated"
    ledgers = [r for r in record.results if r.code == "CS504"]
    assert [(r.year, r.grade.passed, r.attempt) for r in ledgers] == [
        (2024, False, 1),
        (2025, True, 2),
    ]
    earned = sum(r.credits.value for r in record.results if r.grade.passed)
    assert earned == Decimal(120)


def test_a_line_is_that_of_the_file_as_it_came():
    catalogue = read_catalogue(demo_file("catalogue-b.csv"), file="catalogue-b.csv")
    octets = make(catalogue, at=AT).octets

    record = read(octets).record

    lines = octets.decode().splitlines()
    for result in record.results:
        around = "".join(lines[result.origin.line - 1 : result.origin.line + 2])
        assert result.code in around


def test_a_learner_by_their_own_number_and_day():
    person = read(document(course())).record.person

    assert person.student_number == "4711"
    assert person.birth_date == date(2001, 2, 28)
    assert person.name("latin").family == "Specimen"


def test_a_moment_is_not_a_birth_date():
    text = document(course()).replace("2001-02-28+02:00", "2001-02-27T22:00:00Z")
    found = read(text)

    assert found.record.person.birth_date is None
    assert found.rejected[0].field == "bday"


@pytest.mark.parametrize("day", ["2001-02-30", "28-02-2001"])
def test_a_day_that_is_none_is_left_out(day):
    found = read(document(course()).replace("2001-02-28+02:00", day))
    assert found.record.person.birth_date is None
    assert found.rejected[0].reason == "not a day (xs:date)"


def test_version_two_and_more_of_a_person():
    learner = (
        '<identifier type="nationalIdentifier">180766-2213</identifier>'
        "<givenNames>Robin</givenNames><familyName></familyName>"
        "<dateOfBirth>2001-02-28</dateOfBirth><birthName>Before</birthName>"
        "<gender>2</gender>"
    )
    found = read(document(course(), learner=learner, space=V2))

    person = found.record.person
    assert found.version == "2"
    assert person.student_number == "180766-2213"
    assert person.birth_date == date(2001, 2, 28)
    assert person.name("former").family == "Before"
    assert person.sex == "2"


def test_an_absent_status_means_passed_and_in_progress_is_no_result():
    absent, failed = results(
        document(
            course()
            + course(code="C2", rest="<status>failed</status>")
            + course(code="C3", rest="<status>in-progress</status>")
        )
    )
    assert (absent.grade.label, absent.grade.passed) == ("A", True)
    assert (failed.grade.label, failed.grade.passed) == ("failed", False)
    assert absent.grade.scale == elmo.UNSTATED


def test_credits_count_on_a_node_or_on_its_parts_never_on_both():
    inner = course(code="INNER", kind="Class")
    (whole,) = results(document(course(code="WHOLE", parts=part(inner))))
    assert whole.code == "WHOLE"

    module = course(code="M", kind="Module", credit="", rest="", parts=part(inner))
    (only,) = results(document(module))
    assert only.code == "INNER"

    module = course(code="M", kind="Module", parts=part(course(code="IN")))
    (only,) = results(document(module))
    assert only.code == "IN"


def test_ects_comes_before_other_credits():
    credit = "<scheme>local</scheme><value>3</value></credit><credit>"
    credit += "<scheme>ects</scheme><value>5.5</value>"
    (result,) = results(document(course(credit=credit)))
    assert (result.credits.unit, result.credits.value) == ("ECTS", Decimal("5.5"))

    (result,) = results(document(course(credit="<value>3</value>")))
    assert result.credits.unit == elmo.UNSTATED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"credit": ""}, "credit"),
        ({"credit": "<scheme>ects</scheme><value>many</value>"}, "credit"),
        ({"credit": "<scheme>ects</scheme><value>1e9</value>"}, "credit"),
        ({"when": ""}, "date"),
    ],
)
def test_a_course_that_lacks_what_a_result_needs_is_set_aside(change, field):
    found = read(document(course(**change)))

    assert found.record.results == ()
    assert [(r.line, r.field) for r in found.rejected] == [(2, field)]


@pytest.mark.parametrize(
    ("when", "year", "term"),
    [
        ("<date>2024-12-20</date>", 2024, "first"),
        ("<date>2025-06-20</date>", 2024, "second"),
        ("<start>2024-09-01</start><date>2025-06-20</date>", 2024, "full-year"),
        (
            (
                "<academicTerm><title>x</title><start>2025-02-01</start>"
                "<end>2025-06-30</end></academicTerm>"
            ),
            2024,
            "second",
        ),
    ],
)
def test_years_begin_in_august(when, year, term):
    (result,) = results(document(course(when=when)))
    assert (result.year, result.term) == (year, term)


def test_a_degree_in_progress_is_an_enrolment_without_an_award():
    degree = course(
        code="CS", kind="Degree Programme", parts=part(course()), credit="",
        when="<start>2024-09-01</start>", rest="<status>in-progress</status>",
    )  # fmt: skip
    record = read(document(degree=degree)).record

    assert record.enrolments[0].status == "enrolled"
    assert record.enrolments[0].admitted_on == date(2024, 9, 1)
    assert record.awards == ()
    assert [r.code for r in record.results] == ["C1"]


def test_results_of_another_institution_are_reported_not_certified():
    other = (
        '<report><issuer><title xml:lang="fi">Toinen</title></issuer>'
        f"{course(code='X')}{course(code='D', kind='Degree Programme')}</report></elmo>"
    )
    found = read(document(course()).replace("</elmo>", other))

    assert [(r.code, r.recognised_from) for r in found.record.results] == [
        ("C1", None),
        ("X", "Toinen"),
    ]
    assert found.record.enrolments == ()
    assert found.issuers[1].original_language == "fi"


def test_titles_in_other_languages_keep_their_language():
    text = document(course()).replace('xml:lang="en">Title of C1', 'xml:lang="pl">Kurs')
    (result,) = results(text)
    assert (result.title.original, result.title.original_language) == ("Kurs", "pl")
    assert result.title.best() == "Kurs"

    text = document(course().replace('<identifier type="local">C1</identifier>', ""))
    assert results(text)[0].code == "Title of C1"


def test_a_comment_does_not_split_a_value():
    text = document(course(credit="<scheme>ects</scheme><value>1<!-- -->5</value>"))
    assert results(text)[0].credits.value == 15


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<elmo xmlns='http://purl.org/net/elmo'/>", "before ELMO 1.0"),
        ("<elmo/>", "not ELMO 1 or 2"),
        (f"<report xmlns='{V1}'/>", "not ELMO 1 or 2"),
        (f"<elmo xmlns='{V1}'/>", "without learner or report"),
        (document(learner="<givenNames>R</givenNames>"), "no identifier"),
        ("<elmo", "not well-formed"),
        ("no XML at all!", "neither XML nor base64 nor gzip"),
    ],
)
def test_what_is_no_elmo_is_refused(text, says):
    with pytest.raises(SourceError, match=f"a.xml: .*{says}"):
        read(text)
