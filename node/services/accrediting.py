"""A council, ministry or accreditor says who is what, and since when.

The statements are credentials like any other: signed with the credential key, each with
a random place in a status list, so that one can be taken back (LRX 1.0, "Who may say
what").
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.store import audit, credentials, statements
from node.store import peers as peer_store
from node.store.statements import Statement
from protocol.credentials import status_lists
from protocol.errors import NotFoundError, RoleError
from protocol.identity.dids import Did
from protocol.rules import trust
from protocol.rules.statements import DELEGATION, read_all
from protocol.securing import data_integrity, jose

STATEMENT_LIFETIME = timedelta(days=5 * 365)
LIST_LIFETIME = timedelta(days=7)
PURPOSE = "revocation"
REPUBLISH_AFTER = timedelta(days=1)

Effective = tuple[date, date]
"""First and last day the statement is about."""

KINDS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "institution": trust.institution_accreditation,
    "authority": trust.recognition_authority,
    "delegation": trust.trust_anchor_delegation,
}
"""What can be stated of an organisation: that it is accredited, that it is a competent
recognition authority, that it may accredit."""


def state(
    connection: Connection,
    *,
    context: NodeContext,
    kind: str,
    subject: Did,
    legal_name: str,
    country: str,
    effective: Effective,
    at: datetime,
    countries: Sequence[str] = (),
) -> bytes:
    """Make a statement of one of `KINDS` about `subject`, seated in `country`.

    `countries` are those a delegation is for; without them it is for all.

    Raises:
        RoleError: this node may itself not accredit there.
    """
    _check_countries(connection, context, [*countries, country], effective[0])
    index = statements.claim_index(connection)
    unsecured = KINDS[kind](
        issuer=context.did,
        subject=subject,
        legal_name=legal_name,
        country=country,
        effective=effective,
        valid_from=at,
        valid_until=at + STATEMENT_LIFETIME,
        status=status_lists.entry(_list_url(context), index, PURPOSE),
        **({"countries": countries} if kind == "delegation" else {}),
    )
    octets = jose.secure(
        unsecured,
        key=context.identity.eddsa,
        kid=context.identity.eddsa_kid,
        typ="vc+jwt",
    ).encode()
    id_ = secrets.token_hex(16)
    type_ = unsecured["type"][-1]
    statements.add(
        connection,
        issued=Statement(id_, str(subject), type_, octets, at, index, None),
    )
    audit.append(
        connection,
        vault=context.vault,
        kind="statement-issued",
        event={"statement": id_, "type": type_, "subject": str(subject)},
        at=at,
    )
    return octets


def _check_countries(
    connection: Connection, context: NodeContext, wanted: Sequence[str], on: date
) -> None:
    """Refuse what no reader would count: a statement beyond this node's delegation."""
    kept = peer_store.organisation_credentials(connection, own=True)
    delegations = [
        one
        for one in read_all(kept)
        if one.type == DELEGATION and one.subject == context.did and one.covers(on)
    ]
    # Without one this node is an anchor itself, or has not been told yet.
    for country in wanted if delegations else ():
        if not any(not d.countries or country in d.countries for d in delegations):
            known = ", ".join(sorted({c for d in delegations for c in d.countries}))
            raise RoleError(
                f"the delegation of this node is for {known}, not {country}"
            )


def keep(
    connection: Connection, *, context: NodeContext, octets: bytes, at: datetime
) -> None:
    """Keep a statement about this node, or about one of those who vouch for it."""
    peer_store.keep_organisation_credential(connection, octets=octets, own=True, at=at)


def take_back(
    connection: Connection, *, context: NodeContext, statement_id: str, at: datetime
) -> None:
    """Revoke a statement.

    Raises:
        NotFoundError: there is none, or it was taken back before.
    """
    if not statements.revoke(connection, id=statement_id, at=at):
        raise NotFoundError("no such statement in force")
    audit.append(
        connection,
        vault=context.vault,
        kind="statement-revoked",
        event={"statement": statement_id},
        at=at,
    )


def publish(connection: Connection, *, context: NodeContext, at: datetime) -> bool:
    """Sign the status list of the statements anew if it is due; tell whether it was."""
    if not statements.is_due(connection, published_before=at - REPUBLISH_AFTER):
        return False
    document = status_lists.status_list_credential(
        _list_url(context),
        issuer=context.did,
        bits=statements.bits(connection),
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
    credentials.publish_status_list(
        connection, id=statements.LIST, document=secured, at=at
    )
    return True


def _list_url(context: NodeContext) -> str:
    return f"{context.settings.origin}/status/{statements.LIST}"
