import base64
import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from protocol.errors import DidError
from protocol.identity.dids import (
    MAXIMUM_KEYS,
    Did,
    DidDocument,
    DidHistory,
    DidUrl,
    DidVersion,
    Fragments,
    document_url,
    node_document,
    resolve_offline,
)
from protocol.identity.keys import ALGORITHMS, DecryptionKey, LocalSigningKey
from protocol.identity.multibase import as_base64url

VECTORS = Path(__file__).parents[1] / "vectors" / "did-key"
SCID = "QmXMNPKpT9ukvPLaMShh21kUP3SKq7mCMxoNZSzjEWBFnj"
WEBVH = f"did:webvh:{SCID}:registry.uni-a.example"
WEB = Did("did:web:uni-a.example")
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EDDSA = LocalSigningKey.generate("EdDSA").verification_key
ES256 = LocalSigningKey.generate("ES256").verification_key
MESSAGE = LocalSigningKey.generate("EdDSA").verification_key
ENCRYPTION = DecryptionKey.generate().encryption_key


def node(did=WEB, **more):
    return node_document(
        did,
        message_key=MESSAGE,
        credential_keys=[EDDSA, ES256],
        encryption_key=ENCRYPTION,
        endpoint="https://uni-a.example/lrx/1",
        profile="https://uni-a.example/.well-known/lrx",
        **more,
    )


