"""Sends one message to one peer, once, and says what came of it.

Retrying is for `node.services.delivering`; whether learner data may go at all is for
`node.gate`. Here the message is encrypted anew, the request signed, and the answer
believed only if the peer signed it (LRX 1.0, "Delivery semantics": everything unsigned
is treated like a timeout, since a proxy may have said it).
"""

import re
import secrets
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from node.context import NodeContext
from node.fetch import MESSAGE, Answer, Fetcher, FetchError
from node.registry import Registry
from protocol.errors import DidError, MalformedValueError, ProtocolError
from protocol.exchange import envelope, http_signatures
from protocol.exchange.http_signatures import RequestParts, ResponseParts
from protocol.identity.dids import Did, DidDocument
from protocol.identity.jobs import shared_key
from protocol.linked_data.jcs import parse_strict

MESSAGE_TYPE = "application/didcomm-encrypted+json"
_SECONDS = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a peer answered to one attempt."""

    status: int
    """HTTP status; 0 when there was no answer, or none the peer signed."""
    code: str = ""
    """Problem code, where there is one."""
    detail: str = ""
    accepted: str | None = None
    duplicate: bool = False
    last: str | None = None
    """The newest message id the peer held from us before this one."""
    retry_after: int | None = None
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The outgoing side of the peer protocol."""

    context: NodeContext
    registry: Registry
    fetcher: Fetcher

    async def send(
        self, peer: Did, jws: bytes, *, sent: str, route: str = "/inbox"
    ) -> Outcome:
        """Make one attempt to deliver `jws`, the message with the id `sent`."""
        try:
            history = await self.registry.history(peer)
            document = history.current()
            shared = shared_key(history)
            if shared is not None:
                return Outcome(0, "unreachable", f"a key has two jobs: {shared}")
            service = document.lrx_service()
            keys = document.encryption_keys()
            if service is None or not keys:
                return Outcome(0, "unreachable", "no endpoint or no encryption key")
            kid, key = next(iter(keys.items()))
            body = envelope.encrypt(jws, to=key, kid=kid)
            outcome = await self.post(
                document, service.endpoint + route, body, MESSAGE_TYPE
            )
        except (DidError, FetchError) as error:
            return Outcome(0, "unreachable", str(error))
        if outcome.status == HTTPStatus.ACCEPTED and outcome.accepted != sent:
            return Outcome(
                0, "mismatched", "the peer accepted another id than was sent"
            )
        return outcome

    async def post(
        self, document: DidDocument, url: str, body: bytes, media_type: str
    ) -> Outcome:
        """Post `body`, signed, and read the signed answer.

        Raises:
            FetchError: no answer.
        """
        now = self.context.clock()
        target = urlsplit(url)
        parts = RequestParts(
            "POST", target.netloc, target.path, f"?{target.query}", media_type, body
        )
        nonce = secrets.token_urlsafe(16)
        headers = http_signatures.sign_request(
            parts,
            key=self.context.identity.message_key,
            keyid=self.context.identity.message_kid,
            created=int(now.timestamp()),
            nonce=nonce,
        )
        answer = await self.fetcher.request(
            "POST",
            url,
            MESSAGE,
            headers={"Content-Type": media_type, **headers},
            body=body,
        )
        return await self._read(answer, parts, nonce, document)

    async def _read(
        self, answer: Answer, request: RequestParts, nonce: str, peer: DidDocument
    ) -> Outcome:
        fields = {name.lower(): value for name, value in answer.headers}
        parts = ResponseParts(
            answer.status,
            fields.get("content-type"),
            answer.body,
            retry_after=fields.get("retry-after"),
        )
        try:
            signed = http_signatures.read_response(
                parts, answer.headers, request=request, nonce=nonce
            )
            http_signatures.check_time(signed, int(self.context.clock().timestamp()))
            if signed.keyid.did != peer.id:
                return Outcome(0, "unsigned", "the answer is signed by another DID")
            key = peer.key_for(signed.keyid, "authentication")
            if key is None:
                # The peer may have rotated since we looked.
                fresh = await self.registry.history(peer.id, fresh=True)
                key = fresh.current().key_for(signed.keyid, "authentication")
            http_signatures.verify(signed, key, answer.body)
        except ProtocolError as error:
            # 401 comes unsigned where the peer could not read our signature.
            return Outcome(0, "unsigned", f"HTTP {answer.status}, unsigned: {error}")
        return _outcome(parts)


def _outcome(parts: ResponseParts) -> Outcome:
    try:
        body = parse_strict(parts.body or b"{}")
    except MalformedValueError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    retry = parts.retry_after or ""
    return Outcome(
        parts.status,
        code=str(body.get("code", "")),
        detail=str(body.get("detail", "")),
        accepted=body.get("accepted"),
        duplicate=bool(body.get("duplicate")),
        last=body.get("last"),
        retry_after=int(retry) if _SECONDS.fullmatch(retry) else None,
    )
