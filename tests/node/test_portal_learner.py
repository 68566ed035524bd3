import json
import re
from datetime import date, timedelta

import pytest

from node.services import offering
from node.store import consents, exchanges, listing
from protocol.errors import UnexpectedMessageError
from protocol.exchange import envelope
from tests.node.consents import seed_consent
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.portal_world import AUTHORITY, UNIVERSITY, query_message
from tests.node.visitor import Visitor, logged_in

GRADES = '["results",null,"grade"]'
AVERAGE = '["summary","gpa"]'


@pytest.fixture
async def aiko(client, world):  # noqa: F811
    return await logged_in(client, world, "aiko")


@pytest.fixture
def path(world):  # noqa: F811
    return f"/learner/requests/{world.ids['aiko.query']}"


def on(*claims: str) -> list[tuple[str, str]]:
    """The form of a request, with these optional claims left on."""
    return [("optional", claim) for claim in claims] + [("decision", "approve")]


async def scope_of(world, answer):  # noqa: F811
    consent_id = answer.location.split("/")[-1].split("?")[0]
    rows = await world.store.read(listing.scope_of, consent_id=consent_id, version=1)
    return {row["path"] for row in rows}


async def test_the_first_page_shows_what_waits_and_what_there_is(aiko):
    words = (await aiko.get("/learner")).words

    assert "ENIC-NARIC Country B" in words
    assert "Recognition of your qualification" in words
    assert "Transcript of records" in words


async def test_a_request_shows_who_what_for_and_each_value(aiko, path):
    words = (await aiko.get(path)).words

    for shown in (
        "ENIC-NARIC Country B",
        "Netherlands",
        "Competent recognition authority",
        "On the word of council.test",
        "Assessment of a foreign degree",
        "CASE-2026-00817",
        "Bachelor of Engineering",
        "24 March 2026",
        "124 credits",
        "Algorithms and Data Structures A (86), passed",
        "of 4",
        "180 days",
        "Not allowed: they may give it to nobody else",
        "General Data Protection Regulation",
        "article 28",
        "If you do nothing",
        "Nothing is sent",
    ):
        assert shown in words


async def test_a_request_is_shown_in_japanese(aiko, path):
    words = (await aiko.get(f"{path}?lang=ja")).words

    for shown in (
        "規制職業への登録",
        "2026年3月24日",
        "GPA",
        "何も送られません",
        "第28条",
    ):
        assert shown in words


async def test_what_was_not_asked_for_is_not_on_the_page(aiko, path):
    text = (await aiko.get(path)).text

    assert "0022001" not in text
    assert "2003" not in text


async def test_needed_fields_have_no_switch(aiko, path):
    text = (await aiko.get(path)).text

    switches = re.findall(r'name="optional" value="([^"]*)"', text)
    assert sorted(switches) == [
        "[&#34;results&#34;,null,&#34;grade&#34;]",
        "[&#34;summary&#34;,&#34;gpa&#34;]",
    ]


async def test_a_field_switched_off_is_not_consented_to(aiko, path, world):  # noqa: F811
    answer = await aiko.post(path, on(GRADES))

    scope = await scope_of(world, answer)
    assert AVERAGE not in scope
    assert '["results",0,"grade"]' in scope
    assert '["qualification","title"]' in scope


async def test_approving_releases_and_queues_in_one_step(aiko, path, world):  # noqa: F811
    answer = await aiko.post(path, on())

    consent_id = answer.location.split("/")[-1].split("?")[0]
    (released,) = await world.store.read(listing.releases_of, consent_id=consent_id)
    assert released["state"] == "queued"
    page = await aiko.get(answer.location)
    assert "Approved. It is on its way." in page.words
    assert "Bachelor of Engineering" in page.words
    assert "of 4" not in page.words
    assert "No receipt yet." in page.words


async def test_a_decided_request_cannot_be_decided_again(aiko, path):
    await aiko.post(path, on())

    again = await aiko.post(path, on())
    refused = await aiko.post(path, [("decision", "refuse")])

    assert again.status == 409
    assert refused.status == 409
    assert "You approved this request" in (await aiko.get(path)).words


