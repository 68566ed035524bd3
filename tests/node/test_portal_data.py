import json

import pytest

from node import holdings
from node.services import issuing
from node.store import credentials
from protocol.credentials.claims_paths import leaves
from tests.node.consents import seed_consent
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.visitor import logged_in


@pytest.fixture
async def aiko(client, world):  # noqa: F811
    return await logged_in(client, world, "aiko")


async def file_of(visitor):
    answer = await visitor.get("/learner/rights/data.json")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return json.loads(answer.text)


async def test_the_page_tells_all_there_is(aiko, client, world):  # noqa: F811
    registrar = await logged_in(client, world, "registrar")
    await registrar.get(f"/registrar/learners/{world.ids['aiko']}?reason=audit")
    await world.store.write(seed_consent, world, "aiko")
    await aiko.post(
        "/learner/rights/correction", [("item", "name"), ("wanted", "MIHON AICO")]
    )

    words = (await aiko.get("/learner/rights/data")).words

    for shown in (
        "0022001",
        "ミホン アイコ",
        "14 May 2003",
        "aiko@uni-a.test",
        "Algorithms and Data Structures",
        "Diploma with Diploma Supplement",
        "ENIC-NARIC Country B",
        "MIHON AICO",
        "Record viewed by staff",
    ):
        assert shown in words, shown


async def test_the_file_holds_every_claim_by_its_path(aiko, world):  # noqa: F811
    found = await file_of(aiko)

    stored = await world.store.read(
        credentials.credential,
        vault=world.context.vault,
        id=world.ids["aiko.transcript"],
    )
    (record,) = (one for one in found["records"] if one["credential"] == stored.id)
    assert set(leaves(record["claims"])) == set(leaves(holdings.record_of(stored)))
    assert record["sd_jwt"] == stored.sd_jwt
    assert found["format"] == "lrx-subject-access/1"
    assert found["student_record"]["person"]["student_number"] == "0022001"
    assert len(found["student_record"]["results"]) == 62
    assert found["contact"]["mail"] == "aiko@uni-a.test"


async def test_consents_say_what_they_cover_and_what_went_out(aiko, world):  # noqa: F811
    path = f"/learner/requests/{world.ids['aiko.query']}"
    answer = await aiko.post(path, [("decision", "approve")])
    consent_id = answer.location.split("/")[-1].split("?")[0]

    (consent,) = (await file_of(aiko))["consents"]

    assert consent["consent"] == consent_id
    (sent,) = consent["deliveries"]
    paths = [one["path"] for one in sent["fields"]]
    assert ["qualification", "title"] in paths
    assert sorted(map(str, paths)) == sorted(str(f["path"]) for f in consent["scope"])
    assert consent["record"]["lrx:receipt"]


async def test_former_versions_are_held_and_said_so(aiko, world):  # noqa: F811
    await world.store.write(
        issuing.revoke,
        context=world.context,
        credential_id=world.ids["aiko.transcript"],
        reason="issued-in-error",
        at=world.clock(),
    )

    words = (await aiko.get("/learner/rights/data")).words
    found = await file_of(aiko)

    assert "Former versions" in words
    assert "issued in error" in words
    reasons = {one["revoked_reason"] for one in found["records"]}
    assert reasons == {None, "issued-in-error"}


async def test_nothing_of_anybody_else_is_in_it(aiko, world):  # noqa: F811
    await world.store.write(seed_consent, world, "taro")

    page = (await aiko.get("/learner/rights/data")).text
    text = json.dumps(await file_of(aiko), ensure_ascii=False)

    for foreign in ("太郎", "0022002", "taro@", world.ids["taro"]):
        assert foreign not in page
        assert foreign not in text


async def test_the_page_speaks_japanese(aiko):
    words = (await aiko.get("/learner/rights/data?lang=ja")).words

    assert "あなたについて保有しているすべての情報" in words
    assert "2003年5月14日" in words
