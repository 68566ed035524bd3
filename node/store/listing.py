"""Lists and counts for pages: plain columns only, nothing sealed is opened.

Every function that looks for something of one learner takes the learner's id, and finds
nothing of anybody else's: an object that is not theirs does not exist for them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, literal, select

from node.store.tables import (
    access,
    audit_event,
    checkpoint,
    consent,
    consent_event,
    consent_scope,
    consent_terms,
    credential,
    delivery,
    delivery_item,
    dispatch,
    import_run,
    learner,
    obligation,
    outbox,
    peer,
    person,
    quarantine,
    query,
    record,
    release,
    release_field,
    request,
)

Row = Mapping[str, Any]

PAGE = 50
"""Rows of one page."""


def _rows(connection: Connection, statement: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(statement).mappings()]


def _row(connection: Connection, statement: Select[Any]) -> Row | None:
    found = connection.execute(statement).mappings().first()
    return None if found is None else dict(found)


# --- a learner's own


def pending_queries(connection: Connection, *, learner_id: str) -> list[Row]:
    """Return the requests a learner may decide, the most urgent first."""
    statement = (
        select(query.c.id, query.c.peer, query.c.purpose, query.c.deadline)
        .where(
            query.c.learner_id == learner_id,
            query.c.state == "consent-pending",
            query.c.shown == 1,
        )
        .order_by(query.c.deadline)
    )
    return _rows(connection, statement)


def consents_of(connection: Connection, *, learner_id: str) -> list[Row]:
    """Return every consent version of a learner, the latest first, with its uses."""
    uses = (
        select(func.count())
        .select_from(release)
        .where(
            release.c.consent_id == consent.c.id,
            release.c.consent_version == consent.c.version,
            release.c.amends.is_(None),
        )
        .scalar_subquery()
    )
    statement = (
        select(consent, uses.label("used"))
        .where(consent.c.learner == learner_id)
        .order_by(consent.c.not_before.desc(), consent.c.id.desc())
    )
    return _rows(connection, statement)


def scope_sizes(connection: Connection, *, learner_id: str) -> list[Row]:
    """Return for each of a learner's consents how many fields of which kind."""
    statement = (
        select(
            consent_scope.c.consent_id,
            consent_scope.c.version,
            record.c.kind,
            func.count().label("fields"),
        )
        .join(record, record.c.id == consent_scope.c.record_id)
        .where(record.c.learner_id == learner_id)
        .group_by(consent_scope.c.consent_id, consent_scope.c.version, record.c.kind)
    )
    return _rows(connection, statement)


def scope_of(connection: Connection, *, consent_id: str, version: int) -> list[Row]:
    """Return record id and path of each field of a consent."""
    statement = select(consent_scope.c.record_id, consent_scope.c.path).where(
        consent_scope.c.consent_id == consent_id, consent_scope.c.version == version
    )
    return _rows(connection, statement)


def terms_of(connection: Connection, *, consent_id: str, version: int) -> Any:
    """Return what was agreed beside the scope, if it was kept."""
    return connection.scalar(
        select(consent_terms.c.terms).where(
            consent_terms.c.consent_id == consent_id,
            consent_terms.c.version == version,
        )
    )


def consent_events(connection: Connection, *, consent_id: str) -> list[Row]:
    """Return what became of a consent, the earliest first."""
    statement = (
        select(consent_event.c.at, consent_event.c.to_status)
        .where(consent_event.c.consent_id == consent_id)
        .order_by(consent_event.c.seq)
    )
    return _rows(connection, statement)


def releases_of(connection: Connection, *, consent_id: str) -> list[Row]:
    """Return what was released under a consent, the latest first."""
    sent = select(dispatch.c.at, dispatch.c.release_id).subquery()
    statement = (
        select(
            release.c.id,
            release.c.at,
            release.c.payload_digest,
            release.c.amends,
            func.count(sent.c.at).label("attempts"),
            func.max(sent.c.at).label("dispatched_at"),
            outbox.c.state,
            delivery.c.id.label("delivery_id"),
            delivery.c.receipt_id,
        )
        .outerjoin(sent, sent.c.release_id == release.c.id)
        .outerjoin(outbox, outbox.c.release_id == release.c.id)
        .outerjoin(
            delivery,
            (delivery.c.release_id == release.c.id) & (delivery.c.direction == "out"),
        )
        .where(release.c.consent_id == consent_id)
        .group_by(release.c.id)
        .order_by(release.c.at.desc(), release.c.id.desc())
    )
    return _rows(connection, statement)


def released_fields(connection: Connection, *, release_id: str) -> list[Row]:
    """Return record id and path of each field that was released."""
    statement = select(release_field.c.record_id, release_field.c.path).where(
        release_field.c.release_id == release_id
    )
    return _rows(connection, statement)


def record_kinds(connection: Connection, *, learner_id: str) -> dict[str, str]:
    """Return the kind of each of a learner's records by record id."""
    statement = select(record.c.id, record.c.kind).where(
        record.c.learner_id == learner_id
    )
    return {row["id"]: row["kind"] for row in _rows(connection, statement)}


