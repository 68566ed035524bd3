"""Consents, releases under them, and dispatches: what lets learner data out.

Whether a step is allowed is for the triggers of `gate.sql` to say: they refuse it here,
and to whoever writes to the file by another road. A refusal is a `GateError`.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Text,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.gate import refusals
from node.store.rows import Row, columns, first, many, one
from node.store.tables import (
    clock,
    consent_event,
    consent_grant,
    consent_scope,
    consent_terms,
    delivery,
    release_field,
)
from node.store.tables import consent as _consent
from node.store.tables import dispatch as _dispatch
from node.store.tables import release as _release

Status = Literal[
    "requested", "granted", "suspended", "refused", "withdrawn", "superseded"
]
Scope = Iterable[tuple[str, str]]
"""Record ids, each with a claims path as compact JSON text."""


class Consent(NamedTuple):
    """One version of a consent; only its status ever changes."""

    id: str
    version: int
    learner: str
    recipient: str
    purpose: str
    not_before: datetime
    not_after: datetime
    max_uses: int
    status: str


class Release(NamedTuple):
    """One authorised disclosure."""

    id: str
    consent_id: str
    consent_version: int
    learner: str
    recipient: str
    purpose: str
    payload_digest: str
    amends: str | None
    at: datetime


class Sent(NamedTuple):
    """A delivery of which at least one attempt was made."""

    id: str
    thread: str
    peer: str
    release_id: str


def _uses(
    consent_id: ColumnElement[Any], version: ColumnElement[Any]
) -> ColumnElement[int]:
    return (
        select(func.count())
        .where(
            _release.c.consent_id == consent_id,
            _release.c.consent_version == version,
            _release.c.amends.is_(None),
        )
        .scalar_subquery()
    )


_NUMBER = bindparam("number", type_=Integer)
_NOW = select(clock.c.now)
_SCOPE = select(consent_scope.c.record_id, consent_scope.c.path).where(
    consent_scope.c.consent_id == bindparam("consent"),
    consent_scope.c.version == _NUMBER,
)
_TERMS = select(consent_terms.c.terms).where(
    consent_terms.c.consent_id == bindparam("consent"),
    consent_terms.c.version == _NUMBER,
)
_USES = select(_uses(bindparam("consent", type_=Text), _NUMBER))
_RELEASE_GIVEN = (
    *("id", "consent_id", "consent_version", "learner", "recipient", "purpose"),
    *("payload_digest", "amends"),
)
# One statement reads the clock and is judged by it: between two, the second may turn,
# and a live consent would be refused.
_ADD_RELEASE = insert(_release).from_select(
    [*_RELEASE_GIVEN, "at"],
    select(
        *(bindparam(name, type_=_release.c[name].type) for name in _RELEASE_GIVEN),
        clock.c.now,
    ),
)
_ADD_DISPATCH = insert(_dispatch).from_select(
    ["release_id", "at"], select(bindparam("release_id", type_=Text), clock.c.now)
)
_BY_GRANT = (
    select(_consent)
    .join(
        consent_grant,
        (consent_grant.c.consent_id == _consent.c.id)
        & (consent_grant.c.version == _consent.c.version),
    )
    .where(consent_grant.c.code_hash == bindparam("code_hash"))
)
_ADD_FIELDS = insert(release_field)
_RELEASED_AT = select(_release.c.at).where(_release.c.id == bindparam("id"))
_DISPATCHED_AT = select(func.max(_dispatch.c.at)).where(
    _dispatch.c.release_id == bindparam("release_id")
)
_RELEASE = select(_release).where(_release.c.id == bindparam("release_id"))


def now(connection: Connection) -> datetime:
    """Return the database's own time, which is the one the gate goes by."""
    moment: datetime = connection.execute(_NOW).scalar_one()
    return moment


# Asked for and decided.


def request(
    connection: Connection,
    *,
    id: str,
    version: int,
    learner: str,
    recipient: str,
    purpose: str,
    not_before: datetime,
    not_after: datetime,
    max_uses: int,
) -> None:
    """Store a consent that is asked for; scope and terms follow.

    Raises:
        GateError: the id is in use for another learner, recipient or purpose, or has a
            version at least as new.
    """
    with refusals():
        connection.execute(
            insert(_consent),
            {
                "id": id,
                "version": version,
                "learner": learner,
                "recipient": recipient,
                "purpose": purpose,
                "not_before": not_before,
                "not_after": not_after,
                "max_uses": max_uses,
                "status": "requested",
            },
        )


