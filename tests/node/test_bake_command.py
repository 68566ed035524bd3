"""`lrx bake`, and `lrx issue --format clr` where it cannot be."""

import json
import zlib

import pytest

from adapters.baked import PNG
from node.cli.parser import run
from tests.protocol.test_verification import key_badge


def chunk(kind, content):
    check = zlib.crc32(kind + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + kind + content + check


PICTURE = PNG + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0") + chunk(b"IEND", b"")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "badge.json").write_text(json.dumps(key_badge()), encoding="utf-8")
    (tmp_path / "blank.png").write_bytes(PICTURE)
    (tmp_path / "blank.svg").write_text("<svg/>", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_badge_in_a_picture_verifies(kind, capsys):
    baked = f"baked.{kind}"
    assert run(["bake", "badge.json", f"blank.{kind}", "--output", baked]) == 0
    assert baked in capsys.readouterr().out
    assert run(["verify", baked, "--policy", "authenticity"]) == 0


def test_nothing_is_overwritten(folder, capsys):
    before = (folder / "blank.png").read_bytes()
    words = ["bake", "badge.json", "blank.png", "--output", "blank.png"]
    assert run(words) == 3
    assert "blank.png" in capsys.readouterr().err
    assert (folder / "blank.png").read_bytes() == before


@pytest.mark.parametrize(
    ("credential", "picture", "says"),
    [
        ("blank.svg", "blank.png", "cannot be read as a credential"),
        ("badge.json", "badge.json", "neither a PNG nor an SVG"),
        ("nowhere.json", "blank.png", "nowhere.json"),
    ],
)
def test_what_cannot_be_baked_is_said_in_one_line(
    folder, capsys, credential, picture, says
):
    assert run(["bake", credential, picture, "--output", "out"]) == 3
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (folder / "out").exists()


def test_a_clr_needs_a_transcript_and_a_place(capsys):
    words = ["issue", "--learner", "1", "--kind", "transcript", "--format", "clr"]
    assert run(words) == 2
    assert "--output" in capsys.readouterr().err
