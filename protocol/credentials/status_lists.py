"""Credential status, read from and written to bitstring status lists.

An issuer publishes one long list of bits and gives every credential a place in it.
Revoking a credential sets its bit. A verifier fetches the whole list, so that the
issuer does not learn which learner is being looked at; that is also why short lists
are refused.

Implements Bitstring Status List v1.0, sections "Bitstring Generation Algorithm" and
"Bitstring Expansion Algorithm", for entries of one bit. Fetching the list and checking
its signature belong to the caller.
"""

import gzip
import zlib
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from protocol.credentials.vcdm import CREDENTIALS_CONTEXT, as_text
from protocol.errors import MalformedValueError, RangeError, StatusListLengthError
from protocol.identity.dids import Did
from protocol.identity.multibase import as_base64url, from_base64url

ENTRY_TYPE = "BitstringStatusListEntry"
LIST_TYPE = "BitstringStatusList"
CREDENTIAL_TYPE = "BitstringStatusListCredential"

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


def is_set(bits: bytes, index: int) -> bool:
    """Tell whether the entry at `index`, counted from 0, is set.

    Raises:
        RangeError: `index` is negative or past the end of the list.
    """
    byte, bit = _place(bits, index)
    return bool(bits[byte] & bit)


def set_bits(bits: bytes, indexes: Iterable[int]) -> bytes:
    """Return a copy of `bits` in which the entries at `indexes` are set.

    Raises:
        RangeError: an index is negative or past the end of the list.
    """
    changed = bytearray(bits)
    for index in indexes:
        byte, bit = _place(bits, index)
        changed[byte] |= bit
    return bytes(changed)


def status_list_credential(
    url: str,
    *,
    issuer: Did,
    bits: bytes,
    at: datetime,
    valid_until: datetime,
    purpose: str = "revocation",
) -> dict[str, Any]:
    """Return the credential, not yet secured, that states `bits` from `at` on.

    Raises:
        StatusListLengthError: fewer than `MINIMUM_ENTRIES` entries.
    """
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
        },
    }


def entry(url: str, index: int, purpose: str = "revocation") -> dict[str, Any]:
    """Return the `credentialStatus` of a credential: its place in the list at `url`."""
    return {
        "type": ENTRY_TYPE,
        "statusPurpose": purpose,
        "statusListIndex": str(index),
        "statusListCredential": url,
    }


def _check_length(bits: bytes) -> None:
    if len(bits) > MAXIMUM_BYTES:
        raise MalformedValueError(f"a status list of more than {MAXIMUM_BYTES} bytes")
    if len(bits) * 8 < MINIMUM_ENTRIES:
        raise StatusListLengthError(f"{len(bits) * 8} entries, not {MINIMUM_ENTRIES}")


def _place(bits: bytes, index: int) -> tuple[int, int]:
    if not 0 <= index < len(bits) * 8:
        raise RangeError(f"statusListIndex {index} is outside {len(bits) * 8} entries")
    byte, bit = divmod(index, 8)
    return byte, 0b1000_0000 >> bit
