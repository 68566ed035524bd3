"""Open Badges with proofs over their graph, through all a node does with them."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from node.bench.documents import documents
from node.cli.common import Exit
from node.contexts import hasty, vocabulary
from node.verifying import verify
from protocol.errors import DidError, WorkLimitError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey
from protocol.linked_data.rdf import canonical_form
from protocol.securing.data_integrity import secure
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.test_commands import lrx
from tests.node.test_verify_page import check

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEYS = {name: LocalSigningKey.generate(name) for name in ("EdDSA", "ES256", "ES384")}


class Nowhere:
    """A registry that reaches nobody."""

    async def history(self, did, *, fresh=False):
        raise DidError(f"{did} cannot be reached")

    async def status_list(self, url, *, fresh=False):
        raise DidError(f"{url} cannot be reached")

    def remembered_history(self, did):
        return None

    def remembered_list(self, url):
        return None


def badge(algorithm="EdDSA", **change):
    key = KEYS[algorithm]
    multikey = key.verification_key.multikey()
    document = documents(f"did:key:{multikey}")["badge"] | change
    del document["credentialStatus"]
    return secure(
        document,
        key=key,
        verification_method=DidUrl(f"did:key:{multikey}#{multikey}"),
        at=AT,
        vocabulary=vocabulary(),
    )


async def verdict(document):
    verification, evidence = await verify(
        json.dumps(document).encode(),
        media_type=None,
        source=Nowhere(),
        accreditations=(),
        anchors=(),
        at=AT,
    )
    return verification, evidence


@pytest.mark.parametrize("algorithm", KEYS)
async def test_a_badge_is_valid_until_it_is_changed(algorithm):
    document = badge(algorithm)

    good, _ = await verdict(document)
    bad, _ = await verdict(document | {"name": "Another"})

    assert good.overall("authenticity") == "valid"
    assert bad.overall("authenticity") == "invalid"
    assert "does not fit" in bad.findings["integrity"].reason


@pytest.mark.parametrize(
    ("change", "overall", "words"),
    [
        ({"unheardOf": "x"}, "invalid", "the term unheardOf is not defined"),
        (
            {"@context": [*badge()["@context"], "https://evil.example/v1"]},
            "undetermined",
            "https://evil.example/v1 is not known here",
        ),
        ({"id": "relative"}, "invalid", "'relative' is not an absolute IRI"),
        (
            {"@context": [badge()["@context"][i] for i in (0, 2, 1)]},
            "invalid",
            "extensions.json before",
        ),
    ],
)
async def test_what_no_proof_covers_is_said_in_words(change, overall, words):
    found, _ = await verdict(badge() | change)

    assert found.overall("authenticity") == overall
    assert words in found.findings["integrity"].reason


def poison():
    nodes = [f"_:n{i}" for i in range(9)]
    return [{"@id": one, "urn:p": [{"@id": other} for other in nodes]} for one in nodes]


async def test_a_graph_made_to_be_costly_is_given_up():
    found, evidence = await verdict(badge() | {"urn:poison": poison()})

    assert found.overall("authenticity") == "undetermined"
    assert "work limit" in found.findings["integrity"].reason
    assert evidence.vocabulary is vocabulary()


async def test_others_are_served_while_it_is_given_up():
    costly = asyncio.create_task(verdict(badge() | {"urn:poison": poison()}))
    await asyncio.sleep(0)
    served = 0
    while not costly.done():
        served += 1
        await asyncio.sleep(0)

    assert served > 1
    assert (await costly)[0].overall("authenticity") == "undetermined"


async def test_what_only_the_general_processor_reads_is_read_with_patience():
    text = {"@value": "شهادة", "@language": "ar", "@direction": "rtl"}
    document = badge(name=text)

    with pytest.raises(WorkLimitError):
        canonical_form({n: v for n, v in document.items() if n != "proof"}, hasty())
    found, _ = await verdict(document)

    assert found.findings["integrity"].result == "valid"


async def test_the_command_and_the_page_say_the_same(
    client,  # noqa: F811
    tmp_path,
    capsys,
):
    for document, code, word in (
        (badge(), Exit.VALID, "The signature fits the document."),
        (badge() | {"unheardOf": "x"}, Exit.INVALID, "the term unheardOf"),
    ):
        file = tmp_path / "badge.json"
        file.write_text(json.dumps(document))
        done, _ = await lrx(capsys, "verify", file, "--policy", "authenticity")
        status, text = await check(client, file.read_bytes())

        assert done == code
        assert status == 200
        assert word in text
