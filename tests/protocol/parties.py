"""Organisations with keys and a DID history, and what they sign, for the tests."""

import hashlib
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from protocol.credentials import status_lists, vcdm
from protocol.credentials.record_model import vct
from protocol.identity.dids import Did, DidDocument, DidHistory, DidUrl, DidVersion
from protocol.identity.keys import LocalSigningKey
from protocol.identity.multibase import as_base58btc
from protocol.rules import trust
from protocol.rules.validation import Evidence, assess
from protocol.securing import data_integrity, jose, sd_jwt

BORN = datetime(2023, 4, 1, tzinfo=UTC)
SIGNED = datetime(2026, 4, 1, 9, tzinfo=UTC)
AT = datetime(2026, 11, 1, tzinfo=UTC)
SINCE = date(2023, 4, 1)
UNTIL = date(2030, 3, 31)
AWARDED = date(2026, 3, 25)
DAY = timedelta(days=1)

RECORD = {
    "holder": {"family_name": "Tanaka", "given_name": "Aiko"},
    "qualification": {
        "title": "Bachelor of Engineering",
        "awarded_on": AWARDED.isoformat(),
    },
    "results": [
        {
            "code": f"M{number}",
            "title": f"Mathematics {number}",
            "credits": {"value": 2, "unit": "credits"},
            "grade": {"label": "A", "passed": True},
        }
        for number in range(3)
    ],
}


def salts():
    """Return a source of salts that are never the same twice."""
    numbers = itertools.count()
    return lambda: hashlib.sha256(str(next(numbers)).encode()).hexdigest()[:22]


@dataclass
class Party:
    """Somebody with a domain, an Ed25519 key `#cred-1` and a P-256 key `#cred-2`."""

    domain: str
    method: str = "webvh"
    keys: dict[str, LocalSigningKey] = field(default_factory=dict)
    documents: list[tuple[datetime, dict]] = field(default_factory=list)
    deactivated: bool = False

    def __post_init__(self):
        self.keys = {
            "#cred-1": LocalSigningKey.generate("EdDSA"),
            "#cred-2": LocalSigningKey.generate("ES256"),
            "#sig-1": LocalSigningKey.generate("EdDSA"),
        }
        self.documents = [(BORN, self.document())]

    @property
    def did(self) -> Did:
        scid = as_base58btc(b"\x12\x20" + hashlib.sha256(self.domain.encode()).digest())
        middle = f"{scid}:" if self.method == "webvh" else ""
        return Did(f"did:{self.method}:{middle}{self.domain}")

    def url(self, fragment="#cred-1") -> DidUrl:
        return DidUrl.of(self.did, fragment)

    def document(self, *, uses=("#cred-1", "#cred-2"), **changes):
        """Write a DID document in which `uses` may sign credentials."""
        return {
            "id": str(self.did),
            "verificationMethod": [
                {
                    "id": self.url(fragment),
                    "type": "Multikey",
                    "controller": str(self.did),
                    "publicKeyMultibase": key.verification_key.multikey(),
                    **changes.get(fragment.strip("#").replace("-", "_"), {}),
                }
                for fragment, key in self.keys.items()
            ],
            "authentication": [self.url("#sig-1")],
            "assertionMethod": [self.url(one) for one in uses],
            "service": changes.get("service", []),
        }

    @property
    def history(self) -> DidHistory:
        versions = tuple(
            DidVersion(number, f"{number}-x", at, DidDocument.parse(document))
            for number, (at, document) in enumerate(self.documents, 1)
        )
        return DidHistory(self.did, self.did.scid, versions, self.deactivated)

    def secure(self, document, *, at=SIGNED, fragment="#cred-1", **more) -> dict:
        return data_integrity.secure(
            document,
            key=self.keys[fragment],
            verification_method=self.url(fragment),
            at=at,
            **more,
        )

    def jwt(self, claims, *, fragment="#cred-1") -> bytes:
        kid = self.url(fragment)
        return jose.secure(claims, key=self.keys[fragment], kid=kid).encode()

    @property
    def list_url(self) -> str:
        return f"https://{self.domain}/status/3"

    def entry(self, index=7, **changes):
        return status_lists.entry(self.list_url, index) | changes

    def list_document(self, *revoked, at=AT - DAY, until=AT + 6 * DAY, **changes):
        bits = status_lists.set_bits(bytes(16_384), revoked)
        return status_lists.status_list_credential(
            changes.pop("url", self.list_url),
            issuer=changes.pop("issuer", self.did),
            bits=bits,
            at=at,
            valid_until=until,
            **changes,
        )

    def status_list(self, *revoked, **changes) -> bytes:
        return as_json(
            self.secure(self.list_document(*revoked, **changes), at=AT - DAY)
        )

    def sd_jwt(
        self, record=None, *, fragment="#cred-2", kind="diploma-supplement", **claims
    ):
        stated = vcdm.as_claims(
            RECORD if record is None else record,
            id_="urn:uuid:01a17212",
            issuer=self.did,
            valid_from=SIGNED,
            valid_until=None,
            status=self.entry(),
        )
        stated = {n: v for n, v in (stated | claims).items() if v is not None}
        return sd_jwt.issue(
            stated,
            vct=vct(kind),
            key=self.keys[fragment],
            kid=self.url(fragment),
            salts=salts(),
        )

    def vc(self, record=None, *, kind="diploma-supplement", **changes) -> dict:
        document = vcdm.as_credential(
            RECORD if record is None else record,
            kind,
            id_="urn:uuid:01a17213",
            issuer=self.did,
            name="University",
            valid_from=SIGNED,
            valid_until=None,
            status=self.entry(),
        )
        return {n: v for n, v in (document | changes).items() if v is not None}


