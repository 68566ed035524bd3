"""The third part of the story: everything that must not work, tried for real."""

import json
import secrets
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, select

from node import outbox as composing
from node.context import NodeContext, system_clock
from node.demo.exchange import DCQL, enter, record_of
from node.demo.processes import Processes
from node.demo.stage import Stage, expect
from node.fetch import MESSAGE, Answer, Fetcher, FetchError, fetcher_for
from node.handle import Node
from node.peers import MESSAGE_TYPE
from node.registry import Registry
from node.store.tables import consent as consents
from node.store.tables import query, release
from protocol.exchange import envelope, http_signatures
from protocol.exchange.http_signatures import RequestParts
from protocol.identity.dids import Did

GATE_TABLES = ("consent", "consent_scope", "release", "release_field", "dispatch")


async def refuse(stage: Stage, processes: Processes | None) -> None:
    """Each attempt is made as an attacker would, and each leaves no trace behind."""
    before = await stage.count("university-a", *GATE_TABLES)
    await _beyond_the_consent(stage)
    await _stranger(stage, processes)
    await _replay(stage)
    after = await stage.count("university-a", *GATE_TABLES)
    expect(before == after, f"rows changed: {before} became {after}")
    await _after_the_withdrawal(stage)
    await _by_sql(stage)
    await _unlisted_name(stage)
    await _award_dates(stage)


async def _beyond_the_consent(stage: Stage) -> None:
    wider = json.loads(json.dumps(DCQL))
    wider["credentials"][0]["claims"].append(
        {"id": "b", "path": ["holder", "birth_date"]}
    )
    del wider["credentials"][0]["claim_sets"]
    file = stage.keep(
        "query beyond the consent", json.dumps(wider), "messages/wider.json"
    )
    target = str(stage.world.settings["university-a"].did)
    thread = (
        await stage.lrx(
            *("authority", "query", target, "--dcql", str(file), "--student-number"),
            *(stage.facts["cast"]["graduate"], "--reference", "CASE-2026-00817"),
        )
    ).strip()

    async def taken() -> str | None:
        async with stage.open("university-a") as node:
            return await node.store.read(_query_state, thread)

    state = await stage.until("A to take up the wider query", taken)
    expect(state == "consent-pending", f"the wider query is {state}")
    stage.narrator.say("beyond the consent: 202 like any query; she is asked anew")
    stage.narrator.note(
        "record/query, wider", "authority", "university-a", "202, waits"
    )


def _query_state(connection: Connection, thread: str) -> str | None:
    state = connection.scalar(select(query.c.state).where(query.c.id == thread))
    return None if state in {None, "received", "matching"} else str(state)


@dataclass(frozen=True, slots=True)
class _Captured:
    """A request as it went over the wire."""

    url: str
    headers: dict[str, str]
    body: bytes


async def _request(
    node: Node, fetcher: Fetcher, target: Did, body: dict[str, Any]
) -> _Captured:
    """Sign and encrypt a query without storing it: to be sent by hand."""
    context: NodeContext = node.context
    registry = Registry(node.store, fetcher, context.clock)
    document = (await registry.history(target)).current()
    service = document.lrx_service()
    if service is None:
        raise FetchError(f"{target} takes no messages")
    composed = await node.store.read(
        composing.compose,
        context=context,
        to=target,
        kind="record/query",
        body=body,
        at=context.clock(),
    )
    kid, key = next(iter(document.encryption_keys().items()))
    jwe = envelope.encrypt(composed.jws, to=key, kid=kid)
    url = f"{service.endpoint}/inbox"
    parts = urlsplit(url)
    headers = http_signatures.sign_request(
        RequestParts("POST", parts.netloc, parts.path, "?", MESSAGE_TYPE, jwe),
        key=context.identity.message_key,
        keyid=context.identity.message_kid,
        created=int(context.clock().timestamp()),
        nonce=secrets.token_urlsafe(16),
    )
    return _Captured(url, headers | {"Content-Type": MESSAGE_TYPE}, jwe)


async def _send(fetcher: Fetcher, captured: _Captured) -> tuple[int, str]:
    answer: Answer = await fetcher.request(
        "POST", captured.url, MESSAGE, headers=captured.headers, body=captured.body
    )
    return answer.status, str(json.loads(answer.body).get("code", ""))


