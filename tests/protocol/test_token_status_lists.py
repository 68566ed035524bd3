import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.credentials import token_status_lists
from protocol.credentials.status_lists import MAXIMUM_BYTES
from protocol.credentials.token_status_lists import (
    SIZES,
    decode,
    encode,
    entry,
    set_values,
    value_at,
)
from protocol.errors import MalformedValueError, RangeError
from protocol.identity.multibase import as_base64url
from tests.protocol.parties import AT, DAY, Party

ONE = [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]
TWO = [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]


@pytest.mark.parametrize(
    ("lst", "size", "values"),
    [("eNrbuRgAAhcBXQ", 1, ONE), ("eNo76fITAAPfAgc", 2, TWO)],
)
def test_the_examples_of_the_specification_are_read_and_made(lst, size, values):
    # Token Status List, section "Compressed Byte Array" and "Status List in JSON".
    entries = decode(lst)
    assert [value_at(entries, n, size) for n in range(len(values))] == values
    made = set_values(bytes(len(entries)), dict(enumerate(values)), size)
    assert made == entries
    assert encode(made) == lst


@given(st.sampled_from(SIZES), st.data())
@settings(max_examples=60)
def test_what_is_set_is_read_and_nothing_else_changes(size, data):
    count = 64 * 8 // size
    places = st.integers(0, count - 1)
    values = data.draw(st.dictionaries(places, st.integers(0, 2**size - 1)))
    entries = set_values(bytes(64), values, size)
    read = {n: value_at(entries, n, size) for n in range(count)}
    assert read == dict.fromkeys(range(count), 0) | values
    assert set_values(entries, dict.fromkeys(values, 0), size) == bytes(64)


@pytest.mark.parametrize("index", [-1, 16, 10**9])
def test_an_index_outside_is_refused(index):
    with pytest.raises(RangeError, match="outside"):
        value_at(bytes(2), index, 1)


@pytest.mark.parametrize("size", [0, 3, 16, True, "1", None])
def test_another_size_is_refused(size):
    with pytest.raises(RangeError, match="bits"):
        value_at(bytes(2), 0, size)


def test_a_value_too_large_is_refused():
    with pytest.raises(RangeError, match="fit"):
        set_values(bytes(2), {0: 4}, 2)


@pytest.mark.parametrize(
    "lst",
    [
        "AAAA",
        "=",
        "",
        as_base64url(zlib.compress(bytes(9))[:-2]),
        as_base64url(zlib.compress(bytes(9)) + b"x"),
    ],
)
def test_what_is_no_list_is_refused(lst):
    with pytest.raises(MalformedValueError):
        decode(lst)


def test_a_list_too_large_is_neither_made_nor_expanded():
    with pytest.raises(MalformedValueError, match="more than"):
        decode(as_base64url(zlib.compress(bytes(MAXIMUM_BYTES + 1))))
    with pytest.raises(MalformedValueError, match="more than"):
        encode(bytes(MAXIMUM_BYTES + 1))


def test_a_token_is_only_made_with_a_size_there_is():
    party = Party("uni-a.example")
    with pytest.raises(RangeError):
        token_status_lists.secure(
            party.list_url,
            entries=bytes(16),
            size=3,
            key=party.keys["#cred-2"],
            kid=party.url("#cred-2"),
            at=AT,
            expires=AT + DAY,
            ttl=DAY,
        )
    assert entry("https://x.example/1", 3) == {
        "status_list": {"idx": 3, "uri": "https://x.example/1"}
    }
