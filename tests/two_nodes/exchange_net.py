"""Real nodes in this process, over TLS on loopback, and people to exchange about."""

import asyncio
import contextlib
import json
import os
import secrets
import socket
import ssl
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from adapters.mapping import read_mapping
from node.app import Running
from node.config import config_folder
from node.demo.data import generate
from node.demo.network import loopback
from node.demo.world import World, create
from node.holdings import record_of
from node.matching import hashes_of
from node.peers import Outcome
from node.services import (
    consenting,
    delivering,
    importing,
    issuing,
    peering,
    proposing,
    requesting,
)
from node.services.gathering import compose as compose_record
from node.services.importing import ImportFile
from node.store import consents, credentials, exchanges, learners, messages, people
from node.store import peers as peer_store
from node.store.learners import StoredRecord
from node.store.tables import metadata
from protocol.credentials.claims_paths import format_path, leaves
from protocol.exchange import envelope, http_signatures
from protocol.exchange import messages as wire
from protocol.exchange.http_signatures import RequestParts, ResponseParts
from protocol.identity.dids import Did

A, B, R, COUNCIL = "university-a", "university-b", "authority", "accreditor"
MESSAGE = "application/didcomm-encrypted+json"
CATALOGUE = "catalogue-a.toml"
PURPOSE = "recognition-assessment"
DIPLOMA: dict[str, Any] = {
    "credentials": [
        {
            "id": "degree",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": ["https://lrx.example/vct/diploma-supplement/1"]},
            "claims": [
                {"id": "f", "path": ["holder", "family_name"]},
                {"id": "t", "path": ["qualification", "title"]},
                {"id": "d", "path": ["qualification", "awarded_on"]},
                {"id": "k", "path": ["holder", "name_kana"]},
            ],
            "claim_sets": [["f", "t", "d", "k"], ["f", "t", "d"]],
        }
    ]
}


@dataclass(slots=True)
class Clock:
    """The present of every node here, which a test may move."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass(frozen=True, slots=True)
class Person:
    """A learner of one of the nodes."""

    id: str
    number: str
    family: str
    kana: str

    @property
    def subject(self) -> dict[str, Any]:
        return about(self.number)


def about(number: str) -> dict[str, Any]:
    """Name a learner by number."""
    identifier = {"type": "student-number", "value": number}
    return {"match": "identifiers", "identifiers": [identifier]}


def by_grant(code: str) -> dict[str, Any]:
    return {"match": "grant", "grant": code}


_NUMBER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PORTS = cycle(range(20_000 + 3_000 * (_NUMBER % 4), 23_000 + 3_000 * (_NUMBER % 4)))
"""Of this process, and below those the system hands to whoever calls out: a node that
stops for a while must find its own again."""


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on."""
    found: list[int] = []
    while len(found) < count:
        port = next(_PORTS)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            found.append(port)
    return found


def members(*keys: str) -> list[Any]:
    """Return members of the demo's cast on ports of their own."""
    found = []
    for member in loopback():
        if member.key in keys:
            door, portal = free_ports(2)
            found.append(
                replace(
                    member,
                    reached_at=f"127.0.0.1:{door}",
                    listen=f"127.0.0.1:{door}",
                    portal_listen=f"127.0.0.1:{portal}",
                    portal_origin=f"http://localhost:{portal}",
                )
            )
    return found


async def until(look: Any, *, seconds: float = 15) -> Any:
    """Wait until the coroutine function `look` returns something."""
    async with asyncio.timeout(seconds):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.02)


@cache
def graduate() -> Any:
    """Return the demo's graduate, read from the exports."""
    made = generate(students=0)
    folder = config_folder() / "demo"
    files = [
        ImportFile(
            name,
            octets,
            read_mapping((folder / name).with_suffix(".toml").read_bytes(), file=name),
        )
        for name, octets in made.files.items()
    ]
    prepared = importing.prepare(files, at=datetime.now(UTC))
    return compose_record(prepared.gathered.drafts[made.graduate.number], None)


