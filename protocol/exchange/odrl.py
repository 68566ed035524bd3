"""What a recipient may do with a release, and what it must do: the policy.

A policy is an ODRL 2.2 Agreement in the closed profile of LRX 1.0 (section "ODRL
profile"): one assigner (the learner, under a name made for this recipient), one
assignee, one target (the scope of one consent version, so that a correction falls under
the same policy). Anything outside the profile makes a policy unusable: it is refused,
not reinterpreted, because half a policy may be the harmless half.

`policy` writes one, `check_policy` reads one or refuses it. What the profile cannot
say, such as that the learner consented, is said by the consent record.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from protocol.errors import MessageSchemaError
from protocol.exchange.consent import Purpose
from protocol.exchange.messages import NAMESPACE
from protocol.identity.dids import Did
from protocol.linked_data.jcs import canonical

PROFILE = NAMESPACE + "ns/odrl-profile/1"
CONTEXT = ("http://www.w3.org/ns/odrl.jsonld", PROFILE)
ONWARD_ACCESS = "onward-access"
"""The event that somebody the recipient passed the data to has seen it."""

_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def _moment(text: str) -> str:
    try:
        moment = datetime.strptime(text, _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("a moment in UTC, to the second") from None
    if moment.strftime(_MOMENT) != text:
        raise ValueError("a moment in its one spelling")
    return text


def _patterned(pattern: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise ValueError(f"text of the form {pattern}")
        return text

    return AfterValidator(check)


Moment = Annotated[StrictStr, AfterValidator(_moment)]
Days = Annotated[StrictStr, _patterned("P[1-9][0-9]{0,4}D")]
Country = Annotated[StrictStr, _patterned("[A-Z]{2}")]
Count = Annotated[StrictInt, Field(ge=1)]
Some = Field(min_length=1, max_length=64)

_CONSTRAINTS: Mapping[tuple[str, str], TypeAdapter[Any]] = {
    ("purpose", "eq"): TypeAdapter(Purpose),
    ("purpose", "isAnyOf"): TypeAdapter(Annotated[list[Purpose], Some]),
    ("dateTime", "lt"): TypeAdapter(Moment),
    ("dateTime", "lteq"): TypeAdapter(Moment),
    ("dateTime", "gteq"): TypeAdapter(Moment),
    ("elapsedTime", "lteq"): TypeAdapter(Days),
    ("spatial", "eq"): TypeAdapter(Country),
    ("spatial", "isAnyOf"): TypeAdapter(Annotated[list[Country], Some]),
    ("count", "lteq"): TypeAdapter(Count),
    ("recipient", "eq"): TypeAdapter(Did),
    ("recipient", "isAnyOf"): TypeAdapter(Annotated[list[Did], Some]),
    ("event", "eq"): TypeAdapter(Literal["onward-access"]),
}
"""Every comparison the profile knows, with what stands on its right."""

_OF_PERMISSION = frozenset({"purpose", "dateTime", "spatial", "count", "recipient"})
_OF_DUTY: Mapping[str, frozenset[str]] = {
    "delete": frozenset({"elapsedTime", "dateTime"}),
    "inform": frozenset({"event"}),
    "obtainConsent": frozenset({"event"}),
}


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Constraint(_Closed):
    """One comparison that must hold."""

    left: Annotated[StrictStr, Field(alias="leftOperand")]
    operator: StrictStr
    right: Annotated[Any, Field(alias="rightOperand")]

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        adapter = _CONSTRAINTS.get((self.left, self.operator))
        if adapter is None:
            raise ValueError(f"{self.left} {self.operator} is not in the profile")
        adapter.validate_python(self.right)
        return self


class Duty(_Closed):
    """Something the recipient must do."""

    uid: Annotated[StrictStr, _patterned("#[a-z0-9-]{1,32}")]
    action: Literal["delete", "inform", "obtainConsent"]
    constraint: Annotated[tuple[Constraint, ...], Field(min_length=1, max_length=1)]

    @model_validator(mode="after")
    def _fits_its_action(self) -> Self:
        if self.constraint[0].left not in _OF_DUTY[self.action]:
            raise ValueError("a duty with a constraint that its action does not have")
        return self

    def due(self, received: datetime) -> date | None:
        """Return the last day for it, or None where an event brings it about."""
        constraint = self.constraint[0]
        match constraint.left:
            case "elapsedTime":
                days = int(constraint.right[1:-1])
                return (received + timedelta(days=days)).date()
            case "dateTime":
                return (
                    datetime.strptime(constraint.right, _MOMENT)
                    .replace(tzinfo=UTC)
                    .date()
                )
        return None


class Permission(_Closed):
    """What the recipient may do: use, under every constraint."""

    action: Literal["use"]
    constraint: Annotated[tuple[Constraint, ...], Some]
    duty: tuple[Duty, ...] = ()

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Self:
        lefts = [constraint.left for constraint in self.constraint]
        if len(set(lefts)) < len(lefts) or not set(lefts) <= _OF_PERMISSION:
            raise ValueError("a permission with a constraint twice, or of a duty")
        if "purpose" not in lefts:
            raise ValueError("a permission without a purpose")
        uids = [duty.uid for duty in self.duty]
        if len(set(uids)) < len(uids):
            raise ValueError("a duty stands twice")
        return self


class Prohibition(_Closed):
    """What the recipient must not do."""

    action: Literal["distribute", "derive", "index"]


class Policy(_Closed):
    """An agreement in the profile."""

    context: Annotated[tuple[StrictStr, StrictStr], Field(alias="@context")]
    type: Literal["Agreement"]
    uid: Annotated[
        StrictStr, _patterned("urn:lrx:consent:[0-9a-f]{32}:[1-9][0-9]{0,8}")
    ]
    profile: StrictStr
    assigner: Annotated[StrictStr, _patterned("urn:lrx:learner:[0-9a-f]{32}")]
    assignee: Did
    target: StrictStr
    permission: Annotated[tuple[Permission, ...], Field(min_length=1, max_length=1)]
    prohibition: Annotated[tuple[Prohibition, ...], Field(max_length=3)] = ()
    conflict: Literal["prohibit"] = "prohibit"

    @model_validator(mode="after")
    def _is_of_the_profile(self) -> Self:
        if self.context != CONTEXT or self.profile != PROFILE:
            raise ValueError("a policy of another profile")
        if self.target != self.uid.replace(":consent:", ":scope:"):
            raise ValueError("a policy whose target is not the scope of its consent")
        if len(set(self.prohibition)) < len(self.prohibition):
            raise ValueError("a prohibition stands twice")
        return self

    @property
    def consent(self) -> tuple[str, int]:
        """The consent it belongs to, as id and version."""
        *_, identifier, version = self.uid.split(":")
        return identifier, int(version)

    @property
    def purposes(self) -> frozenset[str]:
        """The purposes the data may be used for."""
        value = self._value("purpose")
        return frozenset([value] if isinstance(value, str) else value)

    @property
    def until(self) -> datetime | None:
        """The end of permitted use, if it has one."""
        for one in self.permission[0].constraint:
            if one.left == "dateTime" and one.operator != "gteq":
                return datetime.strptime(one.right, _MOMENT).replace(tzinfo=UTC)
        return None

    @property
    def duties(self) -> tuple[Duty, ...]:
        """What the recipient must do."""
        return self.permission[0].duty

    def _value(self, left: str) -> Any:
        return next(
            one.right for one in self.permission[0].constraint if one.left == left
        )


def check_policy(value: object) -> Policy:
    """Read a policy from its JSON value, or refuse it.

    Raises:
        MessageSchemaError: anything outside the profile.
    """
    try:
        return Policy.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "policy"
        raise MessageSchemaError(f"policy: {place}: {first['msg']}") from None


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy is written from."""

    consent_id: str
    consent_version: int
    assigner: str
    """The learner's name for this recipient; see `pairwise_learner`."""
    assignee: str
    purpose: Purpose
    until: datetime | None = None
    countries: tuple[str, ...] = ()
    """Where the data may be used; empty for no such limit."""
    retention_days: int | None = None
    report_onward: bool = False
    prohibited: tuple[Literal["distribute", "derive", "index"], ...] = (
        "distribute",
        "derive",
    )


