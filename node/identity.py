"""The DID of this node, its keys and its DID log.

A keystore is a folder with one file per key job (LRX 1.0, "Identity and keys"), each a
private JWK with mode 0600; a job whose key was replaced has `JOB-2.json` and so on
beside it. A file that others can read stops the node: a key somebody else may have seen
signs nothing any more.

Which of several keys counts is decided by the DID document and by nothing else: a file
whose public half no version of the document names is not in use yet, whatever its name.

`update.json` and `next.json` change the DID and are needed only then: keep them on a
stick in a safe, not beside a running node.
"""

import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from protocol.errors import ProtocolError
from protocol.exchange import did_log
from protocol.identity.dids import (
    Did,
    DidDocument,
    DidHistory,
    DidUrl,
    Fragments,
    node_document,
)
from protocol.identity.keys import Algorithm, DecryptionKey, LocalSigningKey

LOG_FILE = "did.jsonl"
"""The DID log, beside the settings file."""

_SIGNING: Mapping[str, Algorithm] = {
    "update": "EdDSA",
    "next": "EdDSA",
    "message": "EdDSA",
    "credential-eddsa": "EdDSA",
    "credential-es256": "ES256",
    "log": "EdDSA",
}
VAULT_BYTES = 32
JOBS = (*_SIGNING, "encryption", "vault")
RELATIONSHIPS = {
    "message": "authentication",
    "credential-eddsa": "assertionMethod",
    "credential-es256": "assertionMethod",
    "encryption": "keyAgreement",
}
"""Of the keys that stand in the DID document."""
KEPT = timedelta(days=60)
"""How long a decryption key opens messages after it left the document."""


class KeystoreError(Exception):
    """The keystore cannot be used; the message says which file and what to do."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The keys a running node needs, and the DID they speak for."""

    did: Did
    message_key: LocalSigningKey
    eddsa: LocalSigningKey
    es256: LocalSigningKey
    log_key: LocalSigningKey
    decryption: Mapping[str, DecryptionKey]
    """By the DID URL of the public half; also those replaced not long ago."""
    vault: bytes = field(repr=False)
    """The key that wraps every learner's data key, 32 bytes."""
    log: bytes
    """The DID log, as served."""
    names: Fragments = field(default_factory=Fragments)
    """What the DID document calls the keys."""

    @property
    def message_kid(self) -> DidUrl:
        """The verification method of `message_key`."""
        return DidUrl.of(self.did, self.names.message)

    @property
    def eddsa_kid(self) -> DidUrl:
        """The verification method of `eddsa`."""
        return DidUrl.of(self.did, self.names.credentials[0])

    @property
    def es256_kid(self) -> DidUrl:
        """The verification method of `es256`."""
        return DidUrl.of(self.did, self.names.credentials[1])


@dataclass(frozen=True, slots=True)
class Stored:
    """One key file of a job whose keys stand in the DID document."""

    job: str
    path: Path
    multikey: str
    """The public half."""
    thumbprint: str

    def names(self, document: DidDocument) -> list[DidUrl]:
        """Return what `document` calls this key, if it names it for its job."""
        return [
            url
            for url in document.relationships[RELATIONSHIPS[self.job]]
            if (method := document.methods.get(url))
            and method.key is not None
            and not method.revoked
            and method.key.multikey() == self.multikey
        ]


