"""What commands say, in Japanese: found by the English text, as it was said.

A reason is worded where it is found, often deep inside `protocol/`, and in English. At
the border, where a person reads it, it is looked up: a text with values in it by its
template, the values in turn by themselves, and what has no Japanese stays as it is.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_VALUE = re.compile(r"\{(\d+)\}")
_SAYS_LITTLE = 4
"""Signs of a template that are too few to know a text by: its values must be known."""


class Template(NamedTuple):
    """A text with numbered values, in both languages."""

    english: re.Pattern[str]
    japanese: str
    signs: int
    """How much of the English text is the template's own."""


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
        if template.signs < _SAYS_LITTLE and said == list(values):
            continue
        filled = _VALUE.sub(lambda m: said[int(m[1]) - 1], template.japanese)  # noqa: B023
        return indent + filled
    return line


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
    pattern = "(.*?)".join(map(re.escape, literals))
    return Template(re.compile(pattern, re.DOTALL), said, sum(map(len, literals)))
