"""`did:peer` 2 and 4, beside what other software makes of the same.

The two DIDs were made with the packages `did-peer-2` 0.1.2 and `did-peer-4` 0.1.4 of
the Decentralized Identity Foundation.
"""

import hashlib

import pytest

from protocol.errors import DidError, MalformedValueError
from protocol.identity import peer_dids
from protocol.identity.dids import Did, DidDocument, resolve_offline
from protocol.identity.multibase import as_base58btc, as_base64url
from protocol.identity.places import SHA2_256

SIGNING = "z6Mkj3PUd1WjvaDhNZhhhXQdz5UnZXmS7ehtx8bsPpD47kKc"
AGREED = "z6LSg8zQom395jKLrGiBNruB9MM6V8PWuf2FpEy4uRFiqQBR"
TWO = (
    f"did:peer:2.V{SIGNING}.E{AGREED}"
    ".SeyJ0IjoiZG0iLCJzIjp7InVyaSI6Imh0dHA6Ly9leGFtcGxlLmNvbS9kaWRjb21tIiwiYSI6WyJkaWRj"
    "b21tL3YyIl0sInIiOlsiZGlkOmV4YW1wbGU6MTIzNDU2Nzg5YWJjZGVmZ2hpI2tleS0xIl19fQ"
    ".SeyJ0IjoiWCIsInMiOiJodHRwczovL2EuZXhhbXBsZS94In0"
)
SERVICES = [
    {
        "type": "DIDCommMessaging",
        "serviceEndpoint": {
            "uri": "http://example.com/didcomm",
            "accept": ["didcomm/v2"],
            "routingKeys": ["did:example:123456789abcdefghi#key-1"],
        },
    },
    {"type": "X", "serviceEndpoint": "https://a.example/x"},
]
STATED = {
    "@context": [
        "https://www.w3.org/ns/did/v1",
        "https://w3id.org/security/multikey/v1",
    ],
    "verificationMethod": [
        {"id": "#k1", "type": "Multikey", "publicKeyMultibase": SIGNING}
    ],
    "authentication": ["#k1"],
    "assertionMethod": ["#k1"],
    "service": [{"id": "#s", "type": "X", "serviceEndpoint": "https://a.example/x"}],
}
SHORT = "did:peer:4zQmQJWLJt75yWS2rACZhtrY5SKmYi87MPPWvodMZtwaqRrf"
FOUR = (
    f"{SHORT}:zRUJ6ZE2WcGu5FqLkPZy5YghAbVEB323aX35DEq1EnZJpW4B6v5kCBVCeMzXKq9FuRma6yRQ"
    "U5TsrYfwSEvjR5F2P1Kmj3M2VvwSruggi6bURtjzevhYtQpgkrhnqnitjsTyTATBzPH1MRD6wt49ettTg"
    "84Vu4rHDsP9VTy8hNT3g4N6H51NtUm3TR8hGF3VtSmFeDbVaGhjHPDNaXuqxixGZ5DkEAmztH7tmGynDN"
    "v3vd3VieZPsn9LxZi2Q8Hvo4KW36NXAQtQRiZ58ptNX3aPcwqqMjRpwwkDBzc4PEaE7nda9fz1fpFqpVx"
    "GqZtsi4VbAFaLaPjHGLC49YLrDSy2JCnN9aYCrquDgyhA9zQcoufhNFHaLXYZQXdVaBeRQ5BpPB1q8Qx7"
    "4Y7U8haRUCKKTqJf3mcuXpyLsvqpbRwP6WBTs9Tp3RnhmiyE6VmkdNbGwpyh1nR6SzzQ"
)


