"""A drafted record → both secured forms, stored in a place of a status list."""

import secrets
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.services.drafting import Drafted
from node.store import audit, credentials
from node.store.columns import dumps
from node.store.credentials import Facts, Place, StatusListFullError
from protocol.credentials import status_lists
from protocol.credentials.record_model import vct
from protocol.credentials.vcdm import as_claims, as_credential
from protocol.exchange.messages import ENTROPY_BYTES, new_id
from protocol.identity.multibase import as_base64url
from protocol.securing import data_integrity, sd_jwt

PURPOSE = "revocation"
LIST_LIFETIME = timedelta(days=7)
"""How long a status list is good for once published."""
SALT_BYTES = 16
_ZONES = {"JP": timezone(timedelta(hours=9))}
"""Where a day does not begin when it does in UTC; documents bear the local date."""


def local_day(context: NodeContext, at: datetime) -> date:
    """Return the day it is at `at` where the institution is."""
    return at.astimezone(_zone(context)).date()


def fresh_id(at: datetime) -> str:
    """Return a new id, in 32 hex digits."""
    return new_id(at, secrets.token_bytes(ENTROPY_BYTES))


def secure_and_store(
    connection: Connection,
    *,
    context: NodeContext,
    learner_id: str,
    record_id: str,
    draft: Drafted,
    at: datetime,
) -> str:
    """Claim a place, secure both forms, store them and note it; return the id.

    Raises:
        SecuringError: the record has more parts than an SD-JWT may have.
        ErasedError: the learner has no key any more.
    """
    # Moments in a credential are whole seconds; so is what its row says of it.
    at = at.replace(microsecond=0)
    place = _place(connection, context, at)
    credential_id = fresh_id(at)
    vc, token = _secured(context, credential_id, draft, place, at)
    facts = Facts(
        id=credential_id,
        record_id=record_id,
        version=credentials.next_version(connection, record_id=record_id),
        learner_id=learner_id,
        kind=draft.kind,
        lang=draft.lang,
        award_date=draft.award_date,
        issued_at=at,
        valid_until=_end(context, draft),
        digest_vc=_digest(dumps(vc).encode()),
        digest_sd_jwt=_digest(token.encode()),
        status_list=place.status_list,
        status_index=place.status_index,
    )
    credentials.add_credential(
        connection,
        vault=context.vault,
        facts=facts,
        vc=vc,
        sd_jwt=token,
        contents=sd_jwt.parse(token).contents,
    )
    event = {
        "credential": facts.id,
        "record": facts.record_id,
        "record_kind": facts.kind,
        "version": facts.version,
        "digests": [facts.digest_vc, facts.digest_sd_jwt],
        "status": [facts.status_list, facts.status_index],
    }
    audit.append(
        connection,
        vault=context.vault,
        kind="credential-issued",
        event=event,
        at=at,
        learner_id=learner_id,
    )
    return credential_id


def note_revoked(
    connection: Connection,
    *,
    context: NodeContext,
    old: Facts,
    reason: str,
    at: datetime,
    successor: str | None = None,
) -> None:
    """Note in the log that a credential was revoked, why, and what took its place."""
    audit.append(
        connection,
        vault=context.vault,
        kind="credential-revoked",
        event={
            "credential": old.id,
            "record": old.record_id,
            "reason": reason,
            "superseded_by": successor,
            "status": [old.status_list, old.status_index],
        },
        at=at,
        learner_id=old.learner_id,
    )


def publish_list(
    connection: Connection, *, context: NodeContext, list_id: str, at: datetime
) -> None:
    """Sign a status list as its bits are now, and store it to be served."""
    document = status_lists.status_list_credential(
        list_url(context, list_id),
        issuer=context.did,
        bits=credentials.status_bits(connection, id=list_id),
        at=at,
        valid_until=at + LIST_LIFETIME,
        purpose=PURPOSE,
    )
    secured = data_integrity.secure(
        document,
        key=context.identity.eddsa,
        verification_method=context.identity.eddsa_kid,
        at=at,
    )
    credentials.publish_status_list(connection, id=list_id, document=secured, at=at)


def list_url(context: NodeContext, list_id: str) -> str:
    """Return where a status list of this node is served."""
    return f"{context.settings.origin}/status/{list_id}"


def _secured(
    context: NodeContext, id_: str, draft: Drafted, place: Place, at: datetime
) -> tuple[dict[str, Any], str]:
    """Secure a record as a VC with `eddsa-jcs-2022`, and as an SD-JWT VC."""
    url = list_url(context, place.status_list)
    shared: dict[str, Any] = {
        "id_": f"urn:uuid:{_dashed(id_)}",
        "issuer": context.did,
        "valid_from": at,
        "valid_until": _end(context, draft),
        "status": status_lists.entry(url, place.status_index, PURPOSE),
    }
    vc = data_integrity.secure(
        as_credential(
            draft.record, draft.kind, name=context.settings.legal_name, **shared
        ),
        key=context.identity.eddsa,
        verification_method=context.identity.eddsa_kid,
        at=at,
    )
    token = sd_jwt.issue(
        as_claims(draft.record, **shared),
        vct=vct(draft.kind),
        key=context.identity.es256,
        kid=context.identity.es256_kid,
        salts=lambda: secrets.token_urlsafe(SALT_BYTES),
    )
    return vc, token


def _place(connection: Connection, context: NodeContext, at: datetime) -> Place:
    """Claim a place; where the newest list is half full, in a new one."""
    try:
        return credentials.claim_place(connection, purpose=PURPOSE)
    except StatusListFullError:
        # Ids are in the order of time, and the newest list is the one with the
        # greatest. A list is served from the moment a credential points at it.
        list_id = fresh_id(at)
        credentials.add_status_list(connection, id=list_id, purpose=PURPOSE)
        publish_list(connection, context=context, list_id=list_id, at=at)
        return credentials.claim_place(connection, purpose=PURPOSE)


def _end(context: NodeContext, draft: Drafted) -> datetime | None:
    """Return the last second of the last day of what ends."""
    if draft.valid_until is None:
        return None
    return datetime.combine(draft.valid_until, time(23, 59, 59), _zone(context))


def _zone(context: NodeContext) -> tzinfo:
    return _ZONES.get(context.settings.country, UTC)


def _digest(octets: bytes) -> str:
    return "sha-256:" + as_base64url(sha256(octets).digest())


def _dashed(id_: str) -> str:
    return "-".join((id_[:8], id_[8:12], id_[12:16], id_[16:20], id_[20:]))
