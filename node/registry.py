"""The verifiable data registry as seen from here.

DID documents with their history, status lists and peer profiles: fetched through the
guard, checked, kept. What was relied on once is archived; a DID log that is shorter
than, or differs from, what was seen before is an alarm and never an update (LRX 1.0,
"DIDs": truncation cannot be seen from the log alone).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from node.context import Clock
from node.fetch import DID_LOG, DOCUMENT, Fetcher
from node.store import peers as peer_store
from node.store.engine import Store
from protocol.credentials import revocation
from protocol.errors import DidError, MalformedValueError, ProtocolError
from protocol.exchange import did_log
from protocol.identity.dids import (
    Did,
    DidDocument,
    DidHistory,
    document_url,
    resolve_offline,
)
from protocol.linked_data import jcs

DID_LIFETIME = timedelta(hours=1)
DOCUMENT_LIMIT = 64 * 1024
"""Octets of a DID document."""
LIST_TYPES = "application/vc, application/statuslist+jwt, application/json"
DOCUMENT_TYPES = "application/ld+json, application/json"
STATUS_LIFETIME = timedelta(minutes=5)
"""Longest time a list is kept; less, where its `ttl` says so."""
NEGATIVE_LIFETIME = timedelta(seconds=10)


T = TypeVar("T")


class Source(Protocol):
    """Where verification finds what a document points to."""

    async def history(self, did: Did, *, fresh: bool = False) -> DidHistory:
        """Return the DID's document versions, or raise `DidError`."""
        ...

    async def status_list(self, url: str, *, fresh: bool = False) -> bytes:
        """Return the status list credential at `url`, or raise `DidError`."""
        ...

    async def document(self, url: str) -> bytes:
        """Return the document of an issuer without a DID, or raise `DidError`."""
        ...

    def remembered_history(self, did: str) -> DidHistory | None:
        """Return what was found lately, without asking anybody."""
        ...

    def remembered_list(self, url: str) -> bytes | None:
        """Return a list that was fetched lately, without asking anybody."""
        ...


@dataclass(slots=True)
class _Kept(Generic[T]):
    value: T
    until: datetime


@dataclass(slots=True)
class Registry:
    """Resolves live, remembers, and falls back to nothing: unreachable is unknown."""

    store: Store
    fetcher: Fetcher
    clock: Clock
    own: dict[str, bytes] = field(default_factory=dict)
    """DID logs this process serves itself, by DID."""
    _histories: dict[str, _Kept[DidHistory]] = field(default_factory=dict)
    _lists: dict[str, _Kept[bytes]] = field(default_factory=dict)
    _failed: dict[str, _Kept[str]] = field(default_factory=dict)

    async def history(self, did: Did, *, fresh: bool = False) -> DidHistory:
        """Return every version of the DID's document.

        Raises:
            DidError: no such method, unreachable, invalid, or shorter than before.
        """
        now = self.clock()
        kept = self._histories.get(did)
        age = now - (kept.until - DID_LIFETIME) if kept else DID_LIFETIME
        # Whoever names a key that is not there makes a peer's log be fetched anew: at
        # most every ten seconds.
        if kept and age < (NEGATIVE_LIFETIME if fresh else DID_LIFETIME):
            return kept.value
        offline = resolve_offline(did)
        if offline:
            return DidHistory.of_document(offline, now)
        self._refuse_if_failed(did, now)
        try:
            history = await self._resolve(did, now)
        except ProtocolError as error:
            self._failed[did] = _Kept(str(error), now + NEGATIVE_LIFETIME)
            raise DidError(str(error)) from error
        self._histories[did] = _Kept(history, now + DID_LIFETIME)
        return history

    async def _resolve(self, did: Did, now: datetime) -> DidHistory:
        octets = self.own.get(did)
        if octets is None:
            url = document_url(did)
            octets = await self.fetcher.get(url, DID_LOG)
        # A long log costs over half a second of signatures: not on the loop.
        history = await asyncio.to_thread(read_history, did, octets, now)
        versions = [v.version_id for v in history.versions] if did.scid else []
        await self.store.write(
            peer_store.archive_did,
            did=str(did),
            scid=did.scid,
            octets=octets,
            versions=versions,
            at=now,
        )
        return history

    def forget(self, did: str) -> None:
        """Look a DID up anew when it is next asked about."""
        self._histories.pop(did, None)

    def remembered_history(self, did: str) -> DidHistory | None:
        """Return the DID's versions if they were looked up within the hour."""
        kept = self._histories.get(did)
        return kept.value if kept and self.clock() < kept.until else None

    def remembered_list(self, url: str) -> bytes | None:
        """Return a status list fetched within the last five minutes."""
        kept = self._lists.get(url)
        return kept.value if kept and self.clock() < kept.until else None

    def _refuse_if_failed(self, key: str, now: datetime) -> None:
        failed = self._failed.get(key)
        if failed and now < failed.until:
            raise DidError(failed.value)

    async def status_list(self, url: str, *, fresh: bool = False) -> bytes:
        """Return the status list at `url`, at most five minutes old.

        Raises:
            DidError: refused, unreachable or too large.
        """
        now = self.clock()
        kept = self._lists.get(url)
        if kept and now < kept.until and not fresh:
            return kept.value
        self._refuse_if_failed(url, now)
        try:
            octets = await self.fetcher.get(url, DOCUMENT, accept=LIST_TYPES)
        except DidError as error:
            self._failed[url] = _Kept(str(error), now + NEGATIVE_LIFETIME)
            raise
        lifetime = revocation.time_to_live(octets) or STATUS_LIFETIME
        self._lists[url] = _Kept(octets, now + min(lifetime, STATUS_LIFETIME))
        await self.store.write(
            peer_store.archive_status_list, url=url, octets=octets, at=now
        )
        return octets

    async def document(self, url: str) -> bytes:
        """Return the document at `url`, of an issuer that has no DID; it is not kept.

        Raises:
            DidError: refused, unreachable or too large.
        """
        return await self.fetcher.get(url, DOCUMENT, accept=DOCUMENT_TYPES)

    async def profile(self, did: Did) -> bytes:
        """Return the signed profile the DID document points to."""
        service = (await self.history(did)).current().lrx_service()
        if service is None:
            raise DidError(f"{did} has no LearnerRecordExchange service")
        return await self.fetcher.get(service.profile, DOCUMENT)


