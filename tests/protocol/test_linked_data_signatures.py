import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.contexts import vocabulary
from protocol.errors import LinkedDataError, SecuringError, UnknownContextError
from protocol.identity.dids import DidUrl, resolve_offline
from protocol.identity.keys import LocalSigningKey
from protocol.identity.multibase import as_base64url
from protocol.linked_data.rdf import canonical_form
from protocol.securing.linked_data_signatures import (
    SUITES,
    _digests,
    is_by,
    read,
    secure,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "vc-di-eddsa"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = {name: LocalSigningKey.generate(name) for name in ("EdDSA", "ES256", "ES384")}
METHOD = DidUrl("did:web:uni-a.example#cred-1")
CONTEXTS = {
    "Ed25519Signature2018": [],
    "Ed25519Signature2020": ["https://w3id.org/security/suites/ed25519-2020/v1"],
    "JsonWebSignature2020": ["https://w3id.org/security/suites/jws-2020/v1"],
}


def document(suite):
    return {
        "@context": ["https://www.w3.org/2018/credentials/v1", *CONTEXTS[suite]],
        "id": "urn:uuid:1",
        "type": ["VerifiableCredential"],
        "issuer": "did:web:uni-a.example",
        "issuanceDate": "2026-04-10T03:00:00Z",
        "credentialSubject": {"id": "did:example:a"},
    }


def jws(suite, algorithm, *, named=None, header=None):
    """Sign as the issuers of these suites did."""
    options = {
        "type": suite,
        "created": "2026-04-10T03:00:00Z",
        "verificationMethod": str(METHOD),
        "proofPurpose": "assertionMethod",
    }
    stated = header or {"alg": named or algorithm, "b64": False, "crit": ["b64"]}
    first = as_base64url(json.dumps(stated).encode())
    data = _digests(options, document(suite), vocabulary())
    signature = KEYS[algorithm].sign(first.encode() + b"." + data)
    return options | {"jws": f"{first}..{as_base64url(signature)}"}


def holds(proof, unsecured, algorithm="EdDSA"):
    return is_by(read(proof), unsecured, KEYS[algorithm].verification_key, vocabulary())


def test_the_published_vector_verifies_and_comes_out():
    def vector(name):
        return (VECTORS / f"{name}EdSig.txt").read_text().strip()

    signed = json.loads((VECTORS / "signedEdSig.json").read_text())
    proof = signed.pop("proof")
    found = read(proof)
    method = found.verification_method
    key = resolve_offline(method.did).key_for(method, "assertionMethod")
    pair = json.loads((VECTORS / "keyPair.json").read_text())

    made = secure(
        signed,
        key=LocalSigningKey.from_multikey(pair["privateKeyMultibase"]),
        verification_method=method,
        at=found.created,
        vocabulary=vocabulary(),
    )

    assert canonical_form(signed, vocabulary()).text.strip() == vector("canonDoc")
    digests = _digests(found.options, signed, vocabulary())
    assert digests.hex() == vector("combinedHash")
    assert is_by(found, signed, key, vocabulary())
    assert made["proof"] == proof
    assert not is_by(found, signed | {"name": "Another"}, key, vocabulary())


@pytest.mark.parametrize(
    ("suite", "algorithm"),
    [
        ("Ed25519Signature2018", "EdDSA"),
        *(("JsonWebSignature2020", algorithm) for algorithm in KEYS),
    ],
)
def test_a_detached_jws_verifies_until_something_is_changed(suite, algorithm):
    proof, unsecured = jws(suite, algorithm), document(suite)

    assert holds(proof, unsecured, algorithm)
    changed = unsecured | {"issuanceDate": "2026-04-11T03:00:00Z"}
    assert not holds(proof, changed, algorithm)
    later = proof | {"created": "2026-04-10T03:00:01Z"}
    assert not holds(later, unsecured, algorithm)
    for other in KEYS.keys() - {algorithm}:
        assert not holds(proof, unsecured, other)


def test_the_algorithm_of_the_header_must_be_that_of_the_key():
    proof = jws("JsonWebSignature2020", "ES256", named="EdDSA")

    assert not holds(proof, document("JsonWebSignature2020"), "ES256")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Unknown"},
        {"jws": None},
        {"jws": 1},
        {"jws": "a.b.c"},
        {"jws": "eyJhbGciOiJFZERTQSJ9..AA"},
        {"jws": "W10..AA"},
        {"jws": "!..AA"},
        {"verificationMethod": "https://a.example/keys/1"},
        {"created": "yesterday"},
        {"proofPurpose": None},
    ],
)
def test_a_proof_that_cannot_be_read_is_refused(change):
    with pytest.raises(SecuringError):
        read(jws("Ed25519Signature2018", "EdDSA") | change)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "EdDSA", "b64": True, "crit": ["b64"]},
        {"alg": "EdDSA"},
        {"alg": "EdDSA", "b64": False, "crit": ["b64"], "jwk": {}},
    ],
)
def test_a_header_with_anything_else_is_refused(header):
    with pytest.raises(SecuringError):
        read(jws("Ed25519Signature2018", "EdDSA", header=header))


def test_what_the_context_does_not_define_is_not_signed():
    suite = "Ed25519Signature2020"
    bare = document(suite) | {"@context": document("Ed25519Signature2018")["@context"]}

    with pytest.raises(LinkedDataError, match="Ed25519Signature2020"):
        secure(
            bare,
            key=KEYS["EdDSA"],
            verification_method=METHOD,
            at=AT,
            vocabulary=vocabulary(),
        )


def test_other_keys_and_secured_documents_are_our_mistake():
    for key, change in ((KEYS["ES256"], {}), (KEYS["EdDSA"], {"proof": {}})):
        with pytest.raises(ValueError, match="unsecured"):
            secure(
                document("Ed25519Signature2020") | change,
                key=key,
                verification_method=METHOD,
                at=AT,
                vocabulary=vocabulary(),
            )


@pytest.mark.parametrize("suite", SUITES)
def test_without_contexts_nothing_is_judged(suite):
    proof = jws("Ed25519Signature2018", "EdDSA")
    found = read(proof)

    with pytest.raises(UnknownContextError):
        is_by(found, document(suite), KEYS["EdDSA"].verification_key, None)
