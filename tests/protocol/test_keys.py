import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedValueError
from protocol.identity.keys import (
    ALGORITHMS,
    DecryptionKey,
    EncryptionKey,
    LocalSigningKey,
    VerificationKey,
)
from protocol.identity.multibase import (
    as_base58btc,
    as_base64url,
    from_base58btc,
    from_base64url,
    from_multibase,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "did-key"
KEYS = {algorithm: LocalSigningKey.generate(algorithm) for algorithm in ALGORITHMS}
ED25519, P256, P384, P521 = (
    KEYS[algorithm].verification_key.jwk() for algorithm in ALGORITHMS
)
LENGTHS = {"EdDSA": 64, "ES256": 64, "ES384": 96, "ES512": 132}
X25519 = DecryptionKey.generate().encryption_key.jwk()
SUITE_KEYS = {
    "p256": json.loads((VECTORS.parent / "vc-di-ecdsa/p256KeyPair.json").read_text()),
    "p384": json.loads((VECTORS.parent / "vc-di-ecdsa/p384KeyPair.json").read_text()),
    "ed25519": json.loads((VECTORS.parent / "vc-di-eddsa/keyPair.json").read_text()),
}
RFC_8037 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
BOTH = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


@BOTH
@given(data=st.binary())
def test_a_signature_verifies_under_its_own_key_and_over_its_own_data(key, data):
    signature = key.sign(data)

    assert len(signature) == LENGTHS[key.algorithm]
    assert key.verification_key.verify(signature, data)
    assert not key.verification_key.verify(signature, data + b"\0")
    for other in ALGORITHMS:
        stranger = LocalSigningKey.generate(other).verification_key
        assert not stranger.verify(signature, data)


@BOTH
@pytest.mark.parametrize(
    "signature",
    [
        b"",
        bytes(63),
        bytes(64),
        bytes(65),
        b"\xff" * 64,
        bytes(96),
        b"\xff" * 96,
        bytes(132),
    ],
)
def test_what_is_no_signature_does_not_verify(key, signature):
    assert not key.verification_key.verify(signature, b"data")


@BOTH
def test_a_signature_with_a_bit_changed_does_not_verify(key):
    signature = key.sign(b"data")
    for place in range(len(signature)):
        changed = bytearray(signature)
        changed[place] ^= 1
        assert not key.verification_key.verify(bytes(changed), b"data")


def test_a_second_spelling_of_an_ed25519_signature_does_not_verify():
    # S plus the order of the group is the same point multiplied.
    order = 2**252 + 27742317777372353535851937790883648493
    signature = KEYS["EdDSA"].sign(b"data")
    s = int.from_bytes(signature[32:], "little") + order

    other = signature[:32] + s.to_bytes(32, "little")

    assert not KEYS["EdDSA"].verification_key.verify(other, b"data")


def test_the_vector_of_rfc_8032():
    # RFC 8032, section "Test Vectors for Ed25519", test 3.
    key = VerificationKey(
        "EdDSA",
        bytes.fromhex(
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
        ),
    )
    signature = bytes.fromhex(
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
    )

    assert key.verify(signature, b"\xaf\x82")


def test_the_vector_of_rfc_7515():
    # RFC 7515, appendix A.3: ES256.
    key = VerificationKey.from_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    )
    payload = (
        b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    )
    signature = from_base64url(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqP"
        "P3-Kg6NU1Q"
    )

    assert key.verify(
        signature, b"eyJhbGciOiJFUzI1NiJ9." + as_base64url(payload).encode()
    )


def test_the_thumbprint_of_rfc_8037():
    key = LocalSigningKey.from_jwk(RFC_8037)

    assert key.verification_key.thumbprint() == (
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    )
    assert key.private_jwk() == RFC_8037


