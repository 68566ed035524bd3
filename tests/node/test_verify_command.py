"""`lrx verify` on files that are not credentials of the network."""

import base64
import gzip
import json

import pytest

from adapters.baked import PNG
from node.cli.parser import run
from tests.node.test_verify_page import elmo, signed_elmo


@pytest.fixture
def verify(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def command(octets: bytes, *options: str):
        (tmp_path / "file").write_bytes(octets)
        status = run(["verify", "file", *options])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


def packed(octets: bytes) -> bytes:
    return base64.b64encode(gzip.compress(octets))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, packed])
def test_a_signed_elmo_document_proves_its_integrity_but_not_who_signed(verify, pack):
    status, out, _ = verify(pack(signed_elmo()), "--json")

    found = json.loads(out)
    assert (status, found["overall"]) == (2, "undetermined")
    assert found["findings"]["integrity"]["result"] == "valid"
    assert found["findings"]["issuer_identified"]["result"] == "unknown"
    assert "specimen.test" in str(found["findings"]["issuer_identified"]["evidence"])


@pytest.mark.parametrize(
    ("octets", "status", "says"),
    [
        (elmo(), 2, "unsigned"),
        (signed_elmo().replace(b"MIHON", b"MIHOM"), 1, "does not hold"),
        (signed_elmo(days=(-900, -100)), 1, "expired"),
    ],
    ids=["unsigned", "changed", "expired"],
)
def test_other_elmo_documents_say_what_is_wrong(verify, octets, status, says):
    found, out, _ = verify(octets)

    assert found == status
    assert says in out


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"<elmo", "XML"),
        (b"\x1f\x8bbroken", "gzip"),
        (PNG + b"broken", "damaged"),
        (b"hello", "neither JSON"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(verify, octets, says):
    status, out, err = verify(octets)

    assert (status, out) == (3, "")
    assert says in err
    assert err.count("\n") == 1
