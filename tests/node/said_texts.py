"""Finds the English texts a command can print, as templates with `{1}`, `{2}`, …"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORDS = re.compile(r"[A-Za-z]{2,}.*[ :].*[A-Za-z]{2,}|^[A-Z]?[a-z]{4,}$")
"""What a person would have to understand: two words, or one."""
SPEAKERS = {"say", "complain", "Check", "UsageError", "_found"}


def template(node: ast.AST) -> str | None:
    """Return the text of a literal, with a number for each value put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts, number = [], 0
        for part in node.values:
            if isinstance(part, ast.Constant):
                parts.append(str(part.value))
            else:
                number += 1
                parts.append(f"{{{number}}}")
        return "".join(parts)
    return None


def _texts(node: ast.AST) -> Iterator[str]:
    """Give the literals of an argument, also those of its conditional parts."""
    found = template(node)
    if found is not None:
        yield found
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _chosen(part.value)
        return
    if isinstance(node, ast.Starred) and isinstance(node.value, ast.GeneratorExp):
        yield from _texts(node.value.elt)
        return
    yield from _chosen(node)


def _chosen(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        for branch in (node.body, node.orelse):
            yield from _texts(branch)


def _is_for_people(text: str) -> bool:
    plain = re.sub(r"\{\d+\}", "", text).strip()
    return bool(WORDS.search(plain))


def said(file: Path) -> Iterator[str]:
    """Give what the module in `file` says by `say`, `complain`, errors and help."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rsplit(".", 1)[-1]
        arguments: list[ast.AST] = []
        if name in SPEAKERS or name.endswith("Error"):
            arguments += node.args
        arguments += [k.value for k in node.keywords if k.arg == "help"]
        for argument in arguments:
            for text in map(str.strip, _texts(argument)):
                if _is_for_people(text):
                    yield text
