"""Originals kept byte for byte, what could not be read in them, and the catalogue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnClause,
    Connection,
    delete,
    func,
    insert,
    literal_column,
    select,
)

from node.store.sealed import Vault
from node.store.tables import catalogue, import_run, quarantine, source_document
from protocol.credentials.learner_record import Catalogue

_DOCUMENTS = "source documents"
"""Label of the node key that seals originals: an export holds many learners."""
_ROWID: ColumnClause[int] = literal_column("rowid")
"""Tells apart what was added within one second."""


@dataclass(frozen=True, slots=True)
class Document:
    """An original, but for its bytes."""

    id: str
    sha256: str
    name: str
    kind: str
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something set aside, and where it stands in its original."""

    file: str
    line: int
    column: str | None
    field: str
    reason: str
    raw: bytes


def add_document(
    connection: Connection,
    vault: Vault,
    *,
    document: Document,
    octets: bytes,
) -> bool:
    """Keep an original once; tells whether it is new."""
    query = select(source_document.c.id).where(
        source_document.c.sha256 == document.sha256
    )
    if connection.scalar(query) is not None:
        return False
    sealed = vault.node_box(_DOCUMENTS).seal(octets, _octets_place(document.id))
    connection.execute(
        insert(source_document).values(
            id=document.id,
            sha256=document.sha256,
            name=document.name,
            kind=document.kind,
            imported_at=document.imported_at,
            octets=sealed,
        )
    )
    return True


def document_octets(
    connection: Connection, vault: Vault, *, document_id: str
) -> bytes | None:
    """Return an original byte for byte, if it is kept here."""
    query = select(source_document.c.octets).where(source_document.c.id == document_id)
    sealed = connection.scalar(query)
    if sealed is None:
        return None
    return vault.node_box(_DOCUMENTS).open(sealed, _octets_place(document_id))


def documents(connection: Connection, *, limit: int = 100) -> list[Document]:
    """Return what was imported, the latest first."""
    query = (
        select(
            source_document.c.id,
            source_document.c.sha256,
            source_document.c.name,
            source_document.c.kind,
            source_document.c.imported_at,
        )
        .order_by(source_document.c.imported_at.desc(), source_document.c.id)
        .limit(limit)
    )
    return [Document(*row) for row in connection.execute(query)]


def _octets_place(document_id: str) -> str:
    return f"source_document.octets:{document_id}"


def _raw_place(document_id: str, number: int) -> str:
    return f"quarantine.raw:{document_id}:{number}"


def set_quarantine(
    connection: Connection,
    vault: Vault,
    *,
    document_id: str,
    quarantined: Sequence[Quarantined],
    at: datetime,
) -> bool:
    """Replace what is set aside of an original; tells whether anything differs."""
    standing = [
        (row.file, row.line, row.column, row.field, row.reason)
        for row in connection.execute(
            select(quarantine)
            .where(quarantine.c.document_id == document_id)
            .order_by(quarantine.c.id)
        )
    ]
    now = [(q.file, q.line, q.column, q.field, q.reason) for q in quarantined]
    if standing == now:
        return False
    connection.execute(
        delete(quarantine).where(quarantine.c.document_id == document_id)
    )
    box = vault.node_box(_DOCUMENTS)
    rows = [
        {
            "id": f"{document_id}-{number:08}",
            "document_id": document_id,
            "file": one.file,
            "line": one.line,
            "column": one.column,
            "field": one.field,
            "reason": one.reason,
            "raw": box.seal(one.raw, _raw_place(document_id, number)),
            "at": at,
        }
        for number, one in enumerate(quarantined, start=1)
    ]
    if rows:
        connection.execute(insert(quarantine), rows)
    return True


def quarantine_of(
    connection: Connection, vault: Vault, *, document_id: str
) -> list[Quarantined]:
    """Return what is set aside of an original, opened, in the order of its lines."""
    box = vault.node_box(_DOCUMENTS)
    query = (
        select(quarantine)
        .where(quarantine.c.document_id == document_id)
        .order_by(quarantine.c.id)
    )
    return [
        Quarantined(
            file=row.file,
            line=row.line,
            column=row.column,
            field=row.field,
            reason=row.reason,
            raw=box.open(row.raw, _raw_place(document_id, number)),
        )
        for number, row in enumerate(connection.execute(query), start=1)
    ]


def quarantine_size(connection: Connection) -> int:
    """Return how many values or rows are set aside."""
    return connection.scalar(select(func.count()).select_from(quarantine)) or 0


def add_import_run(
    connection: Connection, *, run_id: str, kind: str, report: Any, at: datetime
) -> None:
    """Note that an import changed something, and what."""
    connection.execute(
        insert(import_run).values(id=run_id, at=at, kind=kind, report=report)
    )


def import_runs(connection: Connection, *, limit: int = 50) -> list[dict[str, Any]]:
    """Return the reports of imports that changed something, the latest first."""
    query = (
        select(import_run).order_by(import_run.c.at.desc(), _ROWID.desc()).limit(limit)
    )
    return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001


def add_catalogue(
    connection: Connection,
    *,
    catalogue_id: str,
    digest: str,
    body: Catalogue,
    at: datetime,
) -> bool:
    """Make a catalogue the current one; tells whether it differs from the last."""
    last = select(catalogue.c.digest).order_by(catalogue.c.at.desc(), _ROWID.desc())
    if connection.scalar(last.limit(1)) == digest:
        return False
    connection.execute(
        insert(catalogue).values(
            id=catalogue_id, at=at, digest=digest, body=body.model_dump(mode="json")
        )
    )
    return True


def current_catalogue(connection: Connection) -> Catalogue | None:
    """Return the catalogue that was imported last, if there is one."""
    query = select(catalogue.c.body).order_by(catalogue.c.at.desc(), _ROWID.desc())
    body = connection.scalar(query.limit(1))
    return None if body is None else Catalogue.model_validate(body)
