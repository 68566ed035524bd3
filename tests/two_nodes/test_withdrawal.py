"""A consent ends: what was sent is deleted, what is late is refused (I7, A28, A29)."""

import asyncio
from datetime import timedelta

import pytest
from exchange_net import A, R, by_grant, until
from sqlalchemy import text

from node.services import consenting
from node.store import exchanges, messages
from protocol.errors import NotFoundError
from protocol.exchange import envelope
from protocol.exchange import messages as wire

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


async def withdraw(net, person, consent_id):
    await net.write(
        A,
        consenting.withdraw,
        consent_id=consent_id,
        learner_id=person.id,
        at=net.clock(),
    )


async def sent_message(net, key, id_):
    node = net.nodes[key]
    return await node.store.read(messages.outgoing, vault=node.context.vault, id=id_)


async def test_a_withdrawal_deletes_and_is_reported(net):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    await net.receipted(thread)
    before = await net.delivery(R, thread)

    await withdraw(net, person, granted.consent_id)

    async def reported():
        found = await net.delivery(A, thread, "out")
        return found if found.state == "reported-deleted" else None

    await until(reported)
    after = await net.delivery(R, thread)
    assert (before.state, after.state, after.jws) == ("active", "deleted", None)
    (item,) = await net.items(R, after.id)
    assert (item.octets, item.verdict) == (None, None)

    # A late copy: the same delivery in a message with an id of its own.
    old = await sent_message(net, A, before.message_id)
    message = wire.reread(envelope.read(old.jws).payload)
    body = message.model_dump(mode="json", by_alias=True, exclude_none=True)["body"]
    status, said = await net.tell(
        A,
        R,
        "record/deliver",
        body,
        thid=thread,
        attachments=list(message.attachments),
    )
    assert status == 202
    assert (await net.inbox_row(R, A, said["accepted"]))[0] == "done"
    assert (await net.delivery(R, thread)).state == "deleted"
    assert [i.octets for i in await net.items(R, after.id)] == [None]

    # Nor one under another delivery id, for the consent is withdrawn.
    body |= {"delivery_id": "f" * 32}
    status, said = await net.tell(
        A,
        R,
        "record/deliver",
        body,
        thid=thread,
        attachments=list(message.attachments),
    )
    await net.inbox_row(R, A, said["accepted"])
    assert "f" * 32 not in [row.id for row in await net.rows(R, "delivery", "id")]


async def test_a_withdrawal_overtakes_the_delivery(net):
    """A29: consent/changed arrives first; the delivery after it is not kept."""
    person = await net.add_person()
    granted = await net.grant(person)
    await net.nodes[A].worker.stop()
    try:
        thread = await net.ask(by_grant(granted.code))

        async def queued():
            rows = await net.rows(A, "inbox", "id", "state")
            return (thread, "pending") in [tuple(row) for row in rows]

        await until(queued)
        # A acts on the query, but sends nothing yet.
        node = net.nodes[A]
        (row,) = [
            r
            for r in await node.store.read(
                messages.pending, vault=node.context.vault, limit=9
            )
            if r.id == thread
        ]
        await node.worker._act(row)  # noqa: SLF001 - one step of the background
        delivery = await net.delivery(A, thread, "out")
        body = {
            "basis": "withdrawn",
            "consent_id": granted.consent_id,
            "version": 1,
            "effective": "2026-12-29T08:00:00Z",
            "deliveries": [delivery.id],
            "requested": "delete",
            "respond_by": "2027-01-28",
        }
        status, said = await net.tell(A, R, "consent/changed", body)
        assert status == 202
        assert await net.inbox_row(R, A, said["accepted"]) == ("done", None)

        answer = await net.post(A, R, net.sealed(R, delivery.jws))

        assert answer.status == 202
        state = await net.inbox_row(R, A, delivery.message_id)
        assert state == ("done", None)
        held = [row.id for row in await net.rows(R, "delivery", "id")]
        assert delivery.id not in held
    finally:
        await net.nodes[A].worker.start()


async def test_nothing_is_dispatched_after_a_withdrawal(fresh):
    """A28: R is down; the learner withdraws; R comes back; nothing arrives."""
    net = fresh
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    # R takes nothing in while its query is acted on.
    await net.nodes[A].worker.stop()
    await until(lambda: _is_stored(net, thread))
    await net.stop(R)
    await net.nodes[A].worker.start()
    await net.comes_to(thread, "releasing")
    dispatched = await until(lambda: _attempted(net))
    await withdraw(net, person, granted.consent_id)
    await net.start(R)
    net.clock.ahead = timedelta(hours=2)

    async def told():
        rows = await net.rows(A, "outbox", "type", "state")
        return ("consent/changed", "sent") in [tuple(r) for r in rows]

    await until(told)
    states = [
        r.state
        for r in await net.rows(A, "outbox", "type", "state")
        if r.type == "record/deliver"
    ]
    assert states == ["cancelled"]
    assert await net.count(A, "dispatch") == [dispatched]
    assert await net.count(R, "delivery") == [0]


async def _is_stored(net, thread):
    return thread in [row.id for row in await net.rows(A, "inbox", "id")]


async def _attempted(net):
    (count,) = await net.count(A, "dispatch")
    rows = await net.rows(A, "outbox", "type", "attempts")
    failed = [r for r in rows if r.type == "record/deliver" and r.attempts]
    return count if failed else 0


async def test_an_undelivered_release_is_cancelled_and_the_query_closed(fresh):
    """Withdrawn before the first attempt: the requester sees what it always sees."""
    net = fresh
    person = await net.add_person()
    granted = await net.grant(person)
    worker = net.nodes[A].worker
    await worker.stop()
    thread = await net.ask(by_grant(granted.code))
    await until(lambda: _is_stored(net, thread))
    node = net.nodes[A]
    (row,) = await node.store.read(messages.pending, vault=node.context.vault)
    await worker._act(row)  # noqa: SLF001 - one step of the background
    assert await net.query_state(thread) == "releasing"

    await withdraw(net, person, granted.consent_id)

    assert await net.query_state(thread) == "waiting"
    net.clock.ahead = timedelta(days=8)
    await worker.start()
    await net.settles(thread, "closed-unavailable")
    assert await net.count(A, "dispatch") == [0]


async def test_a_withdrawal_is_for_the_learners_own_consents(net):
    person, other = await net.add_person(), await net.add_person()
    granted = await net.grant(person)

    with pytest.raises(NotFoundError):
        await withdraw(net, other, granted.consent_id)


async def test_a_grant_races_its_withdrawal(net):
    """Whatever comes first, there is no dispatch after the withdrawal."""
    for delay in (0, 0.005, 0.01, 0.02, 0.04):
        person = await net.add_person()
        granted = await net.grant(person)
        thread = await net.ask(by_grant(granted.code))
        await asyncio.sleep(delay)
        await withdraw(net, person, granted.consent_id)
        await net.comes_to(
            thread, "waiting", "delivered", "receipted", "releasing", "closed"
        )
    node = net.nodes[A]
    events = await node.store.read(_gate_events)
    for withdrawn_at, dispatched_at in events:
        assert dispatched_at <= withdrawn_at

    found = await node.store.read(exchanges.deliveries, vault=node.context.vault)
    assert found


def _gate_events(connection):
    return list(
        connection.execute(
            text(
                "select e.at, max(d.at) from consent_event e"
                " join release r on r.consent_id=e.consent_id"
                " join dispatch d on d.release_id=r.id"
                " where e.to_status='withdrawn' group by e.consent_id"
            )
        )
    )
