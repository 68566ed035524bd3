"""The specification shows the vectors, and the vectors are what the code does."""

import base64
import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from protocol.credentials.claims_paths import format_path
from protocol.credentials.record_model import KINDS, OPEN_BADGE, UNITS
from protocol.credentials.record_model import TYPES as VC_TYPES
from protocol.exchange import did_log, envelope
from protocol.exchange.messages import TYPES
from protocol.identity.dids import Did
from protocol.identity.keys import LocalSigningKey
from protocol.linked_data.jcs import canonical

FOLDER = Path(__file__).parents[2] / "protocol"
TEXT = (FOLDER / "SPECIFICATION.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```[a-z]*\n(.*?)\n```$", TEXT, re.MULTILINE | re.DOTALL)


def vectors(name):
    return json.loads((FOLDER / "vectors" / name).read_text(encoding="utf-8"))


LOG = vectors("did_log.json")
ENVELOPE = vectors("envelope.json")
ENTRIES = [json.loads(line) for line in LOG["log"].splitlines()]


def at(entry):
    return datetime.fromisoformat(entry["versionTime"])


def test_the_log_of_the_vectors_verifies():
    history = did_log.read(Did.parse(LOG["did"]), LOG["log"].encode())

    assert [version.number for version in history.versions] == [1, 2]
    assert history.scid == LOG["steps"]["scid"]


def test_the_log_of_the_vectors_is_reproduced_octet_for_octet():
    one, two, three = (LocalSigningKey.from_jwk(jwk) for jwk in LOG["update_keys"])
    announced = [
        did_log.next_key_hash(key.verification_key.multikey()) for key in (two, three)
    ]
    template = json.loads(
        json.dumps(ENTRIES[0]["state"]).replace(LOG["steps"]["scid"], "{SCID}")
    )

    did, log = did_log.create(
        template, update_key=one, next_key_hashes=announced[:1], at=at(ENTRIES[0])
    )
    log = did_log.append(
        log,
        document=ENTRIES[1]["state"],
        update_key=two,
        next_key_hashes=announced[1:],
        at=at(ENTRIES[1]),
    )

    assert (did, log.decode()) == (LOG["did"], LOG["log"])


def test_the_steps_of_the_log_are_hashes_of_one_another():
    steps = LOG["steps"]
    draft, numbered, options, signed = (
        steps[name].encode()
        for name in (
            "first entry with placeholders, canonical",
            "first entry with the SCID as versionId, canonical",
            "proof options, canonical",
            "signed entry, canonical",
        )
    )

    assert did_log.multihash(draft) == steps["scid"]
    assert f"1-{did_log.multihash(numbered)}" == steps["versionId"]
    parts = [hashlib.sha256(octets).digest() for octets in (options, signed)]
    assert b"".join(parts).hex() == steps["signing input"]
    entry = {name: ENTRIES[0][name] for name in ENTRIES[0] if name != "proof"}
    assert canonical(entry) == signed


def test_the_specification_shows_the_http_vectors():
    for vector in vectors("http_signatures.json")["vectors"][:2]:
        assert vector["base"] in BLOCKS
        headers = "\n".join(f"{n}: {v}" for n, v in vector["headers"].items())
        body = vector.get("response", vector["request"])["body"]
        assert any(block.endswith(f"{headers}\n\n{body}") for block in BLOCKS)


@pytest.mark.parametrize("name", ["payload", "jws", "jwe"])
def test_the_specification_shows_the_worked_message(name):
    assert ENVELOPE[name] in BLOCKS


def test_the_specification_shows_the_values_of_the_worked_message():
    steps = ENVELOPE["steps"]
    shown = [
        ENVELOPE["sender"]["kid"],
        ENVELOPE["sender"]["jwk"]["d"],
        ENVELOPE["receiver"]["kid"],
        ENVELOPE["receiver"]["jwk"]["d"],
        ENVELOPE["message_digest"],
        steps["ephemeral"]["d"],
        *(steps[n] for n in ("content_key", "iv", "shared_secret")),
        steps["key_encryption_key"],
    ]
    assert [value for value in shown if f"`{value}`" not in TEXT] == []


def test_the_key_derivation_of_the_worked_message_is_a_hash():
    steps = {
        name: base64.urlsafe_b64decode(ENVELOPE["steps"][name] + "==")
        for name in ("shared_secret", "key_encryption_key")
    }
    info = bytes.fromhex(ENVELOPE["steps"]["other_info"])
    derived = hashlib.sha256(bytes([0, 0, 0, 1]) + steps["shared_secret"] + info)
    assert derived.digest() == steps["key_encryption_key"]


def test_the_document_of_the_example_is_in_the_log():
    shown = next(block for block in BLOCKS if '"LearnerRecordExchange"' in block)
    document = json.loads(shown)
    assert document["id"] == LOG["did"]
    stated = ENTRIES[0]["state"]["verificationMethod"]
    assert all(method in stated for method in document["verificationMethod"])
    assert document["service"] == ENTRIES[0]["state"]["service"]


@pytest.mark.parametrize("short", TYPES)
def test_every_message_type_is_described(short):
    assert f"`{short}`" in TEXT


@pytest.mark.parametrize("short", sorted(set(TYPES) - {"peer/sync"}))
def test_every_member_of_a_body_is_named(short):
    for name in set(TYPES[short].model_fields) - {"pad", "blobs"}:
        assert re.search(rf"[`.]{name}[`=]", TEXT), name


def test_limits_are_those_of_the_code():
    assert f"{envelope.MAXIMUM_BYTES // 1024} KiB; on `/introduce` 16 KiB" in TEXT


def test_every_unit_of_the_record_model_has_its_row():
    shown = re.findall(r"^\| `(\[.*?\])` \|", TEXT, re.MULTILINE)
    units = [format_path(unit.path) for unit in UNITS]
    assert [unit for unit in units if unit not in shown] == []
    for path, place in OPEN_BADGE.items():
        assert f"| `{format_path(path)}` | `{format_path(place)}` |" in TEXT


def test_every_record_has_its_row():
    for kind in KINDS:
        assert f"| `{kind}` | `{VC_TYPES[kind]}` |" in TEXT
