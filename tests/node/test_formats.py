import ast
import json
from functools import cache
from pathlib import Path

import pytest

from node.cli import parser
from node.formats import formats

ROOT = Path(__file__).parents[2]
TABLE = {one.name: one for one in formats()}


@cache
def functions(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize("name", TABLE)
def test_each_format_is_shown_by_tests_that_exist(name):
    one = TABLE[name]
    assert one.positive
    assert one.tampered
    assert one.foreign
    for test in (*one.positive, *one.tampered, *one.foreign):
        file, _, function = test.partition("::")
        assert function.startswith("test_")
        assert function in functions(file), test


def test_each_format_stands_once_and_says_what_is_done_with_it():
    assert len(TABLE) == len(formats())
    for one in TABLE.values():
        assert one.directions
        assert set(one.directions) <= {"issue", "verify", "derive"}


def test_the_command_prints_the_table(capsys):
    assert parser.run(["formats"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(TABLE)

    assert parser.run(["formats", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [one["format"] for one in printed] == list(TABLE)
