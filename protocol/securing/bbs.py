"""BBS signatures: one signature over many messages, of which some may be shown later.

Whoever holds the signature can prove that it covers the messages shown, and show
neither the signature nor the other messages; two proofs from one signature cannot be
told from proofs of two. Messages are numbered from 0 in the order they were signed.

Implements The BBS Signature Scheme (draft-irtf-cfrg-bbs-signatures), the interface of
section "BBS Signatures Interface" with the ciphersuite BLS12-381-SHA-256. The group
operations are those of arkworks; they hold the interpreter, and they are not written
to take the same time for every secret.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, Self

from py_arkworks_bls12381 import GT, G1Point, G2Point, Scalar

from protocol.errors import MalformedValueError
from protocol.identity.bbs_keys import SCALAR, PublicKey, SecretKey, read_scalar

MAXIMUM_MESSAGES = 4096
"""Messages under one signature. Each needs a generator, which takes 0.3 ms to find."""

SIGNATURE = 80
"""Octets of a signature."""

_POINT = 48
_POINTS = 3
_SCALARS = 4
"""A proof is three points and four scalars, and one scalar per message not shown."""
_WIDE = 48
"""Octets that make a scalar without bias."""

_API = b"BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_H2G_HM2S_"
_SEED_DST = _API + b"SIG_GENERATOR_SEED_"
_GENERATOR_DST = _API + b"SIG_GENERATOR_DST_"
_SEED = _API + b"MESSAGE_GENERATOR_SEED"
_SCALAR_DST = _API + b"H2S_"
_MESSAGE_DST = _API + b"MAP_MSG_TO_SCALAR_AS_HASH_"

_P1 = G1Point.from_compressed_bytes(
    bytes.fromhex(
        "a8ce256102840821a3e94ea9025e4662b205762f9776b3a766c872b948f1fd22"
        "5e7c59698588e70d11406d161b4e28c9"
    )
)
_P2 = G2Point()
_NOTHING = G1Point.identity()
_PIECE = 512
"""Points that are added up at a time, in about 15 ms."""
_BLOCK = 128
"""Generators that are found at a time."""

Scalars = Callable[[int], list[Scalar]]
"""Where a proof takes its random numbers from."""


def sign(key: SecretKey, header: bytes, messages: Sequence[bytes]) -> bytes:
    """Sign `header`, which is always shown, and `messages`; 80 octets.

    Raises:
        MalformedValueError: no key, or more than `MAXIMUM_MESSAGES`.
    """
    secret, numbers = key.scalar, _numbers(messages)
    domain = _domain(key.public_key, len(messages), header)
    parts = (secret, *numbers, domain)
    e = _hash(b"".join(one.to_be_bytes() for one in parts), _SCALAR_DST)
    point = _commitment(domain, numbers) * (secret + e).inverse()
    return point.to_compressed_bytes() + e.to_be_bytes()


def verify(
    key: PublicKey, signature: bytes, header: bytes, messages: Sequence[bytes]
) -> bool:
    """Tell whether `signature` is over `header` and just these `messages`."""
    try:
        signed = _Signed.of(key, signature, header, messages)
        return signed.holds(key)
    except MalformedValueError:
        return False


def random_scalars(count: int) -> list[Scalar]:
    """Return scalars that nobody can foresee."""
    octets = secrets.token_bytes(count * _WIDE)
    return [
        Scalar.from_be_bytes_mod_order(octets[at : at + _WIDE])
        for at in range(0, len(octets), _WIDE)
    ]


def prove(
    key: PublicKey,
    signature: bytes,
    header: bytes,
    messages: Sequence[bytes],
    *,
    shown: Sequence[int],
    presentation_header: bytes = b"",
    scalars: Scalars = random_scalars,
) -> bytes:
    """Prove that `signature` is over `header` and the messages at the places `shown`.

    Places are in ascending order. `presentation_header` is bound to the proof. Two
    proofs made with the same `scalars` give the signature away.

    Raises:
        MalformedValueError: the signature does not hold, or `shown` is not in order or
            outside the messages.
    """
    _require_order(shown, len(messages))
    signed = _Signed.of(key, signature, header, messages)
    if not signed.holds(key):
        raise MalformedValueError("a BBS signature that does not hold")
    hidden = _others(shown, len(messages))
    r1, r2, e_blind, r1_blind, r3_blind, *blinds = scalars(5 + len(hidden))
    d = signed.commitment * r2
    a_bar = signed.point * (r1 * r2)
    b_bar = d * r1 - a_bar * signed.e
    points, _ = _generators(len(messages) + 1)
    t1 = a_bar * e_blind + d * r1_blind
    t2 = _sum([d, *(points[place + 1] for place in hidden)], [r3_blind, *blinds])
    started = _Started(a_bar, b_bar, d, t1, t2, signed.domain)
    c = started.challenge(
        [(place, signed.numbers[place]) for place in shown], presentation_header
    )
    answers = [e_blind + signed.e * c, r1_blind - r1 * c, r3_blind - r2.inverse() * c]
    for place, blind in zip(hidden, blinds, strict=True):
        answers.append(blind + signed.numbers[place] * c)
    answers.append(c)
    return b"".join(p.to_compressed_bytes() for p in (a_bar, b_bar, d)) + b"".join(
        one.to_be_bytes() for one in answers
    )


def verify_proof(
    key: PublicKey,
    proof: bytes,
    header: bytes,
    messages: Sequence[bytes],
    *,
    shown: Sequence[int],
    presentation_header: bytes = b"",
) -> bool:
    """Tell whether `proof` shows that `key` signed `header` and these `messages`.

    `shown` are their places among all messages signed, in the same order.
    """
    try:
        public = key.point
        (a_bar, b_bar, d), (e, r1, r3, *hidden_answers, c) = _read_proof(proof)
        total = len(hidden_answers) + len(shown)
        _require_order(shown, total)
        if len(messages) != len(shown):
            return False
        domain = _domain(key, total, header)
    except MalformedValueError:
        return False
    numbers = _numbers(messages)
    points, _ = _generators(total + 1)
    t1 = _sum([b_bar, a_bar, d], [c, e, r1])
    t2 = _sum(
        [
            *(_P1, points[0], d),
            *(points[place + 1] for place in shown),
            *(points[place + 1] for place in _others(shown, total)),
        ],
        [c, domain * c, r3, *(number * c for number in numbers), *hidden_answers],
    )
    started = _Started(a_bar, b_bar, d, t1, t2, domain)
    stated = list(zip(shown, numbers, strict=True))
    if started.challenge(stated, presentation_header) != c:
        return False
    return GT.pairing_check([a_bar, b_bar], [public, -_P2])


class _Signed(NamedTuple):
    """A signature beside what it is said to be over."""

    point: G1Point
    e: Scalar
    numbers: list[Scalar]
    domain: Scalar
    commitment: G1Point

    @classmethod
    def of(
        cls, key: PublicKey, signature: bytes, header: bytes, messages: Sequence[bytes]
    ) -> Self:
        if len(signature) != SIGNATURE:
            raise MalformedValueError(f"a BBS signature is {SIGNATURE} octets")
        numbers = _numbers(messages)
        domain = _domain(key, len(messages), header)
        return cls(
            _read_point(signature[:_POINT]),
            read_scalar(signature[_POINT:]),
            numbers,
            domain,
            _commitment(domain, numbers),
        )

    def holds(self, key: PublicKey) -> bool:
        rest = self.point * self.e - self.commitment
        return GT.pairing_check([self.point, rest], [key.point, _P2])


class _Started(NamedTuple):
    """What prover and verifier both know before the challenge."""

    a_bar: G1Point
    b_bar: G1Point
    d: G1Point
    t1: G1Point
    t2: G1Point
    domain: Scalar

    def challenge(self, shown: list[tuple[int, Scalar]], header: bytes) -> Scalar:
        parts = [len(shown).to_bytes(8)]
        for place, number in shown:
            parts += (place.to_bytes(8), number.to_be_bytes())
        for point in (self.a_bar, self.b_bar, self.d, self.t1, self.t2):
            parts.append(point.to_compressed_bytes())
        parts += (self.domain.to_be_bytes(), len(header).to_bytes(8), header)
        return _hash(b"".join(parts), _SCALAR_DST)


def _require_order(shown: Sequence[int], total: int) -> None:
    previous = -1
    for place in shown:
        if not previous < place < total:
            raise MalformedValueError(
                f"places {previous} and {place} of {total} messages: not in order"
            )
        previous = place


def _others(shown: Sequence[int], total: int) -> list[int]:
    known = set(shown)
    return [place for place in range(total) if place not in known]


def _numbers(messages: Sequence[bytes]) -> list[Scalar]:
    return [_hash(message, _MESSAGE_DST) for message in messages]


def _commitment(domain: Scalar, numbers: list[Scalar]) -> G1Point:
    points, _ = _generators(len(numbers) + 1)
    return _P1 + _sum(points, [domain, *numbers])


def _sum(points: Sequence[G1Point], scalars: Sequence[Scalar]) -> G1Point:
    """Add up multiples of points, in pieces after which other threads get a turn."""
    total = _NOTHING
    for at in range(0, len(points), _PIECE):
        end = at + _PIECE
        total += G1Point.multiexp_unchecked(list(points[at:end]), list(scalars[at:end]))
    return total


def _domain(key: PublicKey, total: int, header: bytes) -> Scalar:
    """Return the scalar that stands for the key, the number of messages, the header."""
    if total > MAXIMUM_MESSAGES:
        raise MalformedValueError(
            f"{total} messages under one signature, more than {MAXIMUM_MESSAGES}"
        )
    _, octets = _generators(total + 1)
    parts = (total.to_bytes(8), octets, _API, len(header).to_bytes(8), header)
    return _hash(key.raw + b"".join(parts), _SCALAR_DST)


def _generators(count: int) -> tuple[list[G1Point], bytes]:
    """Return the first generators, as points and in octets one after the other."""
    points: list[G1Point] = []
    octets: list[bytes] = []
    for block in range(-(-count // _BLOCK)):
        _, more, written = _generator_block(block)
        points += more
        octets.append(written)
    return points[:count], b"".join(octets)[: count * _POINT]


@cache
def _generator_block(number: int) -> tuple[bytes, list[G1Point], bytes]:
    """Find a block of generators; with them, the seed of the next block.

    They are the same for every key, so they are kept. At most as many as one signature
    may need are ever asked for.
    """
    before = _generator_block(number - 1)[0] if number else None
    seed = before or _expand(_SEED, _SEED_DST)
    points = []
    for place in range(number * _BLOCK, (number + 1) * _BLOCK):
        seed = _expand(seed + (place + 1).to_bytes(8), _SEED_DST)
        points.append(G1Point.hash_to_curve(seed, _GENERATOR_DST))
    return seed, points, b"".join(point.to_compressed_bytes() for point in points)


_PADDING = hashlib.sha256(bytes(64))


def _expand(message: bytes, dst: bytes) -> bytes:
    """Return 48 octets: `expand_message_xmd` of RFC 9380 with SHA-256."""
    dst += len(dst).to_bytes()
    first = _PADDING.copy()
    first.update(message + _WIDE.to_bytes(2) + b"\0" + dst)
    start = first.digest()
    one = hashlib.sha256(start + b"\1" + dst).digest()
    mixed = (int.from_bytes(start) ^ int.from_bytes(one)).to_bytes(32)
    return one + hashlib.sha256(mixed + b"\2" + dst).digest()[: _WIDE - 32]


def _hash(octets: bytes, dst: bytes) -> Scalar:
    return Scalar.from_be_bytes_mod_order(_expand(octets, dst))


def _read_point(octets: bytes) -> G1Point:
    try:
        point = G1Point.from_compressed_bytes(octets)
    except ValueError as error:
        raise MalformedValueError("not a point of the group of BBS") from error
    if point == _NOTHING:
        raise MalformedValueError("the identity where BBS wants another point")
    return point


def _read_proof(proof: bytes) -> tuple[list[G1Point], list[Scalar]]:
    start = _POINTS * _POINT
    count, rest = divmod(len(proof) - start, SCALAR)
    if count < _SCALARS or rest or count > _SCALARS + MAXIMUM_MESSAGES:
        raise MalformedValueError(f"a BBS proof of {len(proof)} octets")
    points = [proof[at : at + _POINT] for at in range(0, start, _POINT)]
    scalars = [proof[at : at + SCALAR] for at in range(start, len(proof), SCALAR)]
    return [_read_point(one) for one in points], [read_scalar(one) for one in scalars]
