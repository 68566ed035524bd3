"""The privacy law packs of `config/jurisdictions`, asked about one disclosure."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from node.config import config_folder
from protocol.exchange.jurisdiction import End, Pack, Right, Ruling, evaluate


@cache
def packs(folder: Path | None = None) -> tuple[Pack, ...]:
    """Read every pack there is.

    Raises:
        MalformedValueError: a file is not a pack; the node does not guess at law.
    """
    files = sorted((folder or config_folder() / "jurisdictions").glob("*.json"))
    return tuple(Pack.parse(json.loads(f.read_text(encoding="utf-8"))) for f in files)


def ruling(end: End, facts: Mapping[str, Any]) -> Ruling:
    """Return what the packs for one end say about a disclosure with these `facts`."""
    known = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in facts.items()
    }
    return evaluate(packs(), end, known)


def right(country: str, kind: str) -> Right | None:
    """Return what the law at a source in `country` says of one right of a person."""
    return next(
        (
            one
            for pack in packs()
            if pack.end == "sender" and country in pack.jurisdictions
            for one in pack.rights
            if one.id == kind
        ),
        None,
    )
