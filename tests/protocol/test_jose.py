import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws as oracle
from joserfc.jwk import ECKey, OKPKey

from protocol.errors import SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import ALGORITHMS, LocalSigningKey, VerificationKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.securing.jose import read, secure, verify

KID = DidUrl("did:web:uni-a.example#cred-1")
KEYS = {algorithm: LocalSigningKey.generate(algorithm) for algorithm in ALGORITHMS}
CLAIMS = {"issuer": "did:web:uni-a.example", "name": "東京", "n": 1.5}


def part(value):
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return as_base64url(octets)


def signed(header, claims=CLAIMS, key=KEYS["EdDSA"]):
    signing_input = f"{part(header)}.{part(claims)}"
    return f"{signing_input}.{part(key.sign(signing_input.encode()))}"


GOOD = {"alg": "EdDSA", "kid": KID, "typ": "vc+jwt"}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_secured_is_read_and_verifies(algorithm):
    key = KEYS[algorithm]

    jws = read(secure(CLAIMS, key=key, kid=KID, cty="vc"), "vc+jwt")

    assert jws.claims == CLAIMS
    assert jws.kid == KID
    assert jws.header == {"alg": algorithm, "kid": KID, "typ": "vc+jwt", "cty": "vc"}
    assert verify(jws, key.verification_key)


# The library warns that `EdDSA` has a newer name, which peers do not send yet.
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_library_reads_what_we_secure(algorithm):
    token = secure(CLAIMS, key=KEYS[algorithm], kid=KID)
    kind = OKPKey if algorithm == "EdDSA" else ECKey
    key = kind.import_key(KEYS[algorithm].verification_key.jwk())
    registry = oracle.JWSRegistry(algorithms=[algorithm])

    found = oracle.deserialize_compact(token, key, registry=registry)

    assert json.loads(found.payload) == CLAIMS


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
def test_we_read_what_another_library_secures(algorithm):
    ours = KEYS["ES256" if algorithm == "ES256" else "EdDSA"]
    kind = ECKey if algorithm == "ES256" else OKPKey
    token = oracle.serialize_compact(
        {"alg": algorithm, "kid": str(KID), "typ": "vc+jwt"},
        json.dumps(CLAIMS).encode(),
        kind.import_key(ours.private_jwk()),
        registry=oracle.JWSRegistry(algorithms=[algorithm]),
    )

    assert verify(read(token, "vc+jwt"), ours.verification_key)


def test_the_example_of_rfc_8037_verifies():
    # RFC 8037, appendix A.4: the header has no kid, so only the signature is checked.
    key = VerificationKey.from_jwk(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    )
    signature = from_base64url(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvp"
        "Ar_MuM0KAg"
    )

    assert key.verify(
        signature, b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    )


def test_the_key_decides_the_algorithm():
    jws = read(signed(GOOD | {"alg": "ES256"}), "vc+jwt")

    assert not verify(jws, KEYS["EdDSA"].verification_key)
    assert not verify(jws, KEYS["ES256"].verification_key)


def test_one_of_several_types_is_enough():
    token = secure(CLAIMS, key=KEYS["EdDSA"], kid=KID, typ="dc+sd-jwt")

    assert read(token, {"dc+sd-jwt", "vc+sd-jwt"}).claims == CLAIMS
    with pytest.raises(SecuringError):
        read(token, "vc+jwt")


@given(st.data())
def test_no_character_of_a_token_can_be_changed(data):
    token = secure(CLAIMS, key=KEYS["EdDSA"], kid=KID)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[place]))

    changed = token[:place] + other + token[place + 1 :]

    try:
        jws = read(changed, "vc+jwt")
    except SecuringError:
        return
    assert not verify(jws, KEYS["EdDSA"].verification_key)


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "EdDSA", "typ": "vc+jwt"},
        GOOD | {"alg": "none"},
        GOOD | {"alg": "HS256"},
        GOOD | {"alg": None},
        GOOD | {"typ": "JWT"},
        GOOD | {"kid": "did:web:uni-a.example"},
        GOOD | {"kid": 1},
        GOOD | {"jwk": "x"},
        GOOD | {"jku": "https://evil.example"},
        GOOD | {"crit": ["b64"], "b64": False},
        GOOD | {"x5c": []},
        GOOD | {"iss": "did:web:uni-a.example"},
        [],
        "text",
        b"{",
        b'{"alg":"EdDSA","alg":"EdDSA"}',
    ],
)
def test_a_header_outside_the_list_is_refused(header):
    with pytest.raises(SecuringError):
        read(signed(header), "vc+jwt")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b",
        "a.b.c.d",
        "..",
        signed(GOOD) + "=",
        signed(GOOD) + "\n",
        signed(GOOD, [1]),
        signed(GOOD, b'{"a":1,"a":2}'),
        signed(GOOD, b'{"a":NaN}'),
        signed(GOOD, b"\xff"),
        signed(GOOD, b"[" * 40 + b"]" * 40),
    ],
)
def test_what_is_no_compact_jws_is_refused(token):
    with pytest.raises(SecuringError):
        read(token, "vc+jwt")


def test_claims_that_are_not_json_are_our_mistake():
    with pytest.raises(ValueError, match="not JSON compliant"):
        secure({"n": float("nan")}, key=KEYS["EdDSA"], kid=KID)


@pytest.mark.parametrize("more", ["", ".", ".AAAA"])
def test_a_token_has_three_parts_and_no_more(more):
    token = secure(CLAIMS, key=KEYS["EdDSA"], kid=KID)
    wrong = token + more if more else token.rpartition(".")[0]

    with pytest.raises(SecuringError, match="three parts"):
        read(wrong, "vc+jwt")


@pytest.mark.parametrize("typ", ["vc+jwt", "vp+jwt", "vc+sd-jwt", "vp+sd-jwt"])
def test_what_is_in_a_token_fits_its_type(typ):
    def token(**more):
        return signed({"alg": "EdDSA", "kid": KID, "typ": typ} | more)

    kind = typ[:2]
    other = "vp" if kind == "vc" else "vc"
    assert read(token(cty=kind), typ).claims == CLAIMS
    assert read(token(cty=f"application/{kind}"), typ).claims == CLAIMS
    assert read(token(typ=f"application/{typ}"), typ).claims == CLAIMS
    for wrong in (other, f"application/{other}", "", "json"):
        with pytest.raises(SecuringError, match="cty"):
            read(token(cty=wrong), typ)
