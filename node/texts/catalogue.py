"""The words of pages and mails, by language and key.

Both files hold the same keys with the same placeholders; a test says so. A text is
never put together from parts, because word order differs between languages.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

LANGUAGES: Final = ("ja", "en")


def text(language: str, key: str, **values: object) -> str:
    """Return the text `key` in `language`, its placeholders filled from `values`.

    Raises:
        KeyError: no such language, key or placeholder.
    """
    return catalogue(language)[key].format(**values)


def text_or(language: str, key: str, default: str) -> str:
    """Return the text `key`, or `default` for a word this release does not know."""
    return catalogue(language).get(key, default)


def choose(wanted: str | None) -> str:
    """Return the language to use for an `Accept-Language` value, English by default."""
    ranked = []
    for position, part in enumerate((wanted or "").split(",")[:10]):
        name, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality or 1)
        except ValueError:
            weight = 0.0
        ranked.append((-weight, position, name[:2].lower()))
    return next((name for _, _, name in sorted(ranked) if name in LANGUAGES), "en")


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return every text of `language` under its dotted key."""
    if language not in LANGUAGES:
        raise KeyError(language)
    texts: dict[str, str] = {}
    for name in (f"{language}.toml", f"commands.{language}.toml"):
        source = files("node.texts").joinpath(name).read_text("utf-8")
        texts |= _flat(tomllib.loads(source), "")
    return MappingProxyType(texts)


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
