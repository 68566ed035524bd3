"""The audit log as a Merkle tree: leaves, roots, proofs, checkpoints.

The tree is that of RFC 6962 (section "Merkle Hash Trees"), also found in RFC 9162 and
in the C2SP documents; a checkpoint is a C2SP signed note (`tlog-checkpoint`). So other
people's monitors and witnesses can follow a log of ours; the files it is published as
are `log_tiles`.

What an entry holds is not the event but an HMAC of it under a secret of its own, the
blind. Event and blind are kept under the learner's key; once that is destroyed the
entry says nothing about anybody, while the tree and every proof stay valid.

An *entry* is what was logged (32 bytes), a *leaf hash* its hash as a leaf. Keeping
entries, and deciding when to publish a checkpoint, is for the node.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from protocol.errors import MalformedValueError, SignatureError
from protocol.identity.keys import SigningKey, VerificationKey
from protocol.linked_data.jcs import canonical

HASH = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
MAXIMUM_NOTE = 131_072
"""Bytes of a checkpoint: sixteen signatures of any kind in use have room."""

_ED25519_NOTE = b"\x01"
_KEY_ID = 4
_NAME = re.compile(r"[^\s+]+")


def leaf(blind: bytes, event: Mapping[str, Any]) -> bytes:
    """Return the log entry that stands for `event`.

    Raises:
        MalformedValueError: `event` has no canonical JSON form.
    """
    return hmac.digest(blind, canonical(dict(event)), "sha256")


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of an entry as a leaf of the tree."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that only grows, kept as the roots of its complete subtrees.

    Appending and asking for the root take the logarithm of its size.
    """

    __slots__ = ("_peaks", "_size")

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._size = 0
        self._peaks: list[bytes] = []
        for one in leaf_hashes:
            self.append(one)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return self._size

    def append(self, leaf_hash: bytes) -> None:
        """Add a leaf at the end."""
        size, peaks = self._size, self._peaks
        while size & 1:
            leaf_hash = node_hash(peaks.pop(), leaf_hash)
            size >>= 1
        peaks.append(leaf_hash)
        self._size += 1

    def root(self) -> bytes:
        """Return the root hash at the present size."""
        if not self._peaks:
            return EMPTY_ROOT
        *rest, root = self._peaks
        for peak in reversed(rest):
            root = node_hash(peak, root)
        return root


