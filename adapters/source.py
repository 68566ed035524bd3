"""What every student-information system looks like from the node.

An adapter reads one kind of file and yields what it read, row by row. A row that cannot
be read is a value that says where it stands, so that the others go on; only a source
that is out of reach, cut short or no export at all is an error. An adapter does not
judge or store, and it never writes to a source.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Kind = Literal["persons", "results"]
"""What one row of a source tells of: a learner, or one attempt at one course."""


class SourceError(Exception):
    """A source cannot be used as a whole: nothing of it is stored."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something that could not be read, set aside so that the others go on."""

    file: str
    line: int
    """Counted from 1; for XML the line of the element."""
    column: int | None
    """Counted from 1: the column of a delimited file, the first byte of a fixed-width
    field; `None` where the row as a whole is refused."""
    field: str
    """The heading in the source, or the field it was read for."""
    reason: str
    """Says what was expected; holds no personal data beyond the value's own form."""
    raw: bytes
    """The row as it stands in the source; to be sealed, never logged."""
    omitted: bool = False
    """The row was kept and only this value left out of it."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One row as the source tells it, its values read but not yet joined."""

    kind: Kind
    file: str
    line: int
    values: Mapping[str, Any]
    """By field name of `adapters.mapping`; what the source left empty is absent."""
    raw: bytes


class StudentRecordSource(Protocol):
    """A student-information system, or one export of it, seen from the node."""

    @property
    def name(self) -> str:
        """The name the source goes by in reports: a file name, a view."""
        ...

    @property
    def octets(self) -> bytes:
        """The original as it came, to be kept byte for byte."""
        ...

    def records(self) -> Iterator[SourceRecord | Rejected]:
        """Yield every row in the order of the source.

        Raises:
            SourceError: before the first row, if the source as a whole cannot be used.
        """
        ...
