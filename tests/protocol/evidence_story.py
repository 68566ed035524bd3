"""One delivery from query to receipt, made for real, for the evidence tests."""

import dataclasses
import itertools
import json
from datetime import UTC, date, datetime, timedelta
from functools import cache

from protocol.credentials import status_lists
from protocol.exchange import did_log, envelope, messages, odrl
from protocol.exchange.consent import Purpose
from protocol.exchange.evidence import (
    Contents,
    History,
    Leaf,
    LogExcerpt,
    build_pack,
)
from protocol.exchange.evidence_manifest import digest
from protocol.exchange.merkle_log import (
    Checkpoint,
    Tree,
    inclusion_proof,
    leaf,
    leaf_hash,
    note_key,
)
from protocol.exchange.messages import policy_digest
from protocol.identity.dids import DidUrl, node_document
from protocol.identity.keys import DecryptionKey, LocalSigningKey
from protocol.rules import trust
from protocol.securing import jose, sd_jwt

AWARDED = date(2024, 3, 25)
BORN = datetime(2023, 4, 1, tzinfo=UTC)
ASKED = datetime(2026, 10, 20, 8, tzinfo=UTC)
SENT = datetime(2026, 10, 25, 8, tzinfo=UTC)
RECEIVED = SENT + timedelta(seconds=30)
MADE = datetime(2026, 11, 2, 9, tzinfo=UTC)
LIFE = timedelta(days=14)
VCT = "https://lrx.example/vct/diploma-supplement/1"
UNITS = (("qualification", "title"), ("qualification", "awarded_on"))
RECORD = {
    "holder": {"family_name": "田中", "birth_date": "2001-05-14"},
    "qualification": {
        "title": "Bachelor of Engineering",
        "awarded_on": AWARDED.isoformat(),
    },
    "results": [{"code": "M1", "grade": {"label": "優", "scale": "jp"}}],
}
IDS = {
    name: f"01a17212d8007{number:03x}8000000000000000"
    for number, name in enumerate(
        ("query", "deliver", "receipt", "delivery", "release", "consent")
    )
}


@dataclasses.dataclass(frozen=True)
class Party:
    did: str
    log: bytes
    message_key: LocalSigningKey
    credential_key: LocalSigningKey
    log_key: LocalSigningKey

    def url(self, fragment):
        return DidUrl.of(self.did, fragment)


@cache
def party(domain):
    update, upcoming, message, credential, log = (
        LocalSigningKey.generate("EdDSA") for _ in range(5)
    )
    template = node_document(
        "did:webvh:{SCID}:" + domain,
        message_key=message.verification_key,
        credential_keys=[credential.verification_key],
        encryption_key=DecryptionKey.generate().encryption_key,
        endpoint=f"https://{domain}/lrx/1",
        profile=f"https://{domain}/.well-known/lrx",
    )
    did, octets = did_log.create(
        template,
        update_key=update,
        next_key_hashes=[did_log.next_key_hash(upcoming.verification_key.multikey())],
        at=BORN,
    )
    return Party(did, octets, message, credential, log)


SOURCE, AUTHORITY, ACCREDITOR, COUNCIL = map(
    party, ("uni-a.example", "enic-b.example", "accreditor.example", "council.example")
)


def document_of(owner):
    """The last document of a party, as did:web would publish it."""
    state = json.loads(owner.log.splitlines()[-1])["state"]
    return json.dumps(state).replace(owner.did, "did:web:council.example").encode()


def list_url(owner):
    return f"https://{owner.did.rpartition(':')[2]}/status/3"


def status_list(owner, *, revoked=(), at=SENT - timedelta(hours=1)):
    bits = status_lists.set_bits(bytes(16_384), revoked)
    document = status_lists.status_list_credential(
        list_url(owner),
        issuer=owner.did,
        bits=bits,
        at=at,
        valid_until=at + timedelta(days=30),
    )
    return secured(owner, document)


def secured(owner, document):
    kid = owner.url("#cred-1")
    return jose.secure(document, key=owner.credential_key, kid=kid).encode()


def accreditations():
    when = {
        "effective": (date(2023, 4, 1), None),
        "valid_from": BORN,
        "valid_until": BORN + timedelta(days=3650),
    }
    delegation = trust.trust_anchor_delegation(
        issuer=COUNCIL.did,
        subject=ACCREDITOR.did,
        legal_name="Accreditor",
        country="JP",
        status=status_lists.entry(list_url(COUNCIL), 7),
        **when,
    )
    accreditation = trust.institution_accreditation(
        issuer=ACCREDITOR.did,
        subject=SOURCE.did,
        legal_name="University A",
        country="JP",
        status=status_lists.entry(list_url(ACCREDITOR), 8),
        **when,
    )
    return [
        secured(COUNCIL, delegation),
        secured(ACCREDITOR, accreditation),
    ]


def credential(units=UNITS):
    salts = map("{:022}".format, itertools.count())
    issued = sd_jwt.issue(
        {
            **RECORD,
            "iss": SOURCE.did,
            "iat": int(BORN.timestamp()) + 31_536_000,
            "status": status_lists.entry(list_url(SOURCE), 94_567),
        },
        vct=VCT,
        key=SOURCE.credential_key,
        kid=SOURCE.url("#cred-1"),
        salts=lambda: next(salts),
    )
    return sd_jwt.parse(issued).present(units).encode()


