"""Credential status, read from and written to bitstring status lists.

An issuer publishes one long list of bits and gives every credential a place in it.
Revoking a credential sets its bit. A verifier fetches the whole list, so that the
issuer does not learn which learner is being looked at; that is also why short lists
are refused.

Implements Bitstring Status List v1.0, sections "Bitstring Generation Algorithm" and
"Bitstring Expansion Algorithm"; reads its predecessor StatusList2021, too. An entry has
one bit or several, the most significant first. Fetching the list and checking its
signature belong to the caller.
"""

import gzip
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from protocol.credentials.status_entries import BITSTRING, LARGEST_SIZE
from protocol.credentials.vcdm import CREDENTIALS_CONTEXT, as_text
from protocol.errors import MalformedValueError, RangeError, StatusListLengthError
from protocol.identity.dids import Did
from protocol.identity.multibase import as_base64url, from_base64url

LIST_TYPE = "BitstringStatusList"
CREDENTIAL_TYPE = "BitstringStatusListCredential"
LIST_TYPE_2021 = "StatusList2021"
CREDENTIAL_TYPE_2021 = "StatusList2021Credential"

MINIMUM_ENTRIES = 131_072
"""Bits a list must hold (16 KiB) for one credential to hide among the others."""
MAXIMUM_BYTES = 2 * 1024 * 1024
"""Bytes of an expanded list; a kilobyte of gzip can hold a gigabyte."""

_GZIP = 16 + zlib.MAX_WBITS


def encode(bits: bytes) -> str:
    """Return the value of an `encodedList` property.

    Raises:
        StatusListLengthError: fewer than `MINIMUM_ENTRIES` entries.
        MalformedValueError: more than `MAXIMUM_BYTES`, which no one would expand.
    """
    _check_length(bits)
    # Without a date in its header the same list has the same text.
    return "u" + as_base64url(gzip.compress(bits, mtime=0))


@lru_cache(maxsize=8)
def decode(encoded_list: str) -> bytes:
    """Expand the value of an `encodedList` property.

    Returns the bits as bytes, entry 0 being the most significant bit of the first.

    Raises:
        MalformedValueError: not multibase base64url, not gzip, or larger than
            `MAXIMUM_BYTES` when expanded.
        StatusListLengthError: fewer than `MINIMUM_ENTRIES` entries.
    """
    if not encoded_list.startswith("u"):
        raise MalformedValueError("an encodedList that is not multibase base64url")
    inflater = zlib.decompressobj(_GZIP)
    try:
        compressed = from_base64url(encoded_list[1:])
        bits = inflater.decompress(compressed, MAXIMUM_BYTES + 1)
    except zlib.error as error:
        raise MalformedValueError("an encodedList that is not gzip") from error
    _check_length(bits)
    if not inflater.eof or inflater.unused_data:
        raise MalformedValueError("an encodedList that is not one whole gzip stream")
    return bits


def decode_2021(encoded_list: str) -> bytes:
    """Expand the `encodedList` of a StatusList2021, which is base64 without multibase.

    Raises:
        MalformedValueError, StatusListLengthError: as for `decode`.
    """
    # Both alphabets, padded or not, are met with.
    return decode("u" + encoded_list.translate(_URL_ALPHABET).rstrip("="))


def is_set(bits: bytes, index: int) -> bool:
    """Tell whether the entry of one bit at `index`, counted from 0, is set.

    Raises:
        RangeError: `index` is negative or past the end of the list.
    """
    return value_at(bits, index) != 0


def value_at(bits: bytes, index: int, size: int = 1) -> int:
    """Return the value of the entry at `index`, of `size` bits.

    Raises:
        RangeError: `index` is negative or past the end of the list.
        StatusListLengthError: fewer than `MINIMUM_ENTRIES` entries of that size.
    """
    _check_length(bits, size)
    first, last, shift = _place(bits, index, size)
    word = int.from_bytes(bits[first : last + 1], "big")
    mask: int = (1 << size) - 1
    return word >> shift & mask


