"""Bytes as text: base64url without padding, and base58btc.

One text stands for one byte string. A decoder that takes a second spelling (padding,
a stray newline, unused bits that are not zero) lets one signature be written in two
ways, so every other spelling is refused. Follows RFC 4648, section "Base 64 Encoding
with URL and Filename Safe Alphabet", and the multibase headers `u` and `z`.
"""

import binascii

import base58

from protocol.errors import MalformedValueError

_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_+/=", b"+/!!!")
"""What only standard base64 has becomes what neither has, and so is refused."""
_LAST = {0: None, 1: "", 2: "AQgw", 3: "AEIMQUYcgkosw048"}
"""By length modulo 4, the last characters whose unused bits are zero."""
_LONGEST_BASE58 = 512
"""Characters; decoding takes time in the square of the length."""


def as_base64url(octets: bytes) -> str:
    """Return `octets` in base64url without padding."""
    text = binascii.b2a_base64(octets, newline=False)
    return text.translate(_TO_URL).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Read base64url without padding.

    Raises:
        MalformedValueError: `text` is not the one spelling of some bytes.
    """
    beyond = len(text) % 4
    last = _LAST[beyond]
    if last == "":
        raise MalformedValueError("not base64url: impossible length")
    if last and text[-1] not in last:
        raise MalformedValueError("not base64url: unused bits are set")
    try:
        standard = text.encode("ascii").translate(_FROM_URL)
        padding = b"=" * (4 - beyond) if beyond else b""
        return binascii.a2b_base64(standard + padding, strict_mode=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise MalformedValueError("not base64url without padding") from error


def as_base58btc(octets: bytes) -> str:
    """Return `octets` in base58btc, without the multibase header `z`."""
    return str(base58.b58encode(octets).decode())


def from_base58btc(text: str, *, longest: int = _LONGEST_BASE58) -> bytes:
    """Read base58btc, without the multibase header `z`.

    Raises:
        MalformedValueError: a character outside the alphabet, or more of them than
            `longest`, which is more than any key, hash or signature takes.
    """
    if len(text) > longest:
        raise MalformedValueError(f"base58btc of more than {longest} characters")
    try:
        octets = bytes(base58.b58decode(text.encode("ascii")))
    except ValueError as error:
        raise MalformedValueError("not base58btc") from error
    if as_base58btc(octets) != text:
        raise MalformedValueError("not base58btc: blanks around the value")
    return octets


def from_multibase(text: str) -> bytes:
    """Read a multibase value in base58btc (`z…`) or base64url (`u…`).

    Raises:
        MalformedValueError: another base, or not of that base.
    """
    match text[:1]:
        case "z":
            return from_base58btc(text[1:])
        case "u":
            return from_base64url(text[1:])
    raise MalformedValueError("multibase is base58btc (z) or base64url (u)")
