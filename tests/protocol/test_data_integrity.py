import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.dids import Did, DidUrl, resolve_offline
from protocol.identity.keys import LocalSigningKey, VerificationKey
from protocol.identity.multibase import as_base58btc, as_base64url, from_base58btc
from protocol.linked_data.jcs import canonical, parse_strict
from protocol.securing.data_integrity import (
    ECDSA_JCS,
    _digests,
    add,
    is_by,
    proof_of,
    read,
    secure,
    verify,
    what_is_signed,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "vc-di-eddsa"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = LocalSigningKey.generate("EdDSA")
METHOD = DidUrl("did:web:uni-a.example#cred-1")
DOCUMENT = {"@context": ["https://www.w3.org/ns/credentials/v2"], "a": {"b": [1, "ü"]}}
SECURED = secure(DOCUMENT, key=KEY, verification_method=METHOD, at=AT)


def published(name):
    return (VECTORS / name).read_text().strip()


def published_key():
    pair = json.loads(published("keyPair.json"))
    public = VerificationKey.from_multikey(pair["publicKeyMultibase"])
    secret = from_base58btc(pair["privateKeyMultibase"][1:])[2:]
    return LocalSigningKey.from_jwk(public.jwk() | {"d": as_base64url(secret)})


def test_the_published_vector_comes_out_byte_for_byte():
    signed = parse_strict(published("signedJCS.json").encode())
    document = {name: value for name, value in signed.items() if name != "proof"}
    proof = proof_of(signed)

    made = secure(
        document,
        key=published_key(),
        verification_method=proof.verification_method,
        at=datetime(2023, 2, 24, 23, 36, 38, tzinfo=UTC),
    )

    assert canonical(document).decode() == published("canonDocJCS.txt")
    assert canonical(dict(proof.options)).decode() == published("proofCanonJCS.txt")
    assert _digests(proof.options, document, "EdDSA").hex() == published(
        "combinedHashJCS.txt"
    )
    assert proof.signature.hex() == published("sigHexJCS.txt")
    assert canonical(made) == canonical(signed)


def test_the_published_vector_verifies_with_the_key_its_proof_names():
    signed = parse_strict(published("signedJCS.json").encode())
    method = proof_of(signed).verification_method

    key = resolve_offline(method.did).key_for(method, "assertionMethod")

    assert verify(signed, key)


def test_a_proof_tells_who_made_it_when_and_what_for():
    proof = proof_of(SECURED)

    assert proof.verification_method == METHOD
    assert proof.purpose == "assertionMethod"
    assert proof.created == AT
    assert proof.expires is None


def test_the_order_of_members_does_not_matter():
    again = parse_strict(json.dumps(SECURED, sort_keys=True, indent=1).encode())

    assert verify(again, KEY.verification_key)


def test_another_key_does_not_verify():
    assert not verify(SECURED, LocalSigningKey.generate("EdDSA").verification_key)
    assert not verify(SECURED, LocalSigningKey.generate("ES256").verification_key)


members = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.dictionaries(members, members | st.integers(-9, 9) | st.none()), members)
def test_what_was_secured_verifies_until_it_is_changed(document, name):
    document.pop("proof", None)
    secured = secure(document, key=KEY, verification_method=METHOD, at=AT)

    assert verify(secured, KEY.verification_key)
    if name != "proof":
        changed = secured | {name: "something else"}
        assert not verify(changed, KEY.verification_key)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created", "2026-11-24T12:00:01Z"),
        ("verificationMethod", "did:web:uni-a.example#cred-2"),
        ("proofPurpose", "authentication"),
        ("expires", "2030-01-01T00:00:00Z"),
        ("@context", ["https://www.w3.org/ns/credentials/v1"]),
        ("proofValue", "z" + as_base58btc(bytes(64))),
        ("proofValue", "z" + as_base58btc(bytes(63))),
        ("nonce", 2**60),
    ],
)
def test_a_changed_proof_does_not_verify(name, value):
    changed = SECURED | {"proof": SECURED["proof"] | {name: value}}

    assert not verify(changed, KEY.verification_key)


def test_a_context_added_after_the_signed_ones_does_not_verify():
    changed = SECURED | {"@context": [*DOCUMENT["@context"], "https://evil.example/"]}

    assert not verify(changed, KEY.verification_key)


