"""What anyone may read of a node, and how the node reads it of others."""

import json
from datetime import timedelta

import pytest
from exchange_net import A, R, by_grant, raw, until

from node import identity
from node.fetch import DOCUMENT
from node.ledger import Ledger
from node.registry import NEGATIVE_LIFETIME, Archive, Live, read_history
from node.services.delivering import Circuit
from node.services.proving import problems
from protocol.credentials import status_lists
from protocol.errors import DidError
from protocol.exchange import did_log
from protocol.exchange.merkle_log import Checkpoint, Tree
from protocol.identity.dids import Did, DidUrl
from protocol.securing import data_integrity, jose

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]
COUNCIL = "accreditor"
KEY = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"


async def get(net, key, path, host=None):
    host = host or net.world.settings[key].authority
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    return await raw(net, key, request.encode())


async def test_the_did_is_served_in_both_forms(net):
    did = net.did(A)
    log = await get(net, A, "/.well-known/did.jsonl")
    assert (log.status, log.headers["content-type"]) == (200, "text/jsonl")
    assert did_log.read(did, log.body).current().id == did
    web = json.loads((await get(net, A, "/.well-known/did.json")).body)
    assert web["id"] == "did:web:uni-a.test"
    assert str(did) in web["alsoKnownAs"]


async def test_one_process_serves_the_council_by_its_name(net):
    council = net.world.settings["council"]
    log = await get(net, COUNCIL, "/.well-known/did.jsonl", council.authority)
    assert did_log.read(council.did, log.body).current().id == council.did
    own = await get(net, COUNCIL, "/.well-known/did.jsonl")
    assert own.body != log.body
    for host in ("elsewhere.test", ""):
        answer = await get(net, COUNCIL, "/.well-known/did.jsonl", host or " ")
        assert answer.status in {400, 421}


async def test_the_profile_is_signed_and_says_what_is_there(net):
    answer = await get(net, A, "/.well-known/lrx")
    token = jose.read(answer.body.decode(), "lrx-profile+jwt")
    key = net.context(A).identity.message_key.verification_key
    assert jose.verify(token, key)
    assert token.claims["iss"] == str(net.did(A))
    assert token.claims["test"] is True
    assert token.claims["inbox"] == {
        "max_bytes": 262144,
        "max_in_flight": 16,
        "modes": ["push"],
    }
    assert answer.body == await net.nodes[R].registry.profile(net.did(A))


async def test_status_lists_are_signed_and_large(net):
    await net.add_person()
    (name, *_) = [row.id for row in await net.rows(A, "status_list", "id")]
    answer = await get(net, A, f"/status/{name}")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/vc")
    document = json.loads(answer.body)
    key = net.context(A).identity.eddsa.verification_key
    assert data_integrity.verify(document, key)
    encoded = document["credentialSubject"]["encodedList"]
    assert len(status_lists.decode(encoded)) * 8 >= 131_072
    for path in ("/status/none", "/status/", "/status/1/2", "/status/%2e%2e"):
        assert (await get(net, A, path)).status == 404


async def test_the_log_can_be_followed(net):
    await net.receipted(
        await net.ask(by_grant((await net.grant(await net.add_person())).code))
    )
    note = await get(net, A, "/log/checkpoint")
    key = net.context(A).identity.log_key.verification_key
    head = Checkpoint.open(note.body, origin="uni-a.test/log", key=key)
    if head.size < 256:
        tile = await get(net, A, f"/log/tile/0/000.p/{head.size}")
        assert tile.status == 200
        assert len(tile.body) == 32 * head.size
        leaves = [tile.body[n : n + 32] for n in range(0, len(tile.body), 32)]
        assert Tree(leaves).root() == head.root
    for path in ("0/999", "entries/000", "x", "0/../0/000", "9/000"):
        assert (await get(net, A, f"/log/tile/{path}")).status == 404
    for key in (A, R):
        node = net.nodes[key]
        found = await node.store.read(
            problems, context=node.context, ledger=Ledger.of(node.context)
        )
        assert found == []


async def test_health_metrics_and_description(net):
    assert json.loads((await get(net, A, "/health/live")).body) == {"status": "live"}
    assert json.loads((await get(net, A, "/health/ready")).body) == {"status": "ready"}
    assert b"lrx_messages_acted_total" in (await get(net, A, "/metrics")).body
    assert json.loads((await get(net, A, "/openapi.json")).body)["openapi"]
    text = (await get(net, A, "/.well-known/security.txt")).body.decode()
    assert "Contact: mailto:" in text
    assert "Expires: 20" in text


async def test_what_is_not_there_is_a_problem_document(net):
    for path, status in (("/nothing", 404), ("/lrx/1/inbox", 405), ("/lrx/1/x", 404)):
        answer = await get(net, A, path)
        assert answer.status == status
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert json.loads(answer.body)["status"] == status


async def test_a_fault_of_ours_tells_nothing(net, monkeypatch, caplog):
    async def broken(*_, **__):
        raise RuntimeError("a secret of the operator")

    monkeypatch.setattr(type(net.nodes[A].store), "read", broken)
    answer = await get(net, A, "/status/1")
    monkeypatch.undo()
    assert (answer.status, answer.code) == (500, "e.p.internal")
    assert b"secret" not in answer.body


# --- how a DID is resolved


def second_version(net, key):
    """Return a log of `key` with one entry more, its message key unchanged."""
    folder = net.world.home(key) / "keys"
    log = (net.world.home(key) / identity.LOG_FILE).read_bytes()
    document = did_log.read(net.did(key), log).current().as_dict()
    following = identity.read_key(folder, "update").verification_key.multikey()
    return log, did_log.append(
        log,
        document=document,
        update_key=identity.read_key(folder, "next"),
        next_key_hashes=[did_log.next_key_hash(following)],
        at=net.clock(),
    )


