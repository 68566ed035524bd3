"""DID URLs: what they lead to, and what is wrong with those that lead nowhere."""

import pytest

from protocol.identity import resolution
from protocol.identity.dids import Did, DidDocument, resolve_offline
from protocol.identity.keys import DecryptionKey, LocalSigningKey
from protocol.identity.multibase import as_base58btc
from protocol.identity.resolution import ResolutionError

DID = "did:web:uni.example"
KEY = LocalSigningKey.generate("EdDSA").verification_key.multikey()
DOCUMENT = DidDocument.parse(
    {
        "@context": ["https://www.w3.org/ns/did/v1"],
        "id": DID,
        "verificationMethod": [
            {
                "id": f"{DID}#key-1",
                "type": "Multikey",
                "controller": DID,
                "publicKeyMultibase": KEY,
            }
        ],
        "authentication": ["#key-1"],
        "service": [
            {
                "id": "#files",
                "type": "relativeRef",
                "serviceEndpoint": "https://uni.example/a/b",
            },
            {
                "id": f"{DID}#mail",
                "type": ["Mail", "Post"],
                "serviceEndpoint": {"uri": "https://mail.example/#in"},
            },
            {
                "id": "#two",
                "type": "Post",
                "serviceEndpoint": [
                    "https://one.example",
                    {"uri": "https://two.example"},
                ],
            },
            {"id": "#none", "type": "Post", "serviceEndpoint": 7},
        ],
    }
)


def follow(rest):
    reference = resolution.parse_url(DID + rest)
    return resolution.dereference(DOCUMENT, reference)


def test_a_did_leads_to_its_document():
    content = follow("")
    assert content.value["id"] == DID
    assert content.media_type == "application/did+ld+json"


def test_a_fragment_leads_to_a_key_or_a_service():
    assert follow("#key-1").value["publicKeyMultibase"] == KEY
    assert follow("#files").value["type"] == "relativeRef"
    assert follow("#mail").value["id"] == f"{DID}#mail"


@pytest.mark.parametrize(
    ("rest", "urls"),
    [
        ("?service=files", "https://uni.example/a/b"),
        ("?service=files&relativeRef=%2Fx%2Fy%3Fz%3D1", "https://uni.example/x/y?z=1"),
        ("?service=files&relativeRef=c", "https://uni.example/a/c"),
        ("?service=files&relativeRef=..%2Fd#e", "https://uni.example/d#e"),
        ("?service=files#e", "https://uni.example/a/b#e"),
        ("?service=mail", "https://mail.example/#in"),
        ("?serviceType=relativeRef", "https://uni.example/a/b"),
        (
            "?serviceType=Post",
            "https://mail.example/#in\r\nhttps://one.example\r\nhttps://two.example",
        ),
        ("?service=two&serviceType=Post", "https://one.example\r\nhttps://two.example"),
    ],
)
def test_a_service_leads_to_its_urls(rest, urls):
    content = follow(rest)
    assert (content.value, content.media_type) == (urls, "text/uri-list")


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        ("#nothing", "notFound"),
        ("?service=nothing", "notFound"),
        ("?service=none", "notFound"),
        ("?service=two&serviceType=Mail", "notFound"),
        ("?serviceType=Nothing", "notFound"),
        ("/a/path", "notFound"),
        ("?relativeRef=%2Fx", "notFound"),
        ("?service=mail#x", "invalidDidUrl"),
        ("?service=a&service=b", "invalidDidUrl"),
        ("/^bar^/?query=`#key", "invalidDidUrl"),
        ("?service=%zz", "invalidDidUrl"),
        ("#a#b", "invalidDidUrl"),
        (":/x", "invalidDidUrl"),
        (":", "invalidDid"),
        ("^", "invalidDid"),
    ],
)
def test_what_leads_nowhere_says_why(rest, word):
    with pytest.raises(ResolutionError) as error:
        follow(rest)
    assert error.value.word == word


EDDSA = LocalSigningKey.generate("EdDSA").verification_key


@pytest.mark.parametrize(
    ("did", "word"),
    [
        ("did:example:1", "methodNotSupported"),
        ("did:web:localhost", "invalidDid"),
        ("did:webvh:uni.example", "invalidDid"),
        ("did:key:-4:z6Mk", "invalidDid"),
        ("did:key:6Mk", "invalidDid"),
        ("did:key:z0", "invalidDid"),
        ("did:key:zTjsVPtY", "invalidPublicKeyLength"),
        ("did:key:z" + as_base58btc(b"\xed\x01" + bytes(31)), "invalidPublicKeyLength"),
        ("did:key:z" + as_base58btc(b"\xed\x01" + bytes(32)), "invalidPublicKey"),
        (
            "did:key:z" + as_base58btc(b"\x80\x24\x02" + b"\xff" * 32),
            "invalidPublicKey",
        ),
        (
            "did:key:z" + as_base58btc(b"\xe7\x01" + bytes(33)),
            "unsupportedPublicKeyType",
        ),
    ],
)
def test_a_did_that_is_none_says_why(did, word):
    with pytest.raises(ResolutionError) as error:
        resolution.supported(did)
    assert error.value.word == word


KEYS = [
    LocalSigningKey.generate("EdDSA").verification_key.multikey(),
    LocalSigningKey.generate("ES256").verification_key.multikey(),
    LocalSigningKey.generate("ES384").verification_key.multikey(),
    DecryptionKey.generate().encryption_key.multikey(),
]


@pytest.mark.parametrize("number", range(len(KEYS)))
@pytest.mark.parametrize("name", ["Multikey", "JsonWebKey", "JsonWebKey2020"])
def test_a_did_key_in_another_format_is_the_same_key(number, name):
    did = resolution.supported(f"did:key:{KEYS[number]}")
    document = resolve_offline(did)
    (url,) = document.methods
    other = resolution.in_format(document, name)
    assert other.methods[url].key == document.methods[url].key
    assert other.as_dict()["verificationMethod"][0]["type"] == name


@pytest.mark.parametrize(
    ("number", "name", "word"),
    [
        (0, "unknown", "unsupportedPublicKeyType"),
        (0, "Ed25519VerificationKey2018", "invalidPublicKeyType"),
        (0, "X25519KeyAgreementKey2020", "invalidPublicKeyType"),
        (1, "Ed25519VerificationKey2020", "invalidPublicKeyType"),
    ],
)
def test_a_format_for_another_kind_of_key_is_refused(number, name, word):
    document = resolve_offline(Did(f"did:key:{KEYS[number]}"))
    with pytest.raises(ResolutionError) as error:
        resolution.in_format(document, name)
    assert error.value.word == word


def test_formats_of_their_own_kind_are_written():
    for number, name in (
        (0, "Ed25519VerificationKey2020"),
        (3, "X25519KeyAgreementKey2020"),
    ):
        document = resolve_offline(Did(f"did:key:{KEYS[number]}"))
        other = resolution.in_format(document, name)
        (url,) = document.methods
        assert other.methods[url].key == document.methods[url].key
