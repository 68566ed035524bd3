"""A node with a learner, staff, partners and records, all real, to be looked at.

Rows are written by the store functions and services the node itself uses.
"""

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from node import identity
from node.context import NodeContext
from node.matching import hashes_of
from node.services import inviting, issuing
from node.services.importing import content_digest
from node.settings import Settings
from node.store import credentials, documents, exchanges, learners, people
from node.store import peers as peer_store
from node.store.engine import Store
from node.store.learners import StoredRecord
from node.store.sealed import Vault
from protocol.credentials.record_model import vct
from protocol.identity.dids import Did
from tests.records import CATALOGUE, learner, result

START = datetime.now(UTC).replace(microsecond=0)
AUTHORITY = Did("did:webvh:QmSbW3rT8u2mYxKq5nVf1cJ4hLzGdP7sEaRoBwC6tUiXyN:enic-b.test")
UNIVERSITY = Did(
    "did:webvh:QmXMNPKpT9ukvPLaMShh21kUP3SKq7mCMxoNZSzjEWBFnj:registry.uni-b.test"
)
COUNCIL = "did:webvh:QmNvT6yHb2kPqWc9sXrJf4LdGzUmA8oEi3R7tYwBxK5VnC:council.test"
TITLES = (
    ("INF1", "プログラミング基礎", "Introduction to Programming", "S", 94),
    ("INF2", "アルゴリズムとデータ構造", "Algorithms and Data Structures", "A", 86),
    ("INF3", "線形代数", "Linear Algebra", "B", 75),
    ("INF4", "データベース", "Databases", "A", 82),
    ("ENG1", "英語コミュニケーション", "English Communication", "C", 63),
)


