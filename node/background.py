"""What the node does unasked: act on messages, deliver, close, publish, remind.

Everything to do is in the store before it is begun, so a process that ends here loses
nothing: the next one finds the same rows. Loops wake when this process committed
something, and look every second for what another process (a command) wrote.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

from prometheus_client import Counter
from sqlalchemy import Connection

from node import gate, mail, verifying
from node.context import NodeContext
from node.ledger import Ledger
from node.outbox import Peer
from node.peers import Outcome, Sender
from node.registry import Registry
from node.services import (
    accrediting,
    delivering,
    peering,
    requesting,
    sharing,
)
from node.services.delivering import Circuit
from node.services.requesting import Judged
from node.store import exchanges, messages
from node.store import peers as peer_store
from node.store.engine import Store
from node.store.gate import GateError
from protocol.errors import MediaTypeError, ProtocolError
from protocol.exchange import envelope
from protocol.exchange import messages as wire
from protocol.exchange.messages import Message
from protocol.exchange.record_bodies import RecordAmend, RecordDeliver
from protocol.rules.validation import Verification

_logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How long a loop sleeps when nothing in this process wakes it."""
AT_ONCE = 32
"""Messages acted on at the same time."""
MINUTE = 60.0
NONCE_LIFETIME = timedelta(minutes=5)

ACTED = Counter("lrx_messages_acted", "Messages acted on", ["type", "result"])
ATTEMPTS = Counter("lrx_delivery_attempts", "Attempts to deliver", ["result"])


