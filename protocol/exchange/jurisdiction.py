"""What privacy law asks at either end of a disclosure, and what the institution adds.

A jurisdiction pack is data: reviewed by the operator's privacy officer, versioned by
its id, read from JSON. Its rules can only deny, require or limit, so one more pack or
one more rule can only shrink what is released. A rule whose condition speaks of a fact
that is not known counts as applying, and a requirement that is not known as missing.

Rules are written over a closed list of facts (`FACTS`). A pack that names another fact,
or has a member not described here, cannot be read at all: it is refused rather than
half obeyed. The house rules of an institution have the same form, with `end`
"institution", and apply to every disclosure.

A pack states rules; it gives no legal advice, and nothing here knows a law by name.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from protocol.errors import MalformedValueError

Fact = bool | int | str | frozenset[str]
End = Literal["sender", "recipient", "institution"]

FACTS: Mapping[str, type] = {
    "source.country": str,
    "recipient.country": str,
    "recipient.domestic": bool,
    "recipient.adequate": bool,
    "learner.age": int,
    "scope.category": frozenset,
    "purpose": str,
    "terms.retention_days": int,
    "terms.automated_decision": bool,
    "terms.onward": bool,
    "terms.notice": bool,
    "terms.contact": bool,
    "consent.given": bool,
    "consent.by_guardian": bool,
    "consent.names_country": bool,
    "consent.names_recipient": bool,
    "consent.risk_explained": bool,
    "consent.describes_protection_system": bool,
    "consent.describes_recipient_measures": bool,
    "consent.explains_automated_decision": bool,
    "consent.covers_onward": bool,
    "consent.special_care": bool,
    "record.provision": bool,
    "record.receipt": bool,
    "provider.identified": bool,
    "provider.origin_stated": bool,
}
"""Every fact a rule may name, with its type. `recipient.domestic` and
`recipient.adequate` are worked out per pack, the others come with the snapshot."""

CONSENT_STATEMENTS = tuple(name for name in FACTS if name.startswith("consent."))
"""What a learner can have been told or asked before consenting."""

LIMITS = ("retention_days",)
"""What a rule can limit; each is the largest value allowed of `terms.<name>`."""

_UNDER = "_under"


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wording(_Closed):
    """A text for people, in both languages of the portal."""

    en: StrictStr
    ja: StrictStr


class Rule(_Closed):
    """One rule: when every condition holds, it denies, requires or limits."""

    id: Annotated[StrictStr, Field(pattern="^[a-z0-9-]{1,64}$")]
    conditions: Annotated[
        dict[str, StrictBool | StrictInt | StrictStr], Field(alias="if")
    ] = {}
    """A fact and the value that makes the rule apply; of a set, a value it contains.
    `<fact>_under` compares numbers."""
    require: tuple[StrictStr, ...] = ()
    """Facts that must be true."""
    deny: StrictStr | None = None
    limit: dict[str, Annotated[StrictInt, Field(ge=0)]] = {}
    source: StrictStr | None = None
    """The article the rule is taken from."""
    text: Wording | None = None
    """What a person is told about it."""

    @model_validator(mode="after")
    def _says_something_known(self) -> Self:
        if not (self.require or self.deny or self.limit):
            raise ValueError("a rule denies, requires or limits")
        for name, value in self.conditions.items():
            _check_condition(name, value)
        for name in self.require:
            if FACTS.get(name) is not bool:
                raise ValueError(f"{name} is not a fact that can be required")
        for name in self.limit:
            if name not in LIMITS:
                raise ValueError(f"{name} cannot be limited")
        return self

    def applies(self, facts: Mapping[str, Fact]) -> bool:
        """Tell whether every condition holds or cannot be judged."""
        return all(
            _holds(name, value, facts) for name, value in self.conditions.items()
        )


class Right(_Closed):
    """What a person may ask of whoever holds data about them, and by when it answers.

    For people only: no disclosure depends on it.
    """

    id: Literal["access", "correction", "erasure", "cessation"]
    source: Wording
    """The article it is taken from."""
    answer_within: Annotated[StrictStr, Field(pattern=r"^P[1-9][0-9]{0,2}[DM]$")]
    """Days or calendar months (ISO 8601), counted from the day of receipt."""
    text: Wording
    kept: Wording | None = None
    """What has to stay all the same."""
    refused: Wording | None = None
    """What a person can do who was refused."""

    def due(self, received: date) -> date:
        """Return the last day for an answer to what arrived on `received`.

        A month ends on the day of the same number, or on its last day.
        """
        amount = int(self.answer_within[1:-1])
        if self.answer_within.endswith("D"):
            return received + timedelta(days=amount)
        years, month = divmod(received.month - 1 + amount, 12)
        year = received.year + years
        last = monthrange(year, month + 1)[1]
        return date(year, month + 1, min(received.day, last))


class Pack(_Closed):
    """The rules of one jurisdiction for one end of a disclosure."""

    id: Annotated[StrictStr, Field(min_length=1, max_length=64)]
    end: End
    jurisdictions: tuple[Annotated[StrictStr, Field(pattern="^[A-Z]{2}$")], ...] = ()
    """Countries (ISO 3166-1 alpha-2) at whose end the pack applies."""
    adequate: tuple[Annotated[StrictStr, Field(pattern="^[A-Z]{2}$")], ...] = ()
    """Other countries that this law treats like its own when data goes there."""
    rules: tuple[Rule, ...]
    title: Wording | None = None
    law: StrictStr | None = None
    reviewed: date | None = None
    """The day the operator's privacy officer reviewed it; absent until then."""
    protection: Wording | None = None
    """How this jurisdiction protects personal data: what a learner elsewhere is told
    before data goes there."""
    notes: tuple[StrictStr, ...] = ()
    rights: tuple[Right, ...] = ()
    """What a person may ask of the source."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a pack from its JSON value.

        Raises:
            MalformedValueError: not a pack, or a rule over something unknown.
        """
        try:
            pack = cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "pack"
            raise MalformedValueError(f"{place}: {first['msg']}") from None
        ids = [rule.id for rule in pack.rules]
        if len(set(ids)) < len(ids):
            raise MalformedValueError(f"{pack.id}: a rule id stands twice")
        if len({right.id for right in pack.rights}) < len(pack.rights):
            raise MalformedValueError(f"{pack.id}: a right stands twice")
        return pack

    def concerns(self, facts: Mapping[str, Fact]) -> bool:
        """Tell whether the pack applies to this disclosure.

        A country that is not known could be any, so the pack applies.
        """
        if self.end == "institution":
            return True
        end = "source" if self.end == "sender" else "recipient"
        country = facts.get(f"{end}.country")
        return country is None or country in self.jurisdictions

    def _seen_from_here(self, facts: Mapping[str, Fact]) -> dict[str, Fact]:
        """Add the facts that depend on whose law is asked."""
        seen = dict(facts)
        country = facts.get("recipient.country")
        if country is not None:
            seen["recipient.domestic"] = country in self.jurisdictions
            seen["recipient.adequate"] = country in {
                *self.jurisdictions,
                *self.adequate,
            }
        return seen

    def objections(self, facts: Mapping[str, Fact]) -> Iterator["Objection"]:
        """Say what speaks against the disclosure, rule by rule."""
        seen = self._seen_from_here(facts)
        for rule in self.rules:
            if not rule.applies(seen):
                continue
            if rule.deny is not None:
                yield Objection(self.id, rule.id, "deny", rule.deny)
            for name in rule.require:
                if seen.get(name) is not True:
                    yield Objection(self.id, rule.id, "require", name)
            for name, most in rule.limit.items():
                value = seen.get(f"terms.{name}")
                if not isinstance(value, int) or value > most:
                    yield Objection(self.id, rule.id, "limit", f"{name} {most}")

    def limits(self, facts: Mapping[str, Fact]) -> dict[str, int]:
        """Return the smallest value of each limit that applies."""
        seen = self._seen_from_here(facts)
        return _tightest(rule.limit for rule in self.rules if rule.applies(seen))


