"""`lrx`, also as `python -m node`."""

import sys

from node.cli.parser import run


def main() -> None:
    """Run the command the arguments name and exit with its status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
