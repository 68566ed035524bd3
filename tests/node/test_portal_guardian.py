import re
from datetime import date, timedelta

import pytest

from node.services import consenting, guarding, inviting
from node.store import consents, exchanges, people
from protocol.errors import UnexpectedMessageError
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.portal_world import (
    AUTHORITY,
    a_graduate,
    add_learner,
    add_person,
    add_query,
    add_records,
)
from tests.node.visitor import Visitor, logged_in

pytestmark = pytest.mark.slow


def birthday(years: int, on: date) -> date:
    """The birth date of somebody who is `years` old on a day."""
    return on.replace(year=on.year - years, day=1)


def _add_yui(connection, world, born):  # noqa: F811
    record = a_graduate("0022003", "例示", "結衣")
    person = record.person.model_copy(update={"birth_date": born})
    add_learner(connection, world, "yui", record.model_copy(update={"person": person}))
    add_records(connection, world, "yui")
    add_person(connection, world, "learner", "yui")
    add_query(connection, world, "yui", "yui.query")


@pytest.fixture
async def yui(client, world):  # noqa: F811
    """A learner of fifteen, asked for a record."""
    await world.store.write(_add_yui, world, birthday(15, world.clock().date()))
    return await logged_in(client, world, "yui")


@pytest.fixture
async def registrar(client, world):  # noqa: F811
    return await logged_in(client, world, "registrar")


async def registered(client, world, registrar, **fields):  # noqa: F811
    """Register a guardian for yui and log them in by the link shown."""
    said = {"name": "例示 恵", "email": "megumi@family.test", "language": "en"} | fields
    path = f"/registrar/learners/{world.ids['yui']}/guardians"
    page = await registrar.post(path, list(said.items()))
    assert page.status == 200, page.words
    (token,) = re.findall(r"/login/([\w-]{40,})", page.text)
    visitor = Visitor(client)
    entered = await visitor.post(f"/login/{token}")
    assert entered.status == 303
    return visitor


async def consents_of(world):  # noqa: F811
    return await world.store.read(
        consents.consents_of_learner, learner=world.ids["yui"]
    )


async def test_under_the_age_a_learner_is_told_who_decides(yui, world):  # noqa: F811
    path = f"/learner/requests/{world.ids['yui.query']}"

    page = await yui.get(path)
    tried = await yui.post(path, [("decision", "approve")])

    assert "This is for your guardian to decide" in page.words
    assert "Approve and send" not in page.words
    assert tried.status == 422
    assert "This is for your guardian to decide" in tried.words
    assert await consents_of(world) == []


