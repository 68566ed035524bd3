import json
from datetime import UTC, date, datetime

import pytest

from protocol import securing
from protocol.credentials import model, status_entries
from protocol.credentials.model import as_moment
from protocol.credentials.status_entries import StatusEntry
from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.multibase import as_base64url
from protocol.securing import jose, sd_jwt
from tests.protocol.parties import AWARDED, DAY, RECORD, SIGNED, Party, as_json

UNI = Party("uni-a.example")


def compact(header, claims):
    parts = (as_base64url(json.dumps(part).encode()) for part in (header, claims))
    return ".".join([*parts, as_base64url(bytes(64))]).encode()


FORMS = {
    "application/vc": as_json(UNI.secure(UNI.vc())),
    "application/vc+jwt": UNI.jwt(UNI.vc() | {"iat": int(SIGNED.timestamp())}),
    "application/dc+sd-jwt": UNI.sd_jwt(kind="diploma-supplement").encode(),
}


@pytest.mark.parametrize("media_type", FORMS)
@pytest.mark.parametrize("said", [True, False])
def test_three_forms_say_the_same(media_type, said):
    octets = FORMS[media_type]
    document = model.read(octets, media_type if said else None)

    assert document.octets == octets
    assert document.media_type == media_type
    assert document.issuer == UNI.did
    assert document.kind == "diploma-supplement"
    assert document.record == RECORD
    assert document.valid_from == SIGNED
    assert document.valid_until is None
    assert document.award_date == AWARDED
    assert document.award.stated_in == "qualification.awarded_on"
    assert document.status == (StatusEntry(UNI.list_url, 7, "revocation"),)
    assert document.digest.startswith("sha-256:")
    assert [proof.signed_at for proof in document.proofs] == [SIGNED]
    assert [proof.fault for proof in document.proofs] == [None]


@pytest.mark.parametrize("media_type", FORMS)
@pytest.mark.parametrize("other", [*FORMS, "text/plain", "application/pdf"])
def test_a_document_is_what_it_is_said_to_be_or_refused(media_type, other):
    if other == media_type:
        assert model.read(FORMS[media_type], f" {other.upper()} ; x=1").issuer
    else:
        with pytest.raises(SecuringError):
            model.read(FORMS[media_type], other)


