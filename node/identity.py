"""The DID of this node, its keys and its DID log.

A keystore is a folder with one file per key job (LRX 1.0, "Identity and keys"), each a
private JWK with mode 0600. A file that others can read stops the node: a key somebody
else may have seen signs nothing any more.

`update.json` and `next.json` change the DID and are needed only then: keep them on a
stick in a safe, not beside a running node.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.errors import ProtocolError
from protocol.exchange import did_log
from protocol.identity.dids import Did, DidUrl, Relationship, node_document
from protocol.identity.keys import DecryptionKey, LocalSigningKey

LOG_FILE = "did.jsonl"
"""The DID log, beside the settings file."""

_SIGNING = {
    "update": "EdDSA",
    "next": "EdDSA",
    "message": "EdDSA",
    "credential-eddsa": "EdDSA",
    "credential-es256": "ES256",
    "log": "EdDSA",
}
VAULT_BYTES = 32
JOBS = (*_SIGNING, "encryption", "vault")


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
    """By the DID URL of the public half."""
    vault: bytes = field(repr=False)
    """The key that wraps every learner's data key, 32 bytes."""
    log: bytes
    """The DID log, as served."""

    @property
    def message_kid(self) -> DidUrl:
        """The verification method of `message_key`."""
        return DidUrl.of(self.did, "#sig-1")

    @property
    def eddsa_kid(self) -> DidUrl:
        """The verification method of `eddsa`."""
        return DidUrl.of(self.did, "#cred-1")

    @property
    def es256_kid(self) -> DidUrl:
        """The verification method of `es256`."""
        return DidUrl.of(self.did, "#cred-2")


def create_keystore(folder: Path) -> None:
    """Make every key of a new node, each in a file of its own.

    Raises:
        KeystoreError: the folder exists and is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise KeystoreError(f"{folder} is not empty: a keystore is never overwritten")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for job, algorithm in _SIGNING.items():
        key = LocalSigningKey.generate("ES256" if algorithm == "ES256" else "EdDSA")
        _write(folder, job, key.private_jwk())
    _write(folder, "encryption", DecryptionKey.generate().private_jwk())
    _write(folder, "vault", {"kty": "oct", "k": secrets.token_hex(VAULT_BYTES)})


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
        encryption_key=_decryption_key(folder).encryption_key,
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


def load(folder: Path, did: Did) -> Identity:
    """Read the keys of a running node.

    Raises:
        KeystoreError: a key is missing, damaged, readable by others, or is not the one
            the DID document names.
    """
    log_file = folder.parent / LOG_FILE
    try:
        log = log_file.read_bytes()
        document = did_log.read(did, log).current()
    except OSError as error:
        raise KeystoreError(f"{log_file}: {error.strerror}") from error
    except ProtocolError as error:
        raise KeystoreError(f"{log_file} does not belong to {did}: {error}") from error
    decryption = _decryption_key(folder)
    identity = Identity(
        did=did,
        message_key=read_key(folder, "message"),
        eddsa=read_key(folder, "credential-eddsa"),
        es256=read_key(folder, "credential-es256"),
        log_key=read_key(folder, "log"),
        decryption={DidUrl.of(did, "#enc-1"): decryption},
        vault=_vault_key(folder),
        log=log,
    )
    uses: tuple[tuple[DidUrl, Relationship, LocalSigningKey], ...] = (
        (identity.message_kid, "authentication", identity.message_key),
        (identity.eddsa_kid, "assertionMethod", identity.eddsa),
        (identity.es256_kid, "assertionMethod", identity.es256),
    )
    for url, relationship, key in uses:
        stated = document.key_for(url, relationship)
        if stated is None or stated.multikey() != key.verification_key.multikey():
            raise KeystoreError(
                f"{folder}: the {relationship} key {url.fragment} of the DID document "
                "is not the one in the keystore"
            )
    return identity


def read_key(folder: Path, job: str) -> LocalSigningKey:
    """Read the signing key of one job.

    Raises:
        KeystoreError: missing, damaged, or readable by others.
    """
    try:
        return LocalSigningKey.from_jwk(_read(folder, job))
    except (ProtocolError, ValueError, KeyError) as error:
        raise KeystoreError(f"{folder / job}.json does not hold a key") from error


def log_signer(identity: Identity) -> Ed25519PrivateKey:
    """Return the key that signs checkpoints, as the note format wants it."""
    raw = identity.log_key.private_jwk()["d"]
    from joserfc.util import urlsafe_b64decode  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(urlsafe_b64decode(raw.encode()))


def _vault_key(folder: Path) -> bytes:
    try:
        key = bytes.fromhex(_read(folder, "vault")["k"])
    except (ValueError, KeyError) as error:
        raise KeystoreError(f"{folder}/vault.json does not hold a key") from error
    if len(key) != VAULT_BYTES:
        raise KeystoreError(f"{folder}/vault.json does not hold a key of 256 bits")
    return key


def _decryption_key(folder: Path) -> DecryptionKey:
    try:
        return DecryptionKey.from_jwk(_read(folder, "encryption"))
    except (ProtocolError, ValueError, KeyError) as error:
        raise KeystoreError(f"{folder}/encryption.json does not hold a key") from error


def _write(folder: Path, job: str, key: Mapping[str, str]) -> None:
    path = folder / f"{job}.json"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(dict(key), file)


def _read(folder: Path, job: str) -> dict[str, str]:
    path = folder / f"{job}.json"
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
