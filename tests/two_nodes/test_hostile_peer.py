"""A42: a trusted peer that lies, repeats and names what is not its own."""

import logging
import secrets
from datetime import timedelta

import pytest
from exchange_net import DIPLOMA, A, B, R, about, by_grant, until

from node import outbox
from node.outbox import Peer
from node.services import consenting, correcting, issuing
from protocol.exchange import envelope
from protocol.exchange import messages as wire

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
STAMP = "2026-12-31T08:00:00Z"
REPORTED = {"delivery_id": "a" * 32, "result": "deleted", "completed_at": STAMP}


async def exchanged(net):
    """Let A deliver to R; return person, consent, and both sides of the delivery."""
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    sent = await net.receipted(thread)
    return person, granted, thread, sent


async def acted(net, key, sender, kind, body, **more):
    """Send a message; return state and problem once it was acted on."""
    status, said = await net.tell(sender, key, kind, body, **more)
    assert status == 202, said
    return await net.inbox_row(key, sender, said["accepted"])


async def test_a_report_is_about_ones_own_deliveries(net):
    _, granted, thread, sent = await exchanged(net)
    body = {
        "consent_id": granted.consent_id,
        "results": [
            {"delivery_id": sent.id, "result": "deleted", "completed_at": STAMP}
        ],
    }

    state, problem = await acted(net, A, B, "erasure/report", body)

    assert (state, problem.split(":")[0]) == ("failed", "NotFoundError")
    assert (await net.delivery(A, thread, "out")).state == "released"
    # Nor may the right peer name a delivery of another consent.
    _, other, _, _ = await exchanged(net)
    state, problem = await acted(
        net, A, R, "erasure/report", body | {"consent_id": other.consent_id}
    )
    assert state == "failed"


async def test_a_withdrawal_deletes_nothing_that_was_sent(net):
    """R claims that A's own outgoing delivery was withdrawn from A."""
    _, granted, thread, sent = await exchanged(net)
    body = {
        "basis": "withdrawn",
        "consent_id": granted.consent_id,
        "version": 1,
        "effective": STAMP,
        "deliveries": [sent.id],
        "requested": "delete",
        "respond_by": "2027-01-28",
    }

    assert (await acted(net, A, R, "consent/changed", body))[0] == "done"

    after = await net.delivery(A, thread, "out")
    assert (after.state, after.jws, after.receipt_jws) == (
        sent.state,
        sent.jws,
        sent.receipt_jws,
    )


async def test_the_first_receipt_stands(net):
    _, _, thread, sent = await exchanged(net)
    body = {
        "delivery_id": sent.id,
        "message_digest": sent.message_digest,
        "received_at": STAMP,
        "items": [
            {
                "item_id": "degree",
                "digest": "sha-256:" + "x" * 43,
                "result": "rejected",
            }
        ],
        "obligations": [],
    }

    state, problem = await acted(net, A, R, "record/receipt", body)
    assert (state, problem.split(":")[0]) == ("failed", "UnexpectedMessageError")
    state, problem = await acted(net, A, B, "record/receipt", body)
    assert (state, problem.split(":")[0]) == ("failed", "NotFoundError")
    assert (await net.delivery(A, thread, "out")).receipt_id == sent.receipt_id


async def test_a_third_party_settles_no_request(net):
    """B closes, and refuses, what R asked of A; R keeps waiting."""
    await _introduce_b_to_r(net)
    thread = await net.ask(about("0"))
    closed = {"state": "closed", "outcome": "unavailable"}
    await acted(net, R, B, "record/status", closed, thid=thread)
    problem = {"code": "e.p.query.too-broad", "comment": "no"}
    await acted(net, R, B, "report-problem", problem, pthid=thread)

    assert await net.request_state(thread) == "sent"


async def _introduce_b_to_r(net):
    if not await net.is_in(R, B, "trusted"):
        await net.introduce(R, B, "recognition-assessment")


async def _copy_of(net, sent):
    """Return body and attachments of a delivery, to be sent in other words."""
    message = wire.reread(envelope.read(sent.jws).payload)
    dumped = message.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped["body"], list(message.attachments)


async def test_nothing_is_taken_that_was_not_asked_for(net):
    await _introduce_b_to_r(net)
    _, _, thread, sent = await exchanged(net)
    body, attachments = await _copy_of(net, sent)
    body["delivery_id"] = secrets.token_hex(16)

    for key, thid in ((B, thread), (A, secrets.token_hex(16))):
        state, _ = await acted(
            net, R, key, "record/deliver", body, thid=thid, attachments=attachments
        )
        assert state == "done"
    held = [row.id for row in await net.rows(R, "delivery", "id")]
    assert body["delivery_id"] not in held


async def test_a_delivery_id_is_used_once(net):
    """The same delivery id again, in a thread that was asked for."""
    _, _, thread, sent = await exchanged(net)
    body, attachments = await _copy_of(net, sent)

    state, problem = await acted(
        net, R, A, "record/deliver", body, thid=thread, attachments=attachments
    )

    assert (state, problem.split(":")[0]) == ("failed", "IdReuseError")


async def test_an_id_that_is_taken_ends_in_a_failure_not_in_a_loop(net, caplog):
    """B asks under the id of a query of R's, which names a row at A already."""
    caplog.set_level(logging.WARNING)
    body = {
        "subject": about("0"),
        "dcql": DIPLOMA,
        "purpose": {"code": "admission"},
        "recipient_terms": {"jurisdiction": "NL", "retention_days": 180},
        "accept": {"formats": ["dc+sd-jwt"]},
        "deadline": int((net.clock() + timedelta(days=1)).timestamp()),
    }
    thread = await net.ask(about("0"))
    await net.comes_to(thread, "waiting")

    state, problem = await acted(net, A, B, "record/query", body, id=thread)

    assert state == "failed", problem
    assert len([r for r in caplog.records if r.name == "node.background"]) == 1
    assert await net.query_state(thread) == "waiting"


