"""What comes from peers: kept as it came, with its verdict, and receipted.

What is received is stored with the octets it came in, its verdict, and the duties that
came with it. A tombstone refuses what was withdrawn before it arrived (LRX 1.0,
invariant I7).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import outbox
from node.context import NodeContext
from node.jurisdictions import covers
from node.ledger import Ledger
from node.outbox import Peer
from node.services import keeping
from node.services.forgetting import theirs
from node.store import audit, exchanges, snapshots
from protocol.errors import MessageSchemaError
from protocol.exchange.bodies import ProblemReport
from protocol.exchange.jurisdiction import Objection
from protocol.exchange.messages import Message, policy_digest
from protocol.exchange.odrl import check_policy
from protocol.exchange.record_bodies import (
    RecordAmend,
    RecordChanged,
    RecordDeliver,
    RecordOffer,
    RecordStatus,
)
from protocol.identity.dids import Did
from protocol.identity.multibase import as_base64url
from protocol.rules.validation import Verification

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
        delivery_id=theirs(peer, body.delivery_id),
        consent_id=theirs(peer, body.release.consent_id),
        version=body.release.consent_version,
    ):
        _refuse(connection, context, peer, message, "e.p.consent.withdrawn", at)
        return
    if not exchanges.expects(connection, peer=peer.id, thread=message.thread):
        _refuse(connection, context, peer, message, "e.m.msg.unexpected", at)
        return
    if not _is_ours(context, body):
        _refuse(connection, context, peer, message, "e.m.msg.schema", at)
        return
    against = keeping.objections(
        connection,
        context=context,
        peer=peer,
        purpose=body.release.purpose,
        consent=body.release.consent_id,
        verifications=[one.verification for one in judged],
    )
    if against:
        _unlawful(connection, context, peer, message, against, at)
        return
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


def _is_ours(context: NodeContext, body: RecordDeliver) -> bool:
    """Tell whether the policy is one of the profile, about this release and for us."""
    try:
        policy = check_policy(body.policy)
    except MessageSchemaError:
        return False
    return (
        policy_digest(body.policy) == body.release.policy_digest
        and Did(policy.assignee).scid == context.did.scid
        and policy.consent == (body.release.consent_id, body.release.consent_version)
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
    against = keeping.objections(
        connection,
        context=context,
        peer=peer,
        purpose=delivery.purpose,
        consent=delivery.consent_id or "",
        verifications=[one.verification for one in judged],
    )
    if against:
        _unlawful(connection, context, peer, message, against, at)
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
    settings = context.settings
    privacy = settings.privacy
    accepted = (
        body.purpose in settings.accept_purposes
        and bool(wanted)
        and covers("recipient", privacy.jurisdiction, settings.own_packs)
    )
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


def _unlawful(
    connection: Connection,
    context: NodeContext,
    peer: Peer,
    message: Message,
    against: Collection[Objection],
    at: datetime,
) -> None:
    """Keep nothing of what the law here does not let this node have; say so."""
    _refuse(connection, context, peer, message, "e.p.terms.law", at)
    audit.append(
        connection,
        vault=context.vault,
        kind="delivery-refused",
        event={
            "peer": peer.id,
            "message": message.id,
            "grounds": [str(one) for one in against],
        },
        at=at,
    )


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
        pthid=message.thread,
    )
