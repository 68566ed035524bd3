"""Files a registrar uploads: told apart, read, and taken in as one import.

A CSV export needs a mapping that says how it is laid out. It is uploaded beside it, or
lies in the folder `mappings` of the node; where none fits, the report holds a guessed
one for a person to read, mend and upload. A guess is never used by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection

from adapters.mapping import SourceMapping, read_mapping
from adapters.source import SourceError
from node.context import NodeContext
from node.services import importing
from node.services.importing import ImportFile, Prepared
from node.services.mapping_guess import guess_mapping

Kind = Literal["register", "grades", "catalogue", "elmo"]
KINDS: Final[tuple[Kind, ...]] = ("register", "grades", "catalogue", "elmo")
MAPPINGS = "mappings"
"""Folder beside the settings file with mapping files that are used by themselves."""
_HEAD = 64 * 1024
_MAPPING_KIND = {"register": "persons", "grades": "results"}


class UploadError(Exception):
    """The files cannot be used; the message names the file, the place and the reason.

    `mapping` is a guessed mapping file to be mended, where that would help.
    """

    def __init__(self, message: str, mapping: str = "") -> None:
        super().__init__(message)
        self.mapping = mapping


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Files that were read; nothing is stored yet."""

    exports: Prepared | None
    catalogues: tuple[tuple[str, bytes], ...]
    elmos: tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class Report:
    """What the import did, or would do."""

    counts: dict[str, int] = field(default_factory=dict)
    rejected: list[Any] = field(default_factory=list)

    def add(self, **counts: int) -> None:
        """Add up counts of several files."""
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


def read(
    files: Sequence[tuple[str, bytes]],
    *,
    kind: str,
    known: Iterable[SourceMapping],
    at: datetime,
) -> Uploaded:
    """Tell the files apart and read the exports; may take seconds, touches no store.

    Raises:
        UploadError: one of them cannot be used as a whole; then none is.
    """
    mappings, catalogues, elmos = list(known), [], []
    exports: list[tuple[str, bytes]] = []
    for name, octets in files:
        match _sort(name, octets, kind):
            case "mapping":
                mappings.insert(0, _mapping(name, octets))
            case "catalogue":
                catalogues.append((name, octets))
            case "elmo":
                elmos.append((name, octets))
            case _:
                exports.append((name, octets))
    mapped = [_mapped(name, octets, mappings, kind) for name, octets in exports]
    try:
        prepared = importing.prepare(mapped, at=at) if mapped else None
    except SourceError as error:
        raise UploadError(str(error)) from error
    return Uploaded(prepared, tuple(catalogues), tuple(elmos))


def _sort(name: str, octets: bytes, kind: str) -> str:
    if kind in {"catalogue", "elmo"}:
        return kind
    lower = name.lower()
    if lower.endswith(".toml"):
        return "mapping" if b"[columns" in octets else "catalogue"
    head = octets[:_HEAD].lstrip(b"\xef\xbb\xbf \r\n\t")
    if lower.endswith(".xml") or head.startswith(b"<"):
        return "elmo"
    return "export"


def _mapping(name: str, octets: bytes) -> SourceMapping:
    try:
        return read_mapping(octets, file=name)
    except SourceError as error:
        raise UploadError(str(error)) from error


def _mapped(
    name: str, octets: bytes, mappings: Sequence[SourceMapping], kind: str
) -> ImportFile:
    wanted = _MAPPING_KIND.get(kind)
    for mapping in mappings:
        if wanted in {None, mapping.kind} and _fits(mapping, octets):
            return ImportFile(name, octets, mapping)
    try:
        guess = guess_mapping(octets, file=name)
    except SourceError as error:
        raise UploadError(str(error)) from error
    edits = "; ".join(guess.edits) or "read it once before it is used"
    raise UploadError(f"{name}: no mapping fits this file: {edits}", guess.text)


def _fits(mapping: SourceMapping, octets: bytes) -> bool:
    """Tell whether every heading the mapping names stands at the top of the file."""
    if mapping.layout == "fixed" or not mapping.heading:
        return True
    top = octets[:_HEAD].decode(mapping.encoding, errors="replace")
    lines = [
        line
        for line in top.splitlines()
        if line and not (mapping.comment and line.startswith(mapping.comment))
    ]
    heading = lines[0] if lines else ""
    sources = [c.source for c in mapping.columns.values() if isinstance(c.source, str)]
    return all(source in heading for source in sources)


def take(
    connection: Connection,
    *,
    context: NodeContext,
    uploaded: Uploaded,
    dry_run: bool,
    at: datetime,
) -> Report:
    """Store what was read, in one transaction; a dry run stores nothing.

    Raises:
        UploadError: one file cannot be used; then nothing is stored.
    """
    report = Report()
    try:
        for name, octets in uploaded.catalogues:
            catalogue = importing.import_catalogue(
                connection,
                context.vault,
                name=name,
                octets=octets,
                at=at,
                dry_run=dry_run,
            )
            report.add(
                programmes=len(catalogue.catalogue.programmes),
                courses=len(catalogue.catalogue.courses),
                changed=int(catalogue.changed),
            )
        for name, octets in uploaded.elmos:
            elmo = importing.import_elmo(
                connection,
                context.vault,
                name=name,
                octets=octets,
                at=at,
                dry_run=dry_run,
            )
            _count(report, elmo.report)
    except SourceError as error:
        raise UploadError(str(error)) from error
    if uploaded.exports is not None:
        _count(
            report,
            importing.import_prepared(
                connection,
                context.vault,
                prepared=uploaded.exports,
                at=at,
                dry_run=dry_run,
            ),
        )
    return report


def _count(report: Report, found: importing.ImportReport) -> None:
    report.add(
        rows=found.rows,
        kept=found.kept,
        changed=found.changed,
        unchanged=found.unchanged,
        quarantined=len(found.quarantined),
    )
    report.rejected += found.quarantined


def known_mappings(context: NodeContext) -> tuple[SourceMapping, ...]:
    """Read the mapping files the operator keeps beside the settings.

    Raises:
        UploadError: one of them cannot be read.
    """
    folder = context.settings.path(MAPPINGS)
    return tuple(
        _mapping(path.name, path.read_bytes()) for path in sorted(folder.glob("*.toml"))
    )
