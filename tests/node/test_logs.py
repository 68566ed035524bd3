"""A36: nothing received can forge a line, and only listed fields are written."""

import io
import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.logs import FIELDS, _Line, configure


def written(level=logging.WARNING, message="a message", *args, **more):
    record = logging.LogRecord("node.test", level, __file__, 1, message, args, None)
    for name, value in more.items():
        setattr(record, name, value)
    return _Line().format(record)


@given(st.text(), st.text())
def test_one_line_whatever_is_in_it(message, value):
    line = written(logging.INFO, "%s", message, path=value)
    assert "\n" not in line
    assert "\r" not in line
    assert line.isascii()
    assert line.isprintable()
    said = json.loads(line)
    assert (said["message"], said["path"]) == (message, value)


@pytest.mark.parametrize(
    "attack",
    ['x\n{"level": "info"}', "\x1b[2J", "\u202eevil", "\r\n", "\u2028", "\x00", '"}'],
)
def test_a36_forgeries(attack):
    line = written(logging.INFO, "%s", attack, code=attack)
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert json.loads(line)["message"] == attack


def test_only_listed_fields_are_written():
    said = json.loads(written(name_="Aiko", email="a@b", token="t", code="c", peer="p"))  # noqa: S106
    assert set(said) == {"at", "level", "logger", "message", "code", "peer"}
    assert not FIELDS & {"name", "email", "token", "learner", "birth_date", "body"}


def test_an_exception_is_named_not_quoted():
    try:
        int("Zaifu Aiko 2003-05-14")
    except ValueError:
        record = logging.LogRecord(
            "node.test", logging.ERROR, __file__, 1, "failed", (), sys.exc_info()
        )
    line = _Line().format(record)
    assert "Zaifu" not in line
    assert json.loads(line)["error"] == "ValueError"
    assert json.loads(line)["trace_at"][0].startswith("test_logs.py:")


def test_configure_writes_to_standard_error(monkeypatch):
    text = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers = []
    try:
        with monkeypatch.context() as patch:
            patch.setattr("sys.stderr", text)
            configure()
            logging.getLogger("node.test").info("hello", extra={"count": 3})
    finally:
        root.handlers, root.level = before, level
    assert json.loads(text.getvalue())["count"] == 3
