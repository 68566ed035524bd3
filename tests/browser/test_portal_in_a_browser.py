"""The portal in a real browser: on a phone, on a desk, on paper, in the dark.

`make test-browser` installs what this needs; `SHOTS=folder` keeps pictures.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from aiohttp import web

from node.services import exercising, inviting
from node.store import credentials
from node.web.portal import build_portal
from tests.node.consents import seed_consent
from tests.node.portal_fixtures import populated, world  # noqa: F401 - fixtures
from tests.node.portal_world import AUTHORITY
from tests.node.test_portal_officer import deliver
from tests.node.test_portal_terms import answer_beyond
from tests.node.verify_world import verifier

playwright = pytest.importorskip("playwright.async_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium"),
]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
CONTRAST = """() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = rgb(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !e.checkVisibility()) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([e.tagName, e.textContent.trim().slice(0, 40), ratio]);
  }
  return poor;
}"""
UNNAMED = """() => [...document.querySelectorAll("input,select,textarea,button,a")]
  .filter(e => e.type !== "hidden" && e.checkVisibility())
  .filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim()))
  .map(e => e.outerHTML.slice(0, 100))"""


@pytest.fixture
async def origin(world):  # noqa: F811
    """The portal behind a real socket."""

    async def reverify(*_):
        return None

    app = build_portal(
        store=world.store,
        context=world.context,
        verify=verifier(world),
        reverify=reverify,
    )
    runner = web.AppRunner(app, auto_decompress=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://localhost:{port}"
    await runner.cleanup()


@pytest.fixture
async def browser():
    async with playwright.async_playwright() as engine:
        found = await engine.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield found
        await found.close()


async def person(browser, world, origin, name=None, **options):  # noqa: F811
    """Open a browser window in which `name` is logged in."""
    context = await browser.new_context(**({"locale": "ja"} | options))
    page = await context.new_page()
    complaints = []
    page.on("console", lambda said: complaints.append(said.text))
    page.complaints = complaints
    if name:
        link = await world.store.write(
            inviting.invite,
            context=world.context,
            person_id=world.ids[f"person.{name}"],
            at=world.clock(),
        )
        await page.goto(link.replace(world.context.settings.portal_origin, origin))
        await follow(page, "main button")
    await page.goto(f"{origin}/?lang={options.get('locale', 'ja')}")
    return page


async def follow(page, selector):
    """Click what leads to another page, and wait until that page is there."""
    async with page.expect_navigation():
        await page.click(selector)


async def keep(page, name):
    """Keep a picture of the page, if somebody wants pictures."""
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def assert_fits(page):
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"], page.url


async def test_a_decision_on_a_phone(browser, world, origin):  # noqa: F811
    page = await person(browser, world, origin, "aiko", viewport=PHONE)
    await follow(page, "text=内容を見る")
    await assert_fits(page)
    average = page.get_by_role("switch", name="GPA")
    assert await average.is_checked()
    await average.uncheck()
    await keep(page, "request-phone")

    await follow(page, "text=承認して送る")

    assert "承認しました" in await page.inner_text("main")
    assert "GPA" not in await page.inner_text("main")
    await keep(page, "sent-phone")
    await follow(page, "text=取り消す")
    await follow(page, "main button")
    assert "取消済み" in await page.inner_text("main")
    assert page.complaints == []


PAGES = {
    None: ["/", "/login", "/verify", "/login/abc", "/nothing/here"],
    "aiko": [
        "/learner",
        "/learner/requests/{aiko.query}",
        "/learner/consents",
        "/learner/share/send",
        "/learner/share/code?recipient={peer}&purpose=admission&record={record}",
        "/learner/access",
        "/learner/records/{record}",
        "/learner/offers/{offer}",
        "/learner/rights",
        "/learner/rights/data",
        "/learner/rights/correction?record={record}",
        "/learner/rights/erasure",
        "/learner/rights/{right}",
        "/login/again",
    ],
    "registrar": [
        "/registrar",
        "/registrar/import",
        "/registrar/quarantine",
        "/registrar/learners?q=0022001",
        "/registrar/learners/{aiko}?reason=issue",
        "/registrar/issue?list=yes&kind=transcript&kind=enrolment-certificate",
        "/registrar/rights",
        "/registrar/rights/{right}",
        "/registrar/peers",
        "/registrar/peers/{peer}",
        "/registrar/audit",
    ],
    "officer": [
        "/authority",
        "/authority/ask",
        "/authority/ask?peer={peer}&kind=diploma-supplement",
        "/authority/deliveries/{delivery}",
        "/authority/deliveries/{delivery}/items/diploma_supplement",
    ],
}


def _first_record(connection, learner_id):
    return credentials.records(connection, learner_id=learner_id)[0].id


def _right(connection, world):  # noqa: F811
    return exercising.ask_end(
        connection,
        context=world.context,
        learner_id=world.ids["aiko"],
        kind="erasure",
        record_id=None,
        ground="no-longer-needed",
        why="卒業して、もう必要がないため",
        at=world.clock(),
    )


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("name", PAGES)
async def test_pages_can_be_read_by_everybody(browser, world, origin, name, scheme):  # noqa: F811
    ids = dict(world.ids) | {
        "peer": AUTHORITY.scid,
        "delivery": await world.store.write(deliver, world),
        "record": await world.store.read(_first_record, world.ids["aiko"]),
        "right": await world.store.write(_right, world),
        "offer": await world.store.write(answer_beyond, world),
    }
    for locale, viewport in (("ja", PHONE), ("en", DESK)):
        page = await person(
            *(browser, world, origin, name),
            locale=locale,
            viewport=viewport,
            color_scheme=scheme,
        )
        for path in PAGES[name]:
            filled = re.sub(r"{([\w.]+)}", lambda match: ids[match[1]], path)
            await page.goto(origin + filled)
            await assert_fits(page)
            assert await page.locator("h1").count() == 1, path
            assert await page.get_attribute("html", "lang") == locale
            assert await page.evaluate(UNNAMED) == [], path
            assert await page.evaluate(CONTRAST) == [], path
            await keep(
                page, f"{path.split('?')[0].strip('/').replace('/', '-')}-{locale}"
            )
        # A page that is not there is said to be so on the console, and nothing else.
        assert [c for c in page.complaints if "404" not in c] == []


async def test_a_verdict_fits_on_one_sheet(browser, world, origin, tmp_path):  # noqa: F811
    stored = await world.store.read(
        credentials.credential,
        vault=world.context.vault,
        id=world.ids["aiko.diploma-supplement"],
    )
    file = tmp_path / "diploma.json"
    file.write_text(json.dumps(stored.vc))
    for locale in ("ja", "en"):
        page = await person(browser, world, origin, locale=locale, viewport=DESK)
        await page.goto(f"{origin}/verify")
        await page.set_input_files("#file", file)
        await follow(page, "main button")
        await keep(page, f"verdict-{locale}")

        printed = await page.pdf(prefer_css_page_size=True, format="A4")

        assert re.findall(rb"/Count (\d+)", printed) == [b"1"]


async def test_everything_held_prints_on_numbered_sheets(browser, world, origin):  # noqa: F811
    await world.store.write(seed_consent, world, "aiko")
    for locale in ("ja", "en"):
        page = await person(
            browser, world, origin, "aiko", locale=locale, viewport=DESK
        )
        await page.goto(f"{origin}/learner/rights/data")
        printed = await page.pdf(prefer_css_page_size=True)
        if folder := os.environ.get("SHOTS"):
            (Path(folder) / f"data-{locale}.pdf").write_bytes(printed)

        pages = max(map(int, re.findall(rb"/Count (\d+)", printed)))
        assert 3 <= pages <= 12
        assert b"/MediaBox [0 0 594" in printed or b"/MediaBox [0 0 595" in printed
        await page.emulate_media(media="print")
        hidden = page.locator("nav, form, .tools, .foot, .actions, summary")
        for n in range(await hidden.count()):
            assert not await hidden.nth(n).is_visible()


async def test_the_session_is_out_of_reach_of_scripts(browser, world, origin):  # noqa: F811
    page = await person(browser, world, origin, "aiko", viewport=PHONE)

    assert await page.evaluate("document.cookie") == ""
    (session, *_) = [
        cookie
        for cookie in await page.context.cookies()
        if cookie["name"].startswith("__Host-lrx-") and len(cookie["value"]) > 40
    ]
    assert session["secure"]
    assert session["httpOnly"]


async def test_a_keyboard_reaches_the_content_first(browser, world, origin):  # noqa: F811
    page = await person(browser, world, origin, "aiko", viewport=DESK, locale="en")

    await page.goto(f"{origin}/learner")
    await page.keyboard.press("Tab")

    assert (
        await page.evaluate("document.activeElement.textContent") == "Skip to content"
    )
