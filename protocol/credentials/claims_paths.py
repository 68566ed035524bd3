"""Claims paths: how a field of a record is named, asked for, consented to, released.

A path is the claims path pointer of OpenID4VP 1.0 (section "Claims Path Pointer"): a
text selects a member, a number an element, `null` every element. What can be disclosed
on its own is a *unit*: a member of one of the record's groups
(`["qualification", "title"]`), or of an element of one of its lists
(`["results", 3, "grade"]`). What lies inside a unit goes together, because a grade
without its scale, or credits without their unit, would mean nothing.

A consent scope and a release hold only concrete units, never `null`: an element added
to the record later is therefore not covered. In a narrowed copy (`select`) elements of
which nothing was chosen disappear, as they do from an SD-JWT; a concrete path speaks of
the whole record, not of the copy.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from protocol.errors import MessageSchemaError

Path = tuple[str | int | None, ...]

UNIT_DEPTH = 3
"""The longest path of a unit: list, element, member."""

_Chosen = dict[str | int | None, "_Chosen"]
"""Paths as a tree; an empty one says that everything below is chosen."""


def as_path(value: object) -> Path:
    """Read a path from its JSON value.

    Raises:
        MessageSchemaError: not a list of texts, numbers from 0 up, and `null`, or
            empty.
    """
    if not isinstance(value, list | tuple) or not value:
        raise MessageSchemaError("a claims path is a list of at least one component")
    if not all(map(_is_component, value)):
        raise MessageSchemaError("a claims path holds texts, indexes and null only")
    return tuple(value)


def parse_path(text: str) -> Path:
    """Read a path from its JSON text.

    Raises:
        MessageSchemaError: not JSON, or as for `as_path`.
    """
    try:
        value = json.loads(text)
    except ValueError:
        raise MessageSchemaError("a claims path that is not JSON") from None
    return as_path(value)


def format_path(path: Path) -> str:
    """Write a path as compact JSON: one text per path, fit to be a key."""
    return json.dumps(list(path), separators=(",", ":"), ensure_ascii=False)


def is_unit_path(path: Path) -> bool:
    """Tell whether `path` can name units, from above or exactly, never from inside.

    The shape alone decides, so that a query can be judged without looking at a record.
    """
    match path:
        case (str(),) | (str(), _):
            return True
        case (str(), int() | None, str()):
            return True
    return False


def covers(outer: Path, inner: Path) -> bool:
    """Tell whether everything `inner` selects is also selected by `outer`."""
    return len(outer) <= len(inner) and all(map(_matches, outer, inner))


def leaves(claims: Mapping[str, Any]) -> tuple[Path, ...]:
    """List the units of `claims`, in the order of the record."""
    return tuple(_units(claims))


def expand(path: Path, claims: Mapping[str, Any]) -> tuple[Path, ...]:
    """List the units of `claims` that `path` selects: concrete, existing, in order."""
    return tuple(unit for unit in _units(claims) if covers(path, unit))


def select(claims: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Copy of `claims` what `paths` select, and nothing else.

    Paths that select nothing are passed over. A group or element of which nothing is
    selected is left out, not left empty.
    """
    chosen: _Chosen = {}
    for path in paths:
        _choose(chosen, path)
    # No path at all would read as "everything below": nothing was chosen.
    return _narrow_members(claims, chosen) if chosen else {}


def _is_component(value: object) -> bool:
    if isinstance(value, str):
        # A lone surrogate has no UTF-8 form, and so could not be stored or signed.
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, bool):
        return False
    return value is None or (isinstance(value, int) and value >= 0)


def _matches(outer: str | int | None, inner: str | int | None) -> bool:
    if outer is None:
        return inner is None or isinstance(inner, int)
    return type(outer) is type(inner) and outer == inner


def _units(claims: Mapping[str, Any]) -> Iterator[Path]:
    for name, group in claims.items():
        if isinstance(group, Mapping):
            for member in group:
                yield (name, member)
        elif _is_list(group):
            for index, element in enumerate(group):
                if isinstance(element, Mapping):
                    for member in element:
                        yield (name, index, member)
                else:
                    yield (name, index)
        else:
            yield (name,)


def _choose(chosen: _Chosen, path: Path) -> None:
    for depth, component in enumerate(path):
        below = chosen.get(component)
        if below == {}:
            return
        if below is None or depth == len(path) - 1:
            below = {}
            chosen[component] = below
        chosen = below


def _narrow(value: Any, chosen: _Chosen) -> Any:
    if not chosen:
        return _copy(value)
    if isinstance(value, Mapping):
        return _narrow_members(value, chosen) or None
    if _is_list(value):
        return _narrow_elements(value, chosen) or None
    return None


def _narrow_members(value: Mapping[str, Any], chosen: _Chosen) -> dict[str, Any]:
    narrowed = {}
    for name, member in value.items():
        if name in chosen:
            kept = _narrow(member, chosen[name])
            if kept is not None or not chosen[name]:
                narrowed[name] = kept
    return narrowed


def _narrow_elements(value: Sequence[Any], chosen: _Chosen) -> list[Any]:
    narrowed = []
    for index, element in enumerate(value):
        found = [chosen[key] for key in (index, None) if key in chosen]
        if not found:
            continue
        below = _joined(found)
        kept = _narrow(element, below)
        if kept is not None or not below:
            narrowed.append(kept)
    return narrowed


def _joined(trees: Sequence[_Chosen]) -> _Chosen:
    """Unite choices made by index with those made by `null`; the wider one wins."""
    if any(not tree for tree in trees):
        return {}
    joined: _Chosen = {}
    for name in {name for tree in trees for name in tree}:
        joined[name] = _joined([tree[name] for tree in trees if name in tree])
    return joined


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _copy(member) for name, member in value.items()}
    if _is_list(value):
        return [_copy(element) for element in value]
    return value


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)
