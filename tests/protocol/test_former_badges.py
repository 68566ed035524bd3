"""Open Badges 2.0, hosted and signed."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.credentials import model
from protocol.credentials.findings import Evidence
from protocol.credentials.verification import verify
from protocol.errors import SecuringError
from protocol.identity.multibase import as_base64url
from tests.protocol.parties import AT, as_json

VECTORS = Path(__file__).parents[1] / "vectors" / "open-badges-2.0"
BASE = "https://school.example/"
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def published():
    """Return the published documents by the URLs they state."""
    documents = {}
    for path in VECTORS.glob("*.json"):
        stated = json.loads(path.read_bytes())
        if "expired" not in path.name:
            documents[stated["id"]] = path.read_bytes()
    return documents


def judge(text, documents):
    octets = text.encode() if isinstance(text, str) else text
    held, found = {}, None
    for _ in range(12):
        found = verify(model.read(octets), evidence=Evidence(documents=held), at=AT)
        known = {w.id: documents[w.id] for w in found.wants if w.id in documents}
        if not known.keys() - held.keys():
            break
        held |= known
    return found


def word(found):
    return found.overall("authenticity")


# --- what others made


@pytest.mark.parametrize(
    ("name", "expected", "status"),
    [
        ("simple.jwt", "valid", "not-applicable"),
        ("simple-not-revoked.jwt", "valid", "valid"),
        ("simple-revoked.jwt", "invalid", "invalid"),
        ("basic-assertion.json", "valid", "valid"),
    ],
)
def test_published_assertions_get_their_verdict(name, expected, status):
    found = judge((VECTORS / name).read_bytes(), published())
    assert word(found) == expected
    assert found.findings["status_now"].result == status
    if status == "invalid":
        assert "A good reason, for sure" in found.findings["status_now"].reason


def test_a_published_assertion_that_expired_is_invalid():
    text = (VECTORS / "basic-assertion-expired.json").read_text("utf-8")
    found = judge(text, published() | {json.loads(text)["id"]: text.encode()})
    assert found.findings["validity_period"].result == "invalid"
    assert word(found) == "invalid"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_no_part_of_a_signed_assertion_can_be_changed(part):
    parts = (VECTORS / "simple.jwt").read_text("utf-8").strip().split(".")
    stated = {"typ": "JWT", "alg": "RS256", "a": 1}
    if part == 0:
        parts[0] = as_base64url(json.dumps(stated).encode())
    elif part == 1:
        middle = json.loads((VECTORS / "basic-assertion.json").read_bytes())
        middle["verification"] = {
            "type": "signed",
            "creator": "http://example.org/key1.json",
        }
        parts[1] = as_base64url(json.dumps(middle).encode())
    else:
        parts[2] = as_base64url(bytes(256))
    found = judge(".".join(parts), published())
    assert found.findings["integrity"].result == "invalid"


# --- ours, to be bent


def documents(**changes):
    found = {
        "badge": {
            "@context": "https://w3id.org/openbadges/v2",
            "type": "BadgeClass",
            "id": BASE + "badge",
            "name": "Robotics",
            "description": "Built a robot",
            "criteria": {"narrative": "It walks"},
            "issuer": BASE + "profile",
        },
        "profile": {
            "@context": "https://w3id.org/openbadges/v2",
            "type": "Profile",
            "id": BASE + "profile",
            "name": "A school",
            "publicKey": [BASE + "key"],
            "revocationList": BASE + "revoked",
        },
        "key": {
            "id": BASE + "key",
            "type": "CryptographicKey",
            "owner": BASE + "profile",
            "publicKeyPem": PEM.decode(),
        },
        "revoked": {"id": BASE + "revoked", "revokedAssertions": []},
        "assertion": assertion(),
    }
    for name, members in changes.items():
        found[name] = {
            n: v for n, v in (found[name] | members).items() if v is not None
        }
    return {one["id"]: as_json(one) for one in found.values()}


def assertion(**changes):
    stated = {
        "@context": "https://w3id.org/openbadges/v2",
        "type": "Assertion",
        "id": BASE + "assertion",
        "recipient": {"type": "email", "hashed": False, "identity": "a@b.example"},
        "badge": BASE + "badge",
        "issuedOn": "2026-04-01T00:00:00Z",
        "verification": {"type": "hosted"},
        **changes,
    }
    return {n: v for n, v in stated.items() if v is not None}


def signed(key=KEY, *, header=None, **changes):
    verification = {"type": "SignedBadge", "creator": BASE + "key"}
    stated = assertion(**({"verification": verification} | changes))
    alg = {"alg": "RS256"} if header is None else header
    head = as_base64url(json.dumps(alg).encode())
    body = as_base64url(json.dumps(stated).encode())
    covered = f"{head}.{body}".encode()
    if isinstance(key, ec.EllipticCurvePrivateKey):
        signature = key.sign(covered, ec.ECDSA(SHA256()))
    else:
        signature = key.sign(covered, padding.PKCS1v15(), SHA256())
    return f"{head}.{body}.{as_base64url(signature)}"


def hosted(**changes):
    return as_json(assertion(**changes)).decode()


def test_good_ones_are_valid():
    assert word(judge(signed(), documents())) == "valid"
    assert word(judge(hosted(), documents())) == "valid"
    found = judge(BASE + "assertion", documents())
    assert word(found) == "valid"
    assert found.findings["issuer_identified"].evidence["issuer"] == BASE + "profile"


@pytest.mark.parametrize(
    ("text", "changes", "finding", "result"),
    [
        (hosted(expires="2030-01-01T00:00:00Z"), {}, "integrity", "invalid"),
        (hosted(), {"assertion": {"revoked": True}}, "status_now", "invalid"),
        (hosted(), {"assertion": {"id": BASE + "x"}}, "integrity", "unknown"),
        (
            hosted(verification={"type": "signed"}),
            {"assertion": {"verification": {"type": "signed"}}},
            "integrity",
            "invalid",
        ),
        (
            hosted(),
            {"profile": {"verification": {"startsWith": BASE + "other/"}}},
            "issuer_identified",
            "invalid",
        ),
        (
            hosted(),
            {"profile": {"verification": {"startsWith": [BASE + "x", BASE]}}},
            "issuer_identified",
            "valid",
        ),
        (
            hosted(),
            {"profile": {"verification": {"allowedOrigins": "other.example"}}},
            "issuer_identified",
            "invalid",
        ),
        (
            hosted(),
            {"profile": {"verification": {"allowedOrigins": ["school.example"]}}},
            "issuer_identified",
            "valid",
        ),
        (signed(), {"profile": {"publicKey": BASE + "x"}}, "issuer_identified", "in"),
        (signed(), {"profile": {"publicKey": None}}, "issuer_identified", "in"),
        (signed(), {"key": {"owner": BASE + "x"}}, "key_at_signing", "in"),
        (signed(), {"key": {"publicKeyPem": "x"}}, "integrity", "in"),
        (signed(), {"revoked": {"revokedAssertions": "x"}}, "status_now", "in"),
        (
            signed(),
            {"revoked": {"revokedAssertions": [BASE + "assertion"]}},
            "status_now",
            "in",
        ),
        (signed(), {"profile": {"revocationList": BASE + "x"}}, "status_now", "unk"),
        (signed(header={"alg": "none"}), {}, "integrity", "unknown"),
        (signed(header={"alg": "HS256"}), {}, "integrity", "unknown"),
        (signed(header={"alg": "ES256"}), {}, "integrity", "invalid"),
        (signed(header={"alg": "RS256", "crit": []}), {}, "integrity", "unknown"),
        (signed(verification={"type": "hosted"}), {}, "integrity", "invalid"),
        (
            signed(verification={"type": "signed"}),
            {},
            "integrity",
            "valid",
        ),
        (signed(issuedOn="2027-01-01T00:00:00Z"), {}, "validity_period", "in"),
        (signed(issuedOn="yesterday"), {}, "validity_period", "invalid"),
        (signed(issuedOn=None), {}, "schema", "invalid"),
        (signed(recipient=None), {}, "schema", "invalid"),
        (signed(badge=None), {}, "schema", "invalid"),
        (signed(), {"badge": {"name": None}}, "schema", "invalid"),
        (signed(), {"badge": {"type": "x"}}, "schema", "invalid"),
        (signed(), {"profile": {"type": "x", "name": None}}, "schema", "invalid"),
    ],
)
def test_each_thing_that_can_be_wrong_is_found(text, changes, finding, result):
    found = judge(text, documents(**changes))
    assert str(found.findings[finding].result).startswith(result)
    expected = {"v": "valid", "i": "invalid", "u": "undetermined"}[result[0]]
    assert word(found) == expected
    json.dumps({n: one.evidence for n, one in found.findings.items()})


def test_an_issuer_elsewhere_vouches_for_nothing():
    """Anyone can host an assertion that names somebody else's profile."""
    base = "https://attacker.example/"
    badge = json.loads(documents()[BASE + "badge"]) | {"id": base + "badge"}
    stated = assertion(id=base + "assertion", badge=base + "badge")
    there = {base + "badge": as_json(badge), base + "assertion": as_json(stated)}
    found = judge(as_json(stated), documents() | there)
    assert found.findings["integrity"].result == "valid"
    assert found.findings["issuer_identified"].result == "invalid"
    assert word(found) == "invalid"


def test_another_key_signs_for_nobody():
    other = rsa.generate_private_key(65537, 2048)
    found = judge(signed(other), documents())
    assert found.findings["integrity"].result == "invalid"
    curve = ec.generate_private_key(ec.SECP256R1())
    assert word(judge(signed(curve), documents())) == "invalid"


@pytest.mark.parametrize("text", [hosted(), signed(), BASE + "assertion"])
def test_what_cannot_be_had_leaves_the_verdict_open(text):
    found = judge(text, {})
    assert word(found) == "undetermined"
    assert any("has not been obtained" in one for one in found.missing("authenticity"))


@pytest.mark.parametrize("octets", [b"<html>", b"[]", b'{"id": "x"}'])
def test_another_document_in_the_place_of_one_is_invalid(octets):
    there = documents() | {BASE + "badge": octets}
    assert word(judge(signed(), there)) == "invalid"


def test_an_assertion_is_not_taken_for_one_where_another_form_is_said():
    with pytest.raises(SecuringError):
        model.read(hosted().encode(), "application/vc")
    with pytest.raises(SecuringError):
        model.read(b"https://", None)
