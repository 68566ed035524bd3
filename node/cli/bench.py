"""`lrx bench`: measurements, each beside its target."""

import json
from argparse import ArgumentParser, Namespace

from node.bench import credentials, exchange
from node.cli.common import Exit, say


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx bench`."""
    parser.add_argument("name", choices=["exchange", "credentials"])
    parser.add_argument(
        "--count", type=int, default=400, help="exchanges per round of `exchange`"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(command=bench)


async def bench(arguments: Namespace) -> int:
    """Measure, and print every figure."""
    if arguments.name == "credentials":
        figures = credentials.measure()
    else:
        figures = await exchange.measure(arguments.count)
    for figure in figures:
        if arguments.json:
            say(json.dumps(figure.as_json(), ensure_ascii=False))
        else:
            say(figure.as_line())
    return Exit.VALID
