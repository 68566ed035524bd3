"""The formats of credentials this node speaks, and the tests that show each."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Format:
    """One format; tests are named as pytest takes them."""

    name: str
    directions: tuple[str, ...]
    """Of `issue`, `verify` and `derive`."""
    positive: tuple[str, ...]
    tampered: tuple[str, ...]
    foreign: tuple[str, ...]
    """What somebody else made."""

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "format": self.name,
            "directions": list(self.directions),
            "tests": {
                "positive": list(self.positive),
                "tampered": list(self.tampered),
                "foreign": list(self.foreign),
            },
        }


def formats() -> tuple[Format, ...]:
    """Return every format, in the order of the table."""
    source = files("node").joinpath("formats.toml").read_text("utf-8")
    return tuple(
        Format(
            name=row["name"],
            directions=tuple(row["directions"]),
            positive=tuple(row["positive"]),
            tampered=tuple(row["tampered"]),
            foreign=tuple(row["foreign"]),
        )
        for row in tomllib.loads(source)["format"]
    )
