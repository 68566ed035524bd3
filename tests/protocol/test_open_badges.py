"""Credentials of 1EdTech: their form, what they contain, and our transcript as one."""

import copy

import pytest

from protocol.credentials import comprehensive_record, contained, open_badges
from protocol.credentials.comprehensive_record import as_clr, course_credentials
from protocol.credentials.transcript import transcript
from protocol.errors import SecuringError
from protocol.identity.keys import LocalSigningKey
from tests.protocol.parties import SIGNED, Party, World
from tests.protocol.test_verification import badge, by_key
from tests.records import CATALOGUE, PROGRAMME, learner, result

ENDORSED = "urn:uuid:6d8b6c35-5a5e-4b4f-8f5d-2b1c9a0d7e11"


@pytest.fixture
def uni():
    return Party("uni-a.example")


@pytest.fixture
def world(uni):
    return World((uni,), lists={uni.list_url: uni.status_list()})


def clr(uni, *rows, badges=(), secure=None, **changes):
    record = transcript(
        learner(rows or (result("M1"), result("M2"))), PROGRAMME, CATALOGUE
    ).record
    stated = {
        "id_": "urn:uuid:01a17215",
        "issuer": str(uni.did),
        "valid_from": SIGNED,
        "status": uni.entry(),
    }
    courses = [
        (secure or uni.secure)(one) for one in course_credentials(record, **stated)
    ]
    return as_clr(record, [*courses, *badges], **stated) | changes


# --- our transcript as a CLR


def test_a_transcript_becomes_a_record_of_its_courses(uni, world):
    document = clr(uni)
    assert list(open_badges.faults(document)) == []
    subject = document["credentialSubject"]
    programme = subject["achievement"][0]["id"]
    courses = [
        one["credentialSubject"]["achievement"]
        for one in subject["verifiableCredential"]
    ]
    assert [one["humanCode"] for one in courses] == ["M1", "M2"]
    assert [
        (one["associationType"], one["sourceId"], one["targetId"])
        for one in subject["association"]
    ] == [("isPartOf", one["id"], programme) for one in courses]
    assert document["partial"] is False
    for one in subject["verifiableCredential"]:
        assert list(open_badges.faults(one)) == []
        found = one["credentialSubject"]["result"][0]
        described = one["credentialSubject"]["achievement"]["resultDescription"][0]
        assert found["value"] == "A"
        assert found["resultDescription"] == described["id"]

    found = world.assess(uni.secure(document))
    assert found.overall("authenticity") == "valid"
    assert len(found.findings["integrity"].evidence["each"]) == 3


def test_a_record_of_many_does_not_say_the_same_many_times(uni, world):
    world.lists = {}
    document = clr(uni, *(result(f"M{number}") for number in range(40)))
    finding = world.assess(uni.secure(document)).findings["status_now"]
    assert finding.reason.endswith("and 37 more")
    assert finding.reason.count(";") == 4
    assert len(finding.evidence["each"]) == 41


def test_what_the_institution_may_not_state_makes_the_record_partial(uni):
    document = clr(
        uni,
        result("M1"),
        result("M2", "D"),
        result("M3", "認", recognised_from="外国大学"),
    )
    assert document["partial"] is True
    assert len(document["credentialSubject"]["verifiableCredential"]) == 1


def test_a_record_stands_and_falls_with_the_transcript(uni, world):
    document = uni.secure(clr(uni))
    world.lists[uni.list_url] = uni.status_list(7)
    found = world.assess(document)
    assert found.findings["status_now"].result == "invalid"
    assert "revoked" in found.findings["status_now"].reason


def test_a_record_of_nothing_or_too_much_is_not_made(uni):
    with pytest.raises(SecuringError, match="0 credentials"):
        clr(uni, result("M1", "D"))
    many = [result(f"M{number}") for number in range(contained.MOST + 1)]
    with pytest.raises(SecuringError, match="129 credentials"):
        clr(uni, *many, secure=dict)
    assert comprehensive_record.CLR_CONTEXT.endswith("2.0.1.json")


