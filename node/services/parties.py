"""Other institutions as pages show them: who they are, on whose word, on what terms."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node.jurisdictions import regimes
from node.store import listing
from node.store.listing import Row
from node.texts.catalogue import catalogue
from protocol.errors import DidError
from protocol.identity.dids import Did


@dataclass(frozen=True, slots=True)
class Basis:
    """One statement a peer was trusted on."""

    credential: str
    anchor: str
    anchor_name: str
    checked: str
    """The day, in ISO 8601; empty if unknown."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a recipient may do with what it gets, and under which law."""

    jurisdiction: str
    regimes: tuple[str, ...]
    retention_days: int | None
    onward: tuple[str, ...]
    automated_decision: bool
    notice: str
    contact: str

    @property
    def described(self) -> bool:
        """Whether a learner can be told how the law there protects what goes there."""
        known = catalogue("en")
        return any(f"regime-note.{one}" in known for one in self.regimes[:1])


_UNTOLD = Terms("", (), None, (), automated_decision=False, notice="", contact="")


@dataclass(frozen=True, slots=True)
class Party:
    """Another institution."""

    id: str
    did: str
    name: Mapping[str, str]
    """By language where there is more than one."""
    legal_name: str
    country: str
    state: str
    terms: Terms
    basis: tuple[Basis, ...] = ()
    roles: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    """What it may ask for."""
    asked: tuple[str, ...] = ()
    """What it wanted to be allowed."""
    introduced_at: datetime | None = None
    review_by: datetime | None = None
    reason: str | None = None
    domain: str = field(default="")

    @property
    def called(self) -> str:
        """The name by which it is known, in whatever language."""
        return self.legal_name or self.domain or self.did


def parties(connection: Connection) -> Mapping[str, Party]:
    """Return every peer by id; for an id that is gone, a nameless one."""

    class _Known(defaultdict[str, Party]):
        def __missing__(self, key: str) -> Party:
            return _nameless(key)

    return _Known(None, {row["id"]: _party(row) for row in listing.peers(connection)})


def party(connection: Connection, peer_id: str) -> Party:
    """Return one peer; a nameless one if it is gone."""
    return parties(connection)[peer_id]


def terms_of(terms: Mapping[str, Any], peer: Party | None = None) -> Terms:
    """Read the terms of a query or a consent, completed by what the peer told.

    Of the laws it names, those count that are in force in the country it names.
    """
    told = _UNTOLD if peer is None else peer.terms
    country = str(terms.get("jurisdiction") or told.jurisdiction)
    named = terms.get("regimes") or told.regimes
    return Terms(
        country,
        tuple(one for one in named if one in _in_force(country)),
        terms.get("retention_days"),
        tuple(terms.get("onward") or ()),
        automated_decision=bool(terms.get("automated_decision")),
        notice=str(terms.get("notice") or told.notice),
        contact=str(terms.get("contact") or told.contact),
    )


def _in_force(country: str) -> tuple[str, ...]:
    return (*regimes(country), *(("UK-GDPR",) if country == "GB" else ()))


def _party(row: Row) -> Party:
    name: Mapping[str, Any] = row["name"] or {}
    theirs: Mapping[str, Any] = row["their_terms"] or {}
    privacy: Mapping[str, Any] = theirs.get("privacy") or {}
    legal = str(name.get("legal_name") or "")
    shown = {key: str(name[key]) for key in ("ja", "en") if name.get(key)}
    domain = _domain(str(row["did"]))
    return Party(
        row["id"],
        str(row["did"]),
        shown or {"en": legal or domain},
        legal,
        str(name.get("country") or privacy.get("jurisdiction") or ""),
        row["state"],
        Terms(
            str(privacy.get("jurisdiction") or name.get("country") or ""),
            tuple(privacy.get("regimes") or ()),
            privacy.get("retention_days"),
            (),
            automated_decision=False,
            notice=str(privacy.get("notice") or ""),
            contact=str(privacy.get("contact") or ""),
        ),
        tuple(map(_basis, row["basis"] or ())),
        tuple(row["roles"] or name.get("roles") or ()),
        tuple(row["purposes"] or ()),
        tuple((theirs.get("requests") or {}).get("purposes") or ()),
        row["introduced_at"],
        row["review_by"],
        row["reason"],
        domain,
    )


def _nameless(peer_id: str) -> Party:
    return Party(peer_id, peer_id, {"en": peer_id}, "", "", "ended", _UNTOLD)


def _basis(one: Mapping[str, Any]) -> Basis:
    anchor = str(one.get("anchor") or "")
    return Basis(
        str(one.get("credential") or ""),
        anchor,
        _domain(anchor),
        str(one.get("checked") or "")[:10],
    )


def _domain(did: str) -> str:
    try:
        return Did.parse(did).domain or did
    except DidError:
        return did
