"""Both ends of an exchange rotate their keys, with messages under way."""

import asyncio
from datetime import UTC, datetime

import pytest
from exchange_net import A, R, by_grant, until
from sqlalchemy import update

from node import rotation
from node.ledger import Ledger
from node.registry import NEGATIVE_LIFETIME
from node.reloading import SETTLED
from node.services import proving
from node.store import messages
from node.store.tables import outbox
from protocol.exchange.evidence import verify_pack

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
SETTLES = SETTLED.total_seconds() + 15
"""Seconds: the database has a clock of its own, so this waits in earnest."""


def rotate(net, key, *jobs):
    keys = net.world.home(key) / "keys"
    return rotation.rotate(keys, net.did(key), jobs, safe=keys, at=net.clock())


def retire(net, key):
    keys = net.world.home(key) / "keys"
    jobs = rotation.JOBS
    return rotation.retire(keys, net.did(key), jobs, safe=keys, at=net.clock())


async def signs_with(net, key, name):
    async def look():
        return net.context(key).identity.message_kid.fragment == name

    await until(look, seconds=SETTLES)


async def serves(net, key, entries):
    """Wait until a node serves its DID log of so many entries."""

    async def look():
        return net.context(key).identity.log.count(b"\n") == entries

    await until(look)


def _due_now(connection):
    connection.execute(update(outbox).values(next_at=datetime.now(UTC)))


async def exchanged(net):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    delivery = await net.delivery(R, thread)
    await net.receipted(thread)
    return delivery


async def verdict(net, delivery):
    (item,) = await net.items(R, delivery.id)
    return item.verdict


async def pack_of(net, delivery):
    context = net.context(R)
    octets = await proving.export(
        net.nodes[R].store,
        context=context,
        ledger=Ledger.of(context),
        delivery_id=delivery.id,
    )
    return verify_pack(octets)


async def test_two_nodes_exchange_before_and_after(fresh):
    net = fresh
    before = await exchanged(net)
    assert (await verdict(net, before))["overall"] == "valid"

    rotate(net, A, *rotation.JOBS)
    rotate(net, R, *rotation.JOBS)
    for key in (A, R):
        await signs_with(net, key, "sig-2")

    # Each holds the other's document of an hour ago: it is the unknown key that makes
    # it look again, be it on a request, an answer or a credential.
    after = await exchanged(net)
    found = await verdict(net, after)
    assert found["overall"] == "valid"
    evidence = found["findings"]["key_at_signing"]["evidence"]
    assert evidence["key"].endswith(("#cred-3", "#cred-4"))

    retire(net, A)
    retire(net, R)
    await serves(net, A, 3)
    await serves(net, R, 3)
    await exchanged(net)

    # The old diploma, signed with a key that is gone.
    (item,) = await net.items(R, before.id)
    worker = net.nodes[R].worker
    effect = await worker.actor.verified_again(before.id, item.item_id)
    await net.nodes[R].store.write(effect)
    again = await verdict(net, before)
    assert again["overall"] == "valid"
    assert again["findings"]["key_at_signing"]["result"] == "valid"
    for delivery in (before, after):
        report = await pack_of(net, delivery)
        assert report.ok, [c for c in report.checks if not c.holds]


async def test_a_message_under_way_arrives(fresh):
    net = fresh
    person = await net.add_person()
    granted = await net.grant(person)
    await net.stop(A)
    thread = await net.ask(by_grant(granted.code))

    async def tried():
        rows = await net.rows(R, "outbox", "id", "attempts")
        return any(row.id == thread and row.attempts for row in rows)

    await until(tried)
    # Signed with R's old key, to be encrypted to A's: both change meanwhile.
    rotate(net, R, "message", "encryption")
    rotate(net, A, "message", "encryption")
    retire(net, R)
    retire(net, A)
    await signs_with(net, R, "sig-2")
    # Nobody looks at a DID log twice within this time, whoever names a key.
    await asyncio.sleep(NEGATIVE_LIFETIME.total_seconds())
    await net.start(A)

    async def arrived():
        await net.nodes[R].store.write(_due_now)
        return (await net.query_state(thread)) == "receipted"

    await until(arrived, seconds=30)
    delivery = await net.delivery(R, thread)
    assert (await verdict(net, delivery))["overall"] == "valid"


async def test_what_is_encrypted_to_the_old_key_is_opened(fresh):
    net = fresh
    old = dict(net.context(A).identity.decryption)
    rotate(net, A, "encryption")

    await serves(net, A, 2)
    assert set(net.context(A).identity.decryption) > set(old)
    person = await net.add_person()
    granted = await net.grant(person)
    # R still holds the document with the old key.
    thread = await net.ask(by_grant(granted.code))
    await net.receipted(thread)
    assert await net.read(R, messages.oldest_queued) is None
