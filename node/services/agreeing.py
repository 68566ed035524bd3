"""Writes down what a learner agreed to: policy, consent record, facts for the law.

Everything here is made from one decision, so that the policy a recipient is held to,
the record the learner can take away and what the privacy rules were asked about cannot
say different things.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.holdings import Fields
from node.outbox import Peer
from node.services.guarding import By, age
from node.services.parties import terms_of
from node.store import consents, credentials, learners, messages
from node.store import peers as peer_store
from protocol.credentials.claims_paths import parse_path
from protocol.errors import UnexpectedMessageError
from protocol.exchange.consent import Purpose, Status
from protocol.exchange.consent_record import (
    ConsentFacts,
    Event,
    Notice,
    Party,
    consent_receipt,
    consent_record,
)
from protocol.exchange.envelope import message_digest
from protocol.exchange.messages import ENTROPY_BYTES, new_id, policy_digest
from protocol.exchange.odrl import Terms, policy
from protocol.linked_data.jcs import canonical
from protocol.securing import jose

RECEIPT_TYPE = "lrx-consent-receipt+jwt"
NOTICE_VERSION = "1"
"""Raised when the words of the consent page change."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the learner agreed to, before it is stored."""

    learner_id: str
    peer: Peer
    purpose: str
    scope: Fields
    not_after: datetime
    max_uses: int
    recipient_terms: Mapping[str, Any]
    language: str
    login_at: datetime
    description: Mapping[str, str]
    reference: str | None = None
    by: By = "learner"


def grant(
    connection: Connection, *, context: NodeContext, decided: Decided, at: datetime
) -> str:
    """Store a decision: request, scope, terms, grant; return the consent's id.

    Raises:
        UnexpectedMessageError: a consent to nothing.
        GateError: the database refuses it.
    """
    if not decided.scope:
        raise UnexpectedMessageError("a consent to nothing")
    # No message id: those of a clock that was set back follow each other closely.
    consent_id = new_id(at, secrets.token_bytes(ENTROPY_BYTES))
    _store(connection, context, decided, consent_id, 1, at)
    return consent_id


def renew(
    connection: Connection,
    *,
    context: NodeContext,
    consent: consents.Consent,
    decided: Decided,
    at: datetime,
) -> int:
    """Store a new decision in place of a consent in force; return its version.

    What was decided never changes: the version before is superseded, and what was
    queued under it is cancelled.

    Raises:
        GateError: the consent is not in force.
    """
    consents.supersede(connection, consent_id=consent.id, version=consent.version)
    messages.cancel_undispatched(
        connection, consent_id=consent.id, version=consent.version
    )
    _store(connection, context, decided, consent.id, consent.version + 1, at)
    return consent.version + 1


def _store(
    connection: Connection,
    context: NodeContext,
    decided: Decided,
    consent_id: str,
    version: int,
    at: datetime,
) -> None:
    consents.request(
        connection,
        id=consent_id,
        version=version,
        learner=decided.learner_id,
        recipient=decided.peer.id,
        purpose=decided.purpose,
        not_before=at,
        not_after=decided.not_after,
        max_uses=decided.max_uses,
    )
    consents.add_scope(
        connection, consent_id=consent_id, version=version, scope=decided.scope
    )
    agreement = policy(_terms(context, decided, consent_id, version))
    consents.set_terms(
        connection,
        consent_id=consent_id,
        version=version,
        terms={
            "recipient_terms": dict(decided.recipient_terms),
            "policy": agreement,
            "facts": _facts(connection, context, decided, at.date()),
            "record": _record(
                *(connection, context, decided, consent_id, version, agreement, at)
            ),
            "language": decided.language,
            "decided_at": int(at.timestamp()),
            "login_at": int(decided.login_at.timestamp()),
        },
    )
    consents.grant(connection, consent_id=consent_id, version=version)


def _pairwise(context: NodeContext, decided: Decided) -> str:
    """Return the name a learner has towards one peer, and towards no other."""
    named = f"{decided.learner_id} {decided.peer.id}"
    return f"urn:lrx:learner:{context.vault.match_hash('pairwise', named)[:16].hex()}"


