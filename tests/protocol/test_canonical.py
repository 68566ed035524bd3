import itertools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import WorkLimitError
from protocol.linked_data.canonical import BUDGET, Quad, canonicalize
from tests.protocol.nquads_reader import read_quads

SUITE = Path(__file__).parents[1] / "vectors" / "rdf-canon"
ENTRIES = json.loads((SUITE / "manifest.jsonld").read_text())["entries"]


def text_of(name):
    return (SUITE / name).read_bytes().decode()


def test_the_whole_suite_is_here():
    kinds = [entry["type"] for entry in ENTRIES]

    assert kinds.count("rdfc:RDFC10EvalTest") == 64
    assert kinds.count("rdfc:RDFC10MapTest") == 21
    assert kinds.count("rdfc:RDFC10NegativeEvalTest") == 1


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_the_published_suite(entry):
    quads = read_quads(text_of(entry["action"]))
    algorithm = entry.get("hashAlgorithm", "SHA256").lower()

    if entry["type"] == "rdfc:RDFC10NegativeEvalTest":
        with pytest.raises(WorkLimitError):
            canonicalize(quads, algorithm=algorithm)
        return

    made = canonicalize(quads, algorithm=algorithm)
    if entry["type"] == "rdfc:RDFC10MapTest":
        expected = json.loads(text_of(entry["result"]))
        assert {k[2:]: v[2:] for k, v in made.labels.items()} == expected
    else:
        assert made.text == text_of(entry["result"])


def clique(size):
    nodes = [f"_:n{i}" for i in range(size)]
    return [Quad(a, "<urn:p>", b) for a, b in itertools.permutations(nodes, 2)]


def test_a_clique_costs_no_more_than_the_budget():
    with pytest.raises(WorkLimitError, match="work limit"):
        canonicalize(clique(40))


def test_a_small_budget_refuses_what_a_larger_one_does_not():
    with pytest.raises(WorkLimitError):
        canonicalize(clique(4), budget=10)

    assert len(canonicalize(clique(4), budget=BUDGET).lines) == 12


def test_many_nodes_that_look_alike_fit_into_the_budget():
    quads = [Quad("_:root", "<urn:p>", f"_:n{i}") for i in range(60)]
    quads += [Quad(f"_:n{i}", "<urn:name>", '"same"') for i in range(60)]

    assert len(canonicalize(quads).labels) == 61


NODES = st.sampled_from([f"_:x{i}" for i in range(5)])
QUADS = st.lists(
    st.builds(
        Quad,
        NODES,
        st.sampled_from(["<urn:p>", "<urn:q>"]),
        st.one_of(NODES, st.sampled_from(['"v"', "<urn:o>"])),
        st.one_of(st.just(""), NODES, st.just("<urn:g>")),
    ),
    max_size=12,
)


@given(QUADS, st.permutations(range(5)), st.randoms())
def test_neither_names_nor_order_change_the_form(quads, names, random):
    renamed = [
        Quad(*(re.sub(r"_:x(\d)", lambda m: f"_:y{names[int(m[1])]}", t) for t in quad))
        for quad in quads
    ]
    random.shuffle(renamed)

    assert canonicalize(renamed).lines == canonicalize(quads).lines


@given(QUADS)
def test_the_names_given_are_one_each(quads):
    made = canonicalize(quads)
    names = {term for quad in quads for term in quad if term.startswith("_:")}

    assert made.labels.keys() == names
    assert set(made.labels.values()) == {f"_:c14n{i}" for i in range(len(names))}
    assert len(made.lines) == len(set(quads))
