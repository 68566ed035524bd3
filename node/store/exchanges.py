"""Exchanges with peers: queries, requests and offers, deliveries and what follows.

A *query* is what a peer asked of us, a *request* what we asked of a peer; both are
named after the message that began them, whose id is the thread. States are those of
`protocol.exchange.states`; whether a step is allowed is decided there.
"""

import contextlib
import json
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store import learners
from node.store.learners import ErasedError
from node.store.rows import Row, columns, first, many, one
from node.store.sealed import Box, Vault
from node.store.tables import delivery as _delivery
from node.store.tables import delivery_item as _item
from node.store.tables import obligation as _obligation
from node.store.tables import offer as _offer
from node.store.tables import query as _query
from node.store.tables import request as _request
from node.store.tables import tombstone as _tombstone
from protocol.errors import IdReuseError


class Query(NamedTuple):
    """A peer's request for a learner's records, as the source keeps it."""

    id: str
    peer: str
    received_at: datetime
    deadline: datetime
    close_at: datetime
    state: str
    learner_id: str | None
    consent_id: str | None
    purpose: str
    shown: bool
    outcome: str | None
    body: bytes | None
    """The message as JSON; None where it was not asked for."""

    @property
    def message(self) -> dict[str, Any]:
        """The message, read."""
        read: dict[str, Any] = json.loads(self.body or b"{}")
        return read


class Request(NamedTuple):
    """What this node asked of a peer."""

    id: str
    peer: str
    created_at: datetime
    deadline: datetime
    state: str
    reference: str | None
    body: bytes


class Offer(NamedTuple):
    """Records a learner wants a peer to have, before they are sent."""

    id: str
    direction: str
    peer: str
    learner_id: str | None
    consent_id: str | None
    state: str
    at: datetime
    decide_by: datetime | None
    body: bytes


class Delivery(NamedTuple):
    """Items that were sent (`direction` is `out`) or received (`in`)."""

    id: str
    direction: str
    peer: str
    thread: str
    message_id: str
    message_digest: str
    release_id: str | None
    consent_id: str
    consent_version: int
    purpose: str
    at: datetime
    state: str
    jws: bytes | None
    """None once it was erased."""
    policy: dict[str, Any]
    receipt_id: str | None = None
    receipt_jws: bytes | None = None
    learner_id: str | None = None
    """Whose key it is sealed with; None where the learner is not one of ours."""


class DeliveryItem(NamedTuple):
    """One document of a delivery."""

    delivery_id: str
    item_id: str
    record_id: str
    credential_id: str | None
    format: str
    digest: str
    verdict: Any
    verified_at: datetime | None
    octets: bytes | None
    """None if it was not kept, or erased."""


class Obligation(NamedTuple):
    """A duty of whoever received a delivery."""

    delivery_id: str
    uid: str
    due: datetime | None
    state: str
    done_at: datetime | None


_ADD_QUERY = insert(_query)
_SET_QUERY = update(_query).where(_query.c.id == bindparam("of_id"))
_RECEIVED_SINCE = select(func.count()).where(
    _query.c.peer == bindparam("peer"), _query.c.received_at >= bindparam("since")
)
_ASKED = select(_request.c.id).where(
    _request.c.id == bindparam("thread"), _request.c.peer == bindparam("peer")
)
_ACCEPTED = select(_offer.c.id).where(
    _offer.c.id == bindparam("thread"),
    _offer.c.peer == bindparam("peer"),
    _offer.c.direction == "in",
    _offer.c.state == "accepted",
)
_EXPECTS = select(or_(_ASKED.exists(), _ACCEPTED.exists()))
_ADD_DELIVERY = insert(_delivery)
_DELIVERY_ID = select(_delivery.c.id).where(_delivery.c.id == bindparam("delivery_id"))
_WHOSE = select(_delivery.c.learner_id).where(
    _delivery.c.id == bindparam("delivery_id")
)
_SET_RECEIPT = update(_delivery).where(
    _delivery.c.id == bindparam("delivery_id"), _delivery.c.receipt_id.is_(None)
)
_ADD_ITEM = insert(_item)
_SET_VERDICT = update(_item).where(
    _item.c.delivery_id == bindparam("of_delivery"),
    _item.c.item_id == bindparam("of_item"),
)
_ADD_OBLIGATION = insert(_obligation)
_BURIED = select(_tombstone.c.hash).where(
    or_(
        _tombstone.c.hash == bindparam("by_delivery"),
        (_tombstone.c.hash == bindparam("by_consent"))
        & (_tombstone.c.version >= bindparam("of_version")),
    )
)