@dataclass(slots=True)
class Net:
    """Nodes at work."""

    world: World
    clock: Clock
    nodes: dict[str, Running] = field(default_factory=dict)

    # --- who is who

    def did(self, key: str) -> Did:
        return self.world.settings[key].did

    def peer(self, key: str) -> str:
        return self.did(key).scid or ""

    def context(self, key: str) -> Any:
        return self.nodes[key].context

    async def write(self, key: str, fn: Any, **more: Any) -> Any:
        """Run a store function or use case that takes the context."""
        node = self.nodes[key]
        return await node.store.write(fn, context=node.context, **more)

    async def read(self, key: str, fn: Any, **more: Any) -> Any:
        return await self.nodes[key].store.read(fn, **more)

    async def start(self, key: str) -> None:
        self.nodes[key] = await Running.start(
            self.world.settings[key], clock=self.clock
        )

    async def stop(self, *keys: str) -> None:
        for key in keys or list(self.nodes):
            await self.nodes.pop(key).stop()

    async def introduce(self, key: str, target: str, *purposes: str) -> None:
        """Let `key` introduce itself, and wait until both trust each other."""
        await self.write(
            key,
            peering.introduce,
            did=self.did(target),
            purposes=purposes,
            at=self.clock(),
        )
        await until(lambda: self.is_in(key, target, "trusted"))

    async def is_in(self, key: str, target: str, state: str) -> bool:
        row = await self.read(key, peer_store.peer, id=self.peer(target))
        return row is not None and row.state == state

    # --- people

    async def add_person(self, key: str = A, *, mail: bool = True) -> Person:
        """Add a graduate to a node and issue a diploma to them."""
        number = f"{secrets.randbelow(10**9):09}"
        family = f"Zaifu{secrets.token_hex(4)}"
        kana = "".join(secrets.choice("アイウエオカキクケコ") for _ in range(12))
        learner_id = secrets.token_hex(16)
        await self.write(
            key,
            _add_person,
            learner_id=learner_id,
            number=number,
            family=family,
            kana=kana,
            mail=mail,
            at=self.clock(),
        )
        return Person(learner_id, number, family, kana)

    async def grant(self, person: Person, *, to: str = R, **more: Any) -> Any:
        """Let a person grant everything of their diploma to a peer."""
        return await self.write(
            A,
            _grant,
            person=person,
            **{
                "recipient": more.pop("recipient", None) or self.peer(to),
                "purpose": PURPOSE,
                "at": self.clock(),
            }
            | more,
        )

    # --- asking

    async def ask(self, subject: Mapping[str, Any], **more: Any) -> str:
        """Let the authority ask A; return the thread."""
        at = self.clock()
        values = {
            "peer": self.peer(more.pop("of", A)),
            "dcql": DIPLOMA,
            "purpose": PURPOSE,
            "reference": "CASE-1",
            "text": {"en": "to be assessed"},
            "deadline": at + timedelta(days=7),
            "at": at,
        }
        by = more.pop("by", R)
        return await self.write(by, requesting.ask, subject=subject, **values | more)

    async def query_state(self, thread: str, key: str = A) -> str:
        node = self.nodes[key]
        found = await node.store.read(
            exchanges.query, vault=node.context.vault, id=thread
        )
        return found.state if found else ""

    async def request_state(self, thread: str, key: str = R) -> str:
        node = self.nodes[key]
        found = await node.store.read(
            exchanges.request, vault=node.context.vault, id=thread
        )
        return found.state if found else ""

    async def settles(self, thread: str, state: str, key: str = R) -> None:
        """Wait until a request has come to `state`."""

        async def look() -> bool:
            return await self.request_state(thread, key) == state

        await until(look)

    async def comes_to(self, thread: str, *states: str) -> str:
        """Wait until a query at A is in one of `states`."""

        async def look() -> str:
            state = await self.query_state(thread)
            return state if state in states else ""

        return await until(look)

    async def approve(self, thread: str, person: Person, *optional: str) -> str:
        at = self.clock()
        return await self.write(
            A,
            consenting.approve,
            query_id=thread,
            learner_id=person.id,
            chosen_optional=frozenset(optional),
            language="en",
            login_at=at,
            at=at,
        )

    async def delivery(self, key: str, thread: str, direction: str = "in") -> Any:
        """Return the delivery of a thread, waiting for it."""
        node = self.nodes[key]

        async def look() -> Any:
            for one in await node.store.read(
                exchanges.deliveries, vault=node.context.vault
            ):
                if (one.thread, one.direction) == (thread, direction):
                    return one
            return None

        return await until(look)

    async def items(self, key: str, delivery_id: str) -> list[Any]:
        node = self.nodes[key]
        return await node.store.read(
            exchanges.items, vault=node.context.vault, delivery_id=delivery_id
        )

    async def receipted(self, thread: str) -> Any:
        """Wait for the receipt of a delivery A made in `thread`."""

        async def look() -> Any:
            found = await self.delivery(A, thread, "out")
            return found if found.receipt_id else None

        return await until(look)

    async def rows(self, key: str, table: str, *columns: str) -> list[Any]:
        def read(connection: Any) -> list[Any]:
            chosen = metadata.tables[table]
            picked = [chosen.c[name] for name in columns] if columns else [chosen]
            return list(connection.execute(select(*picked)).all())

        return await self.nodes[key].store.read(read)

    async def count(self, key: str, *tables: str) -> list[int]:
        def read(connection: Any) -> list[int]:
            return [
                connection.scalar(select(func.count()).select_from(metadata.tables[t]))
                for t in tables
            ]

        return await self.nodes[key].store.read(read)

    async def inbox_row(self, key: str, sender: str, id_: str) -> Any:
        """Return state and problem of a received message, once it was acted on."""

        async def look() -> Any:
            rows = await self.rows(key, "inbox", "peer", "id", "state", "problem")
            for peer, found, state, problem in rows:
                if (peer, found) == (self.peer(sender), id_) and state != "pending":
                    return state, problem
            return None

        return await until(look)

    # --- by hand

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.world.home(A) / "ca.pem"))

    def message(
        self, sender: str, to: str, kind: str, body: Mapping[str, Any], **more: Any
    ) -> bytes:
        """Return the octets of a message that is stored nowhere."""
        at = more.pop("at", self.clock())
        return wire.compose(
            kind,
            id=more.pop("id", None) or wire.new_id(at, secrets.token_bytes(10)),
            from_=self.did(sender),
            to=self.did(to),
            body=body,
            at=at,
            expires=more.pop("expires", at + timedelta(days=1)),
            **more,
        )

    def signed(self, sender: str, payload: bytes) -> bytes:
        keys = self.context(sender).identity
        return envelope.sign(payload, key=keys.message_key, kid=keys.message_kid)

    def sealed(self, to: str, jws: bytes) -> bytes:
        ((kid, key),) = self.context(to).identity.decryption.items()
        return envelope.encrypt(jws, to=key.encryption_key, kid=kid)

    async def post(self, sender: str, to: str, body: bytes, **more: Any) -> Any:
        """Sign and post octets; return HTTP status and the body of the answer."""
        call = self.call(sender, to, body, **more)
        return await self.exchange(to, call)

    async def tell(
        self, sender: str, to: str, kind: str, body: Mapping[str, Any], **more: Any
    ) -> tuple[int, dict[str, Any]]:
        """Send one message made by hand; return status and answer."""
        route = more.pop("route", "/inbox")
        jws = self.signed(sender, self.message(sender, to, kind, body, **more))
        answer = await self.post(sender, to, self.sealed(to, jws), route=route)
        return answer.status, json.loads(answer.body)

    def call(self, sender: str, to: str, body: bytes, **more: Any) -> "Call":
        """Return a signed request, to be bent and sent."""
        keys = self.context(sender).identity
        authority = self.world.settings[to].authority
        parts = RequestParts(
            "POST",
            authority,
            f"/lrx/1{more.pop('route', '/inbox')}",
            "?",
            more.pop("media_type", MESSAGE),
            body,
        )
        nonce = more.pop("nonce", None) or secrets.token_urlsafe(16)
        headers = http_signatures.sign_request(
            parts,
            key=keys.message_key,
            keyid=keys.message_kid,
            created=int(more.pop("at", self.clock()).timestamp()),
            nonce=nonce,
        )
        return Call(parts, nonce, [("Host", authority), *headers.items()])

    async def exchange(self, to: str, call: "Call") -> "Answer":
        """Send a request as it stands and check the signature of the answer."""
        answer = await raw(self, to, call.octets())
        if "signature" in answer.headers:
            answer.check(self.context(to), call)
        return answer


