"""The record of a consent, as a learner, an auditor or a court would want to read it.

The structure is that of ISO/IEC TS 27560 (header, processing, parties, events) written
in JSON-LD with the terms of the Data Privacy Vocabulary, as its guide "Consent Records
and Receipts" maps them. `consent_record` always writes every field that the technical
specification makes mandatory, and those that the GDPR adds. It holds paths of fields,
never their values.

`consent_receipt` is the learner's copy. Signing it, and saying it in words, is for the
node. What decides over a release is `consent`, not this document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from protocol.credentials.claims_paths import Path, format_path
from protocol.exchange.consent import Purpose, Status
from protocol.exchange.messages import NAMESPACE

RECORD_SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#record"
RECORD_SCHEMA_GDPR = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"
RECEIPT_SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#receipt"
CONTEXT: Mapping[str, str] = {
    "dct": "http://purl.org/dc/terms/",
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "legal-eu": "https://w3id.org/dpv/legal/eu#",
    "legal-jp": "https://w3id.org/dpv/legal/jp#",
    "loc": "https://w3id.org/dpv/loc#",
    "lrx": NAMESPACE + "ns/consent/1#",
    "pd": "https://w3id.org/dpv/pd#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
}

PURPOSE_CATEGORIES: Mapping[Purpose, str] = {
    Purpose.ADMISSION: "dpv:Verification",
    Purpose.RECOGNITION_ASSESSMENT: "dpv:Verification",
    Purpose.CREDIT_TRANSFER: "dpv:ServiceProvision",
    Purpose.EMPLOYMENT: "dpv:RecruitmentApplicantInformationAuthentication",
    Purpose.LICENSING: "dpv:Verification",
    Purpose.SCHOLARSHIP: "dpv:Verification",
    Purpose.IMMIGRATION: "dpv:Verification",
    Purpose.PERSONAL_USE: "dpv:ServiceProvision",
}
"""The nearest category of the vocabulary, which knows no purposes of education."""

STATES: Mapping[Status, str] = {
    Status.REQUESTED: "dpv:ConsentRequested",
    Status.GRANTED: "dpv:ConsentGiven",
    Status.SUSPENDED: "dpv:ConsentUnknown",
    Status.REFUSED: "dpv:ConsentRefused",
    Status.WITHDRAWN: "dpv:ConsentWithdrawn",
    Status.SUPERSEDED: "dpv:ConsentInvalidated",
}
"""What each state means to others; of these only `dpv:ConsentGiven` justifies use."""

_CATEGORIES: Mapping[str, str] = {
    "holder": "pd:Name",
    "qualification": "pd:EducationQualification",
    "programme": "pd:EducationExperience",
}
_MEMBERS: Mapping[Path, str] = {
    ("holder", "birth_date"): "pd:BirthDate",
    ("holder", "student_number"): "pd:Identifier",
}
_OTHER_CATEGORY = "pd:Education"

_REGIMES: Mapping[str, tuple[str, str]] = {
    "EU-GDPR": ("legal-eu:law-GDPR", "eu-gdpr:A6-1-a"),
    "JP-APPI": ("legal-jp:law-APPI", "dpv:ExplicitlyExpressedConsent"),
}
_RIGHTS: Mapping[str, tuple[str, ...]] = {
    "EU-GDPR": ("A7-3", "A15", "A16", "A17", "A20", "A77"),
}
_RIGHT_NAMES: Mapping[str, str] = {
    "A7-3": "Right to withdraw consent",
    "A15": "Right of access",
    "A16": "Right to rectification",
    "A17": "Right to erasure",
    "A20": "Right to data portability",
    "A77": "Right to lodge a complaint",
}


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation at either end."""

    did: str
    name: Mapping[str, str]
    """By language."""
    kind: Literal[
        "dpv:EducationalOrganisation",
        "dpv:GovernmentalOrganisation",
        "dpv:Organisation",
    ]
    country: str
    address: str
    contact: str
    """A `mailto:` or `https:` address for questions about privacy."""
    notice: str
    """Where it publishes its privacy notice."""