def create_keystore(folder: Path) -> None:
    """Make every key of a new node, each in a file of its own.

    Raises:
        KeystoreError: the folder exists and is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise KeystoreError(f"{folder} is not empty: a keystore is never overwritten")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for job in (*_SIGNING, "encryption"):
        generate(folder / f"{job}.json", job)
    write_key(
        folder / "vault.json", {"kty": "oct", "k": secrets.token_hex(VAULT_BYTES)}
    )


def create_did(folder: Path, *, domain: str, origin: str, at: datetime) -> Did:
    """Write the first entry of the DID log beside the keystore `folder`."""
    keys = {job: read_key(folder, job) for job in ("update", "next", "message")}
    template = node_document(
        f"did:webvh:{{SCID}}:{domain.replace(':', '%3A')}",
        message_key=keys["message"].verification_key,
        credential_keys=[
            read_key(folder, job).verification_key
            for job in ("credential-eddsa", "credential-es256")
        ],
        encryption_key=decryption_key(folder / "encryption.json").encryption_key,
        endpoint=f"{origin}/lrx/1",
        profile=f"{origin}/.well-known/lrx",
    )
    successor = keys["next"].verification_key.multikey()
    did, log = did_log.create(
        template,
        update_key=keys["update"],
        next_key_hashes=[did_log.next_key_hash(successor)],
        at=at,
    )
    (folder.parent / LOG_FILE).write_bytes(log)
    return did


def load(folder: Path, did: Did, *, at: datetime | None = None) -> Identity:
    """Read the keys of a running node.

    Raises:
        KeystoreError: a key is missing, damaged, readable by others, or is not the one
            the DID document names.
    """
    history, log = read_log(folder, did)
    document = history.current()
    message, message_key = _in_use(folder, "message", document)
    eddsa_name, eddsa = _in_use(folder, "credential-eddsa", document)
    es256_name, es256 = _in_use(folder, "credential-es256", document)
    opening = _opening(folder, history, at or datetime.now(UTC))
    current = next((url for url in document.encryption_keys() if url in opening), None)
    if current is None:
        raise _foreign(folder, "encryption", document)
    return Identity(
        did=did,
        message_key=message_key,
        eddsa=eddsa,
        es256=es256,
        log_key=read_key(folder, "log"),
        decryption=opening,
        vault=_vault_key(folder),
        log=log,
        names=Fragments(message, (eddsa_name, es256_name), f"#{current.fragment}"),
    )


def read_log(folder: Path, did: Did) -> tuple[DidHistory, bytes]:
    """Read the DID log beside the keystore `folder`.

    Raises:
        KeystoreError: it is missing, or is not that of `did`.
    """
    log_file = folder.parent / LOG_FILE
    try:
        log = log_file.read_bytes()
        history = did_log.read(did, log)
        history.current()
    except OSError as error:
        raise KeystoreError(f"{log_file}: {error.strerror}") from error
    except ProtocolError as error:
        raise KeystoreError(f"{log_file} does not belong to {did}: {error}") from error
    return history, log


def stored(folder: Path, job: str) -> list[Stored]:
    """List the key files of a job that stands in the DID document, the oldest first.

    Raises:
        KeystoreError: there is none, or one is damaged or readable by others.
    """
    found = []
    for path in files_of(folder, job):
        if job == "encryption":
            public = decryption_key(path).encryption_key
            found.append(Stored(job, path, public.multikey(), public.thumbprint()))
        else:
            key = signing_key(path).verification_key
            found.append(Stored(job, path, key.multikey(), key.thumbprint()))
    return found


def files_of(folder: Path, job: str) -> list[Path]:
    """Return `JOB.json`, `JOB-2.json`, …, as far as they exist; else `JOB.json`."""
    numbered = {
        int(number): path
        for path in folder.glob(f"{job}-*.json")
        if (number := path.stem.removeprefix(f"{job}-")).isdecimal()
    }
    first = folder / f"{job}.json"
    rest = [numbered[number] for number in sorted(numbered)]
    return [first, *rest] if first.exists() or not rest else rest


def newest(names: Iterator[DidUrl] | list[DidUrl]) -> DidUrl | None:
    """Return the name with the greatest number: a new key takes a new name."""
    return max(names, key=number_of, default=None)


def number_of(url: DidUrl) -> int:
    """Return the number at the end of a key's name, 0 where there is none."""
    end = url.fragment.rpartition("-")[2]
    return int(end) if end.isdecimal() else 0


