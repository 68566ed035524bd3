"""A diploma shown in part, through all a node does with it."""

import json

import pytest

from node.bench.documents import documents
from node.cli import parser
from node.contexts import hasty, vocabulary
from protocol.errors import WorkLimitError
from protocol.securing.selective import BBS, ECDSA_SD, derive, secure
from tests.node.test_verifying_graphs import verdict
from tests.protocol.selective_world import AT, ISSUERS, verifies

RESULTS = "/credentialSubject/result"


def part(suite, *pointers):
    issuer = ISSUERS[suite]
    diploma = secure(
        documents(issuer.did)["diploma"],
        key=issuer.key,
        verification_method=issuer.kid,
        at=AT,
        mandatory=["/issuer", "/credentialSubject/achievement/name"],
        vocabulary=vocabulary(),
    )
    return derive(diploma, selective=pointers, vocabulary=vocabulary())


@pytest.mark.parametrize("suite", [ECDSA_SD, BBS])
async def test_a_diploma_shown_in_large_part_is_judged_though_it_takes_long(suite):
    document = part(suite, RESULTS, "/credentialSubject/id")
    with pytest.raises(WorkLimitError):
        verifies(document, vocabulary=hasty())

    verification, _ = await verdict(document)
    changed = json.loads(json.dumps(document))
    changed["credentialSubject"]["result"][7]["value"] = "100"
    refused, _ = await verdict(changed)

    assert verification.findings["integrity"].result == "valid"
    assert refused.findings["integrity"].result == "invalid"


@pytest.mark.parametrize("suite", [ECDSA_SD, BBS])
def test_the_command_judges_a_diploma_of_three_courses(suite, tmp_path, capsys):
    document = part(suite, *(f"{RESULTS}/{number}" for number in (3, 17, 42)))
    (tmp_path / "part.json").write_text(json.dumps(document))

    parser.run(["verify", str(tmp_path / "part.json"), "--json"])

    findings = json.loads(capsys.readouterr().out)["findings"]
    assert findings["integrity"]["result"] == "valid"
    assert suite in findings["integrity"]["reason"]
