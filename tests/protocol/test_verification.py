"""Authenticity: proofs, keys, dates, form and status (A6 to A8, A13, A14)."""

import contextlib
import copy
import itertools
import json
from pathlib import Path

import pytest

from protocol.credentials import conformance, revocation
from protocol.credentials.findings import (
    AUTHENTICITY,
    Evidence,
    Finding,
    Result,
    Verification,
    worst,
)
from protocol.credentials.model import read
from protocol.credentials.vcdm import RECORDS_CONTEXT
from protocol.credentials.verification import verify
from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.securing import data_integrity, key_binding, sd_jwt
from protocol.securing.key_binding import Binding
from tests.protocol.parties import (
    AT,
    BORN,
    DAY,
    RECORD,
    SIGNED,
    Party,
    World,
    as_json,
)


@pytest.fixture
def uni():
    return Party("uni-a.example")


@pytest.fixture
def world(uni):
    return World((uni,), lists={uni.list_url: uni.status_list()})


def results(found):
    return {name: str(found.findings[name].result) for name in AUTHENTICITY}


ALL_VALID = dict.fromkeys(AUTHENTICITY, "valid")


# --- good ones


def test_each_form_of_a_credential_is_found_authentic(uni, world):
    for document in (
        uni.secure(uni.vc()),
        uni.sd_jwt(),
        uni.jwt(uni.vc()),
        uni.jwt(uni.vc(), fragment="#cred-2"),
    ):
        found = world.assess(document)
        assert results(found) == ALL_VALID
        assert found.overall("authenticity") == "valid"
        assert found.missing("authenticity") == ()


def badge(issuer, **changes):
    return {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        ],
        "id": "urn:uuid:6d8b6c35-5a5e-4b4f-8f5d-2b1c9a0d7e11",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "issuer": {"id": issuer, "type": ["Profile"], "name": "A school"},
        "validFrom": "2025-01-01T00:00:00Z",
        "name": "Robotics",
        "credentialSubject": {
            "id": "did:example:learner",
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "urn:uuid:achievement",
                "type": ["Achievement"],
                "name": "Robotics",
                "description": "Built a robot",
                "criteria": {"narrative": "A robot that walks"},
            },
        },
        **changes,
    }


def by_key(document, key, **more):
    name = key.verification_key.multikey()
    url = DidUrl(f"did:key:{name}#{name}")
    return data_integrity.secure(
        document, key=key, verification_method=url, at=SIGNED, **more
    )


def key_badge(**changes):
    key = LocalSigningKey.generate("EdDSA")
    did = f"did:key:{key.verification_key.multikey()}"
    return by_key(badge(did, **changes), key)


def test_a_good_badge_of_a_did_key_is_authentic_without_any_look_up():
    world = World(())
    found = world.assess(key_badge())
    assert results(found) == ALL_VALID | {"status_now": "not-applicable"}
    assert found.overall("authenticity") == "valid"
    assert found.overall("recognition") == "undetermined"
    assert world.asked == []


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES384"])
def test_a_badge_secured_by_any_kind_of_key_is_authentic_until_it_is_changed(algorithm):
    key = LocalSigningKey.generate(algorithm)
    document = by_key(badge(f"did:key:{key.verification_key.multikey()}"), key)
    assert World(()).assess(document).overall("authenticity") == "valid"
    changed = World(()).assess(document | {"name": "Another"})
    assert changed.findings["integrity"].result == "invalid"


def test_each_proof_of_a_chain_is_judged_by_itself(uni, world):
    more = {"id": "urn:uuid:first"}
    document = uni.secure(uni.vc(), more=more)
    chain = data_integrity.add(
        document,
        key=uni.keys["#cred-2"],
        verification_method=uni.url("#cred-2"),
        at=SIGNED,
        more={"previousProof": more["id"]},
    )
    assert world.assess(chain).overall("authenticity") == "valid"

    # The same statement signed again: it holds, but is not the one the second is over.
    again = uni.secure(uni.vc(), more=more, at=SIGNED + DAY)["proof"]
    found = world.assess(chain | {"proof": [again, chain["proof"][1]]})
    each = found.findings["integrity"].evidence["each"]
    assert [one["result"] for one in each] == ["valid", "invalid"]
    assert found.overall("authenticity") == "invalid"


def test_a_did_key_must_be_the_key_itself():
    document = key_badge()
    other = LocalSigningKey.generate("EdDSA").verification_key.multikey()
    issuer = document["issuer"]["id"]
    document["proof"]["verificationMethod"] = f"{issuer}#{other}"
    found = World(()).assess(document)
    assert found.findings["key_at_signing"].result == "invalid"
    assert found.overall("authenticity") == "invalid"


