"""The messages nodes exchange: compose one, read one.

A message is one JSON object, signed as the octets it was sent in, so nothing here is
rebuilt from a model: `compose` returns the octets to sign, `parse` reads the octets
that were signed. The header knows every member it may have and refuses any other; a
body ignores members it does not know.

Messages are padded to a multiple of 1024 bytes, so that who watches the line learns
little from their length. `body.pad` does it, the last member of the body.

Implements LRX 1.0, sections "Message envelope" (plaintext) and "Message catalogue".
The type of a message is compared as a whole: members that a minor version adds come
under the same type. Who may send what, and when, is for the services.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from protocol.credentials.record_model import NAMESPACE
from protocol.errors import (
    ExpiredError,
    MalformedValueError,
    MessageSchemaError,
    SizeError,
    UnsupportedMessageError,
)
from protocol.exchange.bodies import (
    Attachment,
    AttachmentData,
    Body,
    ConsentChanged,
    ErasureReport,
    Id,
    PeerDecision,
    PeerIntroduce,
    PeerNotice,
    PeerSync,
    ProblemReport,
)
from protocol.exchange.record_bodies import (
    AmendedItem,
    DeliveredItem,
    RecordAmend,
    RecordAnswer,
    RecordChanged,
    RecordDeliver,
    RecordOffer,
    RecordQuery,
    RecordReceipt,
    RecordStatus,
)
from protocol.identity.dids import Did
from protocol.identity.multibase import as_base64url
from protocol.linked_data.jcs import canonical, parse_strict

__all__ = [
    "BLOCK",
    "MAXIMUM_INLINE_BYTES",
    "NAMESPACE",
    "TYPES",
    "Attachment",
    "Body",
    "ConsentChanged",
    "ErasureReport",
    "Message",
    "PeerDecision",
    "PeerIntroduce",
    "PeerNotice",
    "PeerSync",
    "ProblemReport",
    "RecordAmend",
    "RecordAnswer",
    "RecordChanged",
    "RecordDeliver",
    "RecordOffer",
    "RecordQuery",
    "RecordReceipt",
    "RecordStatus",
    "attach",
    "compose",
    "new_id",
    "parse",
    "policy_digest",
    "short_name",
    "type_uri",
]

PLAIN: Final = "application/didcomm-plain+json"
BLOCK: Final = 1024
"""Bytes; the length of every message is a multiple of it."""
LONGEST_LIFE: Final = 45 * 86_400
"""Seconds between `created_time` and `expires_time`, at most."""
SKEW: Final = 30
"""Seconds the sender's clock may run ahead."""
LONGEST_STRING: Final = 64 * 1024
"""Bytes of a string outside attachments."""
MAXIMUM_INLINE_BYTES: Final = 96 * 1024
"""Bytes of all attachments of a message together, before base64."""
MAXIMUM_ATTACHMENTS: Final = 64
ENTROPY_BYTES: Final = 10

_TYPE = r"^https://[a-z0-9.-]+/[a-z-]+/[0-9]+\.[0-9]+/[a-z-]+$"
_TOLD = 5
"""Places in a message that are named when it is refused."""

TYPES: Final[dict[str, type[Body]]] = {
    "peer/introduce": PeerIntroduce,
    "peer/decision": PeerDecision,
    "peer/notice": PeerNotice,
    "peer/sync": PeerSync,
    "record/query": RecordQuery,
    "record/status": RecordStatus,
    "record/offer": RecordOffer,
    "record/answer": RecordAnswer,
    "record/deliver": RecordDeliver,
    "record/receipt": RecordReceipt,
    "record/amend": RecordAmend,
    "record/changed": RecordChanged,
    "consent/changed": ConsentChanged,
    "erasure/report": ErasureReport,
    "report-problem": ProblemReport,
}
"""The body of each message type, by its short name."""


def type_uri(short: str) -> str:
    """Return the type URI of a short name in `TYPES`."""
    if short == "report-problem":
        return "https://didcomm.org/report-problem/2.0/problem-report"
    family, name = short.split("/")
    return f"{NAMESPACE}{family}/1.0/{name}"


_SHORT_NAMES: Final = {type_uri(short): short for short in TYPES}


