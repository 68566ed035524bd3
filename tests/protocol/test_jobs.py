from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.exchange import did_log
from protocol.identity.dids import DidDocument, DidHistory, node_document
from protocol.identity.jobs import shared_key
from protocol.identity.keys import DecryptionKey, EncryptionKey, LocalSigningKey

AT = datetime(2026, 11, 1, tzinfo=UTC)
DID = "did:web:uni-a.example"
MESSAGE, CREDENTIAL, OTHER = (
    LocalSigningKey.generate("EdDSA").verification_key for _ in range(3)
)
P256 = LocalSigningKey.generate("ES256").verification_key
ENCRYPTION = DecryptionKey.generate().encryption_key


def history(message=MESSAGE, credentials=(CREDENTIAL, P256), encryption=ENCRYPTION):
    document = node_document(
        DID,
        message_key=message,
        credential_keys=credentials,
        encryption_key=encryption,
        endpoint="https://uni-a.example/lrx/1",
        profile="https://uni-a.example/.well-known/lrx",
    )
    return DidHistory.of_document(DidDocument.parse(document), AT)


def converted():
    """One seed as an Ed25519 key and as the X25519 key that follows from it."""
    import hashlib  # noqa: PLC0415

    seed = bytes(range(32))
    scalar = hashlib.sha512(seed).digest()[:32]
    signing = Ed25519PrivateKey.from_private_bytes(seed)
    opening = X25519PrivateKey.from_private_bytes(scalar)
    multikey = LocalSigningKey.from_jwk(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "d": _text(seed),
            "x": _text(signing.public_key().public_bytes_raw()),
        }
    ).verification_key
    return multikey, EncryptionKey(opening.public_key().public_bytes_raw())


def _text(octets):
    import base64  # noqa: PLC0415

    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def test_a_key_for_each_job_is_fine():
    assert shared_key(history()) is None
    assert shared_key(history(credentials=[])) is None
    assert shared_key(history(credentials=[CREDENTIAL, CREDENTIAL])) is None


@pytest.mark.parametrize("shared", [MESSAGE, P256])
def test_one_key_under_two_names_has_two_jobs(shared):
    found = shared_key(history(message=shared, credentials=[shared]))
    assert (
        found
        == "#sig-1 is used for authentication and, as #cred-1, for assertionMethod"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("authentication", "assertionMethod"),
        ("assertionMethod", "keyAgreement"),
        ("keyAgreement", "authentication"),
    ],
)
def test_one_name_in_two_relationships_has_two_jobs(one, other):
    document = history().current().as_dict()
    document[one] = [*document[one], document[other][0]]
    changed = DidHistory.of_document(DidDocument.parse(document), AT)
    assert "is used for" in shared_key(changed)


def test_a_key_of_a_kind_we_do_not_know_has_a_name_all_the_same():
    document = history().current().as_dict()
    document["verificationMethod"].append(
        {"id": f"{DID}#x", "type": "Future", "controller": DID}
    )
    document["authentication"].append(f"{DID}#x")
    document["keyAgreement"].append(f"{DID}#x")
    changed = DidHistory.of_document(DidDocument.parse(document), AT)
    assert shared_key(changed).startswith("#x is used for authentication")


def test_an_ed25519_key_and_the_x25519_key_that_follows_from_it_are_one():
    signing, encryption = converted()
    assert "keyAgreement" in shared_key(history(message=signing, encryption=encryption))
    assert shared_key(history(message=signing)) is None
    assert shared_key(history(encryption=encryption)) is None


def test_an_update_key_does_nothing_else():
    update, successor = (LocalSigningKey.generate("EdDSA") for _ in range(2))

    def log(**changed):
        template = node_document(
            "did:webvh:{SCID}:uni-a.example",
            **{
                "message_key": MESSAGE,
                "credential_keys": [CREDENTIAL],
                "encryption_key": ENCRYPTION,
                "endpoint": "https://uni-a.example/lrx/1",
                "profile": "https://uni-a.example/.well-known/lrx",
            }
            | changed,
        )
        announced = did_log.next_key_hash(successor.verification_key.multikey())
        did, octets = did_log.create(
            template, update_key=update, next_key_hashes=[announced], at=AT
        )
        return did_log.read(did, octets)

    assert shared_key(log()) is None
    found = shared_key(log(message_key=update.verification_key))
    assert (
        found
        == "#sig-1 is used for authentication and, as the update key, for updateKeys"
    )
