"""We ask a peer; we verify and keep what comes; we do as we promised.

What is received is stored with the octets it came in, its verdict, and the duties that
came with it. A tombstone refuses what was withdrawn before it arrived (LRX 1.0,
invariant I7).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import outbox
from node.context import NodeContext
from node.ledger import Ledger
from node.outbox import Peer
from node.store import audit, exchanges, snapshots
from node.store import peers as peer_store
from protocol.credentials.record_model import vct
from protocol.errors import NotFoundError
from protocol.exchange.bodies import ConsentChanged, ProblemReport
from protocol.exchange.dcql import Dcql
from protocol.exchange.messages import Message
from protocol.exchange.odrl import check_policy
from protocol.exchange.record_bodies import (
    RecordAmend,
    RecordChanged,
    RecordDeliver,
    RecordOffer,
    RecordStatus,
)
from protocol.identity.multibase import as_base64url
from protocol.rules.validation import Verification

TOMBSTONE_LIFETIME = timedelta(days=80)
DELETE_DUTY = "#delete"
"""The duty of a policy to delete after some days."""
POLICY = "recognition"
"""Which findings a received credential is judged by."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One received item and what verification found."""

    item_id: str
    octets: bytes
    verification: Verification | None
    """None where the octets could not be read at all."""
    problem: str = ""
    status_lists: Mapping[str, bytes] = field(default_factory=dict)
    """The lists it was judged by, by address."""

    @property
    def verdict(self) -> dict[str, Any]:
        """The verdict as it is stored and shown."""
        if self.verification is None:
            return {
                "overall": "invalid",
                "policy": POLICY,
                "findings": {
                    "integrity": {
                        "result": "invalid",
                        "reason": self.problem,
                        "evidence": {},
                    }
                },
            }
        return verdict(self.verification)


def verdict(verification: Verification) -> dict[str, Any]:
    """Return a verdict as it is stored and shown."""
    return {
        "overall": str(verification.overall(POLICY)),
        "policy": POLICY,
        "findings": {
            name: {
                "result": str(finding.result),
                "reason": finding.reason,
                "evidence": dict(finding.evidence),
            }
            for name, finding in verification.findings.items()
        },
    }


def query(
    connection: Connection,
    *,
    context: NodeContext,
    peer: str,
    subject: Mapping[str, Any],
    kind: str,
    required: tuple[tuple[str | int | None, ...], ...],
    optional: tuple[tuple[str | int | None, ...], ...],
    purpose: str,
    reference: str,
    text: Mapping[str, str],
    deadline: datetime,
    at: datetime,
) -> str:
    """Ask a peer for fields of one learner's record; return the request's id.

    Raises:
        NotFoundError: no such peer.
    """
    paths = [*required, *optional]
    names = [f"c{number}" for number in range(len(paths))]
    wanted: dict[str, Any] = {
        "id": kind.replace("-", "_"),
        "format": "dc+sd-jwt",
        "meta": {"vct_values": [vct(kind)]},
        "claims": [
            {"id": name, "path": list(path)}
            for name, path in zip(names, paths, strict=True)
        ],
    }
    if optional:
        wanted["claim_sets"] = _sets(names, len(required))
    return ask(
        connection,
        context=context,
        peer=peer,
        subject=subject,
        dcql={"credentials": [wanted]},
        purpose=purpose,
        reference=reference,
        text=text,
        deadline=deadline,
        at=at,
    )


def ask(
    connection: Connection,
    *,
    context: NodeContext,
    peer: str,
    subject: Mapping[str, Any],
    dcql: Mapping[str, Any],
    purpose: str,
    reference: str,
    text: Mapping[str, str],
    deadline: datetime,
    at: datetime,
) -> str:
    """Send a query in DCQL; return the request's id, which is the thread.

    Raises:
        NotFoundError: no such peer.
        MessageSchemaError: not a query of this profile.
    """
    row = peer_store.peer(connection, id=peer)
    if row is None:
        raise NotFoundError("no such peer")
    Dcql.parse(dcql)
    privacy = context.settings.privacy
    purpose_ = {"code": purpose, "legal_basis": "consent", "text": dict(text)}
    if reference:
        purpose_["reference"] = reference
    composed = outbox.queue(
        connection,
        context=context,
        peer=Peer(row.id, row.did),
        kind="record/query",
        body={
            "subject": dict(subject),
            "dcql": dict(dcql),
            "purpose": purpose_,
            "recipient_terms": {
                "jurisdiction": privacy.jurisdiction,
                "regimes": list(privacy.regimes),
                "retention_days": privacy.retention_days,
                "onward": [],
                "automated_decision": False,
            },
            "accept": {"formats": ["dc+sd-jwt"], "max_inline_bytes": 98304},
            "deadline": int(deadline.timestamp()),
        },
        at=at,
    )
    exchanges.add_request(
        connection,
        vault=context.vault,
        id=composed.id,
        peer=row.id,
        created_at=at,
        deadline=deadline,
        state="sent",
        body=composed.payload,
        reference=reference,
    )
    return composed.id


