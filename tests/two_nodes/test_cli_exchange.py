"""What goes between nodes, from a shell, beside the running nodes."""

import json

import pytest
from exchange_net import DIPLOMA, PURPOSE, A, B, R, by_grant, running, until

from node.cli.parser import invoke
from node.services import peering
from node.store import credentials

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
COUNCIL = "accreditor"


@pytest.fixture
def lrx(capsys):
    """Run a command on a node; return exit status and what it said."""

    async def run(net, key, *words):
        config = ["--config", str(net.world.file(key))] if key else []
        status = await invoke([*config, *map(str, words)])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


async def exchanged(net):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    await net.receipted(thread)
    return person, granted, thread, await net.delivery(R, thread)


async def test_peers_are_listed(net, lrx):
    status, said = await lrx(net, A, "peers", "list", "--json")
    rows = {row["did"]: row for row in json.loads(said)}
    assert status == 0
    assert rows[str(net.did(R))]["state"] == "trusted"
    assert rows[str(net.did(R))]["purposes"] == [PURPOSE]
    status, said = await lrx(net, A, "peers", "list")
    assert "trusted" in said


async def test_two_nodes_meet_by_commands(tmp_path, lrx):
    async with running(tmp_path, A, "employer") as net:
        did, ours = str(net.did("employer")), str(net.did(A))
        words = ("peers", "introduce", ours, "--purpose", "employment")
        assert (await lrx(net, "employer", *words))[0] == 0
        await until(lambda: net.is_in(A, "employer", "pending"))
        status, said = await lrx(net, A, "peers", "list")
        assert "pending" in said
        words = ("peers", "decide", did, "accepted", "--purpose", "employment")
        assert (await lrx(net, A, *words))[0] == 0
        status, said = await lrx(net, "employer", "peers", "trust", ours, "--wait", "9")
        assert (status, said.strip()) == (0, f"{ours}: trusted")
        status, said = await lrx(net, A, "peers", "decide", did, "resumed")
        assert status == 3
        assert "not expected" in said
        status, said = await lrx(net, A, "peers", "introduce", "did:web:nowhere.test")
        assert status == 3
        assert "could not be resolved" in said
        # Who has a chain is trusted without anybody's hand.
        words = ("peers", "introduce", str(net.did(COUNCIL)), "--wait", "0.3")
        assert (await lrx(net, A, *words))[0] in {0, 2}


async def test_a_query_is_asked_and_answered(net, lrx, tmp_path):
    person = await net.add_person()
    granted = await net.grant(person)
    file = tmp_path / "dcql.json"
    file.write_text(json.dumps(DIPLOMA))
    target = str(net.did(A))

    status, said = await lrx(
        *(net, R, "query", target, "--dcql", file, "--grant", granted.code)
    )

    assert status == 0
    await net.receipted(said.strip())
    status, said = await lrx(
        *(net, R, "query", target, "--dcql", file, "--family-name", person.family),
        *("--given-name", "aiko", "--birth-date", "2003-05-14", "--text", "why"),
        *("--student-number", person.number),
    )
    assert await net.comes_to(said.strip(), "consent-pending")
    for words, problem in (
        (("query", target, "--dcql", file), "name the learner"),
        (("query", target, "--dcql", tmp_path / "no", "--grant", "x"), "No such file"),
        (("query", "did:web:x.test", "--dcql", file, "--grant", "x"), "no such peer"),
    ):
        status, said = await lrx(net, R, *words)
        assert status in {2, 3}
        assert problem in said


async def test_consents_are_shown_and_withdrawn(net, lrx):
    person, granted, thread, _ = await exchanged(net)
    status, said = await lrx(net, A, "consent", "list", person.number, "--json")
    assert status == 0, said
    assert json.loads(said)[0]["id"] == granted.consent_id
    status, said = await lrx(net, A, "consent", "show", granted.consent_id)
    assert json.loads(said)["terms"]["policy"]["type"] == "Agreement"
    status, said = await lrx(net, A, "consent", "withdraw", granted.consent_id)
    assert status == 0

    async def deleted():
        return (await net.delivery(R, thread)).state == "deleted"

    await until(deleted)
    for action in ("show", "withdraw"):
        status, said = await lrx(net, A, "consent", action, "f" * 32)
        assert (status, "there is no consent" in said) == (2, True)


