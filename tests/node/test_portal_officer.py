import json
import secrets
from datetime import date, timedelta

import pytest

from node.store import credentials, exchanges
from node.store.exchanges import Delivery
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.portal_world import AUTHORITY
from tests.node.visitor import logged_in

FINDINGS = {
    "status_now": {"result": "invalid", "reason": "revoked", "evidence": {"index": 7}},
    "integrity": {"result": "valid", "reason": "", "evidence": ["did:key:z6Mk#a"]},
    "issuer_accredited_at_award": {"result": "unknown", "reason": "", "evidence": {}},
}


@pytest.fixture
async def officer(client, world):  # noqa: F811
    return await logged_in(client, world, "officer")


def deliver(connection, world):  # noqa: F811
    """Store a delivery that was received, with one document and a verdict."""
    vault, delivery_id = world.context.vault, secrets.token_hex(16)
    credential = credentials.credential(
        connection, vault=vault, id=world.ids["aiko.diploma-supplement"]
    )
    exchanges.add_delivery(
        connection,
        vault=vault,
        delivery=Delivery(
            id=delivery_id,
            direction="in",
            peer=AUTHORITY.scid or "",
            thread=secrets.token_hex(16),
            message_id=secrets.token_hex(16),
            message_digest="sha-256:x",
            release_id=None,
            consent_id=secrets.token_hex(16),
            consent_version=1,
            purpose="admission",
            at=world.clock(),
            state="active",
            jws=b"{}",
            policy={},
        ),
    )
    exchanges.add_item(
        connection,
        vault=vault,
        delivery_id=delivery_id,
        item_id="diploma_supplement",
        record_id="r",
        credential_id=None,
        format="dc+sd-jwt",
        digest="sha-256:abc",
        octets=credential.sd_jwt.encode(),
    )
    exchanges.set_verdict(
        connection,
        delivery_id=delivery_id,
        item_id="diploma_supplement",
        verdict={"overall": "invalid", "policy": "recognition", "findings": FINDINGS},
        at=world.clock(),
    )
    exchanges.add_obligation(
        connection, delivery_id=delivery_id, uid="#delete", due=date(2027, 5, 24)
    )
    return delivery_id


@pytest.fixture
async def delivery(world):  # noqa: F811
    return await world.store.write(deliver, world)


async def test_the_inbox_shows_what_came_and_its_verdict(officer, delivery):
    words = (await officer.get("/authority")).words

    assert "ENIC-NARIC Country B Admission to studies" in words
    assert "invalid" in words


async def test_a_delivery_shows_documents_and_duties(officer, delivery):
    words = (await officer.get(f"/authority/deliveries/{delivery}")).words

    assert "Diploma with Diploma Supplement invalid" in words
    assert "Delete at the end of the period 24 May 2027" in words


async def test_a_verdict_is_told_in_words_with_its_evidence(officer, delivery):
    path = f"/authority/deliveries/{delivery}/items/diploma_supplement"

    words = (await officer.get(path)).words

    for shown in (
        "Not valid",
        "Do not rely on this document",
        "Revoked or suspended by the issuer. revoked",
        "Evidence: index: 7",
        "The signature fits the document.",
        "did:key:z6Mk#a",
        "AIKO MIHON (見本 愛子)",
        "Bachelor of Engineering",
        "24 March 2026",
        "Algorithms and Data Structures",
    ):
        assert shown in words
    assert words.index("The signature fits") < words.index("Revoked or suspended")


async def test_a_document_is_verified_again(officer, delivery, world):  # noqa: F811
    path = f"/authority/deliveries/{delivery}/items/diploma_supplement"

    answer = await officer.post(f"{path}/verify")

    assert answer.location == path
    assert world.ids["reverified"] == f"{delivery} diploma_supplement"


