"""How many strangers a node listens to.

An introduction makes the node fetch a document the stranger names. A few a minute from
one network, and some dozens a day, are what institutions need (LRX 1.0, "Limits"); more
is somebody using this node to make requests, and is told to come later.

Kept in memory: a restart forgets, and costs a few fetches.
"""

import ipaddress
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from protocol.errors import BusyError

PER_NETWORK = 5
PER_DAY = 50
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PREFIX = {4: 24, 6: 64}
"""Bits of an address that name a network, by version."""


class TooManyError(BusyError):
    """Too many introductions; `seconds` is when there is room again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many introductions; again in {seconds} s")
        self.seconds = seconds


@dataclass(slots=True)
class Introductions:
    """Those of the last day, from whatever network."""

    _let_in: deque[tuple[datetime, str]] = field(default_factory=deque)

    def admit(self, address: str | None, at: datetime) -> None:
        """Count one stranger in.

        Raises:
            TooManyError: there is no room for another one now.
        """
        while self._let_in and self._let_in[0][0] <= at - DAY:
            self._let_in.popleft()
        network = _network(address)
        recent = [
            moment
            for moment, seen in self._let_in
            if seen == network and moment > at - MINUTE
        ]
        if len(recent) >= PER_NETWORK:
            raise TooManyError(_until(recent[0] + MINUTE, at))
        if len(self._let_in) >= PER_DAY:
            raise TooManyError(_until(self._let_in[0][0] + DAY, at))
        self._let_in.append((at, network))


def calling_address(
    remote: str | None, forwarded: Iterable[str], trusted: Collection[Network]
) -> str | None:
    """Return who called, as far as those who passed it on may be believed.

    `forwarded` are the values of `X-Forwarded-For`, in order. Each proxy appends whom
    it was called by, so they are read from the right, and only past trusted ones: what
    stands further left anyone can have written.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    address = remote
    while hops and _is_in(address, trusted):
        passed_on = _parsed(hops.pop())
        if passed_on is None:
            break
        address = str(passed_on)
    return address


def _is_in(address: str | None, networks: Collection[Network]) -> bool:
    ip = _parsed(address)
    return ip is not None and any(ip in network for network in networks)


def _parsed(text: str | None) -> Address | None:
    try:
        ip = ipaddress.ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _until(moment: datetime, at: datetime) -> int:
    return int((moment - at).total_seconds()) + 1


def _network(address: str | None) -> str:
    ip = _parsed(address)
    if ip is None:
        return ""
    return str(ipaddress.ip_network((ip, _PREFIX[ip.version]), strict=False))
