"""Header fields as RFC 9651 writes them: dictionaries split into their members.

Members are returned as they stand, not interpreted: the profile of
`protocol.exchange.http_signatures` allows one spelling only, so text is compared with
text. What this module adds is to know where a member ends, also in signatures by
others, whose strings may hold commas and brackets.

Implements RFC 9651, section "Parsing a Dictionary", but for one thing: a label that
comes twice is refused instead of letting the last one win.
"""

import re
from collections.abc import Sequence
from typing import Final

from protocol.errors import MalformedValueError

LONGEST: Final = 8192
"""Characters of one field, all its lines together."""

_KEY = r"[a-z*][a-z0-9_\-.*]*+"
_BARE = (
    r'(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*+"'
    r"|:[A-Za-z0-9+/=]*+:|\?[01]|@?-?[0-9]{1,15}+(?:\.[0-9]{1,3})?"
    r"|[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*+)"
)
_PARAMETERS = rf"(?:;\x20*+{_KEY}(?:={_BARE})?)*+"
_INNER_LIST = rf"\((?:\x20*+{_BARE}{_PARAMETERS})*+\x20*+\)"
_MEMBER = re.compile(
    rf"({_KEY})(?:=((?:{_INNER_LIST}|{_BARE}){_PARAMETERS})|({_PARAMETERS}))"
)
_SEPARATOR = re.compile(r"[ \t]*+,[ \t]*+")


def values(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    """Return the values of the header `name` (in lower case), line by line."""
    return [value.strip(" \t") for header, value in headers if header.lower() == name]


def dictionary(headers: Sequence[tuple[str, str]], name: str) -> dict[str, str]:
    """Return the members of the dictionary `name`: the text after each label's `=`.

    An absent field is an empty dictionary.

    Raises:
        MalformedValueError: not a dictionary, a label twice, or longer than `LONGEST`.
    """
    text = ", ".join(values(headers, name))
    if len(text) > LONGEST:
        raise MalformedValueError(f"{name} is longer than {LONGEST} characters")
    members: dict[str, str] = {}
    position = 0
    while position < len(text):
        if members:
            separator = _SEPARATOR.match(text, position)
            position = separator.end() if separator else len(text)
        member = _MEMBER.match(text, position)
        if member is None or member[1] in members:
            raise MalformedValueError(f"{name} is not a dictionary of distinct labels")
        members[member[1]] = member[2] or member[3]
        position = member.end()
    return members
