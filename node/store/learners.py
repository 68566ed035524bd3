"""Learners, the keys their data is sealed with, and what is known of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.line import OPENED
from node.store.rows import CHUNK, Row, chunks, many, one
from node.store.sealed import Box, Vault
from node.store.tables import learner, learner_match, outbox, student_record
from protocol.credentials.learner_record import LearnerRecord

AT_ONCE = CHUNK
"""Learners whose records are worth reading together."""


class ErasedError(Exception):
    """The learner is unknown here, or was erased: there is no key."""


class StoredRecord(NamedTuple):
    """A learner's record as it lies in the store, sealed."""

    learner_id: str
    digest: str
    version: int
    body: bytes


_KEY = select(learner.c.wrapped_key).where(learner.c.id == bindparam("learner_id"))


# Keys.


def add_learners(
    connection: Connection, *, wrapped_keys: Mapping[str, bytes], at: datetime
) -> None:
    """Add learners; each id comes with a new key of `Vault.new_learner_key`."""
    rows = [
        {"id": learner_id, "wrapped_key": key, "created_at": at}
        for learner_id, key in wrapped_keys.items()
    ]
    if rows:
        connection.execute(insert(learner), rows)


def wrapped_keys(
    connection: Connection, *, learner_ids: Iterable[str]
) -> dict[str, bytes]:
    """Return the keys of the learners named who have one, by id."""
    found: dict[str, bytes] = {}
    for some in chunks(learner_ids):
        query = select(learner.c.id, learner.c.wrapped_key).where(
            learner.c.id.in_(some), learner.c.wrapped_key.is_not(None)
        )
        found.update({row.id: row.wrapped_key for row in connection.execute(query)})
    return found


def box(connection: Connection, *, vault: Vault, learner_id: str) -> Box:
    """Return the box of one learner.

    Raises:
        ErasedError: there is no such learner, or no key any more.
    """
    boxes: dict[str, Box] = connection.info.setdefault(OPENED, {})
    if learner_id not in boxes:
        key = connection.scalar(_KEY, {"learner_id": learner_id})
        if key is None:
            raise ErasedError(f"no key for learner {learner_id}")
        boxes[learner_id] = vault.learner(key)
    return boxes[learner_id]


def box_for(
    connection: Connection, *, vault: Vault, learner_id: str | None, label: str
) -> Box:
    """Return the box of the learner, or of the node where it concerns no learner.

    Raises:
        ErasedError: the learner has no key any more.
    """
    if learner_id is None:
        return vault.node_box(label)
    return box(connection, vault=vault, learner_id=learner_id)


def learner_row(connection: Connection, *, learner_id: str) -> Row | None:
    """Return `id`, `created_at` and `erased_at` of a learner, or None."""
    query = select(learner.c.id, learner.c.created_at, learner.c.erased_at)
    found = one(connection, query.where(learner.c.id == learner_id))
    return None if found is None else dict(found)


def learner_ids(connection: Connection) -> list[str]:
    """Return the ids of all learners who were not erased, the oldest first."""
    query = select(learner.c.id).where(learner.c.erased_at.is_(None))
    return list(connection.scalars(query.order_by(learner.c.created_at, learner.c.id)))


def erase(connection: Connection, *, learner_id: str, at: datetime) -> None:
    """Destroy a learner's key, and with it everything sealed with it.

    Queued messages that would need the key are cancelled.
    """
    connection.info.pop(OPENED, None)
    connection.execute(
        delete(learner_match).where(learner_match.c.learner_id == learner_id)
    )
    connection.execute(
        delete(student_record).where(student_record.c.learner_id == learner_id)
    )
    connection.execute(
        update(outbox)
        .where(outbox.c.learner_id == learner_id, outbox.c.state == "queued")
        .values(state="cancelled")
    )
    connection.execute(
        update(learner)
        .where(learner.c.id == learner_id, learner.c.erased_at.is_(None))
        .values(wrapped_key=None, erased_at=at)
    )


# What a learner is found by.


def set_matches(
    connection: Connection, *, matches: Mapping[str, Sequence[tuple[str, bytes]]]
) -> None:
    """Replace what learners are found by: kind and keyed hash, by learner."""
    for some in chunks(matches):
        connection.execute(
            delete(learner_match).where(learner_match.c.learner_id.in_(some))
        )
    rows = [
        {"learner_id": learner_id, "kind": kind, "hash": hashed}
        for learner_id, hashes in matches.items()
        for kind, hashed in dict.fromkeys(hashes)
    ]
    if rows:
        connection.execute(insert(learner_match), rows)


def learners_by_hash(
    connection: Connection, *, hashes: Iterable[bytes]
) -> dict[bytes, list[str]]:
    """Return the learners each hash fits; a hash that fits nobody is left out."""
    found: dict[bytes, list[str]] = {}
    for some in chunks(hashes):
        query = select(learner_match.c.hash, learner_match.c.learner_id)
        query = query.where(learner_match.c.hash.in_(some))
        for row in connection.execute(query.order_by(learner_match.c.learner_id)):
            found.setdefault(row.hash, []).append(row.learner_id)
    return found


# What a student-information system says of a learner.


def seal_record(vault: Vault, wrapped: bytes, learner_id: str, body: bytes) -> bytes:
    """Seal the JSON of a `LearnerRecord` under the learner's key."""
    return vault.learner(wrapped).seal(body, f"student_record.body:{learner_id}")


def open_body(vault: Vault, wrapped: bytes, stored: StoredRecord) -> bytes:
    """Open a stored record and return its JSON.

    Raises:
        SealError: it was sealed with another key or for another learner.
    """
    place = f"student_record.body:{stored.learner_id}"
    return vault.learner(wrapped).open(stored.body, place)


def open_record(vault: Vault, wrapped: bytes, stored: StoredRecord) -> LearnerRecord:
    """Open and read a stored record.

    Raises:
        SealError: it was sealed with another key or for another learner.
    """
    return LearnerRecord.model_validate_json(open_body(vault, wrapped, stored))


def put_records(
    connection: Connection, *, records: Iterable[StoredRecord], at: datetime
) -> None:
    """Store records, each in the place of the one before."""
    rows = [record._asdict() | {"updated_at": at} for record in records]
    if rows:
        statement = upsert(student_record)
        new = statement.excluded
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["learner_id"],
                set_={
                    name: new[name]
                    for name in ("digest", "version", "body", "updated_at")
                },
            ),
            rows,
        )


def stored_records(
    connection: Connection, *, learner_ids: Iterable[str]
) -> dict[str, StoredRecord]:
    """Return the records of the learners named who have one, by id."""
    found: dict[str, StoredRecord] = {}
    columns = [student_record.c[name] for name in StoredRecord._fields]
    for some in chunks(learner_ids):
        query = select(*columns).where(student_record.c.learner_id.in_(some))
        for row in many(connection, query):
            found[row["learner_id"]] = StoredRecord(**row)
    return found


def learner_record(
    connection: Connection, vault: Vault, *, learner_id: str
) -> LearnerRecord | None:
    """Return the record of one learner, opened; or None.

    Raises:
        ErasedError: the learner has no key any more.
    """
    stored = stored_records(connection, learner_ids=[learner_id]).get(learner_id)
    if stored is None:
        return None
    place = f"student_record.body:{learner_id}"
    opened = box(connection, vault=vault, learner_id=learner_id).open(
        stored.body, place
    )
    return LearnerRecord.model_validate_json(opened)