# --- integrity


def alterations(value):
    """Yield copies of a JSON value with one leaf changed."""
    if isinstance(value, dict):
        for name, inner in value.items():
            for changed in alterations(inner):
                yield value | {name: changed}
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            for changed in alterations(inner):
                yield [*value[:index], changed, *value[index + 1 :]]
    else:
        yield f"{value}x" if isinstance(value, str) else "another"


def test_no_value_of_a_document_can_be_changed(uni, world):
    document = uni.secure(uni.vc())
    changed = list(alterations(document))
    assert len(changed) > 30
    for one in changed:
        # Without `VerifiableCredential` it is no credential at all.
        if "VerifiableCredential" in one["type"]:
            assert world.assess(one).overall("authenticity") != "valid"


def test_no_octet_of_an_sd_jwt_can_be_changed(uni, world):
    text = uni.sd_jwt({"holder": {"given_name": "Aiko"}})
    for index in range(0, len(text), 7):
        other = "A" if text[index] != "A" else "B"
        changed = text[:index] + other + text[index + 1 :]
        with contextlib.suppress(SecuringError, MalformedValueError):
            assert world.assess(changed).overall("authenticity") != "valid"


@pytest.mark.parametrize("proof", [None, [], {}, ""])
def test_a_document_without_proof_is_invalid(uni, world, proof):
    found = world.assess(uni.vc(proof=proof))
    assert found.findings["integrity"].result == "invalid"
    assert found.findings["integrity"].evidence == {"problem": "trust.unsigned"}
    assert found.overall("authenticity") == "invalid"
    assert uni.list_url not in world.asked


def test_an_unknown_mechanism_is_unknown_by_name(uni, world):
    document = uni.secure(uni.vc())
    document["proof"]["cryptosuite"] = "bbs-2042"
    found = world.assess(document)
    assert found.findings["integrity"].result == "unknown"
    assert "bbs-2042" in found.findings["integrity"].reason
    assert found.overall("authenticity") == "undetermined"
    assert any("bbs-2042" in one for one in found.missing("authenticity"))


STRANGE_KEY = LocalSigningKey.generate("EdDSA")
PROOFS = {
    "good": lambda u, d: u.secure(d),
    "good again": lambda u, d: u.secure(d, at=SIGNED + DAY),
    "bad": lambda u, d: u.secure(d | {"name": "Other"}),
    "stranger": lambda _, d: by_key(d, STRANGE_KEY),
    "unknown": lambda u, d: {"proof": u.secure(d)["proof"] | {"cryptosuite": "x-2030"}},
    "purpose": lambda u, d: u.secure(d, purpose="authentication"),
    "wrong key": lambda u, d: data_integrity.secure(
        d, key=STRANGE_KEY, verification_method=u.url(), at=SIGNED
    ),
}


@pytest.mark.parametrize(("one", "other"), list(itertools.product(PROOFS, PROOFS)))
def test_each_proof_of_a_set_must_hold(uni, world, one, other):
    proofs = [PROOFS[kind](uni, uni.vc())["proof"] for kind in (one, other)]
    document = uni.vc(proof=proofs)
    kinds = {one, other} - {"good", "good again"}
    expected = "valid"
    if kinds == {"unknown"}:
        expected = "undetermined"
    elif kinds:
        expected = "invalid"
    assert world.assess(document).overall("authenticity") == expected


# --- issuer


@pytest.mark.parametrize("issuer", ["https://uni-a.example", "did:example:x/y"])
def test_an_issuer_without_a_did_is_not_identified(uni, world, issuer):
    found = world.assess(uni.secure(uni.vc(issuer=issuer)))
    assert found.findings["issuer_identified"].result == "unknown"
    assert found.overall("authenticity") == "undetermined"
    assert world.asked == []


def test_the_published_document_holds_but_its_issuer_is_not_identified():
    folder = Path(__file__).parent.parent / "vectors/vc-di-eddsa"
    found = World(()).assess(folder.joinpath("signedJCS.json").read_bytes())
    expected = {"integrity": "valid", "key_at_signing": "valid"}
    assert expected.items() <= results(found).items()
    assert found.findings["issuer_identified"].result == "unknown"
    assert found.overall("authenticity") == "undetermined"


