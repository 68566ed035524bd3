"""Text, numbers and dates as Japanese student systems write them.

Exports of Japanese systems are older than Unicode in spirit: half-width katakana with
the voicing mark as a character of its own, full-width digits in student numbers, one
wave dash that decodes to two different characters depending on who decodes it, and
dates counted in eras. All of that is settled here once, before anything is hashed or
compared; the original bytes are kept elsewhere.

Only what changes no meaning is folded: `①`, `Ⅰ` and `㈱` stay as they are, because a
course may be called 線形代数Ⅰ.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

GAIJI = ("\ue000", "\ue757")
"""First and last of the private-use characters to which cp932 maps its user area."""
_PRIVATE = ("\ue000", "\uf8ff")
"""Python's cp932 also reads the bytes A0 and FD to FF, which are no characters, as
U+F8F0 to U+F8F3: nothing in the private-use area ever is what was meant."""

_SPELLINGS = str.maketrans(
    {
        # The pairs in which cp932 and shift_jis decode one code to two characters.
        "\uff5e": "\u301c",
        "\uff0d": "\u2212",
        "\u2225": "\u2016",
        "\u2015": "\u2014",
        "\uffe0": "\u00a2",
        "\uffe1": "\u00a3",
        "\uffe2": "\u00ac",
        "\u3000": " ",
        "\u00a0": " ",
        "\ufeff": "",
    }
    # Full-width ASCII, but for the hyphen and the tilde above.
    | {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5E) if chr(code) != "－"}
)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−－", "-"))
_COMPOSABLE = re.compile("[^\uf900-\ufaff\U0002f800-\U0002fa1f]+")
"""All but the compatibility ideographs: composing those would turn the 神 (U+FA19) of a
name into the other 神 (U+795E)."""
_HALF_KANA = re.compile("[\uff61-\uff9f]+")
_SPACES = re.compile(r"\s+")


@lru_cache(maxsize=65536)
def normalise(text: str) -> str:
    """Return `text` in the one spelling that is stored, shown, compared and hashed.

    Half-width katakana become full-width with their voicing marks combined, full-width
    letters and digits become half-width, runs of spaces one space. Doing it twice
    changes nothing more.
    """
    if text.isascii():
        return _SPACES.sub(" ", text).strip()
    text = _HALF_KANA.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    text = _COMPOSABLE.sub(
        lambda run: unicodedata.normalize("NFC", run[0]), text.translate(_SPELLINGS)
    )
    return _SPACES.sub(" ", text).strip()


def gaiji(text: str) -> str | None:
    """Return the first user-defined character in `text`, if there is one.

    Such a character has a meaning only on the system that made it: it must be replaced
    by a table of that system, not passed on.
    """
    return next((c for c in text if _PRIVATE[0] <= c <= _PRIVATE[1]), None)


def code(text: str) -> str:
    """Return `text` as an identifier: normalised, without spaces, dashes as `-`."""
    return normalise(text).translate(_DASHES).replace(" ", "")


_SCIENTIFIC = re.compile(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_SPREADSHEET_DAY = re.compile(
    rf"\d{{1,2}}-({_MONTHS})(-\d{{2,4}})?|({_MONTHS})-\d{{1,4}}|\d{{1,2}}月\d{{1,2}}日",
    re.IGNORECASE,
)


def spreadsheet_damage(text: str) -> str | None:
    """Tell how a spreadsheet has rewritten a value, if it shows.

    What was there before cannot be known any more, so the value is refused.
    """
    if _SCIENTIFIC.fullmatch(text):
        return "a spreadsheet has turned the number into scientific notation"
    if _SPREADSHEET_DAY.fullmatch(text):
        return "a spreadsheet has turned the value into a day without a year"
    if text.startswith("#") and text.endswith(("!", "?", "#", "N/A")):
        return "a spreadsheet error stands in place of the value"
    return None


def identifier(text: str, *, width: int | None = None) -> str:
    """Return a student number or course code, its leading zeros intact.

    Raises:
        ValueError: empty, rewritten by a spreadsheet, or shorter or longer than
            `width` characters.
    """
    value = code(text)
    if not value:
        raise ValueError("empty")
    if reason := spreadsheet_damage(value):
        raise ValueError(reason)
    if width is None or len(value) == width:
        return value
    if value.isdecimal() and len(value) < width:
        raise ValueError(
            f"{len(value)} digits where {width} are declared: leading zeros are lost"
        )
    raise ValueError(f"{len(value)} characters where {width} are declared")


@dataclass(frozen=True, slots=True)
class Era:
    """An era, by whose years Japanese dates are counted."""

    name: str
    letter: str
    digit: str
    first: date
    last: date
    """The last day; Meiji and Taishō share theirs with the first day of the next."""


ERAS = (
    Era("明治", "M", "1", date(1868, 1, 25), date(1912, 7, 30)),
    Era("大正", "T", "2", date(1912, 7, 30), date(1926, 12, 25)),
    Era("昭和", "S", "3", date(1926, 12, 25), date(1989, 1, 7)),
    Era("平成", "H", "4", date(1989, 1, 8), date(2019, 4, 30)),
    Era("令和", "R", "5", date(2019, 5, 1), date.max),
)
GREGORIAN_SINCE = date(1873, 1, 1)
"""Before this day Japanese dates followed the lunisolar calendar."""

_LIGATURES = str.maketrans(
    {"㍾": "明治", "㍽": "大正", "㍼": "昭和", "㍻": "平成", "㋿": "令和"}
)
_BY_SIGN = {sign: era for era in ERAS for sign in (era.name, era.name[0], era.letter)}
_KANJI_DIGITS = {sign: number for number, sign in enumerate("〇一二三四五六七八九")}
_ERA_DATE = re.compile(
    r"(明治|大正|昭和|平成|令和|[明大昭平令MTSHR])\s*(元|\d{1,2})\s*"
    r"[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})\s*日?",
    re.IGNORECASE,
)
_COMMON_DATE = re.compile(
    r"(\d{4})\s*[年./-]\s*(\d{1,2})\s*[月./-]\s*(\d{1,2})\s*日?"
    r"(?:[ T]0{1,2}:00(?::00)?)?"
)
_LETTER_COMPACT = re.compile(r"([MTSHR])(\d{2})(\d{2})(\d{2})", re.IGNORECASE)
_KANJI_NUMBER = re.compile("[〇一二三四五六七八九十]+(?=[年月日])")


def _kanji_number(run: re.Match[str]) -> str:
    """Write the kanji number of a date in digits: 三十一 is 31, 二〇一九 is 2019."""
    text = run[0]
    if "十" not in text:
        return "".join(str(_KANJI_DIGITS[sign]) for sign in text)
    tens, _, ones = text.partition("十")
    if len(tens) > 1 or len(ones) > 1 or ones == "十":
        return text
    return str(_KANJI_DIGITS.get(tens, 1) * 10 + _KANJI_DIGITS.get(ones, 0))


@lru_cache(maxsize=65536)
def day(text: str, *, era_letter: str | None = None) -> date:
    """Read a day in any of the forms Japanese systems write.

    `H31.04.30`, `平成三十一年4月30日`, `R元.9.21`, `平31.4.30`, `4310430`,
    `20190430`, `2019/4/30` and `2019-04-30` are days. Six digits (`310430`) are
    read only when `era_letter` says which era they are counted in.

    Raises:
        ValueError: no such day; the reason says why, and which era it would be in.
    """
    value = normalise(text).translate(_LIGATURES).translate(_DASHES)
    if not value:
        raise ValueError("empty")
    if reason := spreadsheet_damage(value):
        raise ValueError(reason)
    value = _KANJI_NUMBER.sub(_kanji_number, value)
    if found := _COMMON_DATE.fullmatch(value):
        return _gregorian(int(found[1]), int(found[2]), int(found[3]))
    if found := _ERA_DATE.fullmatch(value) or _LETTER_COMPACT.fullmatch(value):
        sign, year, month, day_ = found.groups()
        era = _BY_SIGN[sign.upper()]
        return _in_era(era, 1 if year == "元" else int(year), int(month), int(day_))
    if value.isascii() and value.isdecimal():
        return _compact(value, era_letter)
    raise ValueError("not a date in any form this reader knows")


def _compact(value: str, era_letter: str | None) -> date:
    """Read a date of digits only: yyyymmdd, era digit + yymmdd, or yymmdd."""
    if len(value) == len("yyyymmdd"):
        return _gregorian(int(value[:4]), int(value[4:6]), int(value[6:]))
    year, month, day_ = int(value[-6:-4]), int(value[-4:-2]), int(value[-2:])
    if len(value) == len("eyymmdd"):
        for era in ERAS:
            if era.digit == value[0]:
                return _in_era(era, year, month, day_)
        raise ValueError(f"{value[0]} is not an era (1 明治 … 5 令和)")
    if len(value) == len("yymmdd"):
        if era_letter is None:
            raise ValueError(
                "six digits do not say which era they are counted in; "
                'if all dates of this column share one, set era = "H" for it'
            )
        return _in_era(_BY_SIGN[era_letter], year, month, day_)
    raise ValueError(f"a date of {len(value)} digits; 6, 7 or 8 are known")


def _gregorian(year: int, month: int, day_: int) -> date:
    try:
        return date(year, month, day_)
    except ValueError:
        raise ValueError(f"there is no day {year}-{month:02}-{day_:02}") from None


def _in_era(era: Era, year: int, month: int, day_: int) -> date:
    """Turn a date of `era` into the common calendar, if the era has that day."""
    if year == 0:
        raise ValueError(f"{era.name} has no year 0")
    found = _gregorian(era.first.year + year - 1, month, day_)
    if found < era.first:
        raise ValueError(f"{found} lies before {era.name}, which began on {era.first}")
    if found > era.last:
        later = era_of(found)
        number = found.year - later.first.year + 1
        raise ValueError(
            f"{era.name} ended on {era.last}; {found} is {later.name}{number}年"
        )
    if found < GREGORIAN_SINCE:
        raise ValueError("before 1873 dates followed the lunisolar calendar")
    return found


def era_of(at: date) -> Era:
    """Return the era in which the day `at` lies; of two, the one that began."""
    return next(era for era in reversed(ERAS) if era.first <= at)


def in_era_form(at: date, form: str = "kanji") -> str:
    """Write a day as Japanese systems do.

    `form` is "kanji" for `平成31年4月30日`, its first year 元, "roman" for `H31.04.30`
    or "compact" for `4310430`.
    """
    era = era_of(at)
    year = at.year - era.first.year + 1
    if form == "roman":
        return f"{era.letter}{year}.{at.month:02}.{at.day:02}"
    if form == "compact":
        return f"{era.digit}{year:02}{at.month:02}{at.day:02}"
    written = "元" if year == 1 else str(year)
    return f"{era.name}{written}年{at.month}月{at.day}日"


def academic_year(at: date) -> int:
    """Return the academic year of a day: April to March, named by its April."""
    return (at - timedelta(days=90 if at.month <= 3 else 0)).year  # noqa: PLR2004
