"""JSON as it is signed: RFC 8785 out, and only one reading of what comes in.

What is hashed must mean one thing. A JSON text with a member twice means one thing to
one parser and another to the next, so `parse_strict` refuses it, together with numbers
that no double can hold, octets that are not UTF-8, and nesting that would exhaust a
parser. Limits: LRX 1.0, section "Message envelope".

The canonical form comes from `orjson` wherever that writes what RFC 8785 demands, which
is nearly always, and else from `rfc8785`, which takes sixty times as long. Integers
beyond 2^53 are refused instead of rounded. Sizes are for the caller to bound:
nothing here reads in parts.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import orjson
import rfc8785

from protocol.errors import MalformedValueError

DEPTH = 32
"""Objects and arrays that may stand inside one another."""
LARGEST_INTEGER = 2**53 - 1
"""Beyond it a double, and so RFC 8785, has gaps."""

_LONGEST_INTEGER = len(str(-LARGEST_INTEGER))
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
"""The only way a lone surrogate can enter a text that is UTF-8."""


_DOUBTFUL = re.compile(
    rb"[:,\[]-?(?:\d{16}|\d+\.0[,\]}]|0\.000|\d[\d.]*e)",
)
"""Numbers that `orjson` writes otherwise than RFC 8785, or that are too large for it;
a text may look like one, which only costs time."""
_SUPPLEMENTARY = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
"""How characters begin that are sorted otherwise in UTF-16 than in UTF-8."""
_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
)


def canonical(value: Any) -> bytes:
    """Return the canonical form of a JSON value.

    Raises:
        MalformedValueError: a number without an exact form in JSON, a lone surrogate,
            nesting beyond what can be walked, or something that is not JSON.
    """
    try:
        if isinstance(value, (dict, list)):
            found = _fast(value) or _fast(_with_integers(value))
            if found is not None:
                return found
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise MalformedValueError("no canonical JSON form") from error
    except RecursionError as error:
        raise MalformedValueError("no canonical JSON form: too deep") from error


def _fast(value: Any) -> bytes | None:
    """Return the canonical form if `orjson` is known to write it."""
    try:
        octets = orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        # Not JSON, or beyond what it knows: the strict way says which.
        return None
    if _DOUBTFUL.search(octets):
        return None
    if b"null" in octets and _has_no_number(value):
        return None
    if not octets.isascii() and any(one in octets for one in _SUPPLEMENTARY):
        return None
    return octets


def _has_no_number(value: Any) -> bool:
    """Tell whether there is a NaN or an infinity, which `orjson` writes as `null`."""
    return any(
        isinstance(inner, float) and not math.isfinite(inner)
        for level in _levels(value)
        for outer in level
        for inner in (outer.values() if isinstance(outer, dict) else outer)
    )


def _with_integers(value: Any) -> Any:
    """Write 5.0 as 5, which JSON does not tell apart."""
    if isinstance(value, dict):
        return {name: _with_integers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_integers(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def parse_strict(
    octets: bytes,
    *,
    depth: int = DEPTH,
    longest_string: int | None = None,
    except_in: str | None = None,
) -> Any:
    """Read a JSON text that has one meaning only.

    `longest_string` is in UTF-8 octets and covers member names; None sets no limit.
    `except_in` names a member of the outermost object that it does not reach into.

    Raises:
        MalformedValueError: not JSON, not UTF-8, a member name twice in one object, a
            number that is not finite or an integer beyond 2^53, a lone surrogate,
            more than `depth` levels, or a string that is too long.
    """
    try:
        text = octets.decode()
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise MalformedValueError("not UTF-8") from error
    except RecursionError as error:
        raise MalformedValueError(f"JSON deeper than {depth} levels") from error
    except ValueError as error:
        raise MalformedValueError("not JSON") from error

    # Nothing is deeper than it has brackets; most texts are short.
    if text.count("[") + text.count("{") > depth:
        for level, _ in enumerate(_levels(value)):
            if level >= depth:
                raise MalformedValueError(f"JSON deeper than {depth} levels")
    if _SURROGATE_ESCAPE.search(text):
        _refuse_surrogates(value)
    # A string cannot be longer than the text it stands in.
    if longest_string is not None and len(octets) > longest_string:
        _refuse_long_strings(value, longest_string, except_in)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedValueError("a JSON object with a member name twice")
    return members


def _integer(digits: str) -> int:
    # The length first: converting a million digits takes seconds.
    if len(digits) > _LONGEST_INTEGER or abs(int(digits)) > LARGEST_INTEGER:
        raise MalformedValueError("a JSON integer beyond 2^53")
    return int(digits)


def _number(digits: str) -> float | int:
    number = float(digits)
    if not math.isfinite(number):
        raise MalformedValueError("a JSON number that is not finite")
    # JSON knows no difference between 5.0 and 5, and RFC 8785 writes both as 5.
    if number.is_integer() and abs(number) <= LARGEST_INTEGER:
        return int(number)
    return number


def _constant(name: str) -> float:
    raise MalformedValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_number,
    parse_constant=_constant,
)


def _levels(value: Any) -> Iterator[list[Any]]:
    """Yield the objects and arrays of `value`, those of one depth at a time."""
    level = [value] if isinstance(value, (dict, list)) else []
    while level:
        yield level
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in `value`, member names included."""
    if isinstance(value, str):
        yield value
    for level in _levels(value):
        for container in level:
            yield from (text for text in container if isinstance(text, str))
            if isinstance(container, dict):
                yield from (t for t in container.values() if isinstance(t, str))


def _refuse_surrogates(value: Any) -> None:
    try:
        for text in _strings(value):
            text.encode()
    except UnicodeEncodeError as error:
        raise MalformedValueError("a lone surrogate in JSON") from error


def _refuse_long_strings(value: Any, longest: int, except_in: str | None) -> None:
    if isinstance(value, dict):
        value = {name: inner for name, inner in value.items() if name != except_in}
    for text in _strings(value):
        if len(text) > longest or len(text.encode()) > longest:
            raise MalformedValueError(f"a JSON string of more than {longest} octets")
