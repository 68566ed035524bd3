"""The specification shows the vectors, and the vectors are what the code does."""

import base64
import hashlib
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

from protocol.credentials.claims_paths import format_path, parse_path
from protocol.credentials.findings import POLICIES
from protocol.credentials.record_model import KINDS, OPEN_BADGE, UNITS
from protocol.credentials.record_model import TYPES as VC_TYPES
from protocol.exchange import did_log, envelope
from protocol.exchange.consent import Denial, Purpose
from protocol.exchange.evidence_checks import CHECKS
from protocol.exchange.evidence_manifest import Manifest
from protocol.exchange.jurisdiction import FACTS
from protocol.exchange.messages import TYPES
from protocol.identity.dids import Did
from protocol.identity.keys import LocalSigningKey
from protocol.linked_data.jcs import canonical
from protocol.securing import disclosures, sd_jwt

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


LETTERS = dict(zip(KINDS, "DTMEXGRC", strict=True))
PREFIXES = {
    "$C/$I": "/elmo/report/learningOpportunitySpecification[type='Degree Programme']"
    "//learningOpportunitySpecification[type='Course']"
    "/specifies/learningOpportunityInstance",
    "$C": "/elmo/report/learningOpportunitySpecification[type='Degree Programme']"
    "//learningOpportunitySpecification[type='Course']",
    "$P/$I": "/elmo/report/learningOpportunitySpecification[type='Degree Programme']"
    "/specifies/learningOpportunityInstance",
    "$P": "/elmo/report/learningOpportunitySpecification[type='Degree Programme']",
}


def in_full(place):
    """Write an ELMO place of the table as the XPath it stands for."""
    if place == "–":
        return None
    if place.startswith("§"):
        number = place.removeprefix("§")
        inner = f"/section[@number='{number}']" if "." in number else ""
        outer = f"/diplomaSupplement/section[@number='{number[0]}']"
        return f"{PREFIXES['$P/$I']}{outer}{inner}/content"
    for short, full in PREFIXES.items():
        if place.strip("`").startswith(short):
            return place.strip("`").replace(short, full, 1)
    return place.strip("`")


def rows(section):
    """Return the cells of the rows of a section's tables."""
    text = TEXT.split(f"\n### {section} ")[1].split("\n### ")[0].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_every_unit_of_the_record_model_has_its_row():
    shown = [cells for cells in rows("12.2") if "reasons" not in cells[0]]
    micro = frozenset({"micro-credential"})
    assert shown == [
        [
            f"`{format_path(unit.path)}`",
            "all"
            if unit.kinds == frozenset(KINDS)
            else "".join(
                letter for kind, letter in LETTERS.items() if kind in unit.kinds
            ),
            unit.item or "",
            cells[3],
        ]
        for unit, cells in zip(
            [unit for unit in UNITS if unit.kinds != micro], shown, strict=True
        )
    ]


def test_every_unit_has_its_place_in_elmo():
    stated = {unit.path: unit.elmo for unit in UNITS}
    for cells in rows("12.2"):
        path = parse_path(cells[0].strip("`").split("`")[0])
        if path in stated:
            assert in_full(cells[3]) == stated[path]


def test_every_unit_of_a_micro_credential_has_its_place_in_the_badge():
    assert [(cells[0], cells[2]) for cells in rows("12.6")] == [
        (f"`{format_path(path)}`", f"`{format_path(place)}`")
        for path, place in OPEN_BADGE.items()
    ]


def test_every_record_has_its_row():
    for kind, letter in LETTERS.items():
        assert re.search(
            rf"^\| {letter} \| .* \| `{kind}/1` \| `{VC_TYPES[kind]}` \|",
            TEXT,
            re.MULTILINE,
        )


def test_purposes_grounds_and_facts_are_those_of_the_code():
    for name in (*Purpose, *Denial, *FACTS):
        assert f"`{name}`" in TEXT, name


def test_findings_and_policies_are_those_of_the_code():
    vectors_ = vectors("sd_jwt.json")["verdict"]["findings"]
    assert [cells[0].strip("`") for cells in rows("14.3")][: len(vectors_)] == [
        *vectors_
    ]
    required = re.search(r"`authenticity` requires (.*?);", TEXT, re.DOTALL)[1]
    assert tuple(re.findall(r"`([a-z_]+)`", required)) == POLICIES["authenticity"]


def test_checks_of_an_evidence_pack_are_those_of_the_code():
    part = TEXT.split("\n## 15. ")[1].split("\n## ")[0].split("| Check |")[1]
    assert re.findall(r"^\| `([a-z]+)` \|", part, re.MULTILINE) == [*CHECKS]
    assert f"All {len(CHECKS)} must hold" in TEXT


def test_members_of_a_manifest_are_those_of_the_code():
    part = TEXT.split("\n## 15. ")[1].split("| Check |")[0]
    table = part.split("| Member | Content |")[1]
    shown = re.findall(r"^\| (`[a-z_`, ]+) \|", table, re.MULTILINE)
    assert re.findall(r"`([a-z_]+)`", " ".join(shown)) == [*Manifest.model_fields]


def test_tables_and_triggers_of_the_gate_are_those_of_the_database():
    gate = (FOLDER.parent / "node/store/gate.sql").read_text(encoding="utf-8")
    tables = re.findall(r"^create table (\w+)\((.*?);$", gate, re.MULTILINE | re.DOTALL)
    shown = {cells[0].strip("`"): cells[2] for cells in rows("13.3") if len(cells) == 3}
    assert [*shown] == [name for name, _ in tables]
    for name, columns in tables:
        for column in re.findall(r"(?:^|,)\s*(\w+) (?:text|int)", columns):
            assert f"`{column}`" in shown[name], (name, column)


def test_kinds_of_audit_events_are_those_of_the_code():
    part = TEXT.split("\n## 16. ")[1].split("\n## ")[0]
    kinds = {
        kind
        for file in (FOLDER.parent / "node").rglob("*.py")
        for kind in re.findall(
            r'audit\.append\([^)]*?kind="([a-z-]+)"', file.read_text(encoding="utf-8")
        )
    }
    assert "release" in kinds
    assert sorted(kind for kind in kinds if f"`{kind}`" not in part) == []


def test_every_vector_is_listed_and_every_listed_one_is_there():
    listed = set(re.findall(r"^\| `vectors/([a-z_]+\.json)`", TEXT, re.MULTILINE))
    assert listed == {file.name for file in (FOLDER / "vectors").glob("*.json")}


def test_what_is_open_in_an_sd_jwt_is_stated():
    assert f"At most {sd_jwt.MAXIMUM_DISCLOSURES} disclosures" in TEXT
    for claim in disclosures.REGISTERED - {"sub", "vct#integrity"}:
        assert f"`{claim}`" in TEXT, claim