@pytest.mark.parametrize(
    ("did", "method", "domain", "scid"),
    [
        (WEBVH, "webvh", "registry.uni-a.example", SCID),
        (f"{WEBVH}%3A8443", "webvh", "registry.uni-a.example:8443", SCID),
        (f"{WEBVH}:dids:x", "webvh", "registry.uni-a.example", SCID),
        ("did:web:uni-a.test", "web", "uni-a.test", None),
        ("did:web:uni-a.test%3A8101:a", "web", "uni-a.test:8101", None),
        ("did:web:xn--fsq.xn--j6w193g", "web", "xn--fsq.xn--j6w193g", None),
        (f"did:key:{EDDSA.multikey()}", "key", None, None),
        ("did:example:a:b%20c:d", "example", None, None),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_did_tells_its_method_domain_and_scid(did, method, domain, scid):
    parsed = Did.parse(did)

    assert parsed == did
    assert (parsed.method, parsed.domain, parsed.scid) == (method, domain, scid)


@pytest.mark.parametrize(
    ("did", "url"),
    [
        ("did:web:w3.org", "https://w3.org/.well-known/did.json"),
        ("did:web:w3.org:user:alice", "https://w3.org/user/alice/did.json"),
        ("did:web:w3.org%3A3000:a", "https://w3.org:3000/a/did.json"),
        ("did:web:w3.org%3A3000", "https://w3.org:3000/.well-known/did.json"),
        (
            f"did:webvh:{SCID}:example.com",
            "https://example.com/.well-known/did.jsonl",
        ),
        (
            f"did:webvh:{SCID}:example.com:dids:issuer",
            "https://example.com/dids/issuer/did.jsonl",
        ),
        (
            f"did:webvh:{SCID}:example.com%3A3000:dids:issuer",
            "https://example.com:3000/dids/issuer/did.jsonl",
        ),
    ],
)
def test_a_did_lies_where_its_method_says(did, url):
    assert document_url(Did(did)) == url


def test_a_did_of_another_method_lies_nowhere():
    with pytest.raises(DidError):
        document_url(Did("did:example:123"))


PLACES = [
    "",
    "localhost",
    "localhost%3A8080",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "1.0x7f000001",
    "uni-a.example.1",
    "[::1]",
    "%5B%3A%3A1%5D",
    "Uni-a.example",
    "uni_a.example",
    "-uni.example",
    "uni-.example",
    ".example",
    "uni..example",
    "uni-a.example.",
    "uni-a.example%3a8443",
    "uni-a.example%3A",
    "uni-a.example%3A0",
    "uni-a.example%3A08",
    "uni-a.example%3A65536",
    "uni-a.example%3A1%3A2",
    "uni-a.example%2Fx",
    "uni-a%2Eexample",
    "user%40uni-a.example",
    "uni-a.example::x",
    "uni-a.example:..",
    "uni-a.example:.",
    "uni-a.example:x%2F..%2Fy",
    "uni-a.example:x%20y",
    "uni-a.example:",
    "例.jp",
    "a" * 64 + ".example",
    ("a" * 60 + ".") * 5 + "example",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_is_no_public_name_is_refused(place):
    with pytest.raises(DidError):
        Did(f"did:web:{place}")
    with pytest.raises(DidError):
        Did(f"did:webvh:{SCID}:{place}")


@pytest.mark.parametrize(
    "scid", ["", "{SCID}", SCID[:-1], SCID + "1", "0" + SCID[1:], "zz" + SCID[2:]]
)
def test_a_did_webvh_has_the_hash_of_its_first_entry(scid):
    with pytest.raises(DidError):
        Did(f"did:webvh:{scid}:uni-a.example")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "did:",
        "did:web",
        "did:example:",
        "DID:example:1",
        "did:Example:1",
        "did:example:1\n",
        " did:example:1",
        "did:example:1#x",
        "did:example:1/x",
        "did:example:1?x",
        "did:example:1%2",
        "did:example:é",
        "urn:uuid:1",
        "did:example:" + "1" * 2048,
        f"did:webvh:{SCID}",
    ],
)
def test_what_is_no_did_is_refused(text):
    with pytest.raises(DidError):
        Did.parse(text)
    with pytest.raises(DidError):
        DidUrl.of(text, "#x")


@pytest.mark.parametrize(
    "text",
    [
        "did:web:uni-a.example",
        "did:web:uni-a.example#",
        "did:web:uni-a.example#a#b",
        "did:web:uni-a.example#a b",
        "did:web:uni-a.example#a\n",
        "did:web:uni-a.example/x#a",
        "did:web:uni-a.example?x#a",
        "#a",
        "did:web:uni-a.example#" + "a" * 257,
    ],
)
def test_a_did_url_is_a_did_and_a_fragment(text):
    with pytest.raises(DidError):
        DidUrl.parse(text)


@given(st.from_regex(r"[A-Za-z0-9._~:=-]{1,40}", fullmatch=True))
def test_a_did_url_comes_apart_as_it_was_joined(fragment):
    url = DidUrl.of(WEB, "#" + fragment)

    assert (url.did, url.fragment) == (WEB, fragment)
    assert DidUrl.parse(url) == url


@given(st.text())
def test_no_text_makes_the_reader_stumble(text):
    for kind, prefix in ((Did, "did:web:"), (Did, "did:"), (DidUrl, WEB + "#")):
        with contextlib.suppress(DidError):
            assert kind.parse(prefix + text) == prefix + text


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True)

    sender: Did
    kid: DidUrl


def test_identifiers_are_fields_of_a_model():
    text = f'{{"sender":"{WEB}","kid":"{WEB}#sig-1"}}'

    message = Message.model_validate_json(text)

    assert (type(message.sender), type(message.kid)) == (Did, DidUrl)
    assert message.model_dump_json() == text
    assert Message(sender=message.sender, kid=message.kid) == message


def test_a_model_refuses_what_does_not_parse():
    with pytest.raises(ValidationError) as caught:
        Message.model_validate({"sender": "did:web:127.0.0.1", "kid": "x"})

    assert caught.value.error_count() == 2


