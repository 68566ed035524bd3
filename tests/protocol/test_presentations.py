import json
from datetime import timedelta
from pathlib import Path

import pytest

from protocol.credentials import envelopes, model, presentations, verification
from protocol.credentials.findings import Evidence
from protocol.credentials.presentations import is_presentation, read
from protocol.errors import ProtocolError, SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.securing import cose, data_integrity, jose, key_binding, sd_jwt_vcdm
from protocol.securing.key_binding import Binding
from tests.protocol.parties import AT, as_json

VECTORS = Path(__file__).parents[1] / "vectors"
KEY = LocalSigningKey.generate("ES384")
DID = f"did:key:{KEY.verification_key.multikey()}"
URL = DidUrl(f"{DID}#{KEY.verification_key.multikey()}")
STRANGER = LocalSigningKey.generate("ES384")
V2 = "https://www.w3.org/ns/credentials/v2"
CREDENTIAL = {
    "@context": [V2],
    "type": ["VerifiableCredential"],
    "issuer": DID,
    "credentialSubject": {"id": "did:example:learner"},
}
ENVELOPED = envelopes.envelope(
    jose.secure(CREDENTIAL, key=KEY, kid=URL),
    "application/vc+jwt",
    "EnvelopedVerifiableCredential",
)
PRESENTATION = {
    "@context": [V2],
    "type": ["VerifiablePresentation"],
    "holder": DID,
    "verifiableCredential": [ENVELOPED],
}
ASKED = {"nonce": "challenge-1", "aud": ["https://reader.example", "other"]}


def as_jose(claims, key=KEY):
    return jose.secure(claims, key=key, kid=URL, typ="vp+jwt", cty="vp").encode()


def as_sd_jwt(claims, key=KEY):
    paths = [("verifiableCredential", 0)]
    salts = iter("abc").__next__
    typ = sd_jwt_vcdm.VP_TYPE
    return sd_jwt_vcdm.issue(
        claims, paths, key=key, kid=URL, salts=salts, typ=typ
    ).encode()


def as_cose(claims, key=KEY):
    return cose.secure(claims, key=key, kid=URL, typ=cose.VP_TYPE)


def as_former(claims, key=KEY):
    outer = {name: claims[name] for name in (*ASKED, "exp") if name in claims}
    inner = {name: value for name, value in claims.items() if name not in outer}
    return jose.secure(outer | {"vp": inner}, key=key, kid=URL, typ="JWT").encode()


def as_object(claims, key=KEY):
    more = {}
    if "nonce" in claims:
        more = {"challenge": claims["nonce"], "domain": claims["aud"]}
    return as_json(
        data_integrity.secure(
            {name: value for name, value in claims.items() if name not in ASKED},
            key=key,
            verification_method=URL,
            at=AT,
            purpose="authentication",
            more=more,
        )
    )


FORMS = {
    "application/vp+jwt": as_jose,
    "application/vp+sd-jwt": as_sd_jwt,
    "application/vp+cose": as_cose,
    "application/jwt": as_former,
    "application/vp": as_object,
}
EACH = pytest.mark.parametrize("form", FORMS)


def verify(octets, media_type=None, **asked):
    presentation = read(octets, media_type)
    return presentations.verify(presentation, evidence=Evidence(), at=AT, **asked)


def results(shown):
    return {name: str(one.result) for name, one in shown.findings.items()}


@EACH
@pytest.mark.parametrize("said", [True, False])
def test_a_presentation_of_each_form_is_the_holders(form, said):
    octets = FORMS[form](PRESENTATION)
    shown = verify(octets, form if said else None)

    assert is_presentation(octets, form if said else None)
    assert shown.presentation.media_type == form
    assert shown.presentation.holder_id == DID
    assert shown.overall == "valid"
    assert set(results(shown).values()) == {"valid"}
    (one,) = shown.presentation.contained
    assert one.media_type == "application/vc+jwt"
    assert model.read(one.octets, one.media_type).claims == CREDENTIAL


@EACH
def test_what_another_key_signed_is_not_the_holders(form):
    shown = verify(FORMS[form](PRESENTATION, STRANGER))
    assert results(shown)["integrity"] == "invalid"
    assert shown.overall == "invalid"


