"""Connections that say nothing, or nothing that is HTTP; callers behind a proxy."""

import asyncio
import logging
import secrets

import pytest
from exchange_net import MESSAGE, A, B, R, raw, running

from node.web import silence
from node.web.limits import PER_NETWORK
from protocol.exchange import messages as wire

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


def portal_of(net, key):
    host, _, port = net.world.settings[key].portal_listen.rpartition(":")
    return host, int(port)


async def closed(reader, *, seconds=5):
    async with asyncio.timeout(seconds):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
@pytest.mark.parametrize("door", ["portal", "peers"])
async def test_a_silent_connection_is_closed(net, monkeypatch, door, said):
    monkeypatch.setattr(silence, "HEAD_SECONDS", 0.2)
    settings = net.world.settings[A]
    if door == "portal":
        reader, writer = await asyncio.open_connection(*portal_of(net, A))
    else:
        host, _, port = settings.listen.rpartition(":")
        reader, writer = await asyncio.open_connection(
            host, int(port), ssl=net.tls(), server_hostname=settings.authority
        )
    writer.write(said)
    assert await closed(reader) == b""
    writer.close()


async def test_who_has_spoken_may_be_silent(net, monkeypatch):
    monkeypatch.setattr(silence, "HEAD_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection(*portal_of(net, A))
    for _ in range(2):
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"}")
        await asyncio.sleep(0.4)
    writer.close()


async def test_a_body_that_does_not_come_is_given_up(net, monkeypatch):
    monkeypatch.setattr(silence, "BODY_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection(*portal_of(net, A))
    writer.write(
        b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 400\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\nemail="
    )
    assert (await reader.readline()).split()[1] in {b"408", b"403"}
    writer.close()


async def test_what_is_no_http_is_counted_and_noted_once(net, caplog, monkeypatch):
    monkeypatch.setattr(silence.malformed, "_noted", -silence.NOTED_EVERY)
    monkeypatch.setattr(silence.malformed, "_since", 0)
    before = silence.MALFORMED._value.get()  # noqa: SLF001
    with caplog.at_level(logging.DEBUG):
        for _ in range(5):
            reader, writer = await asyncio.open_connection(*portal_of(net, A))
            writer.write(b"GET / secret-bytes\x01\r\n\r\n")
            await closed(reader)
            writer.close()
        chunked = (
            b"POST /lrx/1/inbox HTTP/1.1\r\nHost: uni-a.test\r\nContent-Type: "
            + MESSAGE.encode()
            + b"\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            + b"secret-bytes\r\n"
        )
        answer = await raw(net, A, chunked)
    assert answer.status == 400
    assert silence.MALFORMED._value.get() == before + 6  # noqa: SLF001
    noted = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert [(r.message, r.count) for r in noted] == [("requests that are no HTTP", 1)]
    assert "secret-bytes" not in caplog.text


async def test_an_answer_for_another_message_is_none(net):
    node = net.nodes[R]
    payload = net.message(
        R, A, "record/status", {"state": "closed", "outcome": "unavailable"}
    )
    jws = net.signed(R, payload)
    other = wire.new_id(net.clock(), secrets.token_bytes(10))
    outcome = await node.worker.sender.send(net.did(A), jws, sent=other)
    assert (outcome.status, outcome.code) == (0, "mismatched")


async def test_strangers_behind_a_proxy_are_counted_one_by_one(tmp_path):
    """The tests call from loopback, as a proxy on the same machine does."""
    async with running(tmp_path, A, B) as net:

        async def introduce(address):
            call = net.call(B, A, b"{}", route="/introduce")
            call = call.with_header("X-Forwarded-For", address)
            return (await net.exchange(A, call)).status

        for _ in range(PER_NETWORK):
            assert await introduce("203.0.113.9") == 422
        assert await introduce("198.51.100.1") == 429

        settings = net.world.settings[A]
        await net.stop(A)
        net.world.settings[A] = type(settings).model_validate(
            {**settings.model_dump(), "trusted_proxies": ["127.0.0.1"]}
        )
        await net.start(A)
        for _ in range(PER_NETWORK):
            assert await introduce("203.0.113.9") == 422
        assert await introduce("203.0.113.9") == 429
        assert await introduce("198.51.100.1, 203.0.113.9") == 429
        assert await introduce("198.51.100.1") == 422