@BOTH
def test_keys_survive_as_jwk_and_as_multikey(key):
    public = key.verification_key

    assert VerificationKey.from_jwk(public.jwk()) == public
    assert VerificationKey.from_multikey(public.multikey()) == public
    assert LocalSigningKey.from_jwk(key.private_jwk()) == key
    assert "d" not in public.jwk()


def test_encryption_keys_survive_as_jwk_and_as_multikey():
    key = DecryptionKey.generate()
    public = key.encryption_key

    assert EncryptionKey.from_jwk(public.jwk() | {"kid": "#enc-1"}) == public
    assert EncryptionKey.from_multikey(public.multikey()) == public
    assert DecryptionKey.from_jwk(key.private_jwk()) == key
    assert len(from_base64url(public.thumbprint())) == 32


def test_the_multikey_prefixes_are_those_of_the_registry():
    assert KEYS["EdDSA"].verification_key.multikey().startswith("z6Mk")
    assert KEYS["ES256"].verification_key.multikey().startswith("zDn")
    assert KEYS["ES384"].verification_key.multikey().startswith("z82")
    assert DecryptionKey.generate().encryption_key.multikey().startswith("z6LS")


def test_a_private_key_is_not_printed():
    for key in (*KEYS.values(), DecryptionKey.generate()):
        assert key.private_jwk()["d"] not in repr(key)


def test_two_parties_agree_on_a_secret():
    one, other = DecryptionKey.generate(), DecryptionKey.generate()

    assert one.agree(other.encryption_key) == other.agree(one.encryption_key)


def test_the_vector_of_rfc_7748():
    # RFC 7748, section "Curve25519", the Diffie-Hellman example.
    alice = DecryptionKey.from_jwk(
        {
            "kty": "OKP",
            "crv": "X25519",
            "d": "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo",
            "x": "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo",
        }
    )
    bob = EncryptionKey(
        bytes.fromhex(
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
        )
    )

    assert alice.agree(bob).hex() == (
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    )


def curve_point(second):
    return second.to_bytes(32, "little")


@pytest.mark.parametrize(
    "raw",
    [
        bytes(31),
        bytes(33),
        b"",
        *(
            curve_point(second + sign * 2**255)
            for sign in (0, 1)
            for second in (
                0,
                1,
                2**255 - 20,
                2**255 - 19,
                2**255 - 18,
                0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
                0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7,
            )
        ),
    ],
)
def test_points_of_small_order_and_other_lengths_are_no_ed25519_key(raw):
    with pytest.raises(MalformedValueError):
        VerificationKey("EdDSA", raw)


@pytest.mark.parametrize(
    "raw", [b"", bytes(33), b"\x04" + bytes(64), b"\x02" + b"\xff" * 32, b"\x05" * 33]
)
def test_what_is_no_compressed_point_is_no_p256_key(raw):
    with pytest.raises(MalformedValueError):
        VerificationKey("ES256", raw)


@pytest.mark.parametrize(
    "raw", [b"", bytes(49), b"\x02" + b"\xff" * 48, b"\x02" + bytes(31) + b"\x05"]
)
def test_what_is_no_compressed_point_is_no_p384_key(raw):
    with pytest.raises(MalformedValueError):
        VerificationKey("ES384", raw)


def test_an_encryption_key_has_32_bytes():
    with pytest.raises(MalformedValueError):
        EncryptionKey(bytes(31))