def test_blanks_around_a_file_do_not_matter():
    for octets in FORMS.values():
        assert model.read(b"\n " + octets + b"\r\n").issuer == UNI.did


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"hello",
        b"[]",
        b"a.b",
        b"a.b.c",
        b"a.b.c~",
        b"{}",
        b'{"@context": []}',
        b'{"@context": [], "type": "VerifiablePresentation"}',
        b'{"type": ["VerifiableCredential"]}',
        compact({"typ": "vc+jwt", "alg": "EdDSA"}, []),
        compact([], {}),
    ],
)
def test_what_is_no_credential_is_refused(octets):
    with pytest.raises(SecuringError):
        model.read(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"\xff",
        b"{",
        b'{"a": 1, "a": 2}',
        b'{"a": NaN}',
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_what_is_not_json_with_one_meaning_is_refused(octets):
    with pytest.raises(MalformedValueError):
        model.read(octets)


def test_a_media_type_follows_from_the_mechanism():
    assert securing.media_type_of("jose") == "application/vc+jwt"


# --- proofs


def proofs(proof, **changes):
    document = UNI.vc(**changes)
    stated = {} if proof is None else {"proof": proof}
    return model.read(as_json(document | stated)).proofs


GOOD = UNI.secure(UNI.vc())["proof"]


@pytest.mark.parametrize("proof", [None, [], {}])
def test_a_document_without_proof_states_none(proof):
    assert proofs(proof) == ()


@pytest.mark.parametrize(
    "proof",
    [
        "x",
        ["x"],
        {"a": 1},
        {"type": "DataIntegrityProof"},
        {"type": 1},
        GOOD | {"proofPurpose": "authentication"},
        GOOD | {"proofValue": "u" + GOOD["proofValue"]},
        GOOD | {"verificationMethod": "key-1"},
        GOOD | {"created": "yesterday"},
        GOOD | {"previousProof": "urn:nowhere"},
        GOOD | {"id": "urn:a", "previousProof": "urn:a"},
        GOOD | {"id": {}, "previousProof": [1]},
        [GOOD] * 5,
    ],
)
def test_a_proof_that_cannot_hold_is_stated_with_its_fault(proof):
    stated = proofs(proof)
    assert all(one.fault for one in stated)
    assert stated


def test_a_proof_of_another_mechanism_is_named():
    (proof,) = proofs(GOOD | {"cryptosuite": "ecdsa-xi-2023"})
    assert (proof.mechanism, proof.unsupported) == ("ecdsa-xi-2023", True)
    (proof,) = proofs(
        {"type": "BbsBlsSignature2020", "proofPurpose": "assertionMethod"}
    )
    assert (proof.mechanism, proof.unsupported) == ("BbsBlsSignature2020", True)
    assert proof.verify(UNI.keys["#cred-1"].verification_key) is False


def test_proof_chains_are_read_and_loops_are_faults():
    first = GOOD | {"id": "urn:first"}
    second = GOOD | {"id": "urn:second", "previousProof": "urn:first"}
    assert [one.unsupported for one in proofs([first, second])] == [False, False]
    loop = [first | {"previousProof": ["urn:second"]}, second]
    assert all("loop" in one.fault for one in proofs(loop))


@pytest.mark.parametrize(
    ("header", "unsupported"),
    [
        ({"typ": "vc+jwt", "alg": "none"}, False),
        ({"typ": "vc+jwt", "alg": "HS256"}, False),
        ({"typ": "anything", "alg": "HS512"}, False),
        ({"typ": "vc+jwt", "alg": "EdDSA", "kid": UNI.url(), "jwk": {}}, False),
        ({"typ": "vc+jwt", "alg": "RS256", "kid": UNI.url()}, True),
        ({"typ": "vc+cose", "alg": "EdDSA", "kid": UNI.url()}, True),
        ({"alg": "RS256"}, True),
    ],
)
def test_a_jwt_is_faulty_or_of_a_mechanism_that_is_named(header, unsupported):
    document = model.read(compact(header, UNI.vc()))
    (proof,) = document.proofs
    assert proof.unsupported == unsupported
    assert bool(proof.fault) != unsupported
    assert document.issuer == UNI.did


@pytest.mark.parametrize(
    ("kid", "url"), [({}, None), ({"kid": "x"}, None), ({"kid": "#k"}, f"{UNI.did}#k")]
)
def test_a_jwt_names_its_key_in_full_or_as_a_fragment(kid, url):
    document = model.read(compact({"typ": "vc+jwt", "alg": "EdDSA"} | kid, UNI.vc()))
    (proof,) = document.proofs
    assert (proof.verification_method, proof.fault) == (url, None)


def test_an_sd_jwt_with_a_foreign_disclosure_is_read_as_faulty():
    text = UNI.sd_jwt()
    document = model.read((text + as_base64url(b'["s", "n", "v"]') + "~").encode())
    assert document.record == {}
    assert "disclosure" in document.proofs[0].fault
    assert document.kind == "diploma-supplement"


def test_an_sd_jwt_of_another_type_is_named():
    key = UNI.keys["#cred-1"]
    claims = {"iss": str(UNI.did), "vct": "x"}
    token = jose.secure(claims, key=key, kid=UNI.url(), typ="example+sd-jwt")
    (proof,) = model.read(f"{token}~".encode()).proofs
    assert proof.unsupported
    assert "example+sd-jwt" in proof.mechanism


# --- issuer, subject, types


def read(**changes):
    return model.read(as_json(UNI.vc(**changes)))


@pytest.mark.parametrize(
    ("issuer", "did", "name"),
    [
        (str(UNI.did), UNI.did, ""),
        ({"id": str(UNI.did), "name": "A"}, UNI.did, "A"),
        ({"id": "https://uni-a.example", "name": {"en": "A"}}, None, ""),
        ("did:web:localhost", None, ""),
        (7, None, ""),
        ({}, None, ""),
    ],
)
def test_an_issuer_is_a_did_or_only_an_id(issuer, did, name):
    document = read(issuer=issuer)
    assert document.issuer == did
    assert document.issuer_name == name


def test_a_subject_is_a_did_if_it_has_one():
    assert read().subject is None
    assert read(credentialSubject={"id": str(UNI.did)}).subject == UNI.did
    assert read(credentialSubject=[{"id": str(UNI.did)}]).subject is None
    bound = UNI.sd_jwt(sub=str(UNI.did)).encode()
    assert model.read(bound).subject == UNI.did


def test_types_that_are_not_texts_are_passed_over():
    assert read(type=["VerifiableCredential", 1]).types == ("VerifiableCredential",)
    assert read(type=["VerifiableCredential"]).kind is None
    assert read(type="VerifiableCredential").record == RECORD


# --- dates


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-04-01T09:00:00Z", SIGNED),
        ("2026-04-01T18:00:00.123456789+09:00", SIGNED.replace(microsecond=123456)),
        ("2026-04-01T09:00:00", None),
        ("2026-04-01", None),
        ("2026-13-01T09:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        (1, None),
        (None, None),
    ],
)
def test_a_moment_has_a_zone_or_is_none(text, moment):
    assert as_moment(text) == moment


def test_the_narrowest_dates_count():
    later = SIGNED + DAY
    document = model.read(
        UNI.jwt(
            UNI.vc(validFrom="2026-04-01T09:00:00Z", validUntil="2030-01-01T00:00:00Z")
            | {"nbf": later.timestamp(), "exp": (later + DAY).timestamp()}
        )
    )
    assert document.valid_from == later
    assert document.valid_until == later + DAY


