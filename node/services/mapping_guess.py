"""Guesses how somebody's own export is laid out, and writes it down to be mended.

Two things speak: the words of a heading, in Japanese or English, and what the values
below it look like. The outcome is the text of a mapping file with a comment on every
guess; what could not be guessed stands in it as a comment marked `EDIT`. A guess is
never used by itself: a person reads the file and imports with it.
"""

import codecs
import csv
import json
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pydantic import ValidationError

from adapters import japanese
from adapters.codes import TABLES
from adapters.mapping import FIELDS, NEEDED, SourceMapping, explained
from adapters.source import Kind, SourceError
from node.services.heading_words import PAIRS, WORDS

SAMPLE_ROWS = 300
"""Rows whose values are looked at."""
_ENCODINGS = ("utf-8", "cp932", "euc_jp")
_KANA = re.compile(r"[ァ-ヶー・ ]+")
_HAN = re.compile(r"[\u3400-\u9fff々〆ヶ]")
_HALF = 0.5
"""A heading is believed when at least this share of its values reads as it says."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A mapping file to be read by a person, and what is left for them to do."""

    text: str
    edits: tuple[str, ...]
    """Sentences, each naming one thing to edit; empty when the mapping can be used."""


@dataclass(slots=True)
class _Table:
    """What can be seen of a file before anything about it is known."""

    encoding: str
    layout: str
    comment: bool
    trailer: str | None
    headings: list[str]
    rows: list[list[str]]

    def values(self, heading: str) -> list[str]:
        """Return the values below a heading that are not empty."""
        at = self.headings.index(heading)
        return [row[at] for row in self.rows if len(row) > at and row[at].strip()]


@dataclass(slots=True)
class _Columns:
    """Guesses so far: the lines of the file, and what is left to edit."""

    lines: list[str] = field(default_factory=list)
    found: dict[str, str] = field(default_factory=dict)
    edits: list[str] = field(default_factory=list)

    def add(self, name: str, entry: str, why: str) -> None:
        """Write down where a field comes from."""
        self.lines.append(f"{name} = {entry}   # {why}")

    def edit(self, name: str, entry: str, why: str) -> None:
        """Write down what a person must decide."""
        self.lines.append(f"# EDIT {name} = {entry}   # {why}")
        self.edits.append(f"{name}: {why}")


def guess_mapping(octets: bytes, *, file: str) -> Guess:
    """Write a mapping for the export in `octets`, with a comment on every guess.

    Raises:
        SourceError: no delimited file with a heading: there is nothing to guess.
    """
    table = _look(octets, file)
    by_kind = {kind: _matches(table, kind) for kind in FIELDS}
    kind: Kind = max(by_kind, key=lambda k: _weight(by_kind[k], k))
    columns = _Columns(found=by_kind[kind])
    for name, heading in columns.found.items():
        _write_column(columns, table, name, heading)
    if kind == "persons":
        _persons(columns, table)
    else:
        _results(columns, table)
    for name in NEEDED[kind]:
        if name not in columns.found and name not in ("credit_unit", "scale"):
            columns.edit(
                name, '{ source = "?" }', "needed, and no heading looks like it"
            )
    used = set(columns.found.values())
    unused = [h for h in table.headings if h not in used]
    text = _text(kind, table, columns, unused, file)
    return Guess(text, tuple(columns.edits + _complaints(text, columns)))


def _complaints(text: str, columns: _Columns) -> list[str]:
    """Return what still keeps the text from being a mapping, beyond what is marked."""
    if columns.edits:
        return []
    try:
        SourceMapping.model_validate(tomllib.loads(text))
    except ValidationError as error:
        return [explained(error)]
    return []


def _look(octets: bytes, file: str) -> _Table:
    """Find out encoding, delimiter, comments, heading and trailer."""
    encoding, text = _decode(octets)
    lines = [line for line in text.splitlines() if line.strip()]
    comment = bool(lines) and lines[0].startswith("#")
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    trailer = None
    if lines and lines[-1].startswith("#"):
        trailer = (re.match(r"#\D*?(?=[,:\s\d]|$)", lines.pop()) or [None])[0]
    if not lines:
        raise SourceError(f"{file}: there are no rows")
    layout = "tsv" if lines[0].count("\t") > lines[0].count(",") else "csv"
    delimiter = "\t" if layout == "tsv" else ","
    rows = list(csv.reader(lines[: SAMPLE_ROWS + 1], delimiter=delimiter))
    if len(rows[0]) < 2:  # noqa: PLR2004
        raise SourceError(
            f"{file}: neither commas nor tabs in line 1; a fixed-width file needs a "
            'mapping with layout = "fixed" written by hand: see config/demo'
        )
    headings = [heading.strip() for heading in rows[0]]
    return _Table(encoding, layout, comment, trailer or None, headings, rows[1:])