def test_the_document_of_a_node_gives_each_key_one_use():
    document = DidDocument.parse(node())

    assert document.id == WEB
    assert document.key_for(f"{WEB}#sig-1", "authentication") == MESSAGE
    assert document.key_for(f"{WEB}#cred-1", "assertionMethod") == EDDSA
    assert document.key_for(f"{WEB}#cred-2", "assertionMethod") == ES256
    assert document.key_for(f"{WEB}#sig-1", "assertionMethod") is None
    assert document.key_for(f"{WEB}#cred-1", "authentication") is None
    assert document.key_for(f"{WEB}#enc-1", "authentication") is None
    assert document.key_for(f"{WEB}#none", "authentication") is None
    assert document.encryption_keys() == {f"{WEB}#enc-1": ENCRYPTION}
    assert document.lrx_service() == (
        "https://uni-a.example/lrx/1",
        "https://uni-a.example/.well-known/lrx",
    )


def test_new_keys_take_new_names():
    names = Fragments("#sig-2", ("#cred-3", "#cred-4"), "#enc-2")

    document = DidDocument.parse(node(fragments=names, also_known_as=["https://x"]))

    assert document.key_for(f"{WEB}#cred-4", "assertionMethod") == ES256
    assert list(document.encryption_keys()) == [f"{WEB}#enc-2"]
    assert document.also_known_as() == ("https://x",)


def test_a_document_is_given_back_as_it_came():
    stated = node() | {"unknown": [1]}
    document = DidDocument.parse(stated)

    copy = document.as_dict()
    copy["unknown"].append(2)

    assert document.as_dict() == stated


def method(did=WEB, fragment="#k", **members):
    return {"id": did + fragment, "controller": did} | members


def with_method(**members):
    stated = method(**members)
    return DidDocument.parse(
        {
            "id": WEB,
            "verificationMethod": [stated],
            "assertionMethod": [stated["id"]],
            "keyAgreement": [stated["id"]],
        }
    )


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({"type": "Multikey", "publicKeyMultibase": ES256.multikey()}, ES256),
        ({"type": "JsonWebKey", "publicKeyJwk": ES256.jwk()}, ES256),
        ({"type": "JsonWebKey2020", "publicKeyJwk": EDDSA.jwk()}, EDDSA),
        (
            {
                "type": "Ed25519VerificationKey2020",
                "publicKeyMultibase": EDDSA.multikey(),
            },
            EDDSA,
        ),
    ],
)
def test_a_key_is_read_in_each_form(members, key):
    assert with_method(**members).key_for(f"{WEB}#k", "assertionMethod") == key


@pytest.mark.parametrize(
    "members",
    [
        {"type": "Multikey", "publicKeyMultibase": ENCRYPTION.multikey()},
        {"type": "JsonWebKey", "publicKeyJwk": ENCRYPTION.jwk()},
        {
            "type": "X25519KeyAgreementKey2020",
            "publicKeyMultibase": ENCRYPTION.multikey(),
        },
    ],
)
def test_an_encryption_key_is_read_in_each_form(members):
    assert with_method(**members).encryption_keys() == {f"{WEB}#k": ENCRYPTION}


MULTIKEY = {"type": "Multikey", "publicKeyMultibase": EDDSA.multikey()}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"type": "Multikey"},
        {"type": "Multikey", "publicKeyMultibase": "z6Mk"},
        {"type": "Multikey", "publicKeyMultibase": 1},
        MULTIKEY | {"publicKeyJwk": EDDSA.jwk()},
        MULTIKEY | {"type": "JsonWebKey"},
        MULTIKEY | {"controller": "did:web:uni-b.example"},
        MULTIKEY | {"controller": [WEB]},
        MULTIKEY | {"id": "did:web:uni-b.example#k"},
        MULTIKEY | {"revoked": "2026-01-01T00:00:00Z"},
        {
            "type": "JsonWebKey",
            "publicKeyJwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        },
        {"type": "JsonWebKey", "publicKeyJwk": EDDSA.jwk() | {"d": "AAAA"}},
        {
            "type": "Ed25519VerificationKey2020",
            "publicKeyMultibase": ES256.multikey(),
        },
        {"type": "EcdsaSecp256k1VerificationKey2019", "publicKeyHex": "02"},
    ],
)
def test_a_key_we_cannot_use_or_that_is_not_the_controllers_is_none(members):
    document = with_method(**members)
    (url,) = document.methods

    assert document.key_for(url, "assertionMethod") is None
    assert document.encryption_keys() == {}