@dataclass(slots=True)
class Live:
    """Resolves live and keeps nothing: for a command that verifies one document."""

    fetcher: Fetcher
    clock: Clock

    async def history(self, did: Did, *, fresh: bool = False) -> DidHistory:
        """Return every version of the DID's document.

        Raises:
            DidError: no such method, unreachable or invalid.
        """
        offline = resolve_offline(did)
        if offline:
            return DidHistory.of_document(offline, self.clock())
        octets = await self.fetcher.get(document_url(did), DID_LOG)
        return read_history(did, octets, self.clock())

    async def status_list(self, url: str, *, fresh: bool = False) -> bytes:
        """Return the status list credential at `url`.

        Raises:
            DidError: refused, unreachable or too large.
        """
        return await self.fetcher.get(url, DOCUMENT, accept=LIST_TYPES)

    async def document(self, url: str) -> bytes:
        """Return the document at `url`, of an issuer that has no DID.

        Raises:
            DidError: refused, unreachable or too large.
        """
        return await self.fetcher.get(url, DOCUMENT, accept=DOCUMENT_TYPES)

    def remembered_history(self, did: str) -> DidHistory | None:
        """Nothing is remembered."""
        return None

    def remembered_list(self, url: str) -> bytes | None:
        """Nothing is remembered."""
        return None


def read_history(did: Did, octets: bytes, at: datetime) -> DidHistory:
    """Read a DID log or document as it was fetched or archived.

    Raises:
        DidError: it is not one of `did`.
    """
    try:
        if did.method == "webvh":
            return did_log.read(did, octets, at=at)
        if len(octets) > DOCUMENT_LIMIT:
            raise DidError(f"a DID document over {DOCUMENT_LIMIT} bytes")
        document = DidDocument.parse(jcs.parse_strict(octets))
    except MalformedValueError as error:
        raise DidError(f"the document of {did}: {error}") from error
    if document.id != did:
        raise DidError(f"the document found for {did} is about another DID")
    return DidHistory.of_document(document, at)


@dataclass(frozen=True, slots=True)
class Archive:
    """What a node's database holds, without any network: for offline verification."""

    store: Store
    at: datetime
    own: Mapping[str, bytes] = field(default_factory=dict)
    """DID logs of the node itself, by DID."""

    async def history(self, did: Did, *, fresh: bool = False) -> DidHistory:
        """Return the archived versions.

        Raises:
            DidError: never archived here.
        """
        offline = resolve_offline(did)
        if offline:
            return DidHistory.of_document(offline, self.at)
        octets = self.own.get(did) or await self.store.read(
            peer_store.archived_did, did=str(did)
        )
        if octets is None:
            raise DidError(f"the DID log of {did} is not in this archive")
        return read_history(did, octets, self.at)

    async def status_list(self, url: str, *, fresh: bool = False) -> bytes:
        """Return the latest archived list.

        Raises:
            DidError: never archived here.
        """
        octets = await self.store.read(peer_store.archived_status_list, url=url)
        if octets is None:
            raise DidError(f"the status list {url} is not in this archive")
        return octets

    async def document(self, url: str) -> bytes:
        """Nothing of the kind is archived.

        Raises:
            DidError: always.
        """
        raise DidError(f"the document {url} is not in this archive")

    def remembered_history(self, did: str) -> DidHistory | None:
        """Nothing is remembered."""
        return None

    def remembered_list(self, url: str) -> bytes | None:
        """Nothing is remembered."""
        return None