@pytest.mark.parametrize(
    ("fields", "outcome"), [([], None), ([("tell", "yes")], "declined")]
)
async def test_a_refusal_is_told_only_if_the_learner_says_so(
    aiko,
    path,
    world,  # noqa: F811
    fields,
    outcome,
):
    answer = await aiko.post(path, [("decision", "refuse"), *fields])

    assert answer.status == 303
    query = await world.store.read(
        exchanges.query, vault=world.context.vault, id=world.ids["aiko.query"]
    )
    assert (query.state, query.outcome) == ("waiting", outcome)
    assert "Nothing was sent" in (await aiko.get(path)).words


async def test_a_decision_nobody_offers_is_none(aiko, path):
    assert (await aiko.post(path, [("decision", "sell")])).status == 404


async def test_a_choice_that_answers_nothing_is_explained(aiko, world):  # noqa: F811
    query_id = await world.store.write(_either_or, world)

    answer = await aiko.post(f"/learner/requests/{query_id}", on())

    assert answer.status == 422
    assert "nothing complete is left to send" in answer.words
    assert not await world.store.read(listing.consents_of, learner_id=world.ids["aiko"])


def _either_or(connection, world):  # noqa: F811
    """A query that wants grades or the average, whichever the learner prefers."""
    query_id, deadline = "e" * 32, world.clock() + timedelta(days=2)
    message = query_message(world, query_id, deadline)
    wanted = message["body"]["dcql"]["credentials"][0]
    wanted["claims"] = [c for c in wanted["claims"] if c["id"] in {"g", "a"}]
    wanted["claim_sets"] = [["g"], ["a"]]
    exchanges.add_query(
        connection,
        vault=world.context.vault,
        id=query_id,
        peer=AUTHORITY.scid or "",
        received_at=world.clock(),
        deadline=deadline,
        close_at=deadline,
        state="consent-pending",
        purpose="admission",
        body=json.dumps(message).encode(),
    )
    exchanges.set_query(
        connection, id=query_id, learner_id=world.ids["aiko"], shown=True
    )
    return query_id


async def test_the_whole_record_is_all_or_nothing(aiko, world):  # noqa: F811
    query_id = await world.store.write(_everything, world)

    page = await aiko.get(f"/learner/requests/{query_id}")

    assert "They ask for the whole record" in page.words
    assert "0022001" in page.text
    assert 'name="optional"' not in page.text


def _everything(connection, world):  # noqa: F811
    query_id, deadline = "f" * 32, world.clock() + timedelta(days=2)
    message = query_message(world, query_id, deadline)
    wanted = message["body"]["dcql"]["credentials"][0]
    del wanted["claims"], wanted["claim_sets"]
    exchanges.add_query(
        connection,
        vault=world.context.vault,
        id=query_id,
        peer=AUTHORITY.scid or "",
        received_at=world.clock(),
        deadline=deadline,
        close_at=deadline,
        state="consent-pending",
        purpose="admission",
        body=json.dumps(message).encode(),
    )
    exchanges.set_query(
        connection, id=query_id, learner_id=world.ids["aiko"], shown=True
    )
    return query_id


async def test_a_request_that_was_never_shown_does_not_exist(aiko, path, world):  # noqa: F811
    await world.store.write(
        exchanges.set_query, id=world.ids["aiko.query"], shown=False
    )

    assert (await aiko.get(path)).status == 404


async def test_consent_is_withdrawn_after_one_more_question(aiko, world):  # noqa: F811
    consent_id = await world.store.write(seed_consent, world, "aiko")
    page = f"/learner/consents/{consent_id}"
    assert "in force" in (await aiko.get("/learner/consents")).words

    asked = await aiko.get(f"{page}/withdraw")
    assert "Withdraw this consent?" in asked.words
    answer = await aiko.post(f"{page}/withdraw")

    assert answer.status == 303
    words = (await aiko.get(answer.location)).words
    assert "Nothing more goes out" in words
    assert "withdrawn" in words
    consent = await world.store.read(consents.consent, consent_id=consent_id)
    assert consent.status == "withdrawn"
    assert (await aiko.get(f"{page}/withdraw")).location == page
    assert (await aiko.post(f"{page}/withdraw")).status == 409


async def test_a_consent_can_be_saved_as_a_record(aiko, world):  # noqa: F811
    consent_id = await world.store.write(seed_consent, world, "aiko")

    answer = await aiko.get(f"/learner/consents/{consent_id}/record.json")

    assert answer.headers["Content-Type"].startswith("application/json")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert consent_id in answer.text