def _sets(names: list[str], required: int) -> list[list[str]]:
    """All optional claims, then each left out alone, then none: what a person picks.

    With three optional claims or fewer every combination is offered.
    """
    always, free = names[:required], names[required:]
    if len(free) > 3:  # noqa: PLR2004 - eight combinations still fit on a page
        return [names, always]
    subsets = [
        [name for bit, name in enumerate(free) if mask >> bit & 1]
        for mask in range(1 << len(free))
    ]
    return [always + chosen for chosen in sorted(subsets, key=len, reverse=True)]


def take_delivery(
    connection: Connection,
    *,
    context: NodeContext,
    ledger: Ledger,
    message: Message,
    digest: str,
    jws: bytes,
    peer: Peer,
    judged: list[Judged],
    at: datetime,
) -> None:
    """Keep a delivery that was verified, and answer with the signed receipt."""
    body = message.body
    if not isinstance(body, RecordDeliver):
        raise TypeError("not a delivery")
    if exchanges.is_tombstoned(
        connection,
        vault=context.vault,
        delivery_id=_theirs(peer, body.delivery_id),
        consent_id=_theirs(peer, body.release.consent_id),
        version=body.release.consent_version,
    ):
        _refuse(connection, context, peer, message, "e.p.consent.withdrawn", at)
        return
    if not exchanges.expects(connection, peer=peer.id, thread=message.thread):
        _refuse(connection, context, peer, message, "e.m.msg.unexpected", at)
        return
    check_policy(body.policy)
    exchanges.add_delivery(
        connection,
        vault=context.vault,
        delivery=exchanges.Delivery(
            id=body.delivery_id,
            direction="in",
            peer=peer.id,
            thread=message.thread,
            message_id=message.id,
            message_digest=digest,
            release_id=body.release.release_id,
            consent_id=body.release.consent_id,
            consent_version=body.release.consent_version,
            purpose=body.release.purpose,
            at=at,
            state="active",
            jws=jws,
            policy=body.policy,
        ),
    )
    by_id = {item.item_id: item for item in body.items}
    for one in judged:
        _keep_item(
            connection,
            context,
            body.delivery_id,
            one,
            by_id[one.item_id].format,
            by_id[one.item_id].digest,
            at,
        )
    duties = _obligations(body.policy, at)
    for uid, due in duties:
        exchanges.add_obligation(
            connection, delivery_id=body.delivery_id, uid=uid, due=due
        )
    _receipt(connection, context, ledger, message, digest, peer, judged, duties, at)
    exchanges.settle_request(
        connection, peer=peer.id, thread=message.thread, state="delivered"
    )


def take_amend(
    connection: Connection,
    *,
    context: NodeContext,
    ledger: Ledger,
    message: Message,
    digest: str,
    peer: Peer,
    judged: list[Judged],
    at: datetime,
) -> None:
    """Put corrected items in the place of those delivered before."""
    body = message.body
    if not isinstance(body, RecordAmend):
        raise TypeError("not an amendment")
    delivery = exchanges.delivery(
        connection, vault=context.vault, id=body.delivery_id, peer=peer.id
    )
    if delivery is None or delivery.state != "active":
        _refuse(connection, context, peer, message, "e.p.consent.withdrawn", at)
        return
    by_id = {item.item_id: item for item in body.changes}
    for one in judged:
        change = by_id[one.item_id]
        number = exchanges.count_items(connection, delivery_id=delivery.id)
        _keep_item(
            connection,
            context,
            delivery.id,
            one,
            change.format,
            change.digest,
            at,
            stored_as=f"{one.item_id}~{number}",
        )
    _receipt(connection, context, ledger, message, digest, peer, judged, [], at)


def take_status(connection: Connection, *, message: Message, peer: Peer) -> None:
    """Close a request nothing was delivered for."""
    body = message.body
    if isinstance(body, RecordStatus):
        exchanges.settle_request(
            connection,
            peer=peer.id,
            thread=message.thread,
            state=f"closed-{body.outcome}",
        )