@dataclass(frozen=True, slots=True)
class Objection:
    """One rule that is not met."""

    pack: str
    rule: str
    kind: Literal["deny", "require", "limit"]
    what: str
    """The reason given, the fact that is missing, or the limit exceeded."""

    def __str__(self) -> str:
        return f"{self.pack} {self.rule}: {self.kind} {self.what}"


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all packs of one end say together."""

    objections: tuple[Objection, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def permitted(self) -> bool:
        """Whether no pack objects."""
        return not self.objections

    @property
    def missing(self) -> tuple[str, ...]:
        """The facts that would have to become true, each once."""
        wanted = (one.what for one in self.objections if one.kind == "require")
        return tuple(dict.fromkeys(wanted))


def evaluate(packs: Iterable[Pack], end: End, facts: Mapping[str, Fact]) -> Ruling:
    """Apply the packs for one end of a disclosure to the facts known about it.

    No pack for a country means no rule of that country, never a permission: what the
    other end asks of a foreign recipient applies all the same. The `consent.` facts
    left out, the ruling's `missing` names what the learner must be told or asked.
    """
    mine = [pack for pack in packs if pack.end == end and pack.concerns(facts)]
    return Ruling(
        tuple(objection for pack in mine for objection in pack.objections(facts)),
        _tightest(pack.limits(facts) for pack in mine),
    )


def _check_condition(name: str, value: bool | int | str) -> None:  # noqa: FBT001
    fact = name.removesuffix(_UNDER)
    kind = FACTS.get(fact)
    if name != fact:
        if kind is not int or type(value) is not int:
            raise ValueError(f"{name} does not compare numbers")
    elif kind is None:
        raise ValueError(f"{name} is not a known fact")
    elif type(value) is not (str if kind is frozenset else kind):
        raise ValueError(f"{name} cannot be compared with {value!r}")


def _holds(name: str, value: bool | int | str, facts: Mapping[str, Fact]) -> bool:  # noqa: FBT001
    known = facts.get(name.removesuffix(_UNDER))
    if known is None:
        return True
    if name.endswith(_UNDER):
        return not isinstance(known, int) or known < int(value)
    if isinstance(known, frozenset):
        return value in known
    return known == value


def _tightest(limits: Iterable[Mapping[str, int]]) -> dict[str, int]:
    smallest: dict[str, int] = {}
    for limit in limits:
        for name, value in limit.items():
            smallest[name] = min(value, smallest.get(name, value))
    return smallest
