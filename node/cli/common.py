"""What every command shares: settings, an opened node, output, exit statuses."""

import json
import locale
import os
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path
from typing import Any

from node.handle import Node, opened_at
from node.settings import Settings, load
from node.texts.catalogue import text
from node.texts.spoken import in_language

Command = Callable[[Namespace], Awaitable[int]]


class Exit(IntEnum):
    """Exit statuses of `lrx`."""

    VALID = 0
    INVALID = 1
    UNDETERMINED = 2
    UNREADABLE = 3


class UsageError(Exception):
    """The command cannot do what was asked; the message says what would help."""


def language() -> str:
    """Return `ja` under a Japanese locale, else `en`."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name)
        if value:
            return "ja" if value.startswith("ja") else "en"
    return "ja" if (locale.getlocale()[0] or "").startswith("ja") else "en"


def words(key: str, **values: object) -> str:
    """Return what a command says, in the language of the locale."""
    return text(language(), f"say.{key}", **values)


def about(key: str, **values: object) -> str:
    """Return the help of an argument, in the language of the locale."""
    return text(language(), f"cli-help.{key}", **values)


def settings_file(arguments: Namespace) -> Path:
    """Return the settings file: `--config`, else `$LRX_CONFIG`, else `./node.toml`."""
    chosen = arguments.config or os.environ.get("LRX_CONFIG") or "node.toml"
    path = Path(chosen)
    return path / "node.toml" if path.is_dir() else path


def read_settings(arguments: Namespace) -> Settings:
    """Read the settings the arguments name.

    Raises:
        SettingsError: they cannot be used.
    """
    return load(settings_file(arguments))


@asynccontextmanager
async def opened(arguments: Namespace) -> AsyncIterator[Node]:
    """Open the node the arguments name, and close it afterwards."""
    async with opened_at(read_settings(arguments)) as node:
        yield node


def show(value: Any) -> None:
    """Print `value` as JSON."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1, default=str)
    print()


def say(*lines: str) -> None:
    """Print `lines` to standard output, in the language of the locale."""
    for line in lines:
        print(in_language(language(), line))


def complain(message: str) -> None:
    """Print `message` to standard error."""
    print(f"lrx: {in_language(language(), message)}", file=sys.stderr)
