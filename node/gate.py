"""The one door for learner data out of the node (LRX 1.0, "Objects and the one gate").

A disclosure exists first as a release row that the database itself refuses to create
unless a live consent covers every field of it. Each attempt to put it on the wire is a
dispatch row, refused in the same way. Here the octets are made, the rules are asked,
the rows are written, and what does not match the release's digest is not handed on.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node import outbox
from node.context import NodeContext
from node.holdings import Fields, Item
from node.jurisdictions import ruling
from node.outbox import Composed, Peer
from node.store import audit, consents, exchanges
from node.store import peers as peer_store
from node.store.consents import Consent
from node.store.gate import GateError
from protocol.credentials.claims_paths import parse_path
from protocol.credentials.record_model import vct
from protocol.errors import RoleError, SecuringError, SizeError
from protocol.exchange import states
from protocol.exchange.consent import (
    ConsentVersion,
    Decision,
    PeerTerms,
    Release,
    ScopeField,
    Snapshot,
    permit,
)
from protocol.exchange.envelope import message_digest
from protocol.exchange.messages import attach, policy_digest

DELIVERY_LIFETIME = timedelta(days=30)
"""How long delivery is tried before it fails."""
ROLE = "requester"
"""The role in which a peer receives."""
SD_JWT = "dc+sd-jwt"


@dataclass(frozen=True, slots=True)
class Earlier:
    """The delivery a correction is about."""

    delivery_id: str
    release_id: str
    thread: str
    supersedes: str
    """Digest of the item it takes the place of."""


class DeniedError(Exception):
    """The rules do not permit a release; the message names every ground."""


def _check(
    connection: Connection,
    *,
    context: NodeContext,
    consent: Consent,
    peer: Peer,
    items: Collection[Item],
    at: datetime,
    amends: Fields | None = None,
) -> None:
    """Ask the rules, as for every release.

    Raises:
        DeniedError: they do not permit it.
    """
    decision = _decide(
        connection,
        context=context,
        consent=consent,
        peer=peer,
        items=items,
        at=at,
        amends=amends,
    )
    if not decision.permitted:
        grounds = (f"{r.denial} {r.detail}".strip() for r in decision.reasons)
        raise DeniedError("; ".join(grounds))


def _decide(
    connection: Connection,
    *,
    context: NodeContext,
    consent: Consent,
    peer: Peer,
    items: Collection[Item],
    at: datetime,
    amends: Fields | None = None,
) -> Decision:
    """Ask the rules whether `items` may go to `peer` under `consent`."""
    scope = consents.scope(connection, consent_id=consent.id, version=consent.version)
    terms = consents.terms(connection, consent_id=consent.id, version=consent.version)
    facts = terms.get("facts", {})
    row = peer_store.peer(connection, id=peer.id)
    more = context.settings.own_packs
    here = context.settings.country
    return permit(
        Snapshot(
            release=Release(
                consent.learner,
                peer.id,
                consent.purpose,
                ROLE,
                _as_rules(
                    frozenset[tuple[str, str]]().union(*(i.scope for i in items))
                ),
                None if amends is None else _as_rules(amends),
            ),
            consent=ConsentVersion(
                consent.id,
                consent.version,
                consent.learner,
                consent.recipient,
                consent.purpose,
                consent.status,
                consent.not_before,
                consent.not_after,
                consent.max_uses,
                consents.uses(
                    connection, consent_id=consent.id, version=consent.version
                ),
                _as_rules(scope),
            ),
            peer=None
            if row is None
            else PeerTerms(
                row.state == states.Peer.TRUSTED,
                frozenset(row.roles),
                frozenset(row.purposes),
            ),
            institution=ruling("institution", facts, more=more),
            source_law=ruling("sender", facts, more=more, here=here),
            recipient_law=ruling("recipient", facts, more=more),
            holds=frozenset(),
        ),
        at=at,
    )


def _as_rules(fields: Collection[tuple[str, str]]) -> frozenset[ScopeField]:
    return frozenset((record, parse_path(path)) for record, path in fields)


def grant_hash(context: NodeContext, code: str) -> bytes:
    """Return what a learner's code is stored as; case and dashes do not matter."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    return context.vault.match_hash("grant", plain)


