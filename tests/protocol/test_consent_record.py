"""Consent records hold every field ISO/IEC TS 27560 asks for, and no data."""

import csv
import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from protocol.exchange.consent import Purpose, Status
from protocol.exchange.consent_record import (
    CONTEXT,
    PURPOSE_CATEGORIES,
    STATES,
    ConsentFacts,
    Event,
    Notice,
    Party,
    consent_receipt,
    consent_record,
)

SAMPLES = Path(__file__).parents[3] / "shared/standards/consent/dpv"
VOCABULARIES = {
    "dpv": "dpv-2.3.csv",
    "pd": "pd.csv",
    "eu-gdpr": "eu-gdpr.csv",
    "legal-jp": "legal-jp.csv",
}
AT = datetime(2026, 10, 24, 9, 30, tzinfo=UTC)
SOURCE = Party(
    did="did:web:registry.uni-a.example",
    name={"en": "University A", "ja": "A大学"},
    kind="dpv:EducationalOrganisation",
    country="JP",
    address="1-1 Example, Tokyo",
    contact="mailto:privacy@uni-a.example",
    notice="https://registry.uni-a.example/privacy",
)
RECIPIENT = dataclasses.replace(
    SOURCE,
    did="did:web:lrx.enic-b.example",
    name={"en": "ENIC-NARIC Country B"},
    kind="dpv:GovernmentalOrganisation",
    country="NL",
)
FACTS = ConsentFacts(
    id="01a167c6200075aa85985f5d2da7fc55",
    version=2,
    learner="urn:lrx:learner:a05f7566ae8c857a3bc47bd1cf960f0d",
    source=SOURCE,
    recipient=RECIPIENT,
    purpose=Purpose.RECOGNITION_ASSESSMENT,
    description={"en": "Assessment of a foreign degree"},
    reference="CASE-2026-00817",
    scope=[
        ("r1", "diploma-supplement", ("qualification", "title")),
        ("r1", "diploma-supplement", ("holder", "birth_date")),
        ("r1", "diploma-supplement", ("holder", "family_name")),
        ("r1", "diploma-supplement", ("results", 0, "grade")),
    ],
    notice=Notice("https://registry.uni-a.example/notices/7", "7", "ja", "sha-256:x"),
    regimes=("JP-APPI", "EU-GDPR"),
    retention_days=180,
    not_after=AT + timedelta(days=30),
    max_uses=1,
    manage_url="https://registry.uni-a.example/consents",
    policy_digest="sha-256:ULoV7tqNi7Q0ntwJdCtbgD7r-KD8SpAFrF8ouA5IIIo",
    events=[
        Event(Status.REQUESTED, AT, "recipient", "record/query"),
        Event(Status.GRANTED, AT + timedelta(hours=1), "learner", "portal"),
    ],
)


def test_every_mandatory_field_is_there():
    record = consent_record(FACTS)

    for name in (
        "dct:conformsTo",
        "dct:identifier",
        "dpv:hasDataSubject",
        "dpv:hasNotice",
        "dpv:hasProcess",
        "dpv:hasEntity",
        "dpv:hasConsentStatus",
    ):
        assert record[name]
    assert record["dpv:hasNotice"]["dct:language"] == "ja"
    for name in (
        "dpv:hasPurpose",
        "dpv:hasPersonalData",
        "dpv:hasDataController",
        "dpv:hasStorageCondition",
        "dpv:hasJurisdiction",
        "dpv:hasRecipient",
        "dpv:hasConsentControl",
        "dpv:hasLegalBasis",
        "dpv:hasRight",
    ):
        assert record["dpv:hasProcess"][name]
    kinds = [
        one["@type"] for one in record["dpv:hasProcess"]["dpv:hasStorageCondition"]
    ]
    assert kinds == ["dpv:StorageLocation", "dpv:StorageDuration"]
    for entity in record["dpv:hasEntity"]:
        for name in ("@id", "@type", "dpv:hasName", "schema:contactPoint"):
            assert entity[name]
    for event in record["dpv:hasConsentStatus"]:
        for name in (
            "@type",
            "dpv:isIndicatedAtTime",
            "dpv:isIndicatedBy",
            "dpv:hasDuration",
        ):
            assert event[name]


def test_the_record_names_fields_and_categories():
    data = consent_record(FACTS)["dpv:hasProcess"]["dpv:hasPersonalData"]

    assert [(one["skos:broader"], one["dct:identifier"]) for one in data] == [
        ("pd:EducationQualification", 'r1#["qualification","title"]'),
        ("pd:BirthDate", 'r1#["holder","birth_date"]'),
        ("pd:Name", 'r1#["holder","family_name"]'),
        ("pd:Education", 'r1#["results",0,"grade"]'),
    ]


def test_the_law_of_each_end_has_its_place():
    both = consent_record(FACTS)
    japan = consent_record(dataclasses.replace(FACTS, regimes=("JP-APPI",)))
    other = consent_record(dataclasses.replace(FACTS, regimes=("XX",), reference=None))

    assert both["dct:conformsTo"].endswith("#record-eu-gdpr")
    assert both["dpv:hasProcess"]["dpv:hasLegalBasis"] == [
        "dpv:ExplicitlyExpressedConsent",
        "eu-gdpr:A6-1-a",
    ]
    assert len(both["dpv:hasProcess"]["dpv:hasRight"]) == 6
    assert japan["dct:conformsTo"].endswith("#record")
    assert japan["dpv:hasProcess"]["dpv:hasApplicableLaw"] == ["legal-jp:law-APPI"]
    assert len(japan["dpv:hasProcess"]["dpv:hasRight"]) == 4
    assert other["dpv:hasProcess"]["dpv:hasLegalBasis"] == [
        "dpv:ExplicitlyExpressedConsent"
    ]
    assert "dct:identifier" not in other["dpv:hasProcess"]["dpv:hasPurpose"]


@pytest.mark.parametrize("change", [{"events": []}, {"scope": []}])
def test_without_an_event_or_a_scope_there_is_nothing_to_record(change):
    with pytest.raises(ValueError, match="needs an event and a scope"):
        consent_record(dataclasses.replace(FACTS, **change))


def test_the_receipt_is_a_copy_for_the_learner():
    record = consent_record(FACTS)

    receipt = consent_receipt(record, receipt_id="01a1", at=AT)

    copy = receipt["dpv:hasRecordOfActivity"]
    assert copy == {name: record[name] for name in record if name != "@context"}
    assert receipt["dct:publisher"] == SOURCE.did
    assert receipt["dct:created"] == "2026-10-24T09:30:00Z"


def test_every_purpose_and_state_has_a_term():
    assert set(PURPOSE_CATEGORIES) == set(Purpose)
    assert set(STATES) == set(Status)


@pytest.mark.samples
@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples are not here")
def test_every_term_is_in_the_vocabulary():
    terms = {}
    for prefix, file in VOCABULARIES.items():
        with (SAMPLES / file).open("r", encoding="utf-8") as rows:
            terms[prefix] = {row["term"] for row in csv.DictReader(rows)}
    texts = [
        json.dumps(consent_receipt(consent_record(FACTS), receipt_id="x", at=AT)),
        " ".join([*PURPOSE_CATEGORIES.values(), *STATES.values()]),
    ]

    used = set(
        re.findall(r"\b(dpv|pd|eu-gdpr|legal-jp):([A-Za-z0-9-]+)", " ".join(texts))
    )

    assert len(used) > 40
    assert not {
        f"{prefix}:{term}" for prefix, term in used if term not in terms[prefix]
    }
    assert {prefix for prefix, _ in used} <= set(CONTEXT)
