"""`lrx verify` over every public document: each gets a truthful word, with reasons.

Most are examples whose issuers are made up: what nobody can look up is undetermined.
"""

import json
from pathlib import Path

import pytest

from node.cli.parser import run

STANDARDS = Path(__file__).parents[3] / "shared" / "standards"
FOLDERS = ("oneedtech/ob3/examples", "oneedtech/clr2/examples", "elm", "elmo", "ebsi")
SUFFIXES = {".json", ".jsonld", ".jwt", ".png", ".svg", ".xml", ".txt", ".b64"}
WORDS = {0: "valid", 1: "invalid", 2: "undetermined", 3: "unreadable"}

pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(not STANDARDS.exists(), reason="no folder of public samples"),
]

EXPECTED: dict[str, tuple[str, str]] = {}
"""By path: the word, and what stands in a reason that decides."""


def documents():
    return sorted(
        str(path.relative_to(STANDARDS))
        for folder in FOLDERS
        for path in (STANDARDS / folder).rglob("*")
        if path.suffix in SUFFIXES and not {"schema", "v3.2/EDC"} & set(path.parts)
    )


def test_every_document_has_its_place_in_the_table():
    assert documents() == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_public_document_gets_its_verdict(name, capsys):
    word, reason = EXPECTED[name]
    status = run(["verify", str(STANDARDS / name), "--policy", "authenticity", "--json"])
    told = capsys.readouterr()
    assert WORDS[status] == word
    if status == 3:
        assert reason in told.err
        return
    decisive = {"invalid": "invalid", "undetermined": "unknown", "valid": "valid"}[word]
    findings = json.loads(told.out)["findings"].values()
    reasons = [one["reason"] for one in findings if one["result"] == decisive]
    assert any(reason in one for one in reasons), reasons