def test_methods_may_be_relative_and_may_stand_in_a_relationship():
    embedded = {"id": "#a", "controller": WEB} | MULTIKEY
    document = DidDocument.parse(
        {
            "id": WEB,
            "verificationMethod": [{"id": "#b", "controller": WEB} | MULTIKEY],
            "authentication": [embedded],
            "assertionMethod": ["#b", "did:web:uni-b.example#c"],
        }
    )

    assert document.key_for(f"{WEB}#a", "authentication") == EDDSA
    assert document.key_for(f"{WEB}#b", "assertionMethod") == EDDSA
    assert document.key_for("did:web:uni-b.example#c", "assertionMethod") is None
    assert document.key_for(f"{WEB}#a", "assertionMethod") is None


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"id": 1},
        {"id": WEB + "#x"},
        {"id": WEB, "verificationMethod": {}},
        {"id": WEB, "verificationMethod": ["#x"]},
        {"id": WEB, "verificationMethod": [{}]},
        {"id": WEB, "verificationMethod": [method(), method()]},
        {
            "id": WEB,
            "verificationMethod": [method(fragment=f"#{n}") for n in range(51)],
        },
        {"id": WEB, "authentication": "#x"},
        {"id": WEB, "authentication": [1]},
        {"id": WEB, "authentication": ["x"]},
        {"id": WEB, "authentication": [{}]},
        {"id": WEB, "service": {}},
        {"id": WEB, "service": ["x"]},
    ],
)
def test_what_is_no_did_document_is_refused(document):
    with pytest.raises(DidError):
        DidDocument.parse(document)


def test_as_many_keys_as_allowed_are_read():
    methods = [method(fragment=f"#{number}") for number in range(MAXIMUM_KEYS)]

    document = DidDocument.parse({"id": WEB, "verificationMethod": methods})

    assert len(document.methods) == MAXIMUM_KEYS


SERVICE = node()["service"][0]


@pytest.mark.parametrize(
    "service",
    [
        SERVICE | {"type": "Other"},
        SERVICE | {"serviceEndpoint": "https://uni-a.example/lrx/1"},
        *(
            SERVICE | {"serviceEndpoint": SERVICE["serviceEndpoint"] | members}
            for members in (
                {"accept": ["lrx/2.0"]},
                {"accept": "lrx/1.0"},
                {"accept": None},
                {"uri": "http://uni-a.example/lrx/1"},
                {"uri": None},
                {"profile": 1},
                {"profile": "ftp://uni-a.example"},
            )
        ),
    ],
)
def test_a_service_of_another_form_is_not_ours(service):
    document = DidDocument.parse({"id": WEB, "service": [service]})

    assert document.lrx_service() is None
    ours = SERVICE | {"id": "#ours"}
    assert DidDocument.parse({"id": WEB, "service": [service, ours]}).lrx_service()


