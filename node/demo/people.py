"""The people and the courses of a university that never was.

All names are made of words such as 見本 (sample) and 試験 (test); student numbers hold
the year of admission. The same random generator makes the same people.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random

from node.config import config_folder

LAST_YEAR = 2025
"""The academic year that is over: it ended in March 2026."""
COHORTS = (2021, 2022, 2023, 2024, 2025)
LAST_LEVEL = 4
PROGRAMMES = (("01", "工学部", "情報工学科"), ("02", "文学部", "史学科"))


@dataclass(frozen=True, slots=True)
class Course:
    """One course of `courses-a.csv`."""

    department: str
    code: str
    title: str
    title_en: str
    credits: float
    level: int
    term: str
    class_type: str
    compulsory: str
    media: bool


@dataclass(frozen=True, slots=True)
class Student:
    """One synthetic student."""

    number: str
    kanji: str
    kana: str
    latin: str
    sex: str
    born: date
    programme: tuple[str, str, str]
    admitted: int
    status: str
    nationality: str = "JPN"

    @property
    def graduated(self) -> bool:
        """Whether the student has left with a degree."""
        return self.status == "卒業"


def demo_file(name: str) -> bytes:
    """Return the bytes of a fixed part of the demo data."""
    return (config_folder() / "demo" / name).read_bytes()


def courses() -> list[Course]:
    """Return the courses of University A."""
    text = demo_file("courses-a.csv").decode().splitlines()
    return [
        Course(
            department=row["department"],
            code=row["code"],
            title=row["title"],
            title_en=row["title_en"],
            credits=float(row["credits"]),
            level=int(row["level"]),
            term=row["term"],
            class_type=row["class_type"],
            compulsory=row["compulsory"],
            media=bool(row["media"]),
        )
        for row in csv.DictReader(text)
    ]


def story() -> dict[str, Student]:
    """Return the students the story is told of."""
    inf, his = PROGRAMMES
    return {
        "graduate": Student(
            "0022001", "見本　愛子", "ﾐﾎﾝ ｱｲｺ", "MIHON AIKO", "2",
            date(2003, 5, 14), inf, 2022, "卒業",
        ),
        "short_of_credits": Student(
            "0022002", "試験　不足", "ｼｹﾝ ﾌｿｸ", "SHIKEN FUSOKU", "1",
            date(2003, 8, 1), inf, 2022, "卒業",
        ),
        "too_much_media": Student(
            "0022003", "試験　遠隔", "ｼｹﾝ ｴﾝｶｸ", "SHIKEN ENKAKU", "2",
            date(2003, 11, 23), inf, 2022, "卒業",
        ),
        "incomplete_programme": Student(
            "0022004", "例示　史子", "ﾚｲｼﾞ ﾌﾐｺ", "REIJI FUMIKO", "2",
            date(2003, 6, 30), his, 2022, "卒業",
        ),
        "expected": Student(
            "0023001", "雛形　見込", "ﾋﾅｶﾞﾀ ﾐｺﾐ", "HINAGATA MIKOMI", "1",
            date(2004, 7, 7), inf, 2023, "卒業見込",
        ),
        "enrolled": Student(
            "0024001", "模擬　在子", "ﾓｷﾞ ｱﾘｺ", "MOGI ARIKO", "2",
            date(2005, 9, 2), inf, 2024, "在学",
        ),
    }  # fmt: skip


def people(random: Random, count: int) -> Iterator[Student]:
    """Make the other students."""
    parts = list(csv.DictReader(demo_file("names.csv").decode().splitlines()))
    families = [part for part in parts if part["part"] == "family"]
    givens = [part for part in parts if part["part"] == "given"]
    for number in range(count):
        admitted = COHORTS[number % len(COHORTS)]
        family, given = random.choice(families), random.choice(givens)
        status = _status(random, admitted)
        yield Student(
            number=f"00{admitted % 100}{100 + number // len(COHORTS):03}",
            kanji=f"{family['kanji']}　{given['kanji']}",
            kana=f"{family['kana']} {given['kana']}",
            latin=f"{family['latin']} {given['latin']}" if number % 9 else "",
            sex=random.choice("12"),
            born=date(admitted - 19, 4, 2).replace(
                month=random.randint(4, 12), day=random.randint(2, 28)
            ),
            programme=PROGRAMMES[number % 2],
            admitted=admitted,
            status=status,
            nationality="JPN" if number % 15 else random.choice(("VNM", "CHN", "NPL")),
        )


def _status(random: Random, admitted: int) -> str:
    draw = random.random()
    if admitted + LAST_LEVEL <= LAST_YEAR + 1:
        return "卒業" if draw < 0.92 else "在学"  # noqa: PLR2004
    if draw > 0.97:  # noqa: PLR2004
        return "休学" if draw < 0.985 else "退学"  # noqa: PLR2004
    return "卒業見込" if admitted + LAST_LEVEL == LAST_YEAR + 2 else "在学"