def said(
    sender,
    receiver,
    type_,
    name,
    body,
    *,
    at,
    thid=None,
    attachments=(),
    signer=None,
    key=None,
):
    signer = signer or sender
    payload = messages.compose(
        type_,
        id=IDS[name],
        from_=sender.did,
        to=receiver.did,
        body=body,
        at=at,
        expires=at + LIFE,
        thid=thid,
        attachments=attachments,
    )
    return envelope.sign(
        payload, key=key or signer.message_key, kid=signer.url("#sig-1")
    )


def query(sender=AUTHORITY, name="query", **by):
    body = {
        "subject": {"match": "grant", "grant": "K7QX-2M9D-TR4P-WZ6H"},
        "dcql": {
            "credentials": [
                {
                    "id": "degree",
                    "format": "dc+sd-jwt",
                    "meta": {"vct_values": [VCT]},
                    "claims": [{"path": list(unit)} for unit in UNITS],
                }
            ]
        },
        "purpose": {"code": "recognition-assessment", "legal_basis": "consent"},
        "recipient_terms": {"jurisdiction": "NL", "retention_days": 180},
        "accept": {"formats": ["dc+sd-jwt"]},
        "deadline": int((ASKED + timedelta(days=7)).timestamp()),
    }
    return said(sender, SOURCE, "record/query", name, body, at=ASKED, **by)


def agreement(assignee=AUTHORITY.did):
    return odrl.policy(
        odrl.Terms(
            consent_id=IDS["consent"],
            consent_version=1,
            assigner="urn:lrx:learner:a05f7566ae8c857a3bc47bd1cf960f0d",
            assignee=assignee,
            purpose=Purpose.RECOGNITION_ASSESSMENT,
            retention_days=180,
        )
    )


def deliver(item, *, policy=None, octets=None, **release):
    body = {
        "delivery_id": IDS["delivery"],
        "release": {
            "release_id": IDS["release"],
            "consent_id": IDS["consent"],
            "consent_version": 1,
            "policy_digest": policy_digest(policy or agreement()),
            "purpose": "recognition-assessment",
            "released_at": "2026-10-25T08:00:00Z",
            "fields": {"degree": [list(unit) for unit in UNITS]},
            **release,
        },
        "policy": policy or agreement(),
        "items": [
            {
                "item_id": "degree",
                "attachment": "a1",
                "format": "dc+sd-jwt",
                "digest": digest(item),
            }
        ],
    }
    attachment = messages.attach("a1", "application/dc+sd-jwt", octets or item)
    return said(
        SOURCE,
        AUTHORITY,
        "record/deliver",
        "deliver",
        body,
        at=SENT,
        thid=IDS["query"],
        attachments=[attachment],
    )


CHECKED = {
    "integrity": "valid",
    "issuer_identified": "valid",
    "key_at_signing": "valid",
    "validity_period": "valid",
    "issuer_accredited_at_award": "valid",
    "status_now": "valid",
    "schema": "valid",
}


def receipt(
    delivered,
    item,
    *,
    checks=CHECKED,
    result="accepted",
    sender=AUTHORITY,
    item_id="degree",
    **changes,
):
    body = {
        "delivery_id": IDS["delivery"],
        "message_digest": envelope.message_digest(envelope.read(delivered).payload),
        "received_at": "2026-10-25T08:00:30Z",
        "items": [
            {
                "item_id": item_id,
                "digest": digest(item),
                "result": result,
                "checks": checks,
            }
        ],
        **changes,
    }
    return said(
        sender,
        SOURCE,
        "record/receipt",
        "receipt",
        body,
        at=RECEIVED,
        thid=IDS["query"],
    )


def log_excerpt(owner=SOURCE):
    opened = {
        "release": {"kind": "release", "release": IDS["release"]},
        "receipt": {"kind": "receipt", "delivery": IDS["delivery"]},
    }
    blinds = {about: about.encode().ljust(32, b".") for about in opened}
    entries = [bytes([n]) * 32 for n in range(5)]
    entries += [leaf(blinds[about], event) for about, event in opened.items()]
    hashes = [leaf_hash(entry) for entry in entries]
    origin = "uni-a.example/log"
    return LogExcerpt(
        key=note_key(origin, owner.log_key.verification_key),
        origin=origin,
        checkpoint=Checkpoint(origin, len(hashes), Tree(hashes).root()).sign(
            owner.log_key
        ),
        leaves={
            about: Leaf(event, blinds[about], 5 + at, inclusion_proof(5 + at, hashes))
            for at, (about, event) in enumerate(opened.items())
        },
    )


@cache
def contents():
    item = credential()
    delivered = deliver(item)
    return Contents(
        delivery_id=IDS["delivery"],
        messages={
            "query": query(),
            "deliver": delivered,
            "receipt": receipt(delivered, item),
        },
        items={"degree": item},
        policy=agreement(),
        dids={
            one.did: History(one.log)
            for one in (SOURCE, AUTHORITY, ACCREDITOR, COUNCIL)
        },
        accreditations=accreditations(),
        status_lists={
            list_url(one): status_list(one) for one in (SOURCE, ACCREDITOR, COUNCIL)
        },
        log=log_excerpt(),
        anchors=[COUNCIL.did],
    )


def packed(*, by=SOURCE, key=None, **changes):
    changed = dataclasses.replace(contents(), **changes)
    return build_pack(changed, key=key or by.message_key, kid=by.url("#sig-1"), at=MADE)