# Queries, at the source.


def add_query(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    peer: str,
    received_at: datetime,
    deadline: datetime,
    close_at: datetime,
    state: str,
    purpose: str,
    body: bytes,
) -> Query:
    """Store a query; `body` is the message as JSON."""
    connection.execute(
        _ADD_QUERY,
        {
            "id": id,
            "peer": peer,
            "thread": id,
            "received_at": received_at,
            "deadline": deadline,
            "close_at": close_at,
            "state": state,
            "purpose": purpose,
            "body": vault.node_box("query").seal(body, f"query.body:{id}"),
            "shown": 0,
        },
    )
    return Query(
        *(id, peer, received_at, deadline, close_at, state, None, None, purpose),
        shown=False,
        outcome=None,
        body=body,
    )


def query(connection: Connection, *, vault: Vault, id: str) -> Query | None:
    """Return a query with its message, or None."""
    found = one(connection, _queries().where(_query.c.id == id))
    return None if found is None else _asked(found, vault)


def query_of_consent(
    connection: Connection, *, vault: Vault, consent_id: str
) -> Query | None:
    """Return the query a consent was given for, or None; the latest of several."""
    found = first(
        connection,
        _queries()
        .where(_query.c.consent_id == consent_id)
        .order_by(_query.c.received_at.desc(), _query.c.id.desc()),
    )
    return None if found is None else _asked(found, vault)


def set_query(connection: Connection, *, id: str, **changes: Any) -> None:
    """Change what is known of a query; keywords are columns of `tables.query`."""
    if "shown" in changes:
        changes["shown"] = int(changes["shown"])
    connection.execute(_SET_QUERY, {"of_id": id, **changes})


def queries_to_close(connection: Connection, *, at: datetime) -> list[Query]:
    """Return the queries nothing came of whose time is over, without messages."""
    query = _queries().where(
        _query.c.state.in_(["waiting", "consent-pending"]), _query.c.close_at <= at
    )
    rows = many(connection, query.order_by(_query.c.close_at, _query.c.id))
    return [_asked(row | {"body": None}, None) for row in rows]


def count_queries(connection: Connection, *, peer: str, since: datetime) -> int:
    """Count the queries of a peer received since a moment, whatever came of them."""
    return connection.scalar(_RECEIVED_SINCE, {"peer": peer, "since": since}) or 0


def count_shown(connection: Connection, *, peer: str, learner_id: str) -> int:
    """Count the queries of a peer a learner is shown and has not decided."""
    query = select(func.count()).where(
        _query.c.peer == peer,
        _query.c.learner_id == learner_id,
        _query.c.shown == 1,
        _query.c.state == "consent-pending",
    )
    return connection.scalar(query) or 0


# Requests, at the requester.


def add_request(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    peer: str,
    created_at: datetime,
    deadline: datetime,
    state: str,
    body: bytes,
    reference: str | None = None,
) -> None:
    """Store what this node asks; `id` is the thread the answer will come in."""
    connection.execute(
        insert(_request),
        {
            "id": id,
            "peer": peer,
            "created_at": created_at,
            "deadline": deadline,
            "state": state,
            "body": vault.node_box("request").seal(body, f"request.body:{id}"),
            "reference": reference,
        },
    )


def request(connection: Connection, *, vault: Vault, id: str) -> Request | None:
    """Return a request, or None."""
    query = select(*columns(_request, Request)).where(_request.c.id == id)
    found = one(connection, query)
    if found is None:
        return None
    body = vault.node_box("request").open(found["body"], f"request.body:{id}")
    return Request(**found | {"body": body})


def settle_request(
    connection: Connection, *, peer: str, thread: str, state: str
) -> None:
    """Note what came of the request to `peer` that began `thread`, if one did."""
    connection.execute(
        update(_request)
        .where(_request.c.id == thread, _request.c.peer == peer)
        .values(state=state)
    )


def expects(connection: Connection, *, peer: str, thread: str) -> bool:
    """Tell whether a delivery of `peer` in `thread` was asked for or accepted."""
    return bool(connection.scalar(_EXPECTS, {"peer": peer, "thread": thread}))


# Offers.


