"""Reads the cells of one row into values, by the columns of a mapping.

Most cells of an export repeat (course codes, terms, grades), so what a text means is
worked out once for each column and then remembered for the length of one file.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters import japanese
from adapters.codes import TABLES
from adapters.mapping import FIELDS, NEEDED, OMISSIBLE, Column, SourceMapping
from adapters.source import Rejected, SourceError, SourceRecord

LONGEST_CELL = 2000
"""Characters; longer text in a student record is a mistake in quoting."""
_DECIMAL = re.compile(r"\d{1,3}(\.\d{1,2})?")
_YEAR = re.compile(r"(\d{4})(?:年度?|年)?")
_ERA_YEAR = re.compile(r"(平成|令和|昭和|[HRS])(元|\d{1,2})(?:年度?|年)?")
_PLACE = re.compile(r"\{([^{}]+)\}")
_COUNTRY = re.compile("[A-Z]{3}")

Cells = Sequence[str]


@dataclass(slots=True)
class _Field:
    """One field of the mapping, ready to be read from many rows."""

    name: str
    heading: str
    position: int
    """What a rejection gives as the column, counted from 1."""
    take: Callable[[Cells], str]
    read: Callable[[str], Any]
    needed: bool
    known: dict[str, Any]
    """Text → value, or the ValueError it raised."""


class RowReader:
    """Reads the rows of one file; build one for each file."""

    def __init__(self, mapping: SourceMapping, file: str, headings: Cells) -> None:
        """Find every column of `mapping` among `headings`.

        Raises:
            SourceError: a heading is missing or stands there twice.
        """
        self._mapping = mapping
        self._file = file
        self._width = len(headings)
        self._gaiji = mapping.gaiji_table()
        places = {japanese.normalise(h): i for i, h in enumerate(headings)}
        named = [japanese.normalise(h) for h in headings]
        self._fields = [
            self._field(name, column, places, named)
            for name, column in mapping.columns.items()
        ]

    def _field(
        self, name: str, column: Column, places: dict[str, int], named: list[str]
    ) -> _Field:
        def place(source: str | int) -> int:
            if isinstance(source, int):
                if not 1 <= source <= self._width:
                    raise SourceError(
                        f"{self._file}: column {source} for {name}, "
                        f"but there are {self._width}"
                    )
                return source - 1
            wanted = japanese.normalise(source)
            if named.count(wanted) != 1:
                problem = "stands twice in" if wanted in places else "is missing from"
                raise SourceError(
                    f"{self._file}: the heading {source!r} ({name}) {problem} the "
                    f"file; its headings are: {', '.join(named)}"
                )
            return places[wanted]

        heading, position, take = _origin(column, place)
        return _Field(
            name=name,
            heading=heading or name,
            position=position,
            take=take,
            read=self._reading(name, column),
            needed=name in NEEDED[self._mapping.kind],
            known={},
        )

    def _reading(self, name: str, column: Column) -> Callable[[str], Any]:
        """Return the function that reads one cell of this field."""
        match FIELDS[self._mapping.kind][name]:
            case "identifier":
                return lambda text: japanese.identifier(text, width=column.width)
            case "day":
                return lambda text: japanese.day(text, era_letter=column.era)
            case "code":
                return _code_reader(name, column)
            case "text":
                return _text_reader(column)
            case reading:
                return _PLAIN[reading]

    def read(
        self, cells: Cells, *, line: int, raw: bytes
    ) -> Iterator[SourceRecord | Rejected]:
        """Yield what is wrong with a row, and the row itself unless it is refused."""
        if len(cells) != self._width:
            reason = f"{len(cells)} columns where the heading has {self._width}"
            yield Rejected(self._file, line, None, "", reason, raw)
            return
        values: dict[str, Any] = {}
        refused = False
        told: set[tuple[int, str]] = set()
        for field in self._fields:
            text = field.take(cells)
            known = field.known
            value = known[text] if text in known else self._learn(field, text)
            if isinstance(value, ValueError):
                omitted = field.name in OMISSIBLE
                refused = refused or not omitted
                # Two fields may be read from one cell; it is set aside once.
                if (field.position, str(value)) in told:
                    continue
                told.add((field.position, str(value)))
                yield Rejected(
                    self._file,
                    line,
                    field.position,
                    field.heading,
                    str(value),
                    raw,
                    omitted,
                )
            elif value is not None:
                values[field.name] = value
        if not refused:
            yield SourceRecord(self._mapping.kind, self._file, line, values, raw)

    def _learn(self, field: _Field, text: str) -> Any:
        """Work out what `text` means in this field, and remember it."""
        try:
            value = self._value(field, text)
        except ValueError as error:
            value = ValueError(str(error))
        field.known[text] = value
        return value

    def _value(self, field: _Field, text: str) -> Any:
        cleaned = text.translate(self._gaiji) if self._gaiji else text
        if not japanese.normalise(cleaned):
            default = self._mapping.columns[field.name].default
            if default is None:
                if field.needed:
                    raise ValueError("empty, and needed")
                return None
            cleaned = default
        _refuse_damage(cleaned)
        return field.read(cleaned)


def _origin(
    column: Column, place: Callable[[str | int], int]
) -> tuple[str, int, Callable[[Cells], str]]:
    """Return the heading, the position and the way to the text of a column."""
    if column.value is not None:
        constant = column.value
        return "", 0, lambda _: constant
    if column.template is not None:
        parts = _PLACE.split(column.template)
        at = {part: place(part) for part in parts[1::2]}
        if not at:
            raise SourceError(f"template {column.template!r} names no heading in {{}}")

        def joined(cells: Cells) -> str:
            return "".join(
                cells[at[part]].strip() if number % 2 else part
                for number, part in enumerate(parts)
            )

        return column.template, min(at.values()) + 1, joined
    if column.source is None:
        raise SourceError("start and bytes belong to a fixed-width file")
    index = place(column.source)
    return str(column.source), index + 1, lambda cells: cells[index]


def _refuse_damage(text: str) -> None:
    """Refuse text that was already broken when it was written.

    Raises:
        ValueError: says which character shows it.
    """
    if len(text) > LONGEST_CELL:
        raise ValueError(f"{len(text)} characters, more than {LONGEST_CELL}")
    if sign := japanese.gaiji(text):
        raise ValueError(
            f"user-defined character U+{ord(sign):04X}: what it stands for belongs "
            "into the table [gaiji] of the mapping"
        )
    if "\ufffd" in text or "〓" in text:
        raise ValueError("a character was already lost when the file was written")
    if any(sign < " " and sign not in "\t\r\n" for sign in text):
        raise ValueError("a control character")


def _text_reader(column: Column) -> Callable[[str], str]:
    """Return the reader of a text, which may have a spelling table of its own."""
    codes = {japanese.normalise(k): v for k, v in column.codes.items()}

    def read(text: str) -> str:
        value = japanese.normalise(text)
        return codes.get(value, value)

    return read


def _name(text: str) -> tuple[str, str]:
    """Split a name into family and given part at its first space."""
    value = japanese.normalise(text)
    if reason := japanese.spreadsheet_damage(value):
        raise ValueError(reason)
    family, separator, given = value.partition(" ")
    return (family, given) if separator else ("", family)


def _code_reader(name: str, column: Column) -> Callable[[str], str]:
    """Return the reader of a code: the mapping's own table first, then the common."""
    own = {japanese.normalise(k).upper(): v for k, v in column.codes.items()}
    table = TABLES[name] | own
    allowed = set(TABLES[name].values())

    def read(text: str) -> str:
        value = japanese.normalise(text).upper()
        meaning = table.get(value, column.other)
        if meaning is None and name == "nationality" and _COUNTRY.fullmatch(value):
            return value
        if meaning is None:
            raise ValueError(
                f"a code that is in no table; known are {', '.join(sorted(table))}"
            )
        if meaning not in allowed:
            raise ValueError(
                f"the mapping makes it {meaning!r}; {name} may be "
                f"{', '.join(sorted(allowed))}"
            )
        return meaning

    return read


