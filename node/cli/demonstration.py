"""`lrx demo`: the whole story on this machine."""

from argparse import ArgumentParser, Namespace

from node.cli.parser import invoke
from node.demo import story
from node.demo.network import PORT_BASE


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx demo`."""
    parser.add_argument("--keep", action="store_true", help="stay until Ctrl-C")
    parser.add_argument("--port-base", type=int, default=PORT_BASE, metavar="N")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--out", metavar="DIR", help="keep every artefact there")
    parser.add_argument("--world", metavar="DIR", help="tell it in a running network")
    parser.set_defaults(command=demo)


async def demo(arguments: Namespace) -> int:
    """Tell the story, which acts through the same commands as people do."""
    return await story.run(arguments, invoke)
