"""The stand-alone client and this protocol's own modules understand each other."""

import asyncio
import json
import secrets
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web
from aiohttp.abc import AbstractResolver
from client import Client
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from protocol.exchange import did_log, envelope, messages
from protocol.exchange.http_signatures import (
    RequestParts,
    ResponseParts,
    check_time,
    read_request,
    read_response,
    sign_request,
    sign_response,
    verify,
)
from protocol.identity.dids import Did, DidUrl, node_document
from protocol.identity.keys import DecryptionKey, LocalSigningKey

VECTORS = Path(__file__).parents[1] / "protocol" / "vectors" / "messages.json"
EXAMPLES = {
    one["name"]: one["message"]
    for one in json.loads(VECTORS.read_text(encoding="utf-8"))["messages"]
}
TYPE = "application/didcomm-encrypted+json"
OURS, THEIRS = "ours.test", "theirs.test"


class Names(AbstractResolver):
    """Every name is a port on this machine."""

    def __init__(self, ports):
        self.ports = ports

    async def resolve(self, host, port=0, family=0):
        found = {"hostname": host, "host": "127.0.0.1", "port": self.ports[host]}
        return [found | {"family": 2, "proto": 0, "flags": 0}]

    async def close(self):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Make one certificate for all names here; it is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    names = [x509.DNSName(OURS), x509.DNSName(THEIRS)]
    names.append(x509.IPAddress(ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number()
        )
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "cert.pem"
    secret = key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    file.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return file


class Ours:
    """The least of a node, made of the modules of `protocol/`."""

    def __init__(self, session):
        self.session = session
        self.key = LocalSigningKey.generate("EdDSA")
        self.opening = DecryptionKey.generate()
        update, following = (LocalSigningKey.generate("EdDSA") for _ in range(2))
        self.did, self.log = did_log.create(
            node_document(
                f"did:webvh:{{SCID}}:{OURS}",
                message_key=self.key.verification_key,
                credential_keys=[],
                encryption_key=self.opening.encryption_key,
                endpoint=f"https://{OURS}/lrx/1",
                profile=f"https://{OURS}/.well-known/lrx",
            ),
            update_key=update,
            next_key_hashes=[
                did_log.next_key_hash(following.verification_key.multikey())
            ],
            at=datetime.now(UTC) - timedelta(minutes=1),
        )
        self.kid = DidUrl.of(self.did, "#sig-1")
        self.received = []
        self.app = web.Application()
        self.app.router.add_get("/.well-known/did.jsonl", self.serve_log)
        self.app.router.add_post("/lrx/1/{route}", self.take)

    async def serve_log(self, request):
        return web.Response(body=self.log)

    async def document(self, did):
        url = f"https://{did.domain}/.well-known/did.jsonl"
        async with self.session.get(url) as response:
            log = await response.read()
        return did_log.read(did, log, at=datetime.now(UTC)).current()

    async def take(self, request):
        body, now = await request.read(), int(datetime.now(UTC).timestamp())
        parts = RequestParts("POST", OURS, request.path, "?", TYPE, body)
        signed = read_request(parts, list(request.headers.items()))
        check_time(signed, now)
        document = await self.document(signed.keyid.did)
        verify(signed, document.key_for(signed.keyid, "authentication"), body)
        jws = envelope.read(envelope.decrypt(body, {f"{self.did}#enc-1": self.opening}))
        jws.verify(document.key_for(jws.kid, "authentication"))
        message = messages.parse(jws.payload, receiver={self.did}, now=now)
        assert message.from_ == jws.kid.did == signed.keyid.did
        self.received.append((message, jws.payload))
        answer = {"accepted": message.id, "duplicate": False, "last": None}
        reply = ResponseParts(202, "application/json", json.dumps(answer).encode())
        headers = sign_response(
            reply,
            request=parts,
            key=self.key,
            keyid=self.kid,
            created=now,
            nonce=signed.nonce,
        )
        return web.Response(status=202, body=reply.body, headers=headers)

    async def send(self, did, kind, body, *, corrupt=False, **more):
        at = datetime.now(UTC)
        payload = messages.compose(
            kind,
            id=messages.new_id(at, secrets.token_bytes(10)),
            from_=self.did,
            to=did,
            body=body,
            at=at,
            expires=at + timedelta(days=1),
            **more,
        )
        document = await self.document(did)
        ((kid, key),) = document.encryption_keys().items()
        jws = envelope.sign(payload, key=self.key, kid=self.kid)
        jwe = envelope.encrypt(jws, to=key, kid=kid)
        parts = RequestParts("POST", did.domain, "/lrx/1/inbox", "?", TYPE, jwe)
        nonce, now = secrets.token_urlsafe(16), int(at.timestamp())
        headers = sign_request(
            parts, key=self.key, keyid=self.kid, created=now, nonce=nonce
        )
        url = f"https://{did.domain}/lrx/1/inbox"
        body = jwe[:-1] + b" }" if corrupt else jwe
        async with self.session.post(url, data=body, headers=headers) as response:
            octets, fields = await response.read(), response.headers
        if response.status != 202:
            return response.status, payload
        reply = ResponseParts(response.status, fields["Content-Type"], octets)
        signed = read_response(reply, list(fields.items()), request=parts, nonce=nonce)
        check_time(signed, now)
        verify(signed, document.key_for(signed.keyid, "authentication"), octets)
        return json.loads(octets), payload


@pytest.fixture
async def pair(certificate):
    """Serve both sides over TLS and give them names."""
    ports = {}
    trust = ssl.create_default_context(cafile=str(certificate))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)

    def connector():
        return TCPConnector(resolver=Names(ports), ssl=trust)

    async with ClientSession(connector=connector()) as session:
        ours, theirs = Ours(session), Client(THEIRS, connector())
        runners = []
        for name, app in ((OURS, ours.app), (THEIRS, theirs.app)):
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving)
            await site.start()
            ports[name] = runner.addresses[0][1]
            runners.append(runner)
        yield ours, theirs
        await theirs.session.close()
        for runner in runners:
            await runner.cleanup()