def take_problem(connection: Connection, *, message: Message, peer: Peer) -> None:
    """Close a request the peer refused for what it is."""
    body = message.body
    if isinstance(body, ProblemReport) and message.pthid:
        exchanges.settle_request(
            connection,
            peer=peer.id,
            thread=message.pthid,
            state=f"refused {body.code}",
        )


def take_offer(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    peer: Peer,
    at: datetime,
) -> None:
    """Answer an offer: accept what this node takes, decline the rest."""
    body = message.body
    if not isinstance(body, RecordOffer):
        raise TypeError("not an offer")
    wanted = [item.item_id for item in body.items if item.format == "dc+sd-jwt"]
    accepted = body.purpose in context.settings.accept_purposes and bool(wanted)
    privacy = context.settings.privacy
    answer: dict[str, Any] = {"answer": "accept" if accepted else "decline"}
    if accepted:
        answer |= {
            "items": wanted,
            "terms": {
                "jurisdiction": privacy.jurisdiction,
                "regimes": list(privacy.regimes),
                "retention_days": privacy.retention_days,
                "onward": [],
            },
        }
    exchanges.add_offer(
        connection,
        vault=context.vault,
        id=message.id,
        direction="in",
        peer=peer.id,
        state="accepted" if accepted else "declined",
        body=message.model_dump_json(by_alias=True, exclude_none=True).encode(),
        at=at,
        decide_by=datetime.fromtimestamp(body.decide_by, UTC),
    )
    outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="record/answer",
        body=answer,
        at=at,
        thid=message.id,
    )


def take_consent_change(
    connection: Connection,
    *,
    context: NodeContext,
    message: Message,
    peer: Peer,
    at: datetime,
) -> None:
    """A consent ended: forget what came under it, and say so."""
    body = message.body
    if not isinstance(body, ConsentChanged):
        raise TypeError("not a change of consent")
    until = at + TOMBSTONE_LIFETIME
    exchanges.add_consent_tombstone(
        connection,
        vault=context.vault,
        consent_id=_theirs(peer, body.consent_id),
        version=body.version,
        until=until,
    )
    results = []
    for delivery_id in body.deliveries:
        exchanges.add_delivery_tombstone(
            connection,
            vault=context.vault,
            delivery_id=_theirs(peer, delivery_id),
            until=until,
        )
        delivery = exchanges.delivery(
            connection, vault=context.vault, id=delivery_id, peer=peer.id
        )
        if delivery is not None and delivery.direction == "in":
            exchanges.erase_delivery(connection, id=delivery_id, at=at)
        results.append(_deleted(delivery_id, at))
    if not results:
        return
    outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="erasure/report",
        body={"consent_id": body.consent_id, "results": results},
        at=at,
        thid=message.id,
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="erased",
        event={"consent": body.consent_id, "deliveries": list(body.deliveries)},
        at=at,
    )


def fulfil_due(connection: Connection, *, context: NodeContext, at: datetime) -> int:
    """Delete what was promised to be deleted by now, and say so unasked.

    Returns how many deliveries were deleted.
    """
    done = 0
    for duty in exchanges.obligations_due(connection, at=at):
        delivery = exchanges.delivery(
            connection, vault=context.vault, id=duty.delivery_id
        )
        row = peer_store.peer(connection, id=delivery.peer) if delivery else None
        if duty.uid != DELETE_DUTY or delivery is None or row is None:
            continue
        exchanges.erase_delivery(connection, id=delivery.id, at=at)
        exchanges.set_obligation(
            connection,
            delivery_id=delivery.id,
            uid=duty.uid,
            state="reported",
            done_at=at,
        )
        outbox.queue(
            connection,
            context=context,
            peer=Peer(row.id, row.did),
            kind="erasure/report",
            body={
                "consent_id": delivery.consent_id,
                "results": [_deleted(delivery.id, at)],
            },
            at=at,
            pthid=delivery.thread,
        )
        audit.append(
            connection,
            vault=context.vault,
            kind="erased",
            event={"consent": delivery.consent_id, "deliveries": [delivery.id]},
            at=at,
        )
        done += 1
    return done


def _theirs(peer: Peer, id_: str) -> str:
    """Name an id as this peer's: one peer's withdrawal cannot block another's data."""
    return f"{peer.id} {id_}"


def _deleted(delivery_id: str, at: datetime) -> dict[str, Any]:
    return {
        "delivery_id": delivery_id,
        "result": "deleted",
        "completed_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "onward": [],
    }


