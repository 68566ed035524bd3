"""Other nodes, what they show of themselves, and what was fetched from the web."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.rows import many, one
from node.store.tables import did_archive, organisation_credential, status_archive
from node.store.tables import peer as _peer
from protocol.errors import DidError
from protocol.exchange.envelope import message_digest
from protocol.identity.dids import Did
from protocol.securing import jose

ORGANISATION_TYPES = ("vc+jwt",)
"""`typ` of the secured credentials organisations show."""


class Peer(NamedTuple):
    """Another node, as far as it introduced itself."""

    id: str
    """Its SCID where it has one, so that it may move; else its DID."""
    did: Did
    name: Mapping[str, Any]
    state: str
    roles: list[str]
    purposes: list[str]
    terms: dict[str, Any] | None
    """What this node granted it."""
    their_terms: dict[str, Any] | None
    """What it asked for and said of itself."""
    review_by: datetime | None
    max_in_flight: int
    introduced_at: datetime
    decided_at: datetime | None
    basis: list[dict[str, str]] | None
    reason: str | None


_PEER = select(_peer).where(_peer.c.id == bindparam("peer_id"))


def add_peer(
    connection: Connection,
    *,
    id: str,
    did: Did,
    name: Mapping[str, Any],
    state: str,
    roles: Sequence[str],
    purposes: Sequence[str],
    max_in_flight: int,
    at: datetime,
) -> None:
    """Add a node."""
    connection.execute(
        insert(_peer),
        {
            "id": id,
            "did": str(did),
            "name": dict(name),
            "state": state,
            "roles": list(roles),
            "purposes": list(purposes),
            "max_in_flight": max_in_flight,
            "introduced_at": at,
        },
    )


def set_peer(connection: Connection, *, id: str, **changes: Any) -> None:
    """Change what is known of a node; keywords are columns of `tables.peer`."""
    if changes:
        connection.execute(update(_peer).where(_peer.c.id == id).values(**changes))


def peer(connection: Connection, *, id: str) -> Peer | None:
    """Return a node, or None."""
    found = one(connection, _PEER, peer_id=id)
    return None if found is None else Peer(**found | {"did": Did(found["did"])})


def peers(connection: Connection, *, state: str | None = None) -> list[Peer]:
    """Return all nodes, or those in one state, in the order they came."""
    query = select(_peer).order_by(_peer.c.introduced_at, _peer.c.id)
    if state is not None:
        query = query.where(_peer.c.state == state)
    return [Peer(**row | {"did": Did(row["did"])}) for row in many(connection, query)]


# Statements about organisations.


def keep_organisation_credential(
    connection: Connection, *, octets: bytes, own: bool, at: datetime
) -> None:
    """Keep a credential once; what was ours stays ours. Nothing of it is verified here.

    Raises:
        SecuringError: it is not a compact JWS of a credential.
    """
    claims = jose.read(octets.decode("ascii", "replace"), ORGANISATION_TYPES).claims
    types = claims.get("type", ())
    statement = upsert(organisation_credential).values(
        digest=message_digest(octets),
        subject=_id_of(claims.get("credentialSubject")),
        issuer=_id_of(claims.get("issuer")),
        type=" ".join(map(str, types)) if isinstance(types, list) else str(types),
        octets=octets,
        received_at=at,
        own=int(own),
    )
    if own:
        kept = statement.on_conflict_do_update(
            index_elements=["digest"], set_={"own": 1}
        )
    else:
        kept = statement.on_conflict_do_nothing()
    connection.execute(kept)


def organisation_credentials(
    connection: Connection, *, own: bool | None = None, subject: str | None = None
) -> list[bytes]:
    """Return kept credentials, in the order they came: all, ours, or about one DID."""
    table = organisation_credential
    query = select(table.c.octets).order_by(table.c.received_at, table.c.digest)
    if own is not None:
        query = query.where(table.c.own == int(own))
    if subject is not None:
        query = query.where(table.c.subject == subject)
    return list(connection.scalars(query))


# What was fetched.


def archive_did(
    connection: Connection,
    *,
    did: str,
    scid: str | None,
    octets: bytes,
    versions: Sequence[str],
    at: datetime,
) -> None:
    """Keep a DID log or document; `versions` are the ids of its versions, in order.

    A truncated log still verifies, so what was seen before must be its beginning.

    Raises:
        DidError: the log is shorter than the one seen before, or another one.
    """
    known = one(connection, select(did_archive).where(did_archive.c.did == did))
    if known is not None and len(versions) < known["highest"]:
        raise DidError(
            f"the log of {did} has {len(versions)} versions; "
            f"{known['highest']} were seen before"
        )
    if known is not None and list(versions[: known["highest"]]) != known["versions"]:
        raise DidError(f"the log of {did} is not the one seen before")
    values = {
        "scid": scid,
        "octets": octets,
        "versions": list(versions),
        "highest": len(versions),
        "fetched_at": at,
    }
    statement = upsert(did_archive).values(did=did, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["did"], set_=values)
    )


def archived_did(connection: Connection, *, did: str) -> bytes | None:
    """Return the log or document last kept of a DID, or None."""
    octets: bytes | None = connection.scalar(
        select(did_archive.c.octets).where(did_archive.c.did == did)
    )
    return octets


def archived_dids(connection: Connection) -> dict[str, bytes]:
    """Return every log or document kept, by DID."""
    query = select(did_archive.c.did, did_archive.c.octets)
    return {row.did: row.octets for row in connection.execute(query)}


def archive_status_list(
    connection: Connection, *, url: str, octets: bytes, at: datetime
) -> None:
    """Keep a status list in the place of the one before."""
    values = {"octets": octets, "fetched_at": at}
    statement = upsert(status_archive).values(url=url, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["url"], set_=values)
    )


def archived_status_list(connection: Connection, *, url: str) -> bytes | None:
    """Return the status list last kept from an address, or None."""
    octets: bytes | None = connection.scalar(
        select(status_archive.c.octets).where(status_archive.c.url == url)
    )
    return octets


def _id_of(value: Any) -> str:
    """Return the id of what is an id or an object with one."""
    return str(value.get("id", "") if isinstance(value, Mapping) else value or "")
