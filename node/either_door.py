"""One port of this machine for HTTP and for HTTPS.

Conformance suites differ in which of the two they speak, and some in turn read what the
other led them to. Only for throw-away nodes: the certificate is made for the run, and
nobody vouches for it.
"""

import asyncio
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"

_HANDSHAKE = b"\x16"
"""The first octet of a TLS connection (RFC 8446, "Record Protocol")."""
_LIFETIME = timedelta(days=2)


@asynccontextmanager
async def either_door(
    app: web.Application, port: int, at: datetime
) -> AsyncIterator[int]:
    """Serve `app` over HTTP and HTTPS on one port; yield it, 0 being any.

    Raises:
        OSError: the port is taken.
    """
    door = socket.create_server((HOST, port))
    door.setblocking(False)  # noqa: FBT003 - it takes no name
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    letting_in = asyncio.create_task(_let_in(door, runner, _certified(at)))
    try:
        yield door.getsockname()[1]
    finally:
        letting_in.cancel()
        await asyncio.gather(letting_in, return_exceptions=True)
        door.close()
        await runner.cleanup()


async def _let_in(
    door: socket.socket, runner: web.AppRunner, tls: ssl.SSLContext
) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as guests:
        while True:
            guest, _ = await loop.sock_accept(door)
            guests.create_task(_receive(guest, runner, tls))


async def _receive(
    guest: socket.socket, runner: web.AppRunner, tls: ssl.SSLContext
) -> None:
    """Look at the first octet without taking it, then let the right one answer."""
    loop = asyncio.get_running_loop()
    spoke = asyncio.Event()
    loop.add_reader(guest, spoke.set)
    try:
        await spoke.wait()
        first = guest.recv(1, socket.MSG_PEEK)
    except (OSError, asyncio.CancelledError):
        first = b""
    finally:
        loop.remove_reader(guest)
    if not first or runner.server is None:
        guest.close()
        return
    try:
        await loop.connect_accepted_socket(
            runner.server, guest, ssl=tls if first == _HANDSHAKE else None
        )
    except OSError:
        # Who does not like the certificate goes away.
        guest.close()


def _certified(at: datetime) -> ssl.SSLContext:
    """Return a context with a certificate of this address, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - _LIFETIME)
        .not_valid_after(at + _LIFETIME)
        .add_extension(address, critical=False)
        .sign(key, SHA256())
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.touch(mode=0o600)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
        tls.load_cert_chain(file)
    return tls
