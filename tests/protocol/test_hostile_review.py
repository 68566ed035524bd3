"""Ways to a wrong verdict that a hostile reader found, each closed."""

import copy
import json
from datetime import UTC, datetime

import pytest

from node.contexts import vocabulary
from protocol.credentials import model, presentations
from protocol.credentials.findings import Evidence
from protocol.credentials.verification import verify
from protocol.errors import SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.securing import data_integrity, jose, legacy, sd_jwt

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = datetime(2026, 12, 24, 12, tzinfo=UTC)
KEY = LocalSigningKey.generate("EdDSA")
NAME = KEY.verification_key.multikey()
DID = f"did:key:{NAME}"
URL = DidUrl(f"{DID}#{NAME}")
ID = "urn:uuid:2f0a6f4e-6a5c-4a4d-9c0e-3b6b6b1f1d11"
CREDENTIAL = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "id": ID,
    "type": ["VerifiableCredential"],
    "issuer": DID,
    "validFrom": "2026-01-01T00:00:00Z",
    "credentialSubject": {"id": ID, "name": "A"},
}


def secured(document, words=None, purpose="assertionMethod"):
    return data_integrity.secure(
        document,
        key=KEY,
        verification_method=URL,
        at=AT,
        purpose=purpose,
        vocabulary=words,
    )


def judged(document):
    text = document if isinstance(document, str) else json.dumps(document)
    graph = Evidence(vocabulary=vocabulary())
    return verify(model.read(text.encode()), evidence=graph, at=LATER)


def word(document):
    return judged(document).overall("authenticity")


@pytest.mark.parametrize("inline", [[], [{"@vocab": "https://w.example/"}]])
def test_an_end_cannot_move_into_a_part_with_the_name_of_the_whole(inline):
    contexts = CREDENTIAL["@context"] + inline
    ended = CREDENTIAL | {"validUntil": "2026-12-01T00:00:00Z", "@context": contexts}
    signed = secured(ended, vocabulary())
    moved = copy.deepcopy(signed)
    moved["credentialSubject"] |= {
        "type": ["VerifiableCredential"],
        "validUntil": moved.pop("validUntil"),
    }

    assert judged(signed).findings["integrity"].result == "valid"
    assert judged(moved).findings["integrity"].result == "invalid"


def presentation(**members):
    return {
        "@context": CREDENTIAL["@context"],
        "type": ["VerifiablePresentation"],
        "holder": DID,
    } | members


def test_more_credentials_than_are_judged_are_a_fault():
    many = [secured(CREDENTIAL)] * (presentations.MAXIMUM_CREDENTIALS + 1)
    found = {}
    for held in (many[1:], many):
        stated = secured(
            presentation(verifiableCredential=held), purpose="authentication"
        )
        read = presentations.read(json.dumps(stated).encode())
        shown = presentations.verify(read, evidence=Evidence(), at=LATER)
        found[len(held)] = shown.findings["schema"].result

    assert list(found.values()) == ["valid", "invalid"]


def test_nothing_is_a_credential_and_a_presentation():
    both = presentation(type=["VerifiableCredential", "VerifiablePresentation"])
    signed = json.dumps(secured(both | CREDENTIAL | {"type": both["type"]})).encode()

    with pytest.raises(SecuringError, match="a credential and a presentation"):
        presentations.read(signed)
    assert not presentations.is_presentation(signed)


def test_a_document_of_neither_kind_is_no_presentation():
    with pytest.raises(SecuringError, match="not a presentation"):
        presentations.read(json.dumps(presentation(type=["Letter"])).encode())


def test_a_presentation_in_plain_json_is_no_envelope():
    inner = json.dumps(presentation())
    outer = presentation(
        type="EnvelopedVerifiablePresentation", id=f"data:application/json,{inner}"
    )

    with pytest.raises(SecuringError, match="secured without one"):
        presentations.read(json.dumps(outer).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"created": "0001-01-01T00:00:00+14:00"},
        {"expires": "9999-12-31T23:59:59-14:00"},
    ],
)
def test_a_moment_beyond_all_calendars_is_a_fault(changes):
    signed = secured(CREDENTIAL)
    signed["proof"] |= changes

    assert word(signed) == "invalid"


def test_a_token_status_is_a_status_in_every_envelope():
    status = {"status_list": {"idx": 1, "uri": "https://u.example/l"}}
    token = jose.secure(CREDENTIAL | {"status": status}, key=KEY, kid=URL, typ="vc+jwt")

    assert judged(token).findings["status_now"].result == "unknown"


def test_a_status_beside_a_former_credential_is_a_fault():
    claims = {"iss": DID, "vc": CREDENTIAL}

    assert legacy.credential_of(claims)["id"] == ID
    for name in ("status", "credentialStatus"):
        with pytest.raises(SecuringError, match=f"{name} beside the credential"):
            legacy.credential_of(claims | {name: {}})


@pytest.mark.parametrize("name", ["status", "credentialStatus"])
def test_no_part_of_a_status_can_be_withheld(name):
    hidden = {name: {"_sd": ["A" * 43]}}
    token = jose.secure(
        {"iss": DID, "vct": "urn:x", "_sd_alg": "sha-256"} | hidden,
        key=KEY,
        kid=URL,
        typ="dc+sd-jwt",
    )

    with pytest.raises(SecuringError, match=f"withheld inside {name}"):
        sd_jwt.parse(f"{token}~")