def _query_body(stage: Stage, subject: dict[str, Any]) -> dict[str, Any]:
    return {
        "subject": subject,
        "dcql": DCQL,
        "purpose": {"code": "recognition-assessment", "legal_basis": "consent"},
        "recipient_terms": {
            "jurisdiction": "JP",
            "regimes": ["JP-APPI"],
            "retention_days": 180,
            "onward": [],
        },
        "accept": {"formats": ["dc+sd-jwt"]},
        "deadline": int(system_clock().timestamp()) + 86_400,
    }


def _about(stage: Stage) -> dict[str, Any]:
    number = stage.facts["cast"]["graduate"]
    return {
        "match": "identifiers",
        "identifiers": [{"type": "student-number", "value": number}],
    }


async def _stranger(stage: Stage, processes: Processes | None) -> None:
    """A process of its own, with a DID that resolves, known to nobody."""
    if processes is not None:
        await processes.start("stranger")
    target = stage.world.settings["university-a"].did
    fetcher = fetcher_for(stage.world.settings["stranger"])
    try:
        async with stage.open("stranger") as node:
            captured = await _request(
                node, fetcher, target, _query_body(stage, _about(stage))
            )
            status, code = await _send(fetcher, captured)
    finally:
        await fetcher.close()
    expect(
        (status, code) == (401, "e.m.trust.signature"),
        f"the stranger got {status} {code}",
    )
    stage.narrator.say(f"a stranger asks: HTTP {status}, {code}")
    stage.narrator.note("record/query", "stranger", "university-a", f"{status} {code}")


async def _replay(stage: Stage) -> None:
    """The authority's own request, captured and sent again."""
    target = stage.world.settings["university-a"].did
    fetcher = fetcher_for(stage.world.settings["authority"])
    subject = {
        "match": "identifiers",
        "identifiers": [{"type": "student-number", "value": "0099998"}],
    }
    try:
        async with stage.open("authority") as node:
            captured = await _request(
                node, fetcher, target, _query_body(stage, subject)
            )
        first = await _send(fetcher, captured)
        second = await _send(fetcher, captured)
    finally:
        await fetcher.close()
    expect(first[0] == 202, f"the original got {first}")  # noqa: PLR2004
    expect(second == (409, "e.m.trust.replay"), f"the replay got {second}")
    stage.narrator.say(f"the same request again: HTTP {second[0]}, {second[1]}")
    stage.narrator.note(
        "record/query, replayed", "?", "university-a", " ".join(map(str, second))
    )


async def _after_the_withdrawal(stage: Stage) -> None:
    """The graduate grants the employer, withdraws, and only then is asked."""
    recipient = stage.world.settings["employer"].did.scid or ""
    link = await stage.link(
        *("university-a", "--learner", stage.facts["cast"]["graduate"]),
        path="/learner/share/code",
    )
    async with stage.browser("university-a", "en") as browser:
        await enter(browser, link)
        record = await record_of(stage, "diploma-supplement")
        page = await browser.get(
            f"/learner/share/code?recipient={recipient}&purpose=employment"
            f"&record={record}"
        )
        page = await browser.submit(
            page, "/learner/share/code", {"decision": "approve"}
        )
        code = next(iter(page.tree.xpath("//*[@class='code']/text()")), "").strip()
        expect(code, f"no code is shown: {page.text[:500]}")
        async with stage.open("university-a") as node:
            consent_id = await node.store.read(_last_consent, recipient)
        path = f"/learner/consents/{consent_id}/withdraw"
        await browser.submit(await browser.get(path), path, {})
    before = await stage.count("university-a", "release", "dispatch")
    file = stage.out / "messages" / "dcql.json"
    target = str(stage.world.settings["university-a"].did)
    thread = (
        await stage.lrx(
            *("employer", "query", target, "--dcql", str(file), "--grant", code),
            *("--purpose", "employment"),
        )
    ).strip()

    async def taken() -> str | None:
        async with stage.open("university-a") as node:
            return await node.store.read(_query_state, thread)

    state = await stage.until("A to take up the employer's query", taken)
    after = await stage.count("university-a", "release", "dispatch")
    expect(state == "waiting", f"the employer's query is {state}")
    expect(before == after, f"a release was written: {before} became {after}")
    stage.narrator.say(
        "the employer asks after the withdrawal: 202, and nothing goes out"
    )
    stage.narrator.note("record/query", "employer", "university-a", "202, no release")