@pytest.mark.parametrize("spelt_out", [True, False])
def test_a_key_on_the_web_tells_whether_something_changed_but_not_who(spelt_out):
    key = LocalSigningKey.generate("EdDSA")
    name = key.verification_key.multikey() if spelt_out else "key-1"
    url = f"https://school.example/issuers/1#{name}"
    document = data_integrity.secure(
        badge("https://school.example/issuers/1"),
        key=key,
        verification_method=url,
        at=SIGNED,
    )
    found = World(()).assess(document)
    assert found.findings["integrity"].result == ("valid" if spelt_out else "unknown")
    assert found.findings["issuer_identified"].result == "unknown"
    assert found.findings["key_at_signing"].result == "unknown"
    assert found.overall("authenticity") == "undetermined"

    changed = World(()).assess(document | {"name": "Something else"})
    assert changed.overall("authenticity") == (
        "invalid" if spelt_out else "undetermined"
    )


def test_a_key_on_the_web_does_not_speak_for_a_did(uni, world):
    key = LocalSigningKey.generate("EdDSA")
    url = f"https://uni-a.example/#{key.verification_key.multikey()}"
    document = data_integrity.secure(
        uni.vc(), key=key, verification_method=url, at=SIGNED
    )
    found = world.assess(document)
    assert found.findings["issuer_identified"].result == "unknown"
    assert found.overall("authenticity") == "undetermined"
    both = uni.secure(uni.vc())
    both = both | {"proof": [both["proof"], document["proof"]]}
    assert world.assess(both).overall("authenticity") == "undetermined"


def test_a_did_key_alone_names_its_key():
    key = LocalSigningKey.generate("EdDSA")
    did = f"did:key:{key.verification_key.multikey()}"
    document = data_integrity.secure(
        badge(did), key=key, verification_method=did, at=SIGNED
    )
    assert World(()).assess(document).overall("authenticity") == "valid"
    changed = document | {"name": "Something else"}
    assert World(()).assess(changed).overall("authenticity") == "invalid"


def test_nobody_signs_for_another(uni, world):
    other = Party("other.example")
    world.parties = (uni, other)
    found = world.assess(other.secure(uni.vc()))
    assert found.findings["issuer_identified"].result == "invalid"
    assert world.asked == []


def test_a_document_without_issuer_is_invalid(uni, world):
    found = world.assess(uni.secure(uni.vc(issuer=None)))
    assert found.findings["issuer_identified"].result == "invalid"
    assert found.findings["schema"].result == "invalid"


def test_iss_must_be_the_issuer(uni, world):
    octets = uni.jwt(uni.vc() | {"iss": "did:web:other.example"})
    assert world.assess(octets).findings["issuer_identified"].result == "invalid"


def test_an_issuer_out_of_reach_leaves_all_open(uni, world):
    world.offline = frozenset({uni.did})
    found = world.assess(uni.secure(uni.vc()))
    assert results(found) == ALL_VALID | dict.fromkeys(
        ("integrity", "issuer_identified", "key_at_signing", "status_now"), "unknown"
    )
    assert "offline" in found.findings["issuer_identified"].reason
    assert world.asked == [uni.did]


def test_the_history_of_another_did_is_none(uni):
    evidence = Evidence({uni.did: Party("other.example").history})
    document = read(as_json(uni.secure(uni.vc())))
    found = verify(document, evidence=evidence, at=AT)
    assert found.findings["issuer_identified"].result == "unknown"


def test_an_issuer_that_moved_is_still_who_it_was(uni, world):
    document = uni.secure(uni.vc(credentialStatus=None))
    moved = Party("uni-a.example")
    moved.keys = uni.keys
    new = copy.copy(uni.documents[0][1])
    new_did = uni.did.replace("uni-a.example", "uni-new.example")
    new = json.loads(json.dumps(new).replace(uni.did, new_did))
    uni.documents.append((SIGNED + DAY, new))
    history = uni.history
    object.__setattr__(history, "did", type(uni.did)(new_did))
    found = verify(
        read(as_json(document)), evidence=Evidence({uni.did: history}), at=AT
    )
    assert found.findings["key_at_signing"].result == "valid"
    assert found.findings["issuer_identified"].evidence["now_known_as"] == new_did


# --- key at signing


def key_finding(world, document):
    return world.assess(document).findings["key_at_signing"]


def test_a_key_gone_since_is_good_for_what_it_signed(uni, world):
    uni.documents.append((SIGNED + DAY, uni.document(uses=["#cred-2"])))
    document = uni.secure(uni.vc())
    assert key_finding(world, document).result == "valid"
    late = uni.secure(uni.vc(), at=SIGNED + 2 * DAY)
    assert key_finding(world, late).result == "invalid"
    assert world.assess(late).findings["integrity"].result == "valid"