def release(
    connection: Connection,
    *,
    context: NodeContext,
    consent: Consent,
    peer: Peer,
    items: Collection[Item],
    thread: str,
    at: datetime,
) -> str:
    """Write release, fields and message in the caller's transaction; return its id.

    Raises:
        DeniedError: the rules do not permit it.
        GateError: the database finds no live consent that covers it.
        SizeError: the items are larger than what goes inline.
        SecuringError: the credential cannot disclose exactly these fields.
    """
    _check(connection, context=context, consent=consent, peer=peer, items=items, at=at)
    release_id = outbox.next_id(connection, at)
    delivery_id = outbox.next_id(connection, at)
    octets = {item.item_id: item.presented() for item in items}
    policy = _policy(connection, consent)
    composed = outbox.compose(
        connection,
        context=context,
        to=peer.did,
        kind="record/deliver",
        body={
            "delivery_id": delivery_id,
            "release": _facts(release_id, consent, policy, items, at),
            "policy": policy,
            "items": [_stated(item, octets[item.item_id]) for item in items],
        },
        at=at,
        thid=thread,
        attachments=[
            attach(name, f"application/{SD_JWT}", value)
            for name, value in octets.items()
        ],
        lifetime=DELIVERY_LIFETIME,
    )
    written = _Written(release_id, delivery_id, None, policy, octets)
    _write(connection, context, consent, peer, items, composed, written, at)
    return release_id


def amend(
    connection: Connection,
    *,
    context: NodeContext,
    consent: Consent,
    peer: Peer,
    earlier: Earlier,
    item: Item,
    reason: Mapping[str, str],
    at: datetime,
) -> str:
    """Send a corrected item under the consent of an earlier delivery; return its id.

    Raises:
        DeniedError: the rules do not permit it.
        GateError: the database finds no live consent or no dispatched release.
        SecuringError: the credential cannot disclose exactly these fields.
    """
    released = consents.release_fields(connection, release_id=earlier.release_id)
    _check(
        connection,
        context=context,
        consent=consent,
        peer=peer,
        items=[item],
        at=at,
        amends=frozenset(released),
    )
    release_id = outbox.next_id(connection, at)
    octets = item.presented()
    policy = _policy(connection, consent)
    composed = outbox.compose(
        connection,
        context=context,
        to=peer.did,
        kind="record/amend",
        body={
            "delivery_id": earlier.delivery_id,
            "release": _facts(release_id, consent, policy, [item], at)
            | {"amends": earlier.release_id},
            "changes": [
                {
                    "item_id": item.item_id,
                    "kind": "correction",
                    "supersedes": earlier.supersedes,
                    "reason": dict(reason),
                    "attachment": item.item_id,
                    "format": SD_JWT,
                    "digest": message_digest(octets),
                }
            ],
        },
        at=at,
        pthid=earlier.thread,
        attachments=[attach(item.item_id, f"application/{SD_JWT}", octets)],
    )
    written = _Written(
        release_id,
        outbox.next_id(connection, at),
        earlier.release_id,
        policy,
        {item.item_id: octets},
    )
    _write(connection, context, consent, peer, [item], composed, written, at)
    return release_id


def attempt(
    connection: Connection,
    work: Callable[[], object],
    *,
    context: NodeContext,
    about: Mapping[str, str],
    learner_id: str,
    at: datetime,
) -> bool:
    """Run a release; what is denied leaves nothing behind but an entry in the log.

    Tells whether it was made. `about` says in the log what was tried.
    """
    connection.exec_driver_sql("SAVEPOINT release_attempt")
    denied = None
    try:
        work()
    except (DeniedError, GateError, SizeError, SecuringError) as error:
        connection.exec_driver_sql("ROLLBACK TO release_attempt")
        denied = str(error)
    connection.exec_driver_sql("RELEASE release_attempt")
    if denied is not None:
        audit.append(
            connection,
            vault=context.vault,
            kind="release-denied",
            event={**about, "reason": denied},
            at=at,
            learner_id=learner_id,
        )
    return denied is None