def test_method_2_is_read_as_others_read_it():
    document = peer_dids.document(TWO)
    method = {"type": "Multikey", "controller": TWO}
    assert document["verificationMethod"] == [
        {"id": "#key-1", "publicKeyMultibase": SIGNING} | method,
        {"id": "#key-2", "publicKeyMultibase": AGREED} | method,
    ]
    assert document["authentication"] == ["#key-1"]
    assert document["keyAgreement"] == ["#key-2"]
    assert document["service"] == [
        {"id": "#service"} | SERVICES[0],
        {"id": "#service-1"} | SERVICES[1],
    ]


def test_method_2_is_written_as_others_write_it():
    keys = [("authentication", SIGNING), ("keyAgreement", AGREED)]
    assert peer_dids.string(keys, SERVICES) == TWO


def test_method_4_is_read_and_written_as_by_others():
    assert peer_dids.hashed(STATED) == FOUR
    document = peer_dids.document(FOUR)
    (method,) = STATED["verificationMethod"]
    assert document == STATED | {
        "id": FOUR,
        "alsoKnownAs": [SHORT],
        "verificationMethod": [method | {"controller": FOUR}],
    }
    assert peer_dids.short_form(FOUR) == SHORT


def test_their_keys_can_be_used():
    document = resolve_offline(Did(TWO))
    assert document.key_for(f"{TWO}#key-1", "authentication").multikey() == SIGNING
    assert document.key_for(f"{TWO}#key-1", "assertionMethod") is None
    assert list(document.encryption_keys()) == [f"{TWO}#key-2"]
    assert resolve_offline(Did(FOUR)).key_for(f"{FOUR}#k1", "assertionMethod")


def test_a_list_of_services_in_one_element_is_read_too():
    octets = b'[{"t":"dm","s":"https://a.example"},{"t":"x","s":"https://b.example"}]'
    did = f"did:peer:2.V{SIGNING}.S{as_base64url(octets)}"
    services = peer_dids.document(did)["service"]
    assert [one["id"] for one in services] == ["#service", "#service-1"]
    assert [one["type"] for one in services] == ["DIDCommMessaging", "x"]


def encoded(octets):
    text = "z" + as_base58btc(octets)
    digest = hashlib.sha256(text.encode()).digest()
    return f"did:peer:4z{as_base58btc(SHA2_256 + digest)}:{text}"


@pytest.mark.parametrize(
    "did",
    [
        "did:peer:2",
        "did:peer:2x",
        f"did:peer:2.X{SIGNING}",
        f"did:peer:2.V{SIGNING[1:]}",
        f"did:peer:2.V{SIGNING}.S~",
        f"did:peer:2.V{SIGNING}.S{as_base64url(b'{')}",
        f"did:peer:2.V{SIGNING}.S{as_base64url(b'7')}",
        f"did:peer:0{SIGNING}",
        "did:peer:3zQmYjRxcJd99Xnaa7TG7JDtWDBXvpjN2XwNc17ns5GgnaLN",
        SHORT,
        FOUR[:-1] + "z",
        FOUR.replace("4zQmQ", "4zQmR"),
        encoded(b'\x80\x04{"id":"did:peer:4z"}'),
        encoded(b"\x80\x04[]"),
        encoded(b"\x80\x04{"),
        encoded(b'\x80\x04{"alsoKnownAs":"me"}'),
        encoded(b"{}"),
    ],
)
def test_what_holds_no_document_is_refused(did):
    with pytest.raises(MalformedValueError):
        peer_dids.document(did)
    with pytest.raises(DidError):
        resolve_offline(Did(did))


def test_only_what_can_be_written_is():
    with pytest.raises(MalformedValueError, match="friendship"):
        peer_dids.string([("friendship", SIGNING)])
    with pytest.raises(MalformedValueError, match="id"):
        peer_dids.hashed({"id": "did:example:1"})


def test_two_services_with_one_id_are_refused():
    service = {"id": "#s", "type": "X", "serviceEndpoint": "https://a.example"}
    other = service | {"id": "did:example:1#s"}
    with pytest.raises(DidError, match="twice"):
        DidDocument.parse({"id": "did:example:1", "service": [service, other]})