def _year(text: str) -> int:
    """Read an academic year: `2022`, `2022年度`, `令和4年度`, `R4`."""
    value = japanese.code(text)
    if found := _YEAR.fullmatch(value):
        year = int(found[1])
    elif found := _ERA_YEAR.fullmatch(value.upper()):
        number = "1" if found[2] == "元" else found[2]
        # 1 April lies in an academic year of that number for every era but in its
        # first: 令和元年度 began on 1 April 平成31年.
        first = next(e.first for e in japanese.ERAS if found[1] in (e.name, e.letter))
        year = first.year + int(number) - 1
    else:
        raise ValueError("not a year: 2022, 2022年度 or 令和4年度 are")
    if not 1900 <= year <= 2100:  # noqa: PLR2004
        raise ValueError(f"the year {year} lies outside 1900 to 2100")
    return year


def _count(text: str) -> int:
    value = japanese.code(text)
    if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= 99):  # noqa: PLR2004
        raise ValueError("not a count from 1 to 99")
    return int(value)


def _decimal(text: str, expected: str) -> Decimal:
    value = japanese.code(text)
    if reason := japanese.spreadsheet_damage(value):
        raise ValueError(reason)
    if not _DECIMAL.fullmatch(value) or not value.isascii():
        raise ValueError(f"not {expected}")
    return Decimal(value)


def _credits(text: str) -> Decimal:
    """Read an amount of credits; 2.0 is 2."""
    value = _decimal(text, "a number of credits such as 2 or 0.5")
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()


def _score(text: str) -> Decimal:
    """Read a score of 0 to 100; the leading zero of 088 means nothing."""
    value = _decimal(text, "a score such as 88")
    if value > 100:  # noqa: PLR2004
        raise ValueError("a score above 100")
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize()


_PLAIN: dict[str, Callable[[str], Any]] = {
    "name": _name,
    "year": _year,
    "count": _count,
    "credits": _credits,
    "score": _score,
}
"""The readings that need to know nothing of their column."""
