"""The privacy law packs of this release and of the operator, asked about a disclosure.

Those of the release lie in `config/jurisdictions`, the operator's own beside the
settings file. What the law is in a country without a pack nobody here knows: a node
whose own country has none neither sends learner data nor takes any.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from node.config import config_folder
from protocol.errors import MalformedValueError, UnexpectedMessageError
from protocol.exchange.jurisdiction import (
    End,
    Objection,
    Pack,
    Right,
    Ruling,
    evaluate,
)


class NoLawError(UnexpectedMessageError):
    """The law of this node's own country is in no pack."""

    title = "No privacy law pack"


@cache
def packs(folder: Path | None = None) -> tuple[Pack, ...]:
    """Read every pack in a folder, by default those of the release.

    Raises:
        MalformedValueError: a file is not a pack; the node does not guess at law.
    """
    found = []
    for file in sorted((folder or config_folder() / "jurisdictions").glob("*.json")):
        try:
            found.append(Pack.parse(json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, OSError, MalformedValueError) as error:
            raise MalformedValueError(f"{file}: {error}") from error
    return tuple(found)


def law(more: Path | None = None) -> tuple[Pack, ...]:
    """Return the packs of the release and those in the folder `more`."""
    return packs() + (packs(more) if more is not None else ())


def regimes(country: str, more: Path | None = None) -> tuple[str, ...]:
    """Return the names of the laws for what leaves `country`; none if none is known."""
    names = (
        p.id.split("/")[0]
        for p in law(more)
        if p.end == "sender" and country in p.jurisdictions
    )
    return tuple(dict.fromkeys(names))


def covers(end: End, country: str, more: Path | None = None) -> bool:
    """Tell whether there is a pack for one end of a disclosure in `country`."""
    return any(p.end == end and country in p.jurisdictions for p in law(more))


def require(end: End, country: str, more: Path | None = None) -> None:
    """Refuse what needs the law of this node's own country where there is none.

    Raises:
        NoLawError: there is no pack.
    """
    if not covers(end, country, more):
        raise NoLawError(f"there is no pack for {country} as {end}: see lrx doctor")


def ruling(
    end: End,
    facts: Mapping[str, Any],
    *,
    more: Path | None = None,
    here: str | None = None,
) -> Ruling:
    """Return what the packs for one end say about a disclosure with these `facts`.

    `here` is the country of this node where it is at that end: then there must be one.
    """
    known = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in facts.items()
    }
    if here is not None and not covers(end, here, more):
        return Ruling((Objection("-", "no-pack", "deny", f"no law pack for {here}"),))
    return evaluate(law(more), end, known)


def right(country: str, kind: str, more: Path | None = None) -> Right | None:
    """Return what the law at a source in `country` says of one right of a person."""
    return next(
        (
            one
            for pack in law(more)
            if pack.end == "sender" and country in pack.jurisdictions
            for one in pack.rights
            if one.id == kind
        ),
        None,
    )
