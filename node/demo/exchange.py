"""The second part of the story: consent, deliver, push."""

import json
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, select

from node.demo.browser import Browser, Page
from node.demo.stage import Stage, expect
from node.handle import Node
from node.matching import STUDENT_NUMBER, number_value
from node.store import audit, credentials, exchanges, learners, messages
from node.store.tables import delivery, delivery_item, outbox, request
from protocol.exchange import envelope
from protocol.identity.multibase import from_base64url

WITHHELD = ("holder", "name_kana")
"""The optional field the learner switches off."""
DCQL: dict[str, Any] = {
    "credentials": [
        {
            "id": "degree",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": ["https://lrx.example/vct/diploma-supplement/1"]},
            "claims": [
                {"id": "f", "path": ["holder", "family_name"]},
                {"id": "g", "path": ["holder", "given_name"]},
                {"id": "t", "path": ["qualification", "title"]},
                {"id": "l", "path": ["qualification", "level"]},
                {"id": "d", "path": ["qualification", "awarded_on"]},
                {"id": "k", "path": list(WITHHELD)},
            ],
            "claim_sets": [
                ["f", "g", "t", "l", "d", "k"],
                ["f", "g", "t", "l", "d"],
            ],
        },
        {
            "id": "transcript",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": ["https://lrx.example/vct/transcript/1"]},
            "claims": [
                {"path": ["programme", "name"]},
                {"path": ["results", None, "title"]},
                {"path": ["results", None, "credits"]},
                {"path": ["results", None, "grade"]},
            ],
        },
    ]
}
MAIL = "aiko.mihon@example.test"


async def consent(stage: Stage) -> None:
    """The authority asks; the graduate looks, switches one field off, approves."""
    dcql = stage.keep("query (DCQL)", json.dumps(DCQL, indent=1), "messages/dcql.json")
    number = stage.facts["cast"]["graduate"]
    link = await stage.link(
        "university-a",
        *("--learner", number, "--email", MAIL, "--language", "ja"),
    )
    expect("/login/" in link, f"expected a login link, found {link}")
    thread = await _ask(stage, number, str(dcql))
    nobody = await _ask(stage, "0099999", str(dcql))
    stage.facts["thread"] = thread
    answers = [await _accepted(stage, one) for one in (thread, nobody)]
    expect(answers == ["sent", "sent"], f"the two queries were answered {answers}")
    stage.narrator.say(
        "A answered both queries, about her and about nobody, alike: 202"
    )
    stage.narrator.note("record/query", "authority", "university-a", "202")
    page_link = await stage.mail_link("university-a", f"/learner/requests/{thread}")
    stage.narrator.say("the graduate got a mail in Japanese with a link and no data")
    # The link of the first invitation is old by now in real life: a new one is made.
    login = await stage.link(
        "university-a", "--learner", number, path=f"/learner/requests/{thread}"
    )
    async with stage.browser("university-a", "ja") as browser:
        page = await enter(browser, login)
        expect(page_link.endswith(f"/learner/requests/{thread}"), page_link)
        page = await browser.get(f"/learner/requests/{thread}")
        value = await _withheld_value(stage, thread)
        expect(value in page.text, "the page does not show the value that would go out")
        stage.facts["withheld"] = {"path": list(WITHHELD), "value": value}
        done = await browser.submit(
            page, f"/learner/requests/{thread}", {"optional": [], "decision": "approve"}
        )
        expect(done.status == 200, f"approving answered {done.status}")  # noqa: PLR2004
    stage.narrator.say("she saw each value, switched her name in kana off, approved")


async def enter(browser: Browser, link: str) -> Page:
    """Follow a login link: look at it, then use it up."""
    page = await browser.get(link)
    return await browser.submit(page, urlsplit(link).path)


async def _ask(stage: Stage, number: str, dcql: str) -> str:
    target = str(stage.world.settings["university-a"].did)
    out = await stage.lrx(
        *("authority", "query", target, "--dcql", dcql, "--student-number", number),
        *("--reference", "CASE-2026-00817", "--text"),
        "Assessment of a foreign degree for admission to a regulated profession",
    )
    return out.strip()


