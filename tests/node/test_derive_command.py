import json

import pytest

from node.cli import parser
from protocol.identity.bbs_keys import SecretKey
from protocol.identity.keys import LocalSigningKey
from tests.protocol.selective_world import published


def method(public, **secret):
    did = f"did:key:{public}"
    named = {"id": f"{did}#{public}", "controller": did, "publicKeyMultibase": public}
    return named | secret


P256, BLS = LocalSigningKey.generate("ES256"), SecretKey.generate()
KEYS = {
    "ecdsa-sd-2023": method(
        P256.verification_key.multikey(), secretKeyJwk=P256.private_jwk()
    ),
    "bbs-2023": method(BLS.public_key.multikey(), secretKeyMultibase=BLS.multikey()),
}


def credential(did):
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": did,
        "name": "A",
        "description": "B",
        "credentialSubject": {"id": "did:example:learner"},
    }


@pytest.fixture
def run(tmp_path):
    def command(act, document, *more, key=None):
        files = {name: tmp_path / name for name in ("input", "output", "key")}
        text = document if isinstance(document, str) else json.dumps(document)
        files["input"].write_text(text)
        arguments = ["--input", str(files["input"]), "--output", str(files["output"])]
        if key:
            files["key"].write_text(json.dumps(key))
            arguments += ["--key", str(files["key"])]
            arguments += ["--feature", "credential_selective"]
        files["output"].write_text("{}")
        status = parser.run(["credential", act, *arguments, *more])
        return status, json.loads(files["output"].read_text())

    return command


@pytest.mark.parametrize("suite", KEYS)
def test_a_credential_is_issued_shown_in_part_and_verified(run, suite):
    key = KEYS[suite]
    mandatory = json.dumps(["/issuer", "/credentialSubject"])
    whole = credential(key["controller"])

    _, issued = run("issue", whole, "--mandatory", mandatory, key=key)
    base = json.loads(issued["data"])
    status, part = run("derive", base, "--pointer", "/name")
    _, verified = run("verify", part, key=key)

    assert base["proof"]["cryptosuite"] == suite
    assert status == 0
    assert "description" not in part
    assert json.loads(verified["data"]) == {
        name: value for name, value in whole.items() if name != "description"
    }
    status, refused = run("verify", part | {"name": "C"}, key=key)
    assert (status, refused["result"]) == (1, "failure")
    status, refused = run("verify", base, key=key)
    assert "a base proof" in refused["data"]
    assert status == 1


@pytest.mark.parametrize("suite", KEYS)
def test_what_other_software_signed_is_shown_in_part(run, suite):
    base = published(f"selective-npm/{suite}-base")

    status, part = run("derive", base, "--pointer", "/credentialSubject/result/0")

    assert status == 0
    assert part["proof"]["verificationMethod"] == base["proof"]["verificationMethod"]
    assert "achievement" not in part["credentialSubject"]


@pytest.mark.parametrize(
    ("document", "pointer", "word"),
    [
        ([], "/name", "not a JSON object"),
        ("{", "/name", ""),
        (published("selective-npm/bbs-2023-base"), "/nobody", "points to nothing"),
        (published("selective-npm/bbs-2023-derived"), "/name", "a derived proof"),
        (credential("did:example:a"), "/name", "proofs are expected"),
    ],
)
def test_what_cannot_be_derived_is_refused_with_the_reason(
    run, capsys, document, pointer, word
):
    status, _ = run("derive", document, "--pointer", pointer)

    assert status == 1
    assert word in capsys.readouterr().err


def test_files_that_cannot_be_read_are_told(tmp_path, capsys):
    nowhere = str(tmp_path / "nowhere" / "file")

    assert (
        parser.run(["credential", "derive", "--input", nowhere, "--output", "x"]) == 3
    )
    assert "nowhere" in capsys.readouterr().err


def test_other_keys_and_documents_are_refused(run, tmp_path):
    key = KEYS["bbs-2023"]
    whole = credential(key["controller"])
    other = LocalSigningKey.generate("EdDSA")
    wrong = method(other.verification_key.multikey(), secretKeyJwk=other.private_jwk())

    assert run("issue", whole, key=wrong)[0] == 1
    assert run("verify", whole, key=key)[0] == 1
    assert run("issue", whole, "--mandatory", "7", key=key)[0] == 1
    arguments = [
        *("credential", "issue", "--feature", "credential_jose", "--key"),
        *(str(tmp_path / "key"), "--input", str(tmp_path / "input"), "--output"),
    ]
    assert parser.run([*arguments, str(tmp_path / "output")]) == 1
