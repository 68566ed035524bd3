import sqlite3
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from node.services import inviting
from node.web.login import own_path, session_cookie
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.visitor import Visitor, logged_in


@pytest.fixture
async def link(world):  # noqa: F811
    return await world.store.write(
        inviting.invite,
        context=world.context,
        person_id=world.ids["person.aiko"],
        path="/learner/consents",
        at=world.clock(),
    )


def path_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}"


async def test_opening_a_link_uses_nothing_up(client, link):  # noqa: F811
    visitor = Visitor(client)

    for _ in range(3):
        assert (await visitor.get(path_of(link))).status == 200
    entered = await visitor.post(path_of(link))

    assert entered.status == 303
    assert entered.location == "/learner/consents"
    assert (await visitor.get("/learner/consents")).status == 200


async def test_a_link_works_once(client, link):  # noqa: F811
    first, second = Visitor(client), Visitor(client)
    await first.post(path_of(link))

    answer = await second.post(path_of(link))

    assert answer.status == 410
    assert (await second.get("/learner")).status == 303


async def test_a_link_is_good_for_fifteen_minutes(client, world, link):  # noqa: F811
    world.clock.ahead = timedelta(minutes=15, seconds=1)

    assert (await Visitor(client).post(path_of(link))).status == 410


async def test_a_link_nobody_made_looks_like_any_other(client, link):  # noqa: F811
    good = await Visitor(client).get(path_of(link))
    bad = await Visitor(client).get("/login/" + "x" * 43 + "?next=/learner/consents")

    assert good.status == bad.status
    assert good.constant.replace(path_of(link), "") == bad.constant.replace(
        "/login/" + "x" * 43 + "?next=/learner/consents", ""
    ).replace("x" * 43, urlsplit(link).path.rsplit("/", 1)[-1])


async def test_the_session_cookie_stays_with_this_host(client, link):  # noqa: F811
    visitor = Visitor(client)

    entered = await visitor.post(path_of(link))

    cookie = entered.cookies[session_cookie(client.app)]
    assert cookie.key.startswith("__Host-")
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]


async def test_tokens_are_stored_as_hashes_only(client, world, link):  # noqa: F811
    visitor = Visitor(client)
    await visitor.post(path_of(link))
    secrets = [urlsplit(link).path.rsplit("/", 1)[-1], *visitor.cookies.values()]

    with sqlite3.connect(world.context.settings.path("node.db")) as database:
        dump = "\n".join(database.iterdump())

    for secret in secrets:
        assert secret not in dump
        assert secret.encode().hex() not in dump.lower()


@pytest.mark.parametrize(
    ("away", "status"),
    [(timedelta(minutes=29), 200), (timedelta(minutes=31), 303)],
)
async def test_a_session_ends_when_nobody_is_there(
    client,  # noqa: F811
    world,  # noqa: F811
    away,
    status,
):
    visitor = await logged_in(client, world, "aiko")
    world.clock.ahead = away

    assert (await visitor.get("/learner")).status == status


async def test_a_session_ends_after_a_working_day(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")

    for half_hour in range(1, 18):
        world.clock.ahead = timedelta(minutes=29 * half_hour)
        answer = await visitor.get("/learner")

    assert answer.status == 303


async def test_logging_out_ends_the_session_in_the_store(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")
    kept = dict(visitor.cookies)

    await visitor.post("/logout")

    assert not set(kept) & set(visitor.cookies)
    assert (await Visitor(client, kept).get("/learner")).status == 303


@pytest.mark.parametrize("csrf", ["", "of another session"])
async def test_a_form_of_another_site_changes_nothing(client, world, csrf):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")
    other = await logged_in(client, world, "taro")
    token = (await other.get("/learner")).csrf if csrf else ""
    path = f"/learner/requests/{world.ids['aiko.query']}"

    answer = await visitor.post(path, [("decision", "refuse")], csrf=token)

    assert answer.status == 403
    assert "What would go out" in (await visitor.get(path)).words


async def test_a_cross_site_form_is_refused_whatever_it_holds(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")

    answer = await visitor.post("/logout", Sec_Fetch_Site="cross-site")

    assert answer.status == 403


async def test_nobody_is_logged_in_by_another_sites_form(client, link):  # noqa: F811
    answer = await Visitor(client).post(path_of(link), csrf="0" * 64)

    assert answer.status == 403


async def test_asking_for_a_link_tells_nobody_who_is_known(client, world):  # noqa: F811
    answers = []
    for email in ("aiko@uni-a.test", "nobody@uni-a.test"):
        visitor = Visitor(client)
        answers.append(await visitor.post("/login", [("email", email)]))

    assert answers[0].status == answers[1].status == 200
    assert answers[0].constant == answers[1].constant


async def test_a_known_address_gets_a_link(client, world):  # noqa: F811
    await Visitor(client).post(
        "/login", [("email", " Aiko@uni-a.test"), ("next", "/learner/access")]
    )
    await client.close()

    with sqlite3.connect(world.context.settings.path("node.db")) as database:
        (mails,) = database.execute("select count(*) from mail").fetchone()
        (people,) = database.execute(
            "select count(*) from invitation where person_id=?",
            [world.ids["person.aiko"]],
        ).fetchone()
    assert (mails, people) == (1, 1)


async def test_a_fresh_link_is_mailed_to_who_is_logged_in(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")

    page = await visitor.get("/login/again?next=/learner/access")
    answer = await visitor.post("/login/again", [("next", "/learner/access")])

    assert "5 minutes" in page.words
    assert "on its way" in answer.words


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("/learner/requests/1", "/learner/requests/1"),
        ("/learner?q=1", "/learner?q=1"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("", "/"),
    ],
)
def test_a_login_leads_to_pages_of_this_site_only(given, taken):
    assert own_path(given) == taken


async def test_a_page_behind_the_login_is_remembered(client):  # noqa: F811
    answer = await Visitor(client).get("/learner/consents")

    assert answer.status == 303
    assert answer.location == "/login?next=/learner/consents"


async def test_the_language_is_kept(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")

    await visitor.get("/learner?lang=ja")
    later = await visitor.get("/learner")

    assert 'lang="ja"' in later.text
    assert "あなたの判断を待っているもの" in later.text


async def test_who_is_logged_in_starts_at_their_own_page(client, world):  # noqa: F811
    for name, start in (
        ("aiko", "/learner"),
        ("registrar", "/registrar"),
        ("operator", "/registrar"),
        ("officer", "/authority"),
    ):
        visitor = await logged_in(client, world, name)
        assert (await visitor.get("/")).location == start