async def _accepted(stage: Stage, message_id: str) -> str:
    async def look() -> str | None:
        async with stage.open("authority") as node:
            state = await node.store.read(_outbox_state, message_id)
        return state if state != "queued" else None

    return await stage.until("the answer to a query", look)


def _outbox_state(connection: Connection, message_id: str) -> str:
    state = connection.scalar(select(outbox.c.state).where(outbox.c.id == message_id))
    return str(state)


async def _withheld_value(stage: Stage, thread: str) -> str:
    file = stage.out / "credentials" / "diploma-supplement.json"
    record = json.loads(file.read_text(encoding="utf-8"))["credentialSubject"]
    for name in WITHHELD:
        record = record[name]
    return str(record)


async def deliver(stage: Stage) -> None:
    """It arrives: verified at the award date, receipted, nothing more than agreed."""
    thread = stage.facts["thread"]

    async def received() -> str | None:
        async with stage.open("authority") as node:
            return await node.store.read(_delivery_in, thread)

    delivery_id = await stage.until("the delivery at the authority", received)
    stage.facts["delivery"] = delivery_id
    async with stage.open("authority") as node:
        verdicts = await node.store.read(_verdicts, delivery_id)
        await _keep_items(stage, node, delivery_id)
    for item, verdict in verdicts.items():
        stage.narrator.say(f"the authority's verdict on {item}: {verdict['overall']}")
        expect(verdict["overall"] == "valid", f"{item}: {verdict}")
        stage.narrator.note(f"{item} (SD-JWT)", "university-a", "authority", "valid")

    async def receipted() -> bool:
        async with stage.open("university-a") as node:
            return await node.store.read(_receipt_of, thread)

    await stage.until("the receipt at A", receipted)
    stage.narrator.note("record/receipt", "authority", "university-a", "signed")
    await _both_logs(stage)
    await _nowhere(stage)


async def verdicts_of(stage: Stage, key: str, delivery_id: str) -> dict[str, Any]:
    """Return the verdict on each item of a delivery, as a node has it now."""
    async with stage.open(key) as node:
        return await node.store.read(_verdicts, delivery_id)


def _delivery_in(connection: Connection, thread: str) -> str | None:
    query = select(delivery.c.id).where(
        delivery.c.thread == thread, delivery.c.direction == "in"
    )
    return connection.scalar(query)


def _receipt_of(connection: Connection, thread: str) -> bool:
    query = select(delivery.c.receipt_id).where(
        delivery.c.thread == thread, delivery.c.direction == "out"
    )
    return connection.scalar(query) is not None


def _verdicts(connection: Connection, delivery_id: str) -> dict[str, Any]:
    query = select(delivery_item.c.item_id, delivery_item.c.verdict).where(
        delivery_item.c.delivery_id == delivery_id
    )
    return {row.item_id: row.verdict for row in connection.execute(query)}


async def _keep_items(stage: Stage, node: Node, delivery_id: str) -> None:
    def read(connection: Connection) -> tuple[list[Any], Any]:
        vault = node.context.vault
        return (
            exchanges.items(connection, vault=vault, delivery_id=delivery_id),
            exchanges.delivery(connection, vault=vault, id=delivery_id),
        )

    items, whole = await node.store.read(read)
    for item in items:
        stage.keep(
            f"delivered {item.item_id}", item.octets, f"delivered/{item.item_id}.sd-jwt"
        )
    stage.keep("record/deliver (JWS)", whole.jws, "messages/deliver.jws.json")
    stage.keep("record/receipt (JWS)", whole.receipt_jws, "messages/receipt.jws.json")


async def _both_logs(stage: Stage) -> None:
    for key, kinds in (
        ("university-a", {"release", "dispatch", "receipt"}),
        ("authority", {"delivery-received"}),
    ):
        async with stage.open(key) as node:
            found = await node.store.read(
                audit.events, vault=node.context.vault, limit=100_000
            )
        missing = kinds - {event.kind for event in found}
        expect(not missing, f"the log of {key} lacks {missing}")
        await stage.lrx(key, "audit", "verify")
    stage.narrator.say("both logs have the entry, and both verify")


