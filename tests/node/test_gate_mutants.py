"""Every rule of the schema is needed: without it, some scenario ends otherwise."""

import re
from collections.abc import Iterator

import pytest
from store_gate import SCENARIOS, SCHEMA, build, failed

Schema = tuple[str, ...]


def without_triggers() -> Iterator[tuple[str, Schema]]:
    for number, statement in enumerate(SCHEMA):
        if statement.startswith("create trigger"):
            name = statement.split()[2]
            yield f"no {name}", (*SCHEMA[:number], *SCHEMA[number + 1 :])


def without_checks() -> Iterator[tuple[str, Schema]]:
    for number, statement in enumerate(SCHEMA):
        for match in re.finditer(r"\bcheck ?\(", statement, re.IGNORECASE):
            end = _closing(statement, match.end() - 1)
            condition = statement[match.end() : end]
            mutant = statement[: match.end()] + "1" + statement[end:]
            name = f"no check({condition}) in {statement.split('(')[0].split()[2]}"
            yield name, (*SCHEMA[:number], mutant, *SCHEMA[number + 1 :])


def _closing(text: str, opening: int) -> int:
    depth = 0
    for place in range(opening, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise AssertionError(text)


ATOM = re.compile(r"(?<![\w.'])[a-z_.]+(<>|<=|>=|=|<|>)('[a-z]*'|[a-z_.]+)(?![\w.'(])")
EXISTS = re.compile(r"exists\(")
EQUIVALENT = {
    # The clock runs forward, and there is no release before the window opens.
    "dispatch_gate: 1 for c.not_before<=k.now",
}
"""Changes that no statement can tell from the original."""


def with_parts_stuck() -> Iterator[tuple[str, Schema]]:
    """Hold each comparison and each `exists` of a trigger for always true, or false."""
    for number, statement in enumerate(SCHEMA):
        start = statement.find(" when ")
        if start < 0 or not statement.startswith("create trigger"):
            continue
        name = statement.split()[2]
        for begin, end in _parts(statement, start):
            for value in "01":
                part = f"{name}: {value} for {statement[begin:end]}"
                if part not in EQUIVALENT:
                    mutant = statement[:begin] + value + statement[end:]
                    yield part, (*SCHEMA[:number], mutant, *SCHEMA[number + 1 :])


def _parts(text: str, start: int) -> Iterator[tuple[int, int]]:
    for match in ATOM.finditer(text, start):
        yield match.span()
    for match in EXISTS.finditer(text, start):
        yield match.start(), _closing(text, match.end() - 1) + 1


MUTANTS = [*without_triggers(), *without_checks(), *with_parts_stuck()]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_the_gate_holds(scenario):
    raw = build()

    assert scenario.holds(raw)
    raw.close()


@pytest.mark.slow
@pytest.mark.mutation
@pytest.mark.parametrize(
    "schema", [schema for _, schema in MUTANTS], ids=[name for name, _ in MUTANTS]
)
def test_a_schema_with_one_rule_less_is_noticed(schema):
    assert failed(schema)


@pytest.mark.mutation
def test_every_trigger_and_every_check_has_a_mutant():
    text = "\n".join(SCHEMA).lower()
    names = [name for name, _ in MUTANTS]

    triggers = text.count("create trigger")
    checks = len(re.findall(r"\bcheck ?\(", text))
    assert sum(name.startswith("no ") for name in names) == triggers + checks
    assert failed() == []
