"""Credentials baked into pictures, and out of them again: Open Badges as PNG and SVG.

Open Badges 3.0, section "Baked Badges": a PNG carries the credential in an `iTXt` chunk
with the keyword `openbadgecredential`, an SVG in an element `credential` of the
namespace `https://purl.imsglobal.org/ob/v3p0`; version 2 said `openbadges`. The
picture itself is not looked at, and nothing it refers to is fetched. What is baked in
here is always of version 3: a JWT as it is, or JSON.
"""

import zlib
from collections.abc import Iterator
from typing import Final

from lxml import etree

from adapters.elmo_signature import parse
from adapters.source import SourceError

PNG = b"\x89PNG\r\n\x1a\n"
LARGEST_CREDENTIAL = 4 * 1024 * 1024
"""Bytes of a compressed chunk after unpacking."""
_KEYWORD: Final = b"openbadgecredential"
_KEYWORDS = {_KEYWORD, b"openbadges"}
_SPACE: Final = "https://purl.imsglobal.org/ob/v3p0"
_SPACES = {
    _SPACE: "credential",
    "http://openbadges.org": "assertion",
}


def unwrap(octets: bytes) -> bytes:
    """Return the credential baked into a PNG or SVG; other octets as they are.

    Raises:
        SourceError: a picture without a credential, or a damaged one.
    """
    if octets.startswith(PNG):
        return _from_png(octets)
    if _is_svg(octets):
        return _from_svg(octets)
    return octets


def bake(credential: bytes, picture: bytes) -> bytes:
    """Return a PNG or SVG with `credential` in it, in the place of one that was there.

    Raises:
        SourceError: neither PNG nor SVG, a damaged one, or a credential that is no
            text.
    """
    try:
        text = credential.decode().strip()
    except UnicodeDecodeError as error:
        raise SourceError("a credential that is not UTF-8") from error
    if not text or "\0" in text:
        raise SourceError("there is no credential to bake in")
    if picture.startswith(PNG):
        return _into_png(text, picture)
    if _is_svg(picture):
        return _into_svg(text, picture)
    raise SourceError("the picture is neither a PNG nor an SVG")


def is_picture(octets: bytes) -> bool:
    """Tell whether `octets` are a PNG or an SVG."""
    return octets.startswith(PNG) or _is_svg(octets)


def _is_svg(octets: bytes) -> bool:
    head = octets[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith(b"<") and b"<svg" in octets[:65536]


def _chunks(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG)
    while at < len(octets):
        length = int.from_bytes(octets[at : at + 4], "big")
        kind, content = octets[at + 4 : at + 8], octets[at + 8 : at + 8 + length]
        end = at + 12 + length
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        if octets[end - 4 : end] != check:
            raise SourceError("the PNG is damaged")
        yield kind, content
        at = end


def _into_png(text: str, picture: bytes) -> bytes:
    # Not compressed, no language: as the specification demands.
    baked = _chunk(b"iTXt", _KEYWORD + b"\0\0\0\0\0" + text.encode())
    parts = [PNG]
    for kind, content in _chunks(picture):
        is_text = kind in {b"iTXt", b"tEXt", b"zTXt"}
        if is_text and content.split(b"\0", 1)[0] in _KEYWORDS:
            continue
        parts.append(_chunk(kind, content))
        if kind == b"IHDR":
            parts.append(baked)
    if baked not in parts:
        raise SourceError("the PNG is damaged")
    return b"".join(parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + check


def _into_svg(text: str, picture: bytes) -> bytes:
    root = parse(picture, doctype=True)
    for space, name in _SPACES.items():
        for old in list(root.iter(f"{{{space}}}{name}")):
            around = old.getparent()
            if around is None:
                raise SourceError("there is no picture in this SVG")
            around.remove(old)
    element = etree.Element(f"{{{_SPACE}}}credential", nsmap={"openbadges": _SPACE})
    if text.startswith("{"):
        # What ends a CDATA section must not stand in one.
        element.text = text if "]]>" in text else etree.CDATA(text)
    else:
        element.set("verify", text)
    root.insert(0, element)
    return etree.tostring(
        root.getroottree(), xml_declaration=True, encoding="UTF-8", standalone=False
    )


def _from_png(octets: bytes) -> bytes:
    for kind, content in _chunks(octets):
        keyword = content.split(b"\0", 1)[0]
        if keyword in _KEYWORDS and kind == b"iTXt":
            return _international_text(content)
        if keyword in _KEYWORDS and kind == b"tEXt":
            return content.split(b"\0", 1)[1]
    raise SourceError("there is no credential in this PNG")


def _international_text(content: bytes) -> bytes:
    # Keyword, NUL, is it compressed, how, language, NUL, keyword in it, NUL, text.
    flags = content.partition(b"\0")[2]
    try:
        compressed, _ = flags[0], flags[1]
        _, _, packed = flags[2:].split(b"\0", 2)
    except (IndexError, ValueError):
        raise SourceError("the text in this PNG is damaged") from None
    if not compressed:
        return packed
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(packed, LARGEST_CREDENTIAL)
    except zlib.error as error:
        raise SourceError("the text in this PNG is damaged") from error
    if not inflater.eof:
        raise SourceError(f"more than {LARGEST_CREDENTIAL} bytes of text in this PNG")
    return text


def _from_svg(octets: bytes) -> bytes:
    root = parse(octets, doctype=True)
    for space, name in _SPACES.items():
        for element in root.iter(f"{{{space}}}{name}"):
            found = (element.text or "").strip() or element.get("verify", "").strip()
            if found:
                return found.encode()
    raise SourceError("there is no credential in this SVG")
