"""Every page, for every role: opened, or answered as if it did not exist."""

import re
import secrets
from datetime import timedelta

import pytest

from node.services import exercising
from node.store import exchanges
from node.store.exchanges import Delivery
from node.web import pages
from node.web.portal import ROUTES
from tests.node.portal_fixtures import (  # noqa: F401 - fixtures
    client,
    populated,
    world,
)
from tests.node.portal_world import AUTHORITY, START
from tests.node.visitor import Visitor, logged_in

pytestmark = pytest.mark.slow

PEOPLE = {
    "learner": "aiko",
    "registrar": "registrar",
    "operator": "operator",
    "officer": "officer",
}
NOBODY = "0" * 32
OPEN = {
    "GET /",
    "GET /style.css",
    "GET /icon.svg",
    "GET /verify",
    "POST /verify",
    "GET /login",
    "POST /login",
    "GET /login/{token}",
    "POST /login/{token}",
    "POST /logout",
}
"""Pages without a login; every other one must name its roles."""


def name_of(route) -> str:
    return f"{route.method} {route.path}"


def path_for(route, **ids: str) -> str:
    """Fill a route's path; what is not given is the id of nothing."""
    names = re.findall(r"{(\w+)}", route.path)
    return route.path.format(**{n: ids.get(n, NOBODY) for n in names})


def test_no_route_is_without_an_entry(client):  # noqa: F811
    registered = {
        f"{route.method} {route.resource.canonical}"
        for route in client.app.router.routes()
        if route.method != "HEAD"
    }

    assert registered == {name_of(route) for route in ROUTES}


def test_pages_without_login_are_named_here():
    assert {name_of(r) for r in ROUTES if not r.roles} == OPEN


def test_every_form_but_the_check_of_documents_needs_a_token():
    assert [r.path for r in ROUTES if r.method == "POST" and not r.limit] == ["/verify"]


def link_to(path: str) -> str:
    """What a page holds of its own address: the link to its other language."""
    return f'href="{path}?lang='


@pytest.mark.parametrize("role", PEOPLE)
async def test_pages_of_other_roles_do_not_exist(client, world, role):  # noqa: F811
    visitor = await logged_in(client, world, PEOPLE[role])
    ids = {"way": "send", "peer": AUTHORITY.scid or "", "learner": world.ids["aiko"]}
    ids |= {"query": world.ids["aiko.query"]}
    for route in ROUTES:
        if not route.roles or role in route.roles:
            continue
        path = path_for(route, **ids)
        none = f"/{path.split('/')[1]}/none"
        nothing = await visitor.get(none)

        answer = await visitor.send(route.method, path)

        assert answer.status == 404, path
        shown = answer.constant.replace(link_to(path), link_to(none))
        assert shown == nothing.constant


@pytest.mark.parametrize("role", PEOPLE)
async def test_pages_of_ones_own_role_open(client, world, role):  # noqa: F811
    visitor = await logged_in(client, world, PEOPLE[role])
    ids = {"way": "send", "peer": AUTHORITY.scid or "", "learner": world.ids["aiko"]}
    ids |= {"query": world.ids["aiko.query"]}
    for route in ROUTES:
        names = set(re.findall(r"{(\w+)}", route.path))
        if route.method == "GET" and role in route.roles and names <= ids.keys():
            answer = await visitor.get(path_for(route, **ids))
            assert answer.status == 200, route.path


async def test_without_login_every_page_asks_for_one(client):  # noqa: F811
    visitor = Visitor(client)
    for route in ROUTES:
        if route.roles:
            answer = await visitor.send(route.method, path_for(route))
            assert answer.status == 303
            assert answer.location.startswith("/login?next=/")


async def seed_objects(world):  # noqa: F811
    """Give both learners a consent, and the node a delivery that it sent."""
    from tests.node.consents import seed_consent  # noqa: PLC0415

    for name in ("aiko", "taro"):
        world.ids[f"{name}.consent"] = await world.store.write(
            seed_consent, world, name
        )
    taro = world.ids["taro"]
    world.ids["taro.record"] = await world.store.read(_record_of, taro)
    world.ids["taro.right"] = await world.store.write(
        exercising.ask_correction,
        context=world.context,
        learner_id=taro,
        record_id=None,
        item="name",
        wanted="MIHON TARO",
        why="",
        at=world.clock(),
    )
    world.ids["sent"] = secrets.token_hex(16)
    sent = Delivery(
        id=world.ids["sent"],
        direction="out",
        peer=AUTHORITY.scid or "",
        thread=NOBODY,
        message_id=secrets.token_hex(16),
        message_digest="sha-256:x",
        release_id=None,
        consent_id=world.ids["taro.consent"],
        consent_version=1,
        purpose="admission",
        at=START,
        state="released",
        jws=None,
        policy={},
    )
    await world.store.write(
        exchanges.add_delivery, vault=world.context.vault, delivery=sent
    )