def _decode(octets: bytes) -> tuple[str, str]:
    """Return the encoding that reads the most lines, and the text by it."""
    if octets.startswith(codecs.BOM_UTF8):
        return "utf-8-sig", octets.decode("utf-8-sig", "replace")
    if octets.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", octets.decode("utf-16", "replace")
    damage = {
        encoding: octets.decode(encoding, "replace").count("\ufffd")
        for encoding in _ENCODINGS
    }
    best = min(_ENCODINGS, key=lambda encoding: damage[encoding])
    return best, octets.decode(best, "replace")


def _plain(heading: str) -> str:
    """Return a heading as it is looked up: normalised, without spaces and marks."""
    return re.sub(r"[\s_\-./()・:]", "", japanese.normalise(heading)).lower()


def _matches(table: _Table, kind: Kind) -> dict[str, str]:
    """Return field → heading for one kind of file, by the words of the headings."""
    found: dict[str, str] = {}
    plain = {heading: _plain(heading) for heading in reversed(table.headings)}
    for name in FIELDS[kind]:
        for word in WORDS.get(name, ()):
            heading = next(
                (h for h, p in plain.items() if p == word and h not in found.values()),
                None,
            )
            if heading is not None:
                found[name] = heading
                break
    if kind == "persons" and not any(name.startswith("name_") for name in found):
        found |= _names_by_look(table, set(found.values()))
    return found


def _weight(found: dict[str, str], kind: Kind) -> float:
    """Tell how well a file fits a kind: needed fields count double."""
    return sum(2 if name in NEEDED[kind] else 1 for name in found)


def _names_by_look(table: _Table, used: set[str]) -> dict[str, str]:
    """Return columns that hold names by the look of their values."""
    found: dict[str, str] = {}
    for heading in table.headings:
        values = [japanese.normalise(v) for v in table.values(heading)]
        if heading in used or not values:
            continue
        if _share(values, lambda v: bool(_KANA.fullmatch(v))) > _HALF:
            found.setdefault("name_kana", heading)
        elif _share(values, lambda v: " " in v and bool(_HAN.match(v))) > _HALF:
            found.setdefault("name_kanji", heading)
    return found


def _share(values: Sequence[str], test: Callable[[str], bool]) -> float:
    return sum(map(test, values)) / len(values) if values else 1.0


def _readable(reading: str) -> Callable[[str], bool]:
    """Return a test whether a value reads as a field says."""

    def test(value: str) -> bool:
        try:
            if reading == "day":
                japanese.day(value)
            elif reading == "identifier":
                japanese.identifier(value)
            elif reading in ("credits", "score", "count"):
                float(japanese.code(value))
        except ValueError:
            return False
        return True

    return test


def _write_column(columns: _Columns, table: _Table, name: str, heading: str) -> None:
    """Write down a column whose heading speaks for itself, if its values agree."""
    kind: Kind = "results" if name in FIELDS["results"] else "persons"
    reading = FIELDS[kind][name]
    values = table.values(heading)
    options = [f"source = {_quoted(heading)}"]
    why = f"by its heading; for example {_example(values)}"
    if name == "student_number":
        widths = [len(japanese.code(value)) for value in values]
        if widths:
            width = max(set(widths), key=widths.count)
            options.append(f"width = {width}")
            why += f"; {widths.count(width)} of {len(widths)} have {width} characters"
    if reading == "code":
        unknown = _unknown_codes(name, values)
        if unknown:
            codes = ", ".join(f'{_quoted(code)} = "?"' for code in unknown)
            allowed = " | ".join(sorted(set(TABLES[name].values())))
            options.append(f"codes = {{ {codes} }}")
            columns.edit(
                name, f"{{ {', '.join(options)} }}", f"each ? is one of {allowed}"
            )
            return
    if _share(values, _readable(reading)) < _HALF:
        columns.edit(
            name,
            f"{{ {options[0]} }}",
            f"few values read as a {reading}: {_example(values)}",
        )
        return
    columns.add(name, f"{{ {', '.join(options)} }}", why)