def add_offer(
    connection: Connection,
    *,
    vault: Vault,
    id: str,
    direction: str,
    peer: str,
    state: str,
    body: bytes,
    at: datetime,
    decide_by: datetime,
    learner_id: str | None = None,
    consent_id: str | None = None,
) -> None:
    """Store an offer made (`out`) or received (`in`).

    Raises:
        ErasedError: the learner has no key any more.
    """
    box = learners.box_for(
        connection, vault=vault, learner_id=learner_id, label="offer"
    )
    connection.execute(
        insert(_offer),
        {
            "id": id,
            "direction": direction,
            "peer": peer,
            "learner_id": learner_id,
            "consent_id": consent_id,
            "state": state,
            "body": box.seal(body, f"offer.body:{id}"),
            "at": at,
            "decide_by": decide_by,
        },
    )


def offer(connection: Connection, *, vault: Vault, id: str) -> Offer | None:
    """Return an offer, or None.

    Raises:
        ErasedError: the learner has no key any more.
    """
    found = one(connection, select(*columns(_offer, Offer)).where(_offer.c.id == id))
    if found is None:
        return None
    box = learners.box_for(
        connection, vault=vault, learner_id=found["learner_id"], label="offer"
    )
    return Offer(**found | {"body": box.open(found["body"], f"offer.body:{id}")})


def set_offer(connection: Connection, *, id: str, state: str) -> None:
    """Note what came of an offer."""
    connection.execute(update(_offer).where(_offer.c.id == id).values(state=state))


# Deliveries.


def add_delivery(
    connection: Connection,
    *,
    vault: Vault,
    delivery: Delivery,
    learner_id: str | None = None,
) -> None:
    """Store a delivery without its items.

    Raises:
        ErasedError: the learner has no key any more.
        IdReuseError: there is a delivery of this id already.
    """
    if connection.scalar(_DELIVERY_ID, {"delivery_id": delivery.id}) is not None:
        raise IdReuseError(f"there is a delivery {delivery.id} already")
    whose = learner_id or delivery.learner_id
    values = delivery._asdict() | {"learner_id": whose}
    box = learners.box_for(connection, vault=vault, learner_id=whose, label="delivery")
    for name in ("jws", "receipt_jws"):
        if values[name] is not None:
            values[name] = box.seal(values[name], f"delivery.{name}:{delivery.id}")
    connection.execute(_ADD_DELIVERY, {**values})


def delivery(
    connection: Connection, *, vault: Vault, id: str, peer: str | None = None
) -> Delivery | None:
    """Return a delivery, or None; with `peer`, only one exchanged with it.

    Raises:
        ErasedError: the learner has no key any more.
    """
    query = _deliveries().where(_delivery.c.id == id)
    if peer is not None:
        query = query.where(_delivery.c.peer == peer)
    found = one(connection, query)
    return None if found is None else _delivered(connection, vault, found)


def delivery_by_digest(
    connection: Connection, *, vault: Vault, peer: str, digest: str
) -> Delivery | None:
    """Return the delivery sent to `peer` whose message has this digest, or None.

    Raises:
        ErasedError: the learner has no key any more.
    """
    query = _deliveries().where(
        _delivery.c.direction == "out",
        _delivery.c.peer == peer,
        _delivery.c.message_digest == digest,
    )
    found = first(connection, query)
    return None if found is None else _delivered(connection, vault, found)


def deliveries(
    connection: Connection, *, vault: Vault, direction: str | None = None
) -> list[Delivery]:
    """Return deliveries, the latest first; those of erased learners are left out."""
    query = _deliveries().order_by(_delivery.c.at.desc(), _delivery.c.id.desc())
    if direction is not None:
        query = query.where(_delivery.c.direction == direction)
    found = []
    for row in many(connection, query):
        with contextlib.suppress(ErasedError):
            found.append(_delivered(connection, vault, row))
    return found


def deliveries_of_credential(
    connection: Connection, *, vault: Vault, credential_id: str
) -> list[tuple[Delivery, DeliveryItem]]:
    """Return where a credential of ours was sent, each with the item it was.

    Raises:
        ErasedError: the learner has no key any more.
    """
    query = select(_item.c.delivery_id, _item.c.item_id).where(
        _item.c.credential_id == credential_id
    )
    found = []
    for row in many(connection, query.order_by(_item.c.delivery_id)):
        sent = delivery(connection, vault=vault, id=row["delivery_id"])
        part = item(connection, vault=vault, **row)
        if sent is not None and part is not None and sent.direction == "out":
            found.append((sent, part))
    return found