@dataclass(frozen=True, slots=True)
class Event:
    """A step in the life of the consent."""

    status: Status
    at: datetime
    by: Literal["learner", "guardian", "source", "recipient"]
    method: str
    """How it was expressed: the page, the kind of login."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What was shown before the decision."""

    url: str
    version: str
    language: str
    digest: str
    """Of the text as shown."""


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """What a consent record is written from."""

    id: str
    version: int
    learner: str
    """An identifier that names the learner here and nowhere else."""
    source: Party
    recipient: Party
    purpose: Purpose
    description: Mapping[str, str]
    """The purpose in the requester's words, by language."""
    reference: str | None
    scope: Sequence[tuple[str, str, Path]]
    """Record id, type of record, unit."""
    notice: Notice
    regimes: Sequence[str]
    """The privacy regimes of both ends."""
    retention_days: int
    not_after: datetime
    max_uses: int
    manage_url: str
    """Where the learner withdraws and uses the other rights."""
    policy_digest: str
    events: Sequence[Event]


def consent_record(facts: ConsentFacts) -> dict[str, Any]:
    """Write the record of a consent version, with its events so far.

    Raises:
        ValueError: no event, or no field in the scope: there is nothing to record.
    """
    if not facts.events or not facts.scope:
        raise ValueError("a consent record needs an event and a scope")
    gdpr = "EU-GDPR" in facts.regimes
    identifier = _identifier(facts)
    return {
        "@context": dict(CONTEXT),
        "@id": identifier,
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": RECORD_SCHEMA_GDPR if gdpr else RECORD_SCHEMA,
        "dct:identifier": identifier,
        "dct:created": _moment(facts.events[0].at),
        "dct:modified": _moment(facts.events[-1].at),
        "dpv:hasDataSubject": {"@id": facts.learner, "@type": "dpv:Student"},
        "dpv:hasNotice": {
            "@id": facts.notice.url,
            "@type": "dpv:ConsentNotice",
            "dct:hasVersion": facts.notice.version,
            "dct:language": facts.notice.language,
            "lrx:digest": facts.notice.digest,
        },
        "dpv:hasProcess": _process(facts),
        "dpv:hasEntity": [
            _entity(facts.source, "dpv:DataController"),
            _entity(facts.recipient, "dpv:Recipient"),
        ],
        "dpv:hasConsentStatus": [_event(facts, event) for event in facts.events],
    }


def consent_receipt(
    record: Mapping[str, Any], *, receipt_id: str, at: datetime
) -> dict[str, Any]:
    """Write the learner's copy of a record."""
    return {
        "@context": dict(CONTEXT),
        "@id": f"urn:lrx:receipt:{receipt_id}",
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": RECEIPT_SCHEMA,
        "dct:identifier": f"urn:lrx:receipt:{receipt_id}",
        "dct:created": _moment(at),
        "dct:publisher": record["dpv:hasEntity"][0]["@id"],
        "schema:recipient": "dpv:DataSubject",
        "dpv:hasRecordOfActivity": {
            name: value for name, value in record.items() if name != "@context"
        },
    }


