import copy
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import SecuringError
from protocol.identity.keys import LocalSigningKey
from protocol.securing import sd_jwt
from protocol.securing.sd_jwt_vcdm import VC_TYPE, VP_TYPE, issue, parse, path_of

KEY = LocalSigningKey.generate("ES256")
KID = "https://uni-a.example/issuer#1"
CLAIMS = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "type": ["VerifiableCredential"],
    "issuer": "https://uni-a.example/issuer",
    "credentialSubject": {
        "id": "did:example:learner",
        "name": "花子",
        "address": {"city": "Tokyo", "country": "JP"},
        "phones": [{"number": "1"}, {"number": "2"}],
    },
}
PATHS = [
    "credentialSubject.name",
    "credentialSubject.address.city",
    "credentialSubject.address",
    "credentialSubject.phones[0]",
    "credentialSubject.phones[1].number",
    "credentialSubject",
]


def issued(paths, claims=CLAIMS, typ=VC_TYPE):
    counter = itertools.count()
    return issue(
        claims,
        map(path_of, paths),
        key=KEY,
        kid=KID,
        salts=lambda: f"salt-{next(counter)}",
        typ=typ,
    )


def test_a_path_names_members_and_elements():
    assert path_of("a.b[0].c[12]") == ("a", "b", 0, "c", 12)


@pytest.mark.parametrize("text", ["", ".", "a.", "a[x]", "a[-1]", "[", "a]", "a..b"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(SecuringError):
        path_of(text)


@given(st.sets(st.sampled_from(PATHS)))
def test_whatever_is_hidden_comes_back_whole(paths):
    before = copy.deepcopy(CLAIMS)
    parsed = parse(issued(paths))

    assert parsed.claims() == CLAIMS == before
    assert len(parsed.disclosures) == len(paths)
    assert parsed.jws.header["kid"] == KID
    assert parsed.jws.header["cty"] == "vc"
    assert sd_jwt.verify(parsed, KEY.verification_key)


def test_what_is_withheld_stands_nowhere():
    token, *disclosures, _ = issued(["credentialSubject.name"]).split("~")
    assert len(disclosures) == 1

    claims = parse(f"{token}~").claims()

    assert "name" not in claims["credentialSubject"]
    assert claims["credentialSubject"]["address"]["city"] == "Tokyo"


@pytest.mark.parametrize(
    "path",
    [
        "@context",
        "type[0]",
        "issuer",
        "nothing",
        "credentialSubject.phones[2]",
        "credentialSubject.name.x",
        "credentialSubject.phones.x",
        "credentialSubject[0]",
    ],
)
def test_what_a_reader_needs_or_is_not_there_cannot_be_hidden(path):
    with pytest.raises(SecuringError):
        issued([path])


def test_reserved_names_and_endless_disclosures_are_refused():
    with pytest.raises(SecuringError):
        issued([], CLAIMS | {"x": {"_sd": []}})
    many = CLAIMS | {"evidence": [{"n": n} for n in range(600)]}
    with pytest.raises(SecuringError):
        issued([f"evidence[{n}]" for n in range(600)], many)


def test_the_type_must_be_the_one_that_is_expected():
    text = issued([], typ=VP_TYPE)
    assert parse(text, VP_TYPE).claims() == CLAIMS
    with pytest.raises(SecuringError):
        parse(text)
