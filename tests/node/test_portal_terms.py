from datetime import timedelta

import pytest

from node.outbox import Peer
from node.services import offering
from node.store import exchanges, people
from protocol.exchange.messages import Message
from tests.node.consents import seed_consent
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.portal_world import AUTHORITY
from tests.node.visitor import logged_in

pytestmark = pytest.mark.slow


def answer_beyond(connection, world):  # noqa: F811
    """Let the recipient of an offer answer that it keeps everything for a year."""
    at = world.clock()
    consent_id = seed_consent(connection, world, "aiko")
    offer_id = offering.offer(
        connection, context=world.context, consent_id=consent_id, reference=None, at=at
    )
    message = Message.model_validate(
        {
            "typ": "application/didcomm-plain+json",
            "id": "f" * 32,
            "type": "https://lrx.example/record/1.0/answer",
            "from": str(AUTHORITY),
            "to": [str(world.context.did)],
            "created_time": int(at.timestamp()),
            "expires_time": int((at + timedelta(days=1)).timestamp()),
            "thid": offer_id,
            "body": {
                "answer": "accept",
                "terms": {"jurisdiction": "NL", "retention_days": 365, "onward": []},
            },
        }
    )
    offering.take_answer(
        connection,
        context=world.context,
        message=message,
        peer=Peer(AUTHORITY.scid or "", AUTHORITY),
        at=at,
    )
    return offer_id


@pytest.fixture
async def offer(world):  # noqa: F811
    return await world.store.write(answer_beyond, world)


@pytest.fixture
async def aiko(client, world):  # noqa: F811
    return await logged_in(client, world, "aiko")


async def state_of(world, offer):  # noqa: F811
    found = await world.store.read(exchanges.offer, vault=world.context.vault, id=offer)
    return found.state


async def test_the_learner_is_told_without_saying_what(aiko, offer, world):  # noqa: F811
    waiting = await world.store.read(people.unsent_mail, vault=world.context.vault)
    (told,) = (one for one in waiting if one.kind == "terms-beyond")

    assert told.body.decode() == f"/learner/offers/{offer}"
    home = (await aiko.get("/learner")).words
    assert "on terms that go beyond your consent" in home


async def test_what_is_more_is_shown_beside_what_was_agreed(aiko, offer):
    page = (await aiko.get(f"/learner/offers/{offer}")).words

    assert "How long they keep it more 180 days" in page
    assert "365 days" in page
    assert page.count("it more 180") == 1
    assert "Nothing is sent." in page
    japanese = (await aiko.get(f"/learner/offers/{offer}?lang=ja")).words
    assert "365日" in japanese


async def test_agreeing_sends_once_under_a_new_version(aiko, offer, world):  # noqa: F811
    path = f"/learner/offers/{offer}"

    answer = await aiko.post(path, [("decision", "approve")])
    again = await aiko.post(path, [("decision", "approve")])

    assert answer.status == 303
    assert answer.location.endswith("?done=approved")
    assert "365 days" in (await aiko.get(answer.location)).words
    assert await state_of(world, offer) == "accepted"
    assert again.status == 409
    assert "You agreed to these terms" in (await aiko.get(path)).words


async def test_not_agreeing_sends_nothing(aiko, offer, world):  # noqa: F811
    path = f"/learner/offers/{offer}"

    answer = await aiko.post(path, [("decision", "refuse")])

    assert answer.status == 303
    assert await state_of(world, offer) == "terms-not-covered"
    assert "nothing was sent on these terms" in (await aiko.get(path)).words
    assert "on terms that go beyond" not in (await aiko.get("/learner")).words


async def test_a_stale_login_agrees_to_nothing(client, offer, world):  # noqa: F811
    stale = await logged_in(client, world, "aiko", ago=timedelta(minutes=6))
    path = f"/learner/offers/{offer}"

    answer = await stale.post(path, [("decision", "approve")])

    assert answer.location == f"/login/again?next={path}"
    assert await state_of(world, offer) == "asking"


async def test_after_its_time_there_is_nothing_to_decide(client, offer, world):  # noqa: F811
    world.clock.ahead = timedelta(days=15)
    aiko = await logged_in(client, world, "aiko")

    page = await aiko.get(f"/learner/offers/{offer}")
    late = await aiko.post(f"/learner/offers/{offer}", [("decision", "approve")])

    assert "Agree and send" not in page.words
    assert late.status == 409


async def test_somebody_elses_offer_does_not_exist(client, offer, world):  # noqa: F811
    taro = await logged_in(client, world, "taro")

    answers = [
        await taro.send(method, f"/learner/offers/{path}", [("decision", decision)])
        for path in (offer, "0" * 32)
        for method, decision in (
            ("GET", ""),
            ("POST", "approve"),
            ("POST", "refuse"),
            ("POST", "shrug"),
        )
    ]

    assert {answer.status for answer in answers} == {404}
