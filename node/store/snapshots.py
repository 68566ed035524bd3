"""Status lists as they were when a delivery was judged: what an appeal will ask for.

A list is kept once, however many deliveries were judged by it.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.tables import delivery_status, status_version

_JUDGED_BY = upsert(delivery_status).on_conflict_do_nothing()


def keep(
    connection: Connection,
    *,
    delivery_id: str,
    status_lists: Mapping[str, bytes],
    at: datetime,
) -> None:
    """Keep the lists, by address, that a delivery was judged by."""
    if not status_lists:
        return
    digests = {
        hashlib.sha256(octets).hexdigest(): (url, octets)
        for url, octets in status_lists.items()
    }
    query = select(status_version.c.digest).where(status_version.c.digest.in_(digests))
    kept = set(connection.scalars(query))
    fresh = [
        {"digest": digest, "url": url, "octets": octets, "fetched_at": at}
        for digest, (url, octets) in digests.items()
        if digest not in kept
    ]
    if fresh:
        connection.execute(insert(status_version), fresh)
    connection.execute(
        _JUDGED_BY,
        [{"delivery_id": delivery_id, "digest": digest} for digest in digests],
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
