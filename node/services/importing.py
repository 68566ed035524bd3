"""Student-record exports become learner records; what cannot be read is set aside.

Reading needs no store and may take seconds, so it is a step of its own: `prepare` in a
thread, then `import_prepared` as one write. Originals are kept byte for byte under the
digest of their bytes; every value in a learner record says in which line of which
original it was read. Importing the same files again changes nothing at all.
"""

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from time import perf_counter
from typing import Any

from sqlalchemy import Connection

from adapters import SOURCES, elmo
from adapters.catalogue import read_catalogue
from adapters.elmo_signature import Verdict
from adapters.mapping import SourceMapping
from adapters.source import Rejected, SourceError
from node.matching import STUDENT_NUMBER, hashes_of, number_value
from node.services.gathering import (
    Draft,
    Gathered,
    compose,
    content_digest,
    document_id,
    drafted,
    gather,
    unknown_learner,
)
from node.store import documents, learners
from node.store.documents import Document, Quarantined
from node.store.learners import StoredRecord
from node.store.sealed import Vault
from protocol.credentials.learner_record import Catalogue, LearnerRecord

Tell = Callable[[str, int, int], None]
"""Told of progress: what is being done, how many are done, of how many."""


@dataclass(frozen=True, slots=True)
class ImportFile:
    """One export with the mapping that says how it is laid out."""

    name: str
    octets: bytes
    mapping: SourceMapping


@dataclass(frozen=True, slots=True)
class SetAside:
    """One entry of the report: what was set aside, where, and why."""

    file: str
    line: int
    column: int | None
    field: str
    reason: str
    omitted: bool
    """The row was kept, and only this value left out of it."""


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do."""

    files: list[str] = field(default_factory=list)
    rows: int = 0
    """Rows read, good and bad; comments, headings and trailers are not rows."""
    kept: int = 0
    """Learners new to the node."""
    changed: int = 0
    unchanged: int = 0
    learners: list[str] = field(default_factory=list)
    """Ids of the learners kept or changed; empty after a dry run."""
    quarantined: list[SetAside] = field(default_factory=list)
    milliseconds: int = 0
    dry_run: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON would have it."""
        return asdict(self)

    @property
    def refused_rows(self) -> int:
        """Rows of which nothing was kept."""
        return len({(q.file, q.line) for q in self.quarantined if not q.omitted})


@dataclass(frozen=True, slots=True)
class Prepared:
    """Files that were read and joined; nothing is stored yet."""

    originals: Sequence[tuple[Document, bytes]]
    gathered: Gathered
    milliseconds: int


def prepare(files: Sequence[ImportFile], *, at: datetime) -> Prepared:
    """Read `files` without touching the store.

    Raises:
        SourceError: one of them cannot be used as a whole; then none is.
    """
    started = perf_counter()
    names = [f.name for f in files]
    if len(set(names)) < len(names):
        raise SourceError("two of the files have the same name")
    sources = [
        (SOURCES[f.mapping.layout](f.name, f.octets, f.mapping), f.mapping)
        for f in files
    ]
    gathered = gather(sources)
    originals = [
        (original(f.name, f.mapping.kind, f.octets, at=at), f.octets) for f in files
    ]
    return Prepared(originals, gathered, _since(started))


def original(name: str, kind: str, octets: bytes, *, at: datetime) -> Document:
    """Describe an original; its id follows from its bytes."""
    return Document(
        id=document_id(octets),
        sha256=sha256(octets).hexdigest(),
        name=name,
        kind=kind,
        imported_at=at,
    )


def import_files(
    connection: Connection,
    vault: Vault,
    *,
    files: Sequence[ImportFile],
    at: datetime,
    dry_run: bool = False,
) -> ImportReport:
    """Read `files` and store what they say, in one transaction.

    Raises:
        SourceError: one of them cannot be used as a whole; then nothing is stored.
    """
    prepared = prepare(files, at=at)
    return import_prepared(connection, vault, prepared=prepared, at=at, dry_run=dry_run)


