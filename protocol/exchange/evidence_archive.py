"""The file an evidence pack is: a zip archive that has one spelling only.

A zip archive has room for much that nobody reads: comments, padding, dates, names that
stand in two places and differ. So a pack is written in one fixed way, uncompressed,
`manifest.json` first and the rest by name, and is read by taking the entries out and
writing it again: unless every octet is the same, it is not a pack. Whatever was
changed, anywhere, then shows. Uncompressed, because how well something compresses
depends on the library that does it.
"""

import io
import struct
import zipfile
from collections.abc import Mapping

from protocol.errors import MalformedValueError, SizeError

MAXIMUM_ENTRIES = 1000
MAXIMUM_BYTES = 200 * 2**20
FIRST = "manifest.json"

_LOCAL = struct.Struct("<4s22xHH")
_LOCAL_MARK = b"PK\x03\x04"
_SIZE = struct.Struct("<18xI")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_UNIX = 3
_VERSION = 20


def write(entries: Mapping[str, bytes]) -> bytes:
    """Write the archive of `entries`; the same entries give the same octets.

    Raises:
        SizeError: more than `MAXIMUM_ENTRIES` or `MAXIMUM_BYTES`.
    """
    if (
        len(entries) > MAXIMUM_ENTRIES
        or sum(map(len, entries.values())) > MAXIMUM_BYTES
    ):
        raise SizeError("an evidence pack of too many entries or bytes")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED, allowZip64=False) as target:
        for name in sorted(entries, key=lambda name: (name != FIRST, name)):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = _UNIX
            info.create_version = info.extract_version = _VERSION
            info.external_attr = _PLAIN_FILE
            target.writestr(info, entries[name])
    return archive.getvalue()


def read(octets: bytes) -> dict[str, bytes]:
    """Take the entries out of an archive that `write` could have written.

    Raises:
        SizeError: as for `write`.
        MalformedValueError: any octet is not as `write` would have written it.
    """
    if len(octets) > MAXIMUM_BYTES:
        raise SizeError(f"an evidence pack of more than {MAXIMUM_BYTES} bytes")
    entries: dict[str, bytes] = {}
    at = 0
    while octets[at : at + len(_LOCAL_MARK)] == _LOCAL_MARK:
        if at + _LOCAL.size > len(octets) or len(entries) == MAXIMUM_ENTRIES:
            raise MalformedValueError("not an evidence pack: cut short or too long")
        (size,) = _SIZE.unpack_from(octets, at)
        _, name_length, extra_length = _LOCAL.unpack_from(octets, at)
        start = at + _LOCAL.size + name_length + extra_length
        name = octets[at + _LOCAL.size : at + _LOCAL.size + name_length]
        if not name.isascii() or name.decode() in entries:
            raise MalformedValueError("an entry with an impossible name, or twice")
        entries[name.decode()] = octets[start : start + size]
        at = start + size
    if not entries or write(entries) != octets:
        raise MalformedValueError("not the octets an evidence pack has")
    return entries