def set_receipt(
    connection: Connection,
    *,
    vault: Vault,
    delivery_id: str,
    receipt_id: str,
    jws: bytes,
) -> None:
    """Keep the receipt of a delivery; the first one stands.

    Raises:
        ErasedError: the learner has no key any more.
    """
    box = _box_of(connection, vault, delivery_id)
    sealed = box.seal(jws, f"delivery.receipt_jws:{delivery_id}")
    connection.execute(
        _SET_RECEIPT,
        {"delivery_id": delivery_id, "receipt_id": receipt_id, "receipt_jws": sealed},
    )


def set_delivery_state(connection: Connection, *, id: str, state: str) -> None:
    """Note where a delivery stands."""
    connection.execute(
        update(_delivery).where(_delivery.c.id == id).values(state=state)
    )


def erase_delivery(connection: Connection, *, id: str, at: datetime) -> None:
    """Forget what a received delivery held; that there was one is kept."""
    connection.execute(
        update(_delivery).where(_delivery.c.id == id).values(state="deleted", jws=None)
    )
    connection.execute(
        update(_item)
        .where(_item.c.delivery_id == id)
        .values(octets=None, verdict=None, status="deleted", verified_at=None)
    )
    connection.execute(
        update(_obligation)
        .where(_obligation.c.delivery_id == id, _obligation.c.state == "open")
        .values(state="done", done_at=at)
    )


# Items.


def add_item(
    connection: Connection,
    *,
    vault: Vault,
    delivery_id: str,
    item_id: str,
    record_id: str,
    credential_id: str | None,
    format: str,
    digest: str,
    octets: bytes | None,
    learner_id: str | None = None,
) -> None:
    """Store one document of a delivery, sealed as the delivery is.

    Raises:
        ErasedError: the learner has no key any more.
    """
    if octets is not None:
        box = (
            learners.box(connection, vault=vault, learner_id=learner_id)
            if learner_id
            else _box_of(connection, vault, delivery_id)
        )
        octets = box.seal(octets, f"delivery_item.octets:{delivery_id}:{item_id}")
    connection.execute(
        _ADD_ITEM,
        {
            "delivery_id": delivery_id,
            "item_id": item_id,
            "record_id": record_id,
            "credential_id": credential_id,
            "format": format,
            "digest": digest,
            "octets": octets,
        },
    )


def items(
    connection: Connection, *, vault: Vault, delivery_id: str
) -> list[DeliveryItem]:
    """Return the documents of a delivery, by item id.

    Raises:
        ErasedError: the learner has no key any more.
    """
    query = select(*columns(_item, DeliveryItem))
    query = query.where(_item.c.delivery_id == delivery_id).order_by(_item.c.item_id)
    return [_part(connection, vault, row) for row in many(connection, query)]


def item(
    connection: Connection, *, vault: Vault, delivery_id: str, item_id: str
) -> DeliveryItem | None:
    """Return one document of a delivery, or None.

    Raises:
        ErasedError: the learner has no key any more.
    """
    query = select(*columns(_item, DeliveryItem)).where(
        _item.c.delivery_id == delivery_id, _item.c.item_id == item_id
    )
    found = one(connection, query)
    return None if found is None else _part(connection, vault, found)


def count_items(connection: Connection, *, delivery_id: str) -> int:
    """Count the documents of a delivery."""
    query = select(func.count()).where(_item.c.delivery_id == delivery_id)
    return connection.scalar(query) or 0


def set_verdict(
    connection: Connection,
    *,
    delivery_id: str,
    item_id: str,
    verdict: Any,
    at: datetime,
) -> None:
    """Keep what verifying a document found."""
    connection.execute(
        _SET_VERDICT,
        {
            "of_delivery": delivery_id,
            "of_item": item_id,
            "verdict": verdict,
            "verified_at": at,
        },
    )


# Obligations and tombstones.


def add_obligation(
    connection: Connection, *, delivery_id: str, uid: str, due: date | None
) -> None:
    """Store a duty, which is over when the day `due` begins (UTC)."""
    moment = None if due is None else datetime.combine(due, time(), UTC)
    connection.execute(
        _ADD_OBLIGATION,
        {"delivery_id": delivery_id, "uid": uid, "due": moment, "state": "open"},
    )


