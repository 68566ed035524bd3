"""Who is trusted, for what, and who decides."""

from datetime import timedelta

import pytest
from exchange_net import PURPOSE, A, B, R, about, running, until

from node.services import peering
from node.services.peering import Checked
from node.store import peers as peer_store
from protocol.errors import UnexpectedMessageError
from protocol.exchange.messages import attach

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
EMPLOYER = "employer"
STAMP = "2026-12-31T08:00:00Z"
REPORTED = {"delivery_id": "a" * 32, "result": "deleted", "completed_at": STAMP}


async def row(net, key, target):
    return await net.read(key, peer_store.peer, id=net.peer(target))


async def decide(net, key, target, decision, *purposes):
    await net.write(
        key,
        peering.decide,
        peer=net.peer(target),
        decision=decision,
        purposes=purposes,
        review_by=None,
        reason="by hand",
        by="operator",
        at=net.clock(),
    )


async def test_a_complete_chain_is_accepted_both_ways(net):
    ours, theirs = await row(net, A, R), await row(net, R, A)

    assert ours.state == theirs.state == "trusted"
    assert ours.purposes == [PURPOSE]
    assert ours.basis[0]["credential"] == "RecognitionAuthorityCredential"
    assert theirs.basis[0]["credential"] == "InstitutionAccreditationCredential"
    council = str(net.world.settings["council"].did)
    assert {b["anchor"] for b in ours.basis + theirs.basis} == {council}


async def test_without_a_chain_the_operator_decides(tmp_path):
    async with running(tmp_path, A, EMPLOYER) as net:
        await net.write(
            EMPLOYER,
            peering.introduce,
            did=net.did(A),
            purposes=("employment",),
            at=net.clock(),
        )
        await until(lambda: net.is_in(A, EMPLOYER, "pending"))
        # What it may send so far: nothing but introductions.
        status, said = await net.tell(
            EMPLOYER, A, "record/status", {"state": "closed", "outcome": "unavailable"}
        )
        assert (status, said["code"]) == (403, "e.m.trust.peer")

        await decide(net, A, EMPLOYER, "accepted", "employment")
        await until(lambda: net.is_in(EMPLOYER, A, "trusted"))
        assert (await row(net, A, EMPLOYER)).purposes == ["employment"]

        # Suspended: receipts and reports flow, queries do not.
        await decide(net, A, EMPLOYER, "suspended")
        status, said = await net.tell(EMPLOYER, A, "record/query", _query(net))
        assert (status, said["code"]) == (403, "e.m.trust.peer")
        for kind, body in (
            ("record/receipt", _receipt()),
            ("erasure/report", {"consent_id": "a" * 32, "results": [REPORTED]}),
        ):
            status, _ = await net.tell(EMPLOYER, A, kind, body)
            assert status == 202, kind

        await decide(net, A, EMPLOYER, "ended")
        for route in ("/inbox", "/introduce"):
            status, said = await net.tell(
                EMPLOYER, A, "peer/introduce", _introduction(net), route=route
            )
            assert (status, said["code"]) == (403, "e.m.trust.peer")


def _receipt():
    return {
        "delivery_id": "a" * 32,
        "message_digest": "sha-256:" + "x" * 43,
        "received_at": "2026-10-25T08:00:30Z",
        "items": [
            {
                "item_id": "degree",
                "digest": "sha-256:" + "x" * 43,
                "result": "rejected",
            }
        ],
        "obligations": [],
    }


def _query(net):
    return {
        "subject": about("0"),
        "dcql": {"credentials": []},
        "purpose": {"code": PURPOSE},
        "recipient_terms": {"jurisdiction": "NL", "retention_days": 180},
        "accept": {"formats": ["dc+sd-jwt"]},
        "deadline": int(net.clock().timestamp()) + 86_400,
    }


def _introduction(net, *purposes):
    return {
        "organisation": {"legal_name": "Somebody", "country": "NL", "roles": ["x"]},
        "requests": {"roles": ["requester"], "purposes": list(purposes or (PURPOSE,))},
        "privacy": {
            "jurisdiction": "NL",
            "regimes": ["EU-GDPR"],
            "notice": "https://x.test/privacy",
            "contact": "mailto:privacy@x.test",
        },
        "contact": {"technical": "mailto:ops@x.test"},
        "profile": "https://x.test/.well-known/lrx",
    }


async def _own_chain(net, key):
    found = await net.read(key, peer_store.organisation_credentials, own=True)
    return [
        attach(f"org{n}", peering.ORGANISATION_TYPE, one)
        for n, one in enumerate(found, 1)
    ]


async def test_a_purpose_out_of_the_ordinary_waits_for_the_operator(tmp_path):
    async with running(tmp_path, A, R) as net:
        status, said = await net.tell(
            R,
            A,
            "peer/introduce",
            _introduction(net, "employment"),
            route="/introduce",
            attachments=await _own_chain(net, R),
        )
        assert status == 202
        await until(lambda: net.is_in(A, R, "pending"))

        # A peer cannot accept itself: a decision answers an introduction of ours.
        terms = {"roles": ["requester"], "purposes": ["employment"]}
        for thread in (said["accepted"], None):
            body = {"decision": "accepted", "terms": terms, "basis": []}
            status, answer = await net.tell(
                *(R, A, "peer/decision", body),
                thid=thread,
                attachments=await _own_chain(net, R),
            )
            assert status == 202
            state, problem = await net.inbox_row(A, R, answer["accepted"])
            assert (state, problem.split(":")[0]) == ("failed", "NotFoundError")
        assert (await row(net, A, R)).state == "pending"