@pytest.mark.parametrize("second", [0, 1, 2**255 - 20])
def test_a_point_of_small_order_agrees_on_nothing(second):
    with pytest.raises(MalformedValueError):
        DecryptionKey.generate().agree(EncryptionKey(curve_point(second)))


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        X25519,
        ED25519 | {"d": ED25519["x"]},
        ED25519 | {"alg": "ES256"},
        ED25519 | {"alg": "HS256"},
        ED25519 | {"use": "enc"},
        ED25519 | {"key_ops": ["sign"]},
        ED25519 | {"key_ops": "verify"},
        ED25519 | {"kty": "EC"},
        ED25519 | {"crv": "Ed448"},
        ED25519 | {"x": 17},
        ED25519 | {"x": ED25519["x"] + "="},
        ED25519 | {"x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519"},
        P256 | {"alg": "EdDSA"},
        P256 | {"crv": "P-384"},
        P256 | {"y": P256["x"]},
        P256 | {"x": as_base64url(b"\xff" * 32)},
        {name: P256[name] for name in ("kty", "crv", "x")},
        P384 | {"alg": "ES256"},
        P384 | {"crv": "P-256"},
        P384 | {"crv": "P-521"},
        P521 | {"crv": "P-384"},
        P521 | {"alg": "ES256"},
        P384 | {"y": P384["x"]},
        P384 | {"x": P256["x"]},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
    ],
)
def test_another_jwk_is_no_verification_key(jwk):
    with pytest.raises(MalformedValueError):
        VerificationKey.from_jwk(jwk)


def test_a_jwk_may_say_that_it_is_for_signatures():
    public, private = ED25519, KEYS["EdDSA"].private_jwk()

    assert VerificationKey.from_jwk(public | {"key_ops": ["verify", "x"]})
    assert LocalSigningKey.from_jwk(private | {"key_ops": ["sign"]}) == KEYS["EdDSA"]


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_both_names_of_the_algorithm_are_read(alg):
    more = {"alg": alg, "use": "sig", "kid": "#1"}

    assert VerificationKey.from_jwk(ED25519 | more).algorithm == "EdDSA"


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        ED25519,
        X25519 | {"d": X25519["x"]},
        X25519 | {"use": "sig"},
        {"kty": "OKP", "crv": "X25519"},
    ],
)
def test_another_jwk_is_no_encryption_key(jwk):
    with pytest.raises(MalformedValueError):
        EncryptionKey.from_jwk(jwk)


@pytest.mark.parametrize(
    "jwk",
    [
        ED25519,
        ED25519 | {"d": KEYS["ES256"].private_jwk()["d"]},
        ED25519 | {"d": "AAAA"},
        P256 | {"d": as_base64url(b"\xff" * 32)},
        P256 | {"d": as_base64url(bytes(32))},
        KEYS["EdDSA"].private_jwk() | {"key_ops": ["verify"]},
        P384 | {"d": as_base64url(b"\xff" * 48)},
        P384 | {"d": KEYS["ES256"].private_jwk()["d"]},
        X25519 | {"d": X25519["x"]},
    ],
)
def test_another_jwk_is_no_signing_key(jwk):
    with pytest.raises(MalformedValueError):
        LocalSigningKey.from_jwk(jwk)


@pytest.mark.parametrize("jwk", [X25519, X25519 | {"d": X25519["x"]}, ED25519])
def test_another_jwk_is_no_decryption_key(jwk):
    with pytest.raises(MalformedValueError):
        DecryptionKey.from_jwk(jwk)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "f00",
        "zz",
        "z0",
        "u*",
        "z" + as_base58btc(b"\xed\x01" + bytes(31)),
        "z" + as_base58btc(b"\xec\x01" + bytes(32)),
        "z" + as_base58btc(b"\x12\x00" + bytes(33)),
        KEYS["EdDSA"].verification_key.multikey() + "\n",
    ],
)
def test_another_multikey_is_no_verification_key(text):
    with pytest.raises(MalformedValueError):
        VerificationKey.from_multikey(text)


@pytest.mark.parametrize("text", ["", KEYS["EdDSA"].verification_key.multikey()])
def test_another_multikey_is_no_encryption_key(text):
    with pytest.raises(MalformedValueError):
        EncryptionKey.from_multikey(text)


def test_a_multikey_may_be_in_base64url():
    key = KEYS["ES256"].verification_key
    text = "u" + as_base64url(b"\x80\x24" + key.raw)

    assert VerificationKey.from_multikey(text) == key


