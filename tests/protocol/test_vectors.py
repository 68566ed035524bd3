"""The vectors of credentials, trust and the audit log say what the code does.

Each is read as a stranger would read it, and where a few lines of the standard library
can work out the same, they do.
"""

import base64
import gzip
import hashlib
import hmac
import json
from datetime import date, datetime
from pathlib import Path

import pytest
import vector_world
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.credentials import status_lists
from protocol.errors import ProtocolError
from protocol.exchange import did_log
from protocol.exchange.merkle_log import (
    Checkpoint,
    leaf,
    leaf_hash,
    parse_note_key,
    verify_inclusion,
)
from protocol.identity.dids import Did
from protocol.linked_data.jcs import canonical
from protocol.rules.validation import Evidence, assess
from protocol.securing import sd_jwt

FOLDER = Path(__file__).parents[2] / "protocol" / "vectors"


def vector(name):
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


LIST, SD_JWT, CHAIN, LOG = map(
    vector, ("status_list", "sd_jwt", "trust_chain", "audit_log")
)


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def histories(*parties):
    return {
        one["did"]: did_log.read(Did(one["did"]), one["log"].encode())
        for one in parties
    }


def judged(octets, at, *parties, lists, on=None, statements=(), anchors=()):
    found = assess(
        octets.encode(),
        media_type=None,
        evidence=Evidence(
            histories=histories(*parties),
            status_lists={url: text.encode() for url, text in lists.items()},
            accreditations=tuple(one.encode() for one in statements),
        ),
        anchors=[Did(one) for one in anchors],
        at=datetime.fromisoformat(at),
        award_date=date.fromisoformat(on) if on else None,
    )
    return {
        "findings": {name: str(one.result) for name, one in found.findings.items()},
        "authenticity": found.overall("authenticity"),
        "recognition": found.overall("recognition"),
    }


def test_the_bits_of_the_status_list_are_those_that_are_named():
    subject = json.loads(LIST["credential"])["credentialSubject"]
    bits = gzip.decompress(decoded(subject["encodedList"].removeprefix("u")))

    assert len(bits) * 8 == LIST["entries"]
    assert hashlib.sha256(bits).hexdigest() == LIST["sha256_of_bits"]
    assert status_lists.decode(subject["encodedList"]) == bits
    number = int.from_bytes(bits)
    found = [i for i in range(LIST["entries"]) if number >> LIST["entries"] - 1 - i & 1]
    assert found == LIST["set"]


def test_the_status_list_is_a_credential_of_its_issuer():
    found = judged(
        LIST["credential"], "2026-10-25T00:00:00+00:00", LIST["issuer"], lists={}
    )
    assert found["authenticity"] == "valid"


@pytest.mark.parametrize("name", LIST["refused"])
def test_what_is_no_status_list_is_refused(name):
    with pytest.raises(ProtocolError):
        status_lists.decode(LIST["refused"][name])


def test_every_disclosure_is_the_base64url_of_its_json_and_has_its_digest():
    for one in SD_JWT["disclosures"]:
        assert decoded(one["disclosure"]).decode() == one["json"]
        hashed = hashlib.sha256(one["disclosure"].encode()).digest()
        digest = base64.urlsafe_b64encode(hashed).decode().rstrip("=")
        assert digest == one["digest"]


def test_the_sd_jwt_is_signed_by_its_issuer_and_followed_by_its_disclosures():
    token, *disclosures, last = SD_JWT["sd_jwt"].split("~")
    header, payload, signature = token.split(".")
    key = decoded(SD_JWT["issuer"]["credential_key"]["x"])

    Ed25519PublicKey.from_public_bytes(key).verify(
        decoded(signature), f"{header}.{payload}".encode()
    )
    assert json.loads(decoded(payload)) == SD_JWT["payload"]
    assert disclosures == [one["disclosure"] for one in SD_JWT["disclosures"]]
    assert last == ""


def test_the_sd_jwt_is_reproduced_octet_for_octet():
    assert vector_world.transcript() == SD_JWT["sd_jwt"]
    assert sd_jwt.parse(SD_JWT["sd_jwt"]).record() == SD_JWT["record"]


def test_the_presentation_discloses_what_was_asked_for():
    paths = [tuple(path) for path in SD_JWT["presented"]]
    whole = sd_jwt.parse(SD_JWT["sd_jwt"])

    assert whole.present(paths) == SD_JWT["presentation"]
    assert sd_jwt.parse(SD_JWT["presentation"]).claims() == SD_JWT["claims"]


def test_the_presentation_is_authentic():
    list_url = SD_JWT["payload"]["status"]["statusListCredential"]
    found = judged(
        SD_JWT["presentation"],
        SD_JWT["at"],
        SD_JWT["issuer"],
        lists={list_url: SD_JWT["status_list"]},
    )
    assert found["authenticity"] == SD_JWT["verdict"]["authenticity"] == "valid"


def test_the_statements_are_reproduced_octet_for_octet():
    assert vector_world.DELEGATION.decode() == CHAIN["delegation"]
    assert vector_world.ACCREDITATION.decode() == CHAIN["accreditation"]


@pytest.mark.parametrize("verdict", CHAIN["verdicts"], ids=lambda one: one["about"])
def test_the_chain_says_what_is_stated(verdict):
    lists = dict(CHAIN["status_lists"])
    if "second status list" in verdict["about"]:
        lists["https://accreditor.example/status/3"] = CHAIN[
            "list_with_the_accreditation_revoked"
        ]
    found = judged(
        CHAIN["document"],
        CHAIN["at"],
        *CHAIN["parties"].values(),
        lists=lists,
        on=verdict["on"],
        statements=(CHAIN["delegation"], CHAIN["accreditation"]),
        anchors=verdict["anchors"],
    )
    assert found == {name: verdict[name] for name in found}


def test_the_entries_of_the_log_are_hmacs_of_canonical_events():
    for one in LOG["leaves"]:
        blind = bytes.fromhex(one["blind"])
        assert canonical(one["event"]).decode() == one["canonical"]
        entry = hmac.digest(blind, one["canonical"].encode(), "sha256")
        assert entry.hex() == one["entry"]
        assert leaf(blind, one["event"]) == entry
        hashed = hashlib.sha256(b"\x00" + entry).hexdigest()
        assert hashed == one["leaf_hash"] == leaf_hash(entry).hex()


def test_the_tile_of_the_log_is_its_leaf_hashes_and_its_root_their_tree():
    hashes = [bytes.fromhex(one["leaf_hash"]) for one in LOG["leaves"]]
    assert LOG["tile"] == {
        "path": "/log/tile/0/000.p/3",
        "content": b"".join(hashes).hex(),
    }
    left = hashlib.sha256(b"\x01" + hashes[0] + hashes[1]).digest()
    assert hashlib.sha256(b"\x01" + left + hashes[2]).hexdigest() == LOG["root"]


def test_the_checkpoint_of_the_log_is_signed_and_every_event_is_in_the_tree():
    origin, key = parse_note_key(LOG["key"])
    head = Checkpoint.open(LOG["checkpoint"].encode(), origin=origin, key=key)

    assert (head.size, head.root.hex()) == (len(LOG["leaves"]), LOG["root"])
    for one in LOG["leaves"]:
        assert verify_inclusion(
            bytes.fromhex(one["leaf_hash"]),
            one["index"],
            head.size,
            [bytes.fromhex(step) for step in one["proof"]],
            head.root,
        )
