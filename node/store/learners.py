"""Learners, their keys, the hashes they are found by, and their records, sealed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.sealed import Vault
from node.store.tables import learner, learner_match, student_record
from protocol.credentials.learner_record import LearnerRecord

T = TypeVar("T")

AT_ONCE = 500
"""Values in one `in (…)`; SQLite takes 32,766, but plans for fewer are quicker made."""


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A learner record as it lies in the store; `body` is sealed."""

    learner_id: str
    digest: str
    version: int
    body: bytes


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, AT_ONCE)):
        yield chunk


def learners_by_hash(
    connection: Connection, *, hashes: Iterable[bytes]
) -> dict[bytes, list[str]]:
    """Return the ids of the learners each of `hashes` fits; erased ones are left out.

    A name and birth date may fit several learners: none is then to be preferred.
    """
    found: dict[bytes, list[str]] = {}
    for chunk in _chunks(hashes):
        query = (
            select(learner_match.c.hash, learner_match.c.learner_id)
            .join(learner, learner.c.id == learner_match.c.learner_id)
            .where(learner_match.c.hash.in_(chunk), learner.c.erased_at.is_(None))
            .order_by(learner_match.c.learner_id)
        )
        for hashed, learner_id in connection.execute(query):
            found.setdefault(hashed, []).append(learner_id)
    return found


def add_learners(
    connection: Connection, *, wrapped_keys: dict[str, bytes], at: datetime
) -> None:
    """Add learners by id, each with a wrapped key of its own."""
    if wrapped_keys:
        connection.execute(
            insert(learner),
            [
                {"id": learner_id, "wrapped_key": key, "created_at": at}
                for learner_id, key in wrapped_keys.items()
            ],
        )


def set_matches(
    connection: Connection, *, matches: dict[str, Sequence[tuple[str, bytes]]]
) -> None:
    """Replace, for each learner id, the kinds and hashes the learner is found by."""
    for chunk in _chunks(matches):
        connection.execute(
            delete(learner_match).where(learner_match.c.learner_id.in_(chunk))
        )
    rows = [
        {"hash": hashed, "learner_id": learner_id, "kind": kind}
        for learner_id, found in matches.items()
        for kind, hashed in found
    ]
    if rows:
        connection.execute(insert(learner_match), rows)


def wrapped_keys(
    connection: Connection, *, learner_ids: Iterable[str]
) -> dict[str, bytes]:
    """Return the wrapped keys of those of `learner_ids` who have not been erased."""
    found: dict[str, bytes] = {}
    for chunk in _chunks(learner_ids):
        query = select(learner.c.id, learner.c.wrapped_key).where(
            learner.c.id.in_(chunk), learner.c.wrapped_key.is_not(None)
        )
        found.update((row.id, row.wrapped_key) for row in connection.execute(query))
    return found


def stored_records(
    connection: Connection, *, learner_ids: Iterable[str]
) -> dict[str, StoredRecord]:
    """Return the sealed learner records of those of `learner_ids` who have one."""
    found: dict[str, StoredRecord] = {}
    for chunk in _chunks(learner_ids):
        query = select(
            student_record.c.learner_id,
            student_record.c.digest,
            student_record.c.version,
            student_record.c.body,
        ).where(student_record.c.learner_id.in_(chunk))
        for row in connection.execute(query):
            found[row.learner_id] = StoredRecord(*row)
    return found


def put_records(
    connection: Connection, *, records: Sequence[StoredRecord], at: datetime
) -> None:
    """Store sealed learner records, in place of those the learners had."""
    if not records:
        return
    statement = upsert(student_record)
    statement = statement.on_conflict_do_update(
        index_elements=["learner_id"],
        set_={
            name: statement.excluded[name]
            for name in ("digest", "version", "body", "updated_at")
        },
    )
    connection.execute(
        statement,
        [
            {
                "learner_id": record.learner_id,
                "digest": record.digest,
                "version": record.version,
                "body": record.body,
                "updated_at": at,
            }
            for record in records
        ],
    )


def seal_record(vault: Vault, wrapped: bytes, learner_id: str, body: bytes) -> bytes:
    """Seal the JSON of a learner record under the learner's own key."""
    return vault.learner(wrapped).seal(body, _place(learner_id))


def open_record(vault: Vault, wrapped: bytes, stored: StoredRecord) -> LearnerRecord:
    """Open a sealed learner record.

    Raises:
        SealError: it was sealed under another key or for another learner.
    """
    body = vault.learner(wrapped).open(stored.body, _place(stored.learner_id))
    return LearnerRecord.model_validate_json(body)


def _place(learner_id: str) -> str:
    return f"student_record.body:{learner_id}"


def learner_record(
    connection: Connection, vault: Vault, *, learner_id: str
) -> LearnerRecord | None:
    """Return what is known of one learner; `None` if nothing, or not any more."""
    keys = wrapped_keys(connection, learner_ids=[learner_id])
    stored = stored_records(connection, learner_ids=[learner_id])
    if learner_id not in keys or learner_id not in stored:
        return None
    return open_record(vault, keys[learner_id], stored[learner_id])
