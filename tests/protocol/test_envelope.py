import base64
import hashlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe as jose_jwe
from joserfc import jws as jose_jws
from joserfc.jwk import OKPKey

from protocol.errors import CryptoError, MalformedValueError, ProtocolError, SizeError
from protocol.exchange import envelope
from protocol.exchange.envelope import (
    MAXIMUM_BYTES,
    decrypt,
    encrypt,
    message_digest,
    read,
    recipient_kid,
    sign,
)
from protocol.identity.dids import DidDocument, DidUrl, node_document
from protocol.identity.keys import (
    DecryptionKey,
    EncryptionKey,
    LocalSigningKey,
    VerificationKey,
)

FILE = Path(__file__).parents[2] / "protocol" / "vectors" / "envelope.json"
VECTOR = json.loads(FILE.read_text(encoding="utf-8"))
SENDER = LocalSigningKey.from_jwk(VECTOR["sender"]["jwk"])
KID = DidUrl.parse(VECTOR["sender"]["kid"])
RECEIVER = DecryptionKey.from_jwk(VECTOR["receiver"]["jwk"])
RECEIVER_KID = DidUrl.parse(VECTOR["receiver"]["kid"])
KEYS = {str(RECEIVER_KID): RECEIVER}
PAYLOAD = VECTOR["payload"].encode()
JWS = VECTOR["jws"].encode()
JWE = VECTOR["jwe"].encode()


def text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets(encoded):
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def jws_with(key=SENDER, header=None, **outer):
    """Sign any header: what is refused is not the signature."""
    if header is None:
        header = {"typ": envelope.SIGNED, "alg": "EdDSA", "kid": str(KID)}
    protected = text(compact(header))
    signature = key.sign(f"{protected}.{text(PAYLOAD)}".encode())
    parts = {
        "payload": text(PAYLOAD),
        "protected": protected,
        "signature": text(signature),
    }
    return compact({n: v for n, v in (parts | outer).items() if v is not None})


def jwe_header(kid=RECEIVER_KID):
    return {
        "typ": envelope.ENCRYPTED,
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "apv": text(hashlib.sha256(kid.encode()).digest()),
    }


def jose_encrypt(header, algorithms=("ECDH-ES+A256KW", "A256GCM")):
    """Encrypt with another implementation, any header."""
    registry = jose_jwe.JWERegistry(algorithms=algorithms)
    key = OKPKey.import_key(RECEIVER.encryption_key.jwk())
    token = jose_jwe.encrypt_compact(header, JWS, key, registry=registry)
    protected, encrypted_key, iv, ciphertext, tag = token.split(".")
    header = {"kid": str(RECEIVER_KID)}
    return compact(
        {
            "protected": protected,
            "recipients": [{"header": header, "encrypted_key": encrypted_key}],
            "iv": iv,
            "ciphertext": ciphertext,
            "tag": tag,
        }
    )


# The worked example


def test_the_published_jws_is_reproduced_byte_for_byte():
    assert sign(PAYLOAD, key=SENDER, kid=KID) == JWS
    assert message_digest(PAYLOAD) == VECTOR["message_digest"]


def test_the_published_jwe_is_decrypted_read_and_verified():
    signed = read(decrypt(JWE, KEYS))
    signed.verify(SENDER.verification_key)

    assert signed.payload == PAYLOAD
    assert signed.kid == KID
    assert recipient_kid(JWE) == RECEIVER_KID


def test_the_published_jwe_is_reproduced_with_its_random_values(monkeypatch):
    steps = VECTOR["steps"]
    values = {32: octets(steps["content_key"]), 12: octets(steps["iv"])}
    ephemeral = DecryptionKey.from_jwk(steps["ephemeral"])
    monkeypatch.setattr(envelope.secrets, "token_bytes", values.__getitem__)
    monkeypatch.setattr(DecryptionKey, "generate", lambda: ephemeral)

    assert encrypt(JWS, to=RECEIVER.encryption_key, kid=RECEIVER_KID) == JWE


# Properties


@given(st.binary(max_size=2000), st.sampled_from(["EdDSA", "ES256"]))
def test_what_is_signed_and_encrypted_is_read_by_the_receiver(payload, algorithm):
    key = LocalSigningKey.generate(algorithm)

    jwe = encrypt(
        sign(payload, key=key, kid=KID), to=RECEIVER.encryption_key, kid=RECEIVER_KID
    )
    signed = read(decrypt(jwe, KEYS))
    signed.verify(key.verification_key)

    assert (signed.payload, signed.kid) == (payload, KID)


def test_every_attempt_is_encrypted_anew():
    one, two = (
        encrypt(JWS, to=RECEIVER.encryption_key, kid=RECEIVER_KID) for _ in range(2)
    )
    for name in ("iv", "protected", "ciphertext", "tag"):
        assert json.loads(one)[name] != json.loads(two)[name]


