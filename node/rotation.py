"""Puts new keys in the place of old ones, one entry of the DID log at a time.

The order is: new keys to the disk, then the DID log, then use. The log is replaced in
one step, and which keys count is decided by the log alone; so whoever is interrupted
has either changed nothing, or all of it, and gives the same command again.

A message or credential key that was replaced stays in the document until the next
rotation or `retire`: what was signed with it in the same minute, perhaps by another
process of this node, must not be signed by a key that no longer counted. A replaced
encryption key leaves at once, and its private half opens what still comes for
`identity.KEPT`.

Implements LRX 1.0, section "Identity and keys", and the did:webvh DID Method v1.0,
section "Pre-Rotation Key Hash Generation and Verification": the entry is signed by the
key announced in the one before, and announces the next.
"""

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from node import identity
from node.identity import KEPT, RELATIONSHIPS, KeystoreError, Stored
from protocol.errors import DidError
from protocol.exchange import did_log
from protocol.identity.dids import Did, DidDocument, DidHistory, DidUrl

JOBS = tuple(RELATIONSHIPS)
"""What can be rotated; the update key is with every entry of the log."""

_PREFIX = {
    "message": "sig",
    "encryption": "enc",
    "credential-eddsa": "cred",
    "credential-es256": "cred",
}
_CREDENTIALS = {"credential-eddsa": "EdDSA", "credential-es256": "ES256"}
_AHEAD = timedelta(seconds=30)
"""How far the last entry may lie ahead of the clock."""
_UPDATE, _NEXT, _AFTER = "update.json", "next.json", "after-next.json"


@dataclass(frozen=True, slots=True)
class Change:
    """What one entry of the DID log changed."""

    version: str
    """`versionId` of the entry."""
    added: tuple[str, ...]
    """Names of new keys, without the DID."""
    removed: tuple[str, ...]
    """Names of keys that are no longer in the document."""
    destroyed: tuple[str, ...]
    """Names of key files that were deleted."""


def rotate(
    folder: Path, did: Did, jobs: Collection[str], *, safe: Path, at: datetime
) -> Change:
    """Give each of `jobs` a new key, and the DID log an entry that says so.

    `safe` is the folder with `next.json`; the key after it is written there, too. With
    no jobs the update key alone changes. What an earlier rotation of these jobs
    replaced leaves the document.

    Raises:
        KeystoreError: a key is missing, or another rotation is under way.
    """
    with _alone(folder):
        tidied = _tidy(folder, did, safe, at=at)
        history, _ = identity.read_log(folder, did)
        for job in jobs:
            if not _unused(folder, job, history):
                identity.generate(_free(folder, job), job)
        document = _rotated(folder, history, jobs)
        change = _publish(folder, did, document, safe=safe, at=at)
        return _with(change, tidied)


def retire(
    folder: Path, did: Did, jobs: Collection[str], *, safe: Path, at: datetime
) -> Change | None:
    """Take keys that were replaced out of the document; None if there are none.

    Raises:
        KeystoreError: a key is missing, or another rotation is under way.
    """
    with _alone(folder):
        tidied = _tidy(folder, did, safe, at=at)
        history, _ = identity.read_log(folder, did)
        document = history.current()
        gone = {url for job in jobs for url in _replaced(document)[job]}
        if not gone:
            return None
        stated = _without(document, gone)
        change = _publish(folder, did, stated, safe=safe, at=at)
        return _with(change, tidied)


def _with(change: Change, tidied: Collection[Path]) -> Change:
    names = (path.name for path in tidied)
    return replace(change, destroyed=(*names, *change.destroyed))


def replaced(document: DidDocument) -> list[DidUrl]:
    """List the keys that have a successor and still stand in the document."""
    return [url for urls in _replaced(document).values() for url in urls]


def _replaced(document: DidDocument) -> dict[str, list[DidUrl]]:
    return {
        job: [url for url in names if url != identity.newest(names)]
        for job, names in _names(document).items()
    }


def _names(document: DidDocument) -> dict[str, list[DidUrl]]:
    """Return what the document calls the keys of each job."""
    names: dict[str, list[DidUrl]] = {job: [] for job in JOBS}
    names["encryption"] = list(document.encryption_keys())
    for url in document.relationships["authentication"]:
        if document.key_for(url, "authentication"):
            names["message"].append(url)
    for url in document.relationships["assertionMethod"]:
        key = document.key_for(url, "assertionMethod")
        for job, algorithm in _CREDENTIALS.items():
            if key is not None and key.algorithm == algorithm:
                names[job].append(url)
    return names


def _unused(folder: Path, job: str, history: DidHistory) -> Stored | None:
    """Return a key no version of the document names: one that was made and not used."""
    for one in identity.stored(folder, job):
        if not any(one.names(version.document) for version in history.versions):
            return one
    return None


