"""Status lists as signed tokens: `statuslist+jwt`, which SD-JWT VCs refer to.

The same idea as in `status_lists`, in another form: an entry has 1, 2, 4 or 8 bits, the
first in the *least* significant bits of a byte; the list is packed with ZLIB; what a
value means is fixed by the specification rather than stated.

Implements Token Status List (IETF OAuth), sections "Compressed Byte Array", "Status
List Token in JWT Format" and "Status Types". Fetching the token, and whose key it was
signed with, belong to the caller.
"""

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from protocol.credentials.status_lists import MAXIMUM_BYTES
from protocol.errors import MalformedValueError, RangeError
from protocol.identity.keys import SigningKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.securing import jose

TYP: Final = "statuslist+jwt"
MEDIA_TYPE: Final = "application/statuslist+jwt"
SIZES: Final = (1, 2, 4, 8)
"""How many bits an entry may have."""
VALID, REVOKED, SUSPENDED = 0x00, 0x01, 0x02


def encode(entries: bytes) -> str:
    """Return the value of `lst`.

    Raises:
        MalformedValueError: more than `MAXIMUM_BYTES`, which no one would expand.
    """
    if len(entries) > MAXIMUM_BYTES:
        raise MalformedValueError(f"a status list of more than {MAXIMUM_BYTES} bytes")
    return as_base64url(zlib.compress(entries, 9))


@lru_cache(maxsize=8)
def decode(lst: str) -> bytes:
    """Expand the value of `lst`.

    Raises:
        MalformedValueError: not base64url, not one whole ZLIB stream, or larger than
            `MAXIMUM_BYTES` when expanded.
    """
    inflater = zlib.decompressobj()
    try:
        entries = inflater.decompress(from_base64url(lst), MAXIMUM_BYTES + 1)
    except zlib.error as error:
        raise MalformedValueError("a lst that is not ZLIB") from error
    if len(entries) > MAXIMUM_BYTES:
        raise MalformedValueError(f"a status list of more than {MAXIMUM_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise MalformedValueError("a lst that is not one whole ZLIB stream")
    return entries


def value_at(entries: bytes, index: int, size: int) -> int:
    """Return the value of the entry at `index`, of `size` bits.

    Raises:
        RangeError: no such size, or `index` is outside the list.
    """
    byte, shift = _place(entries, index, size)
    mask: int = (1 << size) - 1
    return entries[byte] >> shift & mask


def set_values(entries: bytes, values: Mapping[int, int], size: int) -> bytes:
    """Return a copy with these values, by index, in entries of `size` bits.

    Raises:
        RangeError: no such size, an index outside the list, or a value too large.
    """
    changed = bytearray(entries)
    for index, value in values.items():
        if not 0 <= value < 2**size:
            raise RangeError(f"the status {value} does not fit in {size} bits")
        byte, shift = _place(entries, index, size)
        changed[byte] = changed[byte] & ~((2**size - 1) << shift) | value << shift
    return bytes(changed)


def entry(url: str, index: int) -> dict[str, Any]:
    """Return the claim `status` of a token: its place in the list at `url`."""
    return {"status_list": {"idx": index, "uri": url}}


def secure(
    url: str,
    *,
    entries: bytes,
    size: int,
    key: SigningKey,
    kid: str,
    at: datetime,
    expires: datetime,
    ttl: timedelta,
) -> str:
    """Return the Status List Token that states `entries` from `at` on.

    `ttl` is how long a reader may keep the list before it asks again.

    Raises:
        RangeError: no such size.
        MalformedValueError: more than `MAXIMUM_BYTES`.
    """
    _check(size)
    claims = {
        "sub": url,
        "iat": int(at.timestamp()),
        "exp": int(expires.timestamp()),
        "ttl": int(ttl.total_seconds()),
        "status_list": {"bits": size, "lst": encode(entries)},
    }
    return jose.secure(claims, key=key, kid=kid, typ=TYP)


def _check(size: int) -> None:
    if isinstance(size, bool) or size not in SIZES:
        raise RangeError(f"a status list with entries of {size!r} bits, not of {SIZES}")


def _place(entries: bytes, index: int, size: int) -> tuple[int, int]:
    """Return the byte an entry lies in, and how many bits precede it there."""
    _check(size)
    in_byte = 8 // size
    if not 0 <= index < len(entries) * in_byte:
        count = len(entries) * in_byte
        raise RangeError(f"the index {index} is outside {count} entries")
    byte, place = divmod(index, in_byte)
    return byte, place * size
