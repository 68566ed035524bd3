"""Writes the exports of a student system: every trap of real ones, and known faults.

cp932, half-width kana, era dates in every spelling, full-width digits, repeats,
recognised credits, a count at the head and at the end. Where a row is faulty on purpose
its place and the words of its reason are noted as it is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

from adapters.japanese import in_era_form
from node.demo.people import COHORTS, LAST_LEVEL, LAST_YEAR, PROGRAMMES, Course, Student

AS_OF = date(2026, 4, 1)
"""The day of the export."""
REGISTER = "gakuseki.csv"
GRADES = "seiseki.csv"

_REGISTER_HEADING = [
    "学籍番号", "氏名漢字", "氏名カナ", "氏名英字", "性別", "生年月日", "入学年月日",
    "卒業年月日", "学部コード", "学部名", "学科名", "学籍状態", "国籍コード",
    "学位記番号",
]  # fmt: skip
_GRADES_HEADING = [
    "学籍番号", "年度", "学期", "科目コード", "科目名", "科目名英字", "単位数", "評点",
    "評価", "合否", "授業形態", "必選区分", "認定区分", "履修回",
]  # fmt: skip
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_BANDS = ((90, "S"), (80, "A"), (70, "B"), (60, "C"), (0, "D"))
_OLD_LABELS = {"S": "秀", "A": "優", "B": "良", "C": "可"}
_BAD = "見本".encode("cp932")


@dataclass(frozen=True, slots=True)
class Planted:
    """A fault that was put into a file on purpose."""

    file: str
    line: int
    column: int | None
    says: str
    """Words its reason must contain."""


class _Export:
    """A file being written, line by line, with faults planted at known places."""

    def __init__(self, name: str, heading: Sequence[str], first_line: int) -> None:
        self.name = name
        self.heading = heading
        self.rows: list[bytes] = []
        self._first_line = first_line

    def at(self, column: str, says: str) -> Planted:
        """Note that the row added last is faulty in `column`."""
        line = self._first_line + len(self.rows) - 1
        place = self.heading.index(column) + 1 if column else None
        return Planted(self.name, line, place, says)


class Register(_Export):
    """The student register."""

    def __init__(self, random: Random) -> None:
        super().__init__(REGISTER, _REGISTER_HEADING, first_line=2)
        self._random = random

    def add(self, person: Student) -> None:
        """Write one student, in spellings that vary from row to row."""
        self._write(self._cells(person))

    def _cells(self, person: Student) -> dict[str, str]:
        random = self._random
        graduated = date(person.admitted + LAST_LEVEL, 3, 24)
        number = person.number
        return {
            "学籍番号": number
            if random.randrange(9)
            else number.translate(_FULL_WIDTH),
            "氏名漢字": person.kanji,
            "氏名カナ": person.kana,
            "氏名英字": person.latin,
            "性別": person.sex,
            "生年月日": _spelt(random, person.born),
            "入学年月日": _spelt(random, date(person.admitted, 4, 1)),
            "卒業年月日": _spelt(random, graduated) if person.graduated else "",
            "学部コード": person.programme[0],
            "学部名": person.programme[1],
            "学科名": person.programme[2],
            "学籍状態": person.status,
            "国籍コード": person.nationality,
            "学位記番号": f"第{number[2:]}号" if person.graduated else "",
        }

    def correct_award(self, person: Student, awarded: date) -> None:
        """Write one student with another day of graduation."""
        self._write(self._cells(person) | {"卒業年月日": in_era_form(awarded, "kanji")})

    def _write(self, cells: dict[str, str]) -> None:
        line = ",".join(f'"{cell}"' for cell in cells.values())
        self.rows.append(line.encode("cp932"))

    def plant(self, model: Student) -> Iterator[Planted]:
        """Add what real registers hold; yield the rows that must be set aside."""
        self._plant_good(model)
        faults = (
            ("生年月日", "昭和64年1月8日", "昭和 ended"),
            ("生年月日", "2001/2/29", "no day"),
            ("生年月日", "12-Apr", "spreadsheet"),
            ("生年月日", "平成31年5月1日", "令和1年"),
            ("入学年月日", "310401", "six digits"),
            ("学籍番号", "12399", "leading zeros"),
            ("学籍番号", "1.2E+04", "scientific"),
            ("氏名漢字", "\ue000見本　外字", "U+E000"),
            ("学籍状態", "転籍", "no table"),
        )
        for number, (column, text, says) in enumerate(faults):
            cells = self._planted(model, 900 + number)
            cells[column] = text
            self._write(cells)
            yield self.at(column, says)
        cells = self._planted(model, 920)
        self._write(cells)
        # 0x85 begins a two-byte character and 0x20 cannot end one.
        self.rows[-1] = self.rows[-1].replace(
            "見本".encode("cp932"), b"\x85\x22\x22", 1
        )
        yield self.at("氏名漢字", "is not cp932")
        self._write(self._planted(model, 921))
        self.rows[-1] = self.rows[-1].rsplit(b",", 1)[0]
        yield self.at("", "13 columns")
        self._write(self._planted(model, 1) | {"氏名漢字": "別人　見本"})
        yield self.at("", "too, with another name")
        backwards = {
            "入学年月日": "R8.4.1",
            "卒業年月日": "R4.3.24",
            "学籍状態": "卒業",
        }
        self._write(self._planted(model, 922) | backwards)
        yield self.at("", "before being admitted")

    def _planted(self, model: Student, number: int) -> dict[str, str]:
        cells = self._cells(model)
        return cells | {
            "学籍番号": f"0022{number:03}",
            "卒業年月日": "",
            "学籍状態": "在学",
            "学位記番号": "",
        }

    def _plant_good(self, model: Student) -> None:
        """Add odd rows that must be read all the same."""
        odd = (
            {"氏名漢字": "グエン　ヴァン　テスト", "氏名英字": "NGUYEN VAN TEST",
             "氏名カナ": "グエン ヴァン テスト", "国籍コード": "VNM"},
            {"氏名漢字": "サンプルディ", "氏名カナ": "ｻﾝﾌﾟﾙﾃﾞｨ", "氏名英字": "SAMPLEDI",
             "国籍コード": "IDN"},
            {"生年月日": "S64.01.07", "入学年月日": "R元.9.21"},
            {"生年月日": "昭和六十三年十二月三十一日", "入学年月日": "R1.05.01"},
            {"生年月日": "4120401", "入学年月日": "平成三十一年四月三十日"},
        )  # fmt: skip
        for number, changes in enumerate(odd):
            self._write(self._planted(model, 800 + number) | changes)

    def octets(self) -> bytes:
        """Return the whole file."""
        heading = ",".join(f'"{name}"' for name in self.heading).encode("cp932")
        trailer = f"#END,{len(self.rows):08}".encode()
        return b"\r\n".join([heading, *self.rows, trailer, b""])


def _spelt(random: Random, day: date) -> str:
    """Write a day in one of the ways exports mix."""
    form = random.randrange(5)
    if form < 3:  # noqa: PLR2004
        return in_era_form(day, ("kanji", "roman", "compact")[form])
    return f"{day:%Y%m%d}" if form == 3 else f"{day.year}/{day.month}/{day.day}"  # noqa: PLR2004


class Grades(_Export):
    """The file of grades."""

    def __init__(self, random: Random, offered: list[Course]) -> None:
        super().__init__(GRADES, _GRADES_HEADING, first_line=3)
        self._random = random
        self._plans = {
            programme: sorted(
                (c for c in offered if c.department in ("*", programme[2])),
                key=lambda c: c.level,
            )
            for programme in PROGRAMMES
        }

    def add(self, person: Student) -> None:
        """Write what a student has taken so far, with failures and repeats."""
        random = self._random
        for course in self._plans[person.programme]:
            year = person.admitted + course.level - 1
            if year > LAST_YEAR:
                break
            score = min(100, max(0, int(random.gauss(76, 11))))
            if score < 60 and year < LAST_YEAR:  # noqa: PLR2004
                self._row(person, course, year, score)
                self._row(person, course, year + 1, random.randint(60, 85), attempt=2)
            else:
                self._row(person, course, year, max(score, 60))

    def add_story(self, name: str, person: Student) -> None:
        """Write the results of a student the story is told of."""
        left_out = {
            "graduate": {"INF403", "INF406"},
            "short_of_credits": {"INF403", "INF404", "INF405", "INF406", "GEN133"},
        }.get(name, set())
        extra_media = 0.0
        for number, course in enumerate(self._plans[person.programme]):
            year = person.admitted + course.level - 1
            if course.code in left_out or year > LAST_YEAR:
                continue
            score = 72 + (number * 7) % 25
            media = course.media
            if name == "too_much_media" and not media and extra_media < 44:  # noqa: PLR2004
                media, extra_media = True, extra_media + course.credits
            if name == "graduate" and course.code == "INF201":
                self._row(person, course, year, 52)
                self._row(person, course, year + 1, 71, attempt=2)
            elif name == "graduate" and course.code == "GEN132":
                self._row(person, course, year, None, grade="認", origin="外国大学")
            else:
                self._row(person, course, year, score, media=media)

    def _row(
        self,
        person: Student,
        course: Course,
        year: int,
        score: int | None,
        *,
        grade: str = "",
        origin: str = "",
        attempt: int = 1,
        media: bool | None = None,
    ) -> None:  # fmt: skip
        self.rows.append(
            ",".join(
                self._cells(
                    person.number, course, year, score, grade, origin, attempt, media
                )
            ).encode("cp932")
        )

    def _cells(
        self,
        number: str,
        course: Course,
        year: int,
        score: int | None,
        grade: str,
        origin: str,
        attempt: int,
        media: bool | None,  # noqa: FBT001
    ) -> list[str]:
        if course.code in ("INF407", "HIS405"):
            score, grade = None, "Ｐ"
        label = grade or next(label for least, label in _BANDS if (score or 0) >= least)
        written = label
        shown = "" if score is None else f"{score:03}"
        if attempt == 1 and year == COHORTS[0] and label in _OLD_LABELS:
            written, shown = _OLD_LABELS[label], ""
        by_media = course.media if media is None else media
        return [
            number,
            str(year),
            course.term,
            course.code,
            course.title,
            course.title_en,
            f"{course.credits:g}" if attempt % 2 else f"{course.credits:.1f}",
            shown,
            written,
            "否" if label == "D" else "合",
            "遠隔" if by_media else course.class_type,
            course.compulsory,
            origin,
            str(attempt),
        ]

    def plant(self, model: Student) -> Iterator[Planted]:
        """Add rows that must be set aside; yield where they stand and why."""
        course = self._plans[model.programme][20]
        good = dict(
            zip(
                self.heading,
                self._cells(model.number, course, 2031, 80, "", "", 1, None),
                strict=True,
            )
        )
        faults = (
            ("学籍番号", "9999999", "no learner", False),
            ("学籍番号", "22001", "leading zeros", True),
            ("単位数", "12-Apr", "spreadsheet", True),
            ("評点", "105", "above 100", True),
            ("年度", "20231", "not a year", True),
            ("学期", "第三", "no table", True),
            ("科目コード", "1.2E+04", "scientific", True),
            ("評価", "D", "says otherwise", False),
            ("科目名", "講義, 演習", "15 columns", False),
        )
        for column, text, says, placed in faults:
            self._plant_row(good | {column: text})
            yield self.at(column if placed else "", says)
        self.rows.append(self.rows[0])
        yield self.at("", "the same attempt")
        self._plant_row(good)
        self.rows[-1] = self.rows[-1].replace(
            course.title.encode("cp932"), b"\x81\x20", 1
        )
        yield self.at("科目名", "is not cp932")

    def _plant_row(self, cells: dict[str, str]) -> None:
        self.rows.append(",".join(cells.values()).encode("cp932"))

    def octets(self) -> bytes:
        """Return the whole file."""
        comment = (
            f"#成績データ出力 {AS_OF.year}年04月01日 17:05 出力件数:{len(self.rows):08}"
        )
        head = [comment.encode("cp932"), ",".join(self.heading).encode("cp932")]
        return b"\r\n".join([*head, *self.rows, b"#END", b""])
