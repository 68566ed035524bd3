import json
from pathlib import Path

import pytest

from node.cli import parser
from protocol.identity.keys import LocalSigningKey

VECTORS = Path(__file__).parents[1] / "vectors" / "vc-jose-cose"
CASES = json.loads((VECTORS / "cases.json").read_text())
FEATURES = [
    f"{kind}_{form}"
    for kind in ("credential", "presentation")
    for form in ("jose", "sdjwt", "cose")
]
KEY = LocalSigningKey.generate("ES384")
DID = f"did:key:{KEY.verification_key.multikey()}"
METHOD = {
    "id": f"{DID}#{KEY.verification_key.multikey()}",
    "controller": DID,
    "publicKeyMultibase": KEY.verification_key.multikey(),
    "secretKeyJwk": KEY.private_jwk(),
}
CREDENTIAL = {
    "@context": ["https://www.w3.org/ns/credentials/v2"],
    "type": ["VerifiableCredential"],
    "issuer": DID,
    "credentialSubject": {"id": "did:example:learner", "name": "花子"},
}


@pytest.fixture
def run(tmp_path):
    def command(act, document, feature, *more, key=METHOD):
        files = {name: tmp_path / name for name in ("input", "key", "output")}
        if isinstance(document, dict):
            document = json.dumps(document)
        files["input"].write_text(document)
        files["key"].write_text(key if isinstance(key, str) else json.dumps(key))
        arguments = [a for n, file in files.items() for a in (f"--{n}", str(file))]
        status = parser.run(
            ["credential", act, "--feature", feature, *arguments, *more]
        )
        written = json.loads(files["output"].read_text())
        assert (status == 0) == (written["result"] == "success")
        return written

    return command


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["number"]))
def test_the_published_suite_finds_what_it_expects(run, case):
    document = (VECTORS / case["input"]).read_text()
    key = (VECTORS / case["key"]).read_text()
    more = ["--sd", json.dumps(case["sd"])] if "sd" in case else []

    written = run(case["act"], document, case["feature"], *more, key=key)

    assert written["result"] == case["result"]
    if case["act"] == "issue" and case["result"] == "success":
        again = run("verify", written["data"], case["feature"], key=key)
        assert again["result"] == "success"


def document_for(feature, run):
    if feature.startswith("credential"):
        return CREDENTIAL
    token = run("issue", CREDENTIAL, "credential_jose")["data"]
    return {
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiablePresentation"],
        "holder": DID,
        "verifiableCredential": [
            {
                "@context": "https://www.w3.org/ns/credentials/v2",
                "type": "EnvelopedVerifiableCredential",
                "id": f"data:application/vc+jwt,{token}",
            }
        ],
    }


@pytest.mark.parametrize("feature", FEATURES)
def test_what_is_issued_verifies_with_its_key_in_its_form_only(run, feature):
    document = document_for(feature, run)
    issued = run("issue", document, feature)["data"]
    other = LocalSigningKey.generate("ES384").verification_key.multikey()

    found = run("verify", issued, feature)
    assert found["result"] == "success"
    assert json.loads(found["data"]) == document
    for wrong in FEATURES:
        if wrong != feature:
            assert run("verify", issued, wrong)["result"] == "failure"
    key = METHOD | {"publicKeyMultibase": other}
    assert run("verify", issued, feature, key=key)["result"] == "failure"


@pytest.mark.parametrize("feature", FEATURES)
def test_what_was_altered_is_a_failure(run, feature):
    issued = run("issue", document_for(feature, run), feature)["data"]
    middle = len(issued) // 2
    for place in (middle, middle + 1, len(issued) // 3):
        other = "A" if issued[place] != "A" else "B"
        altered = issued[:place] + other + issued[place + 1 :]
        assert run("verify", altered, feature)["result"] == "failure"


@pytest.mark.parametrize(
    ("document", "key", "more"),
    [
        ("{", METHOD, ()),
        ("[]", METHOD, ()),
        ({**CREDENTIAL, "type": []}, METHOD, ()),
        ({**CREDENTIAL, "shoeSize": 42}, METHOD, ()),
        (CREDENTIAL, {}, ()),
        (CREDENTIAL, "[]", ()),
        (CREDENTIAL, {"secretKeyMultibase": "z0"}, ()),
        (CREDENTIAL, METHOD, ("--sd", "[1]")),
        (CREDENTIAL, METHOD, ("--sd", '["issuer"]')),
        (CREDENTIAL, METHOD, ("--sd", '["credentialSubject.x"]')),
    ],
)
def test_what_cannot_be_issued_is_a_failure_with_its_reason(run, document, key, more):
    written = run("issue", document, "credential_sdjwt", *more, key=key)
    assert written["result"] == "failure"
    assert written["data"]


def test_a_key_without_its_public_half_verifies_nothing(run):
    issued = run("issue", CREDENTIAL, "credential_jose")["data"]
    assert run("verify", issued, "credential_jose", key={})["result"] == "failure"


def test_a_key_of_another_party_is_remarked_on(run, capsys):
    run("issue", CREDENTIAL | {"issuer": "did:example:other"}, "credential_jose")
    assert "did:example:other" in capsys.readouterr().err


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    output = tmp_path / "output"
    missing = str(tmp_path / "missing")
    common = ["--feature", "credential_jose", "--input", missing, "--key", missing]
    arguments = ["credential", "verify", *common]
    assert parser.run([*arguments, "--output", str(output)]) == 3
    assert json.loads(output.read_text())["result"] == "error"
    assert parser.run([*arguments, "--output", str(tmp_path / "no" / "where")]) == 3
