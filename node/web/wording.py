"""Values of records in words: labels, dates, amounts, in Japanese and English."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

from node.texts.catalogue import text, text_or
from protocol.credentials.claims_paths import Path

_ZONES: Mapping[str, tzinfo] = {"JP": timezone(timedelta(hours=9), "JST")}
"""Countries with one time zone and no summer time; elsewhere UTC is said as such."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def zone_of(country: str) -> tzinfo:
    """Return the time zone moments are shown in at an institution of `country`."""
    return _ZONES.get(country, UTC)


def day(language: str, value: date | str) -> str:
    """Write a bare day, given as such or in ISO 8601."""
    when = date.fromisoformat(value[:10]) if isinstance(value, str) else value
    if language == "ja":
        return f"{when.year}年{when.month}月{when.day}日"
    return f"{when.day} {text(language, f'month.m{when.month}')} {when.year}"


def moment(language: str, value: datetime | int, zone: tzinfo = UTC) -> str:
    """Write a moment to the minute, with the name of its zone."""
    at = datetime.fromtimestamp(value, UTC) if isinstance(value, int) else value
    local = at.astimezone(zone)
    return text(
        language,
        "date.moment",
        day=day(language, local.date()),
        time=local.strftime("%H:%M"),
        zone=local.tzname(),
    )


def label(language: str, path: Path) -> str:
    """Name a claims path; one that this release does not know is shown as it is."""
    names = [part for part in path if isinstance(part, str)]
    if len(names) == 1:
        return group(language, path)
    if names[0] == "reasons":
        return text(language, "field.reasons", item=".".join(names[1:]))
    dotted = ".".join(names)
    return text_or(language, f"field.{dotted}", " › ".join(names))


def group(language: str, path: Path) -> str:
    """Name the group a claims path belongs to."""
    return text_or(language, f"group.{path[0]}", str(path[0]))


def value(language: str, path: Path, found: Any) -> str:
    """Write the value at `path` in words."""
    names = [part for part in path if isinstance(part, str)]
    last = names[-1] if names else ""
    try:
        if isinstance(found, Mapping) and last in _SHAPES:
            return _SHAPES[last](language, found)
        if isinstance(found, list | tuple) and last in _LISTS:
            return "; ".join(_LISTS[last](language, one) for one in found)
    except (AttributeError, KeyError, TypeError, ValueError):
        # A record of another institution may have shapes we do not know.
        return _plain(language, found)
    if last == "languages" and isinstance(found, list | tuple):
        return _listed(language, [_language(language, code) for code in found])
    if last in _CODED and isinstance(found, str):
        return text_or(language, f"{last}.{found}", found)
    return _plain(language, found)


def _plain(language: str, found: Any) -> str:  # noqa: PLR0911 - one per shape
    match found:
        case None:
            return text(language, "value.empty")
        case bool():
            return text(language, "value.yes" if found else "value.no")
        case str() if _DAY.fullmatch(found):
            return _day_or_text(language, found)
        case str():
            return found
        case Mapping():
            pairs = (
                f"{text_or(language, f'member.{name}', str(name))} "
                f"{_plain(language, member)}"
                for name, member in found.items()
                if member is not None
            )
            return _listed(language, list(pairs))
        case list() | tuple():
            joint = "; " if any(isinstance(item, Mapping) for item in found) else None
            parts = [_plain(language, item) for item in found]
            return joint.join(parts) if joint else _listed(language, parts)
        case _:
            return str(found)


def _day_or_text(language: str, found: str) -> str:
    try:
        return day(language, found)
    except ValueError:
        return found


def _listed(language: str, parts: Sequence[str]) -> str:
    return ("、" if language == "ja" else ", ").join(parts)


def _language(language: str, code: Any) -> str:
    return text_or(language, f"language.{code}", str(code))


def _credits(language: str, found: Mapping[str, Any]) -> str:
    unit = str(found["unit"])
    known = text_or(language, f"unit.{unit}", "{value} " + unit)
    return known.format(value=found["value"])


def _grade(language: str, found: Mapping[str, Any]) -> str:
    score = found.get("score")
    outcome = text(language, "value.passed" if found["passed"] else "value.failed")
    shown = f"{found['label']} ({score})" if score is not None else str(found["label"])
    return _listed(language, [shown, outcome])


def _taken(language: str, found: Mapping[str, Any]) -> str:
    term = found.get("term")
    if term is None:
        when = text(language, "value.year", year=found["year"])
    else:
        name = text_or(language, f"term.{term}", str(term))
        when = text(language, "value.taken", year=found["year"], term=name)
    links = [
        text(language, f"value.{name}", link=found[name])
        for name in ("syllabus", "assessment")
        if name in found
    ]
    return "; ".join([when, *links])


def _gpa(language: str, found: Mapping[str, Any]) -> str:
    return text(
        language, "value.gpa", value=found["value"], maximum=found.get("maximum", "–")
    )


def _length(language: str, found: Mapping[str, Any]) -> str:
    known = text_or(language, f"length.{found['unit']}", "{value} " + found["unit"])
    return known.format(value=found["value"])


def _field(_: str, found: Mapping[str, Any]) -> str:
    return f"{found['name']} ({found['scheme']} {found['code']})"


def _band(language: str, found: Mapping[str, Any]) -> str:
    written = str(found["label"])
    if "minimum" in found or "maximum" in found:
        written += f" {found.get('minimum', '')}–{found.get('maximum', '')}"
    if "share" in found:
        written += f" ({float(found['share']):.0%})"
    if not found["passed"]:
        written += f" [{text(language, 'value.failed')}]"
    return written


def _course(language: str, found: Mapping[str, Any]) -> str:
    return f"{found['title']} ({_credits(language, found['credits'])})"


_SHAPES: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "credits": _credits,
    "credits_earned": _credits,
    "workload": _credits,
    "grade": _grade,
    "taken": _taken,
    "gpa": _gpa,
    "length": _length,
    "field": _field,
}
"""Units with a shape of their own, by the last name of their path."""
_LISTS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "bands": _band,
    "courses": _course,
}
"""Units that are lists of such."""
_CODED = frozenset({"direction", "country", "kind"})
"""Units whose value is a code with a text of its own."""
