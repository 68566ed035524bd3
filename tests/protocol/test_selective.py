import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import (
    LinkedDataError,
    SecuringError,
    UnknownContextError,
    WorkLimitError,
)
from protocol.identity import bbs_keys
from protocol.identity.keys import LocalSigningKey, VerificationKey
from protocol.linked_data.terms import Vocabulary
from protocol.rules.validation import Evidence, assess
from protocol.securing.sd_values import BbsBase, BbsDerived, EcdsaBase, EcdsaDerived
from protocol.securing.selective import (
    BBS,
    ECDSA_SD,
    _bbs_base,
    _bbs_derived,
    _ecdsa_base,
    derive,
    is_by,
    read,
    secure,
)
from protocol.securing.statements import (
    Order,
    Statements,
    by_hmac,
    by_shuffling,
    digest_of,
)
from tests.protocol.selective_world import (
    AT,
    ISSUERS,
    VOCABULARY,
    badge,
    key_named_in,
    published,
    verifies,
    with_citizenship,
    without_proof,
)
from tests.protocol.test_bbs import seeded_scalars

SUITES = [ECDSA_SD, BBS]
MANDATORY = ["/issuer", "/validFrom"]
GRADES = "/credentialSubject/achievement/resultDescription/0/allowedValue"


def secured(suite, document=None, mandatory=MANDATORY):
    issuer = ISSUERS[suite]
    return secure(
        badge(issuer.did) if document is None else document,
        key=issuer.key,
        verification_method=issuer.kid,
        at=AT,
        mandatory=mandatory,
        vocabulary=VOCABULARY,
    )


BASES = {suite: secured(suite) for suite in SUITES}


def shown(suite, *pointers, base=None):
    return derive(
        BASES[suite] if base is None else base,
        selective=pointers,
        vocabulary=VOCABULARY,
    )


def proof_order(folder, hmac_key):
    signed = published(f"{folder}/addSignedSDBase")
    options = without_context(published(f"{folder}/addProofConfig"))
    mandatory = published(f"{folder}/mandatory")
    document = without_proof(signed)
    return signed, Order(document, options, mandatory, with_citizenship(), hmac_key)


def without_context(options):
    return {name: value for name, value in options.items() if name != "@context"}


@pytest.mark.parametrize("name", ["employ", "prc"])
def test_the_published_vectors_of_ecdsa_sd_come_out_but_for_chance(name):
    folder = f"vc-di-ecdsa/ecdsa-sd-2023/{name}"
    keys = published("vc-di-ecdsa/ecdsa-sd-2023/SDKeyMaterial")
    key, proof_key = (
        LocalSigningKey.from_multikey(keys[pair]["secretKeyMultibase"])
        for pair in ("baseKeyPair", "proofKeyPair")
    )
    hmac_key = bytes.fromhex(keys["hmacKeyString"])
    signed, order = proof_order(folder, hmac_key)
    vocabulary = order.vocabulary

    statements = Statements.of(order.document, vocabulary, by_hmac, hmac_key)
    hashes = published(f"{folder}/addHashData")
    made = EcdsaBase.parse(_ecdsa_base(order, key, proof_key))
    expected = EcdsaBase.parse(signed["proof"]["proofValue"])
    derived = derive(
        signed, selective=published(f"{folder}/selective"), vocabulary=vocabulary
    )

    assert statements.lines == published(f"{folder}/addBaseDocHMACCanon")
    assert order.proof_hash.hex() == hashes["proofHash"]
    assert digest_of(order.split(by_hmac)[0]).hex() == hashes["mandatoryHash"]
    assert expected.text() == signed["proof"]["proofValue"]
    # Signatures of ECDSA are never the same twice.
    assert len(made.signatures) == len(expected.signatures)
    assert made[1:3] + made[4:] == expected[1:3] + expected[4:]
    assert derived == published(f"{folder}/derivedRevealDocument")
    assert verifies(derived, vocabulary=vocabulary)


