"""`lrx accredit`: an accreditor or council says who is what, and takes it back."""

import re
from argparse import ArgumentParser, Namespace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from node.cli.common import Exit, UsageError, about, opened, say, show, words
from node.handle import Node
from node.services import accrediting
from node.store import statements
from protocol.identity.dids import Did

_CODE = re.compile("[A-Z]{2}")
_ANYWHERE = "any"


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx accredit`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    state = actions.add_parser("issue", help="issue a statement about an organisation")
    state.add_argument("kind", choices=accrediting.KINDS)
    state.add_argument("did", help="the organisation's DID")
    state.add_argument("--legal-name", required=True)
    state.add_argument("--country", required=True, help="ISO 3166-1 alpha-2")
    state.add_argument("--countries", help=about("accredit-countries"))
    state.add_argument("--since", required=True, type=date.fromisoformat)
    state.add_argument("--until", required=True, type=date.fromisoformat)
    state.add_argument("--output", type=Path, help="write the statement to this file")
    state.set_defaults(command=issue)
    listing = actions.add_parser("list", help="what was stated")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(command=list_)
    back = actions.add_parser("revoke", help="take a statement back")
    back.add_argument("id")
    back.set_defaults(command=revoke)
    keep = actions.add_parser("keep", help="keep a statement about this node")
    keep.add_argument("file", type=Path)
    keep.set_defaults(command=keep_)


async def issue(arguments: Namespace) -> int:
    """Issue one statement and publish its status list."""
    if arguments.until <= arguments.since:
        raise UsageError("--until must lie after --since")

    countries = _countries(arguments)

    def work(connection: Connection, node: Node, at: Any) -> bytes:
        octets = accrediting.state(
            connection,
            context=node.context,
            kind=arguments.kind,
            subject=Did.parse(arguments.did),
            legal_name=arguments.legal_name,
            country=arguments.country,
            effective=(arguments.since, arguments.until),
            countries=countries,
            at=at,
        )
        accrediting.publish(connection, context=node.context, at=at)
        return octets

    async with opened(arguments) as node:
        octets = await node.store.write(work, node, node.context.clock())
    if arguments.output:
        arguments.output.write_bytes(octets)
    else:
        say(octets.decode())
    return Exit.VALID


def _countries(arguments: Namespace) -> tuple[str, ...]:
    """Return where a delegation is for: the seat's country unless others are named."""
    if arguments.countries and arguments.kind != "delegation":
        raise UsageError(words("accredit.countries-of-delegation"))
    if arguments.kind != "delegation" or arguments.countries == _ANYWHERE:
        return ()
    chosen = arguments.countries or arguments.country
    found = tuple(one.strip().upper() for one in chosen.split(","))
    for one in found:
        if not _CODE.fullmatch(one):
            raise UsageError(words("accredit.no-country", country=one))
    return found


async def list_(arguments: Namespace) -> int:
    """List every statement."""
    async with opened(arguments) as node:
        found = await node.store.read(statements.all_of)
    rows = [
        {
            "id": one.id,
            "type": one.type,
            "subject": one.subject,
            "issued": one.issued_at.isoformat(),
            "revoked": one.revoked_at and one.revoked_at.isoformat(),
        }
        for one in found
    ]
    if arguments.json:
        show(rows)
    else:
        for row in rows:
            state = "revoked" if row["revoked"] else "in force"
            say(f"{row['id']}  {row['type']}  {row['subject']}  {state}")
    return Exit.VALID


async def revoke(arguments: Namespace) -> int:
    """Take one statement back and publish the list."""

    def work(connection: Connection, node: Node, at: Any) -> None:
        accrediting.take_back(
            connection, context=node.context, statement_id=arguments.id, at=at
        )
        accrediting.publish(connection, context=node.context, at=at)

    async with opened(arguments) as node:
        await node.store.write(work, node, node.context.clock())
    say(f"{arguments.id} is revoked")
    return Exit.VALID


async def keep_(arguments: Namespace) -> int:
    """Keep a statement somebody made about this node, to be shown to peers."""
    try:
        octets = arguments.file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"{arguments.file}: {error.strerror}") from error
    async with opened(arguments) as node:
        at = node.context.clock()
        await node.store.write(
            accrediting.keep, context=node.context, octets=octets, at=at
        )
    say(f"{arguments.file} is kept and goes along with every introduction")
    return Exit.VALID
