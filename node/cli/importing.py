"""`lrx import`: exports, catalogue and ELMO documents into learner records."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from dataclasses import asdict
from pathlib import Path

from adapters.mapping import SourceMapping, read_mapping
from adapters.source import SourceError
from node.cli.common import Exit, UsageError, opened, say, show
from node.handle import Node
from node.services import importing
from node.services.importing import ImportFile, ImportReport
from node.services.mapping_guess import guess_mapping

SHOWN = 20
"""Quarantined rows printed; the rest are counted."""
MAPPING_SUFFIX = ".mapping.toml"


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx import`."""
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE")
    parser.add_argument(
        "--mapping",
        type=Path,
        action="append",
        default=[],
        help="how the file of the same place in the list is laid out (TOML)",
    )
    parser.add_argument("--catalogue", type=Path, help="programme catalogue, TOML/CSV")
    parser.add_argument(
        "--signer",
        type=bytes.fromhex,
        action="append",
        default=[],
        metavar="HEX",
        help="SHA-256 of the public key of an ELMO signer you trust",
    )
    parser.add_argument("--dry-run", action="store_true", help="report, store nothing")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(command=import_)


async def import_(arguments: Namespace) -> int:
    """Read the files, keep the originals, set bad rows aside."""
    if not arguments.files and not arguments.catalogue:
        raise UsageError("nothing to import: name a file, or --catalogue FILE")
    tables = [f for f in arguments.files if not _is_elmo(_octets(f))]
    documents = [f for f in arguments.files if f not in tables]
    try:
        prepared = _mapped(tables, arguments.mapping)
        if prepared is None:
            return Exit.UNDETERMINED
        async with opened(arguments) as node:
            if arguments.catalogue:
                await _catalogue(node, arguments.catalogue, arguments)
            reports = [
                await _tables(node, prepared, dry=arguments.dry_run)
                for _ in prepared[:1]
            ]
            reports += [await _elmo(node, file, arguments) for file in documents]
    except SourceError as error:
        raise UsageError(f"{error}. Nothing was stored.") from error
    for report in reports:
        _print(report, as_json=arguments.json)
    return Exit.VALID


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


def _is_elmo(octets: bytes) -> bool:
    head = octets[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    return head.startswith((b"<", b"H4sI", b"PD94", b"PGVs", b"\x1f\x8b"))


def _mapped(tables: list[Path], mappings: list[Path]) -> list[ImportFile] | None:
    """Pair files with their mappings; None if a person must look at a guess first."""
    pairs = [(f, _mapping_for(f, mappings, n)) for n, f in enumerate(tables)]
    for file in (file for file, mapping in pairs if mapping is None):
        _guess(file)
    found = [ImportFile(f.name, _octets(f), mapping) for f, mapping in pairs if mapping]
    return found if len(found) == len(pairs) else None


def _mapping_for(file: Path, mappings: list[Path], number: int) -> SourceMapping | None:
    beside = file.with_name(file.name + MAPPING_SUFFIX)
    if number < len(mappings):
        return read_mapping(_octets(mappings[number]), file=str(mappings[number]))
    if beside.exists():
        return read_mapping(_octets(beside), file=str(beside))
    return None


def _guess(file: Path) -> None:
    target = file.with_name(file.name + MAPPING_SUFFIX)
    guess = guess_mapping(_octets(file), file=file.name)
    target.write_text(guess.text, encoding="utf-8")
    say(
        f"No mapping says how {file.name} is laid out. My guesses are in {target};",
        "nothing was imported. Read it, edit it, and type the same command again.",
        *(f"  edit: {edit}" for edit in guess.edits),
    )


async def _tables(node: Node, files: list[ImportFile], *, dry: bool) -> ImportReport:
    at = node.context.clock()
    # In a thread: whoever waits may be shown that something happens.
    prepared = await asyncio.to_thread(importing.prepare, files, at=at)
    return await node.store.write(
        importing.import_prepared,
        node.context.vault,
        prepared=prepared,
        at=at,
        dry_run=dry,
        tell=_progress,
    )


def _progress(what: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r\033[K{what}: {done} of {total}", end=end, file=sys.stderr)


async def _catalogue(node: Node, file: Path, arguments: Namespace) -> None:
    report = await node.store.write(
        importing.import_catalogue,
        node.context.vault,
        name=file.name,
        octets=_octets(file),
        at=node.context.clock(),
        dry_run=arguments.dry_run,
    )
    if not arguments.json:
        state = "changed" if report.changed else "unchanged"
        programmes = len(report.catalogue.programmes)
        say(f"{file.name}: catalogue of {programmes} programme(s), {state}")


async def _elmo(node: Node, file: Path, arguments: Namespace) -> ImportReport:
    report = await node.store.write(
        importing.import_elmo,
        node.context.vault,
        name=file.name,
        octets=_octets(file),
        at=node.context.clock(),
        trusted=arguments.signer,
        dry_run=arguments.dry_run,
    )
    if not arguments.json:
        remarks = "; ".join(report.verdict.remarks)
        holds = "holds" if report.verdict.holds else "does not hold"
        say(f"{file.name}: the signature {holds}{': ' if remarks else ''}{remarks}")
    return report.report


def _print(report: ImportReport, *, as_json: bool) -> None:
    if as_json:
        show(asdict(report))
        return
    would = "would be " if report.dry_run else ""
    say(
        f"{', '.join(report.files)}: {report.rows} rows, "
        f"{report.kept} learners {would}new, {report.changed} {would}changed, "
        f"{report.unchanged} unchanged, {len(report.quarantined)} set aside, "
        f"{report.milliseconds} ms"
    )
    for one in report.quarantined[:SHOWN]:
        column = f", column {one.column}" if one.column else ""
        say(f"  {one.file}, line {one.line}{column}: {one.field}: {one.reason}")
    if len(report.quarantined) > SHOWN:
        say(f"  … and {len(report.quarantined) - SHOWN} more; --json lists all")
    sys.stdout.flush()