def _unknown_codes(name: str, values: Sequence[str]) -> list[str]:
    """Return the codes of a column that no common table knows, at most twenty."""
    table = TABLES[name]
    codes = dict.fromkeys(japanese.normalise(value) for value in values)
    unknown = [c for c in codes if c.upper() not in table]
    if name == "nationality":
        unknown = [c for c in unknown if not re.fullmatch("[A-Z]{3}", c.upper())]
    return unknown[:20]


def _persons(columns: _Columns, table: _Table) -> None:
    """Join name parts, and name the programme by what there is of it."""
    for name, family, given in PAIRS:
        plain = {_plain(heading): heading for heading in table.headings}
        pair = [plain.get(word) for word in (family, given)]
        if name not in columns.found and all(pair):
            joined = " ".join(f"{{{part}}}" for part in pair)
            columns.add(
                name, f"{{ template = {_quoted(joined)} }}", "two columns joined"
            )
            columns.found[name] = str(pair[0])
            columns.found[f"{name} (given)"] = str(pair[1])
    if not any(name.startswith("name_") for name in columns.found):
        columns.edit("name_kanji", '{ source = "?" }', "a learner needs a name")
    parts = [columns.found.get(name) for name in ("faculty", "department")]
    if "programme" not in columns.found and all(parts):
        joined = "/".join(f"{{{part}}}" for part in parts)
        columns.add(
            "programme",
            f"{{ template = {_quoted(joined)} }}",
            "the key of the programme in your catalogue",
        )
        columns.found["programme"] = str(parts[0])
    enrolment = {"programme", "faculty", "department", "status"}
    missing = enrolment - set(columns.found)
    if missing and missing != enrolment:
        for name in sorted(missing):
            columns.edit(name, '{ source = "?" }', "an enrolment needs it")
    if "graduated_on" in columns.found and "awarded_on" not in columns.found:
        columns.edits.append(
            "awarded_on: no column for the day degrees are conferred; if it is that of "
            "graduation, take away the mark in front of awarded_on"
        )
        heading = _quoted(columns.found["graduated_on"])
        columns.lines.append(f"# awarded_on = {{ source = {heading} }}")


def _results(columns: _Columns, table: _Table) -> None:
    """Say what gives grades and credits their meaning, which no export says."""
    columns.edit("credit_unit", '{ value = "JP-UNIV" }', "JP-UNIV (45 hours) or ECTS")
    columns.edit(
        "scale",
        '{ value = "?" }',
        "key of the grading scale in your catalogue; config/grading-scales has some",
    )
    if "passed" not in columns.found:
        labels = dict.fromkeys(map(japanese.normalise, _grades(columns, table)))
        columns.edits.append(
            "failing: list the grades that are not a pass; there are "
            + ", ".join(list(labels)[:20])
        )


def _grades(columns: _Columns, table: _Table) -> list[str]:
    heading = columns.found.get("grade")
    return table.values(heading) if heading else []


def _quoted(text: str) -> str:
    """Write a TOML string; JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)


def _example(values: Sequence[str]) -> str:
    """Show the form of a value without its content: letters and digits are masked."""
    if not values:
        return "(all empty)"
    masked = re.sub(r"\d", "9", japanese.normalise(values[0]))
    return re.sub(r"[^\W\d_]", "x", masked)[:30]


def _text(
    kind: Kind, table: _Table, columns: _Columns, unused: Sequence[str], file: str
) -> str:
    """Put the mapping file together."""
    lines = [
        f"# A guess at the layout of {file}. Read every line, mend what is wrong,",
        "# decide what is marked EDIT (and take the mark away), then import with",
        f"#   lrx import {file} --mapping THIS-FILE --dry-run",
        "# Examples show the form only: 9 is any digit, x any letter.",
        f'kind = "{kind}"          # persons or results',
        f'layout = "{table.layout}"',
        f'encoding = "{table.encoding}"',
    ]
    if table.trailer:
        lines.append(
            f"trailer = {_quoted(table.trailer)}   # the last line; without it the "
            "file was cut short"
        )
    if kind == "results" and "passed" not in columns.found:
        lines.append('# EDIT failing = ["D", "F"]   # grades that are not a pass')
    lines += ["", "[columns]", *columns.lines]
    if unused:
        lines += ["", "# Not used:", *(f"#   {heading}" for heading in unused)]
    return "\n".join(lines) + "\n"