def test_a_key_for_messages_signs_no_credentials(uni, world):
    found = world.assess(uni.secure(uni.vc(), fragment="#sig-1"))
    assert found.findings["integrity"].result == "valid"
    assert found.findings["key_at_signing"].result == "invalid"
    assert "authentication" in found.findings["key_at_signing"].reason


def test_a_key_listed_for_nothing_signs_nothing(uni, world):
    uni.documents = [(BORN, uni.document(uses=[]))]
    assert "only in none" in key_finding(world, uni.secure(uni.vc())).reason


@pytest.mark.parametrize(
    ("at", "word"), [(BORN - DAY, "no document"), (AT + DAY, "after the moment")]
)
def test_nothing_is_signed_before_the_did_or_after_now(uni, world, at, word):
    finding = key_finding(world, uni.secure(uni.vc(), at=at))
    assert finding.result == "invalid"
    assert word in finding.reason


def test_what_was_signed_before_the_end_of_a_did_counts(uni, world):
    uni.documents.append((SIGNED + DAY, uni.document(uses=[])))
    uni.deactivated = True
    assert key_finding(world, uni.secure(uni.vc())).result == "valid"
    late = uni.secure(uni.vc(), at=SIGNED + 2 * DAY)
    assert key_finding(world, late).result == "invalid"


def test_without_a_time_of_signing_the_date_of_issue_stands_in(uni, world):
    octets = uni.jwt(uni.vc())
    assert key_finding(world, octets).evidence["stated_in"] == "the document"
    timeless = uni.jwt(uni.vc(validFrom=None))
    assert key_finding(world, timeless).result == "unknown"


def test_a_key_that_was_given_up_needs_time_evidence(uni, world):
    document = uni.secure(uni.vc())
    for since, expected in ((SIGNED + DAY, "unknown"), (SIGNED - DAY, "invalid")):
        given_up = uni.document(cred_1={"revoked": f"{since:%Y-%m-%dT%H:%M:%SZ}"})
        uni.documents[1:] = [(SIGNED + 2 * DAY, given_up)]
        assert key_finding(world, document).result == expected
    for revoked in ("soon", None):
        uni.documents[1:] = [(SIGNED + DAY, uni.document(cred_1={"revoked": revoked}))]
        assert key_finding(world, document).result == "invalid"
    uni.documents[1:] = [(SIGNED - DAY, uni.document(cred_1={"revoked": "x"}))]
    assert "was revoked" in key_finding(world, document).reason


def test_a_key_may_be_given_up_wherever_it_stands(uni, world):
    document = uni.secure(uni.vc())
    since = f"{SIGNED + DAY:%Y-%m-%dT%H:%M:%SZ}"
    given_up = uni.document(cred_1={"revoked": since, "id": "#cred-1"})
    given_up["assertionMethod"] = [given_up["verificationMethod"].pop(0)]
    uni.documents.append((SIGNED + 2 * DAY, given_up))
    assert key_finding(world, document).result == "unknown"


def test_a_did_key_that_holds_no_key_is_not_resolved():
    found = World(()).assess(badge("did:key:zNothing") | {"proof": GARBLED})
    assert found.findings["issuer_identified"].result == "unknown"
    assert "no usable key" in found.findings["issuer_identified"].reason


GARBLED = {
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-jcs-2022",
    "proofPurpose": "assertionMethod",
    "verificationMethod": "did:key:zNothing#zNothing",
    "proofValue": "z1",
}


def test_a_key_of_an_unknown_kind_is_unknown(uni, world):
    uni.documents = [(BORN, uni.document(cred_1={"publicKeyMultibase": "zUnknown"}))]
    found = world.assess(uni.secure(uni.vc()))
    assert found.findings["key_at_signing"].result == "unknown"
    assert found.findings["integrity"].result == "unknown"


def test_a_key_that_is_nowhere_is_refused(uni, world):
    del uni.documents[0][1]["verificationMethod"][0]
    finding = key_finding(world, uni.secure(uni.vc()))
    assert finding.result == "invalid"
    assert "not in the DID document" in finding.reason


def test_a_did_web_is_taken_as_first_seen():
    uni = Party("uni-a.example", method="web")
    world = World((uni,))
    document = uni.secure(uni.vc(credentialStatus=None), at=BORN - 100 * DAY)
    assert key_finding(world, document).result == "valid"
    del uni.documents[0][1]["verificationMethod"][0]
    finding = key_finding(world, document)
    assert finding.result == "unknown"
    assert "never been seen" in finding.reason


# --- dates