def published(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


@pytest.mark.parametrize(("curve", "count"), [("P-256", 2), ("P-384", 2), ("P-521", 2)])
def test_the_published_nist_keys_have_their_multikeys(curve, count):
    found = 0
    for did, vector in published("nist-curves").items():
        jwk = vector["verificationMethod"].get("publicKeyJwk")
        if jwk is None or jwk["crv"] != curve:
            continue
        found += 1
        key = LocalSigningKey.from_jwk(vector["verificationMethod"]["privateKeyJwk"])
        assert f"did:key:{key.verification_key.multikey()}" == did
        assert VerificationKey.from_multikey(did[8:]).jwk() == jwk
    assert found == count


@pytest.mark.parametrize("name", ["p256", "p384", "ed25519"])
def test_the_published_private_multikeys_have_their_public_halves(name):
    pair = SUITE_KEYS[name]

    secret = pair.get("secretKeyMultibase") or pair["privateKeyMultibase"]
    key = LocalSigningKey.from_multikey(secret)

    assert key.verification_key.multikey() == pair["publicKeyMultibase"]


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x80\x26" + bytes(31), b"\x86\x26" + bytes(32), b"\x87\x26" + bytes(32)],
)
def test_what_is_no_private_multikey_is_refused(octets):
    with pytest.raises(MalformedValueError):
        LocalSigningKey.from_multikey("z" + as_base58btc(octets))


def published_point(method):
    if "publicKeyJwk" in method:
        return from_base64url(method["publicKeyJwk"]["x"])
    return from_base58btc(method["publicKeyBase58"])


def test_the_published_ed25519_keys_follow_from_their_seeds():
    for did, vector in published("ed25519-x25519").items():
        raw = published_point(vector["verificationKeyPair"])
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": as_base64url(raw)}
        seed = as_base64url(bytes.fromhex(vector["seed"]))

        key = LocalSigningKey.from_jwk(jwk | {"d": seed})

        assert f"did:key:{key.verification_key.multikey()}" == did


def test_the_published_x25519_keys_have_their_multikeys():
    for did, document in published("x25519")["didDocument"].items():
        raw = published_point(document["verificationMethod"][0])

        assert f"did:key:{EncryptionKey(raw).multikey()}" == did


@given(st.binary(max_size=80))
def test_octets_survive_as_base64url_and_base58btc(octets):
    assert from_base64url(as_base64url(octets)) == octets
    assert from_base58btc(as_base58btc(octets)) == octets
    assert from_multibase("u" + as_base64url(octets)) == octets
    assert from_multibase("z" + as_base58btc(octets)) == octets
    assert as_base64url(octets) == (
        base64.urlsafe_b64encode(octets).decode().rstrip("=")
    )


def test_leading_zeros_survive_in_base58btc():
    digest = bytes(2) + hashlib.sha256(b"").digest()

    assert as_base58btc(digest).startswith("11")
    assert from_base58btc(as_base58btc(digest)) == digest


@pytest.mark.parametrize(
    "text", ["A", "AA==", "AB", "A A", "AAA+", "AAA/", "AAAA\n", "ÄÄÄÄ", "AAA\0"]
)
def test_a_second_spelling_in_base64url_is_refused(text):
    with pytest.raises(MalformedValueError):
        from_base64url(text)


@pytest.mark.parametrize(
    "text", ["0", "O", "I", "l", " 2", "2 ", "2\n", "é", "2" * 513]
)
def test_a_second_spelling_in_base58btc_is_refused(text):
    with pytest.raises(MalformedValueError):
        from_base58btc(text)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_a_private_part_with_a_zero_in_front_is_another_spelling(algorithm):
    jwk = KEYS[algorithm].private_jwk()
    longer = as_base64url(b"\0" + from_base64url(jwk["d"]))

    with pytest.raises(MalformedValueError, match="member d is not"):
        LocalSigningKey.from_jwk(jwk | {"d": longer})
