"""The record model: what a record is made of, and where each part lies in each format.

A record is one JSON object per kind, the same as claims of an SD-JWT VC and as subject
of a VC. Its parts are *units* (see `claims_paths`): members of a group, or of an
element of `results`. `UNITS` lists every unit there is, the item of the Diploma
Supplement it answers, and its place in ELMO 1.x. A path that is not in the table does
not exist: no query may ask for it, no consent may hold it.

An Open Badge has a shape of its own; `OPEN_BADGE` says where the units of a
micro-credential lie in it. Reading and writing the formats is done elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

from protocol.credentials.claims_paths import Path, covers, leaves

NAMESPACE = "https://lrx.example/"

Kind = Literal[
    "diploma-supplement",
    "transcript",
    "micro-credential",
    "enrolment-certificate",
    "expected-graduation-certificate",
    "graduation-certificate",
    "grade-certificate",
    "credit-certificate",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

Format = Literal["dc+sd-jwt", "ldp_vc", "application/elmo+xml"]
FORMATS: tuple[Format, ...] = get_args(Format)

TYPES: Mapping[Kind, str] = MappingProxyType(
    {
        "diploma-supplement": "DiplomaSupplementCredential",
        "transcript": "TranscriptCredential",
        "micro-credential": "OpenBadgeCredential",
        "enrolment-certificate": "EnrolmentCertificateCredential",
        "expected-graduation-certificate": "ExpectedGraduationCertificateCredential",
        "graduation-certificate": "GraduationCertificateCredential",
        "grade-certificate": "GradeCertificateCredential",
        "credit-certificate": "CreditCertificateCredential",
    }
)
"""The type a VC of each kind has beside `VerifiableCredential`."""


def vct(kind: str) -> str:
    """Return the `vct` of an SD-JWT VC of that kind."""
    return f"{NAMESPACE}vct/{kind}/1"


def kind_of(vct_or_type: str) -> Kind | None:
    """Return the kind a `vct` or a VC type names; None for what is not ours."""
    for kind in KINDS:
        if vct_or_type in (vct(kind), TYPES[kind]):
            return kind
    return None


@dataclass(frozen=True, slots=True)
class Unit:
    """One part of a record that can be asked for and disclosed on its own."""

    path: Path
    kinds: frozenset[str]
    item: str | None
    """Number in the Diploma Supplement; `MC` for the elements of EU Annex I."""
    elmo: str | None
    """XPath in ELMO 1.x; None where ELMO has no place, so that it is lost there."""


_DEGREE = "/elmo/report/learningOpportunitySpecification[type='Degree Programme']"
_COURSE = f"{_DEGREE}//learningOpportunitySpecification[type='Course']"
_INSTANCE = "specifies/learningOpportunityInstance"
_AWARD = f"{_DEGREE}/{_INSTANCE}"
_TAKEN = f"{_COURSE}/{_INSTANCE}"


def _section(number: str) -> str:
    """Return where ELMO keeps an item of the Diploma Supplement as text."""
    outer = f"{_AWARD}/diplomaSupplement/section[@number='{number[0]}']"
    inner = f"/section[@number='{number}']" if "." in number else ""
    return f"{outer}{inner}/content"


_SUPPLEMENT = frozenset({"diploma-supplement"})
_MICRO = frozenset({"micro-credential"})
_CERTIFICATES = frozenset(kind for kind in KINDS if kind.endswith("-certificate"))
_LISTS = frozenset(
    {"diploma-supplement", "transcript", "grade-certificate", "credit-certificate"}
)
_GRADED = _LISTS - {"credit-certificate"}
_STUDIES = _SUPPLEMENT | {"transcript"} | _CERTIFICATES
_AWARDED = _SUPPLEMENT | {"graduation-certificate"}
_ALL = frozenset(KINDS)

UNITS: tuple[Unit, ...] = tuple(
    Unit(path, kinds, item, elmo)
    for path, kinds, item, elmo in (
        (("holder", "family_name"), _ALL, "1.1", "/elmo/learner/familyName"),
        (("holder", "given_name"), _ALL, "1.2", "/elmo/learner/givenNames"),
        (("holder", "name_native"), _ALL, "1.1", None),
        (("holder", "name_kana"), _ALL, None, None),
        (("holder", "birth_date"), _ALL, "1.3", "/elmo/learner/bday"),
        (
            ("holder", "student_number"),
            _ALL,
            "1.4",
            "/elmo/learner/identifier[@type='local']",
        ),
        (("qualification", "title"), _AWARDED, "2.1", _section("2.1")),
        (("qualification", "title_original"), _AWARDED, "2.1", _section("2.1")),
        (("qualification", "awarded_on"), _AWARDED, "2.1", f"{_AWARD}/date"),
        (("qualification", "field"), _SUPPLEMENT, "2.2", f"{_DEGREE}/iscedCode"),
        (
            ("qualification", "awarding_institution"),
            _STUDIES,
            "2.3",
            "/elmo/report/issuer/title[@xml:lang='en']",
        ),
        (
            ("qualification", "awarding_institution_original"),
            _STUDIES,
            "2.3",
            "/elmo/report/issuer/title[@xml:lang!='en']",
        ),
        (("qualification", "institution_status"), _SUPPLEMENT, "2.3", _section("2.3")),
        (
            ("qualification", "teaching_institution"),
            _SUPPLEMENT,
            "2.4",
            _section("2.4"),
        ),
        (
            ("qualification", "languages"),
            _SUPPLEMENT,
            "2.5",
            f"{_AWARD}/languageOfInstruction",
        ),
        (("qualification", "level"), _SUPPLEMENT, "3.1", _section("3.1")),
        (
            ("qualification", "classification"),
            _SUPPLEMENT,
            "4.5",
            f"{_AWARD}/resultLabel",
        ),
        (("programme", "name"), _STUDIES, None, f"{_DEGREE}/title[@xml:lang='en']"),
        (
            ("programme", "name_original"),
            _STUDIES,
            None,
            f"{_DEGREE}/title[@xml:lang!='en']",
        ),
        (("programme", "length"), _SUPPLEMENT, "3.2", _section("3.2")),
        (("programme", "credits"), _SUPPLEMENT, "3.2", f"{_AWARD}/credit"),
        (("programme", "access_requirements"), _SUPPLEMENT, "3.3", _section("3.3")),
        (("programme", "mode"), _SUPPLEMENT, "4.1", _section("4.1")),
        (("programme", "learning_outcomes"), _SUPPLEMENT, "4.2", _section("4.2")),
        (("programme", "admitted_on"), _STUDIES, None, f"{_AWARD}/start"),
        (("programme", "graduated_on"), _STUDIES, None, f"{_AWARD}/date"),
        (
            ("results", None, "code"),
            _LISTS,
            "4.3",
            f"{_COURSE}/identifier[@type='local']",
        ),
        (
            ("results", None, "title"),
            _LISTS,
            "4.3",
            f"{_COURSE}/title[@xml:lang='en']",
        ),
        (
            ("results", None, "title_original"),
            _LISTS,
            "4.3",
            f"{_COURSE}/title[@xml:lang!='en']",
        ),
        (("results", None, "credits"), _LISTS, "4.3", f"{_TAKEN}/credit"),
        (("results", None, "grade"), _GRADED, "4.3", f"{_TAKEN}/resultLabel"),
        (("results", None, "taken"), _LISTS, "4.3", f"{_TAKEN}/academicTerm"),
        (("results", None, "recognised_from"), _LISTS, "4.3", None),
        (
            ("grading", "name"),
            _GRADED,
            "4.4",
            "/elmo/report/gradingScheme/description",
        ),
        (("grading", "direction"), _GRADED, "4.4", None),
        (("grading", "bands"), _GRADED, "4.4", _section("4.4")),
        (("function", "further_study"), _SUPPLEMENT, "5.1", _section("5.1")),
        (("function", "professional_status"), _SUPPLEMENT, "5.2", _section("5.2")),
        (("information", "additional"), _SUPPLEMENT, "6.1", _section("6.1")),
        (("information", "sources"), _SUPPLEMENT, "6.2", _section("6.2")),
        (
            ("certification", "date"),
            _SUPPLEMENT,
            "7.1",
            f"{_AWARD}/diplomaSupplement/issueDate",
        ),
        (("certification", "signatory"), _SUPPLEMENT, "7.2", _section("7.2")),
        (("certification", "capacity"), _SUPPLEMENT, "7.3", _section("7.3")),
        (("certification", "seal"), _SUPPLEMENT, "7.4", _section("7.4")),
        (("system", "description"), _SUPPLEMENT, "8", _section("8")),
        (("summary", "credits_earned"), _LISTS, None, f"{_AWARD}/credit"),
        (("summary", "gpa"), _GRADED, None, None),
        *(
            (("certificate", member), _CERTIFICATES, None, None)
            for member in (
                "kind",
                "title",
                "title_original",
                "statement",
                "statement_original",
                "number",
                "issued_on",
                "valid_until",
            )
        ),
        *(
            (("achievement", member), _MICRO, item, elmo)
            for member, item, elmo in (
                ("key", None, None),
                ("title", "MC", None),
                ("title_original", "MC", None),
                ("country", "MC", None),
                ("awarding_body", "MC", None),
                ("awarding_body_original", "MC", None),
                ("awarded_on", "MC", None),
                ("learning_outcomes", "MC", None),
                ("workload", "MC", None),
                ("level", "MC", None),
                ("assessment", "MC", None),
                ("participation", "MC", None),
                ("quality_assurance", "MC", None),
                ("courses", None, None),
            )
        ),
    )
)
"""Every unit but those of `reasons`, whose members are the numbers of items."""

REASONS = "reasons"
"""The group that says why an item is empty, by the item's number."""