def import_prepared(
    connection: Connection,
    vault: Vault,
    *,
    prepared: Prepared,
    at: datetime,
    dry_run: bool = False,
    tell: Tell | None = None,
) -> ImportReport:
    """Store what was read; a dry run reports the same and stores nothing."""
    started = perf_counter()
    report = ImportReport(
        files=[document.name for document, _ in prepared.originals],
        rows=prepared.gathered.rows,
        dry_run=dry_run,
    )
    rejected = list(prepared.gathered.rejected)
    drafts = {
        number: draft
        for number, draft in prepared.gathered.drafts.items()
        if draft.person is not None or draft.rows
    }
    known = _known(connection, vault, drafts)
    writes = _Writes(vault, dry_run=dry_run)
    for done, (number, draft) in enumerate(drafts.items(), start=1):
        if draft.person is None and number not in known:
            rejected += unknown_learner(draft)
            continue
        outcome = writes.add(draft, known.get(number))
        setattr(report, outcome, getattr(report, outcome) + 1)
        if tell is not None:
            tell("learners", done, len(drafts))
    rejected.sort(key=lambda r: (r.file, r.line, r.column or 0))
    report.quarantined = [_entry(one) for one in rejected]
    report.milliseconds = prepared.milliseconds + _since(started)
    if not dry_run:
        report.learners = list(writes.matches)
        news = _keep(connection, vault, prepared.originals, rejected, at=at)
        writes.flush(connection, at=at)
        report.milliseconds = prepared.milliseconds + _since(started)
        if news or writes.records:
            _note(connection, "students", report, at=at)
    return report


@dataclass(frozen=True, slots=True)
class _Known:
    """A learner the store has: their key, and their record as it lies there."""

    learner_id: str
    wrapped: bytes
    stored: StoredRecord | None


def _known(
    connection: Connection, vault: Vault, numbers: Mapping[str, Draft]
) -> dict[str, _Known]:
    """Find, among the student numbers, the learners the store has already."""
    hashes = {
        vault.match_hash(STUDENT_NUMBER, number_value(number)): number
        for number in numbers
    }
    found = learners.learners_by_hash(connection, hashes=hashes)
    ids = {hashes[hashed]: fits[0] for hashed, fits in found.items()}
    keys = learners.wrapped_keys(connection, learner_ids=ids.values())
    stored = learners.stored_records(connection, learner_ids=ids.values())
    return {
        number: _Known(learner_id, keys[learner_id], stored.get(learner_id))
        for number, learner_id in ids.items()
        if learner_id in keys
    }


class _Writes:
    """What one import will write, gathered so that a few statements do it."""

    def __init__(self, vault: Vault, *, dry_run: bool) -> None:
        self._vault = vault
        self._dry_run = dry_run
        self.new_keys: dict[str, bytes] = {}
        self.records: list[StoredRecord] = []
        self.matches: dict[str, Sequence[tuple[str, bytes]]] = {}

    def add(self, draft: Draft, known: _Known | None) -> str:
        """Take up one learner; tells whether they are kept, changed or unchanged."""
        stored = known.stored if known else None
        if known is None or stored is None:
            record = compose(draft, None)
            if record is None:
                return "unchanged"
            self._write(record, known, version=1)
            return "kept"
        alone = compose(draft, None)
        if alone is not None and content_digest(alone) == stored.digest:
            # The files say all there is: the record need not even be opened.
            return "unchanged"
        before = learners.open_record(self._vault, known.wrapped, stored)
        record = compose(draft, before)
        if record is None or content_digest(record) == stored.digest:
            return "unchanged"
        self._write(record, known, version=stored.version + 1)
        return "changed"

    def _write(
        self, record: LearnerRecord, known: _Known | None, *, version: int
    ) -> None:
        if self._dry_run:
            return
        if known is None:
            learner_id = secrets.token_hex(16)
            wrapped = self._vault.new_learner_key()
            self.new_keys[learner_id] = wrapped
        else:
            learner_id, wrapped = known.learner_id, known.wrapped
        body = record.model_dump_json(exclude_defaults=True).encode()
        sealed = learners.seal_record(self._vault, wrapped, learner_id, body)
        digest = content_digest(record)
        self.records.append(StoredRecord(learner_id, digest, version, sealed))
        self.matches[learner_id] = hashes_of(self._vault, record.person)

    def flush(self, connection: Connection, *, at: datetime) -> None:
        """Write everything."""
        learners.add_learners(connection, wrapped_keys=self.new_keys, at=at)
        learners.set_matches(connection, matches=self.matches)
        learners.put_records(connection, records=self.records, at=at)