def published(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


@pytest.mark.parametrize("did", list(published("ed25519-x25519")))
def test_the_published_ed25519_did_keys_expand(did):
    document = resolve_offline(Did(did))
    url = f"{did}#{did[8:]}"

    assert document.key_for(url, "authentication").multikey() == did[8:]
    assert document.key_for(url, "assertionMethod").multikey() == did[8:]
    assert document.encryption_keys() == {}


@pytest.mark.parametrize("did", list(published("nist-curves")))
def test_the_published_nist_did_keys_expand(did):
    stated = published("nist-curves")[did]["didDocument"]

    document = resolve_offline(Did(did))
    key = document.key_for(f"{did}#{did[8:]}", "assertionMethod")

    assert stated["assertionMethod"] == [f"{did}#{did[8:]}"]
    assert f"did:key:{key.multikey()}" == did


@pytest.mark.parametrize("did", list(published("x25519")["didDocument"]))
def test_the_published_x25519_did_keys_expand(did):
    document = resolve_offline(Did(did))

    assert list(document.encryption_keys()) == [f"{did}#{did[8:]}"]
    assert document.key_for(f"{did}#{did[8:]}", "authentication") is None


def jwk_did(value):
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Did("did:jwk:" + as_base64url(octets))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_did_jwk_of_each_kind_of_key_expands(algorithm):
    key = LocalSigningKey.generate(algorithm).verification_key
    did = jwk_did(key.jwk())

    document = resolve_offline(did)

    assert document.key_for(f"{did}#0", "assertionMethod") == key


def test_the_did_jwk_of_the_method_specification_expands():
    # did:jwk Method Specification, section "Examples", the P-256 one.
    jwk = (
        '{"crv":"P-256","kty":"EC",'
        '"x":"acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0",'
        '"y":"_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE"}'
    )
    did = Did("did:jwk:" + base64.urlsafe_b64encode(jwk.encode()).decode().rstrip("="))

    document = resolve_offline(did)

    assert document.key_for(f"{did}#0", "assertionMethod").jwk() == json.loads(jwk)
    assert document.key_for(f"{did}#0", "authentication") is not None


def test_a_did_jwk_for_encryption_is_for_nothing_else():
    did = jwk_did(ENCRYPTION.jwk())

    assert resolve_offline(did).encryption_keys() == {f"{did}#0": ENCRYPTION}
    assert resolve_offline(did).key_for(f"{did}#0", "authentication") is None


@pytest.mark.parametrize(
    "did",
    [
        Did("did:key:z6Mk"),
        Did("did:key:u" + as_base64url(b"\xed\x01" + EDDSA.raw)),
        Did("did:jwk:A"),
        jwk_did([]),
        jwk_did({}),
        jwk_did(b"text"),
        jwk_did(b"[" * 1400),
        jwk_did(b"\xff"),
        jwk_did(EDDSA.jwk() | {"d": "AAAA"}),
    ],
)
def test_a_did_without_a_usable_key_is_refused(did):
    with pytest.raises(DidError):
        resolve_offline(did)


def test_dids_on_the_web_are_not_expanded():
    assert resolve_offline(WEB) is None
    assert resolve_offline(Did(WEBVH)) is None


DOCUMENTS = [DidDocument.parse({"id": WEB, "n": number}) for number in range(3)]
VERSIONS = tuple(
    DidVersion(number + 1, f"{number + 1}-Qm", AT + number * HOUR, document)
    for number, document in enumerate(DOCUMENTS)
)


@given(st.integers(-3, 5), st.booleans())
def test_one_document_counts_at_a_time(quarters, deactivated):
    history = DidHistory(WEB, None, VERSIONS, deactivated)
    moment = AT + quarters * HOUR / 2
    begun = [version for version in VERSIONS if version.at <= moment]

    expected = begun[-1].document if begun else None
    if deactivated and len(begun) == 3:
        expected = None

    assert history.at(moment) is expected


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (-2, -1, []),
        (-1, 0, [0]),
        (0, 0, [0]),
        (0.5, 1, [0, 1]),
        (0.5, 2.5, [0, 1, 2]),
        (1, 1.5, [1]),
        (3, 4, [2]),
        (4, 3, [2]),
    ],
)
def test_documents_between_two_moments(since, until, expected):
    history = DidHistory(WEB, None, VERSIONS)

    found = history.between(AT + since * HOUR, AT + until * HOUR)

    assert found == [DOCUMENTS[number] for number in expected]


def test_a_document_seen_once_counts_from_then_on():
    history = DidHistory.of_document(DOCUMENTS[0], AT)

    assert history.current() is DOCUMENTS[0]
    assert history.at(AT) is DOCUMENTS[0]
    assert history.at(AT - HOUR) is None
    assert history.dids == {WEB}
    assert history.scid is None


def test_a_deactivated_did_has_no_current_document():
    with pytest.raises(DidError):
        DidHistory(WEB, None, VERSIONS, deactivated=True).current()
