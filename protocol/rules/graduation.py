"""May this learner be said to have graduated, and which credits count towards it?

University Establishment Standards art. 32(1): at least four years in residence and at
least 124 credits. Credits earned elsewhere count up to 60 in all, one bucket for
arts. 28, 29 and 30 together; classes by advanced media (art. 25(2)) make up at most 60
of the 124 (art. 32(5)). Failed courses earn nothing and a repeated one earns once
(art. 27). Every credit is accounted for, counted or not, with the article that says so.

Rules have dates: the text applied is the one in force on the day of graduation, and for
a day of which no text is known there is no answer. Medicine, dentistry, pharmacy and
veterinary medicine (art. 32(2) to (4)) and classes exempted by approval are for a
person to judge. Credits of transfer admission (編入学) are not told apart by the
record and fall into the bucket here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from protocol.credentials.learner_record import (
    Catalogue,
    CourseResult,
    Enrolment,
    LearnerRecord,
    Programme,
)
from protocol.credentials.record_parts import (
    earned,
    enrolment_in,
    in_order,
    number,
)

UNIT = "JP-UNIV"
"""1 credit is 45 hours of study (art. 21(2)); no other unit counts here."""
SIX_YEAR_FIELDS = ("0841", "0911", "0912", "0916")
"""ISCED-F: veterinary, dental, medicine, pharmacy. Six-year programmes in them have
their own paragraphs of art. 32."""
LONG_YEARS = 6


@dataclass(frozen=True, slots=True)
class Rule:
    """The requirements for graduation, as one text of the law has them."""

    text: str
    since: date
    """First day this text was in force."""
    until: date | None
    years: int
    credits: int
    elsewhere: int
    """Most credits that arts. 28 to 30 allow together."""
    media: int
    """Most of the required credits that may be earned as art. 25(2) says."""


RULES: tuple[Rule, ...] = (
    Rule(
        text="大学設置基準 (University Establishment Standards), as of 2018-06-29",
        since=date(2018, 6, 29),
        until=None,
        years=4,
        credits=124,
        elsewhere=60,
        media=60,
    ),
)


@dataclass(frozen=True, slots=True)
class Accounted:
    """What one result contributes, and why."""

    code: str
    year: int
    earned: Decimal
    """Credits of the course if it was passed, else 0."""
    counted: Decimal
    """The part of them that counts; never more."""
    article: str
    why: str


@dataclass(frozen=True, slots=True)
class Graduation:
    """The answer, with the account of every credit."""

    rule: Rule | None
    """None where no rule here can answer; then `fulfilled` is None too."""
    fulfilled: bool | None
    credits: Decimal
    required: Decimal
    half_years: int
    accounts: tuple[Accounted, ...]
    shortfalls: tuple[str, ...]
    """What is missing, in words, each with its article."""


def rule_on(day: date) -> Rule | None:
    """Return the rule in force on `day`, if its text is known here."""
    for rule in RULES:
        if rule.since <= day and (rule.until is None or day <= rule.until):
            return rule
    return None


def applies(programme: Programme, catalogue: Catalogue) -> bool:
    """Tell whether art. 32 governs graduation from a programme at all."""
    return catalogue.country == "JP" and programme.level_code in ("bachelor", None)


def assess(
    learner: LearnerRecord, programme: Programme, catalogue: Catalogue, *, on: date
) -> Graduation:
    """Judge whether the requirements are met by the results of `learner`.

    The day that counts is that of graduation, or `on` for who has not graduated.
    """
    enrolment = enrolment_in(learner, programme.key)
    day = (enrolment.graduated_on if enrolment else None) or on
    rule = rule_on(day)
    if rule is None:
        return _no_answer(f"no text of art. 32 in force on {day} is known here")
    if _has_own_paragraph(programme):
        return _no_answer("art. 32(2) to (4) need facts this record does not hold")
    accounts = account(learner.results, rule, institution=_names(catalogue))
    total = sum((one.counted for one in accounts), Decimal(0))
    half_years = _half_years(learner.enrolments, until=day)
    required = _required(programme, rule)
    shortfalls = list(_shortfalls(rule, accounts, required, half_years))
    return Graduation(
        rule, not shortfalls, total, required, half_years, accounts, tuple(shortfalls)
    )


def account(
    results: Sequence[CourseResult], rule: Rule, *, institution: Iterable[str] = ()
) -> tuple[Accounted, ...]:
    """Account for every result; `institution` holds the names of our own.

    Credits from elsewhere and credits by media fill their buckets in the order they
    were taken, and the last one may count in part.
    """
    own = frozenset(institution)
    once = {id(r) for r in earned(r for r in results if r.credits.unit == UNIT)}
    room = {"elsewhere": Decimal(rule.elsewhere), "media": Decimal(rule.media)}
    accounts = []
    for result in in_order(results):
        amount = result.credits.value if result.grade.passed else Decimal(0)
        if refusal := _refusal(result, counted=id(result) in once):
            accounts.append(_accounted(result, amount, Decimal(0), *refusal))
            continue
        bucket, article, why = _bucket(result, own)
        counted = min(amount, room[bucket]) if bucket else amount
        if bucket:
            room[bucket] -= counted
        if counted < amount:
            limit = rule.elsewhere if bucket == "elsewhere" else rule.media
            fit = (
                f"{number(counted)} of {number(amount)} fit below the limit of {limit}"
            )
            why = f"{why}; {fit}"
        accounts.append(_accounted(result, amount, counted, article, why))
    return tuple(accounts)


def _refusal(result: CourseResult, *, counted: bool) -> tuple[str, str] | None:
    """Say why a result earns nothing, if it does not."""
    if not result.grade.passed:
        return "27", "not passed"
    if result.credits.unit != UNIT:
        return "21", f"counted in {result.credits.unit}, not in credits of art. 21"
    if result.credits.value <= 0:
        return "27", "carries no credits"
    if not counted:
        return "27", "a repeat: the course counts once"
    return None


def _bucket(result: CourseResult, own: frozenset[str]) -> tuple[str, str, str]:
    """Return bucket, article and reason of a result that earns credits."""
    if result.recognised_from and result.recognised_from not in own:
        return "elsewhere", "28-30", f"recognised, earned at {result.recognised_from}"
    if result.media:
        return "media", "32(5)", "passed, taught by advanced media"
    return "", "27", "passed"


def _accounted(
    result: CourseResult, amount: Decimal, counted: Decimal, article: str, why: str
) -> Accounted:
    return Accounted(result.code, result.year, amount, counted, article, why)


def _shortfalls(
    rule: Rule, accounts: Sequence[Accounted], required: Decimal, half_years: int
) -> Iterable[str]:
    total = sum((one.counted for one in accounts), Decimal(0))
    if total < required:
        by = "art. 32(1)" if required == rule.credits else "the programme"
        beyond = "".join(
            f", {number(over)} more are above the {limit} {what}"
            for article, limit, what in (
                ("28-30", rule.elsewhere, "from elsewhere of arts. 28 to 30"),
                ("32(5)", rule.media, "by advanced media of art. 32(5)"),
            )
            if (over := _over(accounts, article)) > 0
        )
        asked = f"{by} asks for {number(required)}"
        yield f"{number(total)} credits count{beyond}, and {asked}"
    if half_years < rule.years * 2:
        yield (
            f"{half_years / 2:g} years in residence, and art. 32(1) asks for "
            f"{rule.years}"
        )


def _over(accounts: Iterable[Accounted], article: str) -> Decimal:
    """Return the credits a limit kept from counting."""
    return sum(
        (one.earned - one.counted for one in accounts if one.article == article),
        Decimal(0),
    )


def _required(programme: Programme, rule: Rule) -> Decimal:
    """Return what is asked for: a programme may ask for more than the law, not less."""
    stated = programme.credits_required
    least = Decimal(rule.credits)
    return max(least, stated.value) if stated and stated.unit == UNIT else least


def _half_years(enrolments: Iterable[Enrolment], *, until: date) -> int:
    """Count the half-years in residence, from April and October.

    Degrees are conferred some days before the academic year ends: a half-year that was
    begun counts. Leave of absence does not.
    """
    resident: set[int] = set()
    for enrolment in enrolments:
        begin = enrolment.admitted_on
        if begin is not None and enrolment.status != "on-leave":
            end = min(enrolment.graduated_on or until, until)
            resident.update(range(_half_year(begin), _half_year(end) + 1))
    return len(resident)


def _half_year(day: date) -> int:
    """Number the half-years: 1 April to 30 September, 1 October to 31 March."""
    months = day.year * 12 + day.month - 1 - 3
    return months // 6


def _has_own_paragraph(programme: Programme) -> bool:
    length = programme.length_years
    return (
        programme.field in SIX_YEAR_FIELDS
        and length is not None
        and length >= LONG_YEARS
    )


def _names(catalogue: Catalogue) -> tuple[str, ...]:
    name = catalogue.institution
    return tuple(spelling for spelling in (name.ja, name.en) if spelling)


def _no_answer(why: str) -> Graduation:
    return Graduation(None, None, Decimal(0), Decimal(0), 0, (), (why,))