@pytest.mark.parametrize(
    ("changes", "result", "word"),
    [
        ({}, "valid", "no end"),
        ({"validUntil": "2026-11-01T00:00:01Z"}, "valid", "within"),
        ({"validUntil": "2026-11-01T00:00:00Z"}, "invalid", "expired"),
        ({"validFrom": "2026-11-01T00:00:00Z"}, "valid", "no end"),
        ({"validFrom": "2026-11-01T00:00:01Z"}, "invalid", "not valid before"),
        ({"validUntil": "whenever"}, "invalid", "read"),
        ({"validFrom": None}, "valid", "no end"),
    ],
)
def test_a_document_is_valid_within_its_dates(uni, world, changes, result, word):
    found = world.assess(uni.secure(uni.vc(**changes)))
    finding = found.findings["validity_period"]
    assert finding.result == result
    assert word in finding.reason


def test_a_proof_has_an_end_too(uni, world):
    document = uni.vc() | {"proof": {}}
    made = uni.secure(uni.vc())["proof"]
    document["proof"] = made | {"expires": "2026-10-01T00:00:00Z"}
    found = world.assess(document)
    assert "proof.expires" in found.findings["validity_period"].reason


def test_exp_and_nbf_count_without_any_skew(uni, world):
    now = int(AT.timestamp())
    for claims, result in (
        ({"exp": now}, "invalid"),
        ({"exp": now + 1}, "valid"),
        ({"nbf": now + 1}, "invalid"),
        ({"nbf": now}, "valid"),
    ):
        found = world.assess(uni.sd_jwt(**claims))
        assert found.findings["validity_period"].result == result


# --- status


def status(world, document):
    return world.assess(document).findings["status_now"]


@pytest.mark.parametrize("form", ["vc", "sd_jwt"])
def test_a_revoked_credential_is_said_to_be_revoked(uni, world, form):
    document = uni.sd_jwt() if form == "sd_jwt" else uni.secure(uni.vc())
    world.lists[uni.list_url] = uni.status_list(7)
    found = world.assess(document)
    assert found.findings["status_now"].result == "invalid"
    assert "revoked" in found.findings["status_now"].reason
    assert found.overall("authenticity") == "invalid"
    world.lists[uni.list_url] = uni.status_list(6, 8)
    assert world.assess(document).overall("authenticity") == "valid"


def test_a_revocation_comes_with_its_reason_if_there_is_one(uni, world):
    entry = uni.entry(statusMessage=[{"status": "0x1", "message": "wrong grade"}])
    world.lists[uni.list_url] = uni.status_list(7)
    finding = status(world, uni.secure(uni.vc(credentialStatus=entry)))
    assert "revoked" in finding.reason
    assert "wrong grade" in finding.reason


def test_a_suspended_credential_is_said_to_be_suspended(uni, world):
    entry = uni.entry(statusPurpose="suspension")
    world.lists[uni.list_url] = uni.status_list(7, purpose="suspension")
    finding = status(world, uni.secure(uni.vc(credentialStatus=entry)))
    assert "suspended" in finding.reason


def test_a_revocation_counts_even_from_an_old_list(uni, world):
    world.lists[uni.list_url] = uni.status_list(7, until=AT - DAY / 2)
    assert "revoked" in status(world, uni.secure(uni.vc())).reason


def signed(party, document, **more):
    return as_json(party.secure(document, at=AT - DAY, **more))


def changed(uni, **subject):
    document = uni.list_document()
    document["credentialSubject"] |= subject
    return signed(uni, document)


