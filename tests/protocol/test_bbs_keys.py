import pytest

from protocol.errors import MalformedValueError
from protocol.identity.bbs_keys import PublicKey, SecretKey
from protocol.identity.dids import Did, resolve_offline
from protocol.identity.keys import LocalSigningKey, VerificationKey

KEY = SecretKey.generate()
PUBLIC = KEY.public_key


def test_a_key_comes_and_goes_as_multikey():
    read = VerificationKey.from_multikey(PUBLIC.multikey())

    assert PUBLIC.multikey().startswith("zUC7")
    assert (read.algorithm, read.raw) == ("BBS", PUBLIC.raw)
    assert read.multikey() == PUBLIC.multikey()
    assert VerificationKey.from_jwk(read.jwk()) == read
    assert SecretKey.from_multikey(KEY.multikey()) == KEY


def test_a_did_key_of_bbs_is_resolved():
    did = Did(f"did:key:{PUBLIC.multikey()}")

    document = resolve_offline(did)

    (method,) = document.methods.values()
    assert method.key.raw == PUBLIC.raw


def test_no_octets_are_signed_with_a_key_for_bbs():
    read = VerificationKey.from_multikey(PUBLIC.multikey())

    assert not read.verify(bytes(64), b"")
    assert not read.verify(bytes(80), b"")


@pytest.mark.parametrize("raw", [b"", bytes(96), b"\xc0" + bytes(95)])
def test_what_is_no_public_key_is_refused(raw):
    with pytest.raises(MalformedValueError):
        VerificationKey("BBS", raw)
    with pytest.raises(MalformedValueError):
        VerificationKey.from_multikey(PublicKey(raw).multikey())


@pytest.mark.parametrize(
    "text",
    [
        LocalSigningKey.generate("ES256").verification_key.multikey(),
        SecretKey(bytes(32)).multikey(),
        SecretKey(b"\xff" * 32).multikey(),
        SecretKey(bytes(31)).multikey(),
        "u",
    ],
)
def test_what_is_no_secret_key_is_refused(text):
    with pytest.raises(MalformedValueError):
        SecretKey.from_multikey(text)


def test_a_secret_key_is_not_shown_by_chance():
    assert KEY.raw.hex() not in repr(KEY)
    with pytest.raises(MalformedValueError, match="a private Multikey"):
        LocalSigningKey.from_multikey(KEY.multikey())