@pytest.mark.parametrize("name", ["wind", "prc"])
def test_the_published_vectors_of_bbs_come_out_byte_for_byte(name):
    folder = f"vc-di-bbs/{name}"
    keys = published("vc-di-bbs/BBSKeyMaterial")
    chance = published("vc-di-bbs/BBSDeriveMaterial")
    key = bbs_keys.SecretKey(bytes.fromhex(keys["privateKeyHex"]))
    hmac_key = bytes.fromhex(keys["hmacKeyString"])
    signed, order = proof_order(folder, hmac_key)

    statements = Statements.of(order.document, order.vocabulary, by_shuffling, hmac_key)
    hashes = published(f"{folder}/addHashData")
    seed = bytes.fromhex(chance["pseudoRandSeedHex"])
    dst = b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_H2G_HM2S_"
    document, value = _bbs_derived(
        order.document,
        signed["proof"],
        published(f"{folder}/selective"),
        order.vocabulary,
        bytes.fromhex(chance["presentationHeaderHex"]),
        lambda count: seeded_scalars(seed, dst, count),
    )
    derived = {**document, "proof": {**signed["proof"], "proofValue": value}}

    assert statements.lines == published(f"{folder}/addBaseDocHMACCanon")
    assert order.proof_hash.hex() == hashes["proofHash"]
    assert digest_of(order.split(by_shuffling)[0]).hex() == hashes["mandatoryHash"]
    assert _bbs_base(order, key) == signed["proof"]["proofValue"]
    assert derived == published(f"{folder}/derivedRevealDocument")
    public = VerificationKey("BBS", bytes.fromhex(keys["publicKeyHex"]))
    assert verifies(derived, public, order.vocabulary)


@pytest.mark.parametrize("suite", SUITES)
def test_what_other_software_derived_verifies_and_what_it_signed_is_derived(suite):
    derived = published(f"selective-npm/{suite}-derived")
    base = published(f"selective-npm/{suite}-base")

    ours = derive(
        base,
        selective=["/credentialSubject/achievement/name"],
        vocabulary=VOCABULARY,
    )

    assert verifies(derived)
    assert verifies(ours)
    assert "result" not in ours["credentialSubject"]
    derived["credentialSubject"]["achievement"]["name"] += "!"
    assert not verifies(derived)


@pytest.mark.parametrize("suite", SUITES)
def test_a_badge_with_an_ordered_list_can_be_shown_in_part(suite):
    part = shown(suite, GRADES, "/credentialSubject/result/1")

    assert verifies(part)
    assert part["credentialSubject"] == {
        "id": "did:example:learner",
        "type": ["AchievementSubject"],
        "achievement": {
            "id": "https://uni-a.example/badges/data-analysis",
            "type": ["Achievement"],
            "resultDescription": [
                {
                    "id": "urn:uuid:7a3c1f0e-3f0a-4d5e-9a34-08d2d1f3c100",
                    "type": ["ResultDescription"],
                    "allowedValue": ["S", "A", "B", "A"],
                }
            ],
        },
        "result": [{"type": ["Result"], "value": "B"}],
    }
    assert part["issuer"]["name"] == "University A"


def pointers_into(value, path=""):
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = enumerate(value)
    for name, one in inner:
        if name not in ("@context", "allowedValue"):
            yield from pointers_into(one, f"{path}/{name}")


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SUITES), st.data())
def test_whatever_is_selected_verifies(suite, data):
    every = st.sampled_from([*pointers_into(badge("did:x:y")), GRADES])
    mandatory = data.draw(st.lists(every, max_size=3))
    selective = data.draw(st.lists(every, min_size=1, max_size=4))

    base = secured(suite, mandatory=mandatory)
    part = shown(suite, *selective, base=base)

    assert verifies(part)
    if "" in selective:
        assert without_proof(part) == without_proof(base)


@pytest.mark.parametrize("suite", SUITES)
def test_the_whole_document_can_be_shown(suite):
    assert without_proof(shown(suite, "")) == badge(ISSUERS[suite].did)
    assert verifies(shown(suite, ""))


@pytest.mark.parametrize("suite", SUITES)
def test_part_of_an_ordered_list_is_not_shown(suite):
    with pytest.raises(SecuringError, match="part of an ordered list"):
        shown(suite, f"{GRADES}/1")
    with pytest.raises(SecuringError, match="part of an ordered list"):
        secured(suite, mandatory=[f"{GRADES}/0"])

    assert verifies(shown(suite, *(f"{GRADES}/{place}" for place in range(4))))


def edited(document, *path, value=None):
    """Return a copy with one value changed, or taken away."""
    changed = copy.deepcopy(document)
    at = changed
    for name in path[:-1]:
        at = at[name]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return changed


