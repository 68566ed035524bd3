"""What this node holds about a learner, and what a query would get of it.

Reading only: whether anything of it may go out is for `node.gate`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from node.store.credentials import Credential
from protocol.credentials.claims_paths import Path, format_path, parse_path
from protocol.credentials.record_model import vct
from protocol.exchange.dcql import CredentialQuery, Dcql, choices, requested
from protocol.securing import sd_jwt

Fields = frozenset[tuple[str, str]]
"""Record id and concrete path as text: the rows of a consent's scope."""


def record_of(credential: Credential) -> dict[str, Any]:
    """Return the record a credential states, every claim of it."""
    return credential.contents.record()


@dataclass(frozen=True, slots=True)
class Item:
    """One record as it goes out: which credential, and which units of it."""

    item_id: str
    credential: Credential
    units: tuple[Path, ...]
    patterns: tuple[Path, ...]
    """The units as the query named them, `null` for every element."""

    @property
    def scope(self) -> Fields:
        """The rows of consent scope and release fields this item needs."""
        record = self.credential.record_id
        return frozenset((record, format_path(unit)) for unit in self.units)

    def presented(self) -> bytes:
        """Return the octets that disclose exactly the units."""
        one = self.credential
        return sd_jwt.present(one.sd_jwt, one.contents, self.units).encode()


def item_name(credential: Credential) -> str:
    """Return the name of the item a credential becomes where no query names one."""
    return credential.kind.replace("-", "_")


def candidates(
    holdings: Iterable[Credential], wanted: CredentialQuery
) -> list[Credential]:
    """Return those of the kinds `wanted`, in the order given."""
    kinds = set(wanted.meta.vct_values)
    return [credential for credential in holdings if vct(credential.kind) in kinds]


def items_for(
    holdings: Iterable[Credential], dcql: Dcql, *, allowed: Fields
) -> tuple[Item, ...] | None:
    """Work out what a query gets within `allowed`; None if some part cannot be met."""
    mine = list(holdings)
    items = [_item(mine, wanted, allowed) for wanted in dcql.credentials]
    met = tuple(item for item in items if item is not None)
    return met if len(met) == len(items) else None


def _item(
    mine: list[Credential], wanted: CredentialQuery, allowed: Fields
) -> Item | None:
    for credential in candidates(mine, wanted):
        choice = choices(wanted, record_of(credential))
        chosen = [
            parse_path(path)
            for record, path in allowed
            if record == credential.record_id
        ]
        units = requested(choice, chosen)
        if units:
            inside = set(units)
            patterns = tuple(
                field.path for field in choice.fields if inside.issuperset(field.units)
            )
            return Item(wanted.id, credential, units, patterns)
    return None


def can_answer(holdings: Iterable[Credential], dcql: Dcql) -> bool:
    """Tell whether every part of a query could be met, were all of it allowed."""
    mine = list(holdings)
    return all(
        any(choices(wanted, record_of(c)).satisfiable for c in candidates(mine, wanted))
        for wanted in dcql.credentials
    )


def items_within(holdings: Iterable[Credential], fields: Fields) -> list[Item]:
    """Return what `fields` cover, one item for each record."""
    items = []
    for credential in holdings:
        units = tuple(
            parse_path(path)
            for record, path in sorted(fields)
            if record == credential.record_id
        )
        if units:
            items.append(Item(item_name(credential), credential, units, units))
    return items
