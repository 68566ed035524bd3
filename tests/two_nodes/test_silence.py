"""What a requester may learn before a learner decides: nothing (invariant I9, A32)."""

import json
from datetime import timedelta

import pytest
from exchange_net import DIPLOMA, A, R, about, by_grant

from node.services import consenting, sharing
from node.services.sharing import CLOSING_DELAY
from node.store import exchanges, messages

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
DAY = timedelta(days=1)
OPEN = ("waiting", "consent-pending")


async def refused(net, deadline):
    person = await net.add_person()
    thread = await net.ask(person.subject, deadline=deadline)
    await net.comes_to(thread, "consent-pending")
    await net.write(
        A,
        consenting.refuse,
        query_id=thread,
        learner_id=person.id,
        tell=False,
        at=net.clock(),
    )
    return thread


async def wrong_purpose(net, deadline):
    granted = await net.grant(await net.add_person(), purpose="admission")
    return await net.ask(by_grant(granted.code), deadline=deadline)


async def too_little(net, deadline):
    """A grant that covers less than is asked for."""
    person = await net.add_person()
    granted = await net.grant(person, only=lambda row: "kana" in row[1])
    return await net.ask(by_grant(granted.code), deadline=deadline)


async def withdrawn(net, deadline):
    person = await net.add_person()
    granted = await net.grant(person)
    await net.write(
        A,
        consenting.withdraw,
        consent_id=granted.consent_id,
        learner_id=person.id,
        at=net.clock(),
    )
    return await net.ask(by_grant(granted.code), deadline=deadline)


async def fourth(net, deadline):
    """More open queries than one learner is shown."""
    person = await net.add_person()
    for _ in range(3):
        one = await net.ask(person.subject, deadline=net.clock() + 40 * DAY)
        await net.comes_to(one, "consent-pending")
    thread = await net.ask(person.subject, deadline=deadline)
    assert await net.comes_to(thread, *OPEN) == "waiting"
    return thread


async def asking(net, deadline):
    """The learner does nothing."""
    person = await net.add_person()
    return await net.ask(person.subject, deadline=deadline)


async def lacking(net, deadline):
    """The learner is known but has no such record."""
    person = await net.add_person()
    dcql = json.loads(json.dumps(DIPLOMA).replace("diploma-supplement", "transcript"))
    return await net.ask(person.subject, dcql=dcql, deadline=deadline)


async def nobody(net, deadline):
    return await net.ask(about("000000000"), deadline=deadline)


async def wrong_grant(net, deadline):
    return await net.ask(by_grant("K7QX-2M9D-TR4P-WZ6H"), deadline=deadline)


async def no_identifier(net, deadline):
    return await net.ask({"match": "identifiers"}, deadline=deadline)


async def two_people(net, deadline):
    """What was submitted fits nobody as a whole."""
    one, other = await net.add_person(), await net.add_person()
    subject = one.subject
    subject["identifiers"] += other.subject["identifiers"]
    return await net.ask(subject, deadline=deadline)


CASES = (
    *(refused, wrong_purpose, too_little, withdrawn, fourth, asking, lacking),
    *(nobody, wrong_grant, no_identifier, two_people),
)


async def test_all_silences_end_alike_between_deadline_and_six_hours_later(fresh):
    net = fresh
    deadline = net.clock() + 7 * DAY
    threads = {case.__name__: await case(net, deadline) for case in CASES}
    for thread in threads.values():
        await net.comes_to(thread, *OPEN)
    rows = await net.rows(A, "query", "id", "deadline", "close_at")
    delays = [
        (row.close_at - row.deadline).total_seconds()
        for row in rows
        if row.id in threads.values()
    ]

    assert len(delays) == len(CASES)
    assert all(0 <= delay <= CLOSING_DELAY.total_seconds() for delay in delays)
    assert len(set(delays)) > len(CASES) // 2

    net.clock.ahead = 7 * DAY - timedelta(minutes=1)
    assert await _closed_by_now(net) == 0
    net.clock.ahead = 7 * DAY + CLOSING_DELAY
    assert await _closed_by_now(net) == len(CASES)

    for name, thread in threads.items():
        await net.settles(thread, "closed-unavailable")
        assert await net.query_state(thread) == "closed", name
    sizes = await _status_sizes(net, threads.values())
    assert len(sizes) == len(CASES)
    assert len(set(sizes.values())) == 1


