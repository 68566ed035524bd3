"""Where on the web a `did:web` or `did:webvh` lies, read narrowly.

A name of a place has one spelling here: the domain is a DNS name in lower case with at
least one dot (an internationalised one in its `xn--` form), never an IP address, and a
path has letters, digits, `.`, `_` and `-`. The methods allow more, in percent-encoding;
what it would buy is two names for one node.
"""

import re
from functools import lru_cache

from protocol.errors import DidError, MalformedValueError
from protocol.identity.multibase import from_base58btc

SHA2_256 = b"\x12\x20"
"""The multihash header of a SHA-256 digest: its code and its length."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)
_LONGEST_NAME = 253
_LARGEST_PORT = 65_535
_SCID_LENGTH = 46


@lru_cache(maxsize=4096)
def check_place(method: str, rest: str) -> None:
    """Check what follows `did:web:` or `did:webvh:`.

    Raises:
        DidError: it names no place on the web, or has no SCID where one belongs.
    """
    domain, *path = rest.split(":")
    if method == "webvh":
        if not path or not is_scid(domain):
            raise DidError("a did:webvh without a SCID or a domain")
        domain, *path = path
    name, mark, port = domain.partition("%3A")
    if mark and not (_PORT.fullmatch(port) and int(port) <= _LARGEST_PORT):
        raise DidError(f"a did:{method} whose port is none")
    labels = name.split(".")
    if (
        len(name) > _LONGEST_NAME
        or len(labels) == 1  # `localhost` and its like
        or not all(_LABEL.fullmatch(label) for label in labels)
        or _NUMERIC.fullmatch(labels[-1])  # an IPv4 address, in any of its spellings
    ):
        raise DidError(f"a did:{method} whose domain is no DNS name in lower case")
    for segment in path:
        if not _SEGMENT.fullmatch(segment) or segment in {".", ".."}:
            raise DidError(f"a did:{method} with an odd path")


def is_scid(text: str) -> bool:
    """Tell whether `text` has the form of the SCID of a `did:webvh`."""
    try:
        return len(text) == _SCID_LENGTH and from_base58btc(text)[:2] == SHA2_256
    except MalformedValueError:
        return False
