"""`lrx invite`: lets a person log in, by a link that works once for 15 minutes."""

import secrets
from argparse import ArgumentParser, Namespace

from sqlalchemy import Connection

from node.cli.common import Exit, UsageError, language, opened, say
from node.context import NodeContext
from node.handle import Node
from node.matching import STUDENT_NUMBER, number_value
from node.services import inviting
from node.store import learners, people

_ROLES = ("registrar", "operator", "officer")


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx invite`."""
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--learner", metavar="NUMBER", help="a learner's student number")
    who.add_argument("--staff", choices=_ROLES, help="a member of staff in this role")
    parser.add_argument("--name", default="", help="of the member of staff")
    parser.add_argument("--email", default="", help="where the link is mailed to")
    parser.add_argument("--language", choices=["ja", "en"], default=None)
    parser.add_argument("--path", default="/", help="page the link leads to")
    parser.add_argument("--show", action="store_true", help="print the link too")
    parser.set_defaults(command=invite)


async def invite(arguments: Namespace) -> int:
    """Make sure the person is known, make a link, mail it."""
    async with opened(arguments) as node:
        link = await node.store.write(_invite, node=node, arguments=arguments)
    if arguments.show or not arguments.email:
        say(link)
    else:
        say(f"a link is on its way to {arguments.email}")
    return Exit.VALID


def _invite(connection: Connection, *, node: Node, arguments: Namespace) -> str:
    context, at = node.context, node.context.clock()
    if arguments.learner:
        person_id = _learner(connection, context, arguments)
    else:
        person_id = _staff(connection, context, arguments)
    return inviting.invite(
        connection, context=context, person_id=person_id, at=at, path=arguments.path
    )


def _learner(connection: Connection, context: NodeContext, arguments: Namespace) -> str:
    hashed = context.vault.match_hash(STUDENT_NUMBER, number_value(arguments.learner))
    found = learners.learners_by_hash(connection, hashes=[hashed]).get(hashed, [])
    if len(found) != 1:
        raise UsageError(f"{len(found)} learners have the number {arguments.learner}")
    known = people.person_of_learner(connection, learner_id=found[0])
    if known is not None:
        return known.id
    record = learners.learner_record(
        connection, vault=context.vault, learner_id=found[0]
    )
    name = record.person.name("kanji", "latin") if record else None
    person_id = secrets.token_hex(16)
    people.add_person(
        connection,
        vault=context.vault,
        id=person_id,
        role="learner",
        learner_id=found[0],
        name=f"{name.family} {name.given}".strip() if name else arguments.learner,
        email=arguments.email,
        language=arguments.language or language(),
    )
    return person_id


def _staff(connection: Connection, context: NodeContext, arguments: Namespace) -> str:
    wanted = (arguments.staff, arguments.email)
    for one in people.people(connection, vault=context.vault):
        if (one.role, one.email) == wanted:
            return one.id
    person_id = secrets.token_hex(16)
    people.add_person(
        connection,
        vault=context.vault,
        id=person_id,
        role=arguments.staff,
        learner_id=None,
        name=arguments.name or arguments.staff,
        email=arguments.email,
        language=arguments.language or language(),
    )
    return person_id
