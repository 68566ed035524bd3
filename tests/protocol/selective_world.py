"""What the tests of selective disclosure share: keys, vectors, documents."""

import json
from datetime import UTC, datetime
from pathlib import Path

from node.contexts import vocabulary
from protocol.identity import bbs_keys
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey, VerificationKey
from protocol.linked_data.contexts import Contexts
from protocol.linked_data.terms import Vocabulary
from protocol.securing.selective import BBS, ECDSA_SD, is_by, read

VECTORS = Path(__file__).parents[1] / "vectors"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
VOCABULARY = vocabulary()

_SCHEMA = "https://schema.org/"
_CITIZENSHIP = "https://w3id.org/citizenship#"
_DATE = "http://www.w3.org/2001/XMLSchema#dateTime"
_CITIZENSHIP_TERMS = {
    **{
        name: _CITIZENSHIP + name
        for name in (
            *("PermanentResidentCardCredential", "PermanentResident"),
            *("PermanentResidentCard", "EmploymentAuthorizationDocumentCredential"),
            *("EmployablePerson", "EmploymentAuthorizationDocument"),
            *("permanentResidentCard", "employmentAuthorizationDocument"),
            *("birthCountry", "commuterClassification", "lprCategory", "lprNumber"),
        )
    },
    **{
        name: _SCHEMA + name
        for name in (
            *("Person", "additionalName", "familyName", "gender", "givenName"),
            "identifier",
        )
    },
    "image": {"@id": _SCHEMA + "image", "@type": "@id"},
    "birthDate": {"@id": _SCHEMA + "birthDate", "@type": _DATE},
    "residentSince": {"@id": _CITIZENSHIP + "residentSince", "@type": _DATE},
}
"""What the vectors use of the Citizenship Vocabulary, by their canonical forms."""


def with_citizenship():
    url = "https://w3id.org/citizenship/v4rc1"
    known = {url: {"@context": _CITIZENSHIP_TERMS}}
    return Vocabulary(Contexts({**VOCABULARY.contexts.documents, **known}))


def published(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def without_proof(document):
    return {name: value for name, value in document.items() if name != "proof"}


def key_named_in(proof):
    return VerificationKey.from_multikey(proof["verificationMethod"].partition("#")[2])


def verifies(document, key=None, vocabulary=VOCABULARY):
    proof = document["proof"]
    return is_by(
        read(proof), without_proof(document), key or key_named_in(proof), vocabulary
    )


class Issuer:
    """A key and its did:key."""

    def __init__(self, suite):
        self.suite = suite
        if suite == ECDSA_SD:
            self.key = LocalSigningKey.generate("ES256")
            self.public = self.key.verification_key
        else:
            self.key = bbs_keys.SecretKey.generate()
            self.public = VerificationKey("BBS", self.key.public_key.raw)
        self.did = f"did:key:{self.public.multikey()}"
        self.kid = DidUrl(f"{self.did}#{self.public.multikey()}")


ISSUERS = {suite: Issuer(suite) for suite in (ECDSA_SD, BBS)}


def badge(issuer):
    """An Open Badges 3.0 credential with an ordered list."""
    return {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        ],
        "id": "urn:uuid:7a3c1f0e-3f0a-4d5e-9a34-08d2d1f3c002",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "issuer": {"id": issuer, "type": ["Profile"], "name": "University A"},
        "validFrom": "2026-03-25T00:00:00Z",
        "credentialSubject": {
            "id": "did:example:learner",
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "https://uni-a.example/badges/data-analysis",
                "type": ["Achievement"],
                "name": "データ分析 入門",
                "description": "Reads, cleans and describes a table of data.",
                "criteria": {"narrative": "Two projects."},
                "resultDescription": [
                    {
                        "id": "urn:uuid:7a3c1f0e-3f0a-4d5e-9a34-08d2d1f3c100",
                        "type": ["ResultDescription"],
                        "name": "Grade",
                        "resultType": "LetterGrade",
                        "allowedValue": ["S", "A", "B", "A"],
                    }
                ],
            },
            "result": [
                {"type": ["Result"], "value": "A"},
                {"type": ["Result"], "value": "B"},
                {"type": ["Result"], "value": "A"},
            ],
        },
    }
