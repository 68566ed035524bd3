"""A killed process loses nothing it had acknowledged."""

import os
import signal
from datetime import timedelta

import pytest
from exchange_net import (
    COUNCIL,
    DIPLOMA,
    PURPOSE,
    A,
    Clock,
    Net,
    R,
    graduate,
    members,
    until,
)
from sqlalchemy import func, select

from node.config import config_folder
from node.demo.processes import Processes, command
from node.demo.world import create
from node.handle import opened_at
from node.services import consenting, importing, requesting
from node.store import exchanges
from node.store.tables import metadata

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


def _count(connection, *tables):
    return [
        connection.scalar(select(func.count()).select_from(metadata.tables[name]))
        for name in tables
    ]


def _due_now(connection):
    """Spare the test the half minute until the next attempt."""
    table = metadata.tables["outbox"]
    queued = table.c.state == "queued"
    connection.execute(table.update().where(queued).values(next_at=table.c.created_at))


def _query_state(connection, thread):
    table = metadata.tables["query"]
    return connection.scalar(select(table.c.state).where(table.c.id == thread))


def _receipts(connection):
    table = metadata.tables["delivery"]
    return list(connection.scalars(select(table.c.receipt_id)))


async def test_kill_9_between_consent_and_delivery(tmp_path):
    """The authority is down, the learner approves, the source is killed."""
    world = await create(tmp_path, members(A, R, COUNCIL), Clock()())
    processes = Processes(world)
    net = Net(world, Clock())
    try:
        await processes.start(COUNCIL, A, R)
        await command(
            world.file(R),
            *("peers", "introduce", str(net.did(A)), "--purpose", PURPOSE),
            *("--wait", "20"),
        )
        person, thread = await _asked(net)
        await _stopped(processes, R)

        async with opened_at(world.settings[A]) as node:
            at = node.context.clock()
            await node.store.write(
                consenting.approve,
                context=node.context,
                query_id=thread,
                learner_id=person.id,
                chosen_optional=frozenset(),
                language="en",
                login_at=at,
                at=at,
            )
            assert await node.store.read(_count, "release") == [1]
        os.kill(processes.running[A].pid, signal.SIGKILL)
        await processes.running.pop(A).wait()
        async with opened_at(world.settings[A]) as node:
            await node.store.write(_due_now)

        await processes.start(R)
        await processes.start(A)

        async def receipted():
            async with opened_at(world.settings[A]) as node:
                return all(await node.store.read(_receipts))

        await until(receipted, seconds=90)
    finally:
        await processes.stop()
    async with opened_at(world.settings[R]) as node:
        assert await node.store.read(_count, "delivery", "delivery_item") == [1, 1]
        (held,) = await node.store.read(exchanges.deliveries, vault=node.context.vault)
        assert (held.thread, held.state) == (thread, "active")
    async with opened_at(world.settings[A]) as node:
        assert await node.store.read(_count, "release", "delivery") == [1, 1]
        assert await node.store.read(_query_state, thread) == "receipted"


async def _asked(net):
    """Add a graduate to A and let R ask about them; wait until they are asked."""
    graduate()
    async with opened_at(net.world.settings[A]) as node:
        net.nodes[A] = node
        catalogue = config_folder() / "demo" / "catalogue-a.toml"
        await node.store.write(
            importing.import_catalogue,
            node.context.vault,
            name=catalogue.name,
            octets=catalogue.read_bytes(),
            at=node.context.clock(),
        )
        person = await net.add_person()
    async with opened_at(net.world.settings[R]) as node:
        at = node.context.clock()
        thread = await node.store.write(
            requesting.ask,
            context=node.context,
            peer=net.peer(A),
            subject=person.subject,
            dcql=DIPLOMA,
            purpose=PURPOSE,
            reference="CASE-1",
            text={},
            deadline=at + timedelta(days=7),
            at=at,
        )

    async def pending():
        async with opened_at(net.world.settings[A]) as node:
            return await node.store.read(_query_state, thread) == "consent-pending"

    await until(pending)
    return person, thread


async def _stopped(processes, key):
    process = processes.running.pop(key)
    process.send_signal(signal.SIGTERM)
    await process.wait()
