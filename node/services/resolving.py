"""DID resolution and DID URL dereferencing, with the metadata of either.

Follows Decentralized Identifier Resolution v0.3, sections "DID Resolution" and "DID URL
Dereferencing". What cannot be reached is `notFound`; what the reason was is said beside
it, for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from node.registry import Source
from protocol.credentials.proofs import as_moment
from protocol.credentials.vcdm import as_text
from protocol.errors import DidError
from protocol.identity import resolution
from protocol.identity.dids import OFFLINE, Did, DidHistory, DidVersion
from protocol.identity.resolution import (
    DOCUMENT_TYPE,
    Content,
    Reference,
    ResolutionError,
    Word,
)

RESULT_CONTEXT = "https://w3id.org/did-resolution/v1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a DID, or a DID URL, led to."""

    reference: str
    content: Content | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Of the document: its version, and whether the DID has ended."""
    error: str = ""
    reason: str = ""
    is_url: bool = False

    @property
    def ended(self) -> bool:
        """Tell whether the DID is deactivated."""
        return bool(self.metadata.get("deactivated"))

    def as_dict(self) -> dict[str, Any]:
        """Return it as a resolver answers: of a DID, or of a DID URL."""
        about: dict[str, Any] = {}
        if self.content:
            about["contentType"] = self.content.media_type
        if self.error:
            about |= {"error": self.error, "reason": self.reason}
        value = self.content.value if self.content else None
        found = {"@context": RESULT_CONTEXT}
        if not self.is_url:
            return found | {
                "didDocument": value,
                "didDocumentMetadata": dict(self.metadata),
                "didResolutionMetadata": about,
            }
        return found | {
            "content": value,
            "contentMetadata": dict(self.metadata),
            "dereferencingMetadata": about,
        }


async def resolve(text: str, *, source: Source, key_format: str = "") -> Outcome:
    """Resolve a DID, or dereference a DID URL; never raises.

    `versionId` and `versionTime` in the query of a DID URL choose a version;
    `key_format` the format of the key of a `did:key`.
    """
    is_url = any(mark in text for mark in "/?#")
    try:
        reference = resolution.parse_url(text)
        did = resolution.supported(reference.did)
        history = await _history(did, source)
        version = _version(history, reference)
    except ResolutionError as error:
        return Outcome(text, error=error.word, reason=str(error), is_url=is_url)
    metadata = _metadata(history, version)
    if history.deactivated and version is history.versions[-1]:
        return Outcome(text, metadata=metadata | {"deactivated": True}, is_url=is_url)
    try:
        document = version.document
        if key_format and did.method == "key":
            document = resolution.in_format(document, key_format)
        content = resolution.dereference(document, reference)
    except ResolutionError as error:
        return Outcome(text, error=error.word, reason=str(error), is_url=is_url)
    # A key or an endpoint has no metadata of its own.
    whole = content.media_type == DOCUMENT_TYPE and not reference.fragment
    return Outcome(text, content, metadata if whole else {}, is_url=is_url)


async def _history(did: Did, source: Source) -> DidHistory:
    try:
        return await source.history(did)
    except DidError as error:
        word: Word = "invalidDid" if did.method in OFFLINE else "notFound"
        raise ResolutionError(word, str(error)) from error


def _version(history: DidHistory, reference: Reference) -> DidVersion:
    """Return the version a DID URL asks for, or else the last one.

    Raises:
        ResolutionError: there is no such version.
    """
    wanted, moment = (reference.query.get(n) for n in ("versionId", "versionTime"))
    versions = history.versions
    if wanted is not None:
        versions = tuple(one for one in versions if one.version_id == wanted)
    if moment is not None:
        at = _moment(moment)
        versions = tuple(one for one in versions if one.at <= at)
    if not versions:
        raise ResolutionError("notFound", "there is no such version of the document")
    return versions[-1]


def _moment(text: str) -> datetime:
    found = as_moment(text)
    if found is None:
        raise ResolutionError("invalidDidUrl", "a versionTime that is no moment")
    return found


def _metadata(history: DidHistory, version: DidVersion) -> dict[str, Any]:
    """Return what is known of a document; only a log says when it was written."""
    if history.scid is None:
        return {}
    told: dict[str, Any] = {
        "versionId": version.version_id,
        "created": as_text(history.versions[0].at),
        "updated": as_text(version.at),
    }
    later = history.versions[history.versions.index(version) + 1 :]
    if later:
        told |= {
            "nextVersionId": later[0].version_id,
            "nextUpdate": as_text(later[0].at),
        }
    return told | {"deactivated": False} if not history.deactivated else told