async def test_an_item_that_is_not_what_its_digest_says_is_kept_as_invalid(net):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    sent = await net.receipted(thread)
    body, attachments = await _copy_of(net, sent)
    body["delivery_id"] = secrets.token_hex(16)
    body["items"][0]["digest"] = "sha-256:" + "x" * 43

    state, _ = await acted(
        net, R, A, "record/deliver", body, thid=thread, attachments=attachments
    )

    assert state == "done"
    (item,) = await net.items(R, body["delivery_id"])
    assert item.verdict["overall"] == "invalid"
    assert item.verdict["findings"]["integrity"]["result"] == "invalid"


async def test_an_item_that_cannot_be_read_is_kept_as_invalid(net):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    sent = await net.receipted(thread)
    body, _ = await _copy_of(net, sent)
    octets = b"\x00not a credential"
    body["delivery_id"] = secrets.token_hex(16)
    body["items"][0]["digest"] = envelope.message_digest(octets)
    name = body["items"][0]["attachment"]

    state, _ = await acted(
        *(net, R, A, "record/deliver", body),
        thid=thread,
        attachments=[wire.attach(name, "application/dc+sd-jwt", octets)],
    )

    assert state == "done"
    (item,) = await net.items(R, body["delivery_id"])
    assert item.verdict["overall"] == "invalid"


async def test_a_policy_outside_the_profile_is_refused(net):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    sent = await net.receipted(thread)
    body, attachments = await _copy_of(net, sent)
    body["delivery_id"] = secrets.token_hex(16)
    body["policy"]["prohibition"] = [{"action": "sell"}]

    state, _ = await acted(
        net, R, A, "record/deliver", body, thid=thread, attachments=attachments
    )

    assert state == "done"
    held = [row.id for row in await net.rows(R, "delivery", "id")]
    assert body["delivery_id"] not in held


async def test_an_amendment_needs_a_delivery(net):
    _, _, _, sent = await exchanged(net)
    body, attachments = await _copy_of(net, sent)
    change = {
        "item_id": "degree",
        "kind": "correction",
        "supersedes": body["items"][0]["digest"],
        "attachment": body["items"][0]["attachment"],
        "format": "dc+sd-jwt",
        "digest": body["items"][0]["digest"],
    }
    amend = {
        "delivery_id": secrets.token_hex(16),
        "release": body["release"] | {"amends": body["release"]["release_id"]},
        "changes": [change],
    }

    assert (await acted(net, R, A, "record/amend", amend, attachments=attachments))[
        0
    ] == "done"
    assert len(await net.items(R, amend["delivery_id"])) == 0


async def test_a_change_about_something_unknown_does_nothing(net):
    item = {
        "item_id": "degree",
        "digest": "sha-256:" + "x" * 43,
        "kind": "status",
        "effective": STAMP,
    }
    body = {"delivery_id": "a" * 32, "items": [item]}
    assert await acted(net, R, A, "record/changed", body) == ("done", None)


async def test_notices_are_kept_as_received(net):
    body = {"event": "keys-rotated", "effective": STAMP}
    assert await acted(net, A, R, "peer/notice", body) == ("done", None)


async def test_answers_and_reports_to_nothing(net):
    for kind, body in (
        ("record/answer", {"answer": "decline"}),
        ("erasure/report", {"consent_id": "a" * 32, "results": [REPORTED]}),
    ):
        state, problem = await acted(net, A, R, kind, body, thid="b" * 32)
        assert (state, problem.split(":")[0]) == ("failed", "NotFoundError")


async def test_the_limits_of_a_consent_hold_for_its_corrections(net):
    """At a withdrawn consent a correction is told, not sent."""
    person, granted, thread, _ = await exchanged(net)
    held = await net.rows(A, "credential", "id", "learner_id")
    (old,) = [row.id for row in held if row.learner_id == person.id]
    await net.write(
        A,
        consenting.withdraw,
        consent_id=granted.consent_id,
        learner_id=person.id,
        at=net.clock(),
    )
    new = await net.write(
        A, issuing.reissue, credential_id=old, reason="corrected", at=net.clock()
    )

    told = await net.write(
        A,
        correcting.tell_changed,
        old_credential_id=old,
        new_credential_id=new,
        reason="superseded",
        at=net.clock(),
    )

    assert told == 1
    releases = await net.rows(A, "release", "consent_id", "amends")
    mine = [row for row in releases if row.consent_id == granted.consent_id]
    assert [row.amends for row in mine] == [None]
    assert await net.delivery(A, thread, "out")


async def test_a_message_that_expired_while_it_waited_fails(fresh):
    net = fresh
    await net.stop(R)
    node = net.nodes[A]
    composed = await node.store.write(
        outbox.queue,
        context=node.context,
        peer=Peer(net.peer(R), net.did(R)),
        kind="peer/notice",
        body={"event": "resumed", "effective": STAMP},
        at=net.clock(),
        lifetime=timedelta(minutes=30),
    )
    net.clock.ahead = timedelta(hours=1)

    async def failed():
        rows = await net.rows(A, "outbox", "id", "state", "problem")
        (row,) = [r for r in rows if r.id == composed.id]
        return row if row.state == "failed" else None

    row = await until(failed)
    assert "e.m.msg.expired" in row.problem
