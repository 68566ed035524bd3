"""The same graph in other words, by which a term of the data model would be hidden."""

import copy

import pytest

from node.contexts import vocabulary
from protocol.errors import LinkedDataError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.linked_data.rdf import canonical_form
from protocol.securing import data_integrity
from tests.protocol.test_data_integrity_graphs import AT

CRED = "https://www.w3.org/2018/credentials#"
DATE = "http://www.w3.org/2001/XMLSchema#dateTime"
END = "2020-01-01T00:00:00Z"
KEY = LocalSigningKey.generate("EdDSA")
NAME = KEY.verification_key.multikey()
KID = DidUrl(f"did:key:{NAME}#{NAME}")
V2 = "https://www.w3.org/ns/credentials/v2"
DOCUMENT = {
    "@context": [V2],
    "id": "urn:x:1",
    "type": ["VerifiableCredential"],
    "issuer": f"did:key:{NAME}",
    "validUntil": END,
    "credentialSubject": {"id": "did:example:a", "name": "A"},
    "evidence": {"id": "urn:x:2", "type": ["VerifiableCredential"]},
}
SIGNED = data_integrity.secure(
    DOCUMENT, key=KEY, verification_method=KID, at=AT, vocabulary=vocabulary()
)


def without_end():
    return {n: copy.deepcopy(v) for n, v in SIGNED.items() if n != "validUntil"}


def renamed(inline, name, value=END):
    return without_end() | {"@context": [V2, inline], name: value}


TYPED = {"@type": DATE, "@value": END}
DISGUISED = {
    "nested": without_end() | {"@nest": {"validUntil": END}},
    "as an IRI": without_end() | {f"{CRED}validUntil": TYPED},
    "renamed": renamed({"end": {"@id": f"{CRED}validUntil", "@type": DATE}}, "end"),
    "by a prefix": renamed({"c": CRED}, "c:validUntil", TYPED),
    "by a vocabulary": renamed({"@vocab": CRED[:-3]}, "ls#validUntil", TYPED),
    "nested by an alias": renamed({"n": "@nest"}, "n", {"validUntil": END}),
    "included": without_end() | {"@included": [{"id": "urn:x:1", "validUntil": END}]},
}


@pytest.mark.parametrize("name", DISGUISED)
def test_an_end_that_is_hidden_does_not_verify(name):
    document = DISGUISED[name]
    with pytest.raises(LinkedDataError):
        data_integrity.verify(
            document, KEY.verification_key, "eddsa-rdfc-2022", vocabulary()
        )


def test_an_inline_context_may_be_written_as_a_document():
    terms = {"grade": "https://uni.example/terms#grade"}
    plain = canonical_form(DOCUMENT | {"@context": [V2, terms]}, vocabulary())
    wrapped = DOCUMENT | {"@context": [V2, {"@context": terms}]}
    assert canonical_form(wrapped, vocabulary()).text == plain.text
    hidden = {"@context": {"end": f"{CRED}validUntil"}}
    with pytest.raises(LinkedDataError):
        canonical_form(DOCUMENT | {"@context": [V2, hidden], "end": END}, vocabulary())
