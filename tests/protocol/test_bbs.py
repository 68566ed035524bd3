import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_arkworks_bls12381 import Scalar

from protocol.errors import MalformedValueError
from protocol.identity.bbs_keys import PublicKey, SecretKey
from protocol.securing import bbs
from protocol.securing.bbs import (
    _P1,
    _generators,
    _hash,
    _numbers,
    prove,
    sign,
    verify,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "bbs"
KEY = SecretKey.generate()
PUBLIC = KEY.public_key
HEADER = b"header"
MESSAGES = [b"one", b"two", b"", b"four"]
SIGNATURE = sign(KEY, HEADER, MESSAGES)
PROOF = prove(PUBLIC, SIGNATURE, HEADER, MESSAGES, shown=[0, 2])


def published(name):
    return json.loads((VECTORS / f"{name}.json").read_text())


def of_hex(texts):
    return [bytes.fromhex(text) for text in texts]


def names(folder):
    return sorted(f"{folder}/{path.stem}" for path in (VECTORS / folder).glob("*.json"))


def mocked(count):
    """The mocked random scalars of the draft, section "Mocked Random Scalars"."""
    mock = published("mockedRng")
    seed, dst = bytes.fromhex(mock["seed"]), bytes.fromhex(mock["dst"])
    return seeded_scalars(seed, dst, count)


def seeded_scalars(seed, dst, count):
    octets = expand(seed, dst, 48 * count)
    return [
        Scalar.from_be_bytes_mod_order(octets[at : at + 48])
        for at in range(0, len(octets), 48)
    ]


def expand(message, dst, length):
    """RFC 9380, section "expand_message_xmd", for any length."""
    sha, dst = bbs.hashlib.sha256, dst + bytes([len(dst)])
    start = sha(bytes(64) + message + length.to_bytes(2) + b"\0" + dst).digest()
    block, octets = bytes(32), b""
    for number in range(1, -(-length // 32) + 1):
        mixed = bytes(x ^ y for x, y in zip(start, block, strict=True))
        block = sha(mixed + bytes([number]) + dst).digest()
        octets += block
    return octets[:length]


def test_the_published_generators_come_out():
    expected = published("generators")

    _, octets = _generators(len(expected["MsgGenerators"]) + 1)

    assert octets.hex() == expected["Q1"] + "".join(expected["MsgGenerators"])
    assert _P1.to_compressed_bytes().hex() == expected["P1"]


def test_generators_are_the_same_whatever_their_number():
    points, octets = _generators(300)

    assert octets == b"".join(point.to_compressed_bytes() for point in points)
    assert _generators(130) == (points[:130], octets[: 130 * 48])


def test_published_messages_and_texts_become_the_published_scalars():
    hashed, mapped = published("h2s"), published("MapMessageToScalarAsHash")

    scalar = _hash(bytes.fromhex(hashed["message"]), bytes.fromhex(hashed["dst"]))
    numbers = _numbers(of_hex(case["message"] for case in mapped["cases"]))

    assert scalar.to_be_bytes().hex() == hashed["scalar"]
    assert [n.to_be_bytes().hex() for n in numbers] == [
        case["scalar"] for case in mapped["cases"]
    ]


def test_the_mocked_scalars_are_those_published():
    expected = published("mockedRng")["mockedScalars"]

    assert [one.to_be_bytes().hex() for one in mocked(len(expected))] == expected


def test_the_published_public_key_belongs_to_the_secret_one():
    pair = published("keypair")["keyPair"]
    key = SecretKey(bytes.fromhex(pair["secretKey"]))

    assert key.public_key.raw.hex() == pair["publicKey"]
    assert pair["secretKey"] not in repr(key)


@pytest.mark.parametrize("name", names("signature"))
def test_published_signatures_are_judged_as_published(name):
    case = published(name)
    public = PublicKey(bytes.fromhex(case["signerKeyPair"]["publicKey"]))
    signature = bytes.fromhex(case["signature"])
    header, messages = bytes.fromhex(case["header"]), of_hex(case["messages"])

    valid = case["result"]["valid"]

    assert verify(public, signature, header, messages) is valid
    if valid:
        secret = SecretKey(bytes.fromhex(case["signerKeyPair"]["secretKey"]))
        assert sign(secret, header, messages) == signature


@pytest.mark.parametrize("name", names("proof"))
def test_published_proofs_are_judged_as_published(name):
    case = published(name)
    public = PublicKey(bytes.fromhex(case["signerPublicKey"]))
    proof, header = bytes.fromhex(case["proof"]), bytes.fromhex(case["header"])
    presentation = bytes.fromhex(case["presentationHeader"])
    messages, shown = of_hex(case["messages"]), case["disclosedIndexes"]

    valid = case["result"]["valid"]

    verified = bbs.verify_proof(
        public,
        proof,
        header,
        [messages[place] for place in shown],
        shown=shown,
        presentation_header=presentation,
    )
    assert verified is valid
    if valid:
        made = prove(
            public,
            bytes.fromhex(case["signature"]),
            header,
            messages,
            shown=shown,
            presentation_header=presentation,
            scalars=mocked,
        )
        assert made == proof


@settings(max_examples=15, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_any_part_of_what_was_signed_can_be_shown(messages, data):
    places = st.sets(st.sampled_from(range(len(messages)))) if messages else st.just([])
    shown = sorted(data.draw(places))
    signature = sign(KEY, HEADER, messages)

    proof = prove(PUBLIC, signature, HEADER, messages, shown=shown)

    stated = [messages[place] for place in shown]
    assert verify(PUBLIC, signature, HEADER, messages)
    assert bbs.verify_proof(PUBLIC, proof, HEADER, stated, shown=shown)


def test_two_proofs_of_the_same_are_not_alike():
    again = prove(PUBLIC, SIGNATURE, HEADER, MESSAGES, shown=[0, 2])

    assert again != PROOF
    assert SIGNATURE[:48] not in again


@pytest.mark.parametrize(
    ("messages", "shown", "header"),
    [
        ([b"one", b"x"], [0, 2], HEADER),
        ([b"one", b""], [0, 1], HEADER),
        ([b"one", b""], [0, 3], HEADER),
        ([b"", b"one"], [2, 0], HEADER),
        ([b"one"], [0, 2], HEADER),
        ([b"one"], [0], HEADER),
        ([b"one", b"", b"four"], [0, 2, 3], HEADER),
        ([b"one", b""], [0, 4], HEADER),
        ([b"one", b""], [0, 2], b""),
    ],
)
def test_a_proof_is_of_these_messages_at_these_places(messages, shown, header):
    assert not bbs.verify_proof(PUBLIC, PROOF, header, messages, shown=shown)


def test_no_octet_of_a_proof_may_change():
    stated = [b"one", b""]

    assert bbs.verify_proof(PUBLIC, PROOF, HEADER, stated, shown=[0, 2])
    for at in range(0, len(PROOF), 7):
        changed = PROOF[:at] + bytes([PROOF[at] ^ 1]) + PROOF[at + 1 :]
        assert not bbs.verify_proof(PUBLIC, changed, HEADER, stated, shown=[0, 2])


@pytest.mark.parametrize(
    "proof",
    [
        b"",
        PROOF[:-1],
        PROOF[:-32],
        PROOF + bytes(31) + b"\1",
        b"\xc0" + bytes(47) + PROOF[48:],
        PROOF[:144] + bytes(32) + PROOF[176:],
        PROOF[:144] + b"\xff" * 32 + PROOF[176:],
        b"\0" * len(PROOF),
        PROOF[:144] + PROOF[144:176] * 4200,
    ],
)
def test_what_is_no_proof_is_refused(proof):
    assert not bbs.verify_proof(PUBLIC, proof, HEADER, [b"one", b""], shown=[0, 2])


def test_a_proof_of_nothing_known_is_refused():
    """With the identity in place of its points, any messages would pass."""
    nothing = b"\xc0" + bytes(47)
    assert not bbs.verify_proof(
        PUBLIC, nothing * 3 + PROOF[144:], HEADER, [b"one", b""], shown=[0, 2]
    )


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:-1],
        b"\xc0" + bytes(47) + SIGNATURE[48:],
        SIGNATURE[:48] + bytes(32),
        bytes([SIGNATURE[0] ^ 0x20]) + SIGNATURE[1:],
    ],
)
def test_what_is_no_signature_is_refused_and_proves_nothing(signature):
    assert not verify(PUBLIC, signature, HEADER, MESSAGES)
    with pytest.raises(MalformedValueError):
        prove(PUBLIC, signature, HEADER, MESSAGES, shown=[0])


@pytest.mark.parametrize("shown", [[4], [-1], [1, 1], [1, 0]])
def test_places_are_in_order_and_within_the_messages(shown):
    with pytest.raises(MalformedValueError, match="not in order"):
        prove(PUBLIC, SIGNATURE, HEADER, MESSAGES, shown=shown)


@pytest.mark.parametrize(
    "raw",
    [b"", bytes(96), b"\xc0" + bytes(95), b"\xff" * 96, PUBLIC.raw[:-1] + b"\0"],
)
def test_what_is_no_public_key_is_refused(raw):
    with pytest.raises(MalformedValueError, match="not a public key"):
        _ = PublicKey(raw).point
    assert not verify(PublicKey(raw), SIGNATURE, HEADER, MESSAGES)
    assert not bbs.verify_proof(
        PublicKey(raw), PROOF, HEADER, [b"one", b""], shown=[0, 2]
    )


@pytest.mark.parametrize("raw", [b"", bytes(32), b"\xff" * 32, bytes(33)])
def test_what_is_no_secret_key_is_refused(raw):
    with pytest.raises(MalformedValueError):
        _ = SecretKey(raw).public_key


def test_the_number_of_messages_is_bounded():
    many = [b""] * (bbs.MAXIMUM_MESSAGES + 1)

    with pytest.raises(MalformedValueError, match="more than"):
        sign(KEY, HEADER, many)
    assert not verify(PUBLIC, SIGNATURE, HEADER, many)