STRANGER = Party("stranger.example")
FAULTY = {
    "purpose": lambda u: u.status_list(purpose="suspension"),
    "other list": lambda u: u.status_list(url=u.list_url + "4"),
    "expired": lambda u: u.status_list(until=AT - DAY / 2),
    "not yet": lambda u: u.status_list(at=AT + DAY),
    "bit size": lambda u: changed(u, statusSize=2),
    "too short": lambda u: changed(
        u, encodedList="uH4sIAAAAAAAAA2NgAAAAAwABSK8JzgAAAA"
    ),
    "garbage": lambda u: changed(u, encodedList="uAAAA"),
    "no list": lambda u: changed(u, encodedList=None),
    "other kind": lambda u: changed(u, type="TokenStatusList"),
    "no subject": lambda u: signed(u, u.list_document() | {"credentialSubject": "x"}),
    "other type": lambda u: signed(
        u, u.list_document() | {"type": ["VerifiableCredential"]}
    ),
    "stranger": lambda _: signed(STRANGER, STRANGER.list_document()),
    "stranger signs": lambda u: signed(STRANGER, u.list_document()),
    "stranger, same url": lambda u: signed(
        STRANGER, STRANGER.list_document(url=u.list_url)
    ),
    "message key": lambda u: signed(u, u.list_document(), fragment="#sig-1"),
    "no proof": lambda u: as_json(u.list_document()),
    "altered": lambda u: u.status_list().replace(b"validUntil", b"validUnder"),
    "not json": lambda _: b"<html>",
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_list_with_a_fault_never_says_not_revoked(uni, world, fault):
    world.parties = (uni, STRANGER)
    world.lists[uni.list_url] = FAULTY[fault](uni)
    found = world.assess(uni.secure(uni.vc()))
    assert found.findings["status_now"].result == "invalid"
    assert found.overall("authenticity") == "invalid"


def test_an_index_outside_the_list_is_invalid(uni, world):
    entry = uni.entry(statusListIndex="131072")
    finding = status(world, uni.secure(uni.vc(credentialStatus=entry)))
    assert finding.result == "invalid"
    assert "outside" in finding.reason


@pytest.mark.parametrize(
    ("stated", "result"),
    [
        ({"type": "RevocationList2020Status"}, "unknown"),
        ({"type": ["BitstringStatusListEntry", "StatusList2021Entry"]}, "unknown"),
        ({"statusPurpose": "popularity"}, "unknown"),
        ({"statusPurpose": "message"}, "invalid"),
        ({"statusPurpose": "message", "statusSize": 2}, "invalid"),
        ({"statusSize": 9}, "unknown"),
        ({"statusSize": 0}, "invalid"),
        ({"statusSize": 2}, "invalid"),
        ({"statusListIndex": "x"}, "invalid"),
    ],
)
def test_a_status_that_cannot_be_judged_is_not_passed(uni, world, stated, result):
    document = uni.secure(uni.vc(credentialStatus=uni.entry(**stated)))
    assert status(world, document).result == result
    assert uni.list_url not in world.asked


def test_every_status_entry_must_be_good(uni, world):
    entries = [uni.entry(6), uni.entry(7)]
    document = uni.secure(uni.vc(credentialStatus=entries))
    assert status(world, document).result == "valid"
    world.lists[uni.list_url] = uni.status_list(7)
    finding = status(world, document)
    assert "revoked" in finding.reason
    assert len(finding.evidence["each"]) == 2


def test_a_list_out_of_reach_leaves_the_status_open(uni, world):
    world.offline = frozenset({uni.list_url})
    found = world.assess(uni.secure(uni.vc()))
    assert found.findings["status_now"].result == "unknown"
    assert "offline" in found.findings["status_now"].reason
    assert found.overall("authenticity") == "undetermined"


def test_a_list_is_asked_for_only_once_the_proof_holds(uni, world):
    bad = uni.secure(uni.vc()) | {"name": "Other"}
    assert status(world, bad).result == "unknown"
    assert world.asked == [uni.did]


@pytest.mark.parametrize(
    ("url", "service", "tied"),
    [
        ("https://uni-a.example/status/3", [], True),
        ("https://UNI-A.example:443/status/3", [], True),
        ("https://attacker.example/status/3", [], False),
        ("http://uni-a.example/status/3", [], False),
        ("https://uni-a.example:8443/status/3", [], False),
        ("https://uni-a.example@attacker.example/3", [], False),
        ("https://x@uni-a.example/3", [], False),
        ("https://sub.uni-a.example/3", [], False),
        ("https://uni-a.example.attacker.example/3", [], False),
        ("https://[::1", [], False),
        ("https://host:port/", [], False),
        ("ftp://uni-a.example/3", [], False),
        ("", [], False),
        ("https://status.example/3", "https://status.example/", True),
        (
            "https://status.example/3",
            ["https://x.example", "https://status.example"],
            1,
        ),
        ("https://status.example/3", {"uri": "https://status.example/lrx"}, True),
        ("https://status.example/3", {"uri": 7}, False),
        ("https://status.example/3", 7, False),
    ],
)
def test_a_list_lies_on_an_origin_of_the_issuer(uni, url, service, tied):
    endpoints = [{"id": "#s", "type": "x", "serviceEndpoint": service}]
    uni.documents = [(BORN, uni.document(service=endpoints if service else []))]
    assert revocation.is_tied(url, uni.history) == tied


def test_a_list_elsewhere_is_not_fetched(uni, world):
    url = "https://attacker.example/status/3"
    world.lists[url] = uni.status_list(url=url)
    document = uni.secure(uni.vc(credentialStatus=uni.entry(statusListCredential=url)))
    found = world.assess(document)
    assert found.findings["status_now"].result == "unknown"
    assert "not tied" in found.findings["status_now"].reason
    assert found.overall("authenticity") == "undetermined"
    assert url not in world.asked

    # Obtained in another way, it counts: the issuer signed it.
    evidence = Evidence({uni.did: uni.history}, {url: world.lists[url]})
    again = verify(read(as_json(document)), evidence=evidence, at=AT)
    assert again.findings["status_now"].result == "valid"


def test_an_ended_did_keeps_the_services_it_had(uni):
    endpoints = [{"id": "#s", "type": "x", "serviceEndpoint": "https://heir.example"}]
    uni.documents = [(BORN, uni.document(service=endpoints)), (SIGNED, uni.document())]
    uni.deactivated = True
    assert revocation.is_tied("https://heir.example/3", uni.history)
    assert not revocation.is_tied("https://other.example/3", uni.history)


def test_a_did_key_has_no_origin():
    document = key_badge(credentialStatus=Party("uni-a.example").entry())
    world = World(())
    assert status(world, document).result == "unknown"
    assert world.asked == []


# --- form


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"@context": ["https://example.org/v9"]}, "first context"),
        ({"@context": []}, "first context"),
        (
            {"@context": ["https://www.w3.org/ns/credentials/v2", {"issuer": "x:y"}]},
            "inline",
        ),
        ({"type": ["VerifiableCredential", 1]}, "type"),
        ({"id": 7}, "id"),
        ({"issuer": {"name": "A"}}, "issuer"),
        ({"credentialSubject": None}, "credentialSubject"),
        ({"credentialSubject": []}, "credentialSubject"),
        ({"credentialSubject": [{}]}, "credentialSubject"),
        ({"credentialSubject": "x"}, "credentialSubject"),
        ({"credentialStatus": "x"}, "credentialStatus"),
        ({"credentialSchema": {"id": "x"}}, "credentialSchema"),
        ({"evidence": [{"type": []}]}, "evidence"),
        ({"credentialSubject": {"holder": {"shoe_size": 42}}}, "holder shoe_size"),
        ({"credentialSubject": {"results": [{"x": 1}]}}, "results x"),
    ],
)
def test_a_document_of_another_form_is_invalid(uni, world, changes, word):
    found = world.assess(uni.vc(**changes))
    assert found.findings["schema"].result == "invalid"
    assert word in found.findings["schema"].reason


