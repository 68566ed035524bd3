"""A1 to A4, A7: the guarded fetcher, the only way out."""

import asyncio
import ipaddress
import resource
import socket
import ssl
import tracemalloc
import zlib
from datetime import UTC, datetime

import pytest
from yarl import URL

from node.demo.authority import RunAuthority
from node.fetch import DOCUMENT, Fetcher, FetchError, Limit, is_denied

SPELLINGS = (
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1"),
    *("0177.0.0.1", "017700000001", "127.000.000.001", "127.0.0.1.", "0", "0.0.0.0"),  # noqa: S104
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "localhost"),
    *("localhost.", "１２７.０.０.１", "①②⑦.0.0.1", "127.0.0.1%2eexample.com"),
    *("10.0.0.1", "169.254.169.254", "[fd00::1]"),
)
STRANGE = (
    *("http://uni-a.test/", "ftp://uni-a.test/", "file:///etc/passwd", "//uni-a.test/"),
    *("https://user@uni-a.test/", "https://user:pw@uni-a.test/", "https:///x", ""),
    *("https://uni-a.test:22/", "https://uni-a.test:70000/", "https://uni-a.test:x/"),
    *("https://uni_a.test/", "https://-a.test/", "https://a..test/", "https://test/"),
    *("https://[uni-a.test]/", "https://uni-a.test\\@127.0.0.1/", "gopher://x.test/"),
    *("https://127.0.0.1#@uni-a.test/", "https://127.0.0.1?@uni-a.test/"),
    f"https://{'a' * 64}.test/",
    f"https://{'a.' * 127}test/",
)


class Canary:
    """A listener that must see nobody."""

    def __init__(self):
        self.seen = 0

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._met, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def _met(self, reader, writer):
        self.seen += 1
        writer.close()

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()


@pytest.fixture
async def fetcher():
    made = Fetcher(ports=(443,))
    yield made
    await made.close()


@pytest.mark.parametrize("host", SPELLINGS)
async def test_a1_a_literal_is_refused_before_any_connection(host, monkeypatch):
    async with Canary() as canary:
        fetcher = Fetcher(ports=(canary.port,))
        asked = []
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(loop, "getaddrinfo", lambda *a, **_: asked.append(a))
        for end in (f":{canary.port}/", f":{canary.port}/did.jsonl?x#y"):
            with pytest.raises(FetchError) as refused:
                await fetcher.get(f"https://{host}{end}", DOCUMENT)
            assert refused.value.code == "did.unresolvable"
        await fetcher.close()
    assert (canary.seen, asked) == (0, [])


@pytest.mark.parametrize("url", STRANGE)
async def test_a1_a_url_that_is_not_plain_https(url, fetcher):
    with pytest.raises(FetchError):
        await fetcher.get(url, DOCUMENT)


@pytest.mark.parametrize(
    "url",
    [
        "https://UNI-A.test/",
        "https://uni-a.test/%2e%2e/x",
        "https://uni-a.test/a b",
        "https://uni-a.te\nst/",
        "https://uni-a.test/\t@evil.example/",
        "https://uni-a.test/?@evil.example",
        "https://uni-a.test:443",
    ],
)
async def test_what_is_checked_is_what_is_asked_for(url, fetcher):
    """Two parsers that read a URL differently would be a hole."""
    try:
        checked = fetcher.check(url)
    except FetchError:
        return
    assert checked.host == "uni-a.test"
    assert checked.port == 443
    assert isinstance(checked, URL)


