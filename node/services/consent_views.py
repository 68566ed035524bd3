"""What a learner allowed, what went out under it, and what may be given to whom.

An object of somebody else raises the same error as one that never was, after the same
look into the store. Nothing is written.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.services import proposing
from node.services.parties import Party, Terms, parties, party, terms_of
from node.services.proposing import Field, Record, Scope
from node.services.receipts import Receipt, read_receipt
from node.store import exchanges, listing
from node.store.listing import Row
from protocol.errors import NotFoundError
from protocol.exchange.consent import Purpose


@dataclass(frozen=True, slots=True)
class Part:
    """Fields of one record."""

    kind: str
    fields: tuple[Field, ...]


def state_of(row: Row, at: datetime) -> str:
    """Return a consent's state, with what follows from clock and uses."""
    if row["status"] == "granted":
        if row["not_after"] <= at:
            return "expired"
        if row["used"] >= row["max_uses"]:
            return "exhausted"
    return str(row["status"])


def _withdrawable(row: Row) -> bool:
    # Spent or expired ones too: what went out under them is asked back.
    return row["status"] in {"granted", "suspended"}


@dataclass(frozen=True, slots=True)
class ConsentLine:
    """One consent in the list."""

    id: str
    peer: Party
    purpose: str
    what: tuple[tuple[str, int], ...]
    """Kind of record and number of fields."""
    not_after: datetime
    state: str
    withdrawable: bool


def consents(
    connection: Connection, *, learner_id: str, at: datetime
) -> tuple[ConsentLine, ...]:
    """Return the latest version of each of a learner's consents, newest first."""
    known = parties(connection)
    sizes: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for row in listing.scope_sizes(connection, learner_id=learner_id):
        key = (row["consent_id"], row["version"])
        sizes.setdefault(key, []).append((row["kind"], row["fields"]))
    latest: dict[str, Row] = {}
    for row in listing.consents_of(connection, learner_id=learner_id):
        if row["id"] not in latest or latest[row["id"]]["version"] < row["version"]:
            latest[row["id"]] = row
    return tuple(
        ConsentLine(
            row["id"],
            known[row["recipient"]],
            row["purpose"],
            tuple(sizes.get((row["id"], row["version"]), ())),
            row["not_after"],
            state_of(row, at),
            _withdrawable(row),
        )
        for row in latest.values()
    )


@dataclass(frozen=True, slots=True)
class Sent:
    """One release and what became of it."""

    at: datetime
    state: str
    attempts: int
    dispatched_at: datetime | None
    digest: str
    parts: tuple[Part, ...]
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """One consent with everything that happened under it."""

    id: str
    peer: Party
    purpose: str
    state: str
    withdrawable: bool
    not_before: datetime
    not_after: datetime
    used: int
    max_uses: int
    sent: tuple[Sent, ...]
    scope: tuple[Part, ...]
    scope_size: int
    terms: Terms | None
    record: Any
    events: tuple[Row, ...]


def consent_page(
    connection: Connection,
    *,
    context: NodeContext,
    consent_id: str,
    learner_id: str,
    at: datetime,
) -> ConsentPage:
    """Return the latest version of a learner's consent.

    Raises:
        NotFoundError: no such consent, or somebody else's.
    """
    rows = [
        row
        for row in listing.consents_of(connection, learner_id=learner_id)
        if row["id"] == consent_id
    ]
    if not rows:
        raise NotFoundError("no such consent")
    row = max(rows, key=lambda one: int(one["version"]))
    version = row["version"]
    shown = _Shown(connection, context, learner_id)
    scope = listing.scope_of(connection, consent_id=consent_id, version=version)
    peer = party(connection, row["recipient"])
    terms = listing.terms_of(connection, consent_id=consent_id, version=version) or {}
    return ConsentPage(
        consent_id,
        peer,
        row["purpose"],
        state_of(row, at),
        _withdrawable(row),
        row["not_before"],
        row["not_after"],
        row["used"],
        row["max_uses"],
        sent=tuple(
            _sent(connection, context, shown, one)
            for one in listing.releases_of(connection, consent_id=consent_id)
        ),
        scope=shown.parts(scope),
        scope_size=len(scope),
        terms=terms_of(terms["recipient_terms"], peer)
        if "recipient_terms" in terms
        else None,
        record=terms.get("record"),
        events=tuple(listing.consent_events(connection, consent_id=consent_id)),
    )


