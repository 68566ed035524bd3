"""The keystore: what is not safe does not start."""

import json
import shutil
import sqlite3

import pytest

from node import identity
from node.app import Running
from node.cli.parser import invoke
from node.founding import Plan, create_node
from node.identity import JOBS, KeystoreError, create_keystore, load, read_key
from node.settings import load as load_settings
from node.store.engine import StoreError, open_store
from protocol.identity.keys import LocalSigningKey

PLAN = Plan(
    "uni-a.test",
    {"en": "Sample University"},
    "JP",
    ("source",),
    "mailto:lrx@uni-a.test",
    "Sample University",
    ("JP-APPI",),
    {
        "listen": "127.0.0.1:0",
        "portal_listen": "127.0.0.1:0",
        "test": {"names": {"uni-a.test": "127.0.0.1:8101"}},
    },
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return create_node(tmp_path_factory.mktemp("made") / "home", PLAN).parent


@pytest.fixture
def home(made, tmp_path):
    """A copy of a home, with the modes of its files."""
    return shutil.copytree(made, tmp_path / "home")


def refused(home):
    did = load_settings(home / "node.toml").did
    with pytest.raises(KeystoreError) as error:
        load(home / "keys", did)
    return str(error.value)


def test_each_job_has_a_file_of_its_own(home):
    assert {f.stem for f in (home / "keys").iterdir()} == set(JOBS)
    keys = load(home / "keys", load_settings(home / "node.toml").did)
    texts = [(home / "keys" / f"{job}.json").read_text() for job in JOBS]
    assert len(set(texts)) == len(JOBS)
    assert keys.message_kid.fragment == "sig-1"
    assert keys.vault == bytes.fromhex(json.loads(texts[-1])["k"])


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620, 0o601])
@pytest.mark.parametrize("job", ["message", "encryption", "vault", "log"])
def test_a_key_others_can_read_stops_the_node(home, job, mode):
    (home / "keys" / f"{job}.json").chmod(mode)
    said = refused(home)
    assert f"{job}.json" in said
    assert f"{mode:04o}" in said
    assert "rotate" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"kty":"OKP"}',
        '"x"',
        '{"kty":"OKP","crv":"Ed25519","d":"AA"}',
    ],
)
@pytest.mark.parametrize("job", ["message", "encryption", "vault"])
def test_a_damaged_key_is_named(home, job, text):
    (home / "keys" / f"{job}.json").write_text(text)
    assert job in refused(home)


@pytest.mark.parametrize("job", [job for job in JOBS if job not in {"update", "next"}])
def test_a_missing_key_is_named(home, job):
    (home / "keys" / f"{job}.json").unlink()
    assert f"{job}.json" in refused(home)


def test_update_and_next_may_lie_in_a_safe(home):
    for job in ("update", "next"):
        (home / "keys" / f"{job}.json").unlink()
    assert load(home / "keys", load_settings(home / "node.toml").did)


@pytest.mark.parametrize("job", ["message", "credential-eddsa", "credential-es256"])
def test_a_key_that_is_not_in_the_did_document(home, job):
    algorithm = "ES256" if job.endswith("es256") else "EdDSA"
    other = LocalSigningKey.generate(algorithm).private_jwk()
    (home / "keys" / f"{job}.json").write_text(json.dumps(other))
    assert "is not the one in the keystore" in refused(home)


def test_a_log_that_is_missing_or_another(home, tmp_path):
    log = home / identity.LOG_FILE
    other = create_node(tmp_path / "other", PLAN).parent
    shutil.copy(other / identity.LOG_FILE, log)
    assert "does not belong to" in refused(home)
    log.unlink()
    assert identity.LOG_FILE in refused(home)


def test_a_keystore_is_never_overwritten(home):
    with pytest.raises(KeystoreError, match="never overwritten"):
        create_keystore(home / "keys")


def test_a_key_is_read_by_its_job(home):
    key = read_key(home / "keys", "log")
    assert key.algorithm == "EdDSA"


async def served(home, capsys):
    status = await invoke(["--config", str(home / "node.toml"), "serve"])
    return status, capsys.readouterr().err


async def test_serve_says_which_key_and_ends(home, capsys):
    (home / "keys" / "message.json").chmod(0o644)
    status, said = await served(home, capsys)
    assert status == 2
    assert "message.json has mode 0644" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "statement",
    [
        "drop trigger dispatch_gate",
        "drop trigger release_gate",
        "drop trigger consent_fsm",
        "drop view clock",
    ],
)
async def test_a_gate_that_was_opened_does_not_start(home, statement, capsys):
    with sqlite3.connect(home / "node.db") as raw:
        raw.execute(statement)
    raw.close()
    settings = load_settings(home / "node.toml")
    with pytest.raises(StoreError, match="not those of this release"):
        await open_store(settings.store_url)
    with pytest.raises(StoreError):
        await Running.start(settings)
    status, said = await served(home, capsys)
    assert status == 2
    assert "not those of this release" in said


async def test_a_rule_that_was_made_weaker_does_not_start(home):
    with sqlite3.connect(home / "node.db") as raw:
        raw.execute("drop trigger dispatch_gate")
        raw.execute(
            "create trigger dispatch_gate before insert on dispatch when 0"
            " begin select raise(abort,'never'); end"
        )
    raw.close()
    with pytest.raises(StoreError):
        await open_store(load_settings(home / "node.toml").store_url)


async def test_no_database_is_no_node(home, capsys):
    (home / "node.db").unlink()
    status, said = await served(home, capsys)
    assert status == 2
    assert "lrx migrate" in said


async def test_a_node_starts_and_stops(home):
    node = await Running.start(load_settings(home / "node.toml"))
    assert node.context.did.domain == "uni-a.test"
    await node.stop()