def add_scope(
    connection: Connection, *, consent_id: str, version: int, scope: Scope
) -> None:
    """State what a requested version covers.

    Raises:
        GateError: it was decided, or there is no such version.
    """
    rows = [
        {
            "consent_id": consent_id,
            "version": version,
            "record_id": record_id,
            "path": path,
        }
        for record_id, path in dict.fromkeys(scope)
    ]
    with refusals():
        if rows:
            connection.execute(insert(consent_scope), rows)


def set_terms(
    connection: Connection, *, consent_id: str, version: int, terms: Any
) -> None:
    """Store or replace what was agreed beside the scope."""
    statement = upsert(consent_terms).values(
        consent_id=consent_id, version=version, terms=terms
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["consent_id", "version"],
            set_={"terms": statement.excluded.terms},
        )
    )


def set_status(
    connection: Connection, *, consent_id: str, version: int, status: Status
) -> None:
    """Move a version to another status.

    Raises:
        GateError: there is no such step; or granted without scope, after its end, or
            beside another live version.
        LookupError: there is no such version.
    """
    with refusals():
        done = connection.execute(
            update(_consent)
            .where(_consent.c.id == consent_id, _consent.c.version == version)
            .values(status=status)
        )
    if done.rowcount == 0:
        raise LookupError(f"no consent {consent_id} version {version}")


def grant(connection: Connection, *, consent_id: str, version: int) -> None:
    """Make a requested version live; one that is live before it must end first.

    Raises:
        GateError: see `set_status`.
        LookupError: there is no such version.
    """
    set_status(connection, consent_id=consent_id, version=version, status="granted")


def refuse(connection: Connection, *, consent_id: str, version: int) -> None:
    """Note that the learner said no.

    Raises:
        GateError: it was decided before.
        LookupError: there is no such version.
    """
    set_status(connection, consent_id=consent_id, version=version, status="refused")


def withdraw(connection: Connection, *, consent_id: str, version: int) -> None:
    """End a consent; `messages.cancel_undispatched` belongs to the same transaction.

    Raises:
        GateError: it was not live.
        LookupError: there is no such version.
    """
    set_status(connection, consent_id=consent_id, version=version, status="withdrawn")


def supersede(connection: Connection, *, consent_id: str, version: int) -> None:
    """End a version for a newer one; cancel what is undispatched as for `withdraw`.

    Raises:
        GateError: it was not live.
        LookupError: there is no such version.
    """
    set_status(connection, consent_id=consent_id, version=version, status="superseded")


# Looked up.


def consent(
    connection: Connection, *, consent_id: str, version: int | None = None
) -> Consent | None:
    """Return a version of a consent, without a number the newest; or None."""
    query = select(_consent).where(_consent.c.id == consent_id)
    if version is not None:
        query = query.where(_consent.c.version == version)
    found = first(connection, query.order_by(_consent.c.version.desc()))
    return None if found is None else Consent(**found)


def consents_of_learner(connection: Connection, *, learner: str) -> list[Consent]:
    """Return every version of a learner's consents, the newest first."""
    query = select(_consent).where(_consent.c.learner == learner)
    query = query.order_by(_consent.c.id.desc(), _consent.c.version.desc())
    return [Consent(**row) for row in many(connection, query)]


def live(
    connection: Connection,
    *,
    learner_id: str,
    recipient: str,
    purpose: str,
    at: datetime,
) -> list[Consent]:
    """Return the consents that hold at `at` and have a use left, the newest first.

    There may be several: they are never added together.
    """
    query = (
        select(_consent)
        .where(
            _consent.c.learner == learner_id,
            _consent.c.recipient == recipient,
            _consent.c.purpose == purpose,
            _consent.c.status == "granted",
            _consent.c.not_before <= at,
            _consent.c.not_after > at,
            _uses(_consent.c.id, _consent.c.version) < _consent.c.max_uses,
        )
        .order_by(_consent.c.id.desc())
    )
    return [Consent(**row) for row in many(connection, query)]


def scope(
    connection: Connection, *, consent_id: str, version: int
) -> set[tuple[str, str]]:
    """Return what a version covers."""
    rows = connection.execute(_SCOPE, {"consent": consent_id, "number": version})
    return {(row.record_id, row.path) for row in rows}