@given(st.integers(0, len(JWE) - 1), st.integers(1, 255))
def test_one_changed_octet_of_a_jwe_is_noticed(position, change):
    altered = bytearray(JWE)
    altered[position] ^= change
    with pytest.raises(ProtocolError):
        decrypt(bytes(altered), KEYS)


@given(st.integers(0, len(JWS) - 1), st.integers(1, 255))
def test_one_changed_octet_of_a_jws_is_noticed(position, change):
    altered = bytearray(JWS)
    altered[position] ^= change
    with pytest.raises(CryptoError):
        read(bytes(altered)).verify(SENDER.verification_key)


# Another implementation


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_another_implementation_reads_ours():
    jwe = json.loads(encrypt(JWS, to=RECEIVER.encryption_key, kid=RECEIVER_KID))
    registry = jose_jwe.JWERegistry(algorithms=["ECDH-ES+A256KW", "A256GCM"])
    key = OKPKey.import_key(RECEIVER.private_jwk())

    opened = jose_jwe.decrypt_json(jwe, key, registry=registry)

    assert opened.plaintext == JWS
    public = OKPKey.import_key(SENDER.verification_key.jwk())
    signed = jose_jws.deserialize_json(json.loads(JWS), public, algorithms=["EdDSA"])
    assert signed.payload == PAYLOAD


def test_ours_reads_another_implementation():
    assert decrypt(jose_encrypt(jwe_header()), KEYS) == JWS


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_both_names_of_the_algorithm_are_read(name):
    header = {"typ": envelope.SIGNED, "alg": name, "kid": str(KID)}
    signed = read(jws_with(header=header))
    signed.verify(SENDER.verification_key)

    assert signed.algorithm == "EdDSA"


# A13: a plaintext where a signature must be


@pytest.mark.parametrize(
    "plaintext",
    [
        PAYLOAD,
        b"{}",
        b"",
        b"[]",
        b'"text"',
        JWE,
        jws_with(signature=None),
        jws_with(signature=""),
        jws_with(protected=None),
        jws_with(protected="", header={}),
        jws_with(payload=""),
        JWS.replace(b'"signature":"', b'"signature":"A'),
    ],
)
def test_a13_a_message_without_its_signature_is_refused(plaintext):
    jwe = encrypt(plaintext, to=RECEIVER.encryption_key, kid=RECEIVER_KID)
    with pytest.raises(CryptoError):
        read(decrypt(jwe, KEYS)).verify(OTHER.verification_key)


OTHER = LocalSigningKey.generate("EdDSA")

# A20: algorithm confusion

P256 = LocalSigningKey.generate("ES256")
CLAIMED = ["none", "HS256", "ES256", "EdDSA", "Ed25519", "RS256", "PS256", "ES256K", ""]


@pytest.mark.parametrize(
    ("key", "claimed"),
    list(itertools.product([SENDER, P256], CLAIMED)),
    ids=lambda v: getattr(v, "algorithm", str(v)),
)
def test_a20_the_key_decides_the_algorithm(key, claimed):
    jws = jws_with(key, header={"typ": envelope.SIGNED, "alg": claimed, "kid": KID})
    fits = {"EdDSA": {"EdDSA", "Ed25519"}, "ES256": {"ES256"}}[key.algorithm]
    if claimed in fits:
        read(jws).verify(key.verification_key)
    else:
        with pytest.raises(CryptoError):
            read(jws).verify(key.verification_key)


def test_a20_a_mac_with_the_public_key_is_no_signature():
    class Mac:
        @staticmethod
        def sign(data):
            key = SENDER.verification_key.raw
            return hashlib.blake2b(data, key=key, digest_size=64).digest()

    for claimed in ("EdDSA", "HS256"):
        header = {"typ": envelope.SIGNED, "alg": claimed, "kid": KID}
        with pytest.raises(CryptoError):
            read(jws_with(Mac, header=header)).verify(SENDER.verification_key)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alg", "ECDH-ES"),
        ("alg", "ECDH-ES+A128KW"),
        ("alg", "RSA1_5"),
        ("alg", "PBES2-HS256+A128KW"),
        ("alg", "dir"),
        ("alg", "none"),
        ("alg", None),
        ("enc", "A128GCM"),
        ("enc", "A256CBC-HS512"),
        ("enc", ""),
        ("typ", "JWE"),
        ("typ", envelope.SIGNED),
        ("apv", ""),
        ("apv", jwe_header(KID)["apv"]),
        ("apv", jwe_header()["apv"] + "="),
        ("apv", 1),
        ("zip", "DEF"),
        ("apu", "YQ"),
        ("kid", str(RECEIVER_KID)),
        ("cty", "JWT"),
        ("crit", ["exp"]),
        ("p2c", 1_000_000_000),
    ],
)
def test_a20_a_jwe_of_another_kind_is_refused(name, value):
    jwe = json.loads(JWE)
    header = json.loads(octets(jwe["protected"])) | {name: value}
    jwe["protected"] = text(compact(header))
    with pytest.raises(CryptoError):
        decrypt(compact(jwe), KEYS)


