"""`lrx verify` over every public document: each gets a truthful word, with reasons.

Most are examples whose issuers are made up: what nobody can look up is undetermined.
"""

import json
from pathlib import Path

import pytest

from node.cli.parser import run

STANDARDS = Path(__file__).parents[3] / "shared" / "standards"
FOLDERS = ("oneedtech/ob3/examples", "oneedtech/clr2/examples", "elm", "elmo", "ebsi")
SUFFIXES = {".json", ".jsonld", ".jwt", ".png", ".svg", ".xml", ".txt", ".b64"}
WORDS = {0: "valid", 1: "invalid", 2: "undetermined", 3: "unreadable"}

pytestmark = [
    pytest.mark.samples,
    pytest.mark.skipif(not STANDARDS.exists(), reason="no folder of public samples"),
]

EXPECTED: dict[str, tuple[str, str]] = {
    "ebsi/attestation/2022-11/examples/example.json": ("invalid", "expired"),
    "ebsi/attestation/2022-11/schema.json": (
        "unreadable",
        "a JSON document that is not a verifiable credential",
    ),
    "ebsi/attestation/2022-11_01/examples/generic-attestation.json": (
        "invalid",
        "expired",
    ),
    "ebsi/attestation/2022-11_01/examples/verifiable-authorisation-onboard.json": (
        "invalid",
        "expired",
    ),
    "ebsi/attestation/2022-11_01/examples/verifiable-authorisation-trust-chain.json": (
        "invalid",
        "expired",
    ),
    "ebsi/attestation/2022-11_01/schema.json": (
        "unreadable",
        "a JSON document that is not a verifiable credential",
    ),
    "ebsi/dc4eu-educational_id_mdoc.json": (
        "unreadable",
        "a JSON document that is not a verifiable credential",
    ),
    (
        "ebsi/multi-uni-pilot/education-verifiable-accreditation-records/2022-11/examples/"
        "programmeAccreditation_example.json"
    ): ("invalid", "expired"),
    (
        "ebsi/multi-uni-pilot/education-verifiable-accreditation-records/2022-11/"
        "schema.json"
    ): ("unreadable", "a JSON document that is not a verifiable credential"),
    (
        "ebsi/multi-uni-pilot/verifiable-attestation-individual-id/2022-11/examples/"
        "Bengales_individualVerifiableAttestation.json"
    ): ("invalid", "no proof"),
    (
        "ebsi/multi-uni-pilot/verifiable-attestation-individual-id/2022-11/examples/"
        "Verifiable Attestation for ID - ESI Example.json"
    ): ("invalid", "no proof"),
    "ebsi/multi-uni-pilot/verifiable-attestation-individual-id/2022-11/schema.json": (
        "unreadable",
        "a JSON document that is not a verifiable credential",
    ),
    (
        "ebsi/multi-uni-pilot/verifiable-attestation-organisational-id/2022-11/examples/"
        "Bengales_organizationVerifiableAttestation.json"
    ): ("invalid", "no proof"),
    (
        "ebsi/multi-uni-pilot/verifiable-attestation-organisational-id/2022-11/examples/"
        "institutionalAccreditation_example.json"
    ): ("invalid", "expired"),
    (
        "ebsi/multi-uni-pilot/verifiable-attestation-organisational-id/2022-11/"
        "schema.json"
    ): ("unreadable", "a JSON document that is not a verifiable credential"),
    (
        "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/"
        "Bengales_highSchoolDiploma_v1.json"
    ): ("invalid", "no proof"),
    "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/EnglishSample.json": (
        "invalid",
        "no proof",
    ),
    (
        "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/"
        "Francisco Cruz Argudo_Certificate of Completion.json"
    ): ("invalid", "no proof"),
    (
        "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/"
        "Ildiko Mazar_Graduate University Study of Civil Engineering_shortened.json"
    ): ("undetermined", "Secp256k1"),
    (
        "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/"
        "Microcredential_finetuned.json"
    ): ("invalid", "no proof"),
    "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/digicomp-generic.json": (
        "invalid",
        "no proof",
    ),
    (
        "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/"
        "diploma-rntuo-credential.json"
    ): ("invalid", "expired"),
    (
        "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/examples/"
        "individualVerifiableAttestation_CruzArgudoexample.json"
    ): ("invalid", "no proof"),
    "ebsi/multi-uni-pilot/verifiable-diploma/2022-11/schema.json": (
        "unreadable",
        "a JSON document that is not a verifiable credential",
    ),
    "elm/examples-v3/Sample-CertOfPart-signed.jsonld": (
        "undetermined",
        "trusted list",
    ),
    "elm/examples-v3/Sample-CertOfPart-unsigned.jsonld": ("invalid", "no proof"),
    "elm/examples-v3/Sample-MC-Annex1-signed.jsonld": (
        "undetermined",
        "trusted list",
    ),
    "elm/examples-v3/Sample-MC-Annex1-unsigned.jsonld": ("invalid", "no proof"),
    "elm/v3.2/credential-sample.jsonld": ("invalid", "no proof"),
    "elm/v3.2/edc-ap-context.jsonld": (
        "unreadable",
        "a JSON document that is not a verifiable credential",
    ),
    "elmo/LICENSE.txt": ("unreadable", "neither JSON nor JWT nor SD-JWT"),
    "elmo/examples/Example-elmo-Finland-1.0.xml": ("undetermined", "unsigned"),
    "elmo/examples/Example-elmo-Finland.xml": ("undetermined", "unsigned"),
    "elmo/examples/Example-elmo-Sweden-1.0.xml": ("invalid", "does not hold"),
    "elmo/examples/elmo-1.0-example.xml": ("invalid", "does not hold"),
    "elmo/examples/elmo-schemas-v1-example.xml": ("invalid", "does not hold"),
    "elmo/examples/fi-ncp-my_elmo.xml": ("undetermined", "unsigned"),
    "elmo/wire/fi-smp-elmo_vastaus_base64_gzipped.txt": ("invalid", "expired"),
    "elmo/wire/fi-smp-elmo_vastaus_base64_gzipped.txt.decoded.xml": (
        "invalid",
        "expired",
    ),
    "elmo/wire/gateway-sampleElmo.b64": ("invalid", "does not hold"),
    "oneedtech/clr2/examples/simple-noproof.json": ("invalid", "no proof"),
    "oneedtech/clr2/examples/simple.json": ("undetermined", "is not a DID"),
    "oneedtech/clr2/examples/simple_old_safesigned.json": ("invalid", "second context"),
    "oneedtech/clr2/examples/simple_v1.json": ("undetermined", "is not a DID"),
    "oneedtech/ob3/examples/complete.json": ("undetermined", "is not a DID"),
    "oneedtech/ob3/examples/endorsement-valid.json": ("undetermined", "is not a DID"),
    "oneedtech/ob3/examples/simple-did-key-method.json": (
        "undetermined",
        "is not a DID",
    ),
    "oneedtech/ob3/examples/simple-eddsa-2022.json": ("undetermined", "cannot judge"),
    "oneedtech/ob3/examples/simple-err-context.json": ("invalid", "covers too little"),
    "oneedtech/ob3/examples/simple-err-expired.json": ("invalid", "expired"),
    "oneedtech/ob3/examples/simple-err-proof-method.json": (
        "undetermined",
        "no key to verify",
    ),
    "oneedtech/ob3/examples/simple-err-proof-value.json": ("invalid", "does not fit"),
    "oneedtech/ob3/examples/simple-err-type.json": ("invalid", "covers too little"),
    "oneedtech/ob3/examples/simple-json.png": ("undetermined", "is not a DID"),
    "oneedtech/ob3/examples/simple-jwt.svg": ("undetermined", "cannot judge"),
    "oneedtech/ob3/examples/simple-multiple-proofs.json": (
        "undetermined",
        "cannot judge",
    ),
    "oneedtech/ob3/examples/simple.json": ("undetermined", "is not a DID"),
    "oneedtech/ob3/examples/simple.jwt": ("invalid", "without an achievement"),
    "oneedtech/ob3/examples/simple_v1.json": ("undetermined", "is not a DID"),
}
"""By path: the word, and what stands in a reason that decides."""


