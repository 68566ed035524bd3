"""The files a log is published as: tiles of hashes, and bundles of entries.

Follows C2SP `tlog-tiles`. A tile is a run of up to 256 hashes of one level of the tree,
where each level is eight of the tree's; one that is not full yet says how wide it is.
Full tiles never change, so they can be cached for ever and served from a plain folder.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from protocol.errors import MalformedValueError
from protocol.exchange.merkle_log import Tree, leaf_hash

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HIGHEST_LEVEL = 63


@dataclass(frozen=True, slots=True)
class Tile:
    """A run of hashes of one level of the tree, or of entries, published as a file."""

    level: int | None
    """0 for leaf hashes; None for the entries themselves."""
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path below the log's prefix."""
        level = "entries" if self.level is None else str(self.level)
        digits = str(self.index)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        *high, low = (digits[at : at + 3] for at in range(0, len(digits), 3))
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/" + "".join(f"x{part}/" for part in high) + low + partial

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a path below the log's prefix.

        Raises:
            MalformedValueError: not the one spelling of a tile's path.
        """
        found = re.fullmatch(
            r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,5})([0-9]{3})(?:\.p/([0-9]{1,3}))?",
            path,
            re.ASCII,
        )
        if found is None:
            raise MalformedValueError("not a path of a tile")
        level, high, low, width = found.groups()
        tile = cls(
            None if level == "entries" else int(level),
            int(re.sub("[x/]", "", high) + low),
            TILE_WIDTH if width is None else int(width),
        )
        if (
            tile.path != path
            or not 1 <= tile.width <= TILE_WIDTH
            or (tile.level or 0) > HIGHEST_LEVEL
        ):
            raise MalformedValueError("not the path of a tile")
        return tile

    def exists(self, size: int) -> bool:
        """Tell whether a tree of `size` leaves has everything the tile holds."""
        count = size >> TILE_HEIGHT * (self.level or 0)
        return self.index * TILE_WIDTH + self.width <= count

    def content(self, entries: Sequence[bytes]) -> bytes:
        """Return what the tile's file holds, given all entries of the log so far.

        Raises:
            ValueError: there are not enough entries.
        """
        if not self.exists(len(entries)):
            raise ValueError(f"{self.path} lies beyond {len(entries)} entries")
        start = self.index * TILE_WIDTH
        if self.level is None:
            mine = entries[start : start + self.width]
            return b"".join(len(one).to_bytes(2) + one for one in mine)
        span = 1 << TILE_HEIGHT * self.level
        return b"".join(
            Tree(map(leaf_hash, entries[at * span : (at + 1) * span])).root()
            for at in range(start, start + self.width)
        )


def tiles(size: int) -> Iterator[Tile]:
    """List every tile that a tree of `size` leaves consists of, entries included."""
    levels = itertools.takewhile(
        lambda level: size >> TILE_HEIGHT * level, itertools.count()
    )
    for level in (None, *levels):
        full, rest = divmod(size >> TILE_HEIGHT * (level or 0), TILE_WIDTH)
        yield from (Tile(level, index) for index in range(full))
        if rest:
            yield Tile(level, full, rest)