async def _closed_by_now(net):
    """Let the house be kept, as the background does every few seconds."""
    await net.write(A, sharing.close_due, at=net.clock())
    rows = await net.rows(A, "query", "state")
    return sum(row.state == "closed" for row in rows)


async def _status_sizes(net, threads):
    node = net.nodes[R]
    found = {}
    for row in await net.rows(R, "inbox", "id", "type", "thread"):
        if row.type == "record/status" and row.thread in threads:
            got = await node.store.read(
                messages.received,
                vault=node.context.vault,
                peer=net.peer(A),
                id=row.id,
            )
            found[row.thread] = len(got.jws)
    return found


async def test_declined_is_told_only_if_the_learner_wants_it(fresh):
    net = fresh
    person = await net.add_person()
    thread = await net.ask(person.subject, deadline=net.clock() + DAY)
    await net.comes_to(thread, "consent-pending")
    await net.write(
        A,
        consenting.refuse,
        query_id=thread,
        learner_id=person.id,
        tell=True,
        at=net.clock(),
    )

    net.clock.ahead = DAY + CLOSING_DELAY

    await net.settles(thread, "closed-declined")


async def test_every_query_is_answered_by_the_same_signed_202(net):
    person = await net.add_person()
    granted = await net.grant(await net.add_person())
    spent = await net.grant(await net.add_person())
    await net.receipted(await net.ask(by_grant(spent.code)))
    subjects = {
        "known": person.subject,
        "nobody": about("000000000"),
        "good grant": by_grant(granted.code),
        "spent grant": by_grant(spent.code),
        "bad grant": by_grant("K7QX-2M9D-TR4P-WZ6H"),
    }
    seen = {}
    for name, subject in subjects.items():
        body = {
            "subject": subject,
            "dcql": DIPLOMA,
            "purpose": {"code": "recognition-assessment"},
            "recipient_terms": {"jurisdiction": "NL", "retention_days": 180},
            "accept": {"formats": ["dc+sd-jwt"]},
            "deadline": int((net.clock() + DAY).timestamp()),
        }
        jws = net.signed(R, net.message(R, A, "record/query", body))
        answer = await net.post(R, A, net.sealed(A, jws))
        said = json.loads(answer.body)
        seen[name] = (
            answer.status,
            answer.signed,
            sorted(said),
            len(answer.body),
            sorted(answer.headers),
        )
    assert len({str(one) for one in seen.values()}) == 1, seen
    assert seen["nobody"][:3] == (202, True, ["accepted", "duplicate", "last"])


async def test_a_learner_is_asked_only_within_what_they_have(net):
    person = await net.add_person()
    thread = await lacking(net, net.clock() + DAY)
    await net.comes_to(thread, "waiting")
    node = net.nodes[A]
    row = await node.store.read(exchanges.query, vault=node.context.vault, id=thread)
    assert not row.shown
    assert person.id != row.learner_id


async def test_names_and_birth_date_find_a_learner_as_well(net):
    person = await net.add_person()
    subject = {
        "match": "identifiers",
        "family_name": person.family.upper(),
        "given_name": "aiko",
        "birth_date": "2003-05-14",
    }
    thread = await net.ask(subject)
    assert await net.comes_to(thread, *OPEN) == "consent-pending"
    wrong = await net.ask(subject | {"birth_date": "2003-05-15"})
    assert await net.comes_to(wrong, *OPEN) == "waiting"


async def test_what_is_too_large_to_send_looks_like_nobody(net, monkeypatch):
    """A release that cannot be made leaves no trace and no message."""
    granted = await net.grant(await net.add_person())
    before = await net.count(A, "release", "release_field", "delivery")
    monkeypatch.setattr("protocol.exchange.messages.MAXIMUM_INLINE_BYTES", 100)

    thread = await net.ask(by_grant(granted.code))

    assert await net.comes_to(thread, *OPEN, "releasing", "receipted") == "waiting"
    assert await net.count(A, "release", "release_field", "delivery") == before