async def _nowhere(stage: Stage) -> None:
    """Look for the withheld value in everything the authority holds, opened."""
    value = stage.facts["withheld"]["value"]
    async with stage.open("authority") as node:
        texts = await node.store.read(_everything, node)
    expect(texts, "nothing could be opened at the authority")
    for place, text in texts:
        expect(value not in text, f"the withheld value stands in {place}")
    raw = value.encode()
    for file in stage.world.home("authority").glob("node.db*"):
        expect(
            raw not in file.read_bytes(), f"the withheld value stands in {file.name}"
        )
    stage.narrator.say(
        f"the withheld value is in none of {len(texts)} opened texts there"
    )


def _everything(connection: Connection, node: Node) -> list[tuple[str, str]]:
    """Open every sealed text of a requester's node, SD-JWT disclosures decoded."""
    vault = node.context.vault
    found: list[tuple[str, str]] = []
    for row in exchanges.deliveries(connection, vault=vault):
        for name in ("jws", "receipt_jws"):
            octets = getattr(row, name)
            if octets:
                payload = envelope.read(octets).payload
                found.append((f"{name} of {row.id}", payload.decode()))
        for item in exchanges.items(connection, vault=vault, delivery_id=row.id):
            found += [
                (f"disclosure in {item.item_id}", text)
                for text in decoded(item.octets or b"")
            ]
    for id_ in connection.scalars(select(request.c.id)):
        asked = exchanges.request(connection, vault=vault, id=id_)
        found.append((f"request {id_}", (asked.body if asked else b"").decode()))
    for incoming in messages.received_all(connection, vault=vault):
        payload = envelope.read(incoming.jws).payload
        found.append((f"inbox {incoming.id}", payload.decode()))
    return found


def decoded(octets: bytes) -> list[str]:
    """Return every base64url part of an SD-JWT as text, where it is text."""
    parts = octets.decode(errors="replace").replace(".", "~").split("~")
    return [from_base64url(p).decode(errors="replace") for p in parts if p]


async def push(stage: Stage) -> None:
    """The graduate sends her transcript from A to B."""
    recipient = stage.world.settings["university-b"].did.scid
    link = await stage.link(
        *("university-a", "--learner", stage.facts["cast"]["graduate"]),
        path="/learner/share/send",
    )
    async with stage.browser("university-a", "en") as browser:
        await enter(browser, link)
        record = await record_of(stage, "transcript")
        page = await browser.get(
            f"/learner/share/send?recipient={recipient}&purpose=admission"
            f"&record={record}"
        )
        await browser.submit(
            page,
            "/learner/share/send",
            {"reference": "APPL-2027-5530921", "decision": "approve"},
        )

    async def arrived() -> str | None:
        async with stage.open("university-b") as node:
            return await node.store.read(_last_in)

    delivery_id = await stage.until("the transcript at B", arrived)
    async with stage.open("university-b") as node:
        verdicts = await node.store.read(_verdicts, delivery_id)
    overall = next(iter(verdicts.values()))["overall"]
    expect(overall == "valid", f"B's verdict: {verdicts}")
    counts = await stage.count("university-b", "record", "credential")
    expect(counts == {"record": 0, "credential": 0}, f"B took it as its own: {counts}")
    stage.narrator.say("B accepted the offer, verified the transcript, keeps it beside")
    stage.narrator.note("transcript (push)", "university-a", "university-b", overall)


async def record_of(stage: Stage, kind: str) -> str:
    """Return the id of the graduate's record of one kind."""
    number = stage.facts["cast"]["graduate"]
    async with stage.open("university-a") as node:
        return await node.store.read(_record_of, node, number, kind)


def _record_of(connection: Connection, node: Node, number: str, kind: str) -> str:
    hashed = node.context.vault.match_hash(STUDENT_NUMBER, number_value(number))
    learner_id = learners.learners_by_hash(connection, hashes=[hashed])[hashed][0]
    held = credentials.current(
        connection, vault=node.context.vault, learner_id=learner_id
    )
    return next(one.record_id for one in held if one.kind == kind)


def _last_in(connection: Connection) -> str | None:
    query = select(delivery.c.id).where(delivery.c.direction == "in")
    return connection.scalar(query.order_by(delivery.c.at.desc()))