@EACH
def test_no_octet_of_a_presentation_can_be_changed(form):
    octets = FORMS[form](PRESENTATION)
    for place in range(0, len(octets), 11):
        other = b"A" if octets[place : place + 1] != b"A" else b"B"
        changed = octets[:place] + other + octets[place + 1 :]
        try:
            shown = verify(changed, form)
        except ProtocolError:
            continue
        assert shown.overall != "valid", place


@EACH
@pytest.mark.parametrize(
    ("asked", "good"),
    [
        ({}, True),
        ({"challenge": "challenge-1"}, True),
        ({"domain": "https://reader.example"}, True),
        ({"challenge": "challenge-1", "domain": "other"}, True),
        ({"challenge": "challenge-2"}, False),
        ({"challenge": "challenge-1", "domain": "https://evil.example"}, False),
    ],
)
def test_a_holder_signs_for_whoever_asked(form, asked, good):
    shown = verify(FORMS[form](PRESENTATION | ASKED), **asked)
    assert results(shown)["holder_binding"] == ("valid" if good else "invalid")
    assert shown.overall == ("valid" if good else "invalid")


@EACH
def test_a_challenge_must_be_in_what_was_signed(form):
    shown = verify(FORMS[form](PRESENTATION), challenge="challenge-1")
    assert results(shown)["holder_binding"] == "invalid"


@pytest.mark.parametrize("form", ["application/vp+jwt", "application/jwt"])
@pytest.mark.parametrize(
    ("after", "result"), [(timedelta(hours=1), "valid"), (timedelta(0), "invalid")]
)
def test_a_presentation_ends_with_its_signature(form, after, result):
    exp = int((AT + after).timestamp())
    shown = verify(FORMS[form](PRESENTATION | {"exp": exp}))
    assert results(shown)["validity_period"] == result


def test_a_holder_is_whoever_signed_if_none_is_named():
    claims = {n: v for n, v in PRESENTATION.items() if n != "holder"}
    shown = verify(as_object(claims))
    assert shown.overall == "valid"
    assert DID in shown.findings["holder_binding"].reason


@pytest.mark.parametrize(
    ("holder", "result"),
    [
        (f"did:key:{STRANGER.verification_key.multikey()}", "invalid"),
        ("https://holder.example", "unknown"),
        ("did:web:holder.example", "invalid"),
    ],
)
def test_another_holder_than_the_signer_is_never_good(holder, result):
    shown = verify(as_jose(PRESENTATION | {"holder": holder}))
    assert results(shown)["holder_binding"] == result
    assert shown.overall != "valid"


def test_a_presentation_nobody_signed_proves_nothing():
    shown = verify(as_json(PRESENTATION | {"holder": "did:web:holder.example"}))
    assert results(shown)["integrity"] == "invalid"
    assert results(shown)["holder_binding"] == "unknown"
    assert [want.id for want in shown.wants] == ["did:web:holder.example"]
    shown = verify(as_json({n: v for n, v in PRESENTATION.items() if n != "holder"}))
    assert results(shown)["holder_binding"] == "unknown"


def test_a_proof_for_credentials_presents_nothing():
    secured = data_integrity.secure(
        PRESENTATION, key=KEY, verification_method=URL, at=AT
    )
    shown = verify(as_json(secured))
    assert results(shown)["integrity"] == "invalid"
    assert "authentication" in shown.findings["integrity"].reason


def test_the_media_type_decides_whether_there_may_be_a_claim_vp():
    former = as_former(PRESENTATION)
    assert verify(former, "application/jwt").overall == "valid"
    with pytest.raises(SecuringError):
        read(former, "application/vp+jwt")
    both = as_jose(PRESENTATION | {"vp": PRESENTATION})
    assert verify(both).overall == "invalid"


def test_an_enveloped_presentation_is_what_is_in_it():
    outer = envelopes.envelope(
        as_jose(PRESENTATION).decode(),
        "application/vp+jwt",
        "EnvelopedVerifiablePresentation",
    )
    assert verify(as_json(outer)).overall == "valid"
    inner = json.dumps(PRESENTATION).replace(" ", "%20")
    for wrong in ({"id": f"data:application/vp,{inner}"}, {"id": "x"}):
        with pytest.raises(SecuringError):
            read(as_json(outer | wrong))


