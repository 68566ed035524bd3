"""`lrx verify` and the page `/verify`, for each form of a credential."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from node.cli import parser
from protocol.credentials import envelopes
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.securing import cose, data_integrity, jose, legacy, sd_jwt_vcdm
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.test_verify_page import check

pytestmark = pytest.mark.slow

KEY = LocalSigningKey.generate("ES256")
DID = f"did:key:{KEY.verification_key.multikey()}"
URL = DidUrl(f"{DID}#{KEY.verification_key.multikey()}")
V2 = "https://www.w3.org/ns/credentials/v2"
CREDENTIAL = {
    "@context": [V2],
    "type": ["VerifiableCredential"],
    "issuer": DID,
    "validFrom": "2024-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:learner", "name": "花子"},
}
FORMER = {
    "@context": ["https://www.w3.org/2018/credentials/v1"],
    "type": ["VerifiableCredential"],
    "issuer": DID,
    "issuanceDate": "2024-01-01T00:00:00Z",
    "credentialSubject": {"id": "did:example:learner"},
}


def as_sd_jwt(claims, typ="vc+sd-jwt"):
    name = "credentialSubject" if typ.startswith("vc") else "verifiableCredential"
    last = "name" if typ.startswith("vc") else 0
    salts = iter("abc").__next__
    return sd_jwt_vcdm.issue(
        claims, [(name, last)], key=KEY, kid=URL, salts=salts, typ=typ
    ).encode()


def secured(claims, purpose="assertionMethod"):
    at = datetime(2024, 1, 1, tzinfo=UTC)
    made = data_integrity.secure(
        claims, key=KEY, verification_method=URL, at=at, purpose=purpose
    )
    return json.dumps(made).encode()


JWT = jose.secure(CREDENTIAL, key=KEY, kid=URL)
PRESENTATION = {
    "@context": [V2],
    "type": ["VerifiablePresentation"],
    "holder": DID,
    "verifiableCredential": [
        envelopes.envelope(JWT, "application/vc+jwt", "EnvelopedVerifiableCredential")
    ],
}
FORMS = {
    "vc": secured(CREDENTIAL),
    "vc+jwt": JWT.encode(),
    "vc+sd-jwt": as_sd_jwt(CREDENTIAL),
    "vc+cose": cose.secure(CREDENTIAL, key=KEY, kid=URL),
    "vc+cose in base64": cose.as_base64(
        cose.secure(CREDENTIAL, key=KEY, kid=URL)
    ).encode(),
    "jwt_vc_json": legacy.secure(FORMER, key=KEY, kid=URL).encode(),
    "enveloped": json.dumps(PRESENTATION["verifiableCredential"][0]).encode(),
    "vp": secured(PRESENTATION, "authentication"),
    "vp+jwt": jose.secure(PRESENTATION, key=KEY, kid=URL, typ="vp+jwt").encode(),
    "vp+sd-jwt": as_sd_jwt(PRESENTATION, "vp+sd-jwt"),
    "vp+cose": cose.secure(PRESENTATION, key=KEY, kid=URL, typ=cose.VP_TYPE),
}
EACH = pytest.mark.parametrize("form", FORMS)


def altered(octets):
    """Change one octet in the middle, which is inside the signed part."""
    place = len(octets) // 2
    other = b"A" if octets[place : place + 1] != b"A" else b"B"
    return octets[:place] + other + octets[place + 1 :]


@pytest.fixture
def verify(tmp_path, monkeypatch, capsys):
    def command(octets, *more, language="en_GB.UTF-8"):
        monkeypatch.setenv("LC_ALL", language)
        monkeypatch.chdir(tmp_path)
        file = tmp_path / "document"
        file.write_bytes(octets)
        status = parser.run(["verify", str(file), *more])
        return status, capsys.readouterr()

    return command


@EACH
def test_each_form_is_valid_until_it_is_altered(verify, form):
    status, printed = verify(FORMS[form])
    assert status == 0, printed.out
    assert "The signature fits the document." in printed.out
    assert ("The holder it names signed it." in printed.out) == form.startswith("vp")

    assert verify(altered(FORMS[form]))[0] in (1, 3)


@EACH
def test_each_form_is_told_in_japanese_too(verify, form):
    status, printed = verify(FORMS[form], language="ja_JP.UTF-8")
    assert status == 0
    assert "署名" in printed.out
    if form.startswith("vp"):
        assert "提示に含まれる証明書 1" in printed.out


def test_what_npm_presents_is_valid_until_it_is_altered(verify):
    folder = Path(__file__).parents[1] / "vectors" / "vc-data-model-2.0"
    octets = (folder / "presentation-di.json").read_bytes()

    status, printed = verify(octets)
    assert status == 0
    assert printed.out.count("the eddsa-rdfc-2022 proof holds") == 2

    status, printed = verify(octets.replace("花子".encode(), "太郎".encode()))
    assert status == 1
    assert "the eddsa-rdfc-2022 proof holds" not in printed.out
    assert verify(octets.replace(b"challenge-1", b"challenge-2"))[0] == 1


def test_a_machine_reads_the_parts_of_a_presentation(verify):
    status, printed = verify(FORMS["vp+jwt"], "--json")
    told = json.loads(printed.out)
    assert (status, told["overall"]) == (0, "valid")
    assert told["presentation"]["holder_binding"]["result"] == "valid"
    (credential,) = told["credentials"]
    assert credential["overall"] == "valid"
    assert credential["findings"]["integrity"]["result"] == "valid"


@pytest.mark.parametrize("inner", ["bad", "unreadable"])
def test_a_presentation_is_no_better_than_what_is_in_it(verify, inner):
    token = altered(JWT.encode()).decode() if inner == "bad" else "nothing"
    envelope = PRESENTATION["verifiableCredential"][0]
    claims = PRESENTATION | {
        "verifiableCredential": [
            envelope,
            envelope | {"id": f"data:application/vc+jwt,{token}"},
        ]
    }
    octets = jose.secure(claims, key=KEY, kid=URL, typ="vp+jwt").encode()

    status, printed = verify(octets, "--json")

    told = json.loads(printed.out)
    assert (status, told["overall"]) == (1, "invalid")
    assert told["presentation"]["integrity"]["result"] == "valid"
    assert [one["overall"] for one in told["credentials"]] == ["valid", "invalid"]
    status, printed = verify(octets)
    assert status == 1
    assert "Credential 2 in the presentation: " in printed.out


@EACH
async def test_the_page_takes_each_form(client, form):  # noqa: F811
    status, text = await check(client, FORMS[form])

    assert status == 200
    assert "The signature fits the document." in text
    assert ("Credential 1 in the presentation" in text) == form.startswith("vp")


async def test_the_page_shows_what_cannot_be_read_in_a_presentation(
    client,  # noqa: F811
):
    envelope = PRESENTATION["verifiableCredential"][0]
    claims = PRESENTATION | {
        "verifiableCredential": [envelope | {"id": "data:application/vc+jwt,nothing"}]
    }
    octets = jose.secure(claims, key=KEY, kid=URL, typ="vp+jwt").encode()

    status, text = await check(client, octets)

    assert status == 200
    assert "It cannot be read as a credential" in text
