"""Originals as they were read, what in them could not be read, and catalogues."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    delete,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from node.store.rows import Row, first, many
from node.store.sealed import Box, Vault
from node.store.tables import catalogue, import_run, quarantine, source_document
from protocol.credentials.learner_record import Catalogue


class Document(NamedTuple):
    """An original, without its octets."""

    id: str
    sha256: str
    name: str
    kind: str
    imported_at: datetime


class Quarantined(NamedTuple):
    """A row or a value that could not be read, and where it stands."""

    file: str
    line: int
    column: str | None
    field: str | None
    reason: str
    raw: bytes | None


def add_document(
    connection: Connection, vault: Vault, *, document: Document, octets: bytes
) -> bool:
    """Keep an original; False if the same octets are kept already."""
    place = f"source_document.octets:{document.id}"
    statement = upsert(source_document).values(
        octets=_box(vault).seal(octets, place), **document._asdict()
    )
    return connection.execute(statement.on_conflict_do_nothing()).rowcount > 0


def original(connection: Connection, *, vault: Vault, document_id: str) -> bytes | None:
    """Return the octets of an original, or None."""
    sealed = connection.scalar(
        select(source_document.c.octets).where(source_document.c.id == document_id)
    )
    if sealed is None:
        return None
    return _box(vault).open(sealed, f"source_document.octets:{document_id}")


def documents(connection: Connection, *, limit: int = 1000) -> list[Document]:
    """Return the originals, the newest first."""
    columns = [source_document.c[name] for name in Document._fields]
    query = select(*columns).order_by(
        source_document.c.imported_at.desc(), source_document.c.id
    )
    return [Document(**row) for row in many(connection, query.limit(limit))]


def set_quarantine(
    connection: Connection,
    vault: Vault,
    *,
    document_id: str,
    quarantined: Iterable[Quarantined],
    at: datetime,
) -> bool:
    """Replace what is set aside of a document; False if that is what was already.

    What has not changed keeps its row and its date.
    """
    wanted = {_quarantine_id(vault, document_id, one): one for one in quarantined}
    standing = set(
        connection.scalars(
            select(quarantine.c.id).where(quarantine.c.document_id == document_id)
        )
    )
    if standing == wanted.keys():
        return False
    connection.execute(
        delete(quarantine).where(
            quarantine.c.document_id == document_id, quarantine.c.id.not_in(wanted)
        )
    )
    rows = [
        one._asdict()
        | {"id": row_id, "document_id": document_id, "at": at}
        | {"raw": _sealed(_box(vault), row_id, one.raw)}
        for row_id, one in wanted.items()
        if row_id not in standing
    ]
    if rows:
        connection.execute(insert(quarantine), rows)
    return True


def quarantined(
    connection: Connection, *, vault: Vault, document_id: str
) -> list[Quarantined]:
    """Return what was set aside of a document, by line, with the raw octets."""
    query = select(quarantine).where(quarantine.c.document_id == document_id)
    query = query.order_by(quarantine.c.line, quarantine.c.id)
    return [
        Quarantined(
            row["file"],
            row["line"],
            row["column"],
            row["field"],
            row["reason"],
            row["raw"] and _box(vault).open(row["raw"], f"quarantine.raw:{row['id']}"),
        )
        for row in many(connection, query)
    ]


def quarantine_counts(connection: Connection) -> dict[str, int]:
    """Count what is set aside, by document."""
    query = select(quarantine.c.document_id, func.count())
    rows = connection.execute(query.group_by(quarantine.c.document_id))
    return {row[0]: row[1] for row in rows}


def add_import_run(
    connection: Connection, *, run_id: str, kind: str, report: Any, at: datetime
) -> None:
    """Keep the report of an import."""
    connection.execute(
        insert(import_run), {"id": run_id, "at": at, "kind": kind, "report": report}
    )


def import_runs(connection: Connection, *, limit: int = 50) -> list[Row]:
    """Return the reports of imports, the newest first."""
    query = select(import_run).order_by(import_run.c.at.desc(), import_run.c.id.desc())
    return [dict(row) for row in many(connection, query.limit(limit))]


def add_catalogue(
    connection: Connection,
    *,
    catalogue_id: str,
    digest: str,
    body: Catalogue,
    at: datetime,
) -> bool:
    """Make a catalogue the current one; False if it is already."""
    current = _newest(connection)
    if current is not None and current["digest"] == digest:
        return False
    connection.execute(
        insert(catalogue),
        {
            "id": catalogue_id,
            "at": at,
            "digest": digest,
            "body": body.model_dump(mode="json"),
        },
    )
    return True


def current_catalogue(connection: Connection) -> Catalogue | None:
    """Return the catalogue in use, or None."""
    current = _newest(connection)
    return None if current is None else Catalogue.model_validate(current["body"])


def _newest(connection: Connection) -> Any:
    # By row id: two imports may fall into one second.
    return first(
        connection,
        select(catalogue).order_by(catalogue.c.at.desc(), _ROWID.desc()),
    )


_ROWID: ColumnElement[int] = literal_column("rowid")


def _box(vault: Vault) -> Box:
    return vault.node_box("source document")


def _sealed(box: Box, row_id: str, raw: bytes | None) -> bytes | None:
    return None if raw is None else box.seal(raw, f"quarantine.raw:{row_id}")


def _quarantine_id(vault: Vault, document_id: str, one: Quarantined) -> str:
    """Name a row after all that it says, so that the same again is the same.

    Keyed, because what was set aside may be guessed.
    """
    parts = (document_id, *map(str, one[:-1]), (one.raw or b"").hex())
    return vault.match_hash("quarantine", "\0".join(parts)).hex()[:32]