@pytest.mark.parametrize("name", ["typ", "alg", "enc", "apv", "epk"])
def test_a20_a_jwe_header_must_be_complete(name):
    jwe = json.loads(JWE)
    header = json.loads(octets(jwe["protected"]))
    del header[name]
    jwe["protected"] = text(compact(header))
    with pytest.raises(CryptoError):
        decrypt(compact(jwe), KEYS)


def test_a20_a_compressed_jwe_is_refused_even_if_it_would_decrypt():
    algorithms = ["ECDH-ES+A256KW", "A256GCM", "DEF"]
    jwe = jose_encrypt(jwe_header() | {"zip": "DEF"}, algorithms)
    with pytest.raises(CryptoError):
        decrypt(jwe, KEYS)


@pytest.mark.parametrize("enc", ["A128GCM", "A192GCM", "A256CBC-HS512"])
def test_a20_another_cipher_is_refused_even_if_it_would_decrypt(enc):
    jwe = jose_encrypt(jwe_header() | {"enc": enc}, ["ECDH-ES+A256KW", enc])
    with pytest.raises(CryptoError):
        decrypt(jwe, KEYS)


# A21: header injection

INJECTED = {
    "jwk": OTHER.verification_key.jwk(),
    "jku": "https://attacker.example/keys",
    "x5u": "https://attacker.example/cert",
    "x5c": ["MIIB"],
    "x5t": "AA",
    "crit": ["b64"],
    "b64": False,
    "cty": "application/json",
    "zip": "DEF",
    "exp": 1,
}


@pytest.mark.parametrize("name", INJECTED)
def test_a21_a_header_member_more_is_refused(name):
    header = {"typ": envelope.SIGNED, "alg": "EdDSA", "kid": KID}
    with pytest.raises(CryptoError):
        read(jws_with(header=header | {name: INJECTED[name]}))


@pytest.mark.parametrize("name", ["typ", "alg", "kid"])
def test_a21_a_header_member_less_is_refused(name):
    header = {"typ": envelope.SIGNED, "alg": "EdDSA", "kid": KID}
    del header[name]
    with pytest.raises(CryptoError):
        read(jws_with(header=header))


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "#sig-1",
        "../../etc/passwd",
        "' or 1=1 --",
        "https://attacker.example/key",
        KID.did,
        f"{KID.did}?versionId=1#sig-1",
        f"{KID.did}/path#sig-1",
        f"{KID}\n",
        f"{KID}#sig-2",
        "did:web:127.0.0.1#sig-1",
        1,
        None,
        [KID],
    ],
)
def test_a21_a_kid_that_is_no_did_url_is_refused(kid):
    header = {"typ": envelope.SIGNED, "alg": "EdDSA", "kid": kid}
    with pytest.raises(CryptoError):
        read(jws_with(header=header))


def test_a21_the_kid_tells_whose_key_to_look_up():
    foreign = DidUrl.parse("did:web:other.example#sig-1")
    header = {"typ": envelope.SIGNED, "alg": "EdDSA", "kid": foreign}
    assert read(jws_with(header=header)).kid == foreign


@pytest.mark.parametrize(
    ("fragment", "found"),
    [("#sig-1", True), ("#cred-1", False), ("#cred-2", False), ("#enc-1", False)],
)
def test_a21_only_a_key_for_authentication_signs_messages(fragment, found):
    document = DidDocument.parse(
        node_document(
            KID.did,
            message_key=SENDER.verification_key,
            credential_keys=[OTHER.verification_key, P256.verification_key],
            encryption_key=RECEIVER.encryption_key,
            endpoint="https://lrx.enic-b.example/lrx/1",
            profile="https://lrx.enic-b.example/.well-known/lrx",
        )
    )
    kid = DidUrl.of(KID.did, fragment)
    assert bool(document.key_for(kid, "authentication")) is found


@pytest.mark.parametrize(
    "outer",
    [
        {"header": {"kid": KID}},
        {"header": {}},
        {"signatures": []},
        {"extra": "x"},
        {"payload": 1},
        {"signature": ["x"]},
        {"signature": "A="},
        {"payload": "****"},
        {"protected": "e30"},
        {"protected": text(b"not json")},
        {"protected": text(b'{"typ":"x","typ":"y"}')},
        {"protected": text(b"[]")},
    ],
)
def test_a21_a_jws_of_another_form_is_refused(outer):
    with pytest.raises(CryptoError):
        read(jws_with(**outer))