@dataclass(slots=True)
class Clock:
    """The present, which a test may move."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(slots=True)
class World:
    """What the tests need to know of the node."""

    context: NodeContext
    store: Store
    clock: Clock
    ids: dict[str, str] = field(default_factory=dict)


def settings_for(folder: Path) -> tuple[Settings, identity.Identity]:
    """Make settings for `folder`, and a keystore and a DID where there is none."""
    keys = folder / "keys"
    if not keys.exists():
        identity.create_keystore(keys)
        made = identity.create_did(
            keys, domain="uni-a.test", origin="https://uni-a.test", at=START
        )
        (folder / "did.txt").write_text(made)
    did = Did.parse((folder / "did.txt").read_text())
    settings = Settings.model_validate(
        {
            "home": folder,
            "did": did,
            "origin": "https://uni-a.test",
            "name": {"ja": "見本大学", "en": "Sample University"},
            "legal_name": "Sample University",
            "country": "JP",
            "roles": ["source", "issuer", "requester"],
            "privacy": {
                "jurisdiction": "JP",
                "regimes": ["JP-APPI"],
                "notice": "https://uni-a.test/privacy",
                "contact": "mailto:privacy@uni-a.test",
            },
            "contact": "mailto:ops@uni-a.test",
            "mail": {"folder": "mail", "sender": "records@uni-a.test"},
            "test": {"names": {"uni-a.test": "127.0.0.1:1"}},
        }
    )
    return settings, identity.load(keys, did)


def context_for(folder: Path, clock: Clock) -> NodeContext:
    settings, keys = settings_for(folder)
    return NodeContext(settings, keys, Vault(keys.vault), clock)


def a_graduate(number: str, family: str, given: str) -> Any:
    """A graduate with 124 credits; five courses have real titles."""
    titled = [
        result(
            code,
            label,
            title={"ja": ja, "en": en},
            year=2022 + place % 4,
            grade={"label": label, "scale": "JP5", "score": score, "passed": True},
        )
        for place, (code, ja, en, label, score) in enumerate(TITLES)
    ]
    others = [result(f"GEN{n}", year=2022 + n % 4) for n in range(62 - len(TITLES))]
    results = (*titled, *others)
    names = [
        {"script": "kanji", "family": family, "given": given},
        {"script": "kana", "family": "ミホン", "given": "アイコ"},
        {"script": "latin", "family": "MIHON", "given": "AIKO"},
    ]
    return learner(results, person={"student_number": number, "names": names})


def add_learner(connection: Connection, world: World, name: str, record: Any) -> None:
    """Add a learner with a student record."""
    vault, learner_id = world.context.vault, secrets.token_hex(16)
    wrapped = vault.new_learner_key()
    learners.add_learners(connection, wrapped_keys={learner_id: wrapped}, at=START)
    matches = {learner_id: hashes_of(vault, record.person)}
    learners.set_matches(connection, matches=matches)
    body = record.model_dump_json(exclude_defaults=True).encode()
    sealed = learners.seal_record(vault, wrapped, learner_id, body)
    stored = StoredRecord(learner_id, content_digest(record), 1, sealed)
    learners.put_records(connection, records=[stored], at=START)
    world.ids[name] = learner_id


def add_records(connection: Connection, world: World, name: str) -> None:
    """Issue a diploma, a transcript and a certificate."""
    issued = issuing.issue(
        connection,
        context=world.context,
        learner_id=world.ids[name],
        kinds=("diploma-supplement", "transcript", "graduation-certificate"),
        languages=("en",),
        at=START,
    )
    assert not issued.missing
    for credential_id in issued.credential_ids:
        facts = credentials.facts(connection, id=credential_id)
        assert facts is not None
        world.ids[f"{name}.{facts.kind}"] = credential_id


def add_person(connection: Connection, world: World, role: str, name: str) -> None:
    """Add somebody who may log in; learners by the name their id is kept under."""
    person_id = secrets.token_hex(16)
    people.add_person(
        connection,
        vault=world.context.vault,
        id=person_id,
        role=role,
        learner_id=world.ids.get(name) if role == "learner" else None,
        name=name if role != "learner" else f"見本 {name}",
        email=f"{name}@uni-a.test",
        language="en",
    )
    world.ids[f"person.{name}"] = person_id


def add_peer(connection: Connection, did: Did, name: str, country: str) -> str:
    """Add a trusted peer."""
    peer_id = did.scid or str(did)
    peer_store.add_peer(
        connection,
        id=peer_id,
        did=did,
        name={"legal_name": name, "country": country, "roles": ["requester"]},
        state="introduced",
        roles=["source", "requester"],
        purposes=["recognition-assessment", "admission"],
        max_in_flight=16,
        at=START,
    )
    peer_store.set_peer(
        connection,
        id=peer_id,
        state="trusted",
        decided_at=START,
        their_terms={
            "requests": {"purposes": ["recognition-assessment"]},
            "privacy": {
                "jurisdiction": country,
                "regimes": ["EU-GDPR"],
                "notice": f"https://{did.domain}/privacy",
                "contact": f"mailto:privacy@{did.domain}",
            },
        },
        basis=[
            {
                "anchor": COUNCIL,
                "credential": "RecognitionAuthorityCredential",
                "checked": "2026-11-20T10:00:00Z",
            }
        ],
    )
    return peer_id


CLAIMS = (
    ("t", ["qualification", "title"]),
    ("i", ["qualification", "awarding_institution"]),
    ("d", ["qualification", "awarded_on"]),
    ("c", ["programme", "credits"]),
    ("n", ["results", None, "title"]),
    ("g", ["results", None, "grade"]),
    ("a", ["summary", "gpa"]),
)


def query_message(world: World, query_id: str, deadline: datetime) -> dict[str, Any]:
    """A query for the diploma, grades and average being optional."""
    names = [name for name, _ in CLAIMS]
    return {
        "typ": "application/didcomm-plain+json",
        "id": query_id,
        "type": "https://lrx.example/record/1.0/query",
        "from": str(AUTHORITY),
        "to": [str(world.context.did)],
        "created_time": int(START.timestamp()),
        "expires_time": int(deadline.timestamp()),
        "body": {
            "subject": {
                "match": "identifiers",
                "family_name": "MIHON",
                "given_name": "AIKO",
                "birth_date": "2003-05-14",
            },
            "dcql": {
                "credentials": [
                    {
                        "id": "diploma_supplement",
                        "format": "dc+sd-jwt",
                        "meta": {"vct_values": [vct("diploma-supplement")]},
                        "claims": [{"id": n, "path": path} for n, path in CLAIMS],
                        "claim_sets": [
                            names,
                            [n for n in names if n != "a"],
                            [n for n in names if n != "g"],
                            [n for n in names if n not in {"a", "g"}],
                        ],
                    }
                ]
            },
            "purpose": {
                "code": "recognition-assessment",
                "reference": "CASE-2026-00817",
                "legal_basis": "consent",
                "text": {
                    "en": "Assessment of a foreign degree for admission to a "
                    "regulated profession",
                    "ja": "規制職業への登録のための外国学位の審査",
                },
            },
            "recipient_terms": {
                "jurisdiction": "NL",
                "regimes": ["EU-GDPR"],
                "retention_days": 180,
                "onward": [],
                "automated_decision": False,
            },
            "accept": {"formats": ["dc+sd-jwt"], "max_inline_bytes": 98304},
            "deadline": int(deadline.timestamp()),
        },
    }


def add_query(connection: Connection, world: World, name: str, key: str) -> None:
    """Store a query that waits for the learner `name`."""
    query_id = f"{secrets.randbits(122):032x}"
    deadline = START + timedelta(days=14)
    message = query_message(world, query_id, deadline)
    exchanges.add_query(
        connection,
        vault=world.context.vault,
        id=query_id,
        peer=AUTHORITY.scid or "",
        received_at=START,
        deadline=deadline,
        close_at=deadline + timedelta(hours=2),
        state="consent-pending",
        purpose="recognition-assessment",
        body=json.dumps(message).encode(),
    )
    exchanges.set_query(connection, id=query_id, learner_id=world.ids[name], shown=True)
    world.ids[key] = query_id


def populate(connection: Connection, world: World) -> None:
    """Fill the store: two learners, staff, two partners, one open query each."""
    documents.add_catalogue(
        connection, catalogue_id="1" * 32, digest="d", body=CATALOGUE, at=START
    )
    add_peer(connection, AUTHORITY, "ENIC-NARIC Country B", "NL")
    add_peer(connection, UNIVERSITY, "University B", "DE")
    for name, number, given in (
        ("aiko", "0022001", "愛子"),
        ("taro", "0022002", "太郎"),
    ):
        record = a_graduate(number, "見本", given)
        add_learner(connection, world, name, record)
        add_records(connection, world, name)
        add_person(connection, world, "learner", name)
        add_query(connection, world, name, f"{name}.query")
    for role in ("registrar", "operator", "officer"):
        add_person(connection, world, role, role)


def open_session(
    connection: Connection, world: World, name: str, *, ago: timedelta = timedelta()
) -> str:
    """Log somebody in by an invitation and return the session's token."""
    at = world.clock() - ago
    link = inviting.invite(
        connection, context=world.context, person_id=world.ids[f"person.{name}"], at=at
    )
    token = link.rsplit("/", 1)[-1]
    session = inviting.redeem(connection, token=token, at=at)
    assert session is not None
    return session
