"""Reads exports in which every field has its place, counted in bytes.

A full-width character takes two bytes and a half-width one takes one, so such files are
cut as bytes and decoded field by field; a character cut in half, or a line of another
length, costs that line. Lines may be told apart by a letter in front: details, and a
trailer with their number.
"""

import codecs
from collections.abc import Iterator

from adapters.delimited import LARGEST_FILE
from adapters.mapping import Column, SourceMapping
from adapters.rows import RowReader
from adapters.source import Rejected, SourceError, SourceRecord


class FixedWidthSource:
    """One file of fixed-width lines."""

    def __init__(self, name: str, octets: bytes, mapping: SourceMapping) -> None:
        """Prepare to read.

        Raises:
            SourceError: the mapping is for a multi-byte layout this cannot cut.
        """
        if mapping.encoding == "utf-16":
            raise SourceError(f"{name}: fixed width in UTF-16 is not read")
        self.name = name
        self.octets = octets
        self._mapping = mapping
        self._columns = {
            field: column
            for field, column in mapping.columns.items()
            if column.start is not None and column.bytes is not None
        }
        ends = [_span(column)[1] for column in self._columns.values()]
        self._least = mapping.line_bytes or max(ends, default=0)

    def records(self) -> Iterator[SourceRecord | Rejected]:
        """Yield every detail line in the order of the file.

        Raises:
            SourceError: before the first line: too large, or the trailer is missing
                or counts other lines than there are.
        """
        if len(self.octets) > LARGEST_FILE:
            raise SourceError(f"{self.name}: larger than {LARGEST_FILE} bytes")
        details = self._details()
        places = {field: number for number, field in enumerate(self._columns)}
        columns = {
            field: column.model_copy(
                update={"source": places[field] + 1, "start": None, "bytes": None}
            )
            if field in places
            else column
            for field, column in self._mapping.columns.items()
        }
        mapping = self._mapping.model_copy(update={"columns": columns})
        reader = RowReader(mapping, self.name, list(places))
        for line, raw in details:
            yield from self._read(reader, line, raw)

    def _details(self) -> list[tuple[int, bytes]]:
        """Return the detail lines, once the trailer has been heeded."""
        types = self._mapping.record_type
        details: list[tuple[int, bytes]] = []
        said: int | None = None
        lines = self.octets.removeprefix(codecs.BOM_UTF8).split(b"\n")
        for line, whole in enumerate(lines, start=1):
            raw = whole.rstrip(b"\r")
            if not raw or raw == b"\x1a" or self._is_comment(raw):
                continue
            if said is not None:
                raise SourceError(f"{self.name}:{line}: more follows the trailer")
            if types and types.trailer and raw.startswith(types.trailer.encode()):
                said = self._count(raw[len(types.trailer.encode()) :], line)
            else:
                details.append((line, raw))
        if types and types.trailer and said is None:
            raise SourceError(
                f"{self.name}: no trailer {types.trailer!r}: the export is cut short; "
                "nothing was used"
            )
        if said is not None and said != len(details):
            raise SourceError(
                f"{self.name}: the trailer says {said} lines, but {len(details)} "
                "arrived; nothing was used"
            )
        return details

    def _is_comment(self, raw: bytes) -> bool:
        comment = self._mapping.comment
        return bool(comment) and raw.startswith(str(comment).encode())

    def _count(self, text: bytes, line: int) -> int:
        digits = text.strip()
        if not digits.isdigit():
            raise SourceError(f"{self.name}:{line}: the trailer has no count")
        return int(digits)

    def _read(
        self, reader: RowReader, line: int, raw: bytes
    ) -> Iterator[SourceRecord | Rejected]:
        types = self._mapping.record_type
        if types and not raw.startswith(types.detail.encode()):
            reason = f"the line does not begin with {types.detail!r}"
            yield Rejected(self.name, line, 1, "", reason, raw)
            return
        exact = self._mapping.line_bytes
        if len(raw) < self._least or (exact and len(raw) != exact):
            reason = f"{len(raw)} bytes where a line has {self._least}"
            yield Rejected(self.name, line, None, "", reason, raw)
            return
        cells: list[str] = []
        for field, column in self._columns.items():
            first, end = _span(column)
            try:
                cells.append(raw[first:end].decode(self._mapping.encoding))
            except UnicodeDecodeError as error:
                reason = (
                    f"byte 0x{raw[first + error.start]:02X} at position "
                    f"{first + error.start + 1} is not {self._mapping.encoding}, or a "
                    "character is cut in half"
                )
                yield Rejected(self.name, line, first + 1, field, reason, raw)
                return
        for read in reader.read(cells, line=line, raw=raw):
            yield self._placed(read) if isinstance(read, Rejected) else read

    def _placed(self, rejected: Rejected) -> Rejected:
        """Turn the number of a column into the byte it begins with."""
        if not rejected.column:
            return rejected
        field = list(self._columns)[rejected.column - 1]
        first, _ = _span(self._columns[field])
        return Rejected(
            rejected.file,
            rejected.line,
            first + 1,
            field,
            rejected.reason,
            rejected.raw,
            rejected.omitted,
        )


def _span(column: Column) -> tuple[int, int]:
    """Return the first byte of a field, counted from 0, and the one after its last."""
    first = (column.start or 1) - 1
    return first, first + (column.bytes or 0)