def test_an_sd_jwt_names_issuer_and_type(uni, world):
    for name in ("iss", "vct"):
        text = uni.sd_jwt()
        document = read(text.encode())
        document.claims.pop(name)
        assert conformance.schema(document).result == "invalid"
    unknown = uni.sd_jwt(kind="unheard-of")
    assert world.assess(unknown).findings["schema"].result == "unknown"
    wrong = uni.sd_jwt({"holder": {"shoe_size": 42}})
    assert world.assess(wrong).findings["schema"].result == "invalid"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"type": ["VerifiableCredential", "SomethingElse"]}, "SomethingElse"),
        ({"@context": ["https://www.w3.org/ns/credentials/v2", "urn:x"]}, "urn:x"),
    ],
)
def test_what_this_node_has_no_rules_for_is_unknown(uni, world, changes, word):
    document = uni.vc(**changes)
    found = world.assess(uni.secure(document))
    assert found.findings["schema"].result == "unknown"
    assert word in found.findings["schema"].reason
    assert found.overall("authenticity") == "undetermined"


def test_a_plain_credential_needs_no_further_type(uni, world):
    found = world.assess(uni.secure(uni.vc(type=["VerifiableCredential"])))
    assert found.findings["schema"].result == "valid"


def without(document, *path):
    copied = copy.deepcopy(document)
    inner = copied
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copied


ACHIEVEMENT = ("credentialSubject", "achievement")


@pytest.mark.parametrize(
    "path",
    [
        ("id",),
        ("validFrom",),
        ("issuer", "type"),
        ("credentialSubject", "type"),
        ("credentialSubject", "id"),
        ACHIEVEMENT,
        *((*ACHIEVEMENT, n) for n in ("id", "type", "name", "description", "criteria")),
    ],
)
def test_an_open_badge_has_what_open_badges_require(path):
    document = without(badge("did:web:a.example"), *path)
    found = World(()).assess(document)
    assert found.findings["schema"].result == "invalid"
    assert "context" not in found.findings["schema"].reason


