"""Proves what happened: the evidence pack of a delivery, and the log recomputed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from node.context import NodeContext
from node.ledger import Ledger
from node.store import audit, consents, exchanges, messages, snapshots
from node.store import peers as peer_store
from node.store.audit import Event
from node.store.engine import Store
from node.store.exchanges import Delivery
from node.store.tables import dispatch, release
from protocol.credentials import model
from protocol.errors import NotFoundError
from protocol.exchange.evidence import Contents, History, Leaf, LogExcerpt, build_pack
from protocol.exchange.merkle_log import (
    Checkpoint,
    Tree,
    inclusion_proof,
    leaf,
    leaf_hash,
)

WHOLE = 10_000_000
"""More events than a log has."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store holds about one delivery that was received."""

    delivery: Delivery
    items: dict[str, bytes]
    opening: tuple[str, bytes] | None
    """Role and JWS of the message that opened the thread."""
    status_lists: dict[str, bytes]
    later: dict[str, bytes]
    statements: list[bytes]
    logs: dict[str, bytes]


async def export(
    store: Store, *, context: NodeContext, ledger: Ledger, delivery_id: str
) -> bytes:
    """Return the evidence pack of a delivery this node received.

    Raises:
        NotFoundError: no such delivery here, or nothing is left of it.
    """
    found = await store.read(_gather, context=context, delivery_id=delivery_id)
    log = await store.read(
        _excerpt, context=context, ledger=ledger, delivery=found.delivery
    )
    role = {found.opening[0]: found.opening[1]} if found.opening else {}
    contents = Contents(
        delivery_id=delivery_id,
        messages=role  # type: ignore[arg-type]
        | {
            "deliver": found.delivery.jws or b"",
            "receipt": found.delivery.receipt_jws or b"",
        },
        items=found.items,
        policy=found.delivery.policy,
        dids={did: History(octets) for did, octets in found.logs.items()},
        accreditations=found.statements,
        status_lists=found.status_lists,
        log=log,
        anchors=[str(anchor) for anchor in context.settings.trust_anchors],
        later_status_lists=found.later,
    )
    return build_pack(
        contents,
        key=context.identity.message_key,
        kid=context.identity.message_kid,
        at=context.clock(),
    )


def _gather(
    connection: Connection, *, context: NodeContext, delivery_id: str
) -> _Found:
    vault = context.vault
    delivery = exchanges.delivery(connection, vault=vault, id=delivery_id)
    if delivery is None or delivery.direction != "in" or not delivery.receipt_jws:
        raise NotFoundError(
            "no such delivery was received here: a pack is made by who received it"
        )
    stored = exchanges.items(connection, vault=vault, delivery_id=delivery_id)
    items = {i.item_id: i.octets for i in stored if i.octets and "~" not in i.item_id}
    if not items:
        raise NotFoundError("the content of this delivery was deleted")
    lists = snapshots.of_delivery(connection, delivery_id=delivery_id)
    later = {
        url: octets
        for url in lists
        if (octets := peer_store.archived_status_list(connection, url=url)) is not None
    }
    statements, logs = _chain(connection, context, delivery, items.values())
    return _Found(
        delivery,
        items,
        _opening(connection, context, delivery),
        lists,
        later,
        statements,
        logs,
    )


def _opening(
    connection: Connection, context: NodeContext, delivery: Delivery
) -> tuple[str, bytes] | None:
    asked = messages.outgoing(connection, vault=context.vault, id=delivery.thread)
    if asked is not None:
        return "query", asked.jws
    offered = messages.received(
        connection, vault=context.vault, peer=delivery.peer, id=delivery.thread
    )
    return ("offer", offered.jws) if offered is not None else None