def inclusion_proof(index: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Prove that the leaf at `index` is in the tree of all `leaf_hashes`.

    Raises:
        ValueError: there is no such leaf.
    """
    if not 0 <= index < len(leaf_hashes):
        raise ValueError(f"no leaf {index} among {len(leaf_hashes)}")
    path: list[bytes] = []
    low, high = 0, len(leaf_hashes)
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(Tree(leaf_hashes[middle:high]).root())
            high = middle
        else:
            path.append(Tree(leaf_hashes[low:middle]).root())
            low = middle
    return tuple(reversed(path))


def consistency_proof(first: int, leaf_hashes: Sequence[bytes]) -> tuple[bytes, ...]:
    """Prove that the tree of the first `first` leaves is the beginning of the whole.

    Raises:
        ValueError: the whole has fewer leaves.
    """
    if not 0 <= first <= len(leaf_hashes):
        raise ValueError(f"no tree of {first} within {len(leaf_hashes)}")
    if first in (0, len(leaf_hashes)):
        return ()
    path: list[bytes] = []
    low, high, whole = 0, len(leaf_hashes), True
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            path.append(Tree(leaf_hashes[middle:high]).root())
            high = middle
        else:
            path.append(Tree(leaf_hashes[low:middle]).root())
            low, whole = middle, False
    if not whole:
        path.append(Tree(leaf_hashes[low:high]).root())
    return tuple(reversed(path))


def verify_inclusion(
    leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> bool:
    """Tell whether `proof` shows the leaf at `index` of the tree of `size` leaves.

    Follows RFC 9162, section "Verifying an Inclusion Proof".
    """
    if not 0 <= index < size or any(len(one) != HASH for one in proof):
        return False
    node, last, found = index, size - 1, leaf_hash
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            node, last = _up_to_right_child(node, last)
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and hmac.compare_digest(found, root)


def verify_consistency(
    first: int, second: int, proof: Sequence[bytes], roots: tuple[bytes, bytes]
) -> bool:
    """Tell whether `proof` shows one tree to be the beginning of another.

    `roots` are those of the trees of `first` and `second` leaves. Follows RFC 9162,
    section "Verifying Consistency between Two Tree Heads".
    """
    if not 0 <= first <= second or any(len(one) != HASH for one in proof):
        return False
    if first == second:
        return not proof and roots[0] == roots[1]
    if first == 0:
        return not proof and roots[0] == EMPTY_ROOT
    path = list(proof) if first & (first - 1) else [roots[0], *proof]
    if not path:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    before = after = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before = node_hash(sibling, before)
            after = node_hash(sibling, after)
            node, last = _up_to_right_child(node, last)
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and (before, after) == roots


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How long a log is, and the root of its tree: what the log signs."""

    origin: str
    """The log's name, a URL without scheme."""
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text, which is what is signed."""
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\n"

    def sign(self, key: SigningKey) -> bytes:
        """Return the signed note, with the origin as the name of the key.

        Raises:
            MalformedValueError: the origin cannot name a key, or `key` is not Ed25519.
        """
        identifier = _key_id(self.origin, key.verification_key)
        signature = key.sign(self.text().encode())
        line = base64.b64encode(identifier + signature).decode()
        return f"{self.text()}\n— {self.origin} {line}\n".encode()

    @classmethod
    def parse(cls, note: bytes) -> Self:
        """Read a note without judging its signatures.

        Lines that extend the text are passed over, as are the signatures.

        Raises:
            MalformedValueError: not a signed note, or its text is no checkpoint.
        """
        text, _ = _split_note(note)
        lines = text.split("\n")[:-1]
        if not all(lines) or len(lines) < len(("origin", "size", "root")):
            raise MalformedValueError(
                "a checkpoint has three lines, none of them empty"
            )
        origin, size, root = lines[:3]
        if not re.fullmatch(r"0|[1-9][0-9]{0,18}", size, re.ASCII):
            raise MalformedValueError("a tree size that is not a decimal number")
        digest = _base64(root)
        if len(digest) != HASH:
            raise MalformedValueError("a root hash of another length")
        return cls(origin, int(size), digest)

    @classmethod
    def open(cls, note: bytes, *, origin: str, key: VerificationKey) -> Self:
        """Read the checkpoint that the log `origin` signed with `key`.

        Signatures by others are ignored, as C2SP `signed-note` demands.

        Raises:
            MalformedValueError: as for `parse`, or `key` is not Ed25519.
            SignatureError: another log, or no signature by `key` that holds.
        """
        identifier = _key_id(origin, key)
        text, lines = _split_note(note)
        checkpoint = cls.parse(note)
        if checkpoint.origin != origin:
            raise SignatureError("a checkpoint of another log")
        ours = [
            blob
            for name, blob in lines
            if (name, blob[:_KEY_ID]) == (origin, identifier)
        ]
        if not ours or not all(
            key.verify(blob[_KEY_ID:], text.encode()) for blob in ours
        ):
            raise SignatureError("the checkpoint is not signed by its log")
        return checkpoint


def note_key(origin: str, key: VerificationKey) -> str:
    """Write a log's key as `name+id+key`, the form of a profile's `log.key`.

    Raises:
        MalformedValueError: the origin cannot name a key, or `key` is not Ed25519.
    """
    identifier = _key_id(origin, key)
    encoded = base64.b64encode(_ED25519_NOTE + key.raw).decode()
    return f"{origin}+{identifier.hex()}+{encoded}"


def parse_note_key(text: str) -> tuple[str, VerificationKey]:
    """Read the origin and the key from `name+id+key`.

    Raises:
        MalformedValueError: another form, another kind of key, or an id that is not
            the key's.
    """
    name, _, rest = text.partition("+")
    encoded = _base64(rest.partition("+")[2])
    if encoded[:1] != _ED25519_NOTE:
        raise MalformedValueError("a log key that is not Ed25519")
    key = VerificationKey("EdDSA", encoded[1:])
    if note_key(name, key) != text:
        raise MalformedValueError("a log key whose id is not its own")
    return name, key


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _up_to_right_child(node: int, last: int) -> tuple[int, int]:
    """Climb past the levels where the node is the last one and has no sibling."""
    while node and not node & 1:
        node, last = node >> 1, last >> 1
    return node, last


def _key_id(name: str, key: VerificationKey) -> bytes:
    if not _NAME.fullmatch(name):
        raise MalformedValueError("a log name is not empty and has no space or plus")
    if key.algorithm != "EdDSA":
        raise MalformedValueError("a log key is an Ed25519 key")
    named = name.encode() + b"\n" + _ED25519_NOTE + key.raw
    return hashlib.sha256(named).digest()[:_KEY_ID]


def _split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """Return the text that is signed, and the name and bytes of each signature."""
    if len(note) > MAXIMUM_NOTE:
        raise MalformedValueError(f"a note of more than {MAXIMUM_NOTE} bytes")
    try:
        whole = note.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise MalformedValueError("a note that is not UTF-8") from None
    text, blank, signatures = whole.rpartition("\n\n")
    if (
        not blank
        or not signatures.endswith("\n")
        or re.search(r"[\0-\x09\x0b-\x1f]", whole)
    ):
        raise MalformedValueError("not a signed note")
    lines = []
    for line in signatures[:-1].split("\n"):
        found = re.fullmatch(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)", line)
        if found is None:
            raise MalformedValueError("a signature line of another form")
        blob = _base64(found[2])
        if len(blob) <= _KEY_ID:
            raise MalformedValueError("a signature line without a signature")
        lines.append((found[1], blob))
    return text + "\n", lines


def _base64(text: str) -> bytes:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedValueError("not base64") from None
    if base64.b64encode(octets).decode() != text:
        raise MalformedValueError("base64 that is not in its one spelling")
    return octets
