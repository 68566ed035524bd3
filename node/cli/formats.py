"""`lrx formats`: what this node issues, verifies and derives, and what shows it."""

from argparse import ArgumentParser, Namespace

from node.cli.common import Exit, say, show
from node.formats import formats


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx formats`."""
    parser.add_argument("--json", action="store_true", help="with the names of tests")
    parser.set_defaults(command=show_formats)


async def show_formats(arguments: Namespace) -> int:
    """Print the table of formats."""
    table = formats()
    if arguments.json:
        show([one.as_json() for one in table])
        return Exit.VALID
    width = max(len(one.name) for one in table)
    for one in table:
        say(f"{one.name:<{width}}  {', '.join(one.directions)}")
    return Exit.VALID
