"""Adapters translate: one file for each kind of student-information system."""

from collections.abc import Callable

from adapters.delimited import DelimitedSource
from adapters.fixed_width import FixedWidthSource
from adapters.mapping import SourceMapping
from adapters.source import StudentRecordSource

SOURCES: dict[str, Callable[[str, bytes, SourceMapping], StudentRecordSource]] = {
    "csv": DelimitedSource,
    "tsv": DelimitedSource,
    "fixed": FixedWidthSource,
}
"""The `layout` a mapping names → who reads it: file name, its bytes, the mapping."""
