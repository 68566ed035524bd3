"""The audit log's tree, proofs and checkpoints, against published values."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedValueError, SignatureError
from protocol.exchange.merkle_log import (
    EMPTY_ROOT,
    Checkpoint,
    Tree,
    consistency_proof,
    inclusion_proof,
    leaf,
    leaf_hash,
    node_hash,
    note_key,
    parse_note_key,
    verify_consistency,
    verify_inclusion,
)
from protocol.identity.keys import LocalSigningKey, VerificationKey

VECTORS = json.loads(
    (Path(__file__).parents[2] / "protocol/vectors/merkle_log.json").read_text("utf-8")
)
REFERENCE = VECTORS["rfc6962"]
LEAVES = [leaf_hash(bytes.fromhex(text)) for text in REFERENCE["entries"]]

trees = st.lists(st.binary(max_size=2).map(leaf_hash), max_size=40)


def mth(leaf_hashes):
    """RFC 6962, section "Merkle Hash Trees", word for word."""
    if not leaf_hashes:
        return hashlib.sha256().digest()
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    k = 1
    while 2 * k < len(leaf_hashes):
        k *= 2
    return node_hash(mth(leaf_hashes[:k]), mth(leaf_hashes[k:]))


def flipped(octets, bit):
    changed = bytearray(octets)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_the_reference_tree(size):
    tree = Tree(LEAVES[:size])

    assert tree.size == size
    assert tree.root().hex() == REFERENCE["roots"][size]


@pytest.mark.parametrize("vector", REFERENCE["inclusion"])
def test_inclusion_proofs_are_the_published_ones(vector):
    proof = inclusion_proof(vector["index"], LEAVES[: vector["size"]])

    assert [one.hex() for one in proof] == vector["proof"]


@pytest.mark.parametrize("vector", REFERENCE["consistency"])
def test_consistency_proofs_are_the_published_ones(vector):
    proof = consistency_proof(vector["first"], LEAVES[: vector["second"]])

    assert [one.hex() for one in proof] == vector["proof"]


@given(trees)
def test_the_root_is_that_of_the_definition(leaf_hashes):
    assert Tree(leaf_hashes).root() == mth(leaf_hashes)


@given(trees.filter(len), st.data())
def test_every_leaf_can_be_proved_and_no_other(leaf_hashes, data):
    size, root = len(leaf_hashes), Tree(leaf_hashes).root()
    index = data.draw(st.integers(0, size - 1))

    proof = inclusion_proof(index, leaf_hashes)

    assert verify_inclusion(leaf_hashes[index], index, size, proof, root)
    other = data.draw(st.integers(-1, size + 1))
    if other not in range(size) or leaf_hashes[other] != leaf_hashes[index]:
        assert not verify_inclusion(leaf_hashes[index], other, size, proof, root)
    assert not verify_inclusion(leaf_hash(b"not there"), index, size, proof, root)
    assert not verify_inclusion(leaf_hashes[index], index, size, proof, EMPTY_ROOT)
    assert not verify_inclusion(leaf_hashes[index], index, size, (*proof, root), root)
    if proof:
        wrong = flipped(
            b"".join(proof), data.draw(st.integers(0, 256 * len(proof) - 1))
        )
        changed = [wrong[at : at + 32] for at in range(0, len(wrong), 32)]
        assert not verify_inclusion(leaf_hashes[index], index, size, changed, root)
        assert not verify_inclusion(leaf_hashes[index], index, size, proof[1:], root)
        short = (proof[0][:31], *proof[1:])
        assert not verify_inclusion(leaf_hashes[index], index, size, short, root)


@given(trees, st.data())
def test_a_tree_is_consistent_with_its_beginning_and_no_other(leaf_hashes, data):
    second, after = len(leaf_hashes), Tree(leaf_hashes).root()
    first = data.draw(st.integers(0, second))
    before = Tree(leaf_hashes[:first]).root()

    proof = consistency_proof(first, leaf_hashes)

    assert verify_consistency(first, second, proof, (before, after))
    wrong = leaf_hash(b"not a root")
    assert not verify_consistency(first, second, proof, (wrong, after))
    if first:
        assert not verify_consistency(first, second, proof, (before, wrong))
        assert not verify_consistency(first, second, (*proof, wrong), (before, after))
    if proof:
        assert not verify_consistency(first, second, proof[:-1], (before, after))
        assert not verify_consistency(
            first, second, (proof[0][1:], *proof[1:]), (before, after)
        )
    assert not verify_consistency(second + 1, second, proof, (before, after))


def test_a_log_with_a_changed_past_is_caught():
    shown = [leaf_hash(bytes([n])) for n in range(5)]
    forked = [leaf_hash(b"other"), *shown[1:], leaf_hash(b"new")]

    proof = consistency_proof(5, forked)

    roots = (Tree(shown).root(), Tree(forked).root())
    assert not verify_consistency(5, 6, proof, roots)
    assert not verify_consistency(5, 6, (), roots)


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(index, LEAVES[:3])
    with pytest.raises(ValueError, match="no tree"):
        consistency_proof(4 if index > 0 else index, LEAVES[:3])


def test_a_leaf_among_a_hundred_thousand_can_be_proved():
    leaf_hashes = [leaf_hash(n.to_bytes(4)) for n in range(100_000)]

    proof = inclusion_proof(99_999, leaf_hashes)

    root = Tree(leaf_hashes).root()
    assert verify_inclusion(leaf_hashes[-1], 99_999, 100_000, proof, root)


def test_an_entry_means_nothing_without_its_blind():
    event = {"kind": "release", "release_id": "01a17212d8007a4d8451ec23463726f7"}

    entry = leaf(b"b" * 32, event)

    assert len(entry) == 32
    assert entry == leaf(b"b" * 32, dict(reversed(event.items())))
    assert entry != leaf(b"c" * 32, event)
    assert entry != leaf(b"b" * 32, {**event, "kind": "receipt"})
    vector = VECTORS["leaf"]
    assert (
        leaf(bytes.fromhex(vector["blind"]), vector["event"]).hex() == vector["entry"]
    )


def test_an_event_without_a_canonical_form_is_refused():
    with pytest.raises(MalformedValueError):
        leaf(b"b" * 32, {"size": float("nan")})


KEY = LocalSigningKey.from_jwk(VECTORS["checkpoint"]["key"])
ORIGIN = VECTORS["checkpoint"]["origin"]
CHECKPOINT = Checkpoint(ORIGIN, 8, Tree(LEAVES).root())
NOTE = CHECKPOINT.sign(KEY)


def opened(note, key=KEY.verification_key, origin=ORIGIN):
    return Checkpoint.open(note, origin=origin, key=key)


def test_a_checkpoint_is_a_signed_note():
    assert NOTE.decode() == VECTORS["checkpoint"]["note"]
    assert note_key(ORIGIN, KEY.verification_key) == VECTORS["checkpoint"]["note_key"]
    assert opened(NOTE) == CHECKPOINT
    assert Checkpoint.parse(NOTE) == CHECKPOINT


@pytest.mark.parametrize("text", VECTORS["published_note_keys"])
def test_log_keys_published_by_others_can_be_read(text):
    name, key = parse_note_key(text)

    assert note_key(name, key) == text


def test_signatures_by_others_are_ignored():
    witness = LocalSigningKey.generate("EdDSA")
    cosigned = (
        NOTE
        + Checkpoint("witness.example/w", 8, CHECKPOINT.root)
        .sign(witness)
        .split(b"\n\n")[1]
    )

    assert opened(cosigned) == CHECKPOINT


def test_lines_that_extend_a_checkpoint_are_passed_over():
    text = CHECKPOINT.text() + "extension\n"
    blob = NOTE.split(b" ")[-1]
    forged = text.encode() + b"\n" + "— ".encode() + ORIGIN.encode() + b" " + blob

    assert Checkpoint.parse(forged) == CHECKPOINT
    with pytest.raises(SignatureError):
        opened(forged)


def test_a_checkpoint_of_another_log_or_key_is_refused():
    other = LocalSigningKey.generate("EdDSA")
    with pytest.raises(SignatureError):
        opened(NOTE, key=other.verification_key)
    with pytest.raises(SignatureError):
        opened(NOTE, origin="other.example/log")
    with pytest.raises(SignatureError):
        opened(Checkpoint(ORIGIN, 8, CHECKPOINT.root).sign(other))


def test_no_bit_of_a_checkpoint_can_be_changed_unseen():
    for bit in range(8 * len(NOTE)):
        with pytest.raises((MalformedValueError, SignatureError)):
            opened(flipped(NOTE, bit))


LINES = NOTE.decode()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"\xff" + NOTE,
        LINES[:-1].encode(),
        LINES.replace("\n\n", "\n").encode(),
        LINES.replace("\n8\n", "\n08\n").encode(),
        LINES.replace("\n8\n", "\n-8\n").encode(),
        LINES.replace("\n8\n", "\n8\r\n").encode(),
        LINES.replace("\n8\n", "\n\n8\n").encode(),
        LINES.replace("\n8\n", "\n").encode(),
        LINES.replace("— ", "- ").encode(),
        (LINES[: LINES.index("—")] + f"— {ORIGIN} AAAAAA==\n").encode(),
        (LINES[: LINES.index("—")] + f"— {ORIGIN} A===\n").encode(),
        (LINES[: LINES.index("—")] + f"— {ORIGIN} AB==\n").encode(),
        f"{ORIGIN}\n8\nAAAA\n\n— {ORIGIN} AAAAAAAA\n".encode(),
        NOTE + b"x" * 131_072,
    ],
)
def test_what_is_not_a_checkpoint_is_refused(note):
    with pytest.raises(MalformedValueError):
        opened(note)


def test_a_log_key_is_an_ed25519_key_with_a_usable_name():
    other = LocalSigningKey.generate("ES256")
    with pytest.raises(MalformedValueError):
        CHECKPOINT.sign(other)
    for name in ("", "a b", "a+b", "a\n"):
        with pytest.raises(MalformedValueError):
            Checkpoint(name, 8, CHECKPOINT.root).sign(KEY)


@given(st.binary(min_size=32, max_size=32))
def test_a_log_key_survives_its_text(seed):
    try:
        key = VerificationKey("EdDSA", seed)
    except MalformedValueError:
        return

    assert parse_note_key(note_key("a.example/log", key)) == ("a.example/log", key)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a+b",
        "a+00000000+AQ==",
        "a+00000000+AgAA",
        VECTORS["checkpoint"]["note_key"].replace("+", "+0", 1),
        VECTORS["checkpoint"]["note_key"].upper(),
    ],
)
def test_what_is_not_a_log_key_is_refused(text):
    with pytest.raises(MalformedValueError):
        parse_note_key(text)
