"""Everything held about a learner, as the learner gets it: to read, and as one file.

The right of access: in Japan article 33 of the Act on the Protection of Personal
Information (with the records of provision, paragraph 5), in the EEA articles 15 and 20
of the GDPR. What pages show one by one is put together here, and nothing is left out:
what the student system gave, every document that was issued with its claims by the
paths of the record model, consents with what went out under them, requests, and the
whole access log. Nothing is written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from node import holdings
from node.context import NodeContext
from node.services import consent_views
from node.services.consent_views import ConsentPage
from node.services.learner_views import AccessLine, access_log
from node.services.proposing import Field, fields_of
from node.services.rights_views import Asked, asked_of
from node.services.staff_views import known_record
from node.store import credentials, documents, people
from node.store.credentials import Credential
from protocol.credentials.learner_record import LearnerRecord

FORMAT = "lrx-subject-access/1"
"""Names the members of the file; raised when one changes its meaning."""


@dataclass(frozen=True, slots=True)
class Issued:
    """One document that was issued, in force or not, with every claim of it."""

    credential: Credential
    claims: dict[str, Any]
    fields: tuple[Field, ...]
    """The claims as pages show them."""


@dataclass(frozen=True, slots=True)
class Holding:
    """Everything held about one learner."""

    at: datetime
    record: LearnerRecord
    mail: str
    language: str
    documents: tuple[tuple[str, datetime], ...]
    """Exports of the student system the data came from: name, and when imported."""
    issued: tuple[Issued, ...]
    consents: tuple[ConsentPage, ...]
    asked: tuple[Asked, ...]
    accesses: tuple[AccessLine, ...]

    @property
    def current(self) -> tuple[Issued, ...]:
        """Those documents that are in force."""
        return tuple(one for one in self.issued if one.credential.revoked_at is None)

    @property
    def former(self) -> tuple[Issued, ...]:
        """Those that were revoked or replaced."""
        return tuple(one for one in self.issued if one.credential.revoked_at)


def holding(
    connection: Connection, *, context: NodeContext, learner_id: str, at: datetime
) -> Holding:
    """Return everything held about a learner.

    Raises:
        NotFoundError: no such learner.
    """
    record = known_record(connection, context=context, learner_id=learner_id)
    who = people.person_of_learner(connection, learner_id=learner_id)
    person = who and people.person(connection, vault=context.vault, id=who.id)
    return Holding(
        at,
        record,
        person.email if person else "",
        person.language if person else "",
        _documents(connection, record),
        tuple(_issued(connection, context, learner_id)),
        tuple(
            consent_views.consent_page(
                connection,
                context=context,
                consent_id=one.id,
                learner_id=learner_id,
                at=at,
            )
            for one in consent_views.consents(connection, learner_id=learner_id, at=at)
        ),
        asked_of(connection, context=context, learner_id=learner_id, at=at),
        access_log(connection, learner_id=learner_id, limit=None),
    )


def _documents(
    connection: Connection, record: LearnerRecord
) -> tuple[tuple[str, datetime], ...]:
    origins = [
        record.person.origin,
        *(one.origin for one in record.enrolments),
        *(one.origin for one in record.results),
    ]
    used = {one.document for one in origins}
    return tuple(
        (one.name, one.imported_at)
        for one in documents.documents(connection)
        if one.id in used
    )


def _issued(
    connection: Connection, context: NodeContext, learner_id: str
) -> Iterator[Issued]:
    for facts in credentials.facts_of_learner(connection, learner_id=learner_id):
        found = credentials.credential(connection, vault=context.vault, id=facts.id)
        if found is not None:
            claims = holdings.record_of(found)
            yield Issued(found, claims, fields_of(found.record_id, claims))


def as_dict(held: Holding, *, context: NodeContext) -> dict[str, Any]:
    """Return a holding as the JSON of its file; moments are ISO 8601 in UTC."""
    settings = context.settings
    return {
        "format": FORMAT,
        "made_at": held.at.isoformat(timespec="seconds"),
        "held_by": {
            "did": str(context.did),
            "name": settings.name.model_dump(exclude_none=True),
            "country": settings.country,
            "contact": settings.privacy.contact,
            "notice": settings.privacy.notice,
        },
        "student_record": held.record.model_dump(mode="json", exclude_none=True),
        "contact": {"mail": held.mail, "language": held.language},
        "sources": [
            {"name": name, "imported_at": at.isoformat()} for name, at in held.documents
        ],
        "records": [_record(one) for one in held.issued],
        "consents": [_consent(one) for one in held.consents],
        "requests": [_request(one) for one in held.asked],
        "accesses": [line.as_dict() for line in held.accesses],
    }


def _record(issued: Issued) -> dict[str, Any]:
    one = issued.credential
    return {
        "record": one.record_id,
        "credential": one.id,
        "kind": one.kind,
        "language": one.lang,
        "version": one.version,
        "issued_at": one.issued_at.isoformat(),
        "valid_until": one.valid_until.isoformat() if one.valid_until else None,
        "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
        "revoked_reason": one.revoked_reason,
        "claims": issued.claims,
        "sd_jwt": one.sd_jwt,
        "vc": one.vc,
    }


def _consent(page: ConsentPage) -> dict[str, Any]:
    return {
        "consent": page.id,
        "recipient": {"did": page.peer.did, "name": page.peer.called},
        "purpose": page.purpose,
        "state": page.state,
        "not_before": page.not_before.isoformat(),
        "not_after": page.not_after.isoformat(),
        "scope": [_field(one) for part in page.scope for one in part.fields],
        "events": [
            {"at": event["at"].isoformat(), "state": event["to_status"]}
            for event in page.events
        ],
        "deliveries": [
            {
                "released_at": sent.at.isoformat(),
                "sent_at": sent.dispatched_at.isoformat()
                if sent.dispatched_at
                else None,
                "state": sent.state,
                "message_digest": sent.digest,
                "fields": [_field(one) for part in sent.parts for one in part.fields],
                "receipt_at": sent.receipt.at.isoformat() if sent.receipt else None,
            }
            for sent in page.sent
        ],
        "record": page.record,
    }


def _field(field: Field) -> dict[str, Any]:
    return {
        "record": field.record_id,
        "path": list(field.path),
        "value": field.value,
    }


def _request(asked: Asked) -> dict[str, Any]:
    return {
        "request": asked.id,
        "right": asked.kind,
        "state": asked.state,
        "received_at": asked.received_at.isoformat(),
        "due_at": asked.due_at.isoformat(),
        "about": asked.record_kind or None,
        "item": asked.item or None,
        "stated": asked.stated,
        "wanted": asked.wanted or None,
        "ground": asked.ground or None,
        "why": asked.why or None,
        "answered_at": asked.answered_at.isoformat() if asked.answered_at else None,
        "reason": asked.reason or None,
        "kept": asked.kept or None,
    }
