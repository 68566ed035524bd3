"""`lrx bake`: a credential into a picture, the form in which badges are passed on."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from adapters.baked import bake
from adapters.source import SourceError
from node.cli.common import Exit, complain, say
from protocol.credentials import model
from protocol.errors import ProtocolError


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx bake`."""
    parser.add_argument("credential", type=Path, help="JSON or JWT")
    parser.add_argument("picture", type=Path, help="PNG or SVG")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", required=True, help="written anew"
    )
    parser.set_defaults(command=run)


async def run(arguments: Namespace) -> int:
    """Write the picture with the credential in it; the credential is not verified."""
    try:
        credential = arguments.credential.read_bytes()
        picture = arguments.picture.read_bytes()
        model.read(credential)
        baked = bake(credential, picture)
        # A picture that is there is somebody's: it is not overwritten.
        with arguments.output.open("xb") as file:
            file.write(baked)
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return Exit.UNREADABLE
    except SourceError as error:
        complain(f"{arguments.picture}: {error}")
        return Exit.UNREADABLE
    except ProtocolError as error:
        complain(f"{arguments.credential} cannot be read as a credential: {error}")
        return Exit.UNREADABLE
    say(f"{arguments.output}: {len(baked)} bytes; lrx verify {arguments.output}")
    return Exit.VALID
