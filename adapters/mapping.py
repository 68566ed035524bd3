"""How one export is laid out: a TOML file that anyone can read and mend.

A mapping says what kind of rows a file holds, how they are written, and which heading
goes into which field. It is data: no expression in it is evaluated. The fields are
those of `protocol.credentials.learner_record`, flattened; `PERSON_FIELDS` and
`RESULT_FIELDS` list them all.
"""

import tomllib
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from adapters.source import Kind, SourceError

Reading = Literal[
    "text", "name", "identifier", "day", "year", "count", "credits", "score", "code"
]
"""How the text of a cell becomes a value."""

PERSON_FIELDS: dict[str, Reading] = {
    "student_number": "identifier",
    "name_kanji": "name",
    "name_kana": "name",
    "name_latin": "name",
    "name_former": "name",
    "birth_date": "day",
    "sex": "code",
    "nationality": "code",
    "programme": "text",
    "faculty": "text",
    "faculty_en": "text",
    "department": "text",
    "department_en": "text",
    "status": "code",
    "admitted_on": "day",
    "graduated_on": "day",
    "awarded_on": "day",
    "award_number": "text",
    "classification": "text",
}
RESULT_FIELDS: dict[str, Reading] = {
    "student_number": "identifier",
    "code": "identifier",
    "title": "text",
    "title_en": "text",
    "year": "year",
    "term": "code",
    "credits": "credits",
    "credit_unit": "text",
    "score": "score",
    "grade": "text",
    "scale": "text",
    "passed": "code",
    "class_type": "text",
    "media": "code",
    "compulsory": "code",
    "recognised_from": "text",
    "attempt": "count",
}
FIELDS: dict[Kind, dict[str, Reading]] = {
    "persons": PERSON_FIELDS,
    "results": RESULT_FIELDS,
}
NEEDED: dict[Kind, tuple[str, ...]] = {
    "persons": ("student_number",),
    "results": (
        "student_number",
        "code",
        "title",
        "year",
        "term",
        "credits",
        "credit_unit",
        "grade",
        "scale",
    ),
}
"""Without a value for these a row says nothing that could be certified."""
OMISSIBLE = frozenset({"birth_date", "sex", "nationality"})
"""If one of these cannot be read the learner is kept without it, and the value set
aside: a day that never was is not a reason to lose a learner."""

_ENROLMENT = frozenset({"programme", "faculty", "department", "status"})

Encoding = Literal["cp932", "shift_jis", "euc_jp", "utf-8", "utf-8-sig", "utf-16"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Column(_Section):
    """Where one field comes from: exactly one of `source`, `template`, `value`."""

    source: str | int | None = None
    """The heading, or the number of the column, counted from 1, where there is none."""
    template: str | None = None
    """Headings in braces, joined: `{学部コード}/{学科名}`."""
    value: str | None = None
    """The same for every row."""
    start: Annotated[int, Field(ge=1)] | None = None
    """Fixed width: the first byte of the field, counted from 1."""
    bytes: Annotated[int, Field(ge=1)] | None = None
    """Fixed width: its length in bytes; a full-width character takes two."""
    width: Annotated[int, Field(ge=1, le=64)] | None = None
    """Characters a student number or a code must have."""
    era: Literal["M", "T", "S", "H", "R"] | None = None
    """The era of dates written with six digits."""
    codes: dict[str, str] = Field(default_factory=dict)
    """Their spelling = ours; comes before the tables every reader knows."""
    other: str | None = None
    """What every code not listed means; without it such a row is refused."""
    default: str | None = None
    """What an empty cell means."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = (self.source, self.template, self.value, self.start)
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("give exactly one of source, template, value, start")
        if (self.start is None) != (self.bytes is None):
            raise ValueError("start and bytes belong together")
        return self


class RecordType(_Section):
    """Fixed width: the letter in the first byte that tells lines apart."""

    detail: str = Field(min_length=1, max_length=4)
    trailer: str | None = Field(default=None, min_length=1, max_length=4)


class SourceMapping(_Section):
    """The layout of one export."""

    kind: Kind
    layout: Literal["csv", "tsv", "fixed"] = "csv"
    encoding: Encoding = "cp932"
    heading: bool = True
    """The first row that is no comment names the columns."""
    comment: str | None = "#"
    """Lines that begin with it are skipped; the counts are looked for in them."""
    head_count: str = r"件数\D{0,3}(\d{1,12})"
    """Regular expression that finds the number of rows in a comment at the top."""
    trailer: str | None = None
    """What the last line begins with; a number after it is the number of rows. If it
    is set and missing, the export was cut short and is refused as a whole."""
    record_type: RecordType | None = None
    line_bytes: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Fixed width: the length of a detail line without its line end."""
    gaiji: dict[str, str] = Field(default_factory=dict)
    """User-defined characters and what they stand for: `"U+E000" = "𠮷"`."""
    failing: tuple[str, ...] = ()
    """Grade labels that are not a pass; they decide where no column says passed."""
    columns: dict[str, Column] = Field(min_length=1)

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        known = FIELDS[self.kind]
        if unknown := sorted(set(self.columns) - set(known)):
            raise ValueError(
                f"no field {unknown[0]!r} in {self.kind}; there are: {', '.join(known)}"
            )
        missing = [name for name in NEEDED[self.kind] if name not in self.columns]
        if missing:
            raise ValueError(f"no column for: {', '.join(missing)}")
        for name, column in self.columns.items():
            if (column.start is not None) != (self.layout == "fixed") and not (
                column.value is not None
            ):
                raise ValueError(
                    f"columns.{name}: start and bytes belong to layout 'fixed'"
                )
        if self.kind == "persons":
            self._person_columns()
        elif "passed" not in self.columns and not self.failing:
            raise ValueError("no column for passed, and no list of failing grades")
        return self

    def _person_columns(self) -> None:
        if not any(name.startswith("name_") for name in self.columns):
            raise ValueError("no column for any name")
        enrolment = _ENROLMENT & set(self.columns)
        if enrolment and enrolment != _ENROLMENT:
            missing = ", ".join(sorted(_ENROLMENT - enrolment))
            raise ValueError(f"an enrolment also needs a column for: {missing}")

    def gaiji_table(self) -> dict[int, str]:
        """Return the replacements as `str.translate` wants them."""
        return {
            int(sign.upper().removeprefix("U+"), 16): text
            for sign, text in self.gaiji.items()
        }


def read_mapping(octets: bytes, *, file: str) -> SourceMapping:
    """Read a mapping from the bytes of a TOML file called `file`.

    Raises:
        SourceError: not TOML, or not a mapping; names the key and what is expected.
    """
    try:
        return SourceMapping.model_validate(tomllib.loads(octets.decode("utf-8")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{file}: not a TOML file: {error}") from error
    except ValidationError as error:
        raise SourceError(f"{file}: {explained(error)}") from error


def explained(error: ValidationError) -> str:
    """Say where in a file each complaint stands and what was expected."""
    complaints = []
    for detail in error.errors(include_url=False):
        where = ".".join(str(part) for part in detail["loc"])
        what = detail["msg"].removeprefix("Value error, ")
        complaints.append(f"{where}: {what}" if where else what)
    return "; ".join(complaints)
