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
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from node import gate, mail
from node.acting import Actor
from node.context import NodeContext
from node.peers import Outcome, Sender
from node.registry import Registry
from node.services import (
    accrediting,
    delivering,
    forgetting,
    issuing,
    offering,
    peering,
    rechecking,
    sharing,
)
from node.services.delivering import Circuit
from node.store import messages
from node.store import peers as peer_store
from node.store.engine import Store
from node.store.gate import GateError
from node.verifying import Presented
from protocol.errors import ExpiredError, ProtocolError
from protocol.exchange import envelope
from protocol.exchange.states import Peer
from protocol.rules.validation import Verification

_logger = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
"""How long a loop sleeps when nothing in this process wakes it."""
AT_ONCE = 32
"""Messages acted on at the same time."""
PAUSES = (0.5, 5.0, 30.0)
"""Seconds between attempts at what failed by a fault of this node."""
NONCE_LIFETIME = timedelta(minutes=5)
RECHECK_AFTER = {Peer.TRUSTED: timedelta(days=1), Peer.PENDING: timedelta(minutes=10)}
"""How often the credentials behind a relationship are looked at anew: accreditations
end, and who vouches for a peer that waits may be there again."""
_NEVER = datetime.min.replace(tzinfo=UTC)

ACTED = Counter("lrx_messages_acted", "Messages acted on", ["type", "result"])
ATTEMPTS = Counter("lrx_delivery_attempts", "Attempts to deliver", ["result"])