async def test_the_did_log_of_the_client_verifies(pair):
    _, theirs = pair
    history = did_log.read(Did.parse(theirs.did), theirs.log, at=datetime.now(UTC))

    document = history.current()

    assert document.lrx_service()[0] == f"https://{THEIRS}/lrx/1"
    assert document.key_for(DidUrl.of(theirs.did, "#s"), "authentication")


async def test_what_the_client_sends_is_read(pair):
    ours, theirs = pair
    body = EXAMPLES["peer/introduce"]["body"]

    answer = await theirs.send(ours.did, "peer/1.0/introduce", body, "/introduce")

    ((message, _),) = ours.received
    assert (answer["status"], answer["accepted"]) == (202, message.id)
    assert message.kind == "peer/introduce"
    assert message.body.organisation.legal_name == "ENIC-NARIC Country B"


async def test_the_client_asks_takes_the_answer_and_signs_for_it(pair):
    ours, theirs = pair
    query = EXAMPLES["record/query (by grant)"]["body"]
    asked = await theirs.send(ours.did, "record/1.0/query", query)
    example = EXAMPLES["record/deliver"]
    data = messages.attach("a1", "application/dc+sd-jwt", b"eyJ.eyJ.sig~")

    accepted, payload = await ours.send(
        Did.parse(theirs.did),
        "record/deliver",
        example["body"],
        thid=asked["accepted"],
        attachments=[data],
    )
    delivery = await asyncio.wait_for(theirs.received.get(), 5)
    receipt = await theirs.receipt(delivery)

    signed_for = ours.received[-1][0]
    assert accepted == {"accepted": delivery["id"], "duplicate": False, "last": None}
    assert (receipt["status"], receipt["accepted"]) == (202, signed_for.id)
    assert signed_for.thid == asked["accepted"]
    assert signed_for.body.message_digest == envelope.message_digest(payload)
    assert signed_for.body.items[0].digest == example["body"]["items"][0]["digest"]


async def test_the_client_tells_the_newest_message_it_holds(pair):
    ours, theirs = pair
    closed = {"state": "closed", "outcome": "unavailable"}
    did = Did.parse(theirs.did)

    first, _ = await ours.send(did, "record/status", closed)
    second, _ = await ours.send(did, "record/status", closed)

    assert second["last"] == first["accepted"]


async def test_the_client_refuses_a_body_that_was_not_signed(pair):
    ours, theirs = pair
    closed = {"state": "closed", "outcome": "unavailable"}

    status, _ = await ours.send(
        Did.parse(theirs.did), "record/status", closed, corrupt=True
    )

    assert status == 500
    assert theirs.received.empty()


def test_the_client_is_short_and_imports_nothing_of_ours():
    text = (Path(__file__).parent / "client.py").read_text(encoding="utf-8")
    imports = [line for line in text.splitlines() if "import " in line]

    assert len(text.splitlines()) <= 200
    assert not any(ours in " ".join(imports) for ours in ("protocol", "node", "adapt"))