def _chain(
    connection: Connection,
    context: NodeContext,
    delivery: Delivery,
    items: Iterable[bytes],
) -> tuple[list[bytes], dict[str, bytes]]:
    """Return the statements and DID logs this delivery rests on, and no others.

    A pack is shown to third parties: it must not tell whom else this node knows.
    """
    row = peer_store.peer(connection, id=delivery.peer)
    parties = {str(context.did), *([str(row.did)] if row else [])}
    waiting = [str(model.read(octets).issuer) for octets in items]
    needed, statements = set(parties), dict.fromkeys(list[bytes]())
    while waiting:
        subject = waiting.pop()
        needed.add(subject)
        for octets in peer_store.organisation_credentials(connection, subject=subject):
            statements[octets] = None
            issuer = str(model.read(octets).issuer)
            if issuer not in needed:
                waiting.append(issuer)
    logs = peer_store.archived_dids(connection) | {
        str(context.did): context.identity.log
    }
    return list(statements), {did: log for did, log in logs.items() if did in needed}


def _excerpt(
    connection: Connection,
    *,
    context: NodeContext,
    ledger: Ledger,
    delivery: Delivery,
) -> LogExcerpt:
    """Show the event of the receipt in our log, with its path to the head."""
    leaves = [leaf_hash(entry) for entry in audit.leaves_since(connection, size=0)]
    tree = Tree(leaves)
    head = Checkpoint(ledger.origin, tree.size, tree.root())
    shown: dict[str, Leaf] = {}
    for event in audit.events(connection, vault=context.vault, limit=WHOLE):
        if (
            event.kind == "delivery-received"
            and event.event
            and event.event.get("delivery") == delivery.id
            and event.blind
        ):
            index = event.seq - 1
            shown["receipt"] = Leaf(
                event.event, event.blind, index, inclusion_proof(index, leaves)
            )
            break
    return LogExcerpt(
        key=ledger.verifier,
        origin=ledger.origin,
        checkpoint=head.sign(ledger.key),
        leaves=shown,  # type: ignore[arg-type]
    )


def problems(
    connection: Connection, *, context: NodeContext, ledger: Ledger
) -> list[str]:
    """Recompute the log and replay the gate; return what does not hold.

    Every leaf that can still be opened must be what its event says, every kept
    checkpoint must be a head of the tree, every release and dispatch must have a leaf.
    """
    found = audit.events(connection, vault=context.vault, limit=WHOLE)
    return [
        *_leaf_problems(found),
        *_head_problems(connection, found),
        *_gate_problems(connection, found),
    ]


def _leaf_problems(found: list[Event]) -> Iterator[str]:
    for number, event in enumerate(found, 1):
        if event.seq != number:
            yield f"event {number} is missing"
            return
        if event.blind and event.event and leaf(event.blind, event.event) != event.leaf:
            yield f"event {event.seq} is not what its leaf stands for"


def _head_problems(connection: Connection, found: list[Event]) -> Iterator[str]:
    heads = {head.size: head for head in audit.checkpoints(connection)}
    tree = Tree()
    for event in found:
        tree.append(leaf_hash(event.leaf))
        head = heads.pop(tree.size, None)
        if head is not None and head.root != tree.root():
            yield f"the checkpoint of size {head.size} is not a head of the log"
    for size in heads:
        if size:
            yield f"the log is shorter than its checkpoint of size {size}"


def _gate_problems(connection: Connection, found: list[Event]) -> Iterator[str]:
    told: dict[str, set[str]] = {"release": set(), "dispatch": set()}
    for event in found:
        if event.kind in told and event.event:
            told[event.kind].add(str(event.event.get("release")))
    erased = any(event.event is None for event in found)
    for id_ in connection.scalars(select(release.c.id)):
        if id_ not in told["release"] and not erased:
            yield f"the release {id_} has no leaf"
        row = consents.release(connection, release_id=id_)
        if row is not None:
            yield from _outside(connection, id_, row.consent_id, row.consent_version)
    for id_ in set(connection.scalars(select(dispatch.c.release_id))):
        if id_ not in told["dispatch"] and not erased:
            yield f"a dispatch of {id_} has no leaf"


def _outside(
    connection: Connection, release_id: str, consent_id: str, version: int
) -> Iterator[str]:
    scope = consents.scope(connection, consent_id=consent_id, version=version)
    fields = consents.release_fields(connection, release_id=release_id)
    if not fields <= set(scope):
        yield f"the release {release_id} has fields outside its consent"
