"""The manifest of an evidence pack: what is in it, and what each file is.

Every file but the manifest and its signature is named with its digest, so that one
signature covers the whole pack. File names are the pack's own and carry no meaning;
what a file is for is said by the members that name it.
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt

from protocol.exchange import evidence_archive
from protocol.exchange.bodies import Digest, Id
from protocol.identity.dids import Did, DidUrl
from protocol.identity.multibase import as_base64url, from_base64url

FORMAT = "lrx-evidence/1"
SIGNATURE_TYPE = "lrx-evidence+jwt"
"""`typ` of the JWS over the manifest's digest."""
MANIFEST = evidence_archive.FIRST
SIGNATURE = "manifest.jws"

EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""No pack is of another time; it keeps sums of moments inside the calendar."""

Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
MessageRole = Literal["query", "offer", "answer", "deliver", "receipt"]
LeafAbout = Literal["release", "receipt"]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DidFile(_Closed):
    """Where the history of one DID lies."""

    file: str
    form: Literal["log", "document"]
    """A did:webvh log, or one document as it was seen."""
    seen: Moment | None = None
    """For a document: when."""


class LogFiles(_Closed):
    """The exporter's log, as far as the delivery is in it."""

    origin: str
    key: str
    checkpoint: str
    leaves: dict[LeafAbout, str]


class Manifest(_Closed):
    """What is in a pack, and what each file is."""

    format: Literal["lrx-evidence/1"]
    created: Moment
    created_by: DidUrl
    """The message key of the party that made the pack."""
    deliveries: tuple[Id]
    time_evidence: Literal["T0"]
    anchors: tuple[Did, ...]
    """The trust anchors its maker judged by."""
    messages: dict[MessageRole, str]
    items: dict[str, str]
    policy: str
    dids: dict[Did, DidFile]
    accreditations: tuple[str, ...]
    status_lists: dict[str, str]
    later_status_lists: dict[str, str]
    log: LogFiles
    files: dict[str, Digest]

    def named(self) -> set[str]:
        """Return the files that some member names."""
        return {
            *self.messages.values(),
            *self.items.values(),
            self.policy,
            *(one.file for one in self.dids.values()),
            *self.accreditations,
            *self.status_lists.values(),
            *self.later_status_lists.values(),
            self.log.checkpoint,
            *self.log.leaves.values(),
        }


class LeafProof(_Closed):
    """An event of the log, opened, with its path to the root."""

    event: dict[str, Any]
    blind: str
    index: Annotated[StrictInt, Field(ge=0)]
    proof: tuple[str, ...]

    def path(self) -> tuple[bytes, ...]:
        """Return the hashes of the path.

        Raises:
            MalformedValueError: not base64url.
        """
        return tuple(from_base64url(one) for one in self.proof)


def digest(octets: bytes) -> str:
    """Return the digest by which a manifest names a file."""
    return "sha-256:" + as_base64url(hashlib.sha256(octets).digest())
