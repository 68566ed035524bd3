"""Reads exports in which a character separates the cells: CSV and TSV.

The file is cut into rows as bytes, before it is decoded: in cp932, shift_jis, euc_jp
and UTF-8 no second byte of a character looks like a comma, a tab, a quote or a line
end, so one bad byte costs one row and not the rest of the file. (In cp932 a second byte
may well be a backslash, which is why backslashes escape nothing here.)

An export that says how many rows it has is believed: a count that does not fit, or a
trailer that is missing, means a file cut short, and nothing of it is used.
"""

import codecs
import csv
import re
from collections.abc import Iterator

from adapters.mapping import SourceMapping
from adapters.rows import RowReader
from adapters.source import Rejected, SourceError, SourceRecord

LARGEST_FILE = 256 * 1024 * 1024
"""Bytes."""
LONGEST_ROW = 65_536
"""Bytes of one row."""
MOST_LINES = 20
"""Lines one row may take by line ends inside quotes; a quote never closed would
otherwise swallow the rest of the file."""
_COUNT_AFTER = re.compile(r"\D{0,3}(\d{1,12})\s*")


class DelimitedSource:
    """One CSV or TSV file."""

    def __init__(self, name: str, octets: bytes, mapping: SourceMapping) -> None:
        self.name = name
        self.octets = octets
        self._mapping = mapping
        self._delimiter = "\t" if mapping.layout == "tsv" else ","
        encoding = mapping.encoding
        # A mark of UTF-8 at the start is dropped whether or not it was announced.
        self._encoding = "utf-8" if encoding in ("utf-8-sig", "utf-16") else encoding

    def records(self) -> Iterator[SourceRecord | Rejected]:
        """Yield every row in the order of the file.

        Raises:
            SourceError: before the first row: too large, no heading, a heading of the
                mapping is missing, or the counts say that the export is cut short.
        """
        rows = list(_rows(self._text_bytes()))
        head, rows = self._split_head(rows)
        rows, said_last = self._split_trailer(rows)
        reader, rows = self._reader(rows)
        for said in (self._head_count(head), said_last):
            if said is not None and said != len(rows):
                raise SourceError(
                    f"{self.name}: the export says it has {said} rows, "
                    f"but {len(rows)} arrived; nothing was used"
                )
        for line, raw in rows:
            yield from self._read(reader, line, raw)

    def _text_bytes(self) -> bytes:
        """Return the file in an encoding that may be cut at its ASCII bytes."""
        if len(self.octets) > LARGEST_FILE:
            raise SourceError(f"{self.name}: larger than {LARGEST_FILE} bytes")
        if self._mapping.encoding == "utf-16":
            try:
                return self.octets.decode("utf-16").encode()
            except UnicodeDecodeError as error:
                raise SourceError(f"{self.name}: not UTF-16: {error}") from error
        if self.octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise SourceError(
                f'{self.name}: the file is UTF-16; say encoding = "utf-16"'
            )
        octets = self.octets.removeprefix(codecs.BOM_UTF8)
        return octets if b"\n" in octets else octets.replace(b"\r", b"\n")

    def _is_comment(self, raw: bytes) -> bool:
        comment = self._mapping.comment
        return (
            comment is not None
            and raw.startswith(comment.encode(self._encoding))
            and not self._is_trailer(raw)
        )

    def _is_trailer(self, raw: bytes) -> bool:
        trailer = self._mapping.trailer
        return trailer is not None and raw.startswith(trailer.encode(self._encoding))

    def _split_head(
        self, rows: list[tuple[int, bytes]]
    ) -> tuple[list[bytes], list[tuple[int, bytes]]]:
        """Part the comments at the top from what follows."""
        number = 0
        while number < len(rows) and self._is_comment(rows[number][1]):
            number += 1
        return [raw for _, raw in rows[:number]], rows[number:]

    def _split_trailer(
        self, rows: list[tuple[int, bytes]]
    ) -> tuple[list[tuple[int, bytes]], int | None]:
        """Part the rows from the trailer; return them with the count it gives.

        Raises:
            SourceError: the trailer is missing or is not the last line.
        """
        trailer = self._mapping.trailer
        last = len(rows)
        # A comment between the rows is no comment: it is read, and set aside.
        while last and self._is_comment(rows[last - 1][1]) and not trailer:
            last -= 1
        said: int | None = None
        body: list[tuple[int, bytes]] = []
        ended: int | None = None
        for line, raw in rows[:last]:
            if ended is not None:
                raise SourceError(
                    f"{self.name}:{line}: more follows the trailer on line {ended}"
                )
            if self._is_trailer(raw):
                ended = line
                said = self._trailer_count(raw)
            else:
                body.append((line, raw))
        if trailer and ended is None:
            raise SourceError(
                f"{self.name}: the last line does not begin with {trailer!r}: the "
                "export is cut short; nothing was used"
            )
        return body, said

    def _trailer_count(self, raw: bytes) -> int | None:
        rest = raw.decode(self._encoding, "replace")[len(self._mapping.trailer or "") :]
        found = _COUNT_AFTER.fullmatch(rest)
        return int(found[1]) if found else None

    def _head_count(self, head: list[bytes]) -> int | None:
        """Return the count a comment at the top gives."""
        for raw in head:
            text = raw.decode(self._encoding, "replace")
            if found := re.search(self._mapping.head_count, text):
                return int(found[1])
        return None

    def _reader(
        self, rows: list[tuple[int, bytes]]
    ) -> tuple[RowReader, list[tuple[int, bytes]]]:
        """Build the reader from the heading and return it with the rows below."""
        if not rows:
            raise SourceError(f"{self.name}: there are no rows")
        line, raw = rows[0]
        try:
            cells = self._cells(raw)
        except (UnicodeDecodeError, csv.Error) as error:
            raise SourceError(
                f"{self.name}:{line}: the heading cannot be read as "
                f"{self._mapping.encoding}: {error}"
            ) from error
        if self._mapping.heading:
            return RowReader(self._mapping, self.name, cells), rows[1:]
        numbers = [str(number) for number in range(1, len(cells) + 1)]
        return RowReader(self._mapping, self.name, numbers), rows

    def _cells(self, raw: bytes) -> list[str]:
        """Decode a row and cut it into cells."""
        text = raw.decode(self._encoding)
        if '"' not in text:
            return text.split(self._delimiter)
        lines = csv.reader(
            text.splitlines(keepends=True), delimiter=self._delimiter, strict=True
        )
        return next(iter(lines))

    def _read(
        self, reader: RowReader, line: int, raw: bytes
    ) -> Iterator[SourceRecord | Rejected]:
        """Read one row, or say where in it the first fault lies."""
        if len(raw) > LONGEST_ROW or raw.count(b"\n") >= MOST_LINES:
            reason = "the row does not end: a quote was opened and not closed"
            yield Rejected(self.name, line, None, "", reason, raw[:LONGEST_ROW])
            return
        try:
            cells = self._cells(raw)
        except UnicodeDecodeError as error:
            before = raw[: error.start].count(self._delimiter.encode())
            reason = (
                f"byte 0x{raw[error.start]:02X} at position {error.start + 1} of the "
                f"row is not {self._mapping.encoding}"
            )
            yield Rejected(self.name, line, before + 1, "", reason, raw)
            return
        except csv.Error as error:
            yield Rejected(self.name, line, None, "", f"quoting: {error}", raw)
            return
        yield from reader.read(cells, line=line, raw=raw)


def _rows(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a file into rows and number them by the line each begins on.

    A line end inside quotes belongs to the row. When a quote is not closed within
    `MOST_LINES` only the line it stands on is spoilt, and reading goes on below it.
    """
    lines = octets.split(b"\n")
    at = 0
    while at < len(lines):
        raw = lines[at]
        taken = 1
        if b'"' in raw and raw.count(b'"') % 2:
            taken = _closing(lines, at)
            raw = b"\n".join(lines[at : at + taken])
        row = raw.rstrip(b"\r")
        # A lone Ctrl-Z is how some older systems mark the end of a file.
        if row and row != b"\x1a":
            yield at + 1, row
        at += taken


def _closing(lines: list[bytes], at: int) -> int:
    """Return how many lines the row takes whose first leaves a quote open."""
    quotes = 0
    for taken, line in enumerate(lines[at : at + MOST_LINES], start=1):
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            return taken
    return 1