def short_name(uri: str) -> str:
    """Return the short name of a message type.

    Raises:
        UnsupportedMessageError: a type that LRX 1.0 does not have.
    """
    try:
        return _SHORT_NAMES[uri]
    except KeyError:
        raise UnsupportedMessageError("a message type that is not known here") from None


class Message(BaseModel):
    """One message, header and body; the octets it was read from are the evidence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    typ: Literal["application/didcomm-plain+json"]
    id: Id
    type: Annotated[str, Field(pattern=_TYPE)]
    """Type URI; `kind` gives the name the code uses."""
    from_: Did = Field(alias="from")
    to: tuple[Did]
    created_time: Annotated[int, Field(strict=True, ge=1_700_000_000)]
    expires_time: Annotated[int, Field(strict=True)]
    thid: Id | None = None
    pthid: Id | None = None
    lang: str | None = None
    body: SerializeAsAny[Body]
    attachments: tuple[Attachment, ...] = Field(
        default=(), max_length=MAXIMUM_ATTACHMENTS
    )

    @property
    def kind(self) -> str:
        """The short name of the type, such as `record/query`."""
        return short_name(self.type)

    @property
    def thread(self) -> str:
        """The id of the thread; a message without `thid` starts its own."""
        return self.thid or self.id

    def attachment(self, name: str) -> Attachment:
        """Return the attachment with the id `name`.

        Raises:
            MessageSchemaError: there is none.
        """
        for attachment in self.attachments:
            if attachment.id == name:
                return attachment
        raise MessageSchemaError("an attachment that is not there")

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, header: Any) -> Any:
        if isinstance(header, dict) and None in header.values():
            raise ValueError("a header member that is null")
        return header

    @field_validator("body", mode="before")
    @classmethod
    def _body_of_its_type(cls, body: Any, info: ValidationInfo) -> Body:
        kind = _SHORT_NAMES.get(info.data.get("type", ""))
        try:
            return (TYPES[kind] if kind else Body).model_validate(body)
        except ValidationError as error:
            raise ValueError(_places(error)) from error

    @model_validator(mode="after")
    def _attachments_in_place(self) -> Self:
        names = [attachment.id for attachment in self.attachments]
        if len(set(names)) != len(names):
            raise ValueError("two attachments with the same id")
        items: Sequence[DeliveredItem | AmendedItem] = ()
        if isinstance(self.body, RecordDeliver):
            items = self.body.items
        elif isinstance(self.body, RecordAmend):
            items = self.body.changes
        if not {item.attachment for item in items} <= set(names):
            raise ValueError("an item whose attachment is not there")
        if len({item.item_id for item in items}) != len(items):
            raise ValueError("two items with the same item_id")
        return self


def new_id(at: datetime, entropy: bytes, *, after: str | None = None) -> str:
    """Return a UUIDv7 for the moment `at`, in 32 hex digits.

    `entropy` is `ENTROPY_BYTES` random bytes. Where the result would not be greater
    than `after`, the id that follows `after` is returned: the ids of the messages of
    one sender strictly increase, also within a millisecond and when the clock stepped
    back.
    """
    random = int.from_bytes(entropy[:ENTROPY_BYTES])
    if len(entropy) < ENTROPY_BYTES:
        raise ValueError(f"{len(entropy)} bytes of entropy, not {ENTROPY_BYTES}")
    moment = int(at.timestamp() * 1000) << 74
    if after is not None:
        moment_random = max(moment | random >> 6, _counter(after) + 1)
    else:
        moment_random = moment | random >> 6
    high, low = divmod(moment_random, 1 << 62)
    time, middle = divmod(high, 1 << 12)
    return f"{time << 80 | 7 << 76 | middle << 64 | 2 << 62 | low:032x}"


def _counter(id_: str) -> int:
    """Return the 122 bits of a UUIDv7 that are not version and variant."""
    number = int(id_, 16)
    time, middle, low = number >> 80, number >> 64 & 0xFFF, number & (1 << 62) - 1
    return time << 74 | middle << 62 | low


def policy_digest(policy: Mapping[str, Any]) -> str:
    """Return the digest of a policy, over its canonical form."""
    return "sha-256:" + as_base64url(hashlib.sha256(canonical(policy)).digest())


def attach(name: str, media_type: str, octets: bytes) -> Attachment:
    """Return `octets` as an attachment with the id `name`."""
    data = AttachmentData(base64=as_base64url(octets))
    return Attachment(id=name, media_type=media_type, data=data)


def compose(
    type_: str,
    *,
    id: str,  # noqa: A002 - the name it has on the wire
    from_: Did,
    to: Did,
    body: Body | Mapping[str, Any],
    at: datetime,
    expires: datetime,
    thid: str | None = None,
    pthid: str | None = None,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """Return the octets of a message, padded; `type_` is a short name.

    Raises:
        SizeError: attachments of more than `MAXIMUM_INLINE_BYTES` together.
        ValueError: what would be sent is not what a receiver takes.
    """
    content = dict(_plain(body) if isinstance(body, Body) else body)
    content.pop("pad", None)
    message: dict[str, Any] = {
        "typ": PLAIN,
        "id": id,
        "type": type_uri(type_),
        "from": from_,
        "to": [to],
        "created_time": int(at.timestamp()),
        "expires_time": int(expires.timestamp()),
    }
    message |= {"thid": thid} if thid else {}
    message |= {"pthid": pthid} if pthid else {}
    message["body"] = content | {"pad": ""}
    if attachments:
        message["attachments"] = [_plain(attachment) for attachment in attachments]
    missing = -len(_compact(message)) % BLOCK
    message["body"]["pad"] = "0" * missing
    octets = _compact(message)
    try:
        parse(octets, receiver={to}, now=message["created_time"])
    except (MessageSchemaError, MalformedValueError, ExpiredError) as error:
        raise ValueError(f"not a message to send: {error}") from error
    return octets


def parse(payload: bytes, *, receiver: Collection[Did], now: int) -> Message:
    """Read the octets of a message; `now` is in unix seconds.

    `receiver` is this node's DID and its former ones: a signed message that another
    node was sent must not be worth anything here.

    Raises:
        ExpiredError: `expires_time` has passed.
        MalformedValueError: not JSON that has one meaning only.
        MessageSchemaError: padding, header, body, receiver or times are not as they
            must be.
        SizeError: attachments of more than `MAXIMUM_INLINE_BYTES` together.
        UnsupportedMessageError: a type that LRX 1.0 does not have.
    """
    if len(payload) % BLOCK:
        raise MessageSchemaError(f"a length that is not a multiple of {BLOCK}")
    value = parse_strict(
        payload, longest_string=LONGEST_STRING, except_in="attachments"
    )
    try:
        message = Message.model_validate(value)
    except ValidationError as error:
        raise MessageSchemaError(_places(error)) from None
    short_name(message.type)
    if message.to[0] not in receiver:
        raise MessageSchemaError("to is not this node")
    if message.created_time > now + SKEW:
        raise MessageSchemaError("created_time lies in the future")
    if message.expires_time - message.created_time > LONGEST_LIFE:
        raise MessageSchemaError("expires_time is more than 45 days after created_time")
    if now > message.expires_time:
        raise ExpiredError("expires_time has passed")
    _check_inline(message.attachments)
    return message


def reread(payload: bytes) -> Message:
    """Read a message that `parse` took when it arrived; it may have expired since."""
    return Message.model_validate(json.loads(payload))


def _check_inline(attachments: Sequence[Attachment]) -> None:
    total = 0
    for attachment in attachments:
        try:
            total += len(attachment.octets() or b"")
        except MalformedValueError as error:
            raise MessageSchemaError("an attachment that is not base64url") from error
    if total > MAXIMUM_INLINE_BYTES:
        raise SizeError(
            f"attachments of {total} bytes, at most {MAXIMUM_INLINE_BYTES} inline"
        )


def _places(error: ValidationError) -> str:
    """Say where a message is wrong, and how; never what stood there."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    places = []
    for one in found[:_TOLD]:
        place = ".".join(str(part) for part in one["loc"])[:80] or "message"
        is_ours = one["type"] == "value_error"
        what = one["msg"].removeprefix("Value error, ") if is_ours else one["type"]
        places.append(f"{place}: {what}")
    return "; ".join(places)


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_unset=True
    )


def _compact(message: Mapping[str, Any]) -> bytes:
    text = json.dumps(
        message, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return text.encode()