def test_an_open_badge_has_the_context_of_open_badges():
    contexts = ["https://www.w3.org/ns/credentials/v2", RECORDS_CONTEXT]
    document = badge("did:web:a.example") | {"@context": contexts}
    found = World(()).assess(document)
    assert "second context" in found.findings["schema"].reason
    odd = badge("did:web:a.example", credentialSubject=["x"])
    assert World(()).assess(odd).findings["schema"].result == "invalid"


def test_a_document_of_the_former_model_has_its_own_dates():
    contexts = [
        "https://www.w3.org/2018/credentials/v1",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json",
    ]
    dated = key_badge(**{"@context": contexts, "issuanceDate": "2025-01-01T00:00:00Z"})
    found = World(()).assess(dated)
    assert found.findings["schema"].result == "valid"
    undated = World(()).assess(key_badge(**{"@context": contexts}))
    assert "issuanceDate" in undated.findings["schema"].reason


# --- holder and time

HOLDER = LocalSigningKey.generate("ES256")
ASKED = Binding("https://verifier.example", "kUpOs1d2Rj8nX0mYb3cT4Q")


def held(uni, *, to=ASKED, bound=True):
    cnf = {"cnf": {"jwk": HOLDER.verification_key.jwk()}} if bound else {}
    text = sd_jwt.parse(uni.sd_jwt(**cnf)).present([("holder",)])
    return key_binding.bind(text, key=HOLDER, to=to, at=AT) if to else text


@pytest.mark.parametrize(
    ("made_for", "bound", "asked", "result"),
    [
        (None, False, None, "not-applicable"),
        (None, False, ASKED, "invalid"),
        (None, True, None, "unknown"),
        (None, True, ASKED, "invalid"),
        (ASKED, True, None, "valid"),
        (ASKED, True, ASKED, "valid"),
        (ASKED, False, None, "invalid"),
        (ASKED, False, ASKED, "invalid"),
        (Binding("https://other.example", ASKED.nonce), True, ASKED, "invalid"),
        (Binding(ASKED.audience, "other"), True, ASKED, "invalid"),
    ],
)
def test_a_holder_is_bound_whenever_that_is_asked(
    uni, world, made_for, bound, asked, result
):
    found = world.assess(held(uni, to=made_for, bound=bound), binding=asked)
    assert found.findings["holder_binding"].result == result
    assert found.findings["integrity"].result == "valid"


def test_a_document_that_no_holder_can_sign_has_no_holder(uni, world):
    document = uni.secure(uni.vc())
    assert world.assess(document).findings["holder_binding"].passes
    asked = world.assess(document, binding=ASKED).findings["holder_binding"]
    assert asked.result == "invalid"


def test_the_time_of_signing_is_the_signers_word(uni, world):
    finding = world.assess(uni.secure(uni.vc())).findings["time_evidence"]
    assert finding.result == "unknown"
    assert finding.evidence["level"] == "T0"
    assert finding.evidence["signed_at"] == SIGNED.isoformat()


# --- the overall word


@pytest.mark.parametrize("policy", ["authenticity", "recognition"])
def test_every_combination_of_results_has_its_word(uni, policy):
    document = read(uni.sd_jwt().encode())
    names = [*AUTHENTICITY, "issuer_accredited_at_award"]
    required = names if policy == "recognition" else list(AUTHENTICITY)
    for chosen in itertools.product([*Result, None], repeat=len(names)):
        if sum(one != Result.VALID for one in chosen) > 2:
            continue
        findings = {
            name: Finding(name, result, "because")
            for name, result in zip(names, chosen, strict=True)
            if result is not None
        }
        stated = [findings[n].result if n in findings else None for n in required]
        expected = "undetermined"
        if Result.INVALID in stated:
            expected = "invalid"
        elif set(stated) <= {Result.VALID, Result.NOT_APPLICABLE}:
            expected = "valid"
        found = Verification(document, findings)
        assert found.overall(policy) == expected
        assert bool(found.missing(policy)) == (
            None in stated or Result.UNKNOWN in stated
        )


def test_several_findings_are_joined_by_and():
    assert worst([]) == Result.NOT_APPLICABLE
    assert worst([Result.VALID, Result.NOT_APPLICABLE]) == Result.VALID
    assert worst([Result.VALID, Result.UNKNOWN]) == Result.UNKNOWN
    assert worst([Result.UNKNOWN, Result.INVALID]) == Result.INVALID


def test_findings_are_fit_for_json(uni, world):
    for document in (uni.secure(uni.vc(RECORD)), uni.sd_jwt(), key_badge()):
        for finding in world.assess(document).findings.values():
            json.dumps(finding.evidence)
            assert finding.reason