SUBJECT = "credentialSubject"
GRADED = (SUBJECT, "achievement", "resultDescription", 0, "allowedValue")
CHANGES = {
    "a statement changed": (SUBJECT, "result", 0, "value", "S"),
    "a mandatory statement changed": ("issuer", "name", "University B"),
    "a statement added": (SUBJECT, "result", 0, "achievedLevel", "urn:uuid:1"),
    "a statement removed": (SUBJECT, "result", 0, "value", None),
    "a mandatory statement removed": ("validFrom", None),
    "a node removed": (SUBJECT, "result", 1, None),
    "a node added": (SUBJECT, "result", 2, {"type": ["Result"], "value": "S"}),
    "a list reordered": (*GRADED, ["A", "S", "B", "A"]),
    "a list shortened": (*GRADED, ["S", "A", "B"]),
    "another issuer": ("issuer", "id", "did:example:other"),
    "another creation time": ("proof", "created", "2026-11-24T12:00:01Z"),
    "another purpose": ("proof", "proofPurpose", "authentication"),
    "a date of expiry": ("proof", "expires", "2030-01-01T00:00:00Z"),
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_derived_document_cannot_be_changed(suite, change):
    part = shown(
        suite, GRADES, "/credentialSubject/result/0", "/credentialSubject/result/1"
    )
    assert verifies(part)
    *path, value = CHANGES[change]
    if change == "a node added":
        changed = copy.deepcopy(part)
        changed[SUBJECT]["result"].append(value)
    else:
        changed = edited(part, *path, value=value)

    assert_does_not_hold(changed)


def assert_does_not_hold(document, key=None):
    try:
        holds = verifies(document, key)
    except SecuringError:
        holds = False
    assert not holds


@pytest.mark.parametrize("suite", SUITES)
def test_the_order_of_a_set_is_not_a_statement(suite):
    part = shown(suite, "/credentialSubject/result/0", "/credentialSubject/result/1")
    part["credentialSubject"]["result"].reverse()

    assert verifies(part)


@pytest.mark.parametrize("suite", SUITES)
def test_another_key_does_not_verify(suite):
    part = shown(suite, "/credentialSubject/result/0")
    other = SUITES[1 - SUITES.index(suite)]

    assert not verifies(part, ISSUERS[other].public)
    assert not verifies(part, LocalSigningKey.generate("ES256").verification_key)
    unknown = bbs_keys.SecretKey.generate().public_key
    assert not verifies(part, VerificationKey("BBS", unknown.raw))


def test_what_one_document_discloses_does_not_fit_another_of_the_same_issuer():
    other = badge(ISSUERS[ECDSA_SD].did)
    other["credentialSubject"]["result"][0]["value"] = "S"
    one = shown(ECDSA_SD, "/credentialSubject/result/0")
    two = shown(ECDSA_SD, "/credentialSubject/result/0", base=secured(ECDSA_SD, other))
    theirs = EcdsaDerived.parse(two["proof"]["proofValue"])
    ours = EcdsaDerived.parse(one["proof"]["proofValue"])
    mixed = ours._replace(signatures=theirs.signatures, labels=theirs.labels)
    two["proof"]["proofValue"] = mixed.text()

    assert not verifies(two)


def with_value(document, **changes):
    kind = EcdsaDerived if document["proof"]["cryptosuite"] == ECDSA_SD else BbsDerived
    value = kind.parse(document["proof"]["proofValue"])
    new = value._replace(**{n: change(value) for n, change in changes.items()}).text()
    return {**document, "proof": {**document["proof"], "proofValue": new}}


def swapped(labels):
    first, second, *rest = labels.items()
    return dict([(first[0], second[1]), (second[0], first[1]), *rest])


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("labels", lambda value: swapped(value.labels)),
        ("labels", lambda value: dict(list(value.labels.items())[1:])),
        ("labels", lambda value: {**value.labels, 99: type(value.labels[0])(5)}),
        ("mandatory_indexes", lambda value: value.mandatory_indexes[1:]),
        ("mandatory_indexes", lambda value: [*value.mandatory_indexes, 500]),
    ],
)
def test_the_parts_of_a_derived_proof_fit_each_other(suite, member, change):
    part = shown(suite, "/credentialSubject/result/0", "/credentialSubject/result/1")
    if member == "labels" and suite == ECDSA_SD:
        plain = change

        def change(value):
            return {n: one.ljust(32, b"\1") for n, one in plain(value).items()}

    assert_does_not_hold(with_value(part, **{member: change}))


def test_a_key_of_the_proof_is_not_taken_from_elsewhere():
    part = shown(ECDSA_SD, "/credentialSubject/result/0")

    for key in (bytes(35), b"\x80\x24" + bytes(33), b"\xed\x01" + bytes(33)):
        changed = with_value(part, public_key=lambda _value, key=key: key)
        assert not verifies(changed)


class _NoKey:
    """A proof key that is no point of the curve."""

    class verification_key:  # noqa: N801
        raw = bytes(33)

    @staticmethod
    def sign(_data):
        return bytes(64)