OPEN_BADGE: Mapping[Path, Path] = MappingProxyType(
    {
        ("holder", "family_name"): ("credentialSubject", "identifier"),
        ("holder", "given_name"): ("credentialSubject", "identifier"),
        ("holder", "name_native"): ("credentialSubject", "identifier"),
        ("holder", "name_kana"): ("credentialSubject", "identifier"),
        ("holder", "birth_date"): ("credentialSubject", "identifier"),
        ("holder", "student_number"): ("credentialSubject", "identifier"),
        ("achievement", "key"): ("credentialSubject", "achievement", "humanCode"),
        ("achievement", "title"): ("credentialSubject", "achievement", "name"),
        ("achievement", "country"): ("issuer", "address", "addressCountryCode"),
        ("achievement", "awarding_body"): ("issuer", "name"),
        ("achievement", "awarded_on"): ("awardedDate",),
        ("achievement", "learning_outcomes"): (
            *("credentialSubject", "achievement", "description"),
        ),
        **{
            ("achievement", member): (
                *("credentialSubject", "achievement", "microCredential"),
                member,
            )
            for member in (
                "title_original",
                "awarding_body_original",
                "workload",
                "level",
                "assessment",
                "participation",
                "quality_assurance",
                "courses",
            )
        },
    }
)
"""Where the units of a micro-credential lie in an `OpenBadgeCredential`."""


