"""`lrx evidence` and `lrx audit`: prove what happened, verify what was proven."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from node.cli.common import Exit, complain, opened, say, show
from node.ledger import Ledger
from node.services import proving
from node.store import audit
from protocol.errors import ProtocolError
from protocol.exchange.evidence import PackReport, verify_pack
from protocol.identity.dids import Did


def add_evidence(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx evidence`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    export = actions.add_parser("export", help="write the evidence pack of a delivery")
    export.add_argument("delivery", help="delivery id")
    export.add_argument("--output", type=Path, required=True, metavar="PACK.zip")
    export.set_defaults(command=export_pack)
    check = actions.add_parser("verify", help="verify a pack, without any network")
    check.add_argument("pack", type=Path)
    check.add_argument(
        "--anchor", action="append", default=[], type=Did, help="insist on this anchor"
    )
    check.add_argument("--json", action="store_true")
    check.set_defaults(command=verify)


async def export_pack(arguments: Namespace) -> int:
    """Gather everything and write the pack."""
    async with opened(arguments) as node:
        octets = await proving.export(
            node.store,
            context=node.context,
            ledger=Ledger.of(node.context),
            delivery_id=arguments.delivery,
        )
    arguments.output.write_bytes(octets)
    say(f"{arguments.output}: {len(octets)} bytes; lrx evidence verify checks it")
    return Exit.VALID


async def verify(arguments: Namespace) -> int:
    """Print every check; exit status 0 if the pack is complete and all hold."""
    try:
        octets = arguments.pack.read_bytes()
        report = verify_pack(octets, anchors=arguments.anchor or None)
    except OSError as error:
        complain(f"{arguments.pack}: {error.strerror}")
        return Exit.UNREADABLE
    except ProtocolError as error:
        complain(f"{arguments.pack}: {error}")
        return Exit.INVALID
    if arguments.json:
        show(
            {
                "ok": report.ok,
                "checks": [
                    {"name": c.name, "ok": c.holds, "reason": c.reason}
                    for c in report.checks
                ],
            }
        )
    else:
        for check in report.checks:
            say(f"{'ok' if check.holds else 'FAILED':7} {check.name}: {check.reason}")
        _tell_more(report)
        say("the pack proves the delivery" if report.ok else "the pack proves nothing")
    return Exit.VALID if report.ok else Exit.INVALID


def _tell_more(report: PackReport) -> None:
    """Print what is not judged: evidence of time, and the status since."""
    for item, verification in report.verifications.items():
        time = verification.findings["time_evidence"]
        say(f"        {item}: as of the receipt {verification.overall('recognition')}")
        say(f"        {item}: {time.reason}")
    for item, verification in report.later.items():
        status = verification.findings["status_now"]
        say(f"        {item}: when the pack was made: {status.reason}")


def add_audit(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx audit`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    check = actions.add_parser("verify", help="recompute the log and replay the gate")
    check.set_defaults(command=verify_log)
    listing = actions.add_parser("list", help="the events, as far as keys exist")
    listing.add_argument("--limit", type=int, default=50)
    listing.set_defaults(command=list_events)


async def verify_log(arguments: Namespace) -> int:
    """Recompute every leaf and head; replay releases and dispatches."""
    async with opened(arguments) as node:
        problems = await node.store.read(
            proving.problems, context=node.context, ledger=Ledger.of(node.context)
        )
        size = await node.store.read(audit.size)
    for problem in problems:
        say(f"FAILED {problem}")
    say(
        f"{size} events: {'as they were written' if not problems else 'NOT as written'}"
    )
    return Exit.INVALID if problems else Exit.VALID


async def list_events(arguments: Namespace) -> int:
    """Print the newest events, one JSON object a line."""
    async with opened(arguments) as node:
        size = await node.store.read(audit.size)
        found = await node.store.read(
            audit.events,
            vault=node.context.vault,
            since=max(size - arguments.limit, 0),
            limit=arguments.limit,
        )
    for event in found:
        line = {
            "seq": event.seq,
            "at": event.at.isoformat(),
            "kind": event.kind,
            "event": dict(event.event) if event.event else None,
        }
        say(json.dumps(line, ensure_ascii=False))
    return Exit.VALID