def _process(facts: ConsentFacts) -> dict[str, Any]:
    laws = [_REGIMES[regime] for regime in facts.regimes if regime in _REGIMES]
    bases = [basis for _, basis in laws] or ["dpv:ExplicitlyExpressedConsent"]
    purpose: dict[str, Any] = {
        "@id": f"{NAMESPACE}purposes/{facts.purpose}",
        "@type": "dpv:Purpose",
        "skos:broader": PURPOSE_CATEGORIES[facts.purpose],
        "dct:description": _texts(facts.description),
    }
    if facts.reference is not None:
        purpose["dct:identifier"] = facts.reference
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": purpose,
        "dpv:hasPersonalData": [
            {
                "@type": "dpv:PersonalData",
                "skos:broader": _category(path),
                "dct:identifier": f"{record}#{format_path(path)}",
                "dct:type": kind,
            }
            for record, kind, path in facts.scope
        ],
        "dpv:hasProcessing": "dpv:Share",
        "dpv:hasDataSource": facts.source.did,
        "dpv:hasStorageCondition": [
            {
                "@type": "dpv:StorageLocation",
                "dpv:hasLocation": f"loc:{facts.recipient.country}",
            },
            {
                "@type": "dpv:StorageDuration",
                "dpv:hasDuration": f"P{facts.retention_days}D",
            },
        ],
        "dpv:hasDataController": facts.source.did,
        "dpv:hasRecipient": facts.recipient.did,
        "dpv:hasLegalBasis": list(dict.fromkeys(bases)),
        "dpv:hasApplicableLaw": [law for law, _ in laws],
        "dpv:hasJurisdiction": [
            f"loc:{country}"
            for country in dict.fromkeys(
                (facts.source.country, facts.recipient.country)
            )
        ],
        "dpv:hasConsentControl": {
            "@type": "dpv:WithdrawConsent",
            "dpv:isExercisedAt": facts.manage_url,
        },
        "dpv:hasRight": _rights(facts),
        "dpv:hasPolicy": {
            "@id": f"urn:lrx:consent:{facts.id}:{facts.version}",
            "lrx:digest": facts.policy_digest,
        },
    }


def _rights(facts: ConsentFacts) -> list[dict[str, Any]]:
    at = {"dpv:isExercisedAt": facts.manage_url}
    named = [
        {
            "@type": ["dpv:DataSubjectRight", f"eu-gdpr:{right}"],
            "dct:title": _RIGHT_NAMES[right],
            **at,
        }
        for regime in facts.regimes
        for right in _RIGHTS.get(regime, ())
    ]
    return named or [
        {"@type": "dpv:DataSubjectRight", "dct:title": _RIGHT_NAMES[right], **at}
        for right in ("A7-3", "A15", "A16", "A17")
    ]


def _entity(party: Party, role: str) -> dict[str, Any]:
    return {
        "@id": party.did,
        "@type": [party.kind, role],
        "dpv:hasIdentifier": party.did,
        "dpv:hasName": _texts(party.name),
        "schema:contactPoint": [
            {"@type": "schema:ContactPoint", "schema:url": party.contact},
            {
                "@type": "schema:PostalAddress",
                "schema:streetAddress": party.address,
                "schema:addressCountry": party.country,
            },
        ],
        "schema:url": party.notice,
    }


def _event(facts: ConsentFacts, event: Event) -> dict[str, Any]:
    parties = {
        "learner": "dpv:DataSubject",
        "guardian": "dpv:GuardianOfDataSubject",
        "source": facts.source.did,
        "recipient": facts.recipient.did,
    }
    return {
        "@type": [STATES[event.status], "dpv:ExplicitlyExpressedConsent"],
        "dpv:isIndicatedAtTime": _moment(event.at),
        "dpv:isIndicatedBy": parties[event.by],
        "dpv:hasIndicationMethod": event.method,
        "dpv:hasDuration": [
            {"@type": "dpv:UntilTimeDuration", "rdf:value": _moment(facts.not_after)},
            {"@type": "dpv:FixedOccurrencesDuration", "rdf:value": str(facts.max_uses)},
        ],
    }


def _category(path: Path) -> str:
    return _MEMBERS.get(path) or _CATEGORIES.get(str(path[0]), _OTHER_CATEGORY)


def _identifier(facts: ConsentFacts) -> str:
    return f"urn:lrx:consent-record:{facts.id}:{facts.version}"


def _texts(texts: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"@language": language, "@value": text} for language, text in texts.items()]


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
