"""What an SD-JWT discloses: claims behind digests, put back in their places.

Implements SD-JWT (RFC 9901), sections "Disclosures" and "Verification of the SD-JWT",
with one difference: an object or array of which everything is withheld is left out,
where RFC 9901 leaves it empty.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from itertools import starmap
from typing import Any, NamedTuple

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.linked_data.jcs import DEPTH, parse_strict

Path = tuple[str | int | None, ...]
"""A claims path; in disclosed claims always concrete, without None."""

REGISTERED = frozenset(
    {"iss", "iat", "nbf", "exp", "sub", "jti", "vct", "vct#integrity"}
    | {"cnf", "status", "credentialStatus", "_sd_alg"}
)
"""Top-level claims that are about the credential and no part of the record."""
DIGESTS = "_sd"
ELEMENT = "..."
ALGORITHM = "sha-256"

_ALWAYS_OPEN = REGISTERED - {"iat", "sub", "jti", "_sd_alg"}
"""What must not come from a disclosure: a holder could leave out the end date."""


_WHOLE = ("status", "credentialStatus")
"""Claims no part of which may be withheld: without it they would say something else."""


class Disclosure(NamedTuple):
    """A claim with its salt, as the holder passes it on."""

    text: str
    name: str | None
    """None for an element of an array."""
    value: Any
    digest: str
    """What the issuer signed in place of the claim."""

    @classmethod
    def read(cls, text: str) -> "Disclosure":
        """Take a disclosure apart.

        Raises:
            SecuringError: not base64url of a JSON array of salt, perhaps name, and
                value; or a name that SD-JWT keeps for itself.
        """
        try:
            content = parse_strict(from_base64url(text))
        except MalformedValueError as error:
            raise SecuringError(f"a disclosure that cannot be read: {error}") from error
        match content:
            case [str(), str(name), value] if name not in (DIGESTS, ELEMENT):
                return cls(text, name, value, digest_of(text))
            case [str(), value]:
                return cls(text, None, value, digest_of(text))
        raise SecuringError(
            "a disclosure that is not an array of salt, name and value, or whose name "
            "SD-JWT keeps for itself"
        )


class Leaf(NamedTuple):
    """Where a value lies that has nothing more to disclose inside."""

    path: Path
    needs: frozenset[int]
    """Places of the disclosures it takes to see it; empty if it is always open."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is disclosed, and which disclosures each part of it takes.

    The issuer keeps it beside the SD-JWT, which then need not be taken apart again to
    present some of it.
    """

    claims: Mapping[str, Any]
    leaves: tuple[Leaf, ...]

    def record(self) -> dict[str, Any]:
        """Return the claims without those about the credential itself."""
        return {n: v for n, v in self.claims.items() if n not in REGISTERED}

    def paths(self) -> set[Path]:
        """Return where the parts of the record lie that can be presented."""
        return {one.path for one in self.leaves if one.path[0] not in REGISTERED}

    def needed(self, paths: Iterable[Path]) -> frozenset[int]:
        """Return the places of the disclosures that show `paths` and nothing else.

        A path selects what lies at it and below. Everything below may also be named
        one by one.

        Raises:
            SecuringError: there is nothing at a path, or it can only be disclosed
                together with what was not asked for.
        """
        chosen = set(paths)
        shown: list[Leaf] = []
        withheld: list[Leaf] = []
        for leaf in self.leaves:
            (shown if self._is_covered(leaf, chosen) else withheld).append(leaf)
        needed = frozenset[int]().union(*(leaf.needs for leaf in shown))
        if any(leaf.needs and leaf.needs <= needed for leaf in withheld):
            raise SecuringError("a claim that cannot be disclosed alone")
        met = {leaf.path[:n] for leaf in shown for n in range(1, len(leaf.path) + 1)}
        whole = {leaf.path for leaf in shown}
        if not all(
            path in met or any(path[:n] in whole for n in range(1, len(path)))
            for path in chosen
        ):
            raise SecuringError(
                "a path to nothing that can be disclosed, or only as part of more"
            )
        return needed

    def packed(self) -> dict[str, Any]:
        """Return it in a form fit for JSON; `unpacked` reads it."""
        leaves = [[list(leaf.path), sorted(leaf.needs)] for leaf in self.leaves]
        return {"claims": self.claims, "leaves": leaves}

    @classmethod
    def unpacked(cls, packed: Mapping[str, Any]) -> "Contents":
        """Read what `packed` made; for one's own store, nothing is checked."""
        leaves = ((tuple(path), frozenset(needs)) for path, needs in packed["leaves"])
        return cls(packed["claims"], tuple(starmap(Leaf, leaves)))

    def _is_covered(self, leaf: Leaf, chosen: AbstractSet[Path]) -> bool:
        """Tell whether a leaf is named, or something around it, or all inside it."""
        if any(leaf.path[:n] in chosen for n in range(1, len(leaf.path) + 1)):
            return True
        value: Any = self.claims
        for step in leaf.path:
            value = value[step]
        return _all_inside(leaf.path, value, chosen)


def process(
    payload: Mapping[str, Any], disclosures: Iterable[Disclosure]
) -> dict[str, Any]:
    """Put disclosed claims in the places of their digests.

    Implements RFC 9901, section "Verification of the SD-JWT", step 3.

    Raises:
        SecuringError: a digest twice, a disclosure that nothing refers to, or one of
            a claim that must be open or is there already.
    """
    return dict(unfold(payload, tuple(disclosures)).claims)


