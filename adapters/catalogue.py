"""Reads a programme catalogue from TOML, or from CSV as a spreadsheet saves it.

In TOML the tables are named as in `protocol.credentials.learner_record.Catalogue`. The
CSV has four columns, `kind,key,item,value`, one item a row, so that a registrar can
keep it in a spreadsheet without knowing TOML:

    institution,,institution.en,Sample University
    programme,INF-BSC,name.en,Computer Science
    scale,A-F,name.en,Grades A to F
    band,A-F/A,points,4
    course,INF101/2022,syllabus,https://…
    micro-credential,DATA,courses,INF101;INF102

In either form one course may stand for many: with `codes` and `years` instead of a code
and a year it is repeated for each, `{code}` and `{year}` in its links filled in.

Items with several values (`languages`, `sources`, `courses`) are separated by `;`.
"""

import csv
import io
import tomllib
from typing import Any

from pydantic import ValidationError

from adapters.mapping import explained
from adapters.source import SourceError
from protocol.credentials.learner_record import Catalogue

LARGEST_FILE = 8 * 1024 * 1024
"""Bytes."""
_HEADING = ["kind", "key", "item", "value"]
_LISTS = frozenset({"languages", "sources", "courses", "codes", "years"})
MOST_COURSES = 100_000
_TABLES = {
    "programme": "programmes",
    "scale": "grading_scales",
    "micro-credential": "micro_credentials",
}


def read_catalogue(octets: bytes, *, file: str) -> Catalogue:
    """Read the catalogue in the file called `file`, by its ending TOML or CSV.

    Raises:
        SourceError: names the file, the key or row, and what is expected there.
    """
    if len(octets) > LARGEST_FILE:
        raise SourceError(f"{file}: larger than {LARGEST_FILE} bytes")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{file}: a catalogue is UTF-8: {error}") from error
    if file.lower().endswith(".csv"):
        content = _from_csv(text, file)
    else:
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SourceError(f"{file}: not a TOML file: {error}") from error
    content["courses"] = _each_course(content.get("courses", []), file)
    try:
        catalogue = Catalogue.model_validate(content)
    except ValidationError as error:
        raise SourceError(f"{file}: {explained(error)}") from error
    _refer(catalogue, file)
    return catalogue


def _from_csv(text: str, file: str) -> dict[str, Any]:
    """Build the tables of a catalogue from the rows of a CSV file."""
    content: dict[str, Any] = {}
    tables: dict[tuple[str, str], dict[str, Any]] = {}
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(row)]
    except csv.Error as error:
        raise SourceError(f"{file}:{reader.line_num}: {error}") from error
    if not rows or rows[0][1] != _HEADING:
        raise SourceError(f"{file}:1: the heading must be {','.join(_HEADING)}")
    for line, row in rows[1:]:
        where = f"{file}:{line}"
        if len(row) != len(_HEADING):
            raise SourceError(f"{where}: {len(row)} columns, not {len(_HEADING)}")
        kind, key, item, value = (cell.strip() for cell in row)
        table = content if kind == "institution" else _table(tables, kind, key, where)
        _place(table, item, value, where)
    for (kind, key), table in tables.items():
        _join(content, tables, kind, key, table)
    return content


def _each_course(entries: Any, file: str) -> Any:
    """Repeat the entries that stand for many courses; leave the others as they are."""
    if not isinstance(entries, list):
        return entries
    each: list[Any] = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or "codes" not in entry:
            each.append(entry)
            continue
        codes, years = entry.get("codes"), entry.get("years")
        rest = {k: v for k, v in entry.items() if k not in ("codes", "years")}
        if not (isinstance(codes, list) and isinstance(years, list)) or not all(
            isinstance(link, str) for link in rest.values()
        ):
            raise SourceError(
                f"{file}: courses.{number}: codes and years are lists, links are texts"
            )
        if len(each) + len(codes) * len(years) > MOST_COURSES:
            raise SourceError(f"{file}: more than {MOST_COURSES} courses")
        for code in codes:
            for year in years:
                links = {
                    name: link.replace("{code}", str(code)).replace("{year}", str(year))
                    for name, link in rest.items()
                }
                each.append({"code": code, "year": year} | links)
    return each


def _table(
    tables: dict[tuple[str, str], dict[str, Any]], kind: str, key: str, where: str
) -> dict[str, Any]:
    """Return the table a row belongs to, begun with what its key says."""
    if not key:
        raise SourceError(f"{where}: {kind} needs a key")
    if (kind, key) in tables:
        return tables[kind, key]
    first, _, last = key.rpartition("/")
    if kind in _TABLES:
        table: dict[str, Any] = {"key": key}
    elif kind == "band":
        if ("scale", first) not in tables:
            raise SourceError(f"{where}: no scale {first!r} above this band")
        table = {"label": last}
    elif kind == "course":
        table = {"code": first, "year": last}
    else:
        known = ", ".join(["institution", *_TABLES, "band", "course"])
        raise SourceError(f"{where}: kind is {kind!r}, not one of {known}")
    tables[kind, key] = table
    return table


def _place(table: dict[str, Any], item: str, value: str, where: str) -> None:
    """Put a value where its dotted item says."""
    *path, name = item.split(".")
    for part in path:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise SourceError(f"{where}: {part} has a value already")
        table = inner
    if not name or name in table:
        raise SourceError(f"{where}: {item or 'item'} is given twice or has no name")
    if name in _LISTS:
        table[name] = [part.strip() for part in value.split(";") if part.strip()]
    elif value:
        table[name] = value


def _join(
    content: dict[str, Any],
    tables: dict[tuple[str, str], dict[str, Any]],
    kind: str,
    key: str,
    table: dict[str, Any],
) -> None:
    """Hang a finished table where the catalogue wants it."""
    if kind == "band":
        scale = tables["scale", key.rpartition("/")[0]]
        scale.setdefault("bands", []).append(table)
    else:
        content.setdefault(_TABLES.get(kind, "courses"), []).append(table)


def _refer(catalogue: Catalogue, file: str) -> None:
    """See that what names something in the catalogue names what is there.

    Raises:
        SourceError: a key stands twice, or is referred to and missing.
    """
    scales = [scale.key for scale in catalogue.grading_scales]
    programmes = [programme.key for programme in catalogue.programmes]
    courses = [(course.code, course.year) for course in catalogue.courses]
    for what, keys in (("scale", scales), ("programme", programmes)):
        for key in keys:
            if keys.count(key) > 1:
                raise SourceError(f"{file}: {what} {key!r} stands twice")
    if len(set(courses)) < len(courses):
        twice = next(c for i, c in enumerate(courses) if c in courses[:i])
        raise SourceError(f"{file}: course {twice[0]} of {twice[1]} stands twice")
    for programme in catalogue.programmes:
        scale = programme.grading_scale
        if scale is not None and scale not in scales:
            raise SourceError(
                f"{file}: programmes {programme.key!r}: grading_scale is {scale!r}; "
                f"there are: {', '.join(scales)}"
            )
