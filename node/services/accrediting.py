"""A council, ministry or accreditor says who is what, and since when.

The statements are credentials like any other: signed with the credential key, each with
a random place in a status list, so that one can be taken back (LRX 1.0, "Who may say
what").
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.store import audit, credentials
from node.store import peers as peer_store
from protocol.credentials import status_lists
from protocol.identity.dids import Did
from protocol.rules import trust
from protocol.securing import data_integrity, jose

STATEMENT_LIFETIME = timedelta(days=5 * 365)
LIST_LIFETIME = timedelta(days=7)
PURPOSE = "revocation"
LIST = "organisations"
"""Id of the status list for statements about organisations."""

Effective = tuple[date, date]
"""First and last day the statement is about."""


def delegate(
    connection: Connection,
    *,
    context: NodeContext,
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    at: datetime,
) -> bytes:
    """State that `subject` may accredit in `country`."""
    return _state(
        connection,
        context,
        trust.trust_anchor_delegation,
        subject,
        legal_name,
        country,
        effective,
        at,
    )


def accredit_institution(
    connection: Connection,
    *,
    context: NodeContext,
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    at: datetime,
) -> bytes:
    """State that the institution `subject` is accredited."""
    return _state(
        connection,
        context,
        trust.institution_accreditation,
        subject,
        legal_name,
        country,
        effective,
        at,
    )


def recognise_authority(
    connection: Connection,
    *,
    context: NodeContext,
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    at: datetime,
) -> bytes:
    """State that `subject` is a competent recognition authority."""
    return _state(
        connection,
        context,
        trust.recognition_authority,
        subject,
        legal_name,
        country,
        effective,
        at,
    )


def keep(
    connection: Connection, *, context: NodeContext, octets: bytes, at: datetime
) -> None:
    """Keep a statement about this node, or about one of those who vouch for it."""
    peer_store.keep_organisation_credential(connection, octets=octets, own=True, at=at)


def publish(connection: Connection, *, context: NodeContext, at: datetime) -> int:
    """Sign every status list that changed anew; return how many."""
    changed = credentials.dirty_status_lists(connection)
    for stale in changed:
        url = f"{context.settings.origin}/status/{stale.id}"
        document = status_lists.status_list_credential(
            url,
            issuer=context.did,
            bits=credentials.status_bits(connection, id=stale.id),
            at=at,
            valid_until=at + LIST_LIFETIME,
            purpose=stale.purpose,
        )
        secured = data_integrity.secure(
            document,
            key=context.identity.eddsa,
            verification_method=context.identity.eddsa_kid,
            at=at,
        )
        credentials.publish_status_list(
            connection, id=stale.id, document=secured, at=at
        )
    return len(changed)


def _state(
    connection: Connection,
    context: NodeContext,
    build: Callable[..., Mapping[str, Any]],
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    at: datetime,
) -> bytes:
    raise NotImplementedError
