"""`lrx keys`: which keys this node has, and whether they are kept as they should."""

from argparse import ArgumentParser, Namespace

from node import identity
from node.cli.common import Exit, read_settings, say, show
from node.identity import JOBS, read_key


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx keys`."""
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=keys)


async def keys(arguments: Namespace) -> int:
    """List each key with its thumbprint; nothing private is printed."""
    settings = read_settings(arguments)
    folder = settings.path(settings.keystore)
    identity.load(folder, settings.did)
    rows = []
    for job in JOBS:
        if job in {"vault", "encryption"}:
            continue
        here = (folder / f"{job}.json").exists()
        key = read_key(folder, job).verification_key if here else None
        rows.append(
            {
                "job": job,
                "algorithm": key.algorithm if key else None,
                "thumbprint": key.thumbprint() if key else None,
                "here": here,
            }
        )
    if arguments.json:
        show({"did": str(settings.did), "keys": rows})
    else:
        say(str(settings.did))
        for row in rows:
            say(
                f"{row['job']:18} {row['algorithm']} {row['thumbprint']}"
                if row["here"]
                else f"{row['job']:18} not here (kept offline)"
            )
    return Exit.VALID