FOREIGN = {
    "query": "taro.query",
    "consent": "taro.consent",
    "delivery": "sent",
    "request": "taro.query",
    "record": "taro.record",
    "right": "taro.right",
    "offer": "sent",
}
"""Objects of somebody else, by the name of the id in the path."""


async def test_a_strangers_object_is_answered_like_none(client, world):  # noqa: F811
    await seed_objects(world)
    routes = [r for r in ROUTES if any(f"{{{name}}}" in r.path for name in FOREIGN)]
    assert len(routes) >= 9
    for route in routes:
        (role,) = route.roles - {"guardian"}
        visitor = await logged_in(client, world, PEOPLE[role])
        ids = {name: world.ids[key] for name, key in FOREIGN.items()}
        foreign, nothing = path_for(route, **ids), path_for(route)
        fields = [("decision", "approve")]

        answers = [
            await visitor.send(route.method, path, fields)
            for path in (foreign, nothing)
        ]

        assert [answer.status for answer in answers] == [404, 404], route.path
        shown = answers[0].constant.replace(link_to(foreign), link_to(nothing))
        assert shown == answers[1].constant


async def test_records_of_somebody_else_cannot_be_given_away(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")
    peer = AUTHORITY.scid
    answers = []
    for record in (await world.store.read(_record_of, world.ids["taro"]), NOBODY):
        query = f"recipient={peer}&purpose=admission&record={record}"
        answers.append(await visitor.get(f"/learner/share/code?{query}"))

    assert [answer.status for answer in answers] == [404, 404]
    assert len(answers[0].constant) == len(answers[1].constant)


def _record_of(connection, learner_id):
    from node.store import credentials  # noqa: PLC0415

    return credentials.records(connection, learner_id=learner_id)[0].id


async def test_every_answer_keeps_its_readers_to_themselves(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")

    for path in (
        "/",
        "/learner",
        "/verify",
        "/no/such/page",
        "/style.css",
        "/icon.svg",
    ):
        headers = (await visitor.get(path)).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert (await visitor.get("/learner")).headers["Cache-Control"] == "no-store"


async def test_a_failing_page_says_so_and_nothing_else(
    client,  # noqa: F811
    world,  # noqa: F811
    monkeypatch,
    caplog,
):
    visitor = await logged_in(client, world, "aiko")
    monkeypatch.setattr(pages, "NAVIGATION", {})

    answer = await client.get("/", headers={"Cookie": "a=b"})
    broken = await client.get(
        "/learner",
        headers={"Cookie": "; ".join(map("=".join, visitor.cookies.items()))},
    )

    assert answer.status == 200
    assert broken.status == 500
    assert "Traceback" not in await broken.text()


async def test_pages_run_no_script_and_no_inline_style(client, world):  # noqa: F811
    for role, person in PEOPLE.items():
        visitor = await logged_in(client, world, person)
        for route in ROUTES:
            if route.method == "GET" and role in route.roles and "{" not in route.path:
                text = (await visitor.get(route.path)).text
                assert not re.search(r"<script|<style|\sstyle=|\son\w+=", text), route


async def test_a_form_that_is_too_large_is_not_read(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko")

    answer = await visitor.post("/logout", [("much", "x" * 70_000)])

    assert answer.status == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Encoding": "gzip"},
    ],
)
async def test_what_is_no_form_is_refused(client, headers):  # noqa: F811
    answer = await client.post("/logout", data=b"{}", headers=headers)

    assert answer.status == 400


async def test_a_long_wait_before_a_decision_asks_for_a_login(client, world):  # noqa: F811
    visitor = await logged_in(client, world, "aiko", ago=timedelta(minutes=6))
    path = f"/learner/requests/{world.ids['aiko.query']}"

    page = await visitor.get(path)
    answer = await visitor.post(path, [("decision", "approve")])

    assert "Log in afresh" in page.words
    assert answer.status == 303
    assert answer.location == f"/login/again?next={path}"