def _in_use(
    folder: Path, job: str, document: DidDocument
) -> tuple[str, LocalSigningKey]:
    """Return name and key of the newest the document allows the job."""
    named = [(url, one) for one in stored(folder, job) for url in one.names(document)]
    if not named:
        raise _foreign(folder, job, document)
    url, chosen = max(named, key=lambda pair: number_of(pair[0]))
    return f"#{url.fragment}", signing_key(chosen.path)


def _foreign(folder: Path, job: str, document: DidDocument) -> KeystoreError:
    relationship = RELATIONSHIPS[job]
    names = ", ".join(sorted(u.fragment for u in document.relationships[relationship]))
    return KeystoreError(
        f"{folder}: {job}.json: the {relationship} key of the DID document ({names}) "
        "is not the one in the keystore"
    )


def _opening(
    folder: Path, history: DidHistory, at: datetime
) -> dict[str, DecryptionKey]:
    """Return the decryption keys that count, and those that counted until lately."""
    opening: dict[str, DecryptionKey] = {}
    for one in stored(folder, "encryption"):
        since = left(one, history)
        if since is not None and since + KEPT <= at:
            continue
        for version in history.versions:
            for url in one.names(version.document):
                opening[url] = decryption_key(one.path)
    return opening


def left(one: Stored, history: DidHistory) -> datetime | None:
    """Return when a key left the document; None if it is there, or never was."""
    gone = None
    for version in history.versions:
        here = bool(one.names(version.document))
        if here:
            gone = None
        elif gone is None:
            gone = version.at
    return gone if any(one.names(v.document) for v in history.versions) else None


def read_key(folder: Path, job: str) -> LocalSigningKey:
    """Read the first signing key of one job.

    Raises:
        KeystoreError: missing, damaged, or readable by others.
    """
    return signing_key(folder / f"{job}.json")


def signing_key(path: Path) -> LocalSigningKey:
    """Read a signing key.

    Raises:
        KeystoreError: missing, damaged, or readable by others.
    """
    try:
        return LocalSigningKey.from_jwk(_read(path))
    except (ProtocolError, ValueError, KeyError) as error:
        raise KeystoreError(f"{path} does not hold a key") from error


def decryption_key(path: Path) -> DecryptionKey:
    """Read a decryption key.

    Raises:
        KeystoreError: missing, damaged, or readable by others.
    """
    try:
        return DecryptionKey.from_jwk(_read(path))
    except (ProtocolError, ValueError, KeyError) as error:
        raise KeystoreError(f"{path} does not hold a key") from error


def _vault_key(folder: Path) -> bytes:
    try:
        key = bytes.fromhex(_read(folder / "vault.json")["k"])
    except (ValueError, KeyError) as error:
        raise KeystoreError(f"{folder}/vault.json does not hold a key") from error
    if len(key) != VAULT_BYTES:
        raise KeystoreError(f"{folder}/vault.json does not hold a key of 256 bits")
    return key


def generate(path: Path, job: str) -> None:
    """Make a new key for a job in a new file, on the disk when this returns."""
    if job == "encryption":
        write_key(path, DecryptionKey.generate().private_jwk())
        return
    write_key(path, LocalSigningKey.generate(_SIGNING[job]).private_jwk())


def write_key(path: Path, key: Mapping[str, str]) -> None:
    """Write a key so that it is either whole or not there, and only ours to read."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(dict(key), file)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        draft.unlink()
        raise KeystoreError(f"{path} exists: a key is never overwritten")
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> dict[str, str]:
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            raise KeystoreError(
                f"{path} has mode {mode & 0o777:04o}, expected 0600: others can read "
                f"it. If nobody did, chmod 600 {path}; if somebody may have, rotate it"
            )
        key = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise KeystoreError(f"{path}: {error}") from error
    if not isinstance(key, dict):
        raise KeystoreError(f"{path} does not hold a key")
    return {str(name): str(value) for name, value in key.items()}
