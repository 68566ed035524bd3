import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials import vcdm
from protocol.credentials.diploma_supplement import diploma_supplement
from protocol.credentials.findings import Evidence, Result
from protocol.credentials.micro_credential import micro_credential
from protocol.credentials.model import read
from protocol.credentials.proofs import LINKED_DATA_SUITES
from protocol.credentials.status_lists import entry
from protocol.credentials.transcript import transcript
from protocol.credentials.vcdm import CREDENTIALS_CONTEXT
from protocol.credentials.vcdm11 import FORMER_CONTEXT, VOCABULARY, as_former
from protocol.errors import SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.rules.validation import assess
from protocol.securing import jose, legacy
from tests.records import CATALOGUE, MICRO, ON, PROGRAMME, learner

KEY = LocalSigningKey.from_jwk(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    }
)
MULTIKEY = KEY.verification_key.multikey()
DID = f"did:key:{MULTIKEY}"
KID = DidUrl(f"{DID}#{MULTIKEY}")
AT = datetime(2026, 5, 1, tzinfo=UTC)
FROM = datetime(2026, 4, 10, 3, tzinfo=UTC)
UNTIL = datetime(2026, 10, 10, 3, tzinfo=UTC)
STATUS = entry("https://uni.example/status/1", 4711, "revocation")
BUILT = {
    "diploma-supplement": diploma_supplement(learner(), PROGRAMME, CATALOGUE, on=ON),
    "transcript": transcript(learner(), PROGRAMME, CATALOGUE),
    "micro-credential": micro_credential(learner(), MICRO, CATALOGUE, on=ON),
}
KINDS = sorted(BUILT)


def current(kind="diploma-supplement", *, until=UNTIL):
    return vcdm.as_credential(
        BUILT[kind].record,
        kind,
        id_="urn:uuid:0198d3a4-0000-7000-8000-000000000001",
        issuer=DID,
        name="Sample University",
        valid_from=FROM,
        valid_until=until,
        status=STATUS,
    )


def former(kind="diploma-supplement", **changes):
    return as_former(current(kind)) | changes


def judge(token, at=AT):
    return assess(
        token.encode(), media_type=None, evidence=Evidence(), anchors=(), at=at
    ).findings


def token_of(claims, **header):
    parts = ({"alg": "EdDSA", "kid": str(KID)} | header, claims)
    text = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in parts
    )
    signature = base64.urlsafe_b64encode(KEY.sign(text.encode())).rstrip(b"=").decode()
    return f"{text}.{signature}"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_record_is_stated_under_the_former_names(kind):
    stated = former(kind)

    assert stated["@context"][0] == FORMER_CONTEXT
    assert stated["@context"][-1] == VOCABULARY
    assert stated["issuanceDate"] == "2026-04-10T03:00:00Z"
    assert stated["expirationDate"] == "2026-10-10T03:00:00Z"
    assert stated.keys().isdisjoint({"validFrom", "validUntil", "proof"})
    assert vcdm.record_of(stated, kind) == vcdm.record_of(current(kind), kind)
    assert stated["credentialStatus"] == {
        "id": "https://uni.example/status/1#4711",
        **STATUS,
    }
    assert (
        read(json.dumps(stated).encode()).status
        == read(json.dumps(current(kind)).encode()).status
    )


def test_what_does_not_end_has_no_expiration_date():
    assert "expirationDate" not in as_former(current(until=None))


@pytest.mark.parametrize(
    "bent",
    [
        {"@context": [FORMER_CONTEXT, vcdm.RECORDS_CONTEXT]},
        {"@context": [vcdm.CREDENTIALS_CONTEXT, "https://example.com/1"]},
        {"proof": {}},
    ],
)
def test_only_our_own_unsecured_credentials_are_restated(bent):
    with pytest.raises(ValueError, match=r"credential|secured"):
        as_former(current() | bent)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vc_jwt_of_ours_is_authentic(kind):
    token = legacy.secure(former(kind), key=KEY, kid=KID)

    document = read(token.encode())
    findings = judge(token)

    assert document.claims == former(kind)
    assert document.kind == kind
    assert findings["integrity"].result == Result.VALID
    assert findings["issuer_identified"].result == Result.VALID
    assert findings["key_at_signing"].result == Result.VALID
    assert findings["validity_period"].result == Result.VALID
    assert findings["schema"].result == Result.VALID, findings["schema"].reason


def test_an_expired_vc_jwt_is_invalid_by_its_dates_only():
    findings = judge(legacy.secure(former(), key=KEY, kid=KID), at=UNTIL)

    assert findings["integrity"].result == Result.VALID
    assert findings["validity_period"].result == Result.INVALID


def test_an_altered_vc_jwt_is_invalid():
    token = legacy.secure(former(), key=KEY, kid=KID)
    head, _, signature = token.split(".")
    claims = legacy.read(token).claims | {"name": "Doctor of Everything"}
    payload = token_of({"iss": DID, "vc": claims}).split(".")[1]

    findings = judge(f"{head}.{payload}.{signature}")

    assert findings["integrity"].result == Result.INVALID


def test_the_registered_claims_fill_what_the_credential_leaves_out():
    bare = {
        "@context": [FORMER_CONTEXT],
        "type": ["VerifiableCredential"],
        "issuer": {"name": "Sample University"},
        "credentialSubject": {"grade": "A"},
    }
    claims = {"iss": DID, "sub": "did:example:a", "jti": "urn:x:1"}
    token = token_of(claims | {"nbf": 1775790000.0, "exp": 1791601200, "vc": bare})

    assert legacy.read(token).claims == bare | {
        "issuer": {"id": DID, "name": "Sample University"},
        "credentialSubject": {"id": "did:example:a", "grade": "A"},
        "id": "urn:x:1",
        "issuanceDate": "2026-04-10T03:00:00Z",
        "expirationDate": "2026-10-10T03:00:00Z",
    }


