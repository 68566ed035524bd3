"""How many strangers are let in, and who they are behind a proxy."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from node.web.limits import (
    PER_DAY,
    PER_NETWORK,
    Introductions,
    TooManyError,
    calling_address,
)

AT = datetime(2026, 11, 1, tzinfo=UTC)
PROXY = ip_network("127.0.0.1/32")
INNER = ip_network("10.0.0.0/8")
STRANGER, FORGED = "203.0.113.9", "198.51.100.1"


@pytest.mark.parametrize(
    ("remote", "forwarded", "trusted", "caller"),
    [
        # Nobody is trusted: the header is anybody's.
        (STRANGER, [], [], STRANGER),
        (STRANGER, [FORGED], [], STRANGER),
        ("127.0.0.1", [STRANGER], [], "127.0.0.1"),
        # One proxy: what it appended counts, what was there before does not.
        ("127.0.0.1", [STRANGER], [PROXY], STRANGER),
        ("127.0.0.1", [f"{FORGED}, {STRANGER}"], [PROXY], STRANGER),
        ("127.0.0.1", [FORGED, STRANGER], [PROXY], STRANGER),
        # Who does not come through the proxy is whoever calls.
        (STRANGER, [FORGED], [PROXY], STRANGER),
        # Two proxies, and one that is not ours between them.
        ("127.0.0.1", [f"{FORGED}, {STRANGER}, 10.0.0.7"], [PROXY, INNER], STRANGER),
        (
            "127.0.0.1",
            [f"{STRANGER}, 192.0.2.4, 10.0.0.7"],
            [PROXY, INNER],
            "192.0.2.4",
        ),
        # A header that holds no address leads no further.
        ("127.0.0.1", ["unknown"], [PROXY], "127.0.0.1"),
        ("127.0.0.1", [f"{FORGED}, x"], [PROXY], "127.0.0.1"),
        ("127.0.0.1", [""], [PROXY], "127.0.0.1"),
        ("127.0.0.1", [], [PROXY], "127.0.0.1"),
        # IPv6, also as a socket of both kinds names IPv4.
        ("::ffff:127.0.0.1", [STRANGER], [PROXY], STRANGER),
        ("::1", ["2001:db8::7"], [ip_network("::1/128")], "2001:db8::7"),
        (None, [FORGED], [PROXY], None),
    ],
)
def test_who_calls_is_read_from_the_right(remote, forwarded, trusted, caller):
    assert calling_address(remote, forwarded, trusted) == caller


def test_each_network_has_its_own_room():
    strangers = Introductions()
    for _ in range(PER_NETWORK):
        strangers.admit(STRANGER, AT)
    with pytest.raises(TooManyError):
        strangers.admit("203.0.113.200", AT)
    strangers.admit(FORGED, AT)
    strangers.admit(STRANGER, AT + timedelta(minutes=1))


def test_all_together_have_a_day():
    strangers = Introductions()
    for number in range(PER_DAY):
        strangers.admit(f"203.0.{number}.1", AT)
    with pytest.raises(TooManyError):
        strangers.admit("198.51.100.1", AT + timedelta(hours=23))
    strangers.admit("198.51.100.1", AT + timedelta(hours=24))
