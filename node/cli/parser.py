"""`lrx`: finds the command, runs it, turns refusals into exit statuses.

Only the module of the command that was asked for is imported: a health check every few
seconds should not load what draws portals and reads ELMO.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from node.cli.common import Exit, UsageError, complain, language
from node.identity import KeystoreError
from node.settings import SettingsError
from node.store.engine import StoreError
from node.texts.catalogue import text
from node.texts.spoken import in_language
from protocol.errors import ProtocolError

_COMMANDS = {
    "init": "setup:add_parser",
    "serve": "serving:add_serve",
    "ready": "readiness:add_parser",
    "migrate": "serving:add_migrate",
    "demo": "demonstration:add_parser",
    "network": "networking:add_parser",
    "import": "importing:add_parser",
    "issue": "issuing:add_issue",
    "reissue": "issuing:add_reissue",
    "revoke": "issuing:add_revoke",
    "verify": "verifying:add_parser",
    "credential": "credential:add_parser",
    "bake": "baking:add_parser",
    "consent": "exchanging:add_consent",
    "query": "exchanging:add_query",
    "evidence": "evidencing:add_evidence",
    "audit": "evidencing:add_audit",
    "keys": "keys:add_parser",
    "did": "identifying:add_parser",
    "peers": "exchanging:add_peers",
    "accredit": "trusting:add_parser",
    "invite": "people:add_parser",
    "doctor": "health:add_parser",
    "formats": "formats:add_parser",
    "bench": "bench:add_parser",
}
"""Each command and what adds its arguments; its help is a text of both languages."""


class Parser(argparse.ArgumentParser):
    """A parser that speaks the language of the locale."""

    def format_help(self) -> str:
        """Return the help, headings and all."""
        for group in self._action_groups:
            group.title = (
                _HEADINGS.get(group.title or "", group.title)
                if (language() == "ja")
                else group.title
            )
        for action in self._actions:
            if action.help:
                action.help = in_language(language(), action.help)
            for choice in getattr(action, "_choices_actions", ()):
                choice.help = in_language(language(), choice.help or "")
        return _translated(super().format_help())

    def format_usage(self) -> str:
        """Return the usage line."""
        return _translated(super().format_usage())

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and end."""
        lang = language()
        said = f"{text(lang, 'cli.error')}: {in_language(lang, message)}"
        self.print_usage(sys.stderr)
        self.exit(Exit.UNDETERMINED, f"{self.prog}: {said}\n")


def _translated(usage: str) -> str:
    return usage.replace("usage:", text(language(), "cli.usage"), 1)


_HEADINGS = {"positional arguments": "位置引数", "options": "オプション"}


def parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser, complete for the command that `arguments` name."""
    lang = language()
    top = Parser(prog="lrx", description=text(lang, "cli.lrx"))
    top.add_argument("--config", help=text(lang, "cli.config"))
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, place in _COMMANDS.items():
        about = text(lang, f"cli.{name}")
        command = commands.add_parser(name, help=about, description=about)
        if name in arguments:
            module, _, function = place.partition(":")
            getattr(import_module(f"node.cli.{module}"), function)(command)
    return top


async def invoke(arguments: Sequence[str]) -> int:
    """Run one command inside a running program; return its exit status."""
    chosen = parser(arguments).parse_args(arguments)
    try:
        return int(await chosen.command(chosen))
    except (UsageError, SettingsError, KeystoreError, StoreError) as error:
        complain(str(error))
        return Exit.UNDETERMINED
    except ProtocolError as error:
        complain(f"{error.title}: {error}")
        return Exit.UNREADABLE


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    try:
        return asyncio.run(invoke(arguments))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return 130
    except BrokenPipeError:
        return Exit.VALID