@dataclass(slots=True)
class Call:
    """A request by hand."""

    parts: RequestParts
    nonce: str
    headers: list[tuple[str, str]]
    target: str = ""

    def with_header(self, name: str, value: str | None) -> "Call":
        """Return the call with a header set, added or (None) left out."""
        kept = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        if value is not None:
            kept.append((name, value))
        return Call(self.parts, self.nonce, kept, self.target)

    def header(self, name: str) -> str:
        return next(v for n, v in self.headers if n.lower() == name.lower())

    def octets(self) -> bytes:
        lines = [f"{self.parts.method} {self.target or self.parts.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        named = {name.lower() for name, _ in self.headers}
        body = self.parts.body or b""
        if not named & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body).get("code", "")) if self.body else ""

    @property
    def signed(self) -> bool:
        return "signature" in self.headers

    def check(self, context: Any, call: Call) -> None:
        """Verify who answered, and that it was this call."""
        parts = ResponseParts(
            self.status,
            self.headers.get("content-type"),
            self.body,
            retry_after=self.headers.get("retry-after"),
        )
        found = http_signatures.read_response(
            parts, list(self.headers.items()), request=call.parts, nonce=call.nonce
        )
        key = context.identity.message_key.verification_key
        http_signatures.verify(found, key, self.body)
        assert found.keyid == context.identity.message_kid


