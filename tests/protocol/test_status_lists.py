import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.credentials import status_lists
from protocol.credentials.status_lists import (
    MAXIMUM_BYTES,
    MINIMUM_ENTRIES,
    decode,
    encode,
    is_set,
    set_bits,
)
from protocol.errors import MalformedValueError, RangeError, StatusListLengthError
from protocol.identity.dids import Did
from protocol.identity.multibase import as_base64url
from tests.protocol.parties import AT, DAY

ISSUER = Did("did:web:uni-a.example")
SHORTEST = MINIMUM_ENTRIES // 8
indexes = st.sets(st.integers(0, MINIMUM_ENTRIES - 1), max_size=50)


def packed(bits: bytes) -> str:
    return "u" + as_base64url(gzip.compress(bits))


@given(indexes)
@settings(max_examples=25)
def test_what_is_encoded_comes_back(chosen):
    bits = set_bits(bytes(SHORTEST), chosen)
    assert decode(encode(bits)) == bits


@given(indexes, st.integers(0, MINIMUM_ENTRIES - 1))
def test_exactly_the_chosen_entries_are_set(chosen, asked):
    bits = set_bits(bytes(SHORTEST), chosen)
    assert is_set(bits, asked) == (asked in chosen)
    assert sum(byte.bit_count() for byte in bits) == len(chosen)


def test_entry_0_is_the_first_bit_from_the_left():
    assert set_bits(bytes(2), [0, 9]) == bytes([0b1000_0000, 0b0100_0000])


def test_the_same_list_always_has_the_same_text():
    assert encode(bytes(SHORTEST)) == encode(bytes(SHORTEST))


def test_the_example_of_the_specification_is_read():
    # Bitstring Status List v1.0, "Example Status List Credential": 131 072 zeros.
    text = "uH4sIAAAAAAAAA-3BMQEAAADCoPVPbQwfoAAAAAAAAAAAAAAAAAAAAIC3AYbSVKsAQAAA"
    assert decode(text) == bytes(SHORTEST)


def test_a_published_list_of_2021_is_read():
    # Identus documentation, "Revocation": 131 072 entries without multibase, one set.
    text = "H4sIAAAAAAAAA-3BMQ0AAAACIGf_0MbwARoAAAAAAAAAAAAAAAAAAADgbbmHB0sAQAAA"
    assert status_lists.decode_2021(text) == set_bits(bytes(SHORTEST), [6])


@pytest.mark.parametrize("index", [-1, MINIMUM_ENTRIES, 10**9])
def test_an_index_outside_the_list_is_refused(index):
    with pytest.raises(RangeError):
        is_set(bytes(SHORTEST), index)
    with pytest.raises(RangeError):
        set_bits(bytes(SHORTEST), [index])


def test_a_list_too_short_to_hide_in_is_refused():
    with pytest.raises(StatusListLengthError):
        decode(packed(bytes(SHORTEST - 1)))
    with pytest.raises(StatusListLengthError):
        encode(bytes(SHORTEST - 1))


def test_a_list_larger_than_anyone_expands_is_refused():
    assert len(decode(packed(bytes(MAXIMUM_BYTES)))) == MAXIMUM_BYTES
    with pytest.raises(MalformedValueError):
        decode(packed(bytes(MAXIMUM_BYTES + 1)))
    with pytest.raises(MalformedValueError):
        encode(bytes(MAXIMUM_BYTES + 1))


def test_a_bomb_is_not_expanded():
    compressor = zlib.compressobj(9, wbits=31)
    chunk = bytes(2**20)
    bomb = b"".join(compressor.compress(chunk) for _ in range(256))
    bomb += compressor.flush()
    with pytest.raises(MalformedValueError):
        decode("u" + as_base64url(bomb))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "u",
        encode(bytes(SHORTEST))[1:],
        "z" + encode(bytes(SHORTEST))[1:],
        encode(bytes(SHORTEST)) + "=",
        encode(bytes(SHORTEST))[:-8],
        "u" + as_base64url(b"not gzip at all"),
        "u" + as_base64url(zlib.compress(bytes(SHORTEST))),
        "u" + as_base64url(gzip.compress(bytes(SHORTEST)) + b"more"),
        "u" + as_base64url(gzip.compress(bytes(SHORTEST))[:-8] + bytes(8)),
    ],
    ids=[
        *("empty", "header", "bare", "base58", "padded", "cut"),
        *("text", "zlib", "more", "checksum"),
    ],
)
def test_what_is_not_one_whole_gzip_stream_is_refused(text):
    with pytest.raises((MalformedValueError, StatusListLengthError)):
        decode(text)


def test_a_credential_holds_the_list_and_an_entry_points_to_it():
    url = "https://uni-a.example/status/17"
    bits = set_bits(bytes(SHORTEST), [94_567])
    document = status_lists.status_list_credential(
        url, issuer=ISSUER, bits=bits, at=AT, valid_until=AT + 7 * DAY
    )
    entry = status_lists.entry(url, 94_567)

    assert document["id"] == entry["statusListCredential"] == url
    subject = document["credentialSubject"]
    assert subject["statusPurpose"] == entry["statusPurpose"] == "revocation"
    assert is_set(decode(subject["encodedList"]), int(entry["statusListIndex"]))
    assert document["validUntil"] == "2026-11-08T00:00:00Z"
