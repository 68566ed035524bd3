"""What follows from the answer to a delivery (LRX 1.0, "Delivery semantics")."""

from datetime import UTC, datetime, timedelta

import pytest

from node.peers import Outcome, _outcome
from node.services.delivering import (
    CIRCUIT_OPENS_AFTER,
    LAST_RETRY,
    LONGEST_WAIT,
    Circuit,
    judge,
)
from protocol.exchange.http_signatures import ResponseParts

AT = datetime(2026, 10, 21, 12, tzinfo=UTC)
ROWS = [
    # signed answer, code, what becomes of the message, whether the operator hears
    (202, "", "sent", False),
    (400, "e.m.msg.malformed", "failed", True),
    (400, "e.m.msg.schema", "failed", True),
    (400, "e.m.msg.unsupported", "failed", True),
    (401, "e.m.trust.signature", "queued", False),
    (401, "e.m.trust.clock", "queued", False),
    (403, "e.m.trust.peer", "queued", True),
    (403, "e.m.trust.role", "queued", True),
    (404, "e.m.notfound", "queued", True),
    (408, "", "queued", False),
    (409, "e.m.trust.replay", "queued", False),
    (409, "e.m.msg.id-reuse", "failed", True),
    (410, "e.m.msg.expired", "failed", True),
    (413, "e.m.xfer.size", "failed", True),
    (415, "e.m.xfer.type", "failed", True),
    (421, "e.m.xfer.misdirected", "queued", True),
    (422, "e.m.trust.crypto", "queued", False),
    (425, "", "queued", False),
    (429, "w.m.me.busy", "queued", False),
    (500, "e.p.internal", "queued", False),
    (502, "", "queued", False),
    (503, "w.m.me.busy", "queued", False),
    # No answer, or none that was signed.
    (0, "unsigned", "queued", False),
    (0, "unreachable", "queued", False),
    # What no table has: like a timeout.
    (200, "", "queued", False),
    (302, "", "queued", False),
    (409, "", "queued", False),
    (418, "", "queued", False),
]


@pytest.mark.parametrize(("status", "code", "state", "heard"), ROWS)
def test_every_row_of_the_table(status, code, state, heard):
    verdict = judge(Outcome(status, code), 1)
    assert verdict.state == state
    assert bool(verdict.alarm) == heard
    if state == "queued":
        at_once = code == "e.m.trust.replay"
        assert (verdict.wait == 0) == at_once


@pytest.mark.parametrize("attempt", range(1, 30))
def test_retries_begin_at_30_s_and_double_up_to_an_hour(attempt):
    expected = min(30 * 2 ** (attempt - 1), LAST_RETRY)
    waits = [judge(Outcome(503), attempt).wait for _ in range(200)]
    assert all(0.8 * expected <= wait <= 1.2 * expected for wait in waits)
    assert len(set(waits)) > 5


def test_retry_after_is_obeyed_within_reason():
    for asked, least in ((5, 24), (7200, 7200), (10**9, LONGEST_WAIT)):
        waits = [judge(Outcome(503, retry_after=asked), 1).wait for _ in range(50)]
        assert all(wait >= least for wait in waits)
        assert all(wait <= LONGEST_WAIT for wait in waits)
    AT + timedelta(seconds=judge(Outcome(429, retry_after=10**9), 1).wait)


def test_a_circuit_opens_after_five_failures_in_a_row():
    circuit = Circuit()
    for _ in range(CIRCUIT_OPENS_AFTER - 1):
        circuit.failed(AT, 60)
        assert not circuit.is_open(AT)
    circuit.failed(AT, 60)
    assert circuit.is_open(AT)
    assert circuit.is_open(AT + timedelta(seconds=59))
    assert not circuit.is_open(AT + timedelta(seconds=60))
    circuit.answered()
    assert not circuit.is_open(AT)
    circuit.failed(AT, 10**6)
    assert not circuit.is_open(AT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff",
        b"[" * 60_000,
        b'{"a":1,"a":2}',
        b'{"code":7,"last":[]}',
        b"1" * 5000,
    ],
)
@pytest.mark.parametrize(
    "retry", ["", "5", "²", "-1", "1e9", "9" * 5000, "Wed, 21 Oct"]
)
def test_whatever_a_peer_answers_is_read(body, retry):
    outcome = _outcome(ResponseParts(503, None, body, retry_after=retry))
    assert outcome.status == 503
    assert outcome.retry_after == (5 if retry == "5" else None)
    assert not outcome.duplicate