def documents():
    return sorted(
        str(path.relative_to(STANDARDS))
        for folder in FOLDERS
        for path in (STANDARDS / folder).rglob("*")
        if path.suffix in SUFFIXES and not {"schema", "v3.2/EDC"} & set(path.parts)
    )


def test_every_document_has_its_place_in_the_table():
    assert documents() == sorted(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_public_document_gets_its_verdict(name, capsys):
    word, reason = EXPECTED[name]
    status = run(
        ["verify", str(STANDARDS / name), "--policy", "authenticity", "--json"]
    )
    told = capsys.readouterr()
    assert WORDS[status] == word
    if status == 3:
        assert reason in told.err
        return
    decisive = {"invalid": "invalid", "undetermined": "unknown", "valid": "valid"}[word]
    findings = json.loads(told.out)["findings"].values()
    reasons = [one["reason"] for one in findings if one["result"] == decisive]
    assert any(reason in one for one in reasons), reasons


SEALED = ("Sample-CertOfPart-signed.jsonld", "Sample-MC-Annex1-signed.jsonld")


@pytest.mark.parametrize("name", SEALED)
def test_a_public_seal_fits_until_something_is_changed(name, tmp_path, capsys):
    text = (STANDARDS / "elm" / "examples-v3" / name).read_text("utf-8")
    changed = tmp_path / "changed.jsonld"
    for old, new, result in (
        ("", "", "valid"),
        ("urn:epass:", "urn:ebass:", "invalid"),
    ):
        changed.write_text(text.replace(old, new, 1), "utf-8")
        run(["verify", str(changed), "--policy", "authenticity", "--json"])
        findings = json.loads(capsys.readouterr().out)["findings"]
        assert findings["integrity"]["result"] == result
