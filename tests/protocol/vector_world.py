"""Rebuilds the vectors of credentials, trust and the audit log from fixed keys.

Run as a script it writes them; `test_vectors` compares what it builds with what is
there, and recomputes the hashes with nothing but the standard library. All signatures
are Ed25519, which gives the same octets each time.
"""

import base64
import gzip
import hashlib
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from protocol.credentials import status_lists, vcdm
from protocol.credentials.record_model import vct
from protocol.exchange import did_log
from protocol.exchange.log_tiles import Tile
from protocol.exchange.merkle_log import (
    Checkpoint,
    Tree,
    inclusion_proof,
    leaf,
    leaf_hash,
    note_key,
)
from protocol.identity.dids import Did, DidUrl, node_document
from protocol.identity.keys import DecryptionKey, LocalSigningKey
from protocol.linked_data.jcs import canonical
from protocol.rules import trust
from protocol.rules.validation import Evidence, assess
from protocol.securing import data_integrity, jose, sd_jwt

FOLDER = Path(__file__).parents[2] / "protocol" / "vectors"
BORN = datetime(2023, 3, 1, tzinfo=UTC)
SIGNED = datetime(2026, 4, 10, 3, tzinfo=UTC)
AT = datetime(2026, 10, 25, 8, 0, 30, tzinfo=UTC)
WARNING = "Test keys, never to be used elsewhere."


