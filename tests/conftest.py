"""What all tests share: how hard Hypothesis looks for counterexamples.

Two cores do the work of many, so no example has a deadline and the usual run is short;
`LRX_EXAMPLES=1000 pytest …` looks longer.
"""

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "lrx",
    deadline=None,
    max_examples=int(os.environ.get("LRX_EXAMPLES", "50")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lrx")


@pytest.fixture(autouse=True)
def _logs_go_where_they_went() -> Iterator[None]:
    """Undo what a command that serves does to the logs of its process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


LONGEST_NAME = 40
"""Longer values hold signatures, keys or identifiers made from keys."""


def pytest_make_parametrize_id(config, val, argname):
    """Name what holds a key made for this run by its argument.

    Processes that share the tests between them must call each test the same.
    """
    text = val.decode("latin-1") if isinstance(val, bytes) else val
    if isinstance(text, str) and (len(text) > LONGEST_NAME or "did:key:" in text):
        return argname
    return None
