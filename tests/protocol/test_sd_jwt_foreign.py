"""SD-JWTs made by the Python package `sd-jwt`, decoys and nesting and all."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from protocol.credentials import model
from protocol.credentials.findings import Evidence
from protocol.credentials.verification import verify
from protocol.identity.multibase import from_base64url
from protocol.securing import key_binding
from protocol.securing.key_binding import Binding

VECTORS = Path(__file__).parents[1] / "vectors" / "sd-jwt"
MADE = json.loads((VECTORS / "made-by-sd-jwt.json").read_bytes())


def without_empty(value):
    """Leave out what is withheld as a whole, as this reader does."""
    if isinstance(value, dict):
        inner = {name: without_empty(one) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one not in ({}, [])}
    if isinstance(value, list):
        return [one for one in map(without_empty, value) if one not in ({}, [])]
    return value


@pytest.mark.parametrize("made", MADE, ids=lambda one: f"{one['name']}-{one['form']}")
def test_what_another_library_presents_verifies_and_says_the_same(made):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    document = model.read(made["presented"].encode())
    findings = verify(document, evidence=Evidence(), at=at).findings
    for name in ("integrity", "issuer_identified", "key_at_signing"):
        assert findings[name].result == "valid"
    assert without_empty(dict(document.claims)) == without_empty(made["claims"])
    if made["bound"] and made["form"] == "compact":
        # Its proof is not fresh any more, and must be none of anybody else.
        proof = document.sd_jwt
        asked = Binding("https://verifier.example.org", "1234567890")
        made_at = datetime.fromtimestamp(issued_at(proof.key_binding), UTC)
        assert key_binding.fault(proof, to=asked, at=made_at) is None
        other = Binding("https://verifier.example.org", "0987654321")
        assert key_binding.fault(proof, to=other, at=made_at)


def issued_at(token):
    return json.loads(from_base64url(token.split(".")[1]))["iat"]
