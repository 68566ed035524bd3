"""Status lists as they were when a delivery was judged: what an appeal will ask for.

A list is kept once, however many deliveries were judged by it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.tables import delivery_status, status_version


def keep(
    connection: Connection,
    *,
    delivery_id: str,
    status_lists: Mapping[str, bytes],
    at: datetime,
) -> None:
    """Keep the lists, by address, that a delivery was judged by."""
    for url, octets in status_lists.items():
        digest = hashlib.sha256(octets).hexdigest()
        connection.execute(
            upsert(status_version)
            .values(digest=digest, url=url, octets=octets, fetched_at=at)
            .on_conflict_do_nothing()
        )
        connection.execute(
            upsert(delivery_status)
            .values(delivery_id=delivery_id, digest=digest)
            .on_conflict_do_nothing()
        )


def of_delivery(connection: Connection, *, delivery_id: str) -> dict[str, bytes]:
    """Return the lists, by address, that a delivery was first judged by.

    A correction or a later look at the same delivery may have brought newer ones; the
    receipt rests on the first.
    """
    query = (
        select(status_version.c.url, status_version.c.octets)
        .join(delivery_status, delivery_status.c.digest == status_version.c.digest)
        .where(delivery_status.c.delivery_id == delivery_id)
        .order_by(status_version.c.fetched_at.desc())
    )
    return {row.url: row.octets for row in connection.execute(query)}
