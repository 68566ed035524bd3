"""What commands say, in Japanese: found by the English text, as it was said.

A reason is worded where it is found, often deep inside `protocol/`, and in English. At
the border, where a person reads it, it is looked up: a text with values in it by its
template, the values in turn by themselves, and what has no Japanese stays as it is.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_VALUE = re.compile(r"\{(\d+)\}")
_SAYS_LITTLE = 11
"""Signs of a template that are too few to know a text by: its values must be known, or
single words."""
_SAYS_NOTHING = 4
"""So few that one of its values must be known."""
_ALSO = "; "
"""What stands between several texts in one line."""


class Template(NamedTuple):
    """A text with numbered values, in both languages."""

    english: re.Pattern[str]
    japanese: str
    signs: int
    """How much of the English text is the template's own."""
    several: bool
    """It is made of several texts itself."""


def japanese(text: str) -> str:
    """Return `text` in Japanese, as far as it is known; each line by itself."""
    return "\n".join(map(_line, text.split("\n")))


def in_language(language: str, text: str) -> str:
    """Return `text`, which is English, in `language`."""
    return japanese(text) if language == "ja" else text


def _line(line: str) -> str:
    plain = line.strip()
    if not plain or not plain.isprintable():
        return line
    indent = line[: len(line) - len(line.lstrip())]
    for template in templates():
        match = template.english.fullmatch(plain)
        if match is None:
            continue
        values = match.groups()
        said = [_line(value) for value in values]
        if not _fits(template, values, said):
            continue
        filled = _VALUE.sub(lambda m: said[int(m[1]) - 1], template.japanese)  # noqa: B023
        return indent + filled
    if _ALSO in plain:
        return indent + _ALSO.join(map(_line, plain.split(_ALSO)))
    return line


def _fits(template: Template, values: Sequence[str], said: Sequence[str]) -> bool:
    """Tell whether a text is one of the template's, and not any text at all."""
    pairs = list(zip(values, said, strict=True))
    if any(_ALSO in old and new == old for old, new in pairs):
        return template.several
    if template.signs < _SAYS_NOTHING:
        return said != list(values)
    if template.signs < _SAYS_LITTLE:
        return all(new != old or " " not in old.strip() for old, new in pairs)
    return True


@cache
def templates() -> tuple[Template, ...]:
    """Return every template, those that say most first."""
    source = files("node.texts").joinpath("spoken.ja.toml").read_text("utf-8")
    found = [
        _template(english, said)
        for table in tomllib.loads(source).values()
        for english, said in table.items()
    ]
    return tuple(sorted(found, key=lambda one: -one.signs))


def _template(english: str, said: str) -> Template:
    literals = _VALUE.split(english)[::2]
    pattern = re.escape(literals[0])
    for place, literal in enumerate(literals[1:], 1):
        # Of two values side by side the first is one word.
        side_by_side = not literal and place < len(literals) - 1
        pattern += (r"(\w*)" if side_by_side else "(.*?)") + re.escape(literal)
    return Template(
        re.compile(pattern, re.DOTALL),
        said,
        sum(map(len, literals)),
        any(_ALSO in literal for literal in literals),
    )