def as_json(document) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def statement(build, issuer, subject, **changes) -> bytes:
    """Sign a statement about an organisation."""
    sign = changes.pop("sign", issuer)
    stated = {
        "issuer": issuer.did,
        "subject": subject.did,
        "legal_name": subject.domain,
        "country": "JP",
        "effective": (SINCE, UNTIL),
        "valid_from": BORN + DAY,
        "valid_until": AT + 1000 * DAY,
    }
    return sign.jwt(build(**(stated | changes)))


def delegation(issuer, subject, **changes) -> bytes:
    return statement(trust.trust_anchor_delegation, issuer, subject, **changes)


def accreditation(issuer, subject, **changes) -> bytes:
    return statement(trust.institution_accreditation, issuer, subject, **changes)


@dataclass
class World:
    """What can be obtained, and what was asked for."""

    parties: tuple[Party, ...]
    anchors: tuple[Did, ...] = ()
    statements: tuple[bytes, ...] = ()
    lists: dict[str, bytes] = field(default_factory=dict)
    offline: frozenset[str] = frozenset()
    """DIDs and URLs that cannot be reached."""
    asked: list[str] = field(default_factory=list)

    def assess(self, octets, **more):
        """Gather what is wanted until nothing more is, like a node."""
        if isinstance(octets, str):
            octets = octets.encode()
        if isinstance(octets, dict):
            octets = as_json(octets)
        more = {"media_type": None, "anchors": self.anchors, "at": AT} | more
        histories, lists, failed = {}, {}, {}
        for _ in range(20):
            evidence = Evidence(
                histories=histories,
                status_lists=lists,
                accreditations=self.statements,
                unobtainable=dict(failed),
            )
            found = assess(octets, evidence=evidence, **more)
            if not found.wants:
                self.evidence = evidence
                return found
            for want in found.wants:
                self.asked.append(want.id)
                known = {one.did: one for one in self.parties}
                if want.id in self.offline or want.kind == "accreditation":
                    failed[want] = "offline"
                elif want.kind == "did" and want.id in known:
                    histories[want.id] = known[want.id].history
                elif want.kind == "status" and want.id in self.lists:
                    lists[want.id] = self.lists[want.id]
                else:
                    failed[want] = "not found"
        raise AssertionError("what was obtained is wanted again")
