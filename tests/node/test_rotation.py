"""New keys in the place of old ones: what counts then, and what still does."""

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from node import identity, rotation
from node.cli.parser import invoke
from node.context import NodeContext
from node.founding import Plan, create_node
from node.identity import KEPT, KeystoreError
from node.registry import Registry
from node.reloading import SETTLED, Reloader
from node.settings import load as load_settings
from node.store.engine import open_store
from node.store.sealed import Vault
from protocol.exchange import did_log
from protocol.identity.keys import LocalSigningKey

PLAN = Plan(
    "uni-a.test",
    {"en": "Sample University"},
    "JP",
    ("source",),
    "mailto:lrx@uni-a.test",
    "Sample University",
    ("JP-APPI",),
    {"test": {"names": {"uni-a.test": "127.0.0.1:8101"}}},
)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return create_node(tmp_path_factory.mktemp("made") / "home", PLAN).parent


@pytest.fixture
def home(made, tmp_path):
    return shutil.copytree(made, tmp_path / "home")


def did_of(home):
    return load_settings(home / "node.toml").did


def rotate(home, *jobs, after=timedelta(minutes=1), safe=None):
    keys = home / "keys"
    history, _ = identity.read_log(keys, did_of(home))
    at = history.versions[-1].at + after
    return rotation.rotate(keys, did_of(home), jobs, safe=safe or keys, at=at)


def retire(home, *jobs):
    keys = home / "keys"
    history, _ = identity.read_log(keys, did_of(home))
    at = history.versions[-1].at + timedelta(minutes=1)
    return rotation.retire(keys, did_of(home), jobs, safe=keys, at=at)


def history_of(home):
    return identity.read_log(home / "keys", did_of(home))[0]


def test_every_key_gets_a_successor_with_a_name_of_its_own(home):
    old = identity.load(home / "keys", did_of(home))

    change = rotate(home, *rotation.JOBS)

    new = identity.load(home / "keys", did_of(home))
    assert set(change.added) == {"sig-2", "cred-3", "cred-4", "enc-2"}
    assert change.removed == ("enc-1",)
    assert new.message_kid.fragment == "sig-2"
    assert new.names.credentials == ("#cred-3", "#cred-4")
    assert new.names.encryption == "#enc-2"
    assert new.message_key.verification_key != old.message_key.verification_key
    assert new.log_key == old.log_key
    assert new.vault == old.vault


def test_what_was_signed_before_still_verifies(home):
    old = identity.load(home / "keys", did_of(home))
    signed = old.eddsa.sign(b"a diploma"), old.es256.sign(b"a diploma")
    then = history_of(home).versions[-1].at + SECOND

    rotate(home, *rotation.JOBS)
    retire(home, *rotation.JOBS)

    history = history_of(home)
    for kid, signature in zip((old.eddsa_kid, old.es256_kid), signed, strict=True):
        key = history.at(then).key_for(kid, "assertionMethod")
        assert key.verify(signature, b"a diploma")
        assert history.current().key_for(kid, "assertionMethod") is None


def test_replaced_keys_stand_until_they_are_retired(home):
    old = identity.load(home / "keys", did_of(home))
    rotate(home, "message", "credential-eddsa")
    document = history_of(home).current()
    assert document.key_for(old.message_kid, "authentication")
    assert document.key_for(old.eddsa_kid, "assertionMethod")
    assert (home / "keys" / "message.json").exists()

    change = retire(home, *rotation.JOBS)

    assert set(change.removed) == {"sig-1", "cred-1"}
    assert set(change.destroyed) == {"message.json", "credential-eddsa.json"}
    assert not (home / "keys" / "message.json").exists()
    assert retire(home, *rotation.JOBS) is None


def test_a_rotation_ends_what_the_one_before_replaced(home):
    rotate(home, "message")
    change = rotate(home, "message")
    assert (change.added, change.removed) == (("sig-3",), ("sig-1",))
    assert change.destroyed == ("message.json",)


def test_only_the_named_jobs_change(home):
    old = identity.load(home / "keys", did_of(home))
    change = rotate(home, "credential-es256")
    new = identity.load(home / "keys", did_of(home))
    assert change.added == ("cred-3",)
    assert new.es256_kid.fragment == "cred-3"
    assert (new.eddsa, new.message_key) == (old.eddsa, old.message_key)
    assert new.decryption == old.decryption


