"""Acts on messages that arrived: gathers what a step needs, then takes the step.

Everything with the network in it happens before; the step itself is one transaction,
which also notes that the message was acted on. A table says which use case takes which
message.
"""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from node import verifying
from node.context import NodeContext
from node.ledger import Ledger
from node.linked_data import LinkedData
from node.outbox import Peer
from node.registry import Registry
from node.services import delivering, forgetting, offering, peering, receiving, sharing
from node.services.peering import Checked
from node.services.receiving import Judged
from node.store import exchanges
from node.store import peers as peer_store
from node.store.engine import Store
from node.store.messages import Incoming
from node.verifying import Presented
from protocol.errors import MediaTypeError, ProtocolError
from protocol.exchange import envelope
from protocol.exchange import messages as wire
from protocol.exchange.messages import Message
from protocol.exchange.record_bodies import RecordAmend, RecordDeliver
from protocol.identity.dids import Did
from protocol.rules.validation import Evidence, Verification

MEDIA_TYPES = {"dc+sd-jwt": "application/dc+sd-jwt", "ldp_vc": "application/vc"}
"""Media type of each format as LRX names it."""

Effect = Callable[[Connection], object]
"""One transaction's worth of work."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that is to be acted on now."""

    message: Message
    row: Incoming
    peer: Peer
    at: datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """What acting needs of the node."""

    context: NodeContext
    store: Store
    registry: Registry
    ledger: Ledger
    linked_data: LinkedData

    async def effect_of(self, row: Incoming) -> Effect:
        """Return what a received message leads to.

        Raises:
            ProtocolError: nothing can come of it.
        """
        message = wire.reread(envelope.read(row.jws).payload)
        arrival = Arrival(
            message, row, Peer(row.peer, message.from_), self.context.clock()
        )
        if message.kind in _GATHERED:
            return await _GATHERED[message.kind](self, arrival)
        take = _TAKEN.get(message.kind)
        if take is None:
            # Notices and recovery are kept as received; acting on them is not part of
            # this version.
            return lambda _: None
        return lambda connection: take(connection, self, arrival)

    async def gathered(
        self, octets: bytes, media_type: str | None = None, *, fresh: bool = False
    ) -> tuple[Verification, Evidence]:
        """Verify one document; return also what the verdict rests on.

        Raises:
            ProtocolError: it cannot be read.
        """
        statements = await self.store.read(peer_store.organisation_credentials)
        return await verifying.verify(
            octets,
            media_type=media_type,
            source=self.registry,
            linked_data=self.linked_data,
            accreditations=statements,
            anchors=self.context.settings.trust_anchors,
            at=self.context.clock(),
            fresh=fresh,
        )

    async def verified(self, octets: bytes) -> Verification | Presented:
        """Verify a credential, or a presentation with each credential in it.

        Raises:
            ProtocolError: it cannot be read.
        """
        return await verifying.verify_any(
            octets,
            media_type=None,
            source=self.registry,
            linked_data=self.linked_data,
            accreditations=await self.store.read(peer_store.organisation_credentials),
            anchors=self.context.settings.trust_anchors,
            at=self.context.clock(),
        )

    async def verified_again(self, delivery_id: str, item_id: str) -> Effect:
        """Verify a received item anew; return what storing the verdict takes.

        Raises:
            MediaTypeError: the item is no longer held.
        """
        item = await self.store.read(
            exchanges.item,
            vault=self.context.vault,
            delivery_id=delivery_id,
            item_id=item_id,
        )
        if item is None or item.octets is None:
            raise MediaTypeError("the item is no longer held")
        judged = await self._judge(
            item_id, item.octets, item.format, item.digest, fresh=True
        )
        return lambda connection: receiving.set_verdict(
            connection,
            context=self.context,
            delivery_id=delivery_id,
            item_id=item_id,
            judged=judged,
            at=self.context.clock(),
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
            verification, evidence = await self.gathered(
                octets, MEDIA_TYPES.get(format_, format_), fresh=fresh
            )
        except ProtocolError as error:
            return Judged(item_id, octets, None, str(error))
        return Judged(item_id, octets, verification, status_lists=evidence.status_lists)

    async def judge_all(self, message: Message) -> list[Judged]:
        """Verify every item of a delivery or an amendment."""
        body = message.body
        if isinstance(body, RecordDeliver):
            stated = [(i.item_id, i.attachment, i.format, i.digest) for i in body.items]
        elif isinstance(body, RecordAmend):
            stated = [
                (i.item_id, i.attachment, i.format, i.digest) for i in body.changes
            ]
        else:
            raise TypeError(message.kind)
        return [
            await self._judge(
                item_id, message.attachment(name).octets() or b"", format_, digest
            )
            for item_id, name, format_, digest in stated
        ]

    async def check(self, message: Message) -> Checked:
        """Judge the organisation credentials that came with a message."""
        received = [
            octets
            for attachment in message.attachments
            if attachment.media_type == peering.ORGANISATION_TYPE
            and (octets := attachment.octets())
        ]
        return await self.standing(message.from_, received)

    async def standing(self, did: Did, received: Collection[bytes] = ()) -> Checked:
        """Judge on whose word an organisation is what it says, today."""
        basis, reasons, result = await verifying.check_organisation(
            did,
            received,
            source=self.registry,
            known=await self.store.read(peer_store.organisation_credentials),
            anchors=self.context.settings.trust_anchors,
            at=self.context.clock(),
        )
        return Checked(basis, reasons, result)


async def _introduction(actor: Actor, arrival: Arrival) -> Effect:
    checked = await actor.check(arrival.message)
    return lambda connection: peering.take_introduction(
        connection,
        context=actor.context,
        message=arrival.message,
        checked=checked,
        at=arrival.at,
    )


async def _decision(actor: Actor, arrival: Arrival) -> Effect:
    checked = await actor.check(arrival.message)
    return lambda connection: peering.take_decision(
        connection,
        context=actor.context,
        message=arrival.message,
        checked=checked,
        at=arrival.at,
    )


async def _delivery(actor: Actor, arrival: Arrival) -> Effect:
    judged = await actor.judge_all(arrival.message)
    return lambda connection: receiving.take_delivery(
        connection,
        context=actor.context,
        ledger=actor.ledger,
        message=arrival.message,
        digest=arrival.row.digest,
        jws=arrival.row.jws,
        peer=arrival.peer,
        judged=judged,
        at=arrival.at,
    )


async def _amendment(actor: Actor, arrival: Arrival) -> Effect:
    judged = await actor.judge_all(arrival.message)
    return lambda connection: receiving.take_amend(
        connection,
        context=actor.context,
        ledger=actor.ledger,
        message=arrival.message,
        digest=arrival.row.digest,
        peer=arrival.peer,
        judged=judged,
        at=arrival.at,
    )


async def _changed(actor: Actor, arrival: Arrival) -> Effect:
    concerned = await actor.store.read(
        receiving.changed_items,
        context=actor.context,
        message=arrival.message,
        peer=arrival.peer,
    )
    effects = [await actor.verified_again(*one) for one in concerned]
    return lambda connection: [effect(connection) for effect in effects]


_GATHERED: dict[str, Callable[[Actor, Arrival], Awaitable[Effect]]] = {
    "peer/introduce": _introduction,
    "peer/decision": _decision,
    "record/deliver": _delivery,
    "record/amend": _amendment,
    "record/changed": _changed,
}
"""Messages for which something must be verified or fetched first."""

_TAKEN: dict[str, Callable[[Connection, Actor, Arrival], object]] = {
    "record/query": lambda c, n, a: sharing.take_query(
        c, context=n.context, message=a.message, peer=a.peer
    ),
    "record/status": lambda c, _, a: receiving.take_status(
        c, message=a.message, peer=a.peer
    ),
    "record/offer": lambda c, n, a: receiving.take_offer(
        c, context=n.context, message=a.message, peer=a.peer, at=a.at
    ),
    "record/answer": lambda c, n, a: offering.take_answer(
        c, context=n.context, message=a.message, peer=a.peer, at=a.at
    ),
    "record/receipt": lambda c, n, a: delivering.take_receipt(
        c, context=n.context, message=a.message, jws=a.row.jws, peer=a.peer, at=a.at
    ),
    "consent/changed": lambda c, n, a: forgetting.take_consent_change(
        c, context=n.context, message=a.message, peer=a.peer, at=a.at
    ),
    "erasure/report": lambda c, n, a: delivering.take_report(
        c, context=n.context, message=a.message, peer=a.peer, at=a.at
    ),
    "report-problem": lambda c, _, a: receiving.take_problem(
        c, message=a.message, peer=a.peer
    ),
}
