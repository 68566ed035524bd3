"""What a learner is shown before deciding, and therefore what a consent can say.

A page that shows values and a consent that lists fields must not be worked out in two
places: both are made from one `Proposal`. Nothing is written here.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node import holdings
from node.context import NodeContext
from node.holdings import candidates, record_of
from node.store import credentials, exchanges
from node.store.credentials import Credential
from protocol.credentials.claims_paths import Path, format_path, leaves
from protocol.credentials.record_model import UNITS
from protocol.errors import MessageSchemaError
from protocol.exchange.dcql import Choice, CredentialQuery, Dcql, choices, requested

Scope = frozenset[tuple[str, str]]
"""Record id and concrete path as text."""


@dataclass(frozen=True, slots=True)
class Field:
    """One unit of a record with the value it has now."""

    record_id: str
    path: Path
    value: Any
    claim: str
    """The path it was asked for by, as text; what one switch stands for."""
    required: bool
    beside: str = ""
    """What tells entries of a list apart: the title of the course."""
    group_index: int = 0
    """The place of the field's group in the record."""
    order: int = 0
    """The place of the claim among those asked for."""

    @property
    def listed(self) -> bool:
        """Whether it is one of many of its kind."""
        return len(self.path) > 1 and isinstance(self.path[1], int)

    @property
    def entry(self) -> int:
        """The number of the list's entry it belongs to."""
        return next((part for part in self.path if isinstance(part, int)), 0)

    @property
    def key(self) -> str:
        """The concrete path as text."""
        return format_path(self.path)

    @property
    def row_key(self) -> str:
        """The path of the list's entry it belongs to, as text."""
        return format_path(self.path[:2])


@dataclass(frozen=True, slots=True)
class _Part:
    credential: Credential
    claims: Mapping[str, Any]
    choice: Choice


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a query would get from one learner's records."""

    fields: tuple[Field, ...]
    absent: tuple[Path, ...]
    """Asked for, but not in the record."""
    everything: bool
    parts: tuple[_Part, ...]

    def scope(self, chosen_optional: Collection[str]) -> Scope:
        """Return the rows of the consent, given the optional claims left on.

        Empty if what is left is no complete answer to the query.
        """
        rows: set[tuple[str, str]] = set()
        for part in self.parts:
            record_id = part.credential.record_id
            chosen = [
                field.path
                for field in self.fields
                if field.record_id == record_id
                and (field.required or field.claim in chosen_optional)
            ]
            units = requested(part.choice, chosen)
            if units is None:
                return frozenset()
            rows |= {(record_id, format_path(unit)) for unit in units}
        return frozenset(rows)


@dataclass(frozen=True, slots=True)
class Record:
    """One record a learner may give away, with all its fields."""

    id: str
    kind: str
    lang: str
    issued_at: datetime
    valid_until: datetime | None
    fields: tuple[Field, ...]


def proposal(
    connection: Connection, *, context: NodeContext, query_id: str, learner_id: str
) -> Proposal | None:
    """Work out what a query would get; None if the learner's records cannot meet it."""
    query = exchanges.query(connection, vault=context.vault, id=query_id)
    if query is None:
        return None
    try:
        dcql = Dcql.parse(query.message["body"]["dcql"])
    except MessageSchemaError:
        return None
    holdings = credentials.current(
        connection, vault=context.vault, learner_id=learner_id
    )
    parts, fields, absent = [], [], []
    for wanted in dcql.credentials:
        part = _part(holdings, wanted)
        if part is None:
            return None
        parts.append(part)
        fields += _fields(part)
        found = {one.path for one in part.choice.fields}
        absent += [claim.path for claim in wanted.claims if claim.path not in found]
    return Proposal(tuple(fields), tuple(absent), dcql.asks_everything, tuple(parts))


def _part(holdings: Iterable[Credential], wanted: CredentialQuery) -> _Part | None:
    for credential in candidates(holdings, wanted):
        claims = record_of(credential)
        choice = choices(wanted, claims)
        if choice.satisfiable:
            return _Part(credential, claims, choice)
    return None


def _fields(part: _Part) -> list[Field]:
    return [
        _field(
            part.credential.record_id,
            part.claims,
            unit,
            claim=format_path(wanted.path),
            required=not wanted.optional,
            order=order,
        )
        for order, wanted in enumerate(part.choice.fields)
        for unit in wanted.units
    ]


def offerable(
    connection: Connection, *, context: NodeContext, learner_id: str
) -> tuple[Record, ...]:
    """List the learner's records in force with their fields, the latest first."""
    return tuple(
        _record(credential)
        for credential in credentials.current(
            connection, vault=context.vault, learner_id=learner_id
        )
    )


def _record(credential: Credential) -> Record:
    return Record(
        credential.record_id,
        credential.kind,
        credential.lang,
        credential.issued_at,
        credential.valid_until,
        fields_of(credential.record_id, holdings.record_of(credential)),
    )


def fields_of(record_id: str, claims: Mapping[str, Any]) -> tuple[Field, ...]:
    """List every unit of a record, each entry of a list under one switch."""
    units = sorted(leaves(claims), key=_rank)
    orders = {
        pattern: n for n, pattern in enumerate(dict.fromkeys(map(_pattern, units)))
    }
    return tuple(
        _field(
            record_id,
            claims,
            unit,
            claim=_pattern(unit),
            required=False,
            order=orders[_pattern(unit)],
        )
        for unit in units
    )


def stated(
    connection: Connection, *, context: NodeContext, credential_id: str
) -> tuple[Field, ...]:
    """List the units of one credential, whether or not it is still in force."""
    found = credentials.credential(connection, vault=context.vault, id=credential_id)
    return () if found is None else fields_of(found.record_id, record_of(found))


def _field(
    record_id: str,
    claims: Mapping[str, Any],
    unit: Path,
    *,
    claim: str,
    required: bool,
    order: int,
) -> Field:
    value: Any = claims
    element: Any = None
    for component in unit:
        value = value[component]
        if isinstance(component, int):
            element = value
    beside = str(element.get("title", "")) if isinstance(element, Mapping) else ""
    group = _GROUPS.get(str(unit[0]), len(_GROUPS))
    return Field(record_id, unit, value, claim, required, beside, group, order)


_UNITS = {unit.path: place for place, unit in enumerate(UNITS)}
_GROUPS = {
    name: place for place, name in enumerate(dict.fromkeys(u.path[0] for u in UNITS))
}


def _rank(unit: Path) -> tuple[int, int, int]:
    """Order units as the record model lists them, each list by its entries.

    An SD-JWT gives members back in no particular order.
    """
    pattern = tuple(None if isinstance(c, int) else c for c in unit)
    entry = next((c for c in unit if isinstance(c, int)), 0)
    group = _GROUPS.get(unit[0], len(_GROUPS))
    return group, _UNITS.get(pattern, len(_UNITS)), entry


def _pattern(unit: Path) -> str:
    return format_path(tuple(None if isinstance(c, int) else c for c in unit))