async def test_a_guardian_sees_the_pages_and_approves(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    guardian = await registered(client, world, registrar)
    path = f"/learner/requests/{world.ids['yui.query']}"
    page = await guardian.get(path)

    answer = await guardian.post(path, [("decision", "approve")])

    assert "You act for 例示 結衣" in page.words
    assert answer.status == 303, answer.words
    (consent,) = await consents_of(world)
    assert consent.status == "granted"
    terms = await world.store.read(
        consents.terms, consent_id=consent.id, version=consent.version
    )
    assert terms["facts"]["consent.by_guardian"] is True
    assert terms["facts"]["learner.age"] == 15
    assert "dpv:GuardianOfDataSubject" in str(terms["record"])
    assert "Approved" in (await guardian.get(answer.location)).words
    log = (await yui.get("/learner/access")).words
    assert "Guardian registered by staff" in log


async def test_a_guardian_may_start_a_sending_and_a_learner_may_not(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    guardian = await registered(client, world, registrar)
    (record, *_) = re.findall(
        r"/learner/records/(\w+)", (await guardian.get("/learner")).text
    )
    chosen = [
        ("recipient", AUTHORITY.scid or ""),
        ("purpose", "admission"),
        ("record", record),
    ]
    query = "&".join(f"{name}={value}" for name, value in chosen)
    page = await guardian.get(f"/learner/share/code?{query}")
    (field, *_) = re.findall(r'name="optional" value="([^"]*)"', page.text)
    form = [
        *chosen,
        ("optional", field.replace("&#34;", '"')),
        ("until", (world.clock().date() + timedelta(days=5)).isoformat()),
        ("decision", "approve"),
    ]

    refused = await yui.post("/learner/share/code", form)
    given = await guardian.post("/learner/share/code", form)

    assert refused.status == 422
    assert "for your guardian to decide" in refused.words
    assert "Your code" in given.words


async def test_refusing_and_withdrawing_are_for_either(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    guardian = await registered(client, world, registrar)
    path = f"/learner/requests/{world.ids['yui.query']}"
    given = await guardian.post(path, [("decision", "approve")])
    consent_path = given.location.split("?")[0]

    taken_back = await yui.post(f"{consent_path}/withdraw")

    assert taken_back.location.endswith("?done=withdrawn")
    (consent,) = await consents_of(world)
    assert consent.status == "withdrawn"


async def test_both_get_mail_while_the_guardian_decides(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    await registered(client, world, registrar)

    await world.store.write(
        guarding.tell,
        context=world.context,
        learner_id=world.ids["yui"],
        kind="consent-request",
        path="/learner",
        at=world.clock(),
    )

    waiting = await world.store.read(people.unsent_mail, vault=world.context.vault)
    asked = [one.person_id for one in waiting if one.kind == "consent-request"]
    assert len(set(asked)) == 2
    assert world.ids["person.yui"] in asked


async def test_on_the_birthday_the_guardians_login_ends(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    guardian = await registered(client, world, registrar)
    assert (await guardian.get("/learner")).status == 200

    world.clock.ahead = timedelta(days=366)
    fresh = await logged_in(client, world, "yui")
    page = await fresh.get(f"/learner/requests/{world.ids['yui.query']}")
    registrar = await logged_in(client, world, "registrar")
    shown = await registrar.get(f"/registrar/learners/{world.ids['yui']}?reason=audit")

    assert (await guardian.get("/learner")).status == 303
    assert "Approve and send" in page.words
    assert "The learner decides alone now" in shown.words


async def test_a_guardian_sees_one_learner_only(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    guardian = await registered(client, world, registrar)

    for path in (
        f"/learner/requests/{world.ids['aiko.query']}",
        "/registrar",
        "/authority",
    ):
        assert (await guardian.get(path)).status == 404


async def test_removing_a_guardian_ends_their_login(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    guardian = await registered(client, world, registrar)
    page = await registrar.get(f"/registrar/learners/{world.ids['yui']}?reason=invite")
    (person_id,) = re.findall(r'name="person" value="(\w+)"', page.text)
    path = f"/registrar/learners/{world.ids['yui']}/guardians"

    wrong = await registrar.post(path, [("action", "remove"), ("person", "0" * 32)])
    removed = await registrar.post(path, [("action", "remove"), ("person", person_id)])

    assert wrong.status == 404
    assert removed.status == 303
    assert (await guardian.get("/learner")).status == 303
    assert "Guardian removed by staff" in (await yui.get("/learner/access")).words


async def test_only_who_needs_one_gets_a_guardian(yui, registrar, world):  # noqa: F811
    fields = [("name", "X"), ("email", "x@family.test")]
    adult = await registrar.post(
        f"/registrar/learners/{world.ids['aiko']}/guardians", fields
    )
    nameless = await registrar.post(
        f"/registrar/learners/{world.ids['yui']}/guardians", fields[1:]
    )
    nobody = await registrar.post(f"/registrar/learners/{'0' * 32}/guardians", fields)
    path = f"/registrar/learners/{world.ids['yui']}/guardians"
    several = [(await registrar.post(path, fields)).status for _ in range(5)]

    assert (adult.status, nameless.status, nobody.status) == (409, 404, 404)
    assert several == [200, 200, 200, 200, 409]
    page = await registrar.get(f"/registrar/learners/{world.ids['aiko']}?reason=issue")
    assert "Guardian" not in page.words


def _add_undated(connection, world):  # noqa: F811
    record = a_graduate("0022003", "例示", "結衣")
    person = record.person.model_copy(update={"birth_date": None})
    add_learner(connection, world, "yui", record.model_copy(update={"person": person}))


async def test_an_unknown_birth_date_is_no_permission(registrar, world):  # noqa: F811
    await world.store.write(_add_undated, world)

    found = await world.store.read(
        guarding.needed,
        context=world.context,
        learner_id=world.ids["yui"],
        at=world.clock(),
    )
    page = await registrar.get(f"/registrar/learners/{world.ids['yui']}?reason=issue")

    assert found == "unknown"
    assert "date of birth is not known" in page.words


@pytest.mark.parametrize(
    ("days", "needed"), [(-1, "age"), (0, ""), (1, "")], ids=["before", "on", "after"]
)
async def test_the_age_is_reached_on_the_birthday(world, days, needed):  # noqa: F811
    on = world.clock()
    born = (on - timedelta(days=days)).date()
    born = born.replace(year=born.year - 16)
    await world.store.write(_add_yui, world, born)

    found = await world.store.read(
        guarding.needed, context=world.context, learner_id=world.ids["yui"], at=on
    )

    assert found == needed


async def test_nobody_decides_in_the_place_of_an_adult(world):  # noqa: F811
    with pytest.raises(UnexpectedMessageError, match="not for the guardian"):
        await world.store.write(
            consenting.approve,
            context=world.context,
            query_id=world.ids["aiko.query"],
            learner_id=world.ids["aiko"],
            chosen_optional=frozenset(),
            language="en",
            login_at=world.clock(),
            at=world.clock(),
            by="guardian",
        )

    query = await world.store.read(
        exchanges.query, vault=world.context.vault, id=world.ids["aiko.query"]
    )
    assert query.state == "consent-pending"


async def test_a_guardian_of_two_can_ask_for_both_links(
    yui,
    registrar,
    client,  # noqa: F811
    world,  # noqa: F811
):
    await registered(client, world, registrar)
    await registered(client, world, registrar)

    found = await world.store.read(
        inviting.people_at, context=world.context, email="Megumi@family.test"
    )
    unknown = await world.store.read(
        inviting.people_at, context=world.context, email="nobody@family.test"
    )
    empty = await world.store.read(inviting.people_at, context=world.context, email=" ")

    assert len(found) == 2
    assert unknown == empty == ()
