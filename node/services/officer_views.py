"""What the pages of a requester's officers show: requests sent, deliveries, duties."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.services.parties import Party, parties
from node.services.receipts import kind_of_item
from node.store import exchanges, listing
from node.store.listing import Row
from protocol.credentials.claims_paths import Path, as_path
from protocol.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class Asked:
    """A request this node sent."""

    id: str
    peer: Party
    created_at: datetime
    deadline: datetime
    state: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class HeldItem:
    """One document of a delivery."""

    id: str
    kind: str
    format: str
    digest: str
    overall: str
    verdict: Mapping[str, Any]
    verified_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """A delivery this node received."""

    id: str
    peer: Party
    purpose: str
    reference: str | None
    at: datetime
    state: str
    receipt_id: str | None
    items: tuple[HeldItem, ...]
    obligations: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class AuthorityHome:
    """The first page of an officer."""

    deliveries: tuple[Held, ...]
    requests: tuple[Asked, ...]


def authority_home(connection: Connection) -> AuthorityHome:
    """Return what was delivered here and what was asked for, the latest first."""
    known = parties(connection)
    return AuthorityHome(
        _deliveries(connection, known, listing.deliveries_received(connection)),
        tuple(_asked(row, known) for row in listing.requests(connection)),
    )


def _asked(row: Row, known: Mapping[str, Party]) -> Asked:
    # States carry a detail after a dash or a space: `closed-unavailable`.
    state = str(row["state"]).replace(" ", "-").split("-")[0]
    return Asked(
        row["id"],
        known[row["peer"]],
        row["created_at"],
        row["deadline"],
        "closed" if state == "refused" else state,
        row["reference"],
    )


def _deliveries(
    connection: Connection, known: Mapping[str, Party], rows: list[Row]
) -> tuple[Held, ...]:
    items: dict[str, list[HeldItem]] = {}
    for row in listing.items_of(connection, delivery_ids=[row["id"] for row in rows]):
        items.setdefault(row["delivery_id"], []).append(_item(row))
    return tuple(
        Held(
            row["id"],
            known[row["peer"]],
            row["purpose"],
            row["reference"],
            row["at"],
            row["state"],
            row["receipt_id"],
            tuple(items.get(row["id"], ())),
        )
        for row in rows
    )


def _item(row: Row) -> HeldItem:
    verdict = row["verdict"] or {}
    return HeldItem(
        row["item_id"],
        kind_of_item(row["item_id"]),
        row["format"],
        row["digest"],
        str(verdict.get("overall") or "undetermined"),
        verdict,
        row["verified_at"],
    )


def delivery(connection: Connection, *, delivery_id: str) -> Held:
    """Return one delivery with its documents and duties.

    Raises:
        NotFoundError: no such delivery was received here.
    """
    row = listing.delivery_received(connection, delivery_id=delivery_id)
    if row is None:
        raise NotFoundError("no such delivery")
    (held,) = _deliveries(connection, parties(connection), [dict(row)])
    duties = tuple(listing.obligations_of(connection, delivery_id=delivery_id))
    return replace(held, obligations=duties)


@dataclass(frozen=True, slots=True)
class AskedPage:
    """One request this node sent, with what came of it."""

    asked: Asked
    purpose: str
    paths: tuple[Path, ...]
    deliveries: tuple[Held, ...]


def asked_page(
    connection: Connection, *, context: NodeContext, request_id: str
) -> AskedPage:
    """Return one request.

    Raises:
        NotFoundError: no such request.
    """
    row = listing.request_of(connection, request_id=request_id)
    asked = exchanges.request(connection, vault=context.vault, id=request_id)
    if row is None or asked is None:
        raise NotFoundError("no such request")
    body = json.loads(asked.body)["body"]
    known = parties(connection)
    claims = [
        claim["path"]
        for one in body["dcql"]["credentials"]
        for claim in one.get("claims", ())
    ]
    return AskedPage(
        _asked(row, known),
        str(body["purpose"]["code"]),
        tuple(as_path(path) for path in claims),
        _deliveries(
            connection,
            known,
            listing.deliveries_received(connection, thread=request_id),
        ),
    )


def sources(connection: Connection) -> tuple[Party, ...]:
    """Return the peers that may be asked."""
    return tuple(one for one in parties(connection).values() if one.state == "trusted")


def source(connection: Connection, *, peer_id: str) -> Party:
    """Return one peer that may be asked.

    Raises:
        NotFoundError: no such peer, or it is not trusted.
    """
    found = parties(connection)[peer_id]
    if found.state != "trusted":
        raise NotFoundError("no such peer")
    return found
