"""Signatures that are almost right, as Project Wycheproof collects them."""

import gzip
import json
from pathlib import Path

import pytest

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.keys import VerificationKey
from protocol.securing import jose

FOLDER = Path(__file__).parents[1] / "vectors" / "wycheproof"
OTHER_ALGORITHMS = ("HS", "RS", "PS")
MISSPELT = {347, 351}
"""Keys whose `alg` is `ES521`, which RFC 7518 does not name: they are refused."""


def groups(name):
    octets = gzip.decompress((FOLDER / f"{name}_test.json.gz").read_bytes())
    return json.loads(octets)["testGroups"]


def key_of(algorithm, public):
    try:
        if algorithm == "EdDSA":
            return VerificationKey(algorithm, bytes.fromhex(public["pk"]))
        point = bytes.fromhex(public["uncompressed"])
        x = point[1 : (len(point) + 1) // 2]
        return VerificationKey(algorithm, bytes([2 + point[-1] % 2]) + x)
    except MalformedValueError:
        return None


@pytest.mark.parametrize(
    ("name", "algorithm", "count"),
    [
        ("ed25519", "EdDSA", 151),
        ("ecdsa_secp256r1_sha256_p1363", "ES256", 262),
        ("ecdsa_secp384r1_sha384_p1363", "ES384", 280),
        ("ecdsa_secp521r1_sha512_p1363", "ES512", 318),
    ],
)
def test_each_signature_is_judged_as_expected(name, algorithm, count):
    found = 0
    for group in groups(name):
        key = key_of(algorithm, group["publicKey"])
        for test in group["tests"]:
            found += 1
            signature, data = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
            holds = key is not None and key.verify(signature, data)
            assert holds == (test["result"] == "valid"), test["tcId"]
    assert found == count


def holds(public, token):
    """Judge the signature and the header; the payloads are no claims."""
    if not isinstance(token, str) or token.count(".") != 2:
        return False
    first, _, last = token.split(".")
    claims = jose.as_base64url(b"{}")
    try:
        key = VerificationKey.from_jwk(public)
        jws = jose.read_any(f"{first}.{claims}.{last}", {"", "JWT"})
    except (MalformedValueError, SecuringError):
        return False
    right = jose.ALGORITHM_NAMES[jws.header["alg"]] == key.algorithm
    return right and key.verify(jws.signature, token.rpartition(".")[0].encode())


def test_no_wrong_jws_holds_and_every_right_one_of_our_algorithms_does():
    right = 0
    for group in groups("json_web_signature"):
        public = group.get("public") or {}
        for test in group["tests"]:
            held = holds(public, test["jws"])
            if test["result"] == "valid" and test["tcId"] not in MISSPELT:
                ours = public.get("kty") in ("EC", "OKP")
                assert held == ours, test["tcId"]
                right += ours
            else:
                assert not held, test["tcId"]
    assert right > 0
