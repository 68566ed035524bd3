"""`lrx`: finds the command, runs it, turns refusals into exit statuses."""

import argparse
import asyncio
from collections.abc import Callable, Sequence

from node.cli import (
    bench,
    demonstration,
    evidencing,
    exchanging,
    health,
    importing,
    issuing,
    keys,
    networking,
    people,
    serving,
    setup,
    trusting,
    verifying,
)
from node.cli.common import Exit, UsageError, complain, language
from node.texts.catalogue import text
from protocol.errors import ProtocolError


_COMMANDS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "init": setup.add_parser,
    "serve": serving.add_serve,
    "migrate": serving.add_migrate,
    "demo": demonstration.add_parser,
    "network": networking.add_parser,
    "import": importing.add_parser,
    "issue": issuing.add_issue,
    "revoke": issuing.add_revoke,
    "reissue": issuing.add_reissue,
    "verify": verifying.add_parser,
    "consent": exchanging.add_consent,
    "query": exchanging.add_query,
    "evidence": evidencing.add_evidence,
    "audit": evidencing.add_audit,
    "keys": keys.add_parser,
    "peers": exchanging.add_peers,
    "accredit": trusting.add_parser,
    "invite": people.add_parser,
    "doctor": health.add_parser,
    "bench": bench.add_parser,
}
"""Each command and what adds its arguments; the help of each is a text of both
languages."""


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    lang = language()
    top = argparse.ArgumentParser(prog="lrx", description=text(lang, "cli.lrx"))
    top.add_argument("--config", help=text(lang, "cli.config"))
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, describe in _COMMANDS.items():
        about = text(lang, f"cli.{name}")
        describe(commands.add_parser(name, help=about, description=about))
    return top


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    chosen = parser().parse_args(arguments)
    try:
        return int(asyncio.run(chosen.command(chosen)))
    except UsageError as error:
        complain(str(error))
        return Exit.UNDETERMINED
    except ProtocolError as error:
        complain(f"{error.title}: {error}")
        return Exit.UNREADABLE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return Exit.VALID