def test_a_credential_of_the_later_model_gets_dates_of_that_name():
    vc = {"@context": [CREDENTIALS_CONTEXT], "type": ["VerifiableCredential"]}
    claims = legacy.credential_of({"vc": vc, "nbf": 0, "exp": 86_400})

    assert claims["validFrom"] == "1970-01-01T00:00:00Z"
    assert claims["validUntil"] == "1970-01-02T00:00:00Z"
    assert "issuanceDate" not in claims


def test_a_numeric_date_may_be_cut_to_whole_seconds():
    vc = former(issuanceDate="2026-04-10T03:00:00.9Z")

    assert legacy.read(token_of({"nbf": 1775790000, "vc": vc})).claims == vc


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "did:key:z6MkqRYqQiSgvZQdnBytw86Qbs2ZWUkGv22od935YF4s8M7V"},
        {"iss": 1},
        {"sub": ["did:example:a"]},
        {"jti": "urn:x:2"},
        {"nbf": 1775790001},
        {"exp": 1791601199},
        {"exp": "2026-10-10T03:00:00Z"},
        {"exp": True},
        {"exp": -1},
        {"exp": 10**12},
    ],
)
def test_two_places_that_contradict_each_other_are_a_fault(claims):
    token = token_of(claims | {"vc": former()}, typ="JWT")

    with pytest.raises(SecuringError):
        legacy.read(token)
    assert judge(token)["integrity"].result == Result.INVALID


@pytest.mark.parametrize("date", ["yesterday", "2026-04-10T03:00:00", 7])
def test_a_date_of_the_credential_must_be_one_to_be_compared(date):
    with pytest.raises(SecuringError):
        legacy.read(token_of({"nbf": 1775790000, "vc": former(issuanceDate=date)}))


def test_a_subject_of_several_cannot_have_one_name():
    vc = former(credentialSubject=[{"grade": "A"}, {"grade": "B"}])

    with pytest.raises(SecuringError):
        legacy.read(token_of({"sub": "did:example:a", "vc": vc}))


@pytest.mark.parametrize("claims", [{}, {"vc": "a text"}, {"vc": [{}]}])
def test_a_jwt_without_a_credential_is_none(claims):
    with pytest.raises(SecuringError):
        legacy.read(token_of(claims))


@pytest.mark.parametrize("typ", ["vc+jwt", "at+jwt", "dc+sd-jwt"])
def test_a_jwt_of_another_typ_is_not_taken_for_one(typ):
    with pytest.raises(SecuringError):
        legacy.read(token_of({"vc": former()}, typ=typ))


def test_a_header_without_typ_passes_only_where_that_is_meant():
    token = token_of({"vc": former()})

    with pytest.raises(SecuringError):
        jose.read(token, "vc+jwt")
    assert legacy.read(token).claims == former()


def test_a_subject_with_an_id_becomes_the_sub_claim():
    vc = former(credentialSubject={"id": "did:example:a", "grade": "A"})
    token = legacy.secure(vc, key=KEY, kid=KID)

    assert jose.read(token, "JWT").claims["sub"] == "did:example:a"
    assert legacy.read(token).claims == vc


def test_securing_refuses_a_date_that_is_none():
    with pytest.raises(ValueError, match="time zone"):
        legacy.secure(former(issuanceDate="2026-04-10T03:00:00"), key=KEY, kid=KID)


@given(st.dictionaries(st.text(), st.text() | st.integers(-9, 9)), st.text())
def test_what_was_secured_is_read_again(subject, name):
    subject = {n: v for n, v in subject.items() if n != "id"}
    vc = former(credentialSubject=subject, name=name)

    assert legacy.read(legacy.secure(vc, key=KEY, kid=KID)).claims == vc


def test_an_inline_context_other_than_ours_is_never_good():
    for inline, result in (
        ({"@vocab": "https://evil.example/#"}, Result.UNKNOWN),
        ({**VOCABULARY, "name": "x:y"}, Result.UNKNOWN),
        ({**VOCABULARY, "issuer": "x:y"}, Result.INVALID),
    ):
        vc = former("transcript")
        vc["@context"] = [*vc["@context"], inline]
        findings = judge(legacy.secure(vc, key=KEY, kid=KID))

        assert findings["integrity"].result == Result.VALID
        assert findings["schema"].result == result


@pytest.mark.parametrize("suite", sorted(LINKED_DATA_SUITES))
def test_a_linked_data_proof_is_named_as_wanted(suite):
    proof = {
        "type": suite,
        "created": "2026-04-10T03:00:00Z",
        "verificationMethod": str(KID),
        "proofPurpose": "assertionMethod",
        "proofValue": "z1",
        "jws": "eyJhbGciOiJFZERTQSIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..AA",
    }
    octets = json.dumps(former() | {"proof": [proof, proof | {"created": "x"}]})
    found = assess(
        octets.encode(), media_type=None, evidence=Evidence(), anchors=(), at=AT
    )
    first, second = found.document.proofs

    assert [(w.kind, w.id) for w in found.wants if w.kind != "accreditation"] == [
        ("linked-data-proof", first.digest)
    ]
    assert json.loads(first.alone) == former() | {"proof": proof}
    assert second.fault == "a proof whose created is no moment"