async def test_what_was_erased_is_shown_without_contents(
    officer,
    delivery,
    world,  # noqa: F811
):
    await world.store.write(exchanges.erase_delivery, id=delivery, at=world.clock())
    path = f"/authority/deliveries/{delivery}/items/diploma_supplement"

    answer = await officer.get(path)

    assert answer.status in {200, 404}
    assert "Bachelor" not in answer.text


@pytest.mark.parametrize("item", ["transcript", "diploma_supplement%2F.."])
async def test_an_item_that_was_not_delivered_does_not_exist(officer, delivery, item):
    path = f"/authority/deliveries/{delivery}/items/{item}"

    assert (await officer.get(path)).status == 404
    assert (await officer.post(f"{path}/verify")).status == 404


def request_form(world, **changes: str) -> list[tuple[str, str]]:  # noqa: F811
    values = {
        "peer": AUTHORITY.scid or "",
        "kind": "diploma-supplement",
        "family_name": "MIHON",
        "given_name": "AIKO",
        "birth_date": "2003-05-14",
        "student_number": "0022001",
        'field:["qualification","title"]': "required",
        'field:["results",null,"grade"]': "optional",
        'field:["holder","birth_date"]': "no",
        "purpose": "recognition-assessment",
        "reference": "CASE-1",
        "deadline": (world.clock().date() + timedelta(days=10)).isoformat(),
        "text": "To assess the degree",
    }
    return list((values | changes).items())


async def stored(world, answer):  # noqa: F811
    request_id = answer.location.split("/")[-1].split("?")[0]
    request = await world.store.read(
        exchanges.request, vault=world.context.vault, id=request_id
    )
    return json.loads(request.body)["body"]


async def test_a_request_is_sent_as_the_form_says(officer, world):  # noqa: F811
    answer = await officer.post("/authority/ask", request_form(world))

    body = await stored(world, answer)
    assert body["purpose"] == {
        "code": "recognition-assessment",
        "reference": "CASE-1",
        "legal_basis": "consent",
        "text": {"en": "To assess the degree"},
    }
    assert body["subject"]["birth_date"] == "2003-05-14"
    assert body["subject"]["identifiers"][0]["value"] == "0022001"
    claims = [c["path"] for c in body["dcql"]["credentials"][0]["claims"]]
    assert claims == [["qualification", "title"], ["results", None, "grade"]]
    page = await officer.get(answer.location)
    assert "Sent." in page.words
    assert "You cannot tell, on purpose." in page.words
    assert "CASE-1" in (await officer.get("/authority")).words


async def test_a_request_by_code_names_nobody(officer, world):  # noqa: F811
    form = request_form(world, grant="ABCD-EFGH")

    answer = await officer.post("/authority/ask", form)

    assert (await stored(world, answer))["subject"] == {
        "match": "grant",
        "grant": "ABCD-EFGH",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"birth_date": ""}, "Give the learner's code"),
        ({"birth_date": "yesterday"}, "Give the learner's code"),
        ({'field:["qualification","title"]': "no"}, "Ask for at least one field"),
        ({"deadline": "2020-01-01"}, "The deadline must lie ahead"),
        ({"deadline": "2100-01-01"}, "The deadline must lie ahead"),
        ({"deadline": ""}, "The deadline must lie ahead"),
        ({"text": " "}, "Say why"),
        ({"reference": ""}, "Say why"),
        ({"purpose": "curiosity"}, "Say why"),
    ],
)
async def test_a_request_that_lacks_something_comes_back(
    officer,
    world,  # noqa: F811
    changes,
    words,
):
    answer = await officer.post("/authority/ask", request_form(world, **changes))

    assert answer.status == 422
    assert words in answer.words
    assert 'value="MIHON"' in answer.text


@pytest.mark.parametrize("changes", [{"peer": "nobody"}, {"kind": "tax-return"}])
async def test_nobody_is_asked_for_what_is_not_there(officer, world, changes):  # noqa: F811
    answer = await officer.post("/authority/ask", request_form(world, **changes))

    assert answer.status == 404
