"""The files a log is published as."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MalformedValueError
from protocol.exchange.log_tiles import Tile, tiles
from protocol.exchange.merkle_log import Tree, leaf_hash

ENTRIES = [n.to_bytes(32) for n in range(600)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(2, 0, 1), "tile/2/000.p/1"),
        (Tile(None, 273, 112), "tile/entries/273.p/112"),
        (Tile(63, 1000), "tile/63/x001/000"),
    ],
)
def test_a_tile_has_one_path(tile, path):
    assert tile.path == path
    assert Tile.parse(path) == tile


@given(st.none() | st.integers(0, 63), st.integers(0, 10**15), st.integers(1, 256))
def test_a_path_is_read_back(level, index, width):
    tile = Tile(level, index, width)

    assert Tile.parse(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000\n",
        "tile/0/０００",
        "tile/x/000",
        "0/000",
        "tile/0/../000",
    ],
)
def test_another_spelling_is_refused(path):
    with pytest.raises(MalformedValueError):
        Tile.parse(path)


def test_a_tree_of_seventy_thousand_has_the_tiles_of_the_specification():
    paths = [tile.path for tile in tiles(70_000)]
    hashes = [path for path in paths if "entries" not in path]

    assert (
        len(
            [path for path in hashes if path.startswith("tile/0/") and ".p" not in path]
        )
        == 273
    )
    assert "tile/0/273.p/112" in hashes
    assert [path for path in hashes if not path.startswith("tile/0/")] == [
        "tile/1/000",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert paths[273] == "tile/entries/273.p/112"
    assert [tile.path for tile in tiles(256)] == [
        "tile/entries/000",
        "tile/0/000",
        "tile/1/000.p/1",
    ]
    assert list(tiles(0)) == []


def test_a_tile_holds_leaf_hashes_then_roots_of_full_tiles_below():
    assert Tile(0, 2, 88).content(ENTRIES) == b"".join(map(leaf_hash, ENTRIES[512:]))
    assert Tile(1, 0, 2).content(ENTRIES) == b"".join(
        Tree(map(leaf_hash, ENTRIES[at : at + 256])).root() for at in (0, 256)
    )


def test_a_bundle_holds_entries_after_their_length():
    assert Tile(None, 0, 2).content(ENTRIES) == b"".join(
        b"\x00\x20" + entry for entry in ENTRIES[:2]
    )


def test_the_tiles_are_enough_to_compute_the_root():
    content = b"".join(
        tile.content(ENTRIES) for tile in tiles(len(ENTRIES)) if tile.level == 0
    )
    hashes = [content[at : at + 32] for at in range(0, len(content), 32)]

    assert Tree(hashes).root() == Tree(map(leaf_hash, ENTRIES)).root()


@given(st.integers(0, 2000))
def test_the_tiles_of_a_tree_exist_and_no_wider_ones(size):
    for tile in tiles(size):
        assert tile.exists(size)
        assert tile.width == 256 or not Tile(
            tile.level, tile.index, tile.width + 1
        ).exists(size)


@pytest.mark.parametrize("tile", [Tile(0, 2, 89), Tile(1, 0, 3), Tile(None, 3, 1)])
def test_a_tile_beyond_the_tree_has_no_content(tile):
    assert not tile.exists(len(ENTRIES))
    with pytest.raises(ValueError, match="lies beyond"):
        tile.content(ENTRIES)
