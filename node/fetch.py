"""The one door for requests to other machines.

Everything a DID, a status list or a peer's endpoint makes this node ask for goes
through here, so that no outside data chooses what is reached inside: https only, known
ports, no IP literals, every address checked before connecting and connected to as
checked, no redirects, no cookies, no proxies, no decompression, limits on size and
time. Names under `.test` are mapped to addresses by configuration and by nothing else.

Implements LRX 1.0, section "Guarded resolver and fetcher".
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from node.settings import Settings
from protocol.errors import DidError

_DENIED = tuple(
    ipaddress.ip_network(block)
    for block in (
        # IANA special-purpose registries: never a peer. `is_global` of Python 3.11
        # calls several of these global, so the list is ours.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
        *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        *("::/128", "::1/128", "::ffff:0:0/96", "::/96", "64:ff9b::/96"),
        *("64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16"),
        *("3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)
_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?\Z"
)
"""A DNS name of two labels or more whose last label begins with a letter: this refuses
IP literals in every spelling, `localhost`, and integers that some resolvers expand."""


class FetchError(DidError):
    """A request was refused by the guard or got no usable answer."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How much and how long one kind of request may take."""

    octets: int
    seconds: float


DOCUMENT = Limit(1024 * 1024, 10)
DID_LOG = Limit(2 * 1024 * 1024, 10)
MESSAGE = Limit(64 * 1024, 30)
"""The answer to a delivered message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `headers` in the order received, names as sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def is_denied(address: str) -> bool:
    """Tell whether `address` is one no outgoing request may reach."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip.version == block.version and ip in block for block in _DENIED)


class _Resolver(AbstractResolver):
    """Resolves a name once, refuses it if any of its addresses is denied."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: int = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host.endswith(".test"):
            return self._mapped(host)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = {entry[4][0]: entry[0] for entry in found}
        for address in addresses:
            if is_denied(str(address)):
                raise OSError(None, "name does not resolve to a public address")
        return [
            _result(host, str(address), port, kind)
            for address, kind in addresses.items()
        ]

    def _mapped(self, host: str) -> list[ResolveResult]:
        if host not in self._names:
            raise OSError(None, "name is not in the test network")
        address, _, port = self._names[host].rpartition(":")
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [_result(host, address, int(port), kind)]

    async def close(self) -> None:
        """Nothing is held."""


def _result(host: str, address: str, port: int, family: int) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=address,
        port=port,
        family=family,
        proto=socket.IPPROTO_TCP,
        flags=socket.AI_NUMERICHOST,
    )


class Fetcher:
    """Makes guarded requests; open one per process and close it at the end."""

    def __init__(
        self,
        *,
        names: Mapping[str, str] | None = None,
        ca: Path | None = None,
        ports: tuple[int, ...] = (443,),
    ) -> None:
        """Map `names` (test networks only) and trust `ca` beside the usual ones."""
        self._ports = ports
        self._names = dict(names or {})
        self._tls = ssl.create_default_context()
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        if ca:
            self._tls.load_verify_locations(ca)
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    def _session(self, use: str) -> aiohttp.ClientSession:
        if use not in self._sessions:
            # Documents: at most 10 at once, 3 per host. Peers are bounded one by one
            # by what each says it takes (`inbox.max_in_flight`).
            total, per_host = (10, 3) if use == "documents" else (256, 64)
            self._sessions[use] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    resolver=_Resolver(self._names),
                    ssl=self._tls,
                    limit=total,
                    limit_per_host=per_host,
                    ttl_dns_cache=60,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
            )
        return self._sessions[use]

    def check(self, url: str) -> URL:
        """Return `url` if the guard lets a request go there.

        Raises:
            FetchError: another scheme or port, an IP literal, user information.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or 443
        except ValueError as error:
            raise FetchError(f"not a URL: {error}") from error
        host = parts.hostname or ""
        if parts.scheme != "https" or parts.username or parts.password:
            raise FetchError("only https URLs without user information are fetched")
        if not _NAME.match(host):
            raise FetchError("the host of the URL is not a DNS name")
        if port not in self._ports:
            raise FetchError(f"port {port} is not among {self._ports}")
        return URL(url, encoded=True)

    async def get(self, url: str, limit: Limit, *, accept: str | None = None) -> bytes:
        """Return the body of a 200 answer.

        Raises:
            FetchError: refused, unreachable, another status, too large or too slow.
        """
        headers = {"Accept": accept} if accept else {}
        answer = await self.request("GET", url, limit, headers=headers)
        if answer.status != 200:  # noqa: PLR2004 - the one status that has a document
            raise FetchError(f"{url} answered {answer.status}, expected 200")
        return answer.body

    async def request(
        self,
        method: str,
        url: str,
        limit: Limit,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> Answer:
        """Make one request and read the whole answer within `limit`.

        Raises:
            FetchError: refused, unreachable, too large or too slow.
        """
        target = self.check(url)
        session = self._session("documents" if body is None else "peers")
        try:
            async with (
                asyncio.timeout(limit.seconds),
                session.request(
                    method, target, headers=headers, data=body, allow_redirects=False
                ) as response,
            ):
                octets = await _read(response, limit, url)
                return Answer(response.status, tuple(response.headers.items()), octets)
        except TimeoutError:
            raise FetchError(f"{url} took over {limit.seconds} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise FetchError(f"{url} could not be reached") from error

    async def close(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


async def _read(response: aiohttp.ClientResponse, limit: Limit, url: str) -> bytes:
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FetchError(f"{url} answered with a content encoding, expected none")
    if (response.content_length or 0) > limit.octets:
        raise FetchError(f"{url} is larger than {limit.octets} bytes")
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit.octets:
            raise FetchError(f"{url} is larger than {limit.octets} bytes")
        parts.append(chunk)
    return b"".join(parts)


def fetcher_for(settings: Settings) -> Fetcher:
    """Build the fetcher the settings describe."""
    names = settings.test.names if settings.test else {}
    ca = settings.path(settings.tls_ca) if settings.tls_ca else None
    return Fetcher(names=names, ca=ca, ports=settings.fetch_ports)
