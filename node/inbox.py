"""A message arrives: opened, judged by its form, stored; acted on later.

Acceptance is one transaction: nonce, inbox row, log leaf. The same message again has no
second effect; the same id with other content is refused, and the first stands (LRX 1.0,
"Delivery semantics").
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from node.context import NodeContext
from node.store import audit, messages
from node.store.messages import Taken
from protocol.errors import CryptoError, PeerStateError
from protocol.exchange import envelope
from protocol.exchange import messages as wire
from protocol.exchange.envelope import SignedMessage
from protocol.exchange.messages import Message
from protocol.identity.dids import Did, DidHistory
from protocol.identity.keys import VerificationKey

KEY_SKEW = timedelta(seconds=300)
"""How long before `created_time` the signing key may have been current."""
REMEMBERED = timedelta(days=1)
"""How long after its expiry a message's id is kept."""

_UNTRUSTED = frozenset({"peer/decision", "peer/introduce", "report-problem"})
"""What a peer may send before trust stands."""
_SUSPENDED = _UNTRUSTED | {
    *("record/receipt", "erasure/report", "peer/notice", "peer/sync"),
    *("consent/changed", "record/changed"),
}
"""What still flows while a relationship is suspended: nothing new is released."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A message that was decrypted, verified and read."""

    message: Message
    payload: bytes
    jws: bytes
    digest: str


def open_message(
    body: bytes, caller: Did, history: DidHistory, *, context: NodeContext, at: datetime
) -> Opened:
    """Decrypt, verify and read one message from `caller`.

    Raises:
        CryptoError: not for us, not signed, or not by the caller.
        ProtocolError: not a message of this protocol.
    """
    jws = envelope.decrypt(body, context.identity.decryption)
    signed = envelope.read(jws)
    if signed.kid.did != caller:
        raise CryptoError("signed by another than the caller")
    message = wire.parse(
        signed.payload, receiver={context.did}, now=int(at.timestamp())
    )
    if message.from_ != caller:
        raise CryptoError("`from` is another than the signer")
    created = datetime.fromtimestamp(message.created_time, UTC)
    since = min(created, at) - KEY_SKEW
    for document in history.between(since, at):
        key = document.key_for(signed.kid, "authentication")
        if key is not None and _fits(signed, key):
            break
    else:
        raise CryptoError("no current key of the sender fits the signature")
    return Opened(message, signed.payload, jws, envelope.message_digest(signed.payload))


def _fits(signed: SignedMessage, key: VerificationKey) -> bool:
    try:
        signed.verify(key)
    except CryptoError:
        return False
    return True


def check_state(state: str, kind: str) -> None:
    """Refuse what the relationship does not carry.

    Raises:
        PeerStateError: the peer is not trusted, or suspended, and this needs more.
    """
    allowed = {"trusted": None, "suspended": _SUSPENDED}.get(state, _UNTRUSTED)
    if allowed is not None and kind not in allowed:
        raise PeerStateError(f"{kind} is not taken from a peer that is {state}")


def receive(
    connection: Connection,
    *,
    context: NodeContext,
    opened: Opened,
    peer: str,
    keyid: str,
    nonce: str,
    at: datetime,
) -> Taken:
    """Store one opened message.

    Raises:
        ReplayError: the nonce was used before.
        IdReuseError: the id was used for other content.
    """
    messages.remember_nonce(connection, keyid=keyid, nonce=nonce, at=at)
    message = opened.message
    taken = messages.take(
        connection,
        vault=context.vault,
        peer=peer,
        id=message.id,
        digest=opened.digest,
        type=message.kind,
        thread=message.thread,
        jws=opened.jws,
        expires_at=datetime.fromtimestamp(message.expires_time, UTC) + REMEMBERED,
        at=at,
    )
    if not taken.duplicate:
        audit.append(
            connection,
            vault=context.vault,
            kind="message-received",
            event={"peer": peer, "id": message.id, "digest": opened.digest},
            at=at,
        )
    return taken