def resolver(monkeypatch, answers):
    """Put the outside in the place of DNS: each look-up takes the next answer."""
    asked = []
    loop = asyncio.get_running_loop()

    async def getaddrinfo(host, port, **_):
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port),
            )
            for one in found
        ]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["93.184.216.34", "127.0.0.1"],
        ["169.254.169.254", "93.184.216.34"],
        ["::1"],
        ["2606:2800:220:1::1", "fd00::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
    ],
)
async def test_a2_a_name_with_any_denied_address(addresses, monkeypatch):
    async with Canary() as canary:
        fetcher = Fetcher(ports=(canary.port,))
        resolver(monkeypatch, [addresses])
        with pytest.raises(FetchError, match="could not be reached"):
            await fetcher.get(f"https://evil.example:{canary.port}/", DOCUMENT)
        await fetcher.close()
    assert canary.seen == 0


async def test_a3_a_name_that_is_public_at_the_check_and_private_after(monkeypatch):
    """One look-up for each request, and the connection goes to what was checked."""
    connected = []
    loop = asyncio.get_running_loop()

    async def create_connection(*args, **values):
        raise OSError("no way out of here")

    async def sock_connect(sock, address):
        connected.append(address[0])
        raise OSError("no way out of here")

    async with Canary() as canary:
        asked = resolver(monkeypatch, [["93.184.216.34"], ["127.0.0.1"]] * 100)
        monkeypatch.setattr(loop, "create_connection", create_connection)
        monkeypatch.setattr(loop, "sock_connect", sock_connect)
        fetcher = Fetcher(ports=(canary.port,))
        for number in range(200):
            before = len(asked)
            url = f"https://rebind{number}.example:{canary.port}/"
            with pytest.raises(FetchError):
                await fetcher.get(url, DOCUMENT)
            assert len(asked) == before + 1
        await fetcher.close()
    assert canary.seen == 0
    assert set(connected) <= {"93.184.216.34"}
    assert connected


def test_the_deny_list():
    for address in (
        *("0.1.2.3", "10.0.0.1", "100.64.0.1", "127.255.255.255", "169.254.0.1"),
        *("172.31.0.1", "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "100::1", "2001::1"),
        *("2001:db8::1", "2002:808:808::1", "fc00::1", "fe80::1", "fe80::1%eth0"),
        *("ff02::1", "fec0::1"),
    ):
        assert is_denied(address), address
    for address in ("8.8.8.8", "93.184.216.34", "2606:2800:220:1::1", "2a00:1450::1"):
        assert not is_denied(address), address
        ipaddress.ip_address(address)


# --- a server under a name of a test network


class Outside:
    """A TLS server whose answer is whatever a test says."""

    def __init__(self, folder):
        self.folder = folder
        self.answer = b""
        self.seen = []
        self.endless = None
        self.pause = 0.0

    async def __aenter__(self):
        authority = RunAuthority.create(datetime.now(UTC))
        authority.issue(self.folder, ["out.test"], datetime.now(UTC))
        ca = self.folder / "ca.pem"
        ca.write_bytes(authority.pem())
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.folder / "tls.pem", self.folder / "tls.key")
        self.server = await asyncio.start_server(self._met, "127.0.0.1", 0, ssl=tls)
        port = self.server.sockets[0].getsockname()[1]
        names = {"out.test": f"127.0.0.1:{port}"}
        self.fetcher = Fetcher(names=names, ca=ca)
        return self

    async def _met(self, reader, writer):
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.seen.append(request.decode())
            writer.write(self.answer)
            await writer.drain()
            while self.endless is not None:
                writer.write(self.endless)
                await writer.drain()
                await asyncio.sleep(self.pause)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def __aexit__(self, *_):
        await self.fetcher.close()
        self.server.close()
        await asyncio.sleep(0.05)


@pytest.fixture
async def outside(tmp_path):
    async with Outside(tmp_path) as made:
        yield made


def answer(status, body, *headers):
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


URL_ = "https://out.test/doc"


async def test_what_goes_out_says_nothing_of_us(outside):
    outside.answer = answer(200, b"document", "Set-Cookie: a=b; Path=/")
    assert await outside.fetcher.get(URL_, DOCUMENT) == b"document"
    assert await outside.fetcher.get(URL_, DOCUMENT) == b"document"
    for request in outside.seen:
        first, *lines = request.strip().split("\r\n")
        assert first == "GET /doc HTTP/1.1"
        names = {line.partition(":")[0].lower() for line in lines}
        assert names <= {"host", "accept", "connection"}
        assert "Host: out.test" in lines