def _keep(
    connection: Connection,
    vault: Vault,
    originals: Sequence[tuple[Document, bytes]],
    rejected: Sequence[Rejected],
    *,
    at: datetime,
) -> bool:
    """Keep the originals and what was set aside of each; tells whether any is new."""
    news = False
    for document, octets in originals:
        added = documents.add_document(
            connection, vault, document=document, octets=octets
        )
        aside = [_quarantined(r) for r in rejected if r.file == document.name]
        changed = documents.set_quarantine(
            connection, vault, document_id=document.id, quarantined=aside, at=at
        )
        news = news or added or changed
    return news


def _entry(one: Rejected) -> SetAside:
    return SetAside(one.file, one.line, one.column, one.field, one.reason, one.omitted)


def _quarantined(one: Rejected) -> Quarantined:
    column = None if one.column is None else str(one.column)
    return Quarantined(one.file, one.line, column, one.field, one.reason, one.raw)


def _note(
    connection: Connection, kind: str, report: ImportReport, *, at: datetime
) -> None:
    """Note an import that changed something; the report names no learner by number."""
    told = report.as_dict()
    told["quarantined"] = len(report.quarantined)
    told["learners"] = len(report.learners)
    documents.add_import_run(
        connection, run_id=secrets.token_hex(16), kind=kind, report=told, at=at
    )


def _since(started: float) -> int:
    return round((perf_counter() - started) * 1000)


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """What importing a catalogue did, or would do."""

    catalogue: Catalogue
    changed: bool
    dry_run: bool


def import_catalogue(
    connection: Connection,
    vault: Vault,
    *,
    name: str,
    octets: bytes,
    at: datetime,
    dry_run: bool = False,
) -> CatalogueReport:
    """Make the catalogue in the TOML or CSV file `name` the current one.

    Raises:
        SourceError: names the file, the key and what is expected there.
    """
    catalogue = read_catalogue(octets, file=name)
    digest = sha256(catalogue.model_dump_json().encode()).hexdigest()
    if dry_run:
        current = documents.current_catalogue(connection)
        return CatalogueReport(catalogue, current != catalogue, dry_run=True)
    document = original(name, "catalogue", octets, at=at)
    documents.add_document(connection, vault, document=document, octets=octets)
    changed = documents.add_catalogue(
        connection,
        catalogue_id=secrets.token_hex(16),
        digest=digest,
        body=catalogue,
        at=at,
    )
    return CatalogueReport(catalogue, changed, dry_run=False)


@dataclass(frozen=True, slots=True)
class ElmoReport:
    """What importing an ELMO document did, or would do."""

    report: ImportReport
    verdict: Verdict


def import_elmo(
    connection: Connection,
    vault: Vault,
    *,
    name: str,
    octets: bytes,
    at: datetime,
    trusted: Collection[bytes] = (),
    dry_run: bool = False,
) -> ElmoReport:
    """Keep an ELMO document and take the learner's record from what was signed.

    A document whose signature does not hold is kept as evidence and set aside whole;
    nothing of it enters a learner record. Neither does one without a signature.

    Raises:
        SourceError: it cannot be read at all; then it is not kept either.
    """
    started = perf_counter()
    kept = original(name, "elmo", octets, at=at)
    found = elmo.read(octets, file=name, document=kept.id, at=at, trusted=trusted)
    record = found.record if found.verdict.holds else None
    gathered = Gathered(rejected=list(found.rejected), rows=1)
    if record is None:
        remarks = "; ".join(found.verdict.remarks) or "it carries no signature"
        reason = f"the document is kept, but nothing is taken from it: {remarks}"
        gathered.rejected = [Rejected(name, 1, None, "Signature", reason, b"")]
    else:
        gathered.rows = len(record.results)
        gathered.drafts = {record.person.student_number: drafted(record)}
    prepared = Prepared([(kept, octets)], gathered, _since(started))
    report = import_prepared(
        connection, vault, prepared=prepared, at=at, dry_run=dry_run
    )
    return ElmoReport(report, found.verdict)
