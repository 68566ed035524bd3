"""Records, the credentials issued about them, and the status lists they stand in.

A place in a list is claimed at random, so that neighbours say nothing about who was
issued what when. Claim, sign and store in one transaction: the unique constraint on
the place holds against every other process too.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    func,
    insert,
    select,
    update,
)

from node.store import learners
from node.store.rows import Row, columns, first, many, one
from node.store.sealed import Vault
from node.store.tables import credential as _credential
from node.store.tables import record, status_list
from protocol.securing.disclosures import Contents

SIZE = 131_072
"""Entries of a list: the least a verifier accepts, for one to hide among the others."""
_TRIES = 64
"""With half a list taken, 64 misses in a row have a chance of one in 10^19."""


class StatusListFullError(Exception):
    """Half of the newest list is taken, or there is none: add another one."""


class Place(NamedTuple):
    """One entry of one status list."""

    status_list: str
    status_index: int


class Record(NamedTuple):
    """What stays the same while credentials about it are issued anew."""

    id: str
    learner_id: str
    kind: str
    key: str


class Facts(NamedTuple):
    """What is known of a credential without opening it."""

    id: str
    record_id: str
    version: int
    learner_id: str
    kind: str
    lang: str
    award_date: date | None
    issued_at: datetime
    valid_until: datetime | None
    digest_vc: str | None
    digest_sd_jwt: str | None
    status_list: str
    status_index: int
    revoked_at: datetime | None = None
    revoked_reason: str | None = None
    superseded_by: str | None = None


class Credential(NamedTuple):
    """A credential with both its forms."""

    id: str
    record_id: str
    version: int
    learner_id: str
    kind: str
    lang: str
    award_date: date | None
    issued_at: datetime
    valid_until: datetime | None
    digest_vc: str | None
    digest_sd_jwt: str | None
    status_list: str
    status_index: int
    revoked_at: datetime | None
    revoked_reason: str | None
    superseded_by: str | None
    vc: Mapping[str, Any]
    """The secured VC Data Model form."""
    sd_jwt: str
    """The SD-JWT VC, with all its disclosures."""
    contents: Contents
    """What the SD-JWT discloses, worked out when it was issued."""

    @property
    def issuer(self) -> str:
        """Who issued it, by DID."""
        issuer = self.vc.get("issuer", "")
        return str(issuer["id"] if isinstance(issuer, Mapping) else issuer)

    @property
    def status_url(self) -> str:
        """Where its status list is published."""
        status = self.vc.get("credentialStatus", {})
        first_entry = status[0] if isinstance(status, list) else status
        return str(first_entry.get("statusListCredential", ""))


class StatusList(NamedTuple):
    """A status list that is to be published anew."""

    id: str
    purpose: str
    size: int


_FACTS = columns(_credential, Facts)


# Records.


def record_for(
    connection: Connection, *, learner_id: str, kind: str, key: str, id: str
) -> str:
    """Return the id of a learner's record; `id` if it is new.

    The key tells records of one kind apart, for example programme and language.
    """
    known = connection.scalar(
        select(record.c.id).where(
            record.c.learner_id == learner_id,
            record.c.kind == kind,
            record.c.key == key,
        )
    )
    if known is not None:
        return str(known)
    connection.execute(
        insert(record), {"id": id, "learner_id": learner_id, "kind": kind, "key": key}
    )
    return id


def record_row(connection: Connection, *, id: str) -> Record | None:
    """Return a record, or None."""
    found = one(connection, select(record).where(record.c.id == id))
    return None if found is None else Record(**found)


def records(connection: Connection, *, learner_id: str) -> list[Record]:
    """Return a learner's records, by kind and key."""
    query = select(record).where(record.c.learner_id == learner_id)
    rows = many(connection, query.order_by(record.c.kind, record.c.key))
    return [Record(**row) for row in rows]


# Credentials.


def next_version(connection: Connection, *, record_id: str) -> int:
    """Return the version the next credential about a record gets."""
    newest = connection.scalar(
        select(func.max(_credential.c.version)).where(
            _credential.c.record_id == record_id
        )
    )
    return (newest or 0) + 1


