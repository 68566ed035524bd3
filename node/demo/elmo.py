"""Makes the document University B imports: ELMO 1.6, signed with a key of the run.

One synthetic learner with a master's degree, results in ECTS and letter grades. The
RSA key and its certificate are made anew each time and kept nowhere.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from adapters.elmo_signature import spki_digest
from adapters.elmo_writer import Issuer, sign, write
from protocol.credentials.learner_record import (
    Award,
    Catalogue,
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

PROGRAMME = "CS-MSC"
AWARDED_ON = date(2026, 6, 30)
SCHAC = "uni-b.test"
_COURSES = (
    ("CS501", "Advanced Algorithms", 2024, "first", 10, "B"),
    ("CS502", "Software Architecture", 2024, "first", 6, "A"),
    ("CS503", "Research Methods", 2024, "second", 6, "C"),
    ("CS504", "Distributed Ledgers", 2024, "second", 8, "F"),
    ("CS504", "Distributed Ledgers", 2025, "second", 8, "B"),
    ("CS505", "Machine Learning Systems", 2024, "full-year", 30, "A"),
    ("CS506", "Data Protection Engineering", 2025, "first", 30, "B"),
    ("CS590", "Master's Thesis", 2025, "full-year", 30, "A"),
)


@dataclass(frozen=True, slots=True)
class SignedElmo:
    """The document and what is needed to trust its signer."""

    name: str
    octets: bytes
    signer: bytes
    """SHA-256 digest of the signer's public key."""
    student_number: str


def _learner() -> LearnerRecord:
    origin = Origin(document="0" * 32, file="student records", line=1)
    results = tuple(
        CourseResult(
            code=code,
            title=Text(en=title),
            year=year,
            term=term,
            credits=Credits(value=Decimal(amount), unit="ECTS"),
            grade=Grade(label=label, scale="A-F", passed=label != "F"),
            origin=origin,
        )
        for code, title, year, term, amount, label in _COURSES
    )
    person = Person(
        student_number="B-2024-0042",
        names=(Name(script="latin", family="Specimen", given="Robin"),),
        birth_date=date(2001, 2, 28),
        sex="9",
        origin=origin,
    )
    enrolment = Enrolment(
        programme=PROGRAMME,
        faculty=Text(en="Faculty of Science"),
        department=Text(en="Computer Science"),
        status="graduated",
        admitted_on=date(2024, 9, 1),
        graduated_on=AWARDED_ON,
        origin=origin,
    )
    award = Award(programme=PROGRAMME, awarded_on=AWARDED_ON, origin=origin)
    return LearnerRecord(
        person=person, enrolments=(enrolment,), results=results, awards=(award,)
    )


def make(catalogue: Catalogue, *, at: datetime) -> SignedElmo:
    """Write and sign the document of University B as of `at`."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _certificate(key, at=at)
    record = _learner()
    xml = write(
        record,
        issuer=Issuer(
            catalogue.country, SCHAC, catalogue.institution, f"https://{SCHAC}/"
        ),
        programme=catalogue.programme(PROGRAMME),
        scales=catalogue.grading_scales,
        at=at,
    )
    return SignedElmo(
        name="transcript.elmo.xml",
        octets=sign(xml, key=key, certificate=certificate),
        signer=spki_digest(key.public_key()),
        student_number=record.person.student_number,
    )


def _certificate(key: rsa.RSAPrivateKey, *, at: datetime) -> x509.Certificate:
    """Make a certificate for the key, signed by itself, good for a year."""
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, SCHAC)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=365))
    )
    return builder.sign(key, SHA256())