async def test_the_receipt_is_shown_in_words(aiko, path, world):  # noqa: F811
    approved = await aiko.post(path, on())
    consent_id = approved.location.split("/")[-1].split("?")[0]
    (released,) = await world.store.read(listing.releases_of, consent_id=consent_id)
    receipt = {
        "body": {
            "delivery_id": released["delivery_id"],
            "received_at": "2026-11-25T08:00:30Z",
            "items": [
                {
                    "item_id": "diploma_supplement",
                    "digest": "sha-256:x",
                    "result": "accepted",
                    "checks": {
                        "status_now": "valid",
                        "integrity": "valid",
                        "issuer_accredited_at_award": "unknown",
                    },
                }
            ],
            "obligations": [{"uid": "#delete", "accepted": True, "due": "2027-05-24"}],
        }
    }
    signed = envelope.sign(
        json.dumps(receipt).encode(),
        key=world.context.identity.message_key,
        kid=world.context.identity.message_kid,
    )
    await world.store.write(
        exchanges.set_receipt,
        vault=world.context.vault,
        delivery_id=released["delivery_id"],
        receipt_id="1" * 32,
        jws=signed,
    )

    words = (await aiko.get(f"/learner/consents/{consent_id}")).words

    assert "Diploma with Diploma Supplement accepted" in words
    assert "The signature fits the document." in words
    assert "No statement about the issuer's accreditation" in words
    assert "Delete at the end of the period" in words
    assert "24 May 2027" in words
    assert words.index("The signature fits") < words.index("Not revoked.")


async def share_form(aiko: Visitor, way: str, peer: str, record: str):
    page = await aiko.get(
        f"/learner/share/{way}?recipient={peer}&purpose=admission&record={record}"
    )
    claims = re.findall(r'name="optional" value="([^"]*)"', page.text)
    fields = [("recipient", peer), ("purpose", "admission"), ("record", record)]
    return page, fields, [claim.replace("&#34;", '"') for claim in claims]


async def record_of(aiko: Visitor) -> str:
    page = (await aiko.get("/learner/share/send")).text
    (record, *_) = re.findall(r'name="record" value="([^"]*)"', page)
    return record


async def test_a_code_is_shown_once(aiko, world):  # noqa: F811
    record = await record_of(aiko)
    _, fields, claims = await share_form(aiko, "code", UNIVERSITY.scid, record)
    until = (
        date.fromisoformat(f"{world.clock():%Y-%m-%d}") + timedelta(10)
    ).isoformat()
    fields += [("optional", claims[0]), ("until", until), ("decision", "approve")]

    answer = await aiko.post("/learner/share/code", fields)

    code = re.search(r'id="grant-code">([^<]+)<', answer.text)
    assert code
    assert len(code[1].replace("-", "")) == 16
    for page in ("/learner", "/learner/consents", "/learner/access.json"):
        assert code[1] not in (await aiko.get(page)).text
    (consent,) = await world.store.read(
        listing.consents_of, learner_id=world.ids["aiko"]
    )
    assert consent["recipient"] == UNIVERSITY.scid
    assert consent["purpose"] == "admission"


async def test_a_record_is_offered_to_another_university(aiko, world):  # noqa: F811
    record = await record_of(aiko)
    page, fields, claims = await share_form(aiko, "send", UNIVERSITY.scid, record)
    assert "University B" in page.words
    until = (
        date.fromisoformat(f"{world.clock():%Y-%m-%d}") + timedelta(10)
    ).isoformat()
    fields += [("optional", claim) for claim in claims]
    fields += [("until", until), ("reference", "APP-7"), ("decision", "approve")]

    answer = await aiko.post("/learner/share/send", fields)

    assert answer.status == 303
    assert answer.location.endswith("?done=sent")
    due = await world.store.read(_queued)
    assert [one["type"] for one in due] == ["record/offer"]


def _queued(connection):
    from sqlalchemy import select  # noqa: PLC0415

    from node.store.tables import outbox  # noqa: PLC0415

    return [dict(r) for r in connection.execute(select(outbox)).mappings()]