def obligations(connection: Connection, *, delivery_id: str) -> list[Obligation]:
    """Return the duties that came with a delivery."""
    query = select(_obligation).where(_obligation.c.delivery_id == delivery_id)
    rows = many(connection, query.order_by(_obligation.c.uid))
    return [Obligation(**row) for row in rows]


def obligations_due(connection: Connection, *, at: datetime) -> list[Obligation]:
    """Return the open duties that should be done by now, the most urgent first."""
    query = select(_obligation).where(
        _obligation.c.state == "open", _obligation.c.due <= at
    )
    rows = many(connection, query.order_by(_obligation.c.due, _obligation.c.uid))
    return [Obligation(**row) for row in rows]


def set_obligation(
    connection: Connection,
    *,
    delivery_id: str,
    uid: str,
    state: str,
    done_at: datetime | None = None,
) -> None:
    """Note what became of a duty."""
    connection.execute(
        update(_obligation)
        .where(_obligation.c.delivery_id == delivery_id, _obligation.c.uid == uid)
        .values(state=state, done_at=done_at)
    )


def add_delivery_tombstone(
    connection: Connection, *, vault: Vault, delivery_id: str, until: datetime
) -> None:
    """Remember until then that a delivery must never be stored again."""
    hashed = vault.match_hash("delivery tombstone", delivery_id)
    _bury(connection, hashed, None, until)


def add_consent_tombstone(
    connection: Connection,
    *,
    vault: Vault,
    consent_id: str,
    version: int,
    until: datetime,
) -> None:
    """Remember until then that nothing under a consent, up to `version`, is stored."""
    hashed = vault.match_hash("consent tombstone", consent_id)
    _bury(connection, hashed, version, until)


def is_tombstoned(
    connection: Connection,
    *,
    vault: Vault,
    delivery_id: str,
    consent_id: str,
    version: int,
) -> bool:
    """Tell whether a delivery, or this version of its consent, has a tombstone."""
    by_delivery = vault.match_hash("delivery tombstone", delivery_id)
    by_consent = vault.match_hash("consent tombstone", consent_id)
    named = {
        "by_delivery": by_delivery,
        "by_consent": by_consent,
        "of_version": version,
    }
    return connection.scalars(_BURIED, named).first() is not None


def prune_tombstones(connection: Connection, *, at: datetime) -> None:
    """Forget the tombstones whose time is over."""
    connection.execute(delete(_tombstone).where(_tombstone.c.until < at))


def _bury(
    connection: Connection, hashed: bytes, version: int | None, until: datetime
) -> None:
    """Add a tombstone; one that is there grows, and never shrinks."""
    statement = upsert(_tombstone).values(hash=hashed, version=version, until=until)
    new = statement.excluded
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["hash"],
            set_={
                "version": func.max(_tombstone.c.version, new.version),
                "until": func.max(_tombstone.c.until, new.until),
            },
        )
    )


def _queries() -> Select[Any]:
    return select(*columns(_query, Query))


def _asked(row: Row, vault: Vault | None) -> Query:
    if vault is not None:
        place = f"query.body:{row['id']}"
        row = row | {"body": vault.node_box("query").open(row["body"], place)}
    return Query(**row | {"shown": bool(row["shown"])})


def _deliveries() -> Select[Any]:
    return select(*columns(_delivery, Delivery))


def _delivered(connection: Connection, vault: Vault, row: Row) -> Delivery:
    box = learners.box_for(
        connection, vault=vault, learner_id=row["learner_id"], label="delivery"
    )
    for name in ("jws", "receipt_jws"):
        if row[name] is not None:
            row[name] = box.open(row[name], f"delivery.{name}:{row['id']}")
    return Delivery(**row)


def _box_of(connection: Connection, vault: Vault, delivery_id: str) -> Box:
    learner_id = connection.scalar(_WHOSE, {"delivery_id": delivery_id})
    return learners.box_for(
        connection, vault=vault, learner_id=learner_id, label="delivery"
    )


def _part(connection: Connection, vault: Vault, row: Row) -> DeliveryItem:
    if row["octets"] is not None:
        box = _box_of(connection, vault, row["delivery_id"])
        place = f"delivery_item.octets:{row['delivery_id']}:{row['item_id']}"
        row["octets"] = box.open(row["octets"], place)
    return DeliveryItem(**row)