def test_dates_that_cannot_be_read_are_kept_as_such():
    document = model.read(UNI.sd_jwt(exp="soon", nbf=True).encode())
    assert [one.at for one in (*document.starts, *document.ends)] == [None, None]
    assert model.read(UNI.sd_jwt(exp=10**15).encode()).ends[0].at is None


def test_dates_of_the_former_data_model_are_read():
    document = read(
        validFrom=None,
        issuanceDate="2026-04-01T09:00:00Z",
        expirationDate="2027-04-01T09:00:00Z",
    )
    assert document.valid_from == SIGNED
    assert document.valid_until == datetime(2027, 4, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("record", "award"),
    [
        (
            {"qualification": {"awarded_on": "2026-03-25"}},
            (AWARDED, "qualification.awarded_on"),
        ),
        (
            {"achievement": {"awarded_on": "2026-03-25"}},
            (AWARDED, "achievement.awarded_on"),
        ),
        ({"certification": {"date": "2026-03-25"}}, (AWARDED, "certification.date")),
        (
            {"certificate": {"issued_on": "2026-03-25"}},
            (AWARDED, "certificate.issued_on"),
        ),
        (
            {
                "qualification": {"awarded_on": "2026-03-25"},
                "certification": {"date": "2026-04-01"},
            },
            (AWARDED, "qualification.awarded_on"),
        ),
        (
            {"qualification": {"awarded_on": "March"}},
            (None, "qualification.awarded_on"),
        ),
        (
            {"qualification": {"awarded_on": "2026-02-30"}},
            (None, "qualification.awarded_on"),
        ),
        ({"qualification": {"awarded_on": 2026}}, (None, "qualification.awarded_on")),
        ({"qualification": "x"}, (SIGNED.date(), "the date of issue")),
        ({"holder": {"given_name": "A"}}, (SIGNED.date(), "the date of issue")),
    ],
)
def test_the_day_that_counts_is_that_of_the_award(record, award):
    for document in (
        model.read(UNI.sd_jwt(record, kind="diploma-supplement").encode()),
        read(credentialSubject=record),
    ):
        assert tuple(document.award) == award


def test_an_open_badge_states_its_own_day():
    stated = {"type": ["VerifiableCredential", "Other"], "credentialSubject": {"a": 1}}
    document = read(**stated, awardedDate="2026-03-25T00:00:00Z")
    assert document.award == (date(2026, 3, 25), "awardedDate")
    assert read(**stated, awardedDate="2026-03-25T99").award_date is None


def test_a_document_without_any_date_has_no_day():
    assert read(validFrom=None, credentialSubject={"a": 1}).award is None


# --- status


@pytest.mark.parametrize(
    "changes",
    [
        {"statusListIndex": 7},
        {"statusListIndex": "-1"},
        {"statusListIndex": "7 "},
        {"statusListIndex": "٧"},
        {"statusListIndex": None},
        {"statusListCredential": None},
        {"statusPurpose": None},
        {"statusSize": 2},
        {"statusSize": True},
        {"statusSize": "1"},
    ],
)
def test_a_status_entry_of_another_form_is_none(changes):
    stated = UNI.entry() | changes
    assert isinstance(status_entries.read(stated), str)
    assert read(credentialStatus=[stated, UNI.entry(8)]).status == (
        StatusEntry(UNI.list_url, 8, "revocation"),
    )


def test_a_status_entry_may_say_what_a_bit_means():
    messages = [
        {"status": "0x0", "message": "ok"},
        {"status": "0x1", "message": "gone"},
    ]
    entry = status_entries.read(UNI.entry() | {"statusMessage": messages})
    assert entry.messages == {0: "ok", 1: "gone"}
    assert status_entries.read(UNI.entry() | {"statusSize": 1}).messages == {}
    assert status_entries.read(UNI.entry() | {"statusMessage": "x"}).messages == {}
    assert isinstance(status_entries.read("x"), str)


def test_a_status_claim_counts_in_an_sd_jwt_only():
    assert read(credentialStatus=None, status=UNI.entry()).stated_status == ()
    assert model.read(UNI.sd_jwt(status=None).encode()).stated_status == ()
    both = UNI.sd_jwt(credentialStatus=UNI.entry(9)).encode()
    assert [one.index for one in model.read(both).status] == [9, 7]


def test_a_presentation_is_read_like_the_whole():
    whole = sd_jwt.parse(UNI.sd_jwt())
    shown = whole.present([("qualification", "awarded_on")])
    document = model.read(shown.encode())
    assert document.record == {"qualification": {"awarded_on": "2026-03-25"}}
    assert document.award_date == AWARDED
