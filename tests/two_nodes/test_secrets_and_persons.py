"""A36 and A40: what must stand in no log, no metric, no answer and no database file."""

import base64
import io
import json
import logging

import pytest
from exchange_net import A, B, R, by_grant, raw

from node.identity import JOBS
from node.logs import _Line
from node.services import consenting
from protocol.identity.multibase import from_base64url

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.slow]


@pytest.fixture
def log():
    """Collect what the node would write, in the form it writes it."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(_Line())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(handler)
    root.setLevel(before)


async def get(net, key, path, *headers):
    host = net.world.settings[key].authority
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    return await raw(net, key, "\r\n".join([*lines, "", ""]).encode())


async def test_a36_persons_stand_nowhere(net, log):
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    await net.receipted(thread)
    asked = await net.ask(person.subject)
    await net.comes_to(asked, "consent-pending")
    await net.write(
        A,
        consenting.withdraw,
        consent_id=granted.consent_id,
        learner_id=person.id,
        at=net.clock(),
    )
    answers = [await get(net, A, "/metrics"), await get(net, A, "/log/checkpoint")]
    # Whoever is badly answered is told nothing of what they sent.
    closed = {"state": "closed", "outcome": "unavailable"}
    message = net.message(R, A, "record/status", closed)
    wrong = person.family[:11].encode()
    jws = net.signed(R, message.replace(b"unavailable", wrong))
    answers.append(await net.post(R, A, net.sealed(A, jws)))
    answers.append(await get(net, A, f"/{person.family}?{person.number}"))
    answers.append(await get(net, A, "/status/" + person.family))
    answers.append(await get(net, A, "/", f"X-Name: {person.family}\r\nBad\x01Header"))

    canaries = [
        *(person.family, person.family[:11], person.kana, person.number, granted.code),
        granted.code.replace("-", ""),
        f"{person.family}@example.test",
        json.dumps(person.kana).strip('"'),
    ]
    said = log.getvalue() + "".join(a.body.decode(errors="replace") for a in answers)
    for canary in canaries:
        assert canary not in said, canary
    for answer in answers[2:]:
        assert answer.status in {400, 404}


async def test_a36_persons_stand_in_no_database_file_in_clear(net):
    """Names and numbers are sealed or hashed, at the source and at the requester."""
    person = await net.add_person()
    granted = await net.grant(person)
    thread = await net.ask(by_grant(granted.code))
    await net.receipted(thread)
    await net.comes_to(await net.ask(person.subject), "consent-pending")
    for key in (A, R):
        for file in net.world.home(key).glob("node.db*"):
            octets = file.read_bytes()
            for text in (person.family, person.kana, person.number, granted.code):
                for form in forms(text.encode()):
                    assert form not in octets, (key, file.name, text)


def forms(secret):
    """Return a secret in every clothing it may wear."""
    wide = base64.b64encode(secret).rstrip(b"=")
    narrow = base64.urlsafe_b64encode(secret).rstrip(b"=")
    return {secret, secret.hex().encode(), secret.hex().upper().encode(), wide, narrow}


def secrets_of(folder):
    """Return the secret octets of every key of a keystore."""
    found = {}
    for job in JOBS:
        jwk = json.loads((folder / f"{job}.json").read_text())
        raw_ = bytes.fromhex(jwk["k"]) if job == "vault" else from_base64url(jwk["d"])
        assert len(raw_) == 32
        found[job] = raw_
    return found


async def test_a40_keys_stand_in_the_keystore_and_nowhere_else(net, log):
    await net.receipted(
        await net.ask(by_grant((await net.grant(await net.add_person())).code))
    )
    for key in (A, B, R):
        await get(net, key, "/.well-known/lrx")
        home = net.world.home(key)
        keys = secrets_of(home / "keys")
        # TLS's own key is a file of its own, and not one of ours.
        files = [
            file
            for file in home.rglob("*")
            if file.is_file() and home / "keys" not in file.parents
        ]
        assert any(file.name == "node.db" for file in files)
        texts = {str(file): file.read_bytes() for file in files}
        texts["log"] = log.getvalue().encode()
        texts["settings"] = repr(net.world.settings[key]).encode()
        texts["identity"] = b""
        for job, secret in keys.items():
            for form in forms(secret):
                for name, octets in texts.items():
                    assert form not in octets, (job, name)


async def test_a40_keys_are_for_their_owner_only(net):
    for key in (A, B, R):
        folder = net.world.home(key) / "keys"
        assert folder.stat().st_mode & 0o077 == 0
        for job in JOBS:
            assert (folder / f"{job}.json").stat().st_mode & 0o777 == 0o600


async def test_a40_a_context_tells_no_key(net):
    """Neither a traceback nor a debugger's print may hand a key out."""
    said = repr(net.context(A)).encode()
    for job, secret in secrets_of(net.world.home(A) / "keys").items():
        for form in forms(secret) | {repr(secret).encode()}:
            assert form not in said, job
