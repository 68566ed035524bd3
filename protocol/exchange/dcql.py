"""What a recipient asks for, and what goes out once the learner has chosen.

A request for data is written in DCQL, the query language of OpenID4VP 1.0 (section
"Digital Credentials Query Language"), narrowed: paths point at units of the record
model, `meta` names records by `vct_values` whatever format is asked for, a query
without `claims` asks for everything and is shown as such. A member this module does
not know makes the query unusable, where OpenID4VP would have it ignored: what is
ignored might have been a limit.

`choices` works on one record and gives what the portal shows. What was not asked for is
not offered, and elements added to the record later are not covered.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from protocol.credentials.claims_paths import (
    Path,
    as_path,
    expand,
    format_path,
    is_unit_path,
    leaves,
)
from protocol.errors import MessageSchemaError

MAXIMUM_CREDENTIALS = 50
MAXIMUM_CLAIMS = 512
"""As many as an SD-JWT may have disclosures."""


def _unit_path(path: Path) -> Path:
    if not is_unit_path(path):
        raise MessageSchemaError(
            f"{format_path(path)} is not a path of the record model"
        )
    return path


def _identifier(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError("an id of letters, digits, - and _")
    return text


Identifier = Annotated[StrictStr, AfterValidator(_identifier)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimQuery(_Closed):
    """One claim asked for."""

    id: Identifier = ""
    """Empty where the query gives none."""
    path: Annotated[Path, BeforeValidator(as_path), AfterValidator(_unit_path)]
    values: Annotated[
        tuple[StrictStr | StrictBool | StrictInt, ...], Field(min_length=1)
    ] = ()
    """The claim is wanted only if it has one of these values, of the same type."""

    def units(self, claims: Mapping[str, Any]) -> tuple[Path, ...]:
        """List the units of the record that this claim selects."""
        units = expand(self.path, claims)
        if not self.values:
            return units
        return tuple(unit for unit in units if self._wants(_value_at(claims, unit)))

    def _wants(self, value: object) -> bool:
        return any(type(value) is type(one) and value == one for one in self.values)


class Meta(_Closed):
    """Which records are meant."""

    vct_values: Annotated[tuple[StrictStr, ...], Field(min_length=1, max_length=16)]


class CredentialQuery(_Closed):
    """One record asked for, with the claims wanted of it."""

    id: Identifier
    format: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    meta: Meta
    claims: Annotated[
        tuple[ClaimQuery, ...], Field(min_length=1, max_length=MAXIMUM_CLAIMS)
    ] = ()
    """Empty where the query names none, which asks for everything."""
    claim_sets: Annotated[
        tuple[tuple[Identifier, ...], ...], Field(min_length=1, max_length=64)
    ] = ()

    @model_validator(mode="after")
    def _sets_name_claims(self) -> Self:
        ids = [claim.id for claim in self.claims if claim.id]
        if len(set(ids)) < len(ids):
            raise ValueError("a claim id stands twice")
        if len({claim.path for claim in self.claims}) < len(self.claims):
            raise ValueError("a path stands twice")
        if self.claim_sets and len(ids) < max(len(self.claims), 1):
            raise ValueError("claim_sets without an id for every claim")
        for names in self.claim_sets:
            if not names or len(set(names)) < len(names) or not set(names) <= {*ids}:
                raise ValueError("a claim set names each of its claims once")
        return self

    def sets(self) -> tuple[tuple[ClaimQuery, ...], ...]:
        """List the combinations of claims that would do, the preferred one first."""
        if not self.claim_sets:
            return (self.claims,)
        by_id = {claim.id: claim for claim in self.claims}
        return tuple(tuple(by_id[name] for name in names) for names in self.claim_sets)


class Dcql(_Closed):
    """A whole query: every credential in it is wanted."""

    credentials: Annotated[
        tuple[CredentialQuery, ...],
        Field(min_length=1, max_length=MAXIMUM_CREDENTIALS),
    ]

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a query from its JSON value.

        Raises:
            MessageSchemaError: not a DCQL query of this profile; this includes
                `credential_sets` and every other member not described here.
        """
        try:
            query = cls.model_validate(value)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "dcql"
            raise MessageSchemaError(f"dcql: {place}: {first['msg']}") from None
        ids = [credential.id for credential in query.credentials]
        if len(set(ids)) < len(ids):
            raise MessageSchemaError("dcql: a credential id stands twice")
        return query

    @property
    def asks_everything(self) -> bool:
        """Whether some credential is asked for without saying which claims."""
        return any(not credential.claims for credential in self.credentials)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of the choice: a claim as asked for, and what it means in the record."""

    path: Path
    units: tuple[Path, ...]
    optional: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """What the learner can decide about one record."""

    everything: bool
    """The query names no claims: all or nothing."""
    fields: tuple[Wanted, ...]
    """In the order of the query; `null` is already expanded."""
    sets: tuple[frozenset[Path], ...]
    """The combinations that would do and that the record can fill, best first."""

    @property
    def satisfiable(self) -> bool:
        """Whether the record holds what at least one combination needs."""
        return bool(self.sets)

    @property
    def units(self) -> tuple[Path, ...]:
        """Everything that could go out, in the order of the query."""
        return tuple(dict.fromkeys(unit for one in self.fields for unit in one.units))

    @property
    def required(self) -> tuple[Path, ...]:
        """The units every combination needs: without them nothing goes out."""
        return tuple(
            unit for unit in self.units if all(unit in units for units in self.sets)
        )

    @property
    def optional(self) -> tuple[Path, ...]:
        """The units that can be switched off."""
        required = set(self.required)
        return tuple(unit for unit in self.units if unit not in required)


def choices(query: CredentialQuery, claims: Mapping[str, Any]) -> Choice:
    """Work out what `query` asks of one record with these `claims`.

    A combination the record cannot fill is left out; if none is left, there is nothing
    to ask the learner, and the choice is not `satisfiable`.
    """
    if not query.claims:
        groups = ((name,) for name in claims)
        whole = [
            Wanted(group, expand(group, claims), optional=False) for group in groups
        ]
        fields = tuple(wanted for wanted in whole if wanted.units)
        everything = frozenset(leaves(claims))
        return Choice(
            everything=True, fields=fields, sets=(everything,) if fields else ()
        )
    found = {claim.path: claim.units(claims) for claim in query.claims}
    sets = tuple(
        frozenset(unit for claim in combination for unit in found[claim.path])
        for combination in query.sets()
        if all(found[claim.path] for claim in combination)
    )
    always = frozenset[Path].intersection(*sets) if sets else frozenset()
    used = frozenset[Path]().union(*sets)
    fields = tuple(
        Wanted(path, units, optional=not always.issuperset(units))
        for path, units in found.items()
        if units and used.issuperset(units)
    )
    return Choice(everything=False, fields=fields, sets=sets)


def requested(choice: Choice, chosen: Collection[Path]) -> tuple[Path, ...] | None:
    """Return what goes out: the best combination inside what the learner `chosen`.

    What was chosen beyond that combination stays here: nobody asked for it that way.
    None means that no combination is complete, and nothing goes out.
    """
    kept = frozenset(chosen)
    for units in choice.sets:
        if units <= kept:
            return tuple(unit for unit in choice.units if unit in units)
    return None


def _value_at(claims: Mapping[str, Any], unit: Path) -> object:
    value: Any = claims
    for component in unit:
        value = value[component]
    return value
