import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.contexts import vocabulary
from protocol.errors import LinkedDataError, UnknownContextError, WorkLimitError
from protocol.identity.dids import DidUrl, resolve_offline
from protocol.identity.keys import LocalSigningKey
from protocol.linked_data.rdf import canonical_form
from protocol.securing.data_integrity import (
    ECDSA_JCS,
    ECDSA_RDFC,
    EDDSA_RDFC,
    _digests,
    add,
    proof_of,
    secure,
    verify,
    what_is_signed,
)

VECTORS = Path(__file__).parents[1] / "vectors"
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
METHOD = DidUrl("did:web:uni-a.example#cred-1")
V2 = "https://www.w3.org/ns/credentials/v2"
OB = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
DOCUMENT = {
    "@context": [V2, OB],
    "type": ["VerifiableCredential", "OpenBadgeCredential"],
    "id": "urn:uuid:1",
    "issuer": {"id": "did:web:uni-a.example", "type": "Profile", "name": "Uni A"},
    "validFrom": "2026-01-01T00:00:00Z",
    "name": "バッジ",
    "credentialSubject": {
        "type": "AchievementSubject",
        "achievement": {
            "id": "urn:uuid:2",
            "type": "Achievement",
            "name": "Badge",
            "description": "A badge",
            "criteria": {"narrative": "Do it.\nTwice."},
            "resultDescription": [
                {
                    "id": "urn:uuid:3",
                    "type": "ResultDescription",
                    "name": "Grade",
                    "resultType": "LetterGrade",
                    "allowedValue": ["A", "B", "A"],
                }
            ],
        },
    },
}
KEYS = {name: LocalSigningKey.generate(name) for name in ("EdDSA", "ES256", "ES384")}
SUITE = {"EdDSA": EDDSA_RDFC, "ES256": ECDSA_RDFC, "ES384": ECDSA_RDFC}


def secured(document=DOCUMENT, algorithm="EdDSA"):
    return secure(
        document,
        key=KEYS[algorithm],
        verification_method=METHOD,
        at=AT,
        vocabulary=vocabulary(),
    )


def holds(document, algorithm="EdDSA"):
    key = KEYS[algorithm].verification_key
    return verify(document, key, SUITE[algorithm], vocabulary())


@pytest.mark.parametrize(
    ("folder", "suffix", "keys", "suite"),
    [
        ("vc-di-eddsa", "DataInt", "keyPair", EDDSA_RDFC),
        ("vc-di-ecdsa", "ECDSAP256", "p256KeyPair", ECDSA_RDFC),
        ("vc-di-ecdsa", "ECDSAP384", "p384KeyPair", ECDSA_RDFC),
    ],
)
def test_the_published_vectors_verify_and_come_out(folder, suffix, keys, suite):
    def vector(name):
        return (VECTORS / folder / f"{name}{suffix}.txt").read_text().strip()

    signed = json.loads((VECTORS / folder / f"signed{suffix}.json").read_text())
    proof = proof_of(signed, suite)
    method = proof.verification_method
    key = resolve_offline(method.did).key_for(method, "assertionMethod")
    pair = json.loads((VECTORS / folder / f"{keys}.json").read_text())
    secret = pair.get("secretKeyMultibase") or pair["privateKeyMultibase"]
    own = LocalSigningKey.from_multikey(secret)
    document = what_is_signed(signed, {})
    algorithm = "sha384" if key.algorithm == "ES384" else "sha256"

    made = secure(
        document,
        key=own,
        verification_method=method,
        at=proof.created,
        vocabulary=vocabulary(),
    )

    form = canonical_form(document, vocabulary(), algorithm=algorithm)
    assert form.text.strip() == vector("canonDoc")
    digests = _digests(proof.options, document, key.algorithm, vocabulary())
    assert digests.hex() == vector("combinedHash")
    assert proof.signature.hex() == vector("sigHex")
    assert verify(signed, key, suite, vocabulary())
    assert verify(made, key, suite, vocabulary())
    assert not verify(signed | {"name": "Another"}, key, suite, vocabulary())
    if suite == EDDSA_RDFC:
        assert made == signed


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_badge_verifies_until_it_is_changed(algorithm):
    badge = secured(algorithm=algorithm)

    assert badge["proof"]["cryptosuite"] == SUITE[algorithm]
    assert "@context" not in badge["proof"]
    assert holds(badge, algorithm)
    for name, value in (("name", "Other"), ("validFrom", "2026-01-02T00:00:00Z")):
        assert not holds(badge | {name: value}, algorithm)
    del badge["name"]
    assert not holds(badge, algorithm)