def credentials_sent(connection: Connection, *, delivery_id: str) -> dict[str, str]:
    """Return which credential a delivery was made from, by record id."""
    statement = select(delivery_item.c.record_id, delivery_item.c.credential_id).where(
        delivery_item.c.delivery_id == delivery_id,
        delivery_item.c.credential_id.is_not(None),
    )
    return {
        row["record_id"]: row["credential_id"] for row in _rows(connection, statement)
    }


def obligations_of(connection: Connection, *, delivery_id: str) -> list[Row]:
    """Return the duties that went along with a delivery."""
    statement = select(obligation.c.uid, obligation.c.due, obligation.c.state).where(
        obligation.c.delivery_id == delivery_id
    )
    return _rows(connection, statement)


def access_log(
    connection: Connection, *, learner_id: str, limit: int | None = 500
) -> list[Row]:
    """Return everything that happened with a learner's records, the latest first.

    Each row has `at`, `kind`, `who` (a peer's id or a person's name), `role` and
    `detail` (a purpose, a state or a reason).
    """
    nothing = literal(None)
    parts = [
        select(
            query.c.received_at.label("at"),
            literal("query").label("kind"),
            query.c.peer.label("peer"),
            nothing.label("who"),
            nothing.label("role"),
            query.c.purpose.label("detail"),
        ).where(query.c.learner_id == learner_id),
        select(
            consent_event.c.at,
            literal("consent-") + consent_event.c.to_status,
            consent.c.recipient,
            nothing,
            nothing,
            consent.c.purpose,
        )
        .join(
            consent,
            (consent.c.id == consent_event.c.consent_id)
            & (consent.c.version == consent_event.c.version),
        )
        .where(consent.c.learner == learner_id),
        select(
            release.c.at,
            literal("release"),
            release.c.recipient,
            nothing,
            nothing,
            release.c.purpose,
        ).where(release.c.learner == learner_id),
        select(
            dispatch.c.at,
            literal("dispatch"),
            release.c.recipient,
            nothing,
            nothing,
            release.c.purpose,
        )
        .join(release, release.c.id == dispatch.c.release_id)
        .where(release.c.learner == learner_id),
        select(
            audit_event.c.at,
            audit_event.c.kind,
            nothing,
            nothing,
            nothing,
            nothing,
        ).where(
            audit_event.c.learner_id == learner_id,
            audit_event.c.kind.in_(_TOLD),
        ),
        select(
            access.c.at,
            access.c.what,
            nothing,
            access.c.who,
            access.c.role,
            access.c.reason,
        ).where(access.c.learner_id == learner_id),
    ]
    union = parts[0].union_all(*parts[1:]).subquery()
    statement = select(union).order_by(union.c.at.desc(), union.c.kind)
    return _rows(connection, statement if limit is None else statement.limit(limit))


_TOLD = (
    "query-refused",
    "release-denied",
    "delivery-failed",
    "receipt",
    "erasure-report",
    "credential-issued",
    "credential-revoked",
    "rights-requested",
    "rights-answered",
    "rights-done",
)
"""Audit events that no other table tells a learner about."""


# --- the registry's


def counts(connection: Connection) -> dict[str, int]:
    """Count what the overview of the registry shows."""
    wanted = {
        "learners": select(func.count())
        .select_from(learner)
        .where(learner.c.erased_at.is_(None)),
        "credentials": select(func.count())
        .select_from(credential)
        .where(credential.c.revoked_at.is_(None), credential.c.superseded_by.is_(None)),
        "quarantined": select(func.count()).select_from(quarantine),
        "peers_waiting": select(func.count())
        .select_from(peer)
        .where(peer.c.state.in_(("introduced", "pending"))),
    }
    return {name: connection.scalar(one) or 0 for name, one in wanted.items()}


def import_runs(connection: Connection, *, limit: int) -> list[Row]:
    """Return the latest runs, without their reports."""
    statement = select(import_run.c.id, import_run.c.at, import_run.c.kind)
    return _rows(connection, statement.order_by(import_run.c.at.desc()).limit(limit))


def import_run_of(connection: Connection, *, run_id: str) -> Row | None:
    """Return one run of an import or of issuing."""
    return _row(connection, select(import_run).where(import_run.c.id == run_id))


def quarantine_page(connection: Connection, *, offset: int) -> list[Row]:
    """Return rows set aside, the latest files first, without their contents."""
    statement = (
        select(
            quarantine.c.file,
            quarantine.c.line,
            quarantine.c.column,
            quarantine.c.field,
            quarantine.c.reason,
        )
        .order_by(quarantine.c.at.desc(), quarantine.c.file, quarantine.c.line)
        .limit(PAGE)
        .offset(offset)
    )
    return _rows(connection, statement)


def learner_exists(connection: Connection, *, learner_id: str) -> bool:
    """Tell whether there is such a learner, not erased."""
    statement = select(learner.c.id).where(
        learner.c.id == learner_id, learner.c.erased_at.is_(None)
    )
    return connection.scalar(statement) is not None