def test_a_proof_key_that_is_none_does_not_verify_even_if_the_issuer_signed_it():
    issuer = ISSUERS[ECDSA_SD]
    options = without_proof(BASES[ECDSA_SD]["proof"])
    del options["proofValue"]
    order = Order(badge(issuer.did), options, MANDATORY, VOCABULARY, bytes(32))
    value = _ecdsa_base(order, issuer.key, _NoKey())
    base = {**order.document, "proof": options | {"proofValue": value}}

    assert not verifies(shown(ECDSA_SD, "/credentialSubject/result/0", base=base))


def test_a_presentation_header_is_bound_to_the_proof():
    part = derive(
        BASES[BBS],
        selective=["/credentialSubject/result/0"],
        vocabulary=VOCABULARY,
        presentation_header=b"asked by B",
    )
    changed = with_value(part, presentation_header=lambda _value: b"asked by C")

    assert verifies(part)
    assert not verifies(changed)
    with pytest.raises(SecuringError, match="no presentation header"):
        derive(
            BASES[ECDSA_SD],
            selective=["/credentialSubject/result/0"],
            vocabulary=VOCABULARY,
            presentation_header=b"asked by B",
        )


def test_two_documents_derived_with_bbs_have_no_signature_in_common():
    one, two = (shown(BBS, "/credentialSubject/result/0") for _ in range(2))

    assert one["proof"]["proofValue"] != two["proof"]["proofValue"]


@pytest.mark.parametrize("suite", SUITES)
def test_a_base_proof_is_not_shown_and_a_derived_one_not_derived_from(suite):
    with pytest.raises(SecuringError, match="a base proof, which discloses all"):
        read(BASES[suite]["proof"])
    with pytest.raises(SecuringError, match="from which nothing can be derived"):
        shown(suite, "", base=shown(suite, "/credentialSubject/result/0"))


@pytest.mark.parametrize("suite", SUITES)
def test_other_proofs_of_the_whole_are_left_out(suite):
    other = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022"}
    base = {**BASES[suite], "proof": [other, BASES[suite]["proof"]]}

    assert verifies(shown(suite, "/credentialSubject/result/0", base=base))


@pytest.mark.parametrize("suite", SUITES)
def test_nothing_is_derived_from_a_base_proof_that_does_not_fit(suite):
    base = BASES[suite]
    added = edited(base, "validUntil", value="2027-01-01T00:00:00Z")
    unsecured = badge("did:example:a")
    two = {**base, "proof": [base["proof"], base["proof"]]}
    chained = edited(base, "proof", "previousProof", value="urn:uuid:1")

    with pytest.raises(SecuringError, match=r"a base proof (over|that does not hold)"):
        shown(suite, "/credentialSubject", base=added)
    with pytest.raises(SecuringError, match="proofs are expected"):
        shown(suite, "/credentialSubject", base=unsecured)
    with pytest.raises(SecuringError, match="is expected, not 2"):
        shown(suite, "/credentialSubject", base=two)
    with pytest.raises(SecuringError, match="in a chain"):
        shown(suite, "/credentialSubject", base=chained)


@pytest.mark.parametrize("suite", SUITES)
def test_what_points_to_nothing_is_refused(suite):
    with pytest.raises(SecuringError, match="points to nothing"):
        secured(suite, mandatory=["/issuer", "/nobody"])
    with pytest.raises(SecuringError, match="points to nothing"):
        shown(suite, "/credentialSubject/result/3")
    with pytest.raises(SecuringError, match="nothing is selected"):
        shown(suite, base=secured(suite, mandatory=[]))


@pytest.mark.parametrize("suite", SUITES)
def test_mandatory_statements_alone_can_be_shown(suite):
    assert verifies(shown(suite))
    assert "credentialSubject" not in shown(suite)


@pytest.mark.parametrize("suite", SUITES)
def test_what_the_graph_does_not_say_is_neither_signed_nor_verified(suite):
    document = {**badge(ISSUERS[suite].did), "unheard": "of"}
    part = {**shown(suite, "/credentialSubject/result/0"), "unheard": "of"}

    with pytest.raises(LinkedDataError, match="unheard"):
        secured(suite, document)
    with pytest.raises(LinkedDataError, match="unheard"):
        verifies(part)
    with pytest.raises(UnknownContextError, match="no contexts"):
        is_by(
            read(part["proof"]), without_proof(part), key_named_in(part["proof"]), None
        )


@pytest.mark.parametrize("suite", SUITES)
def test_what_takes_long_is_left_to_whoever_has_the_time(suite):
    hasty = Vocabulary(VOCABULARY.contexts, budget=500, general=False)
    small = secured(suite, without_list(badge(ISSUERS[suite].did)))
    assert verifies(shown(suite, base=small), vocabulary=hasty)

    with pytest.raises(WorkLimitError, match="signed statements"):
        verifies(shown(suite, "/credentialSubject"), vocabulary=hasty)