def seed(name: str) -> str:
    """Return 32 octets that anybody can work out from a name, in base64url."""
    octets = hashlib.sha256(f"lrx vector {name}".encode()).digest()
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def ed25519(name: str) -> LocalSigningKey:
    """Return the Ed25519 key whose private octets are `seed(name)`."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "d": seed(name)}
    raw = base64.urlsafe_b64decode(jwk["d"] + "=")
    public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    return LocalSigningKey.from_jwk(jwk | {"x": x})


@dataclass(frozen=True)
class Party:
    """An organisation with a log of one entry and a credential key `#cred-1`."""

    domain: str
    did: Did
    log: bytes
    key: LocalSigningKey

    @property
    def kid(self) -> DidUrl:
        return DidUrl.of(self.did, "#cred-1")

    @property
    def history(self):
        return did_log.read(self.did, self.log)

    @property
    def shown(self) -> dict:
        return {
            "did": str(self.did),
            "log": self.log.decode(),
            "credential_key": self.key.private_jwk(),
        }


def party(domain: str) -> Party:
    """Make the organisation at `domain`, always the same."""
    update, upcoming, message, credential = (
        ed25519(f"{domain} {use}") for use in ("update", "next", "message", "cred")
    )
    x25519 = DecryptionKey.from_jwk(_x25519(f"{domain} enc"))
    template = node_document(
        "did:webvh:{SCID}:" + domain,
        message_key=message.verification_key,
        credential_keys=[credential.verification_key],
        encryption_key=x25519.encryption_key,
        endpoint=f"https://{domain}/lrx/1",
        profile=f"https://{domain}/.well-known/lrx",
    )
    did, log = did_log.create(
        template,
        update_key=update,
        next_key_hashes=[
            did_log.next_key_hash(upcoming.verification_key.multikey()),
        ],
        at=BORN,
    )
    return Party(domain, did, log, credential)


def _x25519(name: str) -> dict:
    private = seed(name)
    raw = base64.urlsafe_b64decode(private + "=")
    public = X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
    x = base64.urlsafe_b64encode(public).decode().rstrip("=")
    return {"kty": "OKP", "crv": "X25519", "d": private, "x": x}


COUNCIL, ACCREDITOR, UNIVERSITY = map(
    party, ("council.example", "accreditor.example", "uni-a.example")
)
EVERYBODY = (COUNCIL, ACCREDITOR, UNIVERSITY)


def status_list(owner: Party, name: str, *revoked: int) -> bytes:
    """Sign a status list in which the places `revoked` are set."""
    document = status_lists.status_list_credential(
        f"https://{owner.domain}/status/{name}",
        issuer=owner.did,
        bits=status_lists.set_bits(bytes(16_384), revoked),
        at=datetime(2026, 10, 24, tzinfo=UTC),
        valid_until=datetime(2026, 10, 31, tzinfo=UTC),
    )
    secured = data_integrity.secure(
        document,
        key=owner.key,
        verification_method=owner.kid,
        at=datetime(2026, 10, 24, tzinfo=UTC),
    )
    return json.dumps(secured, ensure_ascii=False, separators=(",", ":")).encode()


LISTS = {
    f"https://{one.domain}/status/{name}": status_list(one, name, *revoked)
    for one, name, revoked in (
        (COUNCIL, "3", ()),
        (ACCREDITOR, "3", (412, 131_071)),
        (UNIVERSITY, "17", (0, 9, 94_568)),
    )
}
SINCE, UNTIL = date(2023, 4, 1), date(2030, 3, 31)


def _statement(builder, issuer: Party, subject: Party, index: int, **more) -> bytes:
    unsecured = builder(
        issuer=issuer.did,
        subject=subject.did,
        country="JP",
        valid_from=datetime(2023, 4, 1, tzinfo=UTC),
        valid_until=datetime(2030, 3, 31, 23, 59, 59, tzinfo=UTC),
        status=status_lists.entry(f"https://{issuer.domain}/status/3", index),
        **more,
    )
    return jose.secure(unsecured, key=issuer.key, kid=issuer.kid).encode()


DELEGATION = _statement(
    trust.trust_anchor_delegation,
    COUNCIL,
    ACCREDITOR,
    7,
    legal_name="Accreditor",
    effective=(date(2020, 4, 1), None),
    countries=("JP",),
)
ACCREDITATION = _statement(
    trust.institution_accreditation,
    ACCREDITOR,
    UNIVERSITY,
    411,
    legal_name="University A",
    effective=(SINCE, UNTIL),
    decided_on=date(2023, 3, 20),
    levels=("bachelor", "master", "doctorate"),
)
RECORD = {
    "holder": {
        "family_name": "Tanaka",
        "given_name": "Aiko",
        "name_native": "田中 愛子",
    },
    "qualification": {"awarding_institution": "University A"},
    "programme": {"name": "Department of Computer Science"},
    "results": [
        {
            "code": "CS101",
            "title": "Programming",
            "credits": {"value": 2, "unit": "JP-UNIV"},
            "grade": {"label": "S", "scale": "JP5", "score": 93, "passed": True},
            "taken": {"year": 2022, "term": "first"},
        },
        {
            "code": "MA110",
            "title": "Linear Algebra",
            "credits": {"value": 2, "unit": "JP-UNIV"},
            "grade": {"label": "B", "scale": "JP5", "score": 74, "passed": True},
            "taken": {"year": 2022, "term": "second"},
        },
    ],
    "summary": {"credits_earned": {"value": 4, "unit": "JP-UNIV"}},
}
SHOWN = (
    ("holder", "family_name"),
    ("results", 1, "title"),
    ("results", 1, "grade"),
)


def transcript() -> str:
    """Issue the transcript; the salts are numbered."""
    numbers = itertools.count()
    claims = vcdm.as_claims(
        RECORD,
        id_="urn:uuid:01a17212-d800-7b4a-8f39-d5b65a14849e",
        issuer=UNIVERSITY.did,
        valid_from=SIGNED,
        valid_until=None,
        status=status_lists.entry("https://uni-a.example/status/17", 94_567),
    )
    return sd_jwt.issue(
        claims,
        vct=vct("transcript"),
        key=UNIVERSITY.key,
        kid=UNIVERSITY.kid,
        salts=lambda: seed(f"salt {next(numbers)}")[:22],
    )


def judged(octets: bytes, *, on=None, anchors=(COUNCIL.did,), lists=LISTS) -> dict:
    """Return the findings about a document, with everything at hand."""
    found = assess(
        octets,
        media_type=None,
        evidence=Evidence(
            histories={str(one.did): one.history for one in EVERYBODY},
            status_lists=lists,
            accreditations=(DELEGATION, ACCREDITATION),
        ),
        anchors=anchors,
        at=AT,
        award_date=on,
    )
    return {
        "findings": {name: str(one.result) for name, one in found.findings.items()},
        "authenticity": found.overall("authenticity"),
        "recognition": found.overall("recognition"),
    }


def status_list_vector() -> dict:
    """State one list, what is set in it, and lists that are refused."""
    url = "https://uni-a.example/status/17"
    good = json.loads(LISTS[url])
    subject = good["credentialSubject"]
    return {
        "about": "A status list credential with the places 0, 9 and 94568 set; texts "
        f"that are no list, with the problem code. {WARNING}",
        "issuer": UNIVERSITY.shown,
        "url": url,
        "credential": LISTS[url].decode(),
        "entries": 131_072,
        "set": [0, 9, 94_568],
        "sha256_of_bits": hashlib.sha256(
            status_lists.decode(subject["encodedList"])
        ).hexdigest(),
        "refused": {
            "without the multibase u": subject["encodedList"][1:],
            "fewer entries than 131072": _encoded(bytes(16_383)),
            "more than 2 MiB expanded": _encoded(bytes(2 * 2**20 + 1)),
            "cut short": subject["encodedList"][:-8],
            "padded": subject["encodedList"] + "=",
        },
    }


def _encoded(bits: bytes) -> str:
    packed = gzip.compress(bits, mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def sd_jwt_vector() -> dict:
    """State a transcript, every disclosure of it, and one presentation."""
    token = transcript()
    parsed = sd_jwt.parse(token)
    shown = parsed.present(SHOWN)
    return {
        "about": "A small transcript as an SD-JWT VC, with all its disclosures, and a "
        f"presentation of three units with the claims it discloses. {WARNING}",
        "issuer": UNIVERSITY.shown,
        "record": RECORD,
        "sd_jwt": token,
        "payload": dict(parsed.payload),
        "disclosures": [
            {
                "disclosure": one.text,
                "json": base64.urlsafe_b64decode(
                    one.text + "=" * (-len(one.text) % 4)
                ).decode(),
                "digest": one.digest,
            }
            for one in parsed.disclosures
        ],
        "presented": [list(path) for path in SHOWN],
        "presentation": shown,
        "claims": sd_jwt.parse(shown).claims(),
        "status_list": LISTS["https://uni-a.example/status/17"].decode(),
        "at": AT.isoformat(),
        "verdict": judged(shown.encode()),
    }


def trust_vector() -> dict:
    """State a chain of two statements and what it says on several days."""
    presented = sd_jwt.parse(transcript()).present(SHOWN).encode()
    days = {
        "the day before accreditation": date(2023, 3, 31),
        "its first day": SINCE,
        "its last day": UNTIL,
        "the day after": date(2030, 4, 1),
    }
    verdicts = [
        {"about": about, "on": on.isoformat(), "anchors": [str(COUNCIL.did)]}
        | judged(presented, on=on)
        for about, on in days.items()
    ]
    elsewhere = party("elsewhere.example").did
    verdicts.append(
        {
            "about": "an anchor to which no chain leads",
            "on": SINCE.isoformat(),
            "anchors": [str(elsewhere)],
        }
        | judged(presented, on=SINCE, anchors=(elsewhere,))
    )
    revoked = status_list(ACCREDITOR, "3", 411)
    verdicts.append(
        {
            "about": "the accreditation was revoked (second status list)",
            "on": SINCE.isoformat(),
            "anchors": [str(COUNCIL.did)],
        }
        | judged(
            presented,
            on=SINCE,
            lists=LISTS | {"https://accreditor.example/status/3": revoked},
        )
    )
    return {
        "about": "A chain of trust: council, accreditor, university, and what it says "
        "about the document on several days, everything judged at the moment `at`. "
        f"{WARNING}",
        "parties": {one.domain: one.shown for one in EVERYBODY},
        "delegation": DELEGATION.decode(),
        "accreditation": ACCREDITATION.decode(),
        "status_lists": {url: octets.decode() for url, octets in LISTS.items()},
        "list_with_the_accreditation_revoked": revoked.decode(),
        "document": presented.decode(),
        "at": AT.isoformat(),
        "verdicts": verdicts,
    }


EVENTS = (
    {
        "kind": "consent-granted",
        "at": 1_792_914_900,
        "consent": "01a167c6200075aa85985f5d2da7fc55",
        "version": 1,
        "recipient": "QmSbW3rT8u2mYxKq5nVf1cJ4hLzGdP7sEaRoBwC6tUiXyN",
        "purpose": "recognition-assessment",
        "fields": 5,
    },
    {
        "kind": "release",
        "at": 1_792_914_900,
        "release": "01a17212d8007a4d8451ec23463726f7",
        "consent": "01a167c6200075aa85985f5d2da7fc55",
        "version": 1,
        "recipient": "QmSbW3rT8u2mYxKq5nVf1cJ4hLzGdP7sEaRoBwC6tUiXyN",
        "digest": "sha-256:lurG1uLAnqwRZw2id9gmTSUQYxoUDiuW6KO0Sj-_AGg",
        "fields": 5,
        "amends": None,
    },
    {
        "kind": "dispatch",
        "at": 1_792_914_901,
        "release": "01a17212d8007a4d8451ec23463726f7",
        "digest": "sha-256:lurG1uLAnqwRZw2id9gmTSUQYxoUDiuW6KO0Sj-_AGg",
    },
)


def audit_vector() -> dict:
    """State three events of a source, their entries, tree, tile and checkpoint."""
    key, origin = ed25519("log"), "uni-a.example/log"
    blinds = [
        hashlib.sha256(f"lrx vector blind {number}".encode()).digest()
        for number in range(len(EVENTS))
    ]
    entries = [leaf(blind, event) for blind, event in zip(blinds, EVENTS, strict=True)]
    hashes = [leaf_hash(entry) for entry in entries]
    root = Tree(hashes).root()
    tile = Tile(0, 0, len(entries))
    return {
        "about": "Three events of a source as entries of its audit log, the tree, its "
        f"only tile and the signed checkpoint. Octets in hex. {WARNING}",
        "leaves": [
            {
                "event": event,
                "canonical": canonical(event).decode(),
                "blind": blind.hex(),
                "entry": entry.hex(),
                "leaf_hash": hashed.hex(),
                "index": index,
                "proof": [one.hex() for one in inclusion_proof(index, hashes)],
            }
            for index, (event, blind, entry, hashed) in enumerate(
                zip(EVENTS, blinds, entries, hashes, strict=True)
            )
        ],
        "root": root.hex(),
        "tile": {"path": f"/log/{tile.path}", "content": tile.content(entries).hex()},
        "log_key": key.private_jwk(),
        "key": note_key(origin, key.verification_key),
        "checkpoint": Checkpoint(origin, len(entries), root).sign(key).decode(),
    }


VECTORS = {
    "status_list.json": status_list_vector,
    "sd_jwt.json": sd_jwt_vector,
    "trust_chain.json": trust_vector,
    "audit_log.json": audit_vector,
}


def write() -> None:
    """Write all of them."""
    for name, build in VECTORS.items():
        text = json.dumps(build(), ensure_ascii=False, indent=2)
        (FOLDER / name).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