async def raw(net: Net, to: str, octets: bytes, *, seconds: float = 10) -> Answer:
    """Send octets to the door of a node; read one answer."""
    host, _, port = net.world.settings[to].listen.rpartition(":")
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(
            host,
            int(port),
            ssl=net.tls(),
            server_hostname=net.world.settings[to].authority,
        )
        try:
            writer.write(octets)
            await writer.drain()
            got = await _read_all(reader)
        finally:
            writer.close()
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Answer(int(first.split()[1]), headers, body)


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    parts = []
    try:
        while part := await reader.read(65536):
            parts.append(part)
    except (ConnectionError, ssl.SSLError):
        pass
    return b"".join(parts)


def _add_person(
    connection: Any,
    *,
    context: Any,
    learner_id: str,
    number: str,
    family: str,
    kana: str,
    mail: bool,
    at: datetime,
) -> None:
    template = graduate()
    names = []
    for name in template.person.names:
        changed = {"latin": family, "kana": kana}.get(name.script, name.family)
        names.append(name.model_copy(update={"family": changed}))
    person = template.person.model_copy(
        update={"student_number": number, "names": tuple(names)}
    )
    record = template.model_copy(update={"person": person})
    vault = context.vault
    wrapped = vault.new_learner_key()
    learners.add_learners(connection, wrapped_keys={learner_id: wrapped}, at=at)
    body = learners.seal_record(
        vault, wrapped, learner_id, record.model_dump_json().encode()
    )
    learners.put_records(
        connection, records=[StoredRecord(learner_id, "", 1, body)], at=at
    )
    learners.set_matches(connection, matches={learner_id: hashes_of(vault, person)})
    issuing.issue(
        connection,
        context=context,
        learner_id=learner_id,
        kinds=["diploma-supplement"],
        at=at,
    )
    issuing.publish_status_lists(connection, context=context, at=at)
    if mail:
        people.add_person(
            connection,
            vault=vault,
            id=secrets.token_hex(16),
            role="learner",
            learner_id=learner_id,
            name=family,
            email=f"{family}@example.test",
            language="en",
        )


def scope_of(connection: Any, context: Any, learner_id: str) -> frozenset[Any]:
    """Return everything a learner could consent to."""
    held = credentials.current(connection, vault=context.vault, learner_id=learner_id)
    return frozenset(
        (one.record_id, format_path(unit))
        for one in held
        for unit in leaves(record_of(one))
    )


def _grant(
    connection: Any,
    *,
    context: Any,
    person: Person,
    recipient: str,
    purpose: str,
    at: datetime,
    not_after: datetime | None = None,
    only: Any = None,
) -> Any:
    scope = scope_of(connection, context, person.id)
    if only is not None:
        scope = frozenset(row for row in scope if only(row))
    return consenting.grant(
        connection,
        context=context,
        learner_id=person.id,
        recipient=recipient,
        purpose=purpose,
        scope=scope,
        not_after=not_after or at + timedelta(days=30),
        language="en",
        login_at=at,
        at=at,
    )


@asynccontextmanager
async def running(root: Path, *keys: str) -> Any:
    """Make a network, start its nodes, and stop them at the end."""
    clock = Clock()
    world = await create(root, members(*keys, COUNCIL), clock())
    net = Net(world, clock)
    try:
        for key in (COUNCIL, *keys):
            await net.start(key)
        if A in keys:
            catalogue = (config_folder() / "demo" / CATALOGUE).read_bytes()
            node = net.nodes[A]
            await node.store.write(
                importing.import_catalogue,
                node.context.vault,
                name=CATALOGUE,
                octets=catalogue,
                at=clock(),
            )
        yield net
    finally:
        await net.stop()


__all__ = ["Outcome", "consents", "delivering", "messages", "proposing"]