# --- what is inside is judged, too


def key_party():
    key = LocalSigningKey.generate("EdDSA")
    return key, f"did:key:{key.verification_key.multikey()}"


def test_a_badge_of_another_issuer_counts_in_a_record(uni, world):
    key, did = key_party()
    document = uni.secure(clr(uni, badges=[by_key(badge(did), key)]))
    assert world.assess(document).overall("authenticity") == "valid"

    late = by_key(badge(did, validUntil="2026-01-01T00:00:00Z"), key)
    found = world.assess(uni.secure(clr(uni, badges=[late])))
    assert found.findings["validity_period"].result == "invalid"
    assert ENDORSED in found.findings["validity_period"].reason
    assert found.findings["integrity"].result == "valid"


def test_a_changed_credential_in_a_record_is_found(uni, world):
    document = clr(uni)
    inner = document["credentialSubject"]["verifiableCredential"][1]
    inner["credentialSubject"]["result"][0]["value"] = "S"
    found = world.assess(uni.secure(document))
    assert found.findings["integrity"].result == "invalid"
    assert found.overall("authenticity") == "invalid"


@pytest.mark.parametrize(
    ("inner", "result", "word"),
    [
        ({"type": "x"}, "invalid", "not a verifiable credential"),
        ({"type": ["VerifiableCredential"], "@context": []}, "invalid", "no proof"),
        (
            {
                "@context": "https://www.w3.org/ns/credentials/v2",
                "type": "EnvelopedVerifiableCredential",
                "id": "data:application/vc+jwt,a.b.c",
            },
            "invalid",
            "JWS",
        ),
    ],
)
def test_what_cannot_be_read_inside_is_invalid(uni, world, inner, result, word):
    found = world.assess(uni.secure(clr(uni, badges=[]) | with_inner(clr(uni), inner)))
    assert found.findings["integrity"].result == result
    assert word in found.findings["integrity"].reason


def with_inner(document, inner):
    subject = copy.deepcopy(document["credentialSubject"])
    subject["verifiableCredential"].append(inner)
    return {"credentialSubject": subject}


def test_an_enveloped_credential_is_taken_out(uni, world):
    token = uni.jwt(uni.vc()).decode()
    inner = {
        "@context": "https://www.w3.org/ns/credentials/v2",
        "type": "EnvelopedVerifiableCredential",
        "id": f"data:application/vc+jwt,{token}",
    }
    document = clr(uni) | with_inner(clr(uni), inner)
    assert world.assess(uni.secure(document)).overall("authenticity") == "valid"


def test_more_than_anybody_needs_is_not_judged(uni, world):
    inner = clr(uni)["credentialSubject"]["verifiableCredential"][0]
    subject = clr(uni)["credentialSubject"]
    subject["verifiableCredential"] = [inner] * (contained.MOST + 1)
    found = world.assess(uni.secure(clr(uni, credentialSubject=subject)))
    assert found.findings["integrity"].result == "unknown"
    assert found.overall("authenticity") == "undetermined"


def test_nobody_is_asked_for_what_an_unsigned_record_contains(uni, world):
    stranger = Party("stranger.example")
    found = world.assess(clr(uni, badges=[stranger.secure(stranger.vc())]))
    assert found.overall("authenticity") == "invalid"
    assert stranger.did not in world.asked


# --- endorsements


def endorsement(party, about=ENDORSED, **changes):
    return {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        ],
        "id": "urn:uuid:endorsement",
        "type": ["VerifiableCredential", "EndorsementCredential"],
        "issuer": {"id": str(party.did), "type": ["Profile"], "name": "A ministry"},
        "validFrom": "2025-01-01T00:00:00Z",
        "name": "Good standing",
        "credentialSubject": {
            "id": about,
            "type": ["EndorsementSubject"],
            "endorsementComment": "well made",
        },
        **changes,
    }