def add_credential(
    connection: Connection,
    *,
    vault: Vault,
    facts: Facts,
    vc: Mapping[str, Any],
    sd_jwt: str,
    contents: Contents,
) -> None:
    """Store a credential, in the place that was claimed for it.

    Raises:
        ErasedError: the learner has no key any more.
        IntegrityError: the place or the version was taken meanwhile.
    """
    whole = {"vc": vc, "sd_jwt": sd_jwt, "contents": contents.packed()}
    body = json.dumps(whole, ensure_ascii=False).encode()
    box = learners.box(connection, vault=vault, learner_id=facts.learner_id)
    values = facts._asdict()
    values["award_date"] = facts.award_date and facts.award_date.isoformat()
    values["body"] = box.seal(body, f"credential.body:{facts.id}")
    connection.execute(insert(_credential), {**values})


def credential(connection: Connection, *, vault: Vault, id: str) -> Credential | None:
    """Return a credential with both its forms, or None.

    Raises:
        ErasedError: the learner has no key any more.
    """
    found = one(connection, select(_credential).where(_credential.c.id == id))
    return None if found is None else _opened(connection, vault, found)


def current(
    connection: Connection, *, vault: Vault, learner_id: str
) -> list[Credential]:
    """Return a learner's credentials that stand, the latest first.

    Revoked and superseded ones do not; expired ones do: that is not for a query to say.

    Raises:
        ErasedError: the learner has no key any more.
    """
    rows = many(connection, _CURRENT, of_learner=learner_id)
    return [_opened(connection, vault, row) for row in rows]


def facts(connection: Connection, *, id: str) -> Facts | None:
    """Return what is known of a credential without opening it, or None."""
    return _facts(one(connection, select(*_FACTS).where(_credential.c.id == id)))


def facts_of_learner(connection: Connection, *, learner_id: str) -> list[Facts]:
    """Return what is known of all a learner's credentials, the latest first."""
    query = select(*_FACTS).where(_credential.c.learner_id == learner_id)
    return [_known(row) for row in many(connection, _latest(query))]


def current_facts(connection: Connection, *, record_id: str) -> Facts | None:
    """Return what is known of the credential that stands about a record, or None."""
    query = _standing(select(*_FACTS)).where(_credential.c.record_id == record_id)
    return _facts(first(connection, query.order_by(_credential.c.version.desc())))


def facts_by_digest(connection: Connection, *, digest: str) -> Facts | None:
    """Return what is known of the credential one form of which has this digest."""
    for column in (_credential.c.digest_sd_jwt, _credential.c.digest_vc):
        found = first(connection, select(*_FACTS).where(column == digest))
        if found is not None:
            return _known(found)
    return None


def revoke(
    connection: Connection,
    *,
    id: str,
    reason: str,
    at: datetime,
    superseded_by: str | None = None,
) -> bool:
    """Revoke a credential and mark its list dirty; False if it was revoked before."""
    done = connection.execute(
        update(_credential)
        .where(_credential.c.id == id, _credential.c.revoked_at.is_(None))
        .values(revoked_at=at, revoked_reason=reason, superseded_by=superseded_by)
    )
    if done.rowcount == 0:
        return False
    place = select(_credential.c.status_list).where(_credential.c.id == id)
    connection.execute(
        update(status_list)
        .where(status_list.c.id == place.scalar_subquery())
        .values(dirty=1)
    )
    return True


# Status lists.


def add_status_list(
    connection: Connection,
    *,
    id: str,
    purpose: str = "revocation",
    size: int = SIZE,
) -> None:
    """Add a list of `size` entries, to be published before its first use."""
    connection.execute(
        insert(status_list), {"id": id, "purpose": purpose, "size": size, "dirty": 1}
    )