def without_list(document):
    """Return the document with fewer statements than a short while has room for."""
    subject = {"id": "did:example:learner", "type": ["AchievementSubject"]}
    return {**document, "credentialSubject": subject}


@pytest.mark.parametrize("suite", SUITES)
def test_a_context_of_the_proof_is_that_of_the_document(suite):
    part = shown(suite, "/credentialSubject/result/0")
    same = edited(part, "proof", "@context", value=part["@context"])
    other = edited(part, "proof", "@context", value=part["@context"][:1])

    assert verifies(same)
    assert not verifies(other)


def test_only_unsecured_documents_and_keys_of_the_suites_are_taken():
    with pytest.raises(ValueError, match="an unsecured document"):
        secured(ECDSA_SD, BASES[ECDSA_SD])
    with pytest.raises(ValueError, match="not one for EdDSA"):
        secure(
            badge("did:example:a"),
            key=LocalSigningKey.generate("EdDSA"),
            verification_method=ISSUERS[ECDSA_SD].kid,
            at=AT,
            mandatory=[],
            vocabulary=VOCABULARY,
        )


@pytest.mark.parametrize("suite", SUITES)
def test_the_number_of_statements_is_bounded(suite):
    document = badge(ISSUERS[suite].did)
    document["credentialSubject"]["achievement"]["tag"] = [str(n) for n in range(4100)]

    with pytest.raises(SecuringError, match="statements in one proof"):
        secured(suite, document)


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Ed25519Signature2020"},
        {"cryptosuite": "ecdsa-rdfc-2019"},
        {"previousProof": "urn:uuid:1"},
        {"verificationMethod": 7},
        {"verificationMethod": "nowhere"},
        {"created": "yesterday"},
        {"proofValue": None},
    ],
)
def test_a_proof_that_cannot_be_read_is_refused(change):
    part = shown(ECDSA_SD, "/credentialSubject/result/0")

    with pytest.raises(SecuringError):
        read(part["proof"] | change)


def test_a_base_proof_holds_what_its_holder_needs():
    ecdsa = EcdsaBase.parse(BASES[ECDSA_SD]["proof"]["proofValue"])
    bbs = BbsBase.parse(BASES[BBS]["proof"]["proofValue"])

    assert ecdsa.mandatory_pointers == bbs.mandatory_pointers == MANDATORY
    assert bbs.public_key == ISSUERS[BBS].key.public_key.raw
    assert json.dumps(BASES[BBS])


def judged(document):
    """Return what is found about the integrity of a document."""
    found = assess(
        json.dumps(document).encode(),
        media_type="application/vc",
        evidence=Evidence(vocabulary=VOCABULARY),
        anchors=(),
        at=AT,
    )
    return found.findings["integrity"], found.overall("authenticity")


@pytest.mark.parametrize("suite", SUITES)
def test_a_derived_document_is_authentic_until_it_is_changed(suite):
    part = shown(suite, "/credentialSubject/result/0", "/credentialSubject/achievement")
    changed = edited(part, SUBJECT, "result", 0, "value", value="S")
    added = edited(
        part,
        SUBJECT,
        "result",
        value=[*part[SUBJECT]["result"], {"value": "A", "type": ["Result"]}],
    )

    finding, overall = judged(part)
    assert (finding.result, overall) == ("valid", "valid")
    finding, overall = judged(changed)
    assert (finding.result, overall) == ("invalid", "invalid")
    finding, overall = judged(added)
    assert (finding.result, overall) == ("invalid", "invalid")
    assert "blank nodes" in finding.reason


@pytest.mark.parametrize("suite", SUITES)
def test_a_base_proof_that_is_shown_is_refused_with_the_reason(suite):
    finding, overall = judged(BASES[suite])

    assert (finding.result, overall) == ("invalid", "invalid")
    assert "a base proof" in finding.reason


@pytest.mark.parametrize("name", ["HolderBinding", "Pseudonym", "PseudonymHB"])
def test_a_feature_that_is_not_implemented_is_named_and_not_judged(name):
    finding, overall = judged(published(f"vc-di-bbs/features/{name}"))

    assert finding.result == "unknown"
    assert "bbs-2023 with" in finding.reason
    assert overall != "valid"


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_in_the_place_of_the_type_is_a_fault(suite):
    part = shown(suite, "/credentialSubject/result/0")
    del part["proof"]["cryptosuite"]
    part["proof"]["type"] = suite

    assert judged(part)[0].result == "invalid"
