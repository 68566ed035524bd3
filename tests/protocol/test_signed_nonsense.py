"""Whatever an issuer or holder signs is judged or refused, and never a crash."""

import json

import pytest

from protocol.credentials import model, presentations
from protocol.credentials.findings import Evidence
from protocol.errors import ProtocolError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.rules.validation import assess
from protocol.securing import cose, data_integrity, jose, sd_jwt_vcdm
from tests.protocol.parties import AT, as_json

pytestmark = pytest.mark.slow

KEY = LocalSigningKey.generate("ES256")
NAME = KEY.verification_key.multikey()
DID = f"did:key:{NAME}"
URL = DidUrl(f"{DID}#{NAME}")
V1, V2 = (
    "https://www.w3.org/2018/credentials/v1",
    "https://www.w3.org/ns/credentials/v2",
)
FULL = {
    "@context": [V2, {"Term": "https://a.example/#T"}],
    "id": "urn:uuid:3978344f-8596-4c3a-a978-8fcaba3903c5",
    "type": ["VerifiableCredential", "Term"],
    "issuer": {"id": DID, "name": [{"@value": "A", "@language": "en"}]},
    "name": {"@value": "犬", "@language": "ja", "@direction": "ltr"},
    "description": "text",
    "validFrom": "2024-01-01T00:00:00Z",
    "validUntil": "2099-01-01T00:00:00Z",
    "credentialSubject": [{"id": "did:example:a", "b": {"c": [1]}}, {"n": "x"}],
    "credentialStatus": {
        "type": "BitstringStatusListEntry",
        "statusPurpose": "revocation",
        "statusListIndex": "7",
        "statusListCredential": "https://a.example/list",
    },
    "credentialSchema": [{"id": "https://a.example/s", "type": "JsonSchema"}],
    "evidence": [{"type": ["E"]}],
    "termsOfUse": {"type": "T", "id": "urn:t"},
    "refreshService": {"type": "R"},
    "relatedResource": [
        {"id": V2, "digestSRI": "sha256-AAAA", "digestMultibase": "uAAAA"}
    ],
    "iat": 1704067200,
    "exp": 4000000000,
    "sub": "did:example:a",
    "cnf": {"jwk": KEY.verification_key.jwk()},
}
FORMER = {
    "@context": [V1],
    "type": ["VerifiableCredential"],
    "issuer": DID,
    "issuanceDate": "2024-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:a"},
}
SHOWN = {
    "@context": [V2],
    "id": "urn:p",
    "type": ["VerifiablePresentation"],
    "holder": {"id": DID},
    "termsOfUse": [{"type": "T"}],
    "verifiableCredential": [
        {
            "@context": V2,
            "type": "EnvelopedVerifiableCredential",
            "id": f"data:application/vc+jwt,{jose.secure(FULL, key=KEY, kid=URL)}",
        },
        FORMER,
    ],
    "exp": 4000000000,
    "nonce": "n",
    "aud": ["a"],
}
NONSENSE = (
    None,
    17,
    "",
    "x",
    " ",
    [],
    {},
    [None],
    [[]],
    {"id": 1},
    [{"type": {}}],
    True,
)


def variants(value):
    """Yield a JSON value with each part of it replaced, renamed, left out, doubled."""
    yield from NONSENSE
    if isinstance(value, dict):
        for name, inner in value.items():
            rest = {n: v for n, v in value.items() if n != name}
            yield rest
            yield rest | {name + "x": inner}
            yield value | {name: [inner, inner]}
            for changed in variants(inner):
                yield value | {name: changed}
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield value[:place] + value[place + 1 :]
            for changed in variants(inner):
                yield [*value[:place], changed, *value[place + 1 :]]


def of_whole(value):
    return [one for one in variants(value) if isinstance(one, dict)]


def as_object(claims):
    unsecured = {name: value for name, value in claims.items() if name != "proof"}
    purpose = (
        "authentication" if "verifiableCredential" in claims else "assertionMethod"
    )
    return as_json(
        data_integrity.secure(
            unsecured, key=KEY, verification_method=URL, at=AT, purpose=purpose
        )
    )


def as_sd_jwt(typ):
    def secure(claims):
        return sd_jwt_vcdm.issue(
            claims, [], key=KEY, kid=URL, salts=str, typ=typ
        ).encode()

    return secure


def as_jwt(typ):
    return lambda claims: jose.secure(claims, key=KEY, kid=URL, typ=typ).encode()


CREDENTIALS = {
    "application/vc": as_object,
    "application/vc+jwt": as_jwt("vc+jwt"),
    "application/vc+sd-jwt": as_sd_jwt("vc+sd-jwt"),
    "application/vc+cose": lambda claims: cose.secure(claims, key=KEY, kid=URL),
    "application/jwt": lambda claims: as_jwt("JWT")({"vc": claims, "iss": DID}),
}
PRESENTATIONS = {
    "application/vp": as_object,
    "application/vp+jwt": as_jwt("vp+jwt"),
    "application/vp+sd-jwt": as_sd_jwt("vp+sd-jwt"),
    "application/vp+cose": lambda claims: cose.secure(
        claims, key=KEY, kid=URL, typ=cose.VP_TYPE
    ),
    "application/jwt": lambda claims: as_jwt("JWT")({"vp": claims, "iss": DID}),
}


@pytest.mark.parametrize("form", CREDENTIALS)
def test_every_credential_that_can_be_signed_is_judged_or_refused(form):
    judged = 0
    both = [(one, True) for one in of_whole(FULL)]
    both += [(one, False) for one in of_whole(FORMER)]
    for claims, full in both:
        octets = CREDENTIALS[form](claims)
        try:
            found = assess(
                octets, media_type=form, evidence=Evidence(), anchors=(), at=AT
            )
        except ProtocolError:
            continue
        judged += 1
        # Its own context, its status list: one of two things stays unknown.
        assert not full or found.overall("authenticity") != "valid"
        json.dumps([one.evidence for one in found.findings.values()])
    assert judged > 100


@pytest.mark.parametrize("form", PRESENTATIONS)
def test_every_presentation_that_can_be_signed_is_judged_or_refused(form):
    judged = 0
    for claims in of_whole(SHOWN):
        octets = PRESENTATIONS[form](claims)
        presentations.is_presentation(octets)
        try:
            presentation = presentations.read(octets, form)
        except ProtocolError:
            continue
        judged += 1
        shown = presentations.verify(presentation, evidence=Evidence(), at=AT)
        json.dumps([one.evidence for one in shown.findings.values()])
        for one in presentation.contained:
            if not one.fault:
                try:
                    model.read(one.octets, one.media_type)
                except ProtocolError:
                    continue
    assert judged > 50


@pytest.mark.parametrize("form", CREDENTIALS)
def test_every_fault_of_form_is_found_in_every_form(form):
    """A credential that lost or renamed a member it must have is never valid."""
    for name in ("@context", "type", "issuer", "credentialSubject"):
        claims = {n: v for n, v in FULL.items() if n != name}
        octets = CREDENTIALS[form](claims)
        try:
            found = assess(
                octets, media_type=form, evidence=Evidence(), anchors=(), at=AT
            )
        except ProtocolError:
            continue
        assert found.overall("authenticity") != "valid", name