def test_a_document_without_context_has_a_proof_without_context():
    secured = secure({"a": 1}, key=KEY, verification_method=METHOD, at=AT)

    assert "@context" not in secured["proof"]
    assert verify(secured, KEY.verification_key)


def test_a_proof_of_another_cryptosuite_may_stand_beside_ours():
    other = {"type": "DataIntegrityProof", "cryptosuite": "ecdsa-rdfc-2019"}

    assert verify(SECURED | {"proof": [other, SECURED["proof"]]}, KEY.verification_key)


def test_fractions_of_a_second_are_read():
    proof = SECURED["proof"] | {
        "created": "2026-11-24T21:00:00.123456789+09:00",
        "expires": "2026-11-24T12:00:01.5Z",
    }

    read = proof_of(SECURED | {"proof": proof})

    assert read.created == AT + timedelta(microseconds=123456)
    assert read.expires == AT + timedelta(seconds=1.5)


def changed(**members):
    proof = SECURED["proof"] | members
    return {name: value for name, value in proof.items() if value is not None}


@pytest.mark.parametrize(
    "proof",
    [
        None,
        "text",
        [],
        ["text"],
        [SECURED["proof"]] * 2,
        [SECURED["proof"]] + [{"type": "DataIntegrityProof"}] * 4,
        {"type": "DataIntegrityProof", "cryptosuite": "ecdsa-rdfc-2019"},
        changed(type="Ed25519Signature2020"),
        changed(cryptosuite="eddsa-rdfc-2022"),
        changed(previousProof="urn:uuid:1"),
        changed(proofValue=None),
        changed(proofValue=17),
        changed(proofValue="u" + as_base64url(bytes(64))),
        changed(proofValue="z0"),
        changed(proofValue="z" * 10_000),
        changed(verificationMethod=None),
        changed(verificationMethod="https://uni-a.example/keys/1"),
        changed(proofPurpose=None),
        changed(created="2026-11-24"),
        changed(created="2026-11-24T12:00:00"),
        changed(created="2026-13-24T12:00:00Z"),
        changed(created=1),
        changed(expires="soon"),
    ],
)
def test_a_proof_that_cannot_be_read_is_refused(proof):
    with pytest.raises(SecuringError):
        proof_of(DOCUMENT | {"proof": proof})
    with pytest.raises(SecuringError):
        verify(DOCUMENT | {"proof": proof}, KEY.verification_key)


def test_a_document_without_canonical_form_is_not_secured():
    with pytest.raises(MalformedValueError):
        secure({"a": 2**60}, key=KEY, verification_method=METHOD, at=AT)


def test_securing_twice_is_our_mistake():
    with pytest.raises(ValueError, match="unsecured"):
        secure(SECURED, key=KEY, verification_method=METHOD, at=AT)


@pytest.mark.parametrize(("curve", "algorithm"), [(256, "ES256"), (384, "ES384")])
def test_the_published_vectors_of_ecdsa_verify_and_come_out_but_for_chance(
    curve, algorithm
):
    folder = VECTORS.parent / "vc-di-ecdsa"

    def vector(name):
        return (folder / f"{name}JCSECDSAP{curve}.txt").read_text().strip()

    signed = json.loads((folder / f"signedJCSECDSAP{curve}.json").read_text())
    document = what_is_signed(signed, {})
    proof = proof_of(signed, ECDSA_JCS)
    method = proof.verification_method
    key = resolve_offline(method.did).key_for(method, "assertionMethod")
    pair = json.loads((folder / f"p{curve}KeyPair.json").read_text())
    own = LocalSigningKey.from_multikey(pair["secretKeyMultibase"])

    made = secure(document, key=own, verification_method=method, at=proof.created)

    assert key.algorithm == algorithm
    assert canonical(document).decode() == vector("canonDoc")
    assert canonical(dict(proof.options)).decode() == vector("proofCanon")
    digests = _digests(proof.options, document, algorithm)
    assert digests.hex() == vector("combinedHash")
    assert proof.signature.hex() == vector("sigHex")
    assert verify(signed, key, ECDSA_JCS)
    assert {**made["proof"], "proofValue": ""} == {**signed["proof"], "proofValue": ""}
    assert verify(made, key, ECDSA_JCS)
    assert not verify(signed | {"name": "Another"}, key, ECDSA_JCS)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