async def test_an_unlisted_test_name_does_not_exist(outside):
    with pytest.raises(FetchError):
        await outside.fetcher.get("https://other.test/", DOCUMENT)
    with pytest.raises(FetchError):
        await outside.fetcher.get("https://sub.out.test/", DOCUMENT)


async def test_a_server_without_our_ca_is_not_spoken_to(outside):
    port = outside.server.sockets[0].getsockname()[1]
    fetcher = Fetcher(names={"out.test": f"127.0.0.1:{port}"})
    with pytest.raises(FetchError):
        await fetcher.get(URL_, DOCUMENT)
    await fetcher.close()
    assert outside.seen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a4_a_redirect_is_not_followed(outside, status):
    async with Canary() as canary:
        for place in (f"https://127.0.0.1:{canary.port}/", "https://out.test/next"):
            outside.answer = answer(status, b"", f"Location: {place}")
            with pytest.raises(FetchError, match=str(status)):
                await outside.fetcher.get(URL_, DOCUMENT)
    assert canary.seen == 0
    assert all("/next" not in request for request in outside.seen)


async def test_a4_a_meta_refresh_is_a_document_like_any_other(outside):
    body = b'<meta http-equiv="refresh" content="0;url=https://out.test/next">'
    outside.answer = answer(200, body, "Refresh: 0; url=https://out.test/next")
    assert await outside.fetcher.get(URL_, DOCUMENT) == body
    assert len(outside.seen) == 1


@pytest.mark.parametrize("status", [204, 206, 400, 401, 404, 500])
async def test_only_200_has_a_document(outside, status):
    outside.answer = answer(status, b"")
    with pytest.raises(FetchError, match=f"answered {status}"):
        await outside.fetcher.get(URL_, DOCUMENT)


async def test_a7_a_compressed_body_is_not_expanded(outside):
    bomb = zlib.compress(bytes(10_000_000), 9, wbits=31)
    outside.answer = answer(200, bomb, "Content-Encoding: gzip")
    tracemalloc.start()
    with pytest.raises(FetchError, match="content encoding"):
        await outside.fetcher.get(URL_, DOCUMENT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


async def test_a7_too_large_by_its_own_word(outside):
    outside.answer = b"HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n"
    with pytest.raises(FetchError, match="larger than"):
        await outside.fetcher.get(URL_, DOCUMENT)


async def test_a7_a_body_without_an_end(outside):
    outside.answer = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    outside.endless = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FetchError, match="larger than"):
        await outside.fetcher.get(URL_, DOCUMENT)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 8 * 1024  # KiB


async def test_a7_one_byte_now_and_then(outside):
    outside.answer = b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n"
    outside.endless, outside.pause = b"x", 0.05
    with pytest.raises(FetchError, match="took over"):
        await outside.fetcher.get(URL_, Limit(1000, 0.4))


async def test_a7_headers_that_never_end(outside):
    outside.answer = b"HTTP/1.1 200 X\r\n"
    outside.endless, outside.pause = b"X-A: b\r\n", 0.02
    with pytest.raises(FetchError):
        await outside.fetcher.get(URL_, Limit(1000, 0.5))


async def test_what_is_no_http(outside):
    outside.answer = b"\x00\x01\x02 what is this\r\n\r\n"
    with pytest.raises(FetchError, match="could not be reached"):
        await outside.fetcher.get(URL_, DOCUMENT)


async def test_nobody_there():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        fetcher = Fetcher(names={"out.test": f"127.0.0.1:{port}"})
        with pytest.raises(FetchError, match="could not be reached"):
            await fetcher.get(URL_, DOCUMENT)
        await fetcher.close()