def _rotated(
    folder: Path, history: DidHistory, jobs: Collection[str]
) -> dict[str, Any]:
    """Return the present document with the unused key of each of `jobs` added."""
    document = history.current()
    names = _names(document)
    gone = {
        url
        for job in jobs
        for url in names[job]
        if job == "encryption" or url != identity.newest(names[job])
    }
    stated = _without(document, gone)
    used = [url for version in history.versions for url in version.document.methods]
    for job in sorted(jobs, key=JOBS.index):
        new = _unused(folder, job, history)
        assert new is not None  # noqa: S101 - it was made a moment ago
        prefix = f"{_PREFIX[job]}-"
        numbers = [
            identity.number_of(url) for url in used if url.fragment.startswith(prefix)
        ]
        url = DidUrl.of(history.did, f"#{prefix}{max(numbers, default=0) + 1}")
        used.append(url)
        # In front: whoever encrypts to this node takes the first key there is.
        stated["verificationMethod"].insert(
            0,
            {
                "id": str(url),
                "type": "Multikey",
                "controller": str(history.did),
                "publicKeyMultibase": new.multikey,
            },
        )
        stated[RELATIONSHIPS[job]].insert(0, str(url))
    return stated


def _without(document: DidDocument, gone: Collection[DidUrl]) -> dict[str, Any]:
    """Return `document` without the keys named in `gone`."""
    stated = document.as_dict()
    names = {*map(str, gone), *(f"#{url.fragment}" for url in gone)}
    for member in ("verificationMethod", *dict.fromkeys(RELATIONSHIPS.values())):
        stated[member] = [
            one
            for one in stated.get(member, [])
            if (one["id"] if isinstance(one, dict) else one) not in names
        ]
    return stated


def _publish(
    folder: Path, did: Did, stated: dict[str, Any], *, safe: Path, at: datetime
) -> Change:
    """Append an entry with the document `stated`, and put it in force."""
    history, log = identity.read_log(folder, did)
    before = history.current()
    last = history.versions[-1].at
    if last >= at + _AHEAD:
        raise KeystoreError(
            f"the DID log ends at {last.isoformat()}, and it is {at.isoformat()} here: "
            "set the clock"
        )
    # Entries are a second apart, and the log counts whole seconds.
    at = max(at, last + timedelta(seconds=1))
    key = identity.signing_key(_announced(safe, log))
    if not (safe / _AFTER).exists():
        identity.generate(safe / _AFTER, "next")
    successor = identity.signing_key(safe / _AFTER).verification_key.multikey()
    try:
        longer = did_log.append(
            log,
            document=stated,
            update_key=key,
            next_key_hashes=[did_log.next_key_hash(successor)],
            at=at,
        )
    except DidError as error:
        raise KeystoreError(f"the DID log would not be valid: {error}") from error
    _replace(folder.parent / identity.LOG_FILE, longer)
    destroyed = _tidy(folder, did, safe, at=at)
    after = did_log.read(did, longer)
    methods = after.current().methods
    return Change(
        after.versions[-1].version_id,
        tuple(url.fragment for url in methods if url not in before.methods),
        tuple(url.fragment for url in before.methods if url not in methods),
        tuple(path.name for path in destroyed),
    )


def _announced(safe: Path, log: bytes) -> Path:
    """Return the file of the key that may sign the next entry."""
    hashes = did_log.announced(log)
    for path in (safe / name for name in (_NEXT, _AFTER, _UPDATE)):
        if path.exists():
            key = identity.signing_key(path).verification_key
            if did_log.next_key_hash(key.multikey()) in hashes:
                return path
    raise KeystoreError(
        f"{safe}: no {_NEXT} with the key that the last entry of the DID log "
        "announced; name the folder it is kept in with --update-keys"
    )


def _tidy(folder: Path, did: Did, safe: Path, *, at: datetime) -> list[Path]:
    """Finish what follows from the log as it stands; return the files it destroyed."""
    history, log = identity.read_log(folder, did)
    if _announced(safe, log) == safe / _AFTER:
        if (safe / _NEXT).exists():
            (safe / _NEXT).replace(safe / _UPDATE)
        (safe / _AFTER).replace(safe / _NEXT)
        identity.sync_folder(safe)
    destroyed = []
    for job in JOBS:
        keep = KEPT if job == "encryption" else timedelta()
        for one in identity.stored(folder, job):
            since = identity.left(one, history)
            if since is not None and at >= since + keep:
                one.path.unlink()
                destroyed.append(one.path)
    identity.sync_folder(folder)
    return destroyed


def _replace(path: Path, octets: bytes) -> None:
    """Put `octets` in the place of what `path` holds, in one step."""
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(path.stat().st_mode & 0o777)
    draft.replace(path)
    identity.sync_folder(path.parent)


def _free(folder: Path, job: str) -> Path:
    """Return the name of the file after the last one of a job."""
    last = identity.files_of(folder, job)[-1].stem.removeprefix(job)
    return folder / f"{job}-{int(last[1:] or 1) + 1}.json"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let no second rotation begin before this one is over."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise KeystoreError(f"{folder}: another rotation is under way") from error
    else:
        yield
    finally:
        os.close(handle)