def dispatch(
    connection: Connection, *, context: NodeContext, release_id: str, payload: bytes
) -> None:
    """Record one attempt to put a release on the wire, or refuse it.

    Raises:
        GateError: the consent is no longer live.
        RoleError: the octets are not those that were released.
    """
    row = consents.release(connection, release_id=release_id)
    if row is None or row.payload_digest != message_digest(payload):
        raise RoleError("the octets to be sent are not those of the release")
    at = consents.dispatch(connection, release_id=release_id)
    audit.append(
        connection,
        vault=context.vault,
        kind="dispatch",
        event={"release": release_id, "digest": row.payload_digest},
        at=at,
        learner_id=row.learner,
    )


def _policy(connection: Connection, consent: Consent) -> Mapping[str, Any]:
    terms = consents.terms(connection, consent_id=consent.id, version=consent.version)
    policy: Mapping[str, Any] = terms["policy"]
    return policy


def _facts(
    release_id: str,
    consent: Consent,
    policy: Mapping[str, Any],
    items: Collection[Item],
    at: datetime,
) -> dict[str, Any]:
    return {
        "release_id": release_id,
        "consent_id": consent.id,
        "consent_version": consent.version,
        "policy_digest": policy_digest(policy),
        "purpose": consent.purpose,
        "released_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "fields": {item.item_id: [list(p) for p in item.patterns] for item in items},
    }


def _stated(item: Item, octets: bytes) -> dict[str, Any]:
    credential = item.credential
    return {
        "item_id": item.item_id,
        "attachment": item.item_id,
        "format": SD_JWT,
        "type": vct(credential.kind),
        "issuer": credential.issuer,
        "digest": message_digest(octets),
        "status": {
            "type": "BitstringStatusListEntry",
            "list": credential.status_url,
            "index": str(credential.status_index),
        },
    }


@dataclass(frozen=True, slots=True)
class _Written:
    release_id: str
    delivery_id: str
    amends: str | None
    policy: Mapping[str, Any]
    octets: Mapping[str, bytes]


def _write(
    connection: Connection,
    context: NodeContext,
    consent: Consent,
    peer: Peer,
    items: Collection[Item],
    composed: Composed,
    written: _Written,
    at: datetime,
) -> None:
    fields = frozenset[tuple[str, str]]().union(*(item.scope for item in items))
    learner_id = consent.learner
    consents.add_release(
        connection,
        id=written.release_id,
        consent=consent,
        payload_digest=composed.digest,
        fields=fields,
        amends=written.amends,
    )
    outbox.store(
        connection,
        composed,
        context=context,
        peer=peer,
        at=at,
        release_id=written.release_id,
    )
    exchanges.add_delivery(
        connection,
        vault=context.vault,
        delivery=exchanges.Delivery(
            id=written.delivery_id,
            direction="out",
            peer=peer.id,
            thread=composed.thread,
            message_id=composed.id,
            message_digest=composed.digest,
            release_id=written.release_id,
            consent_id=consent.id,
            consent_version=consent.version,
            purpose=consent.purpose,
            at=at,
            state="released",
            jws=composed.jws,
            policy=dict(written.policy),
        ),
        learner_id=learner_id,
    )
    for item in items:
        exchanges.add_item(
            connection,
            vault=context.vault,
            delivery_id=written.delivery_id,
            item_id=item.item_id,
            record_id=item.credential.record_id,
            credential_id=item.credential.id,
            format=SD_JWT,
            digest=message_digest(written.octets[item.item_id]),
            octets=None,
            learner_id=learner_id,
        )
    audit.append(
        connection,
        vault=context.vault,
        kind="release",
        event={
            "release": written.release_id,
            "consent": consent.id,
            "version": consent.version,
            "recipient": peer.id,
            "digest": composed.digest,
            "fields": len(fields),
            "amends": written.amends,
        },
        at=at,
        learner_id=learner_id,
    )