def serve(net, key, log):
    object.__setattr__(net.context(key).identity, "log", log)


async def test_a44_a_log_that_got_shorter_is_an_alarm(fresh):
    net = fresh
    registry, did = net.nodes[R].registry, net.did(A)
    later = NEGATIVE_LIFETIME + timedelta(seconds=1)
    net.clock.ahead += later
    first, second = second_version(net, A)
    serve(net, A, second)
    assert len((await registry.history(did, fresh=True)).versions) == 2

    serve(net, A, first)
    net.clock.ahead += later
    with pytest.raises(DidError):
        await registry.history(did, fresh=True)
    archived = await Archive(net.nodes[R].store, net.clock()).history(did)
    assert len(archived.versions) == 2


async def test_a44_a_log_with_another_history_is_an_alarm(fresh):
    net = fresh
    registry, did = net.nodes[R].registry, net.did(A)
    later = NEGATIVE_LIFETIME + timedelta(seconds=1)
    net.clock.ahead += later
    _, second = second_version(net, A)
    serve(net, A, second)
    await registry.history(did, fresh=True)
    net.clock.ahead += later
    _, other = second_version(net, A)
    assert other != second
    serve(net, A, other)
    with pytest.raises(DidError):
        await registry.history(did, fresh=True)


@pytest.mark.parametrize(
    "log", [b"", b"not a log", b"{}\n", b"\xff\xfe", b"[" * 10_000]
)
async def test_a44_what_is_no_log_of_the_did(fresh, log):
    net = fresh
    serve(net, A, log)
    net.clock.ahead += timedelta(hours=2)
    with pytest.raises(DidError):
        await net.nodes[R].registry.history(net.did(A))


async def test_a_failure_is_remembered_for_a_moment(fresh):
    net = fresh
    registry = net.nodes[R].registry
    unknown = Did(str(net.did(A)).replace("uni-a.test", "nowhere.test"))
    for _ in range(2):
        with pytest.raises(DidError):
            await registry.history(unknown)
    with pytest.raises(DidError):
        await registry.status_list("https://nowhere.test/status/1")
    with pytest.raises(DidError):
        await registry.status_list("https://nowhere.test/status/1")
    with pytest.raises(DidError):
        await registry.history(Did("did:example:123"))


async def test_asking_anew_again_and_again_fetches_once(fresh):
    """Whoever names unknown keys of a known peer makes nobody fetch its log."""
    net = fresh
    fetched = []
    registry = net.nodes[R].registry
    net.clock.ahead += timedelta(minutes=5)
    real = registry.fetcher.get

    async def get_(url, limit, **more):
        fetched.append(url)
        return await real(url, limit, **more)

    registry.fetcher.get = get_
    for _ in range(5):
        await registry.history(net.did(A), fresh=True)
    assert len(fetched) == 1


async def test_keys_need_no_network(net):
    for source in (
        net.nodes[R].registry,
        Live(net.nodes[R].fetcher, net.clock),
        Archive(net.nodes[R].store, net.clock()),
    ):
        assert (await source.history(Did(KEY))).current().id == KEY


async def test_live_keeps_nothing(net):
    live = Live(net.nodes[R].fetcher, net.clock)
    assert (await live.history(net.did(A))).current().id == net.did(A)
    await net.add_person()
    (name, *_) = [row.id for row in await net.rows(A, "status_list", "id")]
    assert await live.status_list(f"https://uni-a.test/status/{name}")


async def test_an_archive_says_what_it_lacks(net):
    archive = Archive(net.nodes[R].store, net.clock())
    with pytest.raises(DidError, match="not in this archive"):
        await archive.history(Did("did:web:nowhere.test"))
    with pytest.raises(DidError, match="not in this archive"):
        await archive.status_list("https://nowhere.test/status/1")


async def test_a_did_web_document_is_about_itself(net):
    answer = await get(net, A, "/.well-known/did.json")
    did = Did("did:web:uni-a.test")
    history = read_history(did, answer.body, net.clock())
    key = history.current().key_for(DidUrl.of(did, "#sig-1"), "authentication")
    assert key
    with pytest.raises(DidError, match="another DID"):
        read_history(Did("did:web:uni-b.test"), answer.body, net.clock())
    with pytest.raises(DidError, match="over"):
        read_history(did, b" " * 65_537, net.clock())
    with pytest.raises(DidError):
        read_history(did, b'{"id":1,"id":2}', net.clock())


async def test_an_endless_document_is_not_read(net):
    with pytest.raises(DidError):
        await net.nodes[R].fetcher.get("https://uni-a.test/nothing", DOCUMENT)


async def test_a_peer_that_is_gone_is_tried_later(fresh):
    """The circuit opens after five failures; the peer is left alone for a while."""
    net = fresh
    await net.stop(R)
    node = net.nodes[A]
    circuit = node.worker._circuits.setdefault(net.peer(R), Circuit())  # noqa: SLF001
    for _ in range(5):
        circuit.failed(net.clock(), 600)
    assert circuit.is_open(net.clock())
    await net.start(R)
    thread = await net.ask({"match": "grant", "grant": "X"}, purpose="employment")

    async def refused_is_queued():
        rows = await net.rows(A, "outbox", "type", "state", "attempts")
        return [tuple(r) for r in rows if r.type == "report-problem"]

    assert await until(refused_is_queued) == [("report-problem", "queued", 0)]
    net.clock.ahead += timedelta(minutes=11)
    await net.settles(thread, "refused e.m.msg.purpose-not-agreed")