@dataclass(slots=True)
class Worker:
    """The background of one node."""

    context: NodeContext
    store: Store
    registry: Registry
    sender: Sender
    actor: Actor
    _outgoing: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be something to send."""
    _rechecked: dict[Peer, datetime] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _circuits: dict[str, Circuit] = field(default_factory=dict)
    _in_flight: dict[str, set[str]] = field(default_factory=dict)
    """By peer, the ids of messages being sent; only the delivery loop adds."""
    _acting: set[tuple[str, str]] = field(default_factory=set)
    _acted: set[tuple[str, str]] = field(default_factory=set)
    _attempted: set[str] = field(default_factory=set)
    """What ended since the last look into the store began: that look may still show
    it as it was before, and nothing must be done twice."""

    async def start(self) -> None:
        """Begin."""
        self._outgoing = self.store.watch(messages.QUEUED)
        for loop in (
            self._forever(self._act_on_inbox, self.store.watch(messages.RECEIVED)),
            self._forever(self._deliver, self._outgoing),
            self._forever(self._keep_house),
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
        self, work: Callable[[], Awaitable[bool]], news: asyncio.Event | None = None
    ) -> None:
        while True:
            if news:
                news.clear()
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
                    await (news.wait() if news else asyncio.sleep(IDLE_SECONDS))

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
        self._acted.clear()
        rows = await self.store.read(
            messages.pending,
            vault=self.context.vault,
            limit=room + len(self._acting),
            besides=frozenset(self._acting),
        )
        known = self._acting | self._acted
        fresh = [r for r in rows if (r.peer, r.id) not in known]
        for row in fresh[:room]:
            self._acting.add((row.peer, row.id))
            self._spawn(self._act(row))
        return bool(fresh)

    async def _act(self, row: messages.Incoming) -> None:
        try:
            await self._act_until_settled(row)
        finally:
            self._acting.discard((row.peer, row.id))
            self._acted.add((row.peer, row.id))

    async def _act_until_settled(self, row: messages.Incoming) -> None:
        """Act; what fails by a fault of ours is tried again, but not for ever.

        A message that no attempt survives would keep the others waiting.
        """
        for pause in PAUSES:
            try:
                await self._act_once(row)
            except IntegrityError:
                # An id of the sender's choice that is taken: no attempt changes that.
                _logger.warning(
                    "a message names what is there", extra={"type": row.type}
                )
                break
            except Exception:
                # The outermost edge of the background.
                _logger.exception("acting failed", extra={"type": row.type})
                await asyncio.sleep(pause)
            else:
                return
        await self._fail(row, "could not be stored")

    async def _fail(self, row: messages.Incoming, problem: str) -> None:
        await self.store.write(
            messages.mark_acted,
            peer=row.peer,
            id=row.id,
            state="failed",
            problem=problem[:500],
        )
        ACTED.labels(row.type, "failed").inc()

    async def _act_once(self, row: messages.Incoming) -> None:
        try:
            effect = await self.actor.effect_of(row)
            await self.store.write(_done, effect=effect, peer=row.peer, id=row.id)
            ACTED.labels(row.type, "done").inc()
        except (ProtocolError, GateError) as error:
            _logger.warning(
                "a message could not be acted on",
                extra={"id": row.id, "type": row.type, "code": type(error).__name__},
            )
            await self._fail(row, f"{type(error).__name__}: {error}")

    async def reverify(self, delivery_id: str, item_id: str) -> None:
        """Verify one received item anew and keep the verdict."""
        effect = await self.actor.verified_again(delivery_id, item_id)
        await self.store.write(effect)

    async def verify_octets(self, octets: bytes) -> Verification | Presented:
        """Verify one document with all this node knows and can fetch.

        Raises:
            ProtocolError: it cannot be read.
        """
        return await self.actor.verified(octets)

    async def _recheck_peers(self, state: Peer) -> None:
        """Walk the chains of all peers in `state` anew."""
        for row in await self.store.read(peer_store.peers, state=state):
            if row.basis or state == Peer.PENDING:
                await self.store.write(
                    rechecking.recheck,
                    context=self.context,
                    peer=row.id,
                    checked=await self.actor.standing(row.did),
                    at=self.context.clock(),
                )

    # --- delivering

    async def _deliver(self) -> bool:
        at = self.context.clock()
        self._attempted.clear()
        rows = await self.store.read(
            messages.due,
            vault=self.context.vault,
            at=at,
            per_peer=peering.MAX_IN_FLIGHT,
            besides=frozenset[str]().union(*self._in_flight.values()),
        )
        started = False
        for row in rows:
            flying = self._in_flight.setdefault(row.peer, set())
            circuit = self._circuits.setdefault(row.peer, Circuit())
            if (
                row.id in flying
                or row.id in self._attempted
                or len(flying) >= _at_once(row)
                or circuit.is_open(at)
            ):
                continue
            flying.add(row.id)
            started = True
            self._spawn(self._attempt(row, circuit))
        return started

    async def _attempt(self, row: messages.Outgoing, circuit: Circuit) -> None:
        try:
            outcome = await self._outcome(row)
            if outcome is not None:
                await self._record(row, outcome, circuit)
        except Exception:
            # The outermost edge of the background: without a pause the same message
            # would be tried, and fail, as fast as this machine can.
            _logger.exception("an attempt failed here", extra={"id": row.id})
            await asyncio.sleep(PAUSES[-1])
        finally:
            flying = self._in_flight[row.peer]
            if len(flying) >= _at_once(row):
                # There may be more than could be on the way at once.
                self._outgoing.set()
            flying.discard(row.id)
            self._attempted.add(row.id)

    async def _outcome(self, row: messages.Outgoing) -> Outcome | None:
        """Try once; None if the message must not go any more."""
        if row.expires_at <= self.context.clock():
            return Outcome(410, ExpiredError.code, "it expired before it was taken")
        if row.release_id is not None and not await self._dispatched(row):
            return None
        route = "/introduce" if row.type == "peer/introduce" else "/inbox"
        return await self.sender.send(row.did, row.jws, sent=row.id, route=route)

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
            await self.store.write(
                delivering.give_up, context=self.context, message=row
            )
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
        await self.store.write(
            issuing.publish_status_lists, context=self.context, at=at
        )
        await self.store.write(sharing.close_due, context=self.context, at=at)
        await self.store.write(offering.close_due, context=self.context, at=at)
        await self.store.write(messages.prune, nonces_before=at - NONCE_LIFETIME, at=at)
        await self.store.write(forgetting.fulfil_due, context=self.context, at=at)
        await mail.deliver_due(self.store, self.context)
        for state, pause in RECHECK_AFTER.items():
            if at - self._rechecked.get(state, _NEVER) >= pause:
                self._rechecked[state] = at
                await self._recheck_peers(state)
        return False


def _at_once(row: messages.Outgoing) -> int:
    """Return how many messages to the peer may be on the way."""
    return min(row.max_in_flight, peering.MAX_IN_FLIGHT)


def _done(
    connection: Connection,
    *,
    effect: Callable[[Connection], object],
    peer: str,
    id: str,  # noqa: A002 - the column's name
) -> None:
    effect(connection)
    messages.mark_acted(connection, peer=peer, id=id, state="done", problem=None)