def credentials_of(connection: Connection, *, learner_id: str) -> list[Row]:
    """Return every credential issued to a learner, the latest first."""
    statement = (
        select(
            credential.c.id,
            credential.c.record_id,
            credential.c.kind,
            credential.c.lang,
            credential.c.version,
            credential.c.issued_at,
            credential.c.revoked_at,
            credential.c.revoked_reason,
        )
        .where(credential.c.learner_id == learner_id)
        .order_by(credential.c.issued_at.desc(), credential.c.version.desc())
    )
    return _rows(connection, statement)


def credential_owner(connection: Connection, *, credential_id: str) -> str | None:
    """Return whose credential it is."""
    return connection.scalar(
        select(credential.c.learner_id).where(credential.c.id == credential_id)
    )


def learner_ids(connection: Connection, *, limit: int) -> list[str]:
    """Return the learners who have not been erased, `limit` of them at most."""
    statement = select(learner.c.id).where(learner.c.erased_at.is_(None))
    return list(connection.scalars(statement.order_by(learner.c.id).limit(limit)))


def audit_page(connection: Connection, *, offset: int) -> list[Row]:
    """Return events of the audit log, the latest first; their contents stay sealed."""
    statement = (
        select(
            audit_event.c.seq, audit_event.c.at, audit_event.c.kind, audit_event.c.leaf
        )
        .order_by(audit_event.c.seq.desc())
        .limit(PAGE)
        .offset(offset)
    )
    return _rows(connection, statement)


def audit_size(connection: Connection) -> int:
    """Count the events of the audit log."""
    return connection.scalar(select(func.max(audit_event.c.seq))) or 0


def last_checkpoint(connection: Connection) -> Row | None:
    """Return the latest signed head of the audit log."""
    statement = select(checkpoint.c.size, checkpoint.c.at, checkpoint.c.root)
    return _row(connection, statement.order_by(checkpoint.c.size.desc()).limit(1))


# --- the requester's


def peers(connection: Connection) -> list[Row]:
    """Return every peer, those waiting for a decision first."""
    waiting = peer.c.state.in_(("introduced", "pending"))
    return _rows(
        connection, select(peer).order_by(waiting.desc(), peer.c.introduced_at.desc())
    )


def requests(connection: Connection, *, limit: int = 200) -> list[Row]:
    """Return the requests this node sent, the latest first."""
    statement = (
        select(
            request.c.id,
            request.c.peer,
            request.c.created_at,
            request.c.deadline,
            request.c.state,
            request.c.reference,
        )
        .order_by(request.c.created_at.desc(), request.c.id.desc())
        .limit(limit)
    )
    return _rows(connection, statement)


def request_of(connection: Connection, *, request_id: str) -> Row | None:
    """Return one request this node sent."""
    statement = select(
        request.c.id,
        request.c.peer,
        request.c.created_at,
        request.c.deadline,
        request.c.state,
        request.c.reference,
    )
    return _row(connection, statement.where(request.c.id == request_id))


def deliveries_received(
    connection: Connection, *, thread: str | None = None, limit: int = 200
) -> list[Row]:
    """Return what was delivered here, the latest first."""
    statement = (
        select(
            delivery.c.id,
            delivery.c.peer,
            delivery.c.thread,
            delivery.c.purpose,
            delivery.c.at,
            delivery.c.state,
            delivery.c.receipt_id,
            request.c.reference,
        )
        .outerjoin(request, request.c.id == delivery.c.thread)
        .where(delivery.c.direction == "in")
        .order_by(delivery.c.at.desc(), delivery.c.id.desc())
        .limit(limit)
    )
    if thread is not None:
        statement = statement.where(delivery.c.thread == thread)
    return _rows(connection, statement)


def delivery_received(connection: Connection, *, delivery_id: str) -> Row | None:
    """Return one delivery that was received."""
    statement = (
        select(
            delivery.c.id,
            delivery.c.peer,
            delivery.c.purpose,
            delivery.c.at,
            delivery.c.state,
            delivery.c.receipt_id,
            request.c.reference,
        )
        .outerjoin(request, request.c.id == delivery.c.thread)
        .where(delivery.c.direction == "in", delivery.c.id == delivery_id)
    )
    return _row(connection, statement)


def items_of(connection: Connection, *, delivery_ids: Sequence[str]) -> list[Row]:
    """Return the documents of deliveries with their verdicts, without their octets."""
    statement = (
        select(
            delivery_item.c.delivery_id,
            delivery_item.c.item_id,
            delivery_item.c.record_id,
            delivery_item.c.format,
            delivery_item.c.digest,
            delivery_item.c.verdict,
            delivery_item.c.verified_at,
            delivery_item.c.status,
        )
        .where(delivery_item.c.delivery_id.in_(delivery_ids))
        .order_by(delivery_item.c.delivery_id, delivery_item.c.item_id)
    )
    return _rows(connection, statement)


def person_invited(connection: Connection, *, learner_id: str) -> Row | None:
    """Return id and language of the learner as a person who may log in, if invited."""
    statement = select(person.c.id, person.c.language)
    statement = statement.where(
        person.c.learner_id == learner_id, person.c.role == "learner"
    )
    return _row(connection, statement)
