"""An evidence pack on the table: what is in it, read on demand.

Nothing here judges; `evidence_checks` does. What cannot be read raises, so that every
check that rests on it fails with the reason.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from protocol.errors import MalformedValueError
from protocol.exchange import envelope, messages
from protocol.exchange.envelope import SignedMessage
from protocol.exchange.evidence_manifest import EARLIEST, LATEST, Manifest
from protocol.exchange.messages import Message
from protocol.exchange.record_bodies import RecordDeliver, RecordReceipt
from protocol.identity.dids import Did, DidHistory, DidUrl
from protocol.identity.keys import VerificationKey
from protocol.linked_data.jcs import parse_strict
from protocol.rules.validation import Evidence, Verification, Want, assess

_KINDS: Mapping[str, str] = {
    "query": "record/query",
    "offer": "record/offer",
    "answer": "record/answer",
    "deliver": "record/deliver",
    "receipt": "record/receipt",
}


@dataclass(slots=True)
class Examination:
    """A pack, and what has been made of it so far."""

    octets: bytes
    trusted: Collection[Did] | None
    """The reader's anchors."""
    entries: dict[str, bytes] = field(default_factory=dict)
    histories: dict[str, DidHistory] = field(default_factory=dict)
    verifications: dict[str, Verification] = field(default_factory=dict)
    missing: set[Want] = field(default_factory=set)
    found_manifest: Manifest | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest.

        Raises:
            MalformedValueError: it could not be read.
        """
        if self.found_manifest is None:
            raise MalformedValueError("not examined: there is no readable manifest")
        return self.found_manifest

    @property
    def anchors(self) -> tuple[Did, ...]:
        """The anchors findings are judged by."""
        return tuple(self.manifest.anchors if self.trusted is None else self.trusted)

    def file(self, name: str) -> bytes:
        """Return the octets of a file.

        Raises:
            MalformedValueError: it is not there.
        """
        if name not in self.entries:
            raise MalformedValueError(f"{name} is not in the pack")
        return self.entries[name]

    def message(self, role: str) -> tuple[SignedMessage, Message]:
        """Return one of the messages, read as on the day it was made.

        Raises:
            ProtocolError: it is not there, or no message of that kind.
        """
        names = {str(name): file for name, file in self.manifest.messages.items()}
        signed = envelope.read(self.file(names.get(role, f"the {role} message")))
        message = _read_message(signed.payload)
        if message.kind != _KINDS[role]:
            raise MalformedValueError(f"the {role} message is a {message.kind}")
        return signed, message

    @property
    def delivery(self) -> RecordDeliver:
        """The body of the delivery."""
        body = self.message("deliver")[1].body
        assert isinstance(body, RecordDeliver)  # noqa: S101 - its kind says so
        return body

    @property
    def receipt(self) -> RecordReceipt:
        """The body of the receipt."""
        body = self.message("receipt")[1].body
        assert isinstance(body, RecordReceipt)  # noqa: S101 - its kind says so
        return body

    @property
    def received_at(self) -> datetime:
        """The moment the pack is about.

        Raises:
            ProtocolError: there is no receipt, or it is of no time we know.
        """
        at = self.receipt.received_at
        if not EARLIEST <= at <= LATEST:
            raise MalformedValueError("a receipt of an impossible time")
        return at

    def item(self, item_id: str) -> bytes:
        """Return the octets of an item.

        Raises:
            MalformedValueError: it is not there.
        """
        if item_id not in self.manifest.items:
            raise MalformedValueError(f"{item_id} is not in the pack")
        return self.file(self.manifest.items[item_id])

    def same(self, one: Did, other: Did) -> bool:
        """Tell whether two DIDs are one party, perhaps before and after a move."""
        return one == other or any(
            {one, other} <= history.dids for history in self.histories.values()
        )

    def keys(
        self, url: DidUrl, since: datetime, until: datetime
    ) -> Iterator[VerificationKey]:
        """List the keys `url` named for authentication from `since` to `until`."""
        history = self.histories.get(str(url.did))
        for document in history.between(since, until) if history else ():
            key = document.key_for(url, "authentication")
            if key is not None:
                yield key

    def assess(
        self, item_id: str, lists: Mapping[str, str], at: datetime
    ) -> tuple[Verification, set[Want]]:
        """Judge an item by what is in the pack; return what was missing, too."""
        missing: dict[Want, str] = {}
        verification = self._assess(item_id, lists, at, missing)
        # Each round goes one link further up; chains have an end (`rules.trust`).
        while verification.wants:
            missing.update(dict.fromkeys(verification.wants, "not in the pack"))
            verification = self._assess(item_id, lists, at, missing)
        beside = {"accreditation", "key"}
        return verification, {w for w in missing if w.kind not in beside}

    def _assess(
        self,
        item_id: str,
        lists: Mapping[str, str],
        at: datetime,
        missing: Mapping[Want, str],
    ) -> Verification:
        return assess(
            self.item(item_id),
            media_type=self.media_type(item_id),
            evidence=Evidence(
                histories=dict(self.histories),
                status_lists={url: self.file(name) for url, name in lists.items()},
                accreditations=tuple(map(self.file, self.manifest.accreditations)),
                unobtainable=dict(missing),
            ),
            anchors=self.anchors,
            at=at,
        )

    def assess_later(self, item_id: str) -> Verification:
        """Judge an item by the later status lists, as of the making of the pack."""
        lists = {**self.manifest.status_lists, **self.manifest.later_status_lists}
        return self.assess(item_id, lists, self.manifest.created)[0]

    def media_type(self, item_id: str) -> str:
        """Return the media type under which an item was delivered.

        Raises:
            MalformedValueError: it was not delivered.
        """
        attachments = {one.item_id: one.attachment for one in self.delivery.items}
        if item_id not in attachments:
            raise MalformedValueError(f"{item_id} was not delivered")
        return self.message("deliver")[1].attachment(attachments[item_id]).media_type


def _read_message(payload: bytes) -> Message:
    match parse_strict(payload):
        case {"to": [str(receiver)], "created_time": int(made)} if (
            made <= LATEST.timestamp()
        ):
            return messages.parse(payload, receiver=[Did.parse(receiver)], now=made)
    raise MalformedValueError("not a message")
