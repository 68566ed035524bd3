"""What a peer may be told went wrong.

Every error names the problem `code` of LRX 1.0 (section "Problems") and knows nothing
of HTTP: which status a code becomes is for `node.web.problems` to say. A message says
what was found and what was expected, and never contains personal data.
"""

from typing import ClassVar

PROBLEMS = "https://lrx.example/problems/"
"""The problem type of an error is this followed by its code."""


class ProtocolError(Exception):
    """The base of every error that may be told to a peer."""

    code: ClassVar[str] = "e.m.msg.malformed"
    title: ClassVar[str] = "The request breaks the exchange protocol"

    @property
    def type(self) -> str:
        """The problem type URI of RFC 9457."""
        return PROBLEMS + self.code


class MalformedValueError(ProtocolError):
    """A value could not be read at all."""

    title = "Malformed value"


class MessageSchemaError(ProtocolError):
    """A message was readable but does not have the form its type demands."""

    code = "e.m.msg.schema"
    title = "The message does not fit its schema"


class UnsupportedMessageError(ProtocolError):
    """The message type is not one this node understands."""

    code = "e.m.msg.unsupported"
    title = "Unknown message type"


class UnexpectedMessageError(ProtocolError):
    """The state table has no such step."""

    code = "e.m.msg.unexpected"
    title = "The message is not expected in this state"


class SignatureError(ProtocolError):
    """The caller could not be authenticated; no further detail is told."""

    code = "e.m.trust.signature"
    title = "The request could not be authenticated"


class ClockError(ProtocolError):
    """The caller's clock is more than 30 s from ours."""

    code = "e.m.trust.clock"
    title = "The clocks disagree"


class PeerStateError(ProtocolError):
    """The peer is known but suspended or ended."""

    code = "e.m.trust.peer"
    title = "The relationship is suspended or ended"


class RoleError(ProtocolError):
    """The role or route was not agreed with this peer."""

    code = "e.m.trust.role"
    title = "Not agreed with this peer"


class NotFoundError(ProtocolError):
    """No such thing, or not for this caller: the two are never told apart."""

    code = "e.m.notfound"
    title = "Not found"


class ReplayError(ProtocolError):
    """The nonce was used before."""

    code = "e.m.trust.replay"
    title = "The request was received before"


class IdReuseError(ProtocolError):
    """A message id came again with other content."""

    code = "e.m.msg.id-reuse"
    title = "The message id was used for other content"


class ExpiredError(ProtocolError):
    """The message came after its `expires_time`."""

    code = "e.m.msg.expired"
    title = "The message has expired"


class SizeError(ProtocolError):
    """Larger than the limit of the route or of the document kind."""

    code = "e.m.xfer.size"
    title = "Too large"


class MediaTypeError(ProtocolError):
    """Another media type, or an encoding, where one is fixed."""

    code = "e.m.xfer.type"
    title = "Unsupported media type"


class MisdirectedError(ProtocolError):
    """The request was addressed to another host."""

    code = "e.m.xfer.misdirected"
    title = "Misdirected request"


class CryptoError(ProtocolError):
    """Decryption or message signature failed after a good HTTP signature."""

    code = "e.m.trust.crypto"
    title = "The message could not be opened"


class BusyError(ProtocolError):
    """A quota or budget is used up; come again later."""

    code = "w.m.me.busy"
    title = "Busy"


class DidError(ProtocolError):
    """A DID, DID document or DID log could not be read, resolved or trusted."""

    code = "did.unresolvable"
    title = "The DID could not be resolved"


class SecuringError(ProtocolError):
    """A credential's securing mechanism could not be read or applied."""

    code = "trust.unsigned"
    title = "Not a secured document this node can read"


class LinkedDataError(SecuringError):
    """A document whose graph says less than its text, or cannot be stated at all."""

    title = "Not linked data this node can read"


class UnknownContextError(LinkedDataError):
    """A JSON-LD context that is not among those at hand."""

    title = "Unknown JSON-LD context"


class WorkLimitError(LinkedDataError):
    """More work than a document of its size is worth: a trap, or very unlucky."""

    title = "Too costly to canonicalise"


class StatusListLengthError(ProtocolError):
    """A status list is too short to hide one learner among many."""

    code = "status.length"
    title = "Status list too short"


class RangeError(ProtocolError):
    """A status index lies outside its list."""

    code = "status.range"
    title = "Outside the status list"