def test_an_old_encryption_key_opens_for_sixty_days(home):
    did, keys = did_of(home), home / "keys"
    rotate(home, "encryption")
    left = history_of(home).versions[-1].at

    within = identity.load(keys, did, at=left + KEPT - SECOND)
    after = identity.load(keys, did, at=left + KEPT)

    assert {url.fragment for url in within.decryption} == {"enc-1", "enc-2"}
    assert {url.fragment for url in after.decryption} == {"enc-2"}
    document = history_of(home).current()
    assert [url.fragment for url in document.encryption_keys()] == ["enc-2"]
    change = rotate(home, after=KEPT)
    assert change.destroyed == ("encryption.json",)


def test_each_entry_is_signed_by_the_key_announced_before(home):
    keys = home / "keys"
    announced = identity.read_key(keys, "next").verification_key.multikey()

    change = rotate(home)

    assert (change.added, change.removed) == ((), ())
    entry = json.loads((home / identity.LOG_FILE).read_bytes().splitlines()[-1])
    assert entry["parameters"]["updateKeys"] == [announced]
    assert identity.read_key(keys, "update").verification_key.multikey() == announced
    successor = identity.read_key(keys, "next").verification_key.multikey()
    assert entry["parameters"]["nextKeyHashes"] == [did_log.next_key_hash(successor)]


def test_the_update_keys_may_lie_elsewhere(home, tmp_path):
    keys, safe = home / "keys", tmp_path / "stick"
    safe.mkdir()
    for name in ("update.json", "next.json"):
        shutil.move(keys / name, safe / name)
    with pytest.raises(KeystoreError, match="--update-keys"):
        rotate(home, "message")
    before = history_of(home)

    rotate(home, "message", safe=safe)

    assert len(history_of(home).versions) == len(before.versions) + 1
    assert {f.name for f in safe.iterdir()} == {"update.json", "next.json"}
    assert not (keys / "next.json").exists()


def test_a_refused_rotation_leaves_its_key_for_the_next(home, tmp_path):
    """The key was made before the stick was missed; no second one is made."""
    keys = home / "keys"
    shutil.move(keys / "next.json", tmp_path / "next.json")
    for _ in range(2):
        with pytest.raises(KeystoreError):
            rotate(home, "message")
    shutil.move(tmp_path / "next.json", keys / "next.json")
    rotate(home, "message")
    assert {f.name for f in keys.glob("message*")} == {"message.json", "message-2.json"}


def test_a_stolen_spent_key_changes_nothing(home):
    keys = home / "keys"
    rotate(home)
    log = (home / identity.LOG_FILE).read_bytes()
    spent = identity.read_key(keys, "update")
    document = history_of(home).current().as_dict()
    with pytest.raises(Exception, match="did not announce"):
        did_log.append(
            log,
            document=document,
            update_key=spent,
            next_key_hashes=[did_log.next_key_hash("z6Mk")],
            at=datetime.now(UTC) + timedelta(hours=1),
        )


def test_a_clock_that_is_behind_is_named(home):
    with pytest.raises(KeystoreError, match="set the clock"):
        rotate(home, "message", after=-timedelta(minutes=1))


def test_no_two_rotations_at_once(home):
    with (
        rotation._alone(home / "keys"),  # noqa: SLF001
        pytest.raises(KeystoreError, match="under way"),
    ):
        rotate(home, "message")


def test_a_key_nobody_announced_in_the_document_does_not_start(home):
    rotate(home, "message")
    other = LocalSigningKey.generate("EdDSA").private_jwk()
    for name in ("message.json", "message-2.json"):
        (home / "keys" / name).write_text(json.dumps(other))
    with pytest.raises(KeystoreError, match="is not the one in the keystore"):
        identity.load(home / "keys", did_of(home))


