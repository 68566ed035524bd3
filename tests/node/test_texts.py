import ast
import re
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from node.texts.catalogue import LANGUAGES, catalogue, choose, text
from protocol.credentials.findings import POLICIES, Result
from protocol.credentials.record_model import KINDS, UNITS
from protocol.exchange import states
from protocol.exchange.consent import Purpose, Status

TEMPLATES = files("node.web").joinpath("templates")


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


def test_every_text_stands_in_every_language():
    assert catalogue("ja").keys() == catalogue("en").keys()


def test_languages_fill_in_the_same_values():
    for key, english in catalogue("en").items():
        for language in LANGUAGES:
            words = catalogue(language)[key]
            assert words.strip(), key
            assert placeholders(words) == placeholders(english), key


def used_keys():
    for template in TEMPLATES.iterdir():
        for key in re.findall(r'\bt\("([^"]+)"[,)]', template.read_text("utf-8")):
            yield template.name, key


def test_every_text_a_template_names_exists():
    missing = [(name, key) for name, key in used_keys() if key not in catalogue("en")]

    assert missing == []


def kinds_audited():
    for path in Path("node").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "audit.append":
                for keyword in call.keywords:
                    if keyword.arg == "kind" and isinstance(
                        keyword.value, ast.Constant
                    ):
                        yield keyword.value.value


def test_whatever_is_audited_has_a_name():
    kinds = set(kinds_audited())

    assert len(kinds) > 10
    assert {f"event.{kind}" for kind in kinds} <= catalogue("en").keys()


def test_every_unit_of_a_record_has_a_name():
    names = {".".join(p for p in unit.path if isinstance(p, str)) for unit in UNITS}

    assert {f"field.{name}" for name in names} <= catalogue("en").keys()
    assert {f"group.{unit.path[0]}" for unit in UNITS} <= catalogue("en").keys()


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("kind", KINDS),
        ("purpose", Purpose),
        ("purpose-text", Purpose),
        ("result", Result),
        ("consent", Status),
        ("held", set(states.Delivery) - {"absent"}),
        ("peer-state", states.Peer),
        ("duty", states.Obligation),
        ("verdict", ("valid.title", "invalid.title", "undetermined.title")),
    ],
)
def test_every_word_of_the_protocol_has_a_text(prefix, words):
    assert {f"{prefix}.{word}" for word in words} <= catalogue("ja").keys()


def test_every_required_finding_is_told_in_words():
    for name in POLICIES["recognition"]:
        for result in Result:
            assert f"finding.{name}.{result}" in catalogue("ja")


def test_no_japanese_text_was_left_in_english():
    latin_only = {
        key
        for key, words in catalogue("ja").items()
        if not re.search(r"[\u3040-\u30ff\u4e00-\u9fff－]", words)
    }

    assert latin_only <= {
        "page.language.en",
        "field.summary.gpa",
        "date.moment",
        "ask.of",
    }


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("ja", "ja"),
        ("fr;q=1,ja;q=0.5,en;q=0.9", "en"),
        ("de", "en"),
        ("en;q=0.1, ja-JP", "ja"),
        ("ja;q=nonsense,en", "en"),
    ],
)
def test_the_browser_is_asked_for_its_language(header, language):
    assert choose(header) == language


def test_a_text_nobody_wrote_is_an_error():
    with pytest.raises(KeyError):
        text("en", "no.such.text")
