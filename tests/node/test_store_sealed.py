"""Sealed values open with their key, in their place, unchanged; or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.store.sealed import Box, SealError, Vault

VAULT = Vault(bytes(range(32)))
OTHER = Vault(bytes(32))
places = st.text(max_size=20)


@given(st.binary(max_size=200), places)
def test_what_was_sealed_opens_in_its_place(plaintext, place):
    box = VAULT.node_box("mail")

    assert box.open(box.seal(plaintext, place), place) == plaintext


@given(st.binary(max_size=50), places, places)
def test_in_another_place_it_does_not_open(plaintext, place, other):
    box = VAULT.node_box("mail")

    if place != other:
        with pytest.raises(SealError):
            box.open(box.seal(plaintext, place), other)


@given(st.binary(max_size=50), st.data())
def test_changed_it_does_not_open(plaintext, data):
    box = VAULT.node_box("mail")
    sealed = bytearray(box.seal(plaintext, "place"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SealError):
        box.open(bytes(sealed), "place")


@given(st.binary(max_size=40))
def test_what_was_never_sealed_does_not_open(octets):
    with pytest.raises(SealError):
        VAULT.node_box("mail").open(octets, "place")
    with pytest.raises(SealError):
        VAULT.node_box("mail").open(b"\x01" + octets, "place")


def test_the_same_twice_looks_different():
    box = VAULT.node_box("mail")

    assert box.seal(b"x", "place") != box.seal(b"x", "place")


@pytest.mark.parametrize(
    "box", [VAULT.node_box("query"), OTHER.node_box("mail"), Box(bytes(32))]
)
def test_another_box_does_not_open_it(box):
    with pytest.raises(SealError):
        box.open(VAULT.node_box("mail").seal(b"x", "place"), "place")


def test_a_learner_key_survives_being_wrapped():
    wrapped = VAULT.new_learner_key()

    sealed = VAULT.learner(wrapped).seal(b"x", "place")

    assert Vault(bytes(range(32))).learner(wrapped).open(sealed, "place") == b"x"


def test_every_learner_has_a_key_of_their_own():
    one, two = VAULT.new_learner_key(), VAULT.new_learner_key()

    with pytest.raises(SealError):
        VAULT.learner(two).open(VAULT.learner(one).seal(b"x", "place"), "place")


@pytest.mark.parametrize("wrapped", [b"", b"x" * 39, b"x" * 40, b"x" * 41])
def test_a_key_of_another_vault_does_not_unwrap(wrapped):
    for key in (wrapped, OTHER.new_learner_key()):
        with pytest.raises(SealError):
            VAULT.learner(key)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_master_key_has_32_bytes(length):
    with pytest.raises(ValueError, match="32"):
        Vault(bytes(length))


@given(st.text(max_size=20), st.text(max_size=20))
def test_equal_identifiers_match_and_no_others(one, two):
    first, second = VAULT.match_hash("number", one), VAULT.match_hash("number", two)

    assert (first == second) == (one == two)
    assert first != VAULT.match_hash("name", one)
    assert first != OTHER.match_hash("number", one)
    assert len(first) == 32