def _sent(
    connection: Connection, context: NodeContext, shown: "_Shown", row: Row
) -> Sent:
    receipt = None
    exact: dict[str, str] = {}
    if row["delivery_id"] is not None:
        delivery = exchanges.delivery(
            connection, vault=context.vault, id=row["delivery_id"]
        )
        if delivery is not None and delivery.receipt_jws is not None:
            receipt = read_receipt(delivery.receipt_jws)
        exact = listing.credentials_sent(connection, delivery_id=row["delivery_id"])
    fields = listing.released_fields(connection, release_id=row["id"])
    return Sent(
        row["at"],
        "receipted" if receipt else str(row["state"] or "queued"),
        row["attempts"],
        row["dispatched_at"],
        row["payload_digest"],
        shown.parts(fields, exact),
        receipt,
    )


class _Shown:
    """The learner's records, opened once each, to show the fields of several lists."""

    def __init__(
        self, connection: Connection, context: NodeContext, learner_id: str
    ) -> None:
        self._connection = connection
        self._context = context
        self._kinds = listing.record_kinds(connection, learner_id=learner_id)
        self._latest = {
            row["record_id"]: row["id"]
            for row in reversed(
                listing.credentials_of(connection, learner_id=learner_id)
            )
        }
        self._opened: dict[str, tuple[Field, ...]] = {}

    def _fields(self, credential_id: str) -> tuple[Field, ...]:
        if credential_id not in self._opened:
            self._opened[credential_id] = proposing.stated(
                self._connection, context=self._context, credential_id=credential_id
            )
        return self._opened[credential_id]

    def parts(
        self, rows: Iterable[Row], exact: Mapping[str, str] | None = None
    ) -> tuple[Part, ...]:
        """Return the fields that rows of record id and path name.

        `exact` says which credential was sent of a record; else the latest is shown.
        """
        chosen = self._latest | dict(exact or {})
        wanted: dict[str, set[str]] = {}
        for row in rows:
            wanted.setdefault(row["record_id"], set()).add(row["path"])
        return tuple(
            Part(
                self._kinds.get(record_id, ""),
                tuple(f for f in self._fields(chosen[record_id]) if f.key in paths),
            )
            for record_id, paths in wanted.items()
            if record_id in chosen
        )


@dataclass(frozen=True, slots=True)
class SharePage:
    """Whom a learner may give what."""

    peers: tuple[Party, ...]
    purposes: tuple[str, ...]
    records: tuple[Record, ...]
    """All the learner's, or, once chosen, those chosen."""
    recipient: Party | None
    purpose: str
    terms: Terms | None

    def scope(self, claims: Collection[str]) -> Scope:
        """Return the rows of a consent to the claims that were left on."""
        return frozenset(
            (record.id, field.key)
            for record in self.records
            for field in record.fields
            if f"{record.id} {field.claim}" in claims
        )


def share_page(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    recipient: str,
    purpose: str,
    records: Collection[str],
) -> SharePage:
    """Return the choices, narrowed to what was chosen already.

    Raises:
        NotFoundError: a record that is not the learner's, or a peer not trusted.
    """
    trusted = tuple(
        one for one in parties(connection).values() if one.state == "trusted"
    )
    own = proposing.offerable(connection, context=context, learner_id=learner_id)
    if not set(records) <= {record.id for record in own}:
        raise NotFoundError("no such record")
    chosen = next((one for one in trusted if one.id == recipient), None)
    if recipient and chosen is None:
        raise NotFoundError("no such recipient")
    return SharePage(
        trusted,
        tuple(code for code in Purpose if code != Purpose.PERSONAL_USE),
        tuple(r for r in own if r.id in records) if chosen and records else own,
        chosen,
        purpose,
        chosen.terms if chosen else None,
    )
