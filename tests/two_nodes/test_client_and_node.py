"""A peer written from the specification alone exchanges a record with a node."""

import asyncio
import ssl
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from aiohttp import TCPConnector, web
from aiohttp.abc import AbstractResolver
from exchange_net import DIPLOMA, PURPOSE, A, Net, free_ports, members, until

from node.app import Running
from node.config import config_folder
from node.demo.authority import RunAuthority
from node.demo.world import create
from node.services import importing, peering
from node.settings import load
from node.store import peers as peer_store
from protocol.identity.dids import Did
from protocol.identity.multibase import from_base64url
from protocol.securing import sd_jwt
from tests.client import Client

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
THEIRS = "client.test"
INTRODUCTION = {
    "organisation": {
        "legal_name": "A peer from the document",
        "country": "NL",
        "roles": ["requester"],
    },
    "requests": {"roles": ["requester"], "purposes": [PURPOSE]},
    "privacy": {
        "jurisdiction": "NL",
        "regimes": ["EU-GDPR"],
        "notice": f"https://{THEIRS}/privacy",
        "contact": f"mailto:privacy@{THEIRS}",
    },
    "contact": {"technical": f"mailto:ops@{THEIRS}"},
    "profile": f"https://{THEIRS}/.well-known/lrx",
}


class _Names(AbstractResolver):
    def __init__(self, ports):
        self.ports = ports

    async def resolve(self, host, port=0, family=0):
        found = {"hostname": host, "host": "127.0.0.1", "port": self.ports[host]}
        return [found | {"family": 2, "proto": 0, "flags": 0}]

    async def close(self):
        pass


@pytest_asyncio.fixture(loop_scope="session")
async def both(tmp_path):
    """A node and the client, each under its own name and certificate."""
    (port,) = free_ports(1)
    cast = members(A, "accreditor")
    world = await create(tmp_path, cast, datetime.now(UTC))
    authority = RunAuthority.create(datetime.now(UTC))
    hosts = {A: ["uni-a.test"], "accreditor": ["accreditor.test", "council.test"]}
    for key, names in hosts.items():
        (world.home(key) / "ca.pem").write_bytes(authority.pem())
        authority.issue(world.home(key), names, datetime.now(UTC))
    folder = tmp_path / "client"
    folder.mkdir()
    authority.issue(folder, [THEIRS], datetime.now(UTC))
    for key in hosts:
        file = world.file(key)
        text = file.read_text()
        listed = f'"{THEIRS}" = "127.0.0.1:{port}", "uni-a.test"'
        file.write_text(text.replace('"uni-a.test"', listed, 1))
        world.settings[key] = load(file)
    net = Net(world, lambda: datetime.now(UTC))
    for key in hosts:
        net.nodes[key] = await Running.start(world.settings[key])
    trust = ssl.create_default_context(cafile=str(world.home(A) / "ca.pem"))
    ports = {m.domain: int(m.listen.rpartition(":")[2]) for m in cast}
    client = Client(THEIRS, TCPConnector(resolver=_Names(ports), ssl=trust))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(folder / "tls.pem", folder / "tls.key")
    runner = web.AppRunner(client.app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=serving).start()
    catalogue = config_folder() / "demo" / "catalogue-a.toml"
    await net.nodes[A].store.write(
        importing.import_catalogue,
        net.context(A).vault,
        name=catalogue.name,
        octets=catalogue.read_bytes(),
        at=datetime.now(UTC),
    )
    yield net, client
    await client.session.close()
    await runner.cleanup()
    await net.stop()


async def received(client, kind):
    """Take messages until one of `kind` comes."""
    async with asyncio.timeout(20):
        while True:
            message = await client.received.get()
            if message["type"].endswith(kind):
                return message


async def test_introduce_query_receive_and_sign(both):
    net, client = both
    node, did = str(net.did(A)), Did.parse(client.did)

    said = await client.send(node, "peer/1.0/introduce", INTRODUCTION, "/introduce")
    assert said["status"] == 202
    pending = await received(client, "peer/1.0/decision")
    assert pending["body"]["decision"] == "pending"
    await net.write(
        A,
        peering.decide,
        peer=did.scid,
        decision="accepted",
        purposes=(PURPOSE,),
        review_by=None,
        reason="known to us",
        by="operator",
        at=net.clock(),
    )
    accepted = await received(client, "peer/1.0/decision")
    assert accepted["body"]["decision"] == "accepted"
    assert accepted["body"]["terms"]["purposes"] == [PURPOSE]

    person = await net.add_person()
    granted = await net.grant(person, recipient=did.scid)
    said = await client.send(
        node,
        "record/1.0/query",
        {
            "subject": {"match": "grant", "grant": granted.code},
            "dcql": DIPLOMA,
            "purpose": {"code": PURPOSE},
            "recipient_terms": {"jurisdiction": "NL", "retention_days": 90},
            "accept": {"formats": ["dc+sd-jwt"]},
            "deadline": int(net.clock().timestamp()) + 86_400,
        },
    )
    assert (said["status"], said["duplicate"]) == (202, False)
    delivery = await received(client, "record/1.0/deliver")
    assert delivery["thid"] == said["accepted"]
    (attached,) = delivery["attachments"]
    octets = from_base64url(attached["data"]["base64"])
    record = sd_jwt.parse(octets.decode()).record()
    assert record["holder"]["family_name"] == person.family
    assert set(record["holder"]) == {"family_name", "name_kana"}

    receipt = await client.receipt(delivery)
    assert receipt["status"] == 202
    sent = await net.receipted(said["accepted"])
    assert sent.receipt_id == receipt["accepted"]

    async def closed():
        return await net.query_state(said["accepted"]) == "receipted"

    await until(closed)
    row = await net.read(A, peer_store.peer, id=did.scid)
    assert row.state == "trusted"