def changed_items(
    connection: Connection, *, context: NodeContext, message: Message, peer: Peer
) -> list[tuple[str, str]]:
    """Return delivery and item ids a `record/changed` is about; theirs only."""
    body = message.body
    if not isinstance(body, RecordChanged):
        raise TypeError("not a change of records")
    delivery = exchanges.delivery(
        connection, vault=context.vault, id=body.delivery_id, peer=peer.id
    )
    if delivery is None:
        return []
    digests = {item.digest for item in body.items}
    return [
        (delivery.id, item.item_id)
        for item in exchanges.items(
            connection, vault=context.vault, delivery_id=delivery.id
        )
        if item.digest in digests
    ]


def set_verdict(
    connection: Connection,
    *,
    context: NodeContext,
    delivery_id: str,
    item_id: str,
    judged: Judged,
    at: datetime,
) -> None:
    """Store what verifying an item anew has found."""
    exchanges.set_verdict(
        connection,
        delivery_id=delivery_id,
        item_id=item_id,
        verdict=judged.verdict,
        at=at,
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="verified",
        event={
            "delivery": delivery_id,
            "item": item_id,
            "overall": judged.verdict["overall"],
        },
        at=at,
    )


def _keep_item(
    connection: Connection,
    context: NodeContext,
    delivery_id: str,
    judged: Judged,
    format_: str,
    digest: str,
    at: datetime,
    stored_as: str | None = None,
) -> None:
    item_id = stored_as or judged.item_id
    snapshots.keep(
        connection, delivery_id=delivery_id, status_lists=judged.status_lists, at=at
    )
    exchanges.add_item(
        connection,
        vault=context.vault,
        delivery_id=delivery_id,
        item_id=item_id,
        record_id="",
        credential_id=None,
        format=format_,
        digest=digest,
        octets=judged.octets,
    )
    exchanges.set_verdict(
        connection,
        delivery_id=delivery_id,
        item_id=item_id,
        verdict=judged.verdict,
        at=at,
    )


def _receipt(
    connection: Connection,
    context: NodeContext,
    ledger: Ledger,
    message: Message,
    digest: str,
    peer: Peer,
    judged: list[Judged],
    duties: list[tuple[str, date | None]],
    at: datetime,
) -> None:
    body = message.body
    if not isinstance(body, RecordDeliver | RecordAmend):
        raise TypeError("not a delivery")
    stated = body.items if isinstance(body, RecordDeliver) else body.changes
    digests = {item.item_id: item.digest for item in stated}
    audit.append(
        connection,
        vault=context.vault,
        kind="delivery-received",
        event={
            "delivery": body.delivery_id,
            "message": message.id,
            "digest": digest,
            "verdicts": {one.item_id: one.verdict["overall"] for one in judged},
        },
        at=at,
    )
    head = ledger.head(connection)
    receipt = {
        "delivery_id": body.delivery_id,
        "message_digest": digest,
        "received_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "items": [
            {
                "item_id": one.item_id,
                "digest": digests[one.item_id],
                "result": "rejected"
                if one.verdict["overall"] == "invalid"
                else "accepted",
                "checks": {
                    name: finding["result"]
                    for name, finding in one.verdict["findings"].items()
                },
            }
            for one in judged
        ],
        "obligations": [
            {"uid": uid, "accepted": True} | ({"due": due.isoformat()} if due else {})
            for uid, due in duties
        ],
        "log": {
            "origin": ledger.origin,
            "size": head.size,
            "root": as_base64url(head.root),
        },
    }
    composed = outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="record/receipt",
        body=receipt,
        at=at,
        thid=message.thread,
    )
    if isinstance(body, RecordDeliver):
        exchanges.set_receipt(
            connection,
            vault=context.vault,
            delivery_id=body.delivery_id,
            receipt_id=composed.id,
            jws=composed.jws,
        )


def _obligations(
    policy: Mapping[str, Any], at: datetime
) -> list[tuple[str, date | None]]:
    """Return uid and due day of each duty of a policy in the closed profile."""
    found: list[tuple[str, date | None]] = []
    for permission in policy.get("permission", []):
        for duty in permission.get("duty", []):
            due = None
            for constraint in duty.get("constraint", []):
                if constraint["leftOperand"] == "elapsedTime":
                    days = int(constraint["rightOperand"].strip("PD"))
                    due = (at + timedelta(days=days)).date()
            found.append((duty["uid"], due))
    return found


def _refuse(
    connection: Connection,
    context: NodeContext,
    peer: Peer,
    message: Message,
    code: str,
    at: datetime,
) -> None:
    outbox.queue(
        connection,
        context=context,
        peer=peer,
        kind="report-problem",
        body={"code": code, "comment": "The delivery was not kept."},
        at=at,
        pthid=message.id,
    )