@pytest.mark.slow
def test_whoever_is_cut_off_has_changed_nothing_or_all(made, tmp_path):
    script = Path(__file__).with_name("rotation_cut.py")
    done = subprocess.run(  # noqa: S603
        [sys.executable, script, made, tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


class Clock:
    def __init__(self, at):
        self.at = at

    def __call__(self):
        return self.at


async def test_a_running_node_takes_new_keys_up(home):
    settings = load_settings(home / "node.toml")
    store = await open_store(settings.store_url)
    clock = Clock(history_of(home).versions[-1].at + timedelta(minutes=1))
    old = identity.load(home / "keys", settings.did)
    context = NodeContext(settings, old, Vault(old.vault), clock)
    registry = Registry(store, None, clock, {str(settings.did): old.log})
    told = []
    reloader = Reloader(context, registry, lambda: told.append(context.identity))
    assert not reloader.look()
    assert len((await registry.history(settings.did)).versions) == 1

    rotate(home, *rotation.JOBS)
    assert reloader.look()

    # Served and opened at once, signed with the old keys until the entry has settled.
    new = identity.load(home / "keys", settings.did)
    assert context.identity.log == new.log
    assert context.identity.decryption == new.decryption
    assert context.identity.message_kid == old.message_kid
    assert len((await registry.history(settings.did)).versions) == 2
    assert not reloader.look()
    clock.at += SETTLED
    assert reloader.look()
    assert context.identity == new
    assert not reloader.look()
    # Who signs with keys it was handed, as the VC API does, hears of the new ones.
    assert told[-1] == new
    await store.close()


async def test_a_key_that_went_is_not_used_a_second_longer(home):
    settings = load_settings(home / "node.toml")
    store = await open_store(settings.store_url)
    clock = Clock(history_of(home).versions[-1].at + timedelta(minutes=3))
    old = identity.load(home / "keys", settings.did)
    context = NodeContext(settings, old, Vault(old.vault), clock)
    reloader = Reloader(context, Registry(store, None, clock))
    rotate(home, "message")
    retire(home, "message")
    clock.at = history_of(home).versions[-1].at
    assert reloader.look()
    assert context.identity.message_kid.fragment == "sig-2"
    await store.close()


async def test_keys_that_cannot_be_read_leave_the_old_ones(home, caplog):
    settings = load_settings(home / "node.toml")
    store = await open_store(settings.store_url)
    old = identity.load(home / "keys", settings.did)
    context = NodeContext(settings, old, Vault(old.vault))
    reloader = Reloader(context, Registry(store, None, context.clock))
    (home / "keys" / "message.json").chmod(0o644)
    assert not reloader.look()
    assert not reloader.look()
    assert context.identity is old
    assert len(caplog.records) == 1
    assert "message.json has mode 0644" in caplog.text
    await store.close()


async def lrx(home, capsys, *words):
    status = await invoke(["--config", str(home / "node.toml"), "keys", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


async def test_the_command_lists_rotates_and_retires(home, capsys):
    status, out, _ = await lrx(home, capsys, "rotate", "message", "--json")
    assert status == 0
    assert json.loads(out)["added"] == ["sig-2"]
    status, out, _ = await lrx(home, capsys, "--json")
    states = {row["file"]: row["state"] for row in json.loads(out)["keys"]}
    assert states["message.json"] == "replaced"
    assert states["message-2.json"] == "in-use"
    assert (await lrx(home, capsys, "retire"))[0] == 0
    status, out, _ = await lrx(home, capsys, "retire")
    assert (status, out.strip()) == (0, "no replaced key stands in the DID document")
    status, out, _ = await lrx(home, capsys, "rotate", "encryption")
    assert "enc-2" in out
    assert "within" in out
    status, out, _ = await lrx(home, capsys)
    assert "encryption.json" in out
    assert "left the DID document" in out
    private = json.loads((home / "keys" / "encryption.json").read_text())["d"]
    assert private not in out


async def test_every_entry_is_in_the_audit_log_once(home, capsys):
    await lrx(home, capsys, "rotate", "message")
    # One that was cut off before it was noted.
    rotate(home, "encryption", after=timedelta(seconds=2))
    await lrx(home, capsys, "rotate", "update")
    await invoke(["--config", str(home / "node.toml"), "audit", "list"])
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    versions = [e["event"]["version"] for e in events if e["kind"] == "keys-changed"]
    assert versions == [v.version_id for v in history_of(home).versions[1:]]


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ("log", "only with a new log"),
        ("vault", "not built yet"),
        ("king", "king is no key job"),
    ],
)
async def test_what_does_not_rotate_says_why(home, capsys, job, says):
    status, _, err = await lrx(home, capsys, "rotate", job)
    assert status == 2
    assert says in err
    assert len(history_of(home).versions) == 1