def _last_consent(connection: Connection, recipient: str) -> str:
    found = connection.scalar(
        select(consents.c.id)
        .where(consents.c.recipient == recipient)
        .order_by(consents.c.id.desc())
    )
    return str(found)


async def _by_sql(stage: Stage) -> None:
    """Somebody with the database file and a shell tries to get round the gate."""
    database = stage.world.home("university-a") / "node.db"
    async with stage.open("university-a") as node:
        known = await node.store.read(_some_release)
    before = await stage.count("university-a", *GATE_TABLES)
    for what, statement in _statements(known):
        reason = _try(database, statement)
        expect(reason, f"{what}: the database let it happen")
        stage.narrator.say(f"{what}: {reason}")
    after = await stage.count("university-a", *GATE_TABLES)
    expect(before == after, f"rows changed: {before} became {after}")
    stage.narrator.note("hand-written SQL", "?", "university-a", "refused by triggers")


def _some_release(connection: Connection) -> dict[str, Any]:
    row = connection.execute(select(release).order_by(release.c.id)).mappings().first()
    return dict(row or {})


def _statements(known: dict[str, Any]) -> list[tuple[str, str]]:
    consent_id, id_ = known["consent_id"], known["id"]
    fresh = secrets.token_hex(16)
    return [
        (
            "a release without consent",
            (
                "insert into release select "
                f"'{fresh}', consent_id, consent_version, learner, 'somebody', "
                "purpose, payload_digest, null, unixepoch() from release "
                f"where id='{id_}'"
            ),
        ),
        (
            "a second use of a consent for one",
            (
                "insert into release select "
                f"'{fresh}', consent_id, consent_version, learner, recipient, purpose, "
                f"payload_digest, null, unixepoch() from release where id='{id_}'"
            ),
        ),
        (
            "one more field in a scope",
            (
                "insert into consent_scope values "
                f"('{consent_id}', 1, 'r', '[\"holder\",\"birth_date\"]')"
            ),
        ),
        (
            "a withdrawn consent made live",
            "update consent set status='granted' where status='withdrawn'",
        ),
        (
            "a release sent to somebody else",
            f"update release set recipient='somebody' where id='{id_}'",
        ),
        (
            "an earlier dispatch erased",
            f"delete from dispatch where release_id='{id_}'",
        ),
    ]


def _try(database: Path, statement: str) -> str:
    connection = sqlite3.connect(database, timeout=10, isolation_level=None)
    try:
        connection.execute(statement)
    except sqlite3.Error as error:
        return str(error)
    finally:
        connection.close()
    return ""


async def _unlisted_name(stage: Stage) -> None:
    fetcher = fetcher_for(stage.world.settings["university-a"])
    try:
        for url in (
            "https://elsewhere.test/",
            "https://127.0.0.1/",
            "https://localhost/",
        ):
            try:
                await fetcher.get(url, MESSAGE)
            except FetchError as error:
                stage.narrator.say(f"A asked to fetch {url}: {error}")
            else:
                expect(False, f"{url} was fetched")  # noqa: FBT003
    finally:
        await fetcher.close()


async def _award_dates(stage: Stage) -> None:
    """A diploma of the first accredited day, and one of the day before."""
    for who, expected in (("first_day", "valid"), ("day_before", "invalid")):
        file = stage.out / "credentials" / who / "diploma-supplement.json"
        out = await stage.lrx(
            *("authority", "verify", str(file), "--policy", "recognition", "--json"),
            expected=(0, 1),
        )
        found = json.loads(out)["findings"]["issuer_accredited_at_award"]
        expect(found["result"] == expected, f"{who}: {found}")
        stage.narrator.say(f"awarded {who.replace('_', ' ')}: {found['reason']}")
    sys.stdout.flush()