@dataclass(slots=True)
class Worker:
    """The background of one node."""

    context: NodeContext
    store: Store
    registry: Registry
    sender: Sender
    ledger: Ledger
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _circuits: dict[str, Circuit] = field(default_factory=dict)
    _in_flight: dict[str, set[str]] = field(default_factory=dict)
    """By peer, the ids of messages being sent; only the delivery loop adds."""
    _acting: set[tuple[str, str]] = field(default_factory=set)

    async def start(self) -> None:
        """Begin."""
        for loop in (
            self._forever(self._act_on_inbox, wakes=True),
            self._forever(self._deliver, wakes=True),
            self._forever(self._keep_house, wakes=False),
        ):
            task = asyncio.create_task(loop)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End, letting what is being written finish."""
        for task in list(self._tasks):
            task.cancel()
        for task in list(self._tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _forever(
        self, work: Callable[[], Awaitable[bool]], *, wakes: bool
    ) -> None:
        while True:
            seen = self.store.commits
            try:
                busy = await work()
            except asyncio.CancelledError:
                raise
            except Exception:
                # The outermost edge of the background: one fault must not end the loop.
                _logger.exception("background work failed")
                busy = False
            if busy:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    if wakes:
                        await self.store.committed_after(seen)
                    else:
                        await asyncio.sleep(IDLE_SECONDS * 5)

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- acting on what arrived

    async def _act_on_inbox(self) -> bool:
        room = AT_ONCE - len(self._acting)
        if room <= 0:
            await asyncio.sleep(0.005)
            return True
        rows = await self.store.read(
            messages.pending, vault=self.context.vault, limit=room + len(self._acting)
        )
        fresh = [r for r in rows if (r.peer, r.id) not in self._acting]
        for row in fresh[:room]:
            self._acting.add((row.peer, row.id))
            self._spawn(self._act(row))
        return bool(fresh)

    async def _act(self, row: messages.Incoming) -> None:
        try:
            await self._act_once(row)
        finally:
            self._acting.discard((row.peer, row.id))

    async def _act_once(self, row: messages.Incoming) -> None:
        payload = envelope.read(row.jws).payload
        message = Message.model_validate(wire.read_stored(payload))
        try:
            effect = await self._effect(message, row)
            await self.store.write(_done, effect=effect, peer=row.peer, id=row.id)
            ACTED.labels(row.type, "done").inc()
        except (ProtocolError, GateError) as error:
            _logger.warning(
                "a message could not be acted on",
                extra={"id": row.id, "type": row.type, "code": type(error).__name__},
            )
            await self.store.write(
                messages.mark_acted,
                peer=row.peer,
                id=row.id,
                state="failed",
                problem=f"{type(error).__name__}: {error}"[:500],
            )
            ACTED.labels(row.type, "failed").inc()

    async def _effect(
        self, message: Message, row: messages.Incoming
    ) -> Callable[[Connection], object]:
        """Gather what acting needs, and return the one transaction that acts."""
        context, at = self.context, self.context.clock()
        peer = Peer(row.peer, message.from_)
        match message.kind:
            case "peer/introduce":
                checked = await self._check(message)
                return lambda c: peering.take_introduction(
                    c, context=context, message=message, checked=checked, at=at
                )
            case "peer/decision":
                checked = await self._check(message)
                return lambda c: peering.take_decision(
                    c, context=context, message=message, checked=checked, at=at
                )
            case "record/query":
                return lambda c: sharing.take_query(
                    c, context=context, message=message, peer=peer
                )
            case "record/deliver" | "record/amend":
                return await self._take_items(message, row, peer)
            case "record/receipt":
                return lambda c: delivering.take_receipt(
                    c, context=context, message=message, jws=row.jws, peer=peer, at=at
                )
            case "record/offer":
                return lambda c: requesting.take_offer(
                    c, context=context, message=message, peer=peer, at=at
                )
            case "record/answer":
                return lambda c: delivering.take_answer(
                    c, context=context, message=message, peer=peer, at=at
                )
            case "record/status":
                return lambda c: requesting.take_status(c, message=message, at=at)
            case "record/changed":
                return await self._take_change(message, peer)
            case "consent/changed":
                return lambda c: requesting.take_consent_change(
                    c, context=context, message=message, peer=peer, at=at
                )
            case "erasure/report":
                return lambda c: delivering.take_report(
                    c, context=context, message=message, at=at
                )
            case "report-problem":
                return lambda c: requesting.take_problem(c, message=message, at=at)
            case _:
                # Notices and recovery are kept as received; acting on them is not part
                # of this version.
                return lambda _: None

    async def _take_items(
        self, message: Message, row: messages.Incoming, peer: Peer
    ) -> Callable[[Connection], object]:
        context, at = self.context, self.context.clock()
        body = message.body
        if isinstance(body, RecordDeliver):
            stated = [(i.item_id, i.attachment, i.format, i.digest) for i in body.items]
        elif isinstance(body, RecordAmend):
            stated = [
                (i.item_id, i.attachment, i.format, i.digest) for i in body.changes
            ]
        else:
            raise TypeError(message.kind)
        judged = [
            await self._judge(
                item_id, message.attachment(name).octets() or b"", format_, digest
            )
            for item_id, name, format_, digest in stated
        ]
        if isinstance(body, RecordDeliver):
            return lambda c: requesting.take_delivery(
                c,
                context=context,
                ledger=self.ledger,
                message=message,
                digest=row.digest,
                jws=row.jws,
                peer=peer,
                judged=judged,
                at=at,
            )
        return lambda c: requesting.take_amend(
            c,
            context=context,
            ledger=self.ledger,
            message=message,
            digest=row.digest,
            peer=peer,
            judged=judged,
            at=at,
        )

    async def _judge(
        self,
        item_id: str,
        octets: bytes,
        format_: str,
        digest: str,
        *,
        fresh: bool = False,
    ) -> Judged:
        if envelope.message_digest(octets) != digest:
            return Judged(item_id, octets, None, "the digest is not that of the item")
        try:
            verification = await self.verify_octets(octets, format_, fresh=fresh)
        except ProtocolError as error:
            return Judged(item_id, octets, None, str(error))
        return Judged(item_id, octets, verification)

    async def _take_change(
        self, message: Message, peer: Peer
    ) -> Callable[[Connection], object]:
        concerned = await self.store.read(
            requesting.changed_items, context=self.context, message=message, peer=peer
        )
        effects = [
            await self._verified_again(delivery_id, item_id)
            for delivery_id, item_id in concerned
        ]
        return lambda c: [effect(c) for effect in effects]

    async def _verified_again(
        self, delivery_id: str, item_id: str
    ) -> Callable[[Connection], object]:
        context, at = self.context, self.context.clock()
        item = await self.store.read(
            exchanges.item,
            vault=context.vault,
            delivery_id=delivery_id,
            item_id=item_id,
        )
        if item is None or item.octets is None:
            raise MediaTypeError("the item is no longer held")
        judged = await self._judge(
            item_id, item.octets, item.format, item.digest, fresh=True
        )
        return lambda c: requesting.set_verdict(
            c,
            context=context,
            delivery_id=delivery_id,
            item_id=item_id,
            judged=judged,
            at=at,
        )

    async def reverify(self, delivery_id: str, item_id: str) -> None:
        """Verify one received item anew and keep the verdict."""
        effect = await self._verified_again(delivery_id, item_id)
        await self.store.write(effect)

    async def verify_octets(
        self, octets: bytes, media_type: str | None = None, *, fresh: bool = False
    ) -> Verification:
        """Verify one document with all this node knows and can fetch.

        Raises:
            ProtocolError: it cannot be read.
        """
        statements = await self.store.read(peer_store.organisation_credentials)
        verification, _ = await verifying.verify(
            octets,
            media_type=media_type,
            source=self.registry,
            accreditations=statements,
            anchors=self.context.settings.trust_anchors,
            at=self.context.clock(),
            fresh=fresh,
        )
        return verification

    async def _check(self, message: Message) -> peering.Checked:
        """Judge the organisation credentials that came with a message."""
        received = [
            octets
            for attachment in message.attachments
            if attachment.media_type == peering.ORGANISATION_TYPE
            and (octets := attachment.octets())
        ]
        return await verifying.check_organisation(
            message.from_,
            received,
            source=self.registry,
            known=await self.store.read(peer_store.organisation_credentials),
            anchors=self.context.settings.trust_anchors,
            at=self.context.clock(),
        )

    # --- delivering

    async def _deliver(self) -> bool:
        at = self.context.clock()
        rows = await self.store.read(
            messages.due,
            vault=self.context.vault,
            at=at,
            per_peer=peering.MAX_IN_FLIGHT,
        )
        started = False
        for row in rows:
            flying = self._in_flight.setdefault(row.peer, set())
            circuit = self._circuits.setdefault(row.peer, Circuit())
            if (
                row.id in flying
                or len(flying) >= row.max_in_flight
                or circuit.is_open(at)
            ):
                continue
            flying.add(row.id)
            started = True
            self._spawn(self._attempt(row, circuit))
        return started

    async def _attempt(self, row: messages.Outgoing, circuit: Circuit) -> None:
        try:
            if row.release_id is not None and not await self._dispatched(row):
                return
            route = "/introduce" if row.type == "peer/introduce" else "/inbox"
            outcome = await self.sender.send(row.did, row.jws, route=route)
            await self._record(row, outcome, circuit)
        finally:
            self._in_flight[row.peer].discard(row.id)

    async def _dispatched(self, row: messages.Outgoing) -> bool:
        """Ask the gate; a message whose consent ended is given up."""
        payload = envelope.read(row.jws).payload
        try:
            await self.store.write(
                gate.dispatch,
                context=self.context,
                release_id=row.release_id or "",
                payload=payload,
            )
        except (GateError, ProtocolError) as error:
            _logger.warning(
                "the gate refused a dispatch",
                extra={"id": row.id, "code": type(error).__name__},
            )
            await self.store.write(messages.cancel, id=row.id)
            return False
        return True

    async def _record(
        self, row: messages.Outgoing, outcome: Outcome, circuit: Circuit
    ) -> None:
        at = self.context.clock()
        verdict = delivering.judge(outcome, row.attempts + 1)
        ATTEMPTS.labels(verdict.state).inc()
        if outcome.status == 0 or outcome.status >= 500:  # noqa: PLR2004 - no answer
            circuit.failed(at, verdict.wait)
        else:
            circuit.answered()
        if outcome.status in {401, 422}:
            # The receiver may have rotated its keys since we looked.
            with contextlib.suppress(ProtocolError):
                await self.registry.history(row.did, fresh=True)
        if verdict.state != "sent":
            _logger.warning(
                "an attempt to deliver failed",
                extra={
                    "id": row.id,
                    "peer": row.peer,
                    "status": outcome.status,
                    "code": outcome.code,
                },
            )
        await self.store.write(
            delivering.record_outcome,
            context=self.context,
            message=row,
            outcome=outcome,
            verdict=verdict,
            at=at,
        )

    # --- everything with a clock

    async def _keep_house(self) -> bool:
        at = self.context.clock()
        await self.store.write(accrediting.publish, context=self.context, at=at)
        await self.store.write(sharing.close_due, context=self.context, at=at)
        await self.store.write(messages.prune, nonces_before=at - NONCE_LIFETIME, at=at)
        await mail.deliver_due(self.store, self.context)
        return False


def _done(
    connection: Connection,
    *,
    effect: Callable[[Connection], object],
    peer: str,
    id: str,  # noqa: A002 - the column's name
) -> None:
    effect(connection)
    messages.mark_acted(connection, peer=peer, id=id, state="done", problem=None)