def unfold(payload: Mapping[str, Any], disclosures: tuple[Disclosure, ...]) -> Contents:
    """Return the disclosed claims, and the leaves they consist of.

    Raises:
        SecuringError: as for `process`.
    """
    if payload.get("_sd_alg", ALGORITHM) != ALGORITHM:
        raise SecuringError(f"an SD-JWT with another hash than {ALGORITHM}")
    unfolder = _Unfolder(disclosures)
    for name in _WHOLE:
        if unfolder.withholds(payload.get(name)):
            raise SecuringError(f"an SD-JWT with something withheld inside {name}")
    claims = unfolder.object(payload, (), frozenset())
    if len(unfolder.used) != len(disclosures):
        raise SecuringError("a disclosure twice, or one that no digest refers to")
    claims = {} if claims is _NOTHING else claims
    claims.pop("_sd_alg", None)
    leaves = (leaf for leaf in unfolder.leaves if leaf.path != ("_sd_alg",))
    return Contents(claims, tuple(leaves))


_NOTHING: Any = object()
"""An object of which everything is withheld."""


class _Unfolder:
    """Walks what was signed, and follows each digest to its disclosure."""

    def __init__(self, disclosures: Sequence[Disclosure]) -> None:
        self._disclosures = disclosures
        self._places = {one.digest: place for place, one in enumerate(disclosures)}
        self._seen: set[str] = set()
        self.used: set[int] = set()
        self.leaves: list[Leaf] = []

    def withholds(self, value: Any) -> bool:
        """Tell whether a part of a signed value is not disclosed."""
        waiting, seen = [value], set[int]()
        for one in waiting:
            if isinstance(one, list):
                waiting += one
            elif isinstance(one, dict):
                stated = one.get(DIGESTS, [])
                hidden = [*stated] if isinstance(stated, list) else [None]
                hidden += [one[ELEMENT]] if ELEMENT in one else []
                for digest in hidden:
                    place = self._places.get(digest) if type(digest) is str else None
                    if place is None:
                        return True
                    if place not in seen:
                        seen.add(place)
                        waiting.append(self._disclosures[place].value)
                waiting += (v for n, v in one.items() if n not in (DIGESTS, ELEMENT))
        return False

    def value(self, value: Any, path: Path, needs: frozenset[int]) -> Any:
        if not isinstance(value, dict | list) or not _has_digests(value):
            self.leaves.append(Leaf(path, needs))
            return value
        # Disclosures can nest deeper than any one JSON text.
        if len(path) >= DEPTH:
            raise SecuringError(f"an SD-JWT deeper than {DEPTH} levels")
        if isinstance(value, dict):
            return self.object(value, path, needs)
        return self._array(value, path, needs)

    def object(
        self, value: Mapping[str, Any], path: Path, needs: frozenset[int]
    ) -> Any:
        if ELEMENT in value:
            raise SecuringError(f"an SD-JWT with a stray member {ELEMENT}")
        members: dict[str, Any] = {}
        for name, inner in value.items():
            if name != DIGESTS:
                self._put(members, path, name, inner, needs)
        digests = value.get(DIGESTS, [])
        if not isinstance(digests, list):
            raise SecuringError(f"an SD-JWT whose {DIGESTS} is not an array")
        for digest in digests:
            place = self._follow(digest)
            if place is None:
                continue
            disclosure = self._disclosures[place]
            stated = disclosure.name
            if stated is None or stated in value or stated in members:
                raise SecuringError("a disclosure of an element, or of a claim again")
            if not path and stated in _ALWAYS_OPEN:
                raise SecuringError(f"a disclosure of the registered claim {stated}")
            below = needs | {place}
            self._put(members, path, stated, disclosure.value, below)
        return members if members or not digests else _NOTHING

    def _put(
        self,
        members: dict[str, Any],
        path: Path,
        name: str,
        inner: Any,
        needs: frozenset[int],
    ) -> None:
        unfolded = self.value(inner, (*path, name), needs)
        if unfolded is not _NOTHING:
            members[name] = unfolded

    def _array(self, value: list[Any], path: Path, needs: frozenset[int]) -> Any:
        elements: list[Any] = []
        for element in value:
            below = needs
            inner = element
            if isinstance(element, dict) and ELEMENT in element:
                if len(element) != 1:
                    raise SecuringError(f"an SD-JWT with members beside {ELEMENT}")
                place = self._follow(element[ELEMENT])
                if place is None:
                    continue
                disclosure = self._disclosures[place]
                if disclosure.name is not None:
                    raise SecuringError("a disclosure of a claim as an element")
                inner = disclosure.value
                below = needs | {place}
            unfolded = self.value(inner, (*path, len(elements)), below)
            if unfolded is not _NOTHING:
                elements.append(unfolded)
        return elements if elements or not value else _NOTHING

    def _follow(self, digest: Any) -> int | None:
        if not isinstance(digest, str):
            raise SecuringError("an SD-JWT with a digest that is not a text")
        if digest in self._seen:
            raise SecuringError("an SD-JWT with a digest twice")
        self._seen.add(digest)
        place = self._places.get(digest)
        if place is not None:
            self.used.add(place)
        return place


def _has_digests(value: Any) -> bool:
    if isinstance(value, dict):
        return (
            DIGESTS in value
            or ELEMENT in value
            or any(map(_has_digests, value.values()))
        )
    return isinstance(value, list) and any(map(_has_digests, value))


def digest_of(text: str) -> str:
    """Return the digest that stands for a disclosure."""
    return as_base64url(hashlib.sha256(text.encode()).digest())


def _all_inside(path: Path, value: Any, chosen: AbstractSet[Path]) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    return all(
        (*path, name) in chosen or _all_inside((*path, name), inner, chosen)
        for name, inner in value.items()
    )
