"""What the README prints can be typed: commands exist, diffs apply, both agree."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from node.cli.parser import parser

ROOT = Path(__file__).parents[1]
ENGLISH, JAPANESE = (
    (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.ja.md")
)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `([a-z]+)` \|", re.MULTILINE)


def blocks(text, *kinds):
    return [body for kind, body in BLOCK.findall(text) if kind in kinds]


def test_both_languages_print_the_same_commands_answers_and_diffs():
    kinds = ("sh", "text", "diff")

    assert blocks(ENGLISH, *kinds) == blocks(JAPANESE, *kinds)


@pytest.mark.parametrize("text", [ENGLISH, JAPANESE])
def test_every_command_has_its_line(text, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    listed = re.findall(r"^    ([a-z]+) ", parser([]).format_help(), re.MULTILINE)

    table = text.split("| `lrx …` |")[1].split("\n\n")[0]

    assert sorted(ROW.findall(table)) == sorted(listed)


@pytest.mark.parametrize("text", [ENGLISH, JAPANESE])
def test_files_that_are_named_are_there(text):
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / target).exists(), target


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")
@pytest.mark.parametrize("diff", blocks(ENGLISH, "diff"))
def test_a_diff_that_is_shown_applies(diff):
    done = subprocess.run(
        ["git", "apply", "--check", "-"],  # noqa: S607 - whichever git there is
        input=diff.encode(),
        cwd=ROOT,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()
