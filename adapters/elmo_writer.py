"""Writes ELMO 1.6 and signs it: one enveloped XML signature, RSA with SHA-256.

What is written validates against the schema of ELMO 1.6.0 and is read back by
`adapters.elmo`. Grades, credits and titles go out with their scale, scheme and
language; what ELMO has no place for is left out rather than squeezed in.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner

from protocol.credentials.learner_record import (
    CourseResult,
    GradingScale,
    LearnerRecord,
    Programme,
    Text,
)

NAMESPACE = "https://github.com/emrex-eu/elmo-schemas/tree/v1"
_E = f"{{{NAMESPACE}}}"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_TERM_MONTHS = {
    "first": ("09-01", "01-31"),
    "second": ("02-01", "06-30"),
    "full-year": ("09-01", "06-30"),
    "intensive": ("02-01", "06-30"),
}


@dataclass(frozen=True, slots=True)
class Issuer:
    """The institution a report is of."""

    country: str
    """ISO 3166-1 alpha-2."""
    schac: str
    """Its domain, by which EMREX knows institutions."""
    title: Text
    url: str


def write(
    record: LearnerRecord,
    *,
    issuer: Issuer,
    programme: Programme | None,
    scales: tuple[GradingScale, ...],
    at: datetime,
) -> bytes:
    """Write a learner record as an ELMO 1.6 document with one report, unsigned."""
    root = etree.fromstring(f'<elmo xmlns="{NAMESPACE}"/>')
    _add(root, "generatedDate", at.isoformat(timespec="seconds"))
    _learner(root, record)
    report = _add(root, "report")
    _issuer(report, issuer)
    for enrolment in record.enrolments:
        degree = _add(report, "learningOpportunitySpecification")
        _add(degree, "identifier", enrolment.programme, type="local")
        _titles(degree, programme.name if programme else enrolment.department)
        _add(degree, "type", "Degree Programme")
        if programme and programme.field:
            _add(degree, "iscedCode", programme.field)
        instance = _add(_add(degree, "specifies"), "learningOpportunityInstance")
        if enrolment.admitted_on:
            _add(instance, "start", enrolment.admitted_on.isoformat())
        if enrolment.graduated_on:
            _add(instance, "date", enrolment.graduated_on.isoformat())
        _add(instance, "status", "passed" if enrolment.graduated_on else "in-progress")
        for result in record.results:
            _course(_add(degree, "hasPart"), result)
    _add(report, "issueDate", at.isoformat(timespec="seconds"))
    for scale in scales:
        scheme = _add(report, "gradingScheme", localId=scale.key)
        _titles(scheme, scale.name, "description")
    etree.indent(root)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def _add(
    parent: etree._Element, name: str, text: str | None = None, **attributes: str
) -> etree._Element:
    element = etree.SubElement(parent, f"{_E}{name}", attrib=attributes)
    element.text = text
    return element


def _titles(parent: etree._Element, text: Text, name: str = "title") -> None:
    """Write a text once for each of its languages."""
    for language, value in (
        ("en", text.en),
        ("ja", text.ja),
        (text.original_language or "und", text.original),
    ):
        if value:
            _add(parent, name, value).set(_XML_LANG, language)


def _learner(root: etree._Element, record: LearnerRecord) -> None:
    person = record.person
    learner = _add(root, "learner")
    _add(learner, "identifier", person.student_number, type="local")
    name = person.name("latin", "kanji")
    _add(learner, "givenNames", name.given)
    _add(learner, "familyName", name.family)
    if person.birth_date:
        _add(learner, "bday", person.birth_date.isoformat())
    if person.sex:
        _add(learner, "gender", person.sex)


def _issuer(report: etree._Element, issuer: Issuer) -> None:
    element = _add(report, "issuer")
    _add(element, "country", issuer.country)
    _add(element, "identifier", issuer.schac, type="schac")
    _titles(element, issuer.title)
    _add(element, "url", issuer.url)


def _course(part: etree._Element, result: CourseResult) -> None:
    course = _add(part, "learningOpportunitySpecification")
    _add(course, "identifier", result.code, type="local")
    _titles(course, result.title)
    _add(course, "type", "Course")
    instance = _add(_add(course, "specifies"), "learningOpportunityInstance")
    begin, end = _TERM_MONTHS[result.term]
    first = result.year if begin > end or begin >= "08" else result.year + 1
    term = _add(instance, "academicTerm")
    _add(term, "title", f"{result.year}/{result.year + 1} {result.term}").set(
        _XML_LANG, "en"
    )
    _add(term, "start", f"{first}-{begin}")
    _add(term, "end", f"{result.year + 1}-{end}")
    _add(instance, "status", "passed" if result.grade.passed else "failed")
    _add(instance, "gradingSchemeLocalId", result.grade.scale)
    _add(instance, "resultLabel", result.grade.label)
    credit = _add(instance, "credit")
    _add(credit, "scheme", result.credits.unit.lower())
    _add(credit, "value", format(result.credits.value, "f"))


def sign(xml: bytes, *, key: RSAPrivateKey, certificate: x509.Certificate) -> bytes:
    """Sign a document as a whole; `certificate` holds the public half of `key`."""
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=CanonicalizationMethod.CANONICAL_XML_1_0,
    )
    pem = certificate.public_bytes(Encoding.PEM).decode()
    signed = signer.sign(etree.fromstring(xml), key=key, cert=[pem])
    return bytes(etree.tostring(signed, xml_declaration=True, encoding="UTF-8"))