def changed(path, value):
    jwe = json.loads(JWE)
    *way, last = path
    inner = jwe
    for step in way:
        inner = inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return compact(jwe)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["unprotected"], {}),
        (["header"], {}),
        (["aad"], "YQ"),
        (["encrypted_key"], "YQ"),
        (["recipients"], []),
        (["recipients"], {}),
        (["recipients"], json.loads(JWE)["recipients"] * 2),
        (["recipients", 0], "x"),
        (["recipients", 0, "extra"], 1),
        (["recipients", 0, "header", "alg"], "dir"),
        (["recipients", 0, "header", "kid"], 1),
        (["recipients", 0, "header", "kid"], None),
        (["recipients", 0, "encrypted_key"], None),
        (["recipients", 0, "encrypted_key"], "YQ"),
        (["recipients", 0, "encrypted_key"], text(bytes(40))),
        (["iv"], ""),
        (["iv"], text(bytes(16))),
        (["tag"], text(bytes(12))),
        (["tag"], text(bytes(16))),
        (["ciphertext"], ""),
        (["ciphertext"], "*"),
        (["ciphertext"], 1),
        (["protected"], "e30"),
        (["protected"], text(b"no json")),
        (["protected"], None),
    ],
)
def test_a21_a_jwe_of_another_form_is_refused(path, value):
    with pytest.raises(CryptoError):
        decrypt(changed(path, value), KEYS)


@pytest.mark.parametrize(
    "epk",
    [
        {},
        "x",
        {"kty": "OKP", "crv": "Ed25519", "x": text(bytes(32))},
        {"kty": "OKP", "crv": "X25519", "x": text(bytes(31))},
        {"kty": "OKP", "crv": "X25519", "x": text(bytes(32))},
        {"kty": "OKP", "crv": "X25519", "x": text(bytes([1]) + bytes(31))},
        {"kty": "OKP", "crv": "X25519", "x": text(b"x" * 32), "d": text(b"x" * 32)},
        P256.verification_key.jwk(),
    ],
)
def test_a21_another_ephemeral_key_is_refused(epk):
    header = json.loads(octets(json.loads(JWE)["protected"])) | {"epk": epk}
    with pytest.raises(CryptoError):
        decrypt(changed(["protected"], text(compact(header))), KEYS)


@pytest.mark.parametrize("jwe", [b"", b"x", b"[]", b'{"iv":1,"iv":2}', b"\xff", b"{}"])
def test_what_is_no_jwe_is_refused(jwe):
    with pytest.raises((CryptoError, MalformedValueError)):
        decrypt(jwe, KEYS)
    with pytest.raises((CryptoError, MalformedValueError)):
        recipient_kid(jwe)


# A25: encrypted again, for somebody else


def test_a25_a_jwe_for_another_key_is_refused():
    other = DecryptionKey.generate()
    with pytest.raises(CryptoError, match="does not have"):
        decrypt(JWE, {})
    with pytest.raises(CryptoError, match="not encrypted to this key"):
        decrypt(JWE, {str(RECEIVER_KID): other})


def test_a25_the_outer_kid_cannot_be_exchanged():
    other = DidUrl.of(RECEIVER_KID.did, "#enc-2")
    altered = changed(["recipients", 0, "header", "kid"], str(other))
    with pytest.raises(CryptoError, match="apv"):
        decrypt(altered, {str(other): RECEIVER})


def test_nothing_is_encrypted_to_a_key_of_small_order():
    with pytest.raises(CryptoError, match="small order"):
        encrypt(JWS, to=EncryptionKey(bytes(32)), kid=RECEIVER_KID)


# A38: large and deep input


def test_a38_a_message_has_at_most_256_kib():
    with pytest.raises(SizeError):
        encrypt(bytes(MAXIMUM_BYTES), to=RECEIVER.encryption_key, kid=RECEIVER_KID)
    with pytest.raises(SizeError):
        decrypt(b" " * (MAXIMUM_BYTES + 1), KEYS)


def test_a38_a_message_with_all_it_may_carry_inline_fits():
    payload = bytes(96 * 1024 * 4 // 3 + 4096)
    jwe = encrypt(
        sign(payload, key=SENDER, kid=KID),
        to=RECEIVER.encryption_key,
        kid=RECEIVER_KID,
    )
    assert len(jwe) <= MAXIMUM_BYTES
    assert read(decrypt(jwe, KEYS)).payload == payload


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 50_000])
def test_a38_deep_nesting_is_refused(deep):
    with pytest.raises(MalformedValueError):
        decrypt(deep[: MAXIMUM_BYTES - 1], KEYS)
    with pytest.raises(CryptoError):
        read(deep)


def test_a_public_key_reads_the_vector_too():
    jwk = {k: v for k, v in VECTOR["sender"]["jwk"].items() if k != "d"}
    read(JWS).verify(VerificationKey.from_jwk(jwk))
