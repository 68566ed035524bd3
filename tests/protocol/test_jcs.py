import json
import math

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import MalformedValueError
from protocol.linked_data.jcs import LARGEST_INTEGER, canonical, parse_strict

texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(-(2.0**53) + 1, 2.0**53 - 1)
    | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(values)
def test_the_canonical_form_reads_back_as_the_same_value(value):
    assert parse_strict(canonical(value)) == value


@given(values)
def test_the_canonical_form_is_its_own_canonical_form(value):
    once = canonical(value)

    assert canonical(parse_strict(once)) == once


@given(values)
def test_blanks_and_escapes_do_not_change_the_canonical_form(value):
    loose = json.dumps(value, indent=3, ensure_ascii=True).encode()

    assert canonical(parse_strict(loose)) == canonical(value)


hard_numbers = st.sampled_from(
    [0.0, -0.0, 5.0, 1e-7, 1e-6, 1.5e-5, 0.0001, 0.00012345, 1e15, 1e16, 1.5e20, 1e21]
)


@pytest.mark.slow
@settings(max_examples=150)
@given(
    st.recursive(
        hard_numbers | st.floats(allow_nan=False, allow_infinity=False) | values,
        lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    )
)
def test_the_fast_way_writes_what_the_strict_way_does(value):
    assert canonical(value) == rfc8785.dumps(value)


@pytest.mark.parametrize("number", [2**53, -(2**53), 2**63, 2**64, 10**30])
def test_no_integer_beyond_2_53_gets_through_the_fast_way(number):
    for value in ([number], {"a": number}, {"a": [1, number]}):
        with pytest.raises(MalformedValueError):
            canonical(value)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_not_written_as_null(number):
    for value in ([number], {"a": [None, {"b": number}]}):
        with pytest.raises(MalformedValueError):
            canonical(value)


def test_the_example_of_the_specification():
    # RFC 8785, section "Sorting of Object Properties" and appendix B.
    octets = (
        b'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        b'"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/",'
        b'"literals":[null,true,false]}'
    )

    assert canonical(parse_strict(octets)) == (
        b'{"literals":[null,true,false],'
        b'"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


def test_members_are_ordered_by_utf_16_code_units():
    # U+1F600 begins with the unit D83D and so comes before U+FB33.
    assert canonical({"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "1": 4}) == (
        '{"1":4,"\u20ac":3,"\U0001f600":2,"\ufb33":1}'.encode()
    )


@pytest.mark.parametrize(
    "octets",
    [
        b'{"a":1,"a":1}',
        b'[{"x":{"a":1,"b":2,"\\u0061":3}}]',
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"1e400",
        b"-1e400",
        str(LARGEST_INTEGER + 1).encode(),
        str(-LARGEST_INTEGER - 1).encode(),
        b"1" * 1_000_000,
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'{"\\udc00":1}',
        b'["\\ud83d\\u0041"]',
        b'"a\nb"',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{'a':1}",
        b"[1,]",
        b"[01]",
        b"",
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
    ],
)
def test_a_text_with_two_readings_or_none_is_refused(octets):
    with pytest.raises(MalformedValueError):
        parse_strict(octets)


@pytest.mark.parametrize("depth", [1, 2, 32, 40])
def test_the_depth_counts_objects_and_arrays(depth):
    octets = b"[" * depth + b"]" * depth

    assert parse_strict(octets, depth=depth) is not None
    with pytest.raises(MalformedValueError):
        parse_strict(octets, depth=depth - 1)


def test_a_surrogate_pair_is_one_character():
    assert parse_strict(b'"\\ud83d\\ude00"') == "😀"


def test_a_bare_value_is_a_text_too():
    assert parse_strict(b' "\\ud83d\\ude00" ', longest_string=4) == "😀"


def test_integers_up_to_the_bound_are_read():
    assert parse_strict(b"[9007199254740991,-9007199254740991,-0,0.5]") == [
        LARGEST_INTEGER,
        -LARGEST_INTEGER,
        0,
        0.5,
    ]


@pytest.mark.parametrize(
    "octets",
    [b'["aaaaa"]', b'{"aaaaa":1}', b'{"x":{"y":["aaaaa"]}}', b'["\xc3\xa4aaa"]'],
)
def test_a_long_string_is_refused_where_a_limit_is_set(octets):
    parse_strict(octets)
    parse_strict(octets, longest_string=5)

    with pytest.raises(MalformedValueError):
        parse_strict(octets, longest_string=4)


def test_one_member_may_hold_long_strings():
    octets = b'{"a":"aaaaaaaaa","b":"b"}'

    assert parse_strict(octets, longest_string=4, except_in="a")["a"] == "a" * 9
    with pytest.raises(MalformedValueError):
        parse_strict(octets, longest_string=4, except_in="b")


def nested(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        LARGEST_INTEGER + 1,
        "\ud800",
        {1: 2},
        {1, 2},
        nested(100_000),
    ],
)
def test_what_is_not_json_has_no_canonical_form(value):
    with pytest.raises(MalformedValueError):
        canonical(value)