def test_a_key_does_not_verify_what_another_kind_of_key_made(algorithm):
    key = LocalSigningKey.generate(algorithm)
    secured = secure(DOCUMENT, key=key, verification_method=METHOD, at=AT)

    assert secured["proof"]["cryptosuite"] == ECDSA_JCS
    assert verify(secured, key.verification_key, ECDSA_JCS)
    for other in ("EdDSA", "ES256", "ES384"):
        stranger = LocalSigningKey.generate(other).verification_key
        assert not verify(secured, stranger, ECDSA_JCS)


def test_a_proof_that_claims_the_cryptosuite_of_another_key_does_not_verify():
    claimed = SECURED["proof"] | {"cryptosuite": ECDSA_JCS}

    assert not verify(SECURED | {"proof": claimed}, KEY.verification_key, ECDSA_JCS)


OTHER = LocalSigningKey.generate("ES384")


def chained():
    """Two proofs side by side and a third over both."""
    document = secure(
        DOCUMENT, key=KEY, verification_method=METHOD, at=AT, more={"id": "urn:a"}
    )
    document = add(
        document, key=OTHER, verification_method=METHOD, at=AT, more={"id": "urn:b"}
    )
    return add(
        document,
        key=KEY,
        verification_method=METHOD,
        at=AT,
        more={"previousProof": ["urn:b", "urn:a"]},
    )


def holds(document, number, key):
    stated = document["proof"][number]
    signed = what_is_signed(document, stated)
    return is_by(read(stated), signed, key.verification_key)


def test_proofs_of_a_set_and_a_chain_each_hold():
    document = chained()

    assert [holds(document, n, k) for n, k in enumerate([KEY, OTHER, KEY])] == [
        True
    ] * 3


def test_a_proof_in_a_chain_covers_the_proofs_before_it():
    document = chained()
    first, second, third = document["proof"]
    again = secure(
        DOCUMENT,
        key=KEY,
        verification_method=METHOD,
        at=AT + timedelta(seconds=1),
        more={"id": "urn:a"},
    )["proof"]
    exchanged = document | {"proof": [again, second, third]}
    loose = {n: v for n, v in third.items() if n != "previousProof"}

    assert holds(exchanged, 0, KEY)
    assert not holds(exchanged, 2, KEY)
    assert not holds(document | {"proof": [first, second, loose]}, 2, KEY)


@pytest.mark.parametrize(
    "previous", ["urn:c", ["urn:a", "urn:c"], [], ["urn:a", "urn:a"], 1, [{}], None]
)
def test_a_chain_names_proofs_that_are_there(previous):
    document = chained()
    stated = document["proof"][2] | {"previousProof": previous}

    with pytest.raises(SecuringError):
        what_is_signed(document, stated)
    with pytest.raises(SecuringError):
        add(
            document,
            key=KEY,
            verification_method=METHOD,
            at=AT,
            more={"previousProof": previous},
        )


def test_there_is_an_end_to_the_proofs_that_are_added():
    document = add(chained(), key=KEY, verification_method=METHOD, at=AT)

    with pytest.raises(SecuringError):
        add(document, key=KEY, verification_method=METHOD, at=AT)


@pytest.mark.parametrize("number", [1, 2])
def test_the_published_chain_names_its_proofs_and_covers_them(number):
    document = json.loads(
        (VECTORS / f"proof-set-chain/signedProofChain{number}.json").read_text()
    )
    expected = json.loads(
        (VECTORS / f"proof-set-chain/proofChainTempDoc{number}.json").read_text()
    )

    assert what_is_signed(document, document["proof"][-1]) == expected


def test_a_published_did_key_is_the_key_of_the_vector():
    pair = json.loads(published("keyPair.json"))
    did = Did("did:key:" + pair["publicKeyMultibase"])

    document = resolve_offline(did)

    assert list(document.methods) == [f"{did}#{pair['publicKeyMultibase']}"]


@pytest.mark.parametrize(
    "changes", [{"type": "Ed25519Signature2020"}, {"cryptosuite": "eddsa-2022"}]
)
def test_a_proof_of_another_kind_is_not_read(changes):
    with pytest.raises(SecuringError, match="a proof with none of"):
        read(SECURED["proof"] | changes)