async def test_evidence_is_exported_and_verified(net, lrx, tmp_path):
    _, _, _, delivery = await exchanged(net)
    pack = tmp_path / "pack.zip"
    words = ("evidence", "export", delivery.id, "--output", pack)
    status, said = await lrx(net, R, *words)
    assert status == 0, said
    status, said = await lrx(net, None, "evidence", "verify", pack)
    assert status == 0, said
    assert "the pack proves the delivery" in said
    status, said = await lrx(net, None, "evidence", "verify", pack, "--json")
    assert json.loads(said)["ok"]
    octets = bytearray(pack.read_bytes())
    octets[len(octets) // 3] ^= 1
    pack.write_bytes(octets)
    status, said = await lrx(net, None, "evidence", "verify", pack)
    assert status == 1, said
    status, said = await lrx(net, None, "evidence", "verify", tmp_path / "none.zip")
    assert status == 3
    # Only who received it can export it, and only while it is there.
    status, said = await lrx(net, A, *words)
    assert (status, "no such delivery" in said) == (3, True)


async def test_the_log_is_verified_and_listed(fresh, lrx):
    net = fresh
    await exchanged(net)
    for key in (A, R):
        status, said = await lrx(net, key, "audit", "verify")
        assert (status, "as they were written" in said) == (0, True)
    status, said = await lrx(net, A, "audit", "list", "--limit", 5)
    lines = [json.loads(line) for line in said.splitlines()]
    assert (status, len(lines)) == (0, 5)
    assert lines[-1]["kind"] in {"receipt", "message-received", "dispatch"}


async def test_a_credential_is_verified_live_and_from_the_archive(net, lrx, tmp_path):
    person, _, _, _ = await exchanged(net)
    node = net.nodes[A]
    (held,) = await node.store.read(
        credentials.current, vault=node.context.vault, learner_id=person.id
    )
    file = tmp_path / "diploma.sd-jwt"
    file.write_bytes(
        held.sd_jwt if isinstance(held.sd_jwt, bytes) else held.sd_jwt.encode()
    )
    status, said = await lrx(net, R, "verify", file, "--json")
    assert (status, json.loads(said)["overall"]) == (0, "valid"), said
    home = net.world.home(R)
    status, said = await lrx(net, None, "verify", file, "--data", home)
    assert status == 0, said
    status, said = await lrx(
        *(net, None, "verify", file, "--data", home, "--at", "2019-01-01"),
        *("--policy", "recognition"),
    )
    assert (status, "lies outside" in said) == (1, True), said
    status, said = await lrx(net, None, "verify", file, "--data", net.world.home(B))
    assert status in {0, 2}


async def test_statements_are_issued_kept_and_taken_back(tmp_path, lrx):
    async with running(tmp_path / "net", A, R) as net:
        did = str(net.did(A))
        out = tmp_path / "statement.jwt"
        words = ["accredit", "issue", "institution", did, "--legal-name", "A"]
        words += ["--country", "JP", "--since", "2030-01-01", "--until"]
        status, said = await lrx(net, COUNCIL, *words, "2029-01-01")
        assert (status, "--until must lie after" in said) == (2, True)
        assert (await lrx(net, COUNCIL, *words, "2031-01-01", "--output", out))[0] == 0
        status, said = await lrx(net, COUNCIL, "accredit", "list", "--json")
        newest = json.loads(said)[-1]
        assert (newest["subject"], newest["revoked"]) == (did, None)
        assert (await lrx(net, A, "accredit", "keep", out))[0] == 0
        assert (await lrx(net, A, "accredit", "keep", tmp_path / "none"))[0] == 2
        status, said = await lrx(net, COUNCIL, "accredit", "revoke", newest["id"])
        assert status == 0
        status, said = await lrx(net, COUNCIL, "accredit", "revoke", newest["id"])
        assert status == 3
        status, said = await lrx(net, COUNCIL, "accredit", "list")
        assert "revoked" in said


async def test_a_revoked_accreditation_makes_no_chain(tmp_path, lrx):
    """What an introduction stands on is looked at, status and all."""
    async with running(tmp_path, A, R) as net:
        _, said = await lrx(net, COUNCIL, "accredit", "list", "--json")
        for one in json.loads(said):
            await lrx(net, COUNCIL, "accredit", "revoke", one["id"])
        await net.write(
            A,
            peering.introduce,
            did=net.did(R),
            purposes=("admission",),
            at=net.clock(),
        )
        await until(lambda: net.is_in(R, A, "pending"))
        _, said = await lrx(net, R, "peers", "list", "--json")
        (row,) = json.loads(said)
        assert "revoked" in row["reason"]
        assert row["basis"] == []


async def test_doctor_looks_at_a_running_node(net, lrx):
    status, said = await lrx(net, A, "doctor", "--json")
    found = {check["name"]: check["state"] for check in json.loads(said)}
    assert status == 0
    assert {found[name] for name in ("keys", "database", "did", "tls", "trust")} == {
        "ok"
    }