def claim_place(
    connection: Connection,
    *,
    purpose: str = "revocation",
    choose: Callable[[int], int] = secrets.randbelow,
) -> Place:
    """Find a random free place in the newest list for `purpose`.

    It is taken once `add_credential` has stored it, in the same transaction.

    Raises:
        StatusListFullError: there is no list, or half of it is taken.
    """
    lists = select(status_list.c.id, status_list.c.size)
    lists = lists.where(status_list.c.purpose == purpose)
    newest = connection.execute(lists.order_by(status_list.c.id.desc())).first()
    if newest is None:
        raise StatusListFullError(f"no status list for {purpose}")
    taken = connection.scalar(
        select(func.count()).where(_credential.c.status_list == newest.id)
    )
    if (taken or 0) * 2 < newest.size:
        for _ in range(_TRIES):
            place = Place(newest.id, choose(newest.size))
            if not connection.scalar(select(exists().where(_at(place)))):
                return place
    raise StatusListFullError(f"status list {newest.id} has {taken} entries taken")


def status_bits(connection: Connection, *, id: str) -> bytes:
    """Return the bits of a list as they are now, published or not."""
    size = connection.execute(
        select(status_list.c.size).where(status_list.c.id == id)
    ).scalar_one()
    query = select(_credential.c.status_index).where(
        _credential.c.status_list == id, _credential.c.revoked_at.is_not(None)
    )
    bits = bytearray(size // 8)
    for index in connection.scalars(query):
        bits[index // 8] |= 0b1000_0000 >> index % 8
    return bytes(bits)


def dirty_status_lists(connection: Connection) -> list[StatusList]:
    """Return the lists whose bits changed since they were published."""
    query = select(*columns(status_list, StatusList)).where(status_list.c.dirty == 1)
    rows = many(connection, query.order_by(status_list.c.id))
    return [StatusList(**row) for row in rows]


def aged_status_lists(
    connection: Connection, *, published_before: datetime
) -> list[StatusList]:
    """Return the lists that were last published before a moment: they would expire."""
    query = select(*columns(status_list, StatusList)).where(
        status_list.c.published_at < published_before
    )
    rows = many(connection, query.order_by(status_list.c.id))
    return [StatusList(**row) for row in rows]


def publish_status_list(
    connection: Connection, *, id: str, document: Mapping[str, Any], at: datetime
) -> None:
    """Store a list as it is served from now on.

    In the transaction in which its bits were read, or a bit set meanwhile is lost until
    the next one.
    """
    published = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    connection.execute(
        update(status_list)
        .where(status_list.c.id == id)
        .values(published=published, published_at=at, dirty=0)
    )


def published_status_list(connection: Connection, *, id: str) -> bytes | None:
    """Return a list as it is served, or None."""
    octets: bytes | None = connection.scalar(
        select(status_list.c.published).where(status_list.c.id == id)
    )
    return octets


def _at(place: Place) -> ColumnElement[bool]:
    return (_credential.c.status_list == place.status_list) & (
        _credential.c.status_index == place.status_index
    )


def _standing(query: Select[Any]) -> Select[Any]:
    return query.where(
        _credential.c.revoked_at.is_(None), _credential.c.superseded_by.is_(None)
    )


def _latest(query: Select[Any]) -> Select[Any]:
    return query.order_by(
        _credential.c.issued_at.desc(), _credential.c.version.desc(), _credential.c.id
    )


def _known(row: Mapping[str, Any]) -> Facts:
    day = row["award_date"]
    return Facts(**row)._replace(award_date=day and date.fromisoformat(day))


def _facts(row: Row | None) -> Facts | None:
    return None if row is None else _known(row)


def _opened(connection: Connection, vault: Vault, row: Row) -> Credential:
    box = learners.box(connection, vault=vault, learner_id=row["learner_id"])
    body = json.loads(box.open(row["body"], f"credential.body:{row['id']}"))
    known = _known({name: row[name] for name in Facts._fields})
    contents = Contents.unpacked(body["contents"])
    return Credential(*known, body["vc"], body["sd_jwt"], contents)


_CURRENT = _latest(
    _standing(select(_credential)).where(
        _credential.c.learner_id == bindparam("of_learner")
    )
)