def terms(connection: Connection, *, consent_id: str, version: int) -> dict[str, Any]:
    """Return what was agreed beside the scope; empty if nothing was stored."""
    found = connection.scalar(_TERMS, {"consent": consent_id, "number": version})
    return dict(found or {})


def uses(connection: Connection, *, consent_id: str, version: int) -> int:
    """Count the releases under a version; amendments are none."""
    counted: int | None = connection.scalar(
        _USES, {"consent": consent_id, "number": version}
    )
    return counted or 0


def events(connection: Connection, *, consent_id: str) -> list[Row]:
    """Return the steps a consent has made, in order."""
    query = select(consent_event).where(consent_event.c.consent_id == consent_id)
    return many(connection, query.order_by(consent_event.c.seq))


# Grants: codes a learner hands out.


def add_grant(
    connection: Connection, *, code_hash: bytes, consent_id: str, version: int
) -> None:
    """Store the hash of a code that stands for a consent."""
    connection.execute(
        insert(consent_grant),
        {
            "code_hash": code_hash,
            "consent_id": consent_id,
            "version": version,
            "used": 0,
        },
    )


def by_grant(connection: Connection, *, code_hash: bytes) -> Consent | None:
    """Return the consent a code stands for, whatever its status; or None."""
    found = one(connection, _BY_GRANT, code_hash=code_hash)
    return None if found is None else Consent(**found)


def count_grant(connection: Connection, *, code_hash: bytes) -> None:
    """Note that a code was used."""
    connection.execute(
        update(consent_grant)
        .where(consent_grant.c.code_hash == code_hash)
        .values(used=consent_grant.c.used + 1)
    )


# Releases and dispatches.


def add_release(
    connection: Connection,
    *,
    id: str,
    consent: Consent,
    payload_digest: str,
    fields: Scope,
    amends: str | None = None,
) -> datetime:
    """Authorise one disclosure; returns the moment, which is the database's.

    Raises:
        GateError: no live consent covers it, or a field is out of its scope.
    """
    rows = [
        {"release_id": id, "record_id": record_id, "path": path}
        for record_id, path in dict.fromkeys(fields)
    ]
    with refusals():
        connection.execute(
            _ADD_RELEASE,
            {
                "id": id,
                "consent_id": consent.id,
                "consent_version": consent.version,
                "learner": consent.learner,
                "recipient": consent.recipient,
                "purpose": consent.purpose,
                "payload_digest": payload_digest,
                "amends": amends,
            },
        )
        if rows:
            connection.execute(_ADD_FIELDS, rows)
    at: datetime = connection.execute(_RELEASED_AT, {"id": id}).scalar_one()
    return at


def release(connection: Connection, *, release_id: str) -> Release | None:
    """Return a release, or None."""
    found = one(connection, _RELEASE, release_id=release_id)
    return None if found is None else Release(**found)


def release_fields(connection: Connection, *, release_id: str) -> set[tuple[str, str]]:
    """Return what a release discloses."""
    query = select(release_field.c.record_id, release_field.c.path)
    rows = connection.execute(query.where(release_field.c.release_id == release_id))
    return {(row.record_id, row.path) for row in rows}


def dispatch(connection: Connection, *, release_id: str) -> datetime:
    """Note that a release is about to be put on the wire; returns the moment.

    The send must start within 10 s of it.

    Raises:
        GateError: the consent is not live any more, or the release has no fields.
    """
    with refusals():
        connection.execute(_ADD_DISPATCH, {"release_id": release_id})
    at: datetime = connection.execute(
        _DISPATCHED_AT, {"release_id": release_id}
    ).scalar_one()
    return at


def dispatched_deliveries(
    connection: Connection, *, consent_id: str, version: int
) -> list[Sent]:
    """Return the deliveries under a version that may have reached the recipient."""
    attempted = (
        select(_dispatch.c.seq).where(_dispatch.c.release_id == _release.c.id).exists()
    )
    query = (
        select(*columns(delivery, Sent))
        .join(_release, _release.c.id == delivery.c.release_id)
        .where(
            delivery.c.direction == "out",
            _release.c.consent_id == consent_id,
            _release.c.consent_version == version,
            attempted,
        )
        .order_by(delivery.c.id)
    )
    return [Sent(**row) for row in many(connection, query)]
