"""The VC API of a real node: its own keys, a token, its log."""

import asyncio
import json
import secrets
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

from node import contexts
from node.app import vc_api_of
from node.cli.parser import invoke
from node.context import system_clock
from node.fetch import Fetcher
from node.founding import Plan, create_node
from node.handle import opened_at
from node.ledger import Ledger
from node.linked_data import LinkedData
from node.registry import Registry
from node.settings import SettingsError, load, read_token
from node.store import audit
from node.web.public import Site
from node.web.vc_api import build_vc_api
from protocol.errors import UnknownContextError
from protocol.linked_data.rdf import quads_of

TEST = {"names": {"uni-a.test": "127.0.0.1:8101"}}


def home(folder, **listener):
    more = {"test": TEST, "vc_api": {"listen": "127.0.0.1:0"} | listener}
    plan = Plan(
        "uni-a.test",
        {"en": "Sample University"},
        "JP",
        ("source", "issuer"),
        "mailto:lrx@uni-a.test",
        "Sample University",
        ("JP-APPI",),
        more,
    )
    return load(create_node(folder / "home", plan))


def token_in(folder, mode=0o600, text=None):
    file = folder / "token"
    file.write_text(text or secrets.token_hex(32))
    file.chmod(mode)
    return file


@pytest.fixture
async def opened(tmp_path, aiohttp_client):
    settings = home(tmp_path, token_file=token_in(tmp_path))
    async with opened_at(settings) as node:
        site = Site(node.context, node.store, Ledger.of(node.context))
        own = {str(node.context.did): node.context.identity.log}
        fetcher = Fetcher()
        registry = Registry(node.store, fetcher, system_clock, own)
        app = build_vc_api(vc_api_of(site, registry, LinkedData()))
        yield await aiohttp_client(app), site, settings
        await fetcher.close()


async def test_it_signs_with_its_own_key_and_notes_it(opened):
    client, site, settings = opened
    credential = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": str(site.context.did),
        "credentialSubject": {"name": "Alice"},
    }
    shown = {"Authorization": f"Bearer {read_token(settings.vc_api.token_file)}"}
    path = "/vc-api/issuers/eddsa-jcs-2022/credentials/issue"
    refused = await client.post(path, json={"credential": credential})
    assert refused.status == 401
    before = await site.store.read(audit.size)
    answer = await client.post(path, json={"credential": credential}, headers=shown)
    assert answer.status == 201
    value = (await answer.json())["verifiableCredential"]
    assert value["proof"]["verificationMethod"] == site.context.identity.eddsa_kid
    assert await site.store.read(audit.size) == before + 1

    checked = await client.post(
        "/vc-api/credentials/verify", json={"verifiableCredential": value}
    )
    assert (checked.status, (await checked.json())["verified"]) == (200, True)


async def test_it_signs_nothing_where_no_token_is_set(tmp_path, aiohttp_client):
    async with opened_at(home(tmp_path)) as node:
        site = Site(node.context, node.store, Ledger.of(node.context))
        registry = Registry(node.store, Fetcher(), system_clock)
        api = vc_api_of(site, registry, LinkedData())
        assert api.issuers == {}
        client = await aiohttp_client(build_vc_api(api))
        answer = await client.post("/vc-api/credentials/issue", json={})
        assert answer.status == 404


def test_only_a_test_network_may_sign_for_anybody(tmp_path):
    settings = home(tmp_path, without_token=True)
    assert settings.vc_api.without_token
    file = settings.home / "node.toml"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(one for one in lines if not one.startswith("test = ")))
    with pytest.raises(SettingsError, match="without_token"):
        load(file)


def test_a_token_that_is_none_stops_the_node(tmp_path):
    for file in (
        tmp_path / "nowhere",
        token_in(tmp_path, mode=0o644),
        token_in(tmp_path, text="secret"),
    ):
        with pytest.raises(SettingsError, match=str(file)):
            read_token(file)
    assert json.dumps(read_token(token_in(tmp_path)))


@pytest.mark.slow
async def test_a_throw_away_node_tells_who_it_is_and_ends():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    lrx = Path(sys.executable).with_name("lrx")
    process = await asyncio.create_subprocess_exec(
        lrx, "serve", "--conformance", str(port), stdout=asyncio.subprocess.PIPE
    )
    dids = json.loads(await process.stdout.readline())
    assert {"ed25519", "p256", "p384"} <= set(dids)
    assert all(did.startswith("did:key:z") for did in dids.values())
    credential = {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": dids["ed25519"],
        "credentialSubject": {"name": "Alice"},
    }
    base = f"http://127.0.0.1:{port}/vc-api"
    async with aiohttp.ClientSession() as session:
        path = f"{base}/issuers/status/credentials/issue"
        async with session.post(path, json={"credential": credential}) as answer:
            assert answer.status == 201
            value = (await answer.json())["verifiableCredential"]
        body = {"verifiableCredential": value}
        async with session.post(f"{base}/credentials/verify", json=body) as answer:
            assert (answer.status, (await answer.json())["verified"]) == (200, True)
    process.terminate()
    assert await process.wait() == 0


async def test_a_context_is_added_for_a_throw_away_node_only(tmp_path, capsys):
    file = tmp_path / "more.jsonld"
    file.write_text('{"@context": {"more": "https://more.example/#more"}}')
    stated = f"https://more.example/v1={file}"
    assert await invoke(["serve", "--context", stated]) == 2
    assert "pinned" in capsys.readouterr().err
    command = ["serve", "--conformance", "1", "--context"]
    assert await invoke([*command, f"https://more.example/v1={tmp_path}"]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_an_added_context_gives_terms_a_meaning_and_changes_none():
    document = {
        "@context": ["https://www.w3.org/ns/credentials/v2", "https://more.example/v1"],
        "type": ["VerifiableCredential"],
        "more": "x",
    }
    pinned = contexts.vocabulary().contexts["https://www.w3.org/ns/credentials/v2"]
    text = b'{"@context": {"more": "https://more.example/#more"}}'
    with pytest.raises(UnknownContextError):
        quads_of(document, contexts.vocabulary())
    try:
        contexts.add("https://more.example/v1", text)
        contexts.add("https://www.w3.org/ns/credentials/v2", text)
        vocabulary = contexts.vocabulary()
        assert len(quads_of(document, vocabulary)) == 2
        assert vocabulary.contexts["https://www.w3.org/ns/credentials/v2"] == pinned
    finally:
        contexts._ADDED.clear()  # noqa: SLF001 - as a new process would begin
        contexts.vocabulary.cache_clear()
        contexts.hasty.cache_clear()