def endorsed(world, **changes):
    key, did = key_party()
    return world.assess(by_key(badge(did, **changes), key))


def test_an_endorsement_is_a_credential_like_any(uni, world):
    found = world.assess(uni.secure(endorsement(uni)))
    assert found.overall("authenticity") == "valid"
    assert "endorsements" not in found.findings


def test_an_endorsement_is_reported_and_changes_nothing(uni, world):
    good = uni.secure(endorsement(uni))
    found = endorsed(world, endorsement=[good])
    assert found.findings["endorsements"].result == "valid"
    assert str(uni.did) in found.findings["endorsements"].reason

    changed = copy.deepcopy(good)
    changed["credentialSubject"]["endorsementComment"] = "very well made"
    expired = uni.secure(endorsement(uni, validUntil="2026-01-01T00:00:00Z"))
    elsewhere = uni.secure(endorsement(uni, "urn:uuid:another"))
    for bad in (changed, expired, elsewhere, uni.secure(uni.vc()), 7, "a.b"):
        found = endorsed(world, endorsement=[good, bad])
        assert found.findings["endorsements"].result == "invalid"
        assert found.overall("authenticity") == "valid"


def test_an_endorsement_may_be_a_jwt_and_stand_with_the_issuer(uni, world):
    key, did = key_party()
    document = badge(did)
    document["issuer"]["endorsementJwt"] = [uni.jwt(endorsement(uni, did)).decode()]
    document["credentialSubject"]["achievement"]["endorsement"] = uni.secure(
        endorsement(uni, "urn:uuid:achievement")
    )
    finding = world.assess(by_key(document, key)).findings["endorsements"]
    assert finding.result == "valid"
    assert len(finding.evidence["each"]) == 2


def test_an_endorser_out_of_reach_leaves_the_endorsement_open(uni, world):
    world.parties = ()
    found = endorsed(world, endorsement=[uni.secure(endorsement(uni))])
    assert found.findings["endorsements"].result == "unknown"
    assert found.overall("authenticity") == "valid"


# --- their form


def without(document, *path):
    changed = copy.deepcopy(document)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return changed


@pytest.mark.parametrize(
    "path",
    [
        ("id",),
        ("validFrom",),
        ("name",),
        ("issuer", "type"),
        ("@context", 1),
        ("credentialSubject", "type"),
        ("credentialSubject", "identifier"),
        ("credentialSubject", "verifiableCredential"),
        ("credentialSubject", "achievement", 0, "name"),
        ("credentialSubject", "association", 0, "type"),
        ("credentialSubject", "association", 0, "associationType"),
        ("credentialSubject", "association", 0, "sourceId"),
    ],
)
def test_a_record_has_what_clr_requires(uni, world, path):
    document = without(clr(uni), *path)
    assert list(open_badges.faults(document))
    found = world.assess(uni.secure(document))
    assert found.findings["schema"].result == "invalid"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("achievement", ["x"]),
        ("association", ["x"]),
        ("verifiableCredential", ["x"]),
        ("type", "AchievementSubject"),
    ],
)
def test_a_record_with_something_else_in_a_place_is_none(uni, member, value):
    document = clr(uni)
    document["credentialSubject"] |= {member: value}
    assert list(open_badges.faults(document))


@pytest.mark.parametrize("path", [("type",), ("id",)])
def test_an_endorsement_says_of_what(uni, path):
    document = without(endorsement(uni), "credentialSubject", *path)
    assert list(open_badges.faults(document))


def test_only_published_contexts_are_known():
    base = "https://purl.imsglobal.org/spec/"
    assert open_badges.is_context(base + "clr/v2p0/context-2.0.1.json")
    assert open_badges.is_context(base + "ob/v3p0/context.json")
    assert not open_badges.is_context(base + "clr/v2p1/context.json")
    assert not open_badges.is_context({"@vocab": "x"})
    assert list(open_badges.faults({"type": ["VerifiableCredential"]})) == []