def _terms(
    context: NodeContext, decided: Decided, consent_id: str, version: int
) -> Terms:
    terms = decided.recipient_terms
    return Terms(
        consent_id,
        version,
        _pairwise(context, decided),
        str(decided.peer.did),
        Purpose(decided.purpose),
        until=decided.not_after,
        countries=(terms["jurisdiction"],) if terms["jurisdiction"] else (),
        retention_days=terms["retention_days"],
        report_onward=True,
    )


def _facts(
    connection: Connection, context: NodeContext, decided: Decided, on: date
) -> dict[str, Any]:
    """Return what the law packs are asked about: what was shown before the decision."""
    terms = decided.recipient_terms
    facts: dict[str, Any] = {
        "source.country": context.settings.country,
        "recipient.country": terms["jurisdiction"],
        "purpose": decided.purpose,
        "terms.retention_days": terms["retention_days"],
        "terms.automated_decision": bool(terms.get("automated_decision")),
        "terms.onward": bool(terms.get("onward")),
        "terms.notice": True,
        "terms.contact": True,
        "scope.category": [],
        "consent.given": True,
        "consent.by_guardian": decided.by == "guardian",
        "consent.names_country": True,
        "consent.names_recipient": True,
        "consent.risk_explained": True,
        "consent.describes_protection_system": terms_of(terms).described,
        "consent.describes_recipient_measures": True,
        "consent.explains_automated_decision": not terms.get("automated_decision"),
        "consent.covers_onward": not terms.get("onward"),
        "record.provision": True,
        "record.receipt": True,
        "provider.identified": True,
        "provider.origin_stated": True,
    }
    record = learners.learner_record(
        connection, vault=context.vault, learner_id=decided.learner_id
    )
    if record is not None and record.person.birth_date is not None:
        facts["learner.age"] = age(record.person.birth_date, on)
    return facts


def _record(
    connection: Connection,
    context: NodeContext,
    decided: Decided,
    consent_id: str,
    version: int,
    agreement: Mapping[str, Any],
    at: datetime,
) -> dict[str, Any]:
    settings = context.settings
    row = peer_store.peer(connection, id=decided.peer.id)
    name = row.name if row else {}
    kinds = {
        one.id: one.kind
        for one in credentials.records(connection, learner_id=decided.learner_id)
    }
    terms = decided.recipient_terms
    events = (
        Event(Status.REQUESTED, at, "recipient", "lrx"),
        Event(Status.GRANTED, at, decided.by, "portal, login by one-time link"),
    )
    manage = f"{settings.portal_origin}/learner/consents/{consent_id}"
    record = consent_record(
        ConsentFacts(
            id=consent_id,
            version=version,
            learner=_pairwise(context, decided),
            source=Party(
                str(context.did),
                settings.name.model_dump(exclude_none=True),
                "dpv:EducationalOrganisation",
                settings.country,
                settings.origin,
                settings.privacy.contact,
                settings.privacy.notice,
            ),
            recipient=Party(
                str(decided.peer.did),
                {"en": name.get("legal_name", "")},
                "dpv:Organisation",
                name.get("country", terms["jurisdiction"]),
                str(decided.peer.did.domain or ""),
                terms.get("contact", ""),
                terms.get("notice", ""),
            ),
            purpose=Purpose(decided.purpose),
            description=decided.description,
            reference=decided.reference,
            scope=[
                (record, kinds.get(record, ""), parse_path(path))
                for record, path in sorted(decided.scope)
            ],
            notice=Notice(
                manage,
                NOTICE_VERSION,
                decided.language,
                message_digest(canonical(dict(terms))),
            ),
            regimes=[*settings.privacy.regimes, *terms.get("regimes", [])],
            retention_days=terms["retention_days"],
            not_after=decided.not_after,
            max_uses=decided.max_uses,
            manage_url=manage,
            policy_digest=policy_digest(agreement),
            events=events,
        )
    )
    receipt = consent_receipt(record, receipt_id=consent_id, at=at)
    # The learner's copy, signed: what was agreed can be shown to anyone later.
    record["lrx:receipt"] = jose.secure(
        receipt,
        key=context.identity.message_key,
        kid=context.identity.message_kid,
        typ=RECEIPT_TYPE,
    )
    return record