async def test_an_offer_that_fails_leaves_no_consent(aiko, world, monkeypatch):  # noqa: F811
    def fail(*_, **__):
        raise UnexpectedMessageError("no")

    record = await record_of(aiko)
    _, fields, claims = await share_form(aiko, "send", UNIVERSITY.scid, record)
    until = (
        date.fromisoformat(f"{world.clock():%Y-%m-%d}") + timedelta(10)
    ).isoformat()
    fields += [("optional", claims[0]), ("until", until), ("decision", "approve")]
    monkeypatch.setattr(offering, "offer", fail)

    answer = await aiko.post("/learner/share/send", fields)

    assert answer.status == 409
    assert not await world.store.read(listing.consents_of, learner_id=world.ids["aiko"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ([("until", "2020-01-01")], "The date must lie ahead"),
        ([("until", "2100-01-01")], "The date must lie ahead"),
        ([("until", "soon")], "The date must lie ahead"),
        ([("until", "+10")], "at least one field must stay on"),
    ],
)
async def test_a_share_that_makes_no_sense_is_explained(
    aiko,
    world,  # noqa: F811
    change,
    words,
):
    record = await record_of(aiko)
    _, fields, _ = await share_form(aiko, "code", UNIVERSITY.scid, record)
    ahead = (
        date.fromisoformat(f"{world.clock():%Y-%m-%d}") + timedelta(10)
    ).isoformat()
    change = [(n, ahead if v == "+10" else v) for n, v in change]

    answer = await aiko.post(
        "/learner/share/code", [*fields, *change, ("decision", "approve")]
    )

    assert answer.status == 422
    assert words in answer.words


async def test_half_a_choice_is_asked_again(aiko):
    page = await aiko.get("/learner/share/send?recipient=&purpose=")

    assert "Choose a recipient" in page.words


async def test_there_are_two_ways_to_give_and_no_third(aiko):
    assert (await aiko.get("/learner/share/sell")).status == 404
    assert (await aiko.post("/learner/share/sell")).status == 404
    assert (await aiko.post("/learner/share/code")).status == 404


async def test_giving_needs_a_fresh_login(client, world):  # noqa: F811
    stale = await logged_in(client, world, "aiko", ago=timedelta(minutes=6))
    record = await record_of(stale)
    page, fields, _ = await share_form(stale, "send", UNIVERSITY.scid, record)

    answer = await stale.post("/learner/share/send", [*fields, ("decision", "login")])

    assert "Log in afresh" in page.words
    assert answer.location == "/login/again?next=/learner/share/send"


async def test_the_log_names_requests_consents_and_looks_of_staff(
    client,  # noqa: F811
    world,  # noqa: F811
    aiko,
    path,
):
    registrar = await logged_in(client, world, "registrar")
    await registrar.get(f"/registrar/learners/{world.ids['aiko']}?reason=question")
    await aiko.post(path, on())

    words = (await aiko.get("/learner/access")).words

    for shown in (
        "Request received ENIC-NARIC Country B",
        "Consent given for ENIC-NARIC Country B",
        "Released for ENIC-NARIC Country B",
        "Record viewed by staff registrar (registry) question of the learner",
    ):
        assert shown in words


async def test_the_log_can_be_taken_away_as_json(aiko, path):
    await aiko.post(path, on())

    lines = json.loads((await aiko.get("/learner/access.json")).text)

    assert {line["kind"] for line in lines} >= {"query", "consent-granted", "release"}
    assert all(line["at"] for line in lines)


async def test_what_waits_to_be_sent_stops_with_the_consent(aiko, path, world):  # noqa: F811
    approved = await aiko.post(path, on())
    consent_page = approved.location.split("?")[0]

    await aiko.post(f"{consent_page}/withdraw")

    assert "stopped" in (await aiko.get(consent_page)).words


def _narrow_roles(connection):
    from node.store import peers as peer_store  # noqa: PLC0415

    peer_store.set_peer(connection, id=AUTHORITY.scid or "", purposes=["admission"])


async def test_what_the_rules_forbid_is_said_to_be_forbidden(aiko, path, world):  # noqa: F811
    await world.store.write(_narrow_roles)

    answer = await aiko.post(path, on(GRADES))
    consented = await world.store.read(
        consents.consents_of_learner, learner=world.ids["aiko"]
    )

    assert answer.status == 409
    assert "The rules do not permit this" in answer.words
    assert consented == []