async def test_introducing_again_ends_no_suspension(fresh):
    net = fresh
    await decide(net, A, R, "suspended")
    status, said = await net.tell(
        R,
        A,
        "peer/introduce",
        _introduction(net),
        route="/introduce",
        attachments=await _own_chain(net, R),
    )
    assert status == 202
    assert await net.inbox_row(A, R, said["accepted"]) == ("done", None)
    assert (await row(net, A, R)).state == "suspended"

    await decide(net, A, R, "resumed")
    assert (await row(net, A, R)).state == "trusted"


async def test_introducing_again_changes_no_terms(fresh):
    net = fresh
    before = await row(net, A, R)
    status, said = await net.tell(
        R,
        A,
        "peer/introduce",
        _introduction(net, PURPOSE, "employment"),
        route="/introduce",
        attachments=await _own_chain(net, R),
    )
    assert status == 202
    assert await net.inbox_row(A, R, said["accepted"]) == ("done", None)
    after = await row(net, A, R)
    assert (after.state, after.purposes, after.terms) == (
        "trusted",
        before.purposes,
        before.terms,
    )


async def test_a_decision_gives_no_more_than_was_asked_for(tmp_path):
    """A asks B for admission; B's answer names more, and a quota of its own."""
    async with running(tmp_path, A, B) as net:
        await net.nodes[B].worker.stop()
        await net.write(
            A,
            peering.introduce,
            did=net.did(B),
            purposes=("admission",),
            at=net.clock(),
        )

        async def came():
            rows = await net.rows(B, "inbox", "id", "type")
            return rows[0].id if rows else None

        thread = await until(came)
        # B has to know A before it may answer.
        await net.nodes[B].worker.start()
        await until(lambda: net.is_in(A, B, "trusted"))
        before = await row(net, A, B)
        body = {
            "decision": "accepted",
            "terms": {
                "roles": ["requester"],
                "purposes": ["admission", "employment", PURPOSE],
                "max_queries_per_day": 1_000_000,
            },
            "basis": [],
        }
        status, said = await net.tell(B, A, "peer/decision", body, thid=thread)
        assert status == 202
        assert await net.inbox_row(A, B, said["accepted"]) == ("done", None)
        after = await row(net, A, B)
        assert after.purposes == before.purposes == ["admission"]
        assert after.terms == before.terms
        assert after.their_terms["decision"]["max_queries_per_day"] == 1_000_000


async def test_a_refusal_is_told(tmp_path):
    async with running(tmp_path, A, EMPLOYER) as net:
        await net.write(
            EMPLOYER,
            peering.introduce,
            did=net.did(A),
            purposes=("employment",),
            at=net.clock(),
        )
        await until(lambda: net.is_in(A, EMPLOYER, "pending"))
        await decide(net, A, EMPLOYER, "refused")
        await until(lambda: net.is_in(EMPLOYER, A, "ended"))
        with pytest.raises(UnexpectedMessageError):
            await decide(net, A, EMPLOYER, "resumed")
        with pytest.raises(UnexpectedMessageError):
            await decide(net, A, EMPLOYER, "promoted")


async def test_no_basis_is_no_chain():
    assert not Checked().complete


async def test_two_that_introduce_themselves_to_each_other(tmp_path, caplog):
    """The second introduction finds trust, and is told what was agreed."""
    async with running(tmp_path, A, B) as net:
        await net.introduce(B, A, "admission")
        ours, theirs = await row(net, A, B), await row(net, B, A)
        assert ours.terms["max_queries_per_day"] == 200
        assert theirs.terms["max_queries_per_day"] == 200

        thread = await net.write(
            A,
            peering.introduce,
            did=net.did(B),
            purposes=("admission",),
            at=net.clock(),
        )

        assert await net.inbox_row(B, A, thread) == ("done", None)
        assert "acting failed" not in caplog.text


async def test_what_waited_for_the_council_is_accepted_when_it_is_back(tmp_path):
    """Nobody needs to act on a chain that could not be seen for a while."""
    async with running(tmp_path, A, R) as net:
        await net.stop("accreditor")
        await net.write(
            R, peering.introduce, did=net.did(A), purposes=(PURPOSE,), at=net.clock()
        )
        await until(lambda: net.is_in(A, R, "pending"))
        assert (await row(net, A, R)).reason
        await net.start("accreditor")
        net.clock.ahead += timedelta(minutes=11)

        await until(lambda: net.is_in(R, A, "trusted"))
        found = await row(net, A, R)
        assert (found.state, found.purposes, found.reason) == (
            "trusted",
            [PURPOSE],
            None,
        )
        assert found.basis


async def test_who_was_accepted_trusts_in_turn_when_the_council_is_back(tmp_path):
    async with running(tmp_path, A, R) as net:
        await net.stop("accreditor")
        await net.write(
            R, peering.introduce, did=net.did(A), purposes=(PURPOSE,), at=net.clock()
        )
        await until(lambda: net.is_in(A, R, "pending"))
        await decide(net, A, R, "accepted", PURPOSE)
        await until(lambda: net.is_in(R, A, "pending"))
        await net.start("accreditor")
        net.clock.ahead += timedelta(minutes=11)

        await until(lambda: net.is_in(R, A, "trusted"))
        assert (await row(net, R, A)).purposes == [PURPOSE]