def test_a_published_presentation_of_the_former_kind_holds_for_its_challenge():
    octets = (VECTORS / "vc-data-model-2.0/vp_jwt.txt").read_bytes()
    shown = verify(octets, challenge="123456789", domain="example.com")

    assert shown.overall == "valid"
    (one,) = shown.presentation.contained
    assert model.read(one.octets, one.media_type).types == ("VerifiableCredential",)
    assert verify(octets, challenge="987654321").overall == "invalid"


@pytest.mark.parametrize(
    "octets",
    [
        b"{}",
        b"[]",
        as_json(CREDENTIAL),
        jose.secure(CREDENTIAL, key=KEY, kid=URL).encode(),
        as_jose(CREDENTIAL),
        cose.secure(CREDENTIAL, key=KEY, kid=URL),
        b"\xff",
        as_json({"type": ["VerifiablePresentation"]}),
        jose.secure(PRESENTATION, key=KEY, kid=URL).encode(),
    ],
    ids=range(9),
)
def test_what_is_no_presentation_is_refused(octets):
    assert not is_presentation(octets)
    with pytest.raises(ProtocolError):
        read(octets)


@pytest.mark.parametrize("octets", [b"0oR!", b"hEA"])
def test_what_looks_like_cose_and_is_none_is_refused(octets):
    with pytest.raises(SecuringError):
        model.read(octets)


def test_a_media_type_of_credentials_is_believed():
    assert not is_presentation(as_object(PRESENTATION), "application/vc")
    assert is_presentation(b"", "application/vp+jwt; charset=utf-8")


def test_what_stands_for_a_credential_is_named_if_it_is_none():
    claims = PRESENTATION | {
        "verifiableCredential": [17, CREDENTIAL, "e.e.e", ENVELOPED | {"id": "x"}]
    }
    found = read(as_object(claims)).contained
    assert [bool(one.fault) for one in found] == [True, False, False, True]
    assert model.read(found[1].octets, found[1].media_type).claims == CREDENTIAL
    assert (found[2].octets, found[2].media_type) == (b"e.e.e", "application/jwt")


def test_the_holder_of_a_credential_as_sd_jwt_signs_what_is_shown():
    holder = LocalSigningKey.generate("ES256")
    claims = CREDENTIAL | {"cnf": {"jwk": holder.verification_key.jwk()}}
    salts = iter("abc").__next__
    shown = sd_jwt_vcdm.issue(
        claims, [("credentialSubject", "id")], key=KEY, kid=URL, salts=salts
    )
    asked = Binding("https://reader.example", "nonce-1")

    def binding(text, to=asked):
        document = model.read(text.encode(), "application/vc+sd-jwt")
        found = verification.verify(document, evidence=Evidence(), at=AT, binding=to)
        return str(found.findings["holder_binding"].result)

    assert binding(key_binding.bind(shown, key=holder, to=asked, at=AT)) == "valid"
    assert binding(key_binding.bind(shown, key=KEY, to=asked, at=AT)) == "invalid"
    assert binding(shown) == "invalid"
    assert binding(shown, None) == "unknown"


def test_each_form_of_a_credential_is_read_as_what_it_is():
    salts = iter("abc").__next__
    sd_jwt = sd_jwt_vcdm.issue(
        CREDENTIAL, [("credentialSubject", "id")], key=KEY, kid=URL, salts=salts
    )
    sign1 = cose.secure(CREDENTIAL, key=KEY, kid=URL)
    forms = {
        "application/vc+jwt": ENVELOPED["id"].partition(",")[2].encode(),
        "application/vc+sd-jwt": sd_jwt.encode(),
        "application/vc+cose": sign1,
    }
    for media_type, octets in forms.items():
        for said in (None, media_type):
            document = model.read(octets, said)
            assert document.media_type == media_type
            assert document.issuer == DID
            assert document.claims == CREDENTIAL
            (proof,) = document.proofs
            assert proof.verification_method == URL
            assert proof.verify(KEY.verification_key)
            assert not proof.verify(STRANGER.verification_key)
    assert model.read(cose.as_base64(sign1).encode()).claims == CREDENTIAL
    assert model.read(as_json(ENVELOPED)).claims == CREDENTIAL
