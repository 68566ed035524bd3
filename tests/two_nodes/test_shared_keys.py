"""A peer that signs its requests and its credentials with one key is none."""

from datetime import timedelta

import pytest
from exchange_net import PURPOSE, A, R, running, until

from node import identity
from node.cli.parser import invoke
from node.services import peering
from protocol.exchange import did_log

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


def give_the_message_key_a_second_job(net, key):
    """Publish a DID document in which the message key makes credentials, too."""
    keys = net.world.home(key) / "keys"
    did = net.did(key)
    history, log = identity.read_log(keys, did)
    document = history.current().as_dict()
    document["assertionMethod"].append(document["authentication"][0])
    successor = identity.read_key(keys, "update").verification_key.multikey()
    longer = did_log.append(
        log,
        document=document,
        update_key=identity.read_key(keys, "next"),
        next_key_hashes=[did_log.next_key_hash(successor)],
        at=history.versions[-1].at + timedelta(seconds=1),
    )
    (net.world.home(key) / identity.LOG_FILE).write_bytes(longer)


async def test_a_stranger_with_such_a_key_is_refused_and_told_why(tmp_path):
    async with running(tmp_path, A, R) as net:
        await net.stop(R)
        give_the_message_key_a_second_job(net, R)
        await net.start(R)

        await net.write(
            R, peering.introduce, did=net.did(A), purposes=[PURPOSE], at=net.clock()
        )

        async def told():
            rows = await net.rows(R, "outbox", "type", "problem")
            return [problem for _, problem in rows if problem]

        (problem,) = await until(told)
        assert problem.startswith("403 e.m.trust.role")
        assert "#sig-1 is used for authentication" in problem
        assert await net.count(A, "inbox", "peer") == [0, 0]


async def test_who_was_trusted_is_refused_as_soon_as_it_is_known(fresh):
    net = fresh
    await net.stop(A)
    give_the_message_key_a_second_job(net, R)
    await net.start(A)
    # R is served anew and A looks at its log for the first time since it started.
    await net.stop(R)
    await net.start(R)
    status, said = await net.tell(
        R, A, "record/status", {"state": "closed", "outcome": "unavailable"}
    )
    assert (status, said["code"]) == (403, "e.m.trust.role")
    assert "two jobs" in said["detail"]


async def test_nothing_is_sent_to_such_a_peer(fresh, capsys):
    net = fresh
    await net.stop(R)
    give_the_message_key_a_second_job(net, A)
    await net.stop(A)
    await net.start(A)
    await net.start(R)
    outcome = await net.nodes[R].worker.sender.send(net.did(A), b"{}", sent="")
    assert (outcome.status, outcome.code) == (0, "unreachable")
    assert "two jobs" in outcome.detail
    words = ["--config", str(net.world.file(R)), "peers", "introduce", str(net.did(A))]
    assert await invoke(words) == 2
    assert "a key has two jobs" in capsys.readouterr().err