def set_bits(bits: bytes, indexes: Iterable[int]) -> bytes:
    """Return a copy of `bits` in which the entries at `indexes` are set.

    Raises:
        RangeError: an index is negative or past the end of the list.
    """
    return set_values(bits, dict.fromkeys(indexes, 1))


def set_values(bits: bytes, values: Mapping[int, int], size: int = 1) -> bytes:
    """Return a copy of `bits` with these values, by index, in entries of `size` bits.

    Raises:
        RangeError: an index is outside the list, or a value too large for `size`.
    """
    changed = bytearray(bits)
    for index, value in values.items():
        if not 0 <= value < 2**size:
            raise RangeError(f"the status {value} does not fit in {size} bits")
        first, last, shift = _place(bits, index, size)
        word = int.from_bytes(changed[first : last + 1], "big")
        word = word & ~(((1 << size) - 1) << shift) | value << shift
        changed[first : last + 1] = word.to_bytes(last + 1 - first, "big")
    return bytes(changed)


def status_list_credential(
    url: str,
    *,
    issuer: Did,
    bits: bytes,
    at: datetime,
    valid_until: datetime,
    purpose: str = "revocation",
    ttl: timedelta | None = None,
) -> dict[str, Any]:
    """Return the credential, not yet secured, that states `bits` from `at` on.

    `ttl` is how long a reader may keep the list before it asks again.

    Raises:
        StatusListLengthError: fewer than `MINIMUM_ENTRIES` entries.
    """
    lifetime = {"ttl": int(ttl.total_seconds() * 1000)} if ttl else {}
    return {
        "@context": [CREDENTIALS_CONTEXT],
        "id": url,
        "type": ["VerifiableCredential", CREDENTIAL_TYPE],
        "issuer": str(issuer),
        "validFrom": as_text(at),
        "validUntil": as_text(valid_until),
        "credentialSubject": {
            "id": f"{url}#list",
            "type": LIST_TYPE,
            "statusPurpose": purpose,
            "encodedList": encode(bits),
            **lifetime,
        },
    }


def entry(
    url: str, index: int, purpose: str = "revocation", messages: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the `credentialStatus` of a credential: its place in the list at `url`.

    `messages` says what each value means, from 0 on; their number gives the size.

    Raises:
        RangeError: their number is not a power of two, or too large.
    """
    stated: dict[str, Any] = {
        "type": BITSTRING,
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": url,
    }
    if not messages:
        return stated
    size = (len(messages) - 1).bit_length()
    if len(messages) != 2**size or not 1 <= size <= LARGEST_SIZE:
        raise RangeError(
            f"{len(messages)} messages, not one for each value of a status"
        )
    if size > 1:
        stated["statusSize"] = size
    return stated | {
        "statusMessage": [
            {"status": f"{value:#x}", "message": text}
            for value, text in enumerate(messages)
        ]
    }


_URL_ALPHABET = str.maketrans("+/", "-_")


def _check_length(bits: bytes, size: int = 1) -> None:
    if len(bits) > MAXIMUM_BYTES:
        raise MalformedValueError(f"a status list of more than {MAXIMUM_BYTES} bytes")
    entries = len(bits) * 8 // size
    if entries < MINIMUM_ENTRIES:
        raise StatusListLengthError(f"{entries} entries, not {MINIMUM_ENTRIES}")


def _place(bits: bytes, index: int, size: int) -> tuple[int, int, int]:
    """Return first and last byte of an entry, and how many bits follow it there."""
    entries = len(bits) * 8 // size
    if not 0 <= index < entries:
        raise RangeError(f"statusListIndex {index} is outside {entries} entries")
    end = (index + 1) * size
    last = (end - 1) // 8
    return index * size // 8, last, (last + 1) * 8 - end