def policy(terms: Terms) -> dict[str, Any]:
    """Write the policy of a consent version.

    Raises:
        MessageSchemaError: the terms do not make a policy of the profile.
    """
    number = f"{terms.consent_id}:{terms.consent_version}"
    constraints = [_constraint("purpose", "eq", str(terms.purpose))]
    if terms.until is not None:
        until = terms.until.astimezone(UTC).strftime(_MOMENT)
        constraints.append(_constraint("dateTime", "lt", until))
    if terms.countries:
        constraints.append(_constraint("spatial", "isAnyOf", list(terms.countries)))
    permission: dict[str, Any] = {"action": "use", "constraint": constraints}
    if duties := _duties(terms):
        permission["duty"] = duties
    written: dict[str, Any] = {
        "@context": list(CONTEXT),
        "type": "Agreement",
        "uid": f"urn:lrx:consent:{number}",
        "profile": PROFILE,
        "assigner": terms.assigner,
        "assignee": terms.assignee,
        "target": f"urn:lrx:scope:{number}",
        "permission": [permission],
    }
    if terms.prohibited:
        written["prohibition"] = [{"action": action} for action in terms.prohibited]
    check_policy(written)
    return written


def pairwise_learner(secret: bytes, learner: str, recipient: str) -> str:
    """Return the name of a learner that only this recipient is told.

    Two recipients cannot find out from it that they hold data of the same person. A
    recipient should be given by what it keeps when it moves (the SCID, where it has
    one).
    """
    named = canonical([learner, recipient])
    return f"urn:lrx:learner:{hmac.digest(secret, named, 'sha256').hex()[:32]}"


def _duties(terms: Terms) -> list[dict[str, Any]]:
    duties: list[dict[str, Any]] = []
    if terms.retention_days is not None:
        limit = _constraint("elapsedTime", "lteq", f"P{terms.retention_days}D")
        duties.append({"uid": "#delete", "action": "delete", "constraint": [limit]})
    if terms.report_onward:
        event = _constraint("event", "eq", ONWARD_ACCESS)
        duties.append({"uid": "#report", "action": "inform", "constraint": [event]})
    return duties


def _constraint(left: str, operator: str, right: object) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}
