"""An evidence pack is a zip archive with one spelling."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import MalformedValueError, ProtocolError, SizeError
from protocol.exchange import evidence_archive
from protocol.exchange.evidence_archive import read, write

ENTRIES = {"b/2": b"", "manifest.json": b"{}", "a": b"PK\x03\x04 inside"}
OCTETS = write(ENTRIES)

names = st.text("abc/.", min_size=1, max_size=6)


def test_any_zip_program_can_open_it():
    with zipfile.ZipFile(io.BytesIO(OCTETS)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "a", "b/2"]
        assert {name: archive.read(name) for name in ENTRIES} == ENTRIES


@given(st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=6))
def test_what_is_written_is_read_and_has_one_spelling(entries):
    assert read(write(entries)) == entries
    assert write(dict(reversed(entries.items()))) == write(entries)


def test_one_flipped_bit_anywhere_shows():
    for bit in range(8 * len(OCTETS)):
        changed = bytearray(OCTETS)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MalformedValueError):
            read(bytes(changed))


@settings(max_examples=200)
@given(st.binary(max_size=80), st.integers(0, len(OCTETS)))
def test_anything_put_in_or_cut_off_shows(more, at):
    for octets in (OCTETS[:at] + more + OCTETS[at:], OCTETS[:at], more):
        if octets != OCTETS:
            with pytest.raises(ProtocolError):
                read(octets)


def test_another_writer_of_the_same_entries_is_refused():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in ENTRIES.items():
            target.writestr(name, content)

    with pytest.raises(MalformedValueError):
        read(archive.getvalue())


def test_names_that_are_not_ascii_or_stand_twice_are_refused():
    for name in ("ä", "a"):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as target:
            target.writestr(name, b"1")
            if name == "a":
                with pytest.warns(UserWarning, match="Duplicate"):
                    target.writestr(name, b"2")
        with pytest.raises(MalformedValueError):
            read(archive.getvalue())


def test_too_much_is_refused(monkeypatch):
    many = {f"{n:04}": b"" for n in range(1001)}
    with pytest.raises(SizeError):
        write(many)
    header = OCTETS[: OCTETS.index(b"a", 30)]
    with pytest.raises(ProtocolError):
        read(
            b"".join(
                header[:26] + b"\x04\0\0\0" + f"{n:04}".encode() for n in range(1001)
            )
        )
    monkeypatch.setattr(evidence_archive, "MAXIMUM_BYTES", 10)
    with pytest.raises(SizeError):
        write({"a": b"x" * 11})
    with pytest.raises(SizeError):
        read(OCTETS)