def test_the_order_of_a_list_is_signed_and_that_of_members_is_not():
    badge = secured()
    again = json.loads(json.dumps(badge, sort_keys=True))
    assert holds(again)

    achievement = again["credentialSubject"]["achievement"]
    achievement["resultDescription"][0]["allowedValue"] = ["A", "A", "B"]
    assert not holds(again)


@pytest.mark.parametrize(
    "changed",
    [
        {"proofPurpose": "authentication"},
        {"created": "2026-11-24T12:00:01Z"},
        {"verificationMethod": "did:web:uni-a.example#cred-2"},
        {"expires": "2030-01-01T00:00:00Z"},
        {"@context": [V2]},
    ],
)
def test_a_changed_proof_does_not_verify(changed):
    badge = secured()

    assert not holds(badge | {"proof": badge["proof"] | changed})


def test_a_key_of_another_kind_does_not_verify():
    badge = secured()

    for algorithm in ("ES256", "ES384"):
        key = KEYS[algorithm].verification_key
        assert not verify(badge, key, EDDSA_RDFC, vocabulary())


def test_a_chain_is_over_the_proof_before_it():
    first = secure(
        DOCUMENT,
        key=KEYS["EdDSA"],
        verification_method=METHOD,
        at=AT,
        more={"id": "urn:uuid:first"},
        vocabulary=vocabulary(),
    )
    both = add(
        first,
        key=KEYS["ES256"],
        verification_method=METHOD,
        at=AT,
        more={"previousProof": "urn:uuid:first"},
        vocabulary=vocabulary(),
    )

    assert holds(both)
    assert both["proof"][1]["cryptosuite"] == ECDSA_RDFC


def test_proofs_over_text_and_graph_stand_side_by_side():
    both = add(secured(), key=KEYS["ES256"], verification_method=METHOD, at=AT)

    assert holds(both)
    assert verify(both, KEYS["ES256"].verification_key, ECDSA_JCS)


UNKNOWN = "https://evil.example/context"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"@context": [V2, OB, UNKNOWN]}, UnknownContextError, UNKNOWN),
        ({"undefined": "x"}, LinkedDataError, "undefined"),
        ({"type": ["VerifiableCredential", "Nonsense"]}, LinkedDataError, "Nonsense"),
        ({"id": "relative"}, LinkedDataError, "relative"),
        ({"issuer": "relative"}, LinkedDataError, "relative"),
        ({"@context": [OB, V2]}, LinkedDataError, "before"),
        ({"@context": [V2, OB, OB]}, LinkedDataError, "twice"),
        ({"@context": [V2, OB, {"name": "urn:x"}]}, LinkedDataError, "protected"),
        ({"@context": [V2, {"@import": V2}]}, LinkedDataError, "own"),
        ({"name": {"@value": "x", "@index": "i"}}, LinkedDataError, "index"),
    ],
)
def test_what_a_proof_would_not_cover_is_refused_on_issue_and_verify(
    change, error, words
):
    with pytest.raises(error, match=words):
        secured(DOCUMENT | change)
    with pytest.raises(error, match=words):
        holds(secured() | change)


def test_a_base_direction_is_signed_as_part_of_the_datatype():
    name = {"@value": "x", "@language": "AR", "@direction": "rtl"}
    signed = secured(DOCUMENT | {"name": name})
    form = canonical_form(DOCUMENT | {"name": name}, vocabulary())

    assert '"x"^^<https://www.w3.org/ns/i18n#ar_rtl>' in form.text
    assert holds(signed)
    assert not holds(signed | {"name": name | {"@direction": "ltr"}})


def test_an_undefined_term_is_refused_at_every_depth():
    badge = json.loads(json.dumps(secured()))
    badge["credentialSubject"]["achievement"]["criteria"]["unknownTerm"] = 1

    with pytest.raises(LinkedDataError, match="unknownTerm"):
        holds(badge)


def test_a_graph_made_to_be_costly_is_refused():
    nodes = [f"_:n{i}" for i in range(12)]
    clique = [
        {"@id": one, "urn:p": [{"@id": other} for other in nodes]} for one in nodes
    ]

    with pytest.raises(WorkLimitError):
        secured(DOCUMENT | {"urn:poison": clique})


def test_without_contexts_no_graph_is_read():
    with pytest.raises(UnknownContextError):
        verify(secured(), KEYS["EdDSA"].verification_key, EDDSA_RDFC)