def units_of(kind: str) -> tuple[Unit, ...]:
    """Return the units a record of that kind can have, in the order of the model."""
    return tuple(unit for unit in UNITS if kind in unit.kinds)


def is_known(kind: str, path: Path) -> bool:
    """Tell whether `path` selects units a record of that kind can have.

    A group, or a whole element of a list, selects the units in it; what lies inside a
    unit cannot be selected.
    """
    pattern = _pattern(path)
    if pattern[0] == REASONS:
        return kind in _ALL and len(pattern) <= len((REASONS, "item"))
    return any(covers(pattern, unit.path) for unit in units_of(kind))


def unknown_units(kind: str, record: Mapping[str, Any]) -> tuple[Path, ...]:
    """List the units of a record that the model does not have for its kind."""
    return tuple(
        path
        for path in leaves(record)
        if not (path[0] == REASONS and is_known(kind, path))
        and _unit(kind, path) is None
    )


def place(kind: str, path: Path, format_: Format) -> Path | str | None:
    """Return where the unit at `path` lies in a format; None where it has no place.

    The answer is a path for the JSON formats, an XPath for ELMO.
    """
    if not is_known(kind, path):
        return None
    if format_ == "dc+sd-jwt":
        return path
    if format_ == "ldp_vc":
        if kind == "micro-credential":
            return OPEN_BADGE.get(path)
        return ("credentialSubject", *path)
    unit = _unit(kind, path)
    return unit.elmo if unit else None


def _pattern(path: Path) -> Path:
    """Write `path` as the table does: `null` for any element of a list."""
    return tuple(part if isinstance(part, str) else None for part in path)


def _unit(kind: str, path: Path) -> Unit | None:
    pattern = _pattern(path)
    return next((unit for unit in units_of(kind) if unit.path == pattern), None)
