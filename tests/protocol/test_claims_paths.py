"""Claims paths: what they select, what they cover, what a narrowed copy holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.credentials.claims_paths import (
    as_path,
    covers,
    expand,
    format_path,
    is_unit_path,
    leaves,
    parse_path,
    select,
)
from protocol.errors import MessageSchemaError

RECORD = {
    "qualification": {"title": "Bachelor of Engineering", "level": {"eqf": 6}},
    "results": [
        {"code": "M101", "grade": {"label": "優", "scale": "jp"}},
        {"code": "P102", "grade": {"label": "秀", "scale": "jp"}},
        {"code": "K103"},
    ],
    "kind": "transcript",
    "empty": {},
    "nothing": None,
}

names = st.sampled_from(["a", "b", "c", "d"])
scalars = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "語"])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=12,
)
records = st.dictionaries(names, values, max_size=4)
components = st.none() | st.integers(0, 3) | names
paths = st.lists(components, min_size=1, max_size=4).map(tuple)


def everything_below(value, path):
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from everything_below(member, (*path, name))
    if isinstance(value, list):
        for index, element in enumerate(value):
            yield from everything_below(element, (*path, index))


def test_a_unit_is_a_member_of_a_group_or_of_an_element_of_a_list():
    assert leaves(RECORD) == (
        ("qualification", "title"),
        ("qualification", "level"),
        ("results", 0, "code"),
        ("results", 0, "grade"),
        ("results", 1, "code"),
        ("results", 1, "grade"),
        ("results", 2, "code"),
        ("kind",),
        ("nothing",),
    )
    assert leaves({"tags": ["x", "y"]}) == (("tags", 0), ("tags", 1))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (
            ("results", None, "grade"),
            (("results", 0, "grade"), ("results", 1, "grade")),
        ),
        (("results", 1), (("results", 1, "code"), ("results", 1, "grade"))),
        (("results", 2, "grade"), ()),
        (("results", 9, "code"), ()),
        (("results", "0", "code"), ()),
        (("qualification", 0), ()),
        (("qualification", None), ()),
        (("qualification", "level", "eqf"), ()),
        (("kind",), (("kind",),)),
        (("empty",), ()),
    ],
)
def test_a_path_expands_to_the_units_that_exist(path, expected):
    assert expand(path, RECORD) == expected


def test_a_narrowed_copy_drops_what_was_not_chosen_and_closes_the_gaps():
    narrowed = select(RECORD, [("results", 1, "grade"), ("qualification", "title")])

    assert narrowed == {
        "qualification": {"title": "Bachelor of Engineering"},
        "results": [{"grade": {"label": "秀", "scale": "jp"}}],
    }


def test_a_choice_by_index_and_one_by_null_are_united():
    narrowed = select(RECORD, [("results", 0, "code"), ("results", None, "grade")])

    assert narrowed["results"] == [
        RECORD["results"][0],
        {"grade": {"label": "秀", "scale": "jp"}},
    ]
    assert select(RECORD, [("results", None), ("results", 0, "code")]) == {
        "results": RECORD["results"]
    }


def test_an_empty_or_null_value_that_was_chosen_stays():
    assert select(RECORD, [("empty",), ("nothing",)]) == {"empty": {}, "nothing": None}
    assert select({"tags": [None, 1]}, [("tags", 0)]) == {"tags": [None]}
    assert select({"kind": 1, "tags": [1]}, [("kind", "x"), ("tags", 0, "x")]) == {}


def test_choosing_nothing_gives_nothing():
    assert select(RECORD, []) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '"results"',
        "[true]",
        "[-1]",
        "[1.5]",
        '["a",["b"]]',
        '["\\ud800"]',
        "[1",
    ],
)
def test_what_is_not_a_path_is_refused(text):
    with pytest.raises(MessageSchemaError):
        parse_path(text)


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        (("results",), True),
        (("results", None), True),
        (("results", None, "grade"), True),
        (("results", 3, "grade"), True),
        (("qualification", "title"), True),
        (("qualification", "title", "en"), False),
        (("results", 3, "grade", "label"), False),
        (("results", None, None), False),
        ((None,), False),
        ((0, "a"), False),
    ],
)
def test_a_path_into_a_unit_is_told_by_its_shape(path, fits):
    assert is_unit_path(path) is fits


@given(paths)
def test_a_path_survives_its_text(path):
    assert parse_path(format_path(path)) == path
    assert as_path(list(path)) == path


@given(records)
def test_everything_chosen_keeps_every_unit(record):
    units = leaves(record)

    assert len(leaves(select(record, units))) == len(units)


@given(records)
def test_units_are_distinct_and_none_lies_in_another(record):
    units = leaves(record)

    assert len(set(units)) == len(units)
    assert not [(a, b) for a in units for b in units if a != b and covers(a, b)]


@given(records, paths)
def test_expanding_gives_units_the_path_covers(record, path):
    assert set(expand(path, record)) == {
        unit for unit in leaves(record) if covers(path, unit)
    }


@given(records, st.lists(paths, max_size=4))
def test_a_narrowed_copy_has_a_place_for_each_thing_the_paths_select(record, chosen):
    narrowed = select(record, chosen)
    selected = [
        place
        for place in everything_below(record, ())
        if any(covers(path, place) for path in chosen)
    ]

    tops = {place[0] for place in selected}
    assert set(narrowed) == tops
    scalars_out = sum(1 for _ in leaf_scalars(narrowed))
    scalars_in = sum(
        1 for place in selected if not isinstance(at(record, place), dict | list)
    )
    assert scalars_out == scalars_in


@given(records, st.lists(paths, max_size=3), st.lists(paths, max_size=3))
def test_choosing_more_never_shows_less(record, some, more):
    few = list(leaf_scalars(select(record, some)))
    many = list(leaf_scalars(select(record, some + more)))

    for value in many:
        if value in few:
            few.remove(value)
    assert few == []


def test_the_copy_shares_nothing_with_the_record():
    record = {"a": {"b": [{"c": 1}]}}

    select(record, [("a", "b")])["a"]["b"][0]["c"] = 2

    assert record == {"a": {"b": [{"c": 1}]}}


@given(paths, paths, paths)
def test_covering_is_an_order(first, second, third):
    assert covers(first, first)
    if covers(first, second) and covers(second, third):
        assert covers(first, third)
    if covers(first, second) and covers(second, first):
        assert first == second


def leaf_scalars(value):
    if isinstance(value, dict):
        for member in value.values():
            yield from leaf_scalars(member)
    elif isinstance(value, list):
        for element in value:
            yield from leaf_scalars(element)
    else:
        yield (type(value).__name__, value)


def at(value, path):
    for component in path:
        value = value[component]
    return value
