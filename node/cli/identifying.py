"""`lrx did`: make, resolve and dereference decentralized identifiers.

Exit status 0 found, 3 not found or not a DID; the resolution metadata says which.
"""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from node.cli.common import Exit, UsageError, complain, say, show
from node.context import system_clock
from node.fetch import Fetcher
from node.identity import KeystoreError, write_key
from node.registry import Live
from node.services.resolving import resolve
from protocol.errors import ProtocolError
from protocol.exchange import did_log
from protocol.identity import peer_dids
from protocol.identity.dids import Did, resolve_offline
from protocol.identity.keys import Algorithm, DecryptionKey, LocalSigningKey
from protocol.identity.multibase import as_base64url
from protocol.linked_data.jcs import canonical

_KINDS: dict[str, Algorithm] = {"ed25519": "EdDSA", "p256": "ES256", "p384": "ES384"}
_METHODS = ("key", "jwk", "peer2", "peer4", "web", "webvh")
_WEB = frozenset({"web", "webvh"})
_CONTROL = (
    *("authentication", "assertionMethod"),
    *("capabilityInvocation", "capabilityDelegation"),
)


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx did`."""
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    create_ = actions.add_parser("create", help="make keys and the DID they control")
    create_.add_argument("method", choices=_METHODS)
    create_.add_argument("folder", type=Path, help="a new folder: keys and document")
    create_.add_argument("--kind", choices=sorted(_KINDS), default="ed25519")
    create_.add_argument("--domain", help="for web and webvh: HOST or HOST:path:path")
    create_.add_argument("--service", help="URL of a service, for all but key and jwk")
    create_.set_defaults(command=create)
    for name, about in (
        ("resolve", "the DID document and what is known of it"),
        ("dereference", "what a DID URL leads to: a key, a service, a URL"),
    ):
        action = actions.add_parser(name, help=about)
        action.add_argument("did")
        action.set_defaults(command=follow)


async def create(arguments: Namespace) -> int:
    """Make the keys of a DID in a folder of their own, and print the DID."""
    if (arguments.method in _WEB) != bool(arguments.domain):
        raise UsageError("--domain goes with web and webvh, and only with them")
    if arguments.service and arguments.method in {"key", "jwk"}:
        raise UsageError(f"a did:{arguments.method} has no services")
    folder: Path = arguments.folder
    if folder.exists() and any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: keys are never overwritten")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signing = LocalSigningKey.generate(_KINDS[arguments.kind])
    keys: dict[str, dict[str, str]] = {"signing": signing.private_jwk()}
    try:
        did, name, octets = _made(arguments, signing, keys)
    except ProtocolError as error:
        raise UsageError(str(error)) from error
    try:
        for job, key in keys.items():
            write_key(folder / f"{job}.json", key)
        (folder / name).write_bytes(octets)
    except (OSError, KeystoreError) as error:
        raise UsageError(f"{folder}: {error}") from error
    say(did)
    return Exit.VALID


async def follow(arguments: Namespace) -> int:
    """Print what a DID or DID URL leads to, as a resolver answers."""
    fetcher = Fetcher()
    try:
        outcome = await resolve(arguments.did, source=Live(fetcher, system_clock))
    finally:
        await fetcher.close()
    show(outcome.as_dict())
    if outcome.error or outcome.ended:
        complain(outcome.reason or "the DID is deactivated")
        return Exit.UNREADABLE
    return Exit.VALID


def _made(
    arguments: Namespace, signing: LocalSigningKey, keys: dict[str, dict[str, str]]
) -> tuple[str, str, bytes]:
    """Return a new DID, and name and content of the file that holds its document.

    Adds to `keys` what else the method needs.
    """
    method, multikey = arguments.method, signing.verification_key.multikey()
    if method in {"key", "jwk"}:
        jwk = canonical(signing.verification_key.jwk())
        did = f"did:{method}:{multikey if method == 'key' else as_base64url(jwk)}"
        return did, "did.json", _offline(did)
    encryption = DecryptionKey.generate()
    keys["encryption"] = encryption.private_jwk()
    agreed = encryption.encryption_key.multikey()
    services = [_service(arguments.service)] if arguments.service else []
    if method == "peer2":
        purposes = [("authentication", multikey), ("assertionMethod", multikey)]
        did = peer_dids.string([*purposes, ("keyAgreement", agreed)], services)
        return did, "did.json", _offline(did)
    document = _document(multikey, agreed, services)
    if method == "peer4":
        did = peer_dids.hashed(document)
        return did, "did.json", _offline(did)
    if method == "web":
        did = Did(f"did:web:{arguments.domain}")
        return did, "did.json", _written({"id": did, **_controlled(document, did)})
    template = f"did:webvh:{{SCID}}:{arguments.domain}"
    update, following = (LocalSigningKey.generate("EdDSA") for _ in range(2))
    keys |= {"update": update.private_jwk(), "next": following.private_jwk()}
    did, log = did_log.create(
        {"id": template, **_controlled(document, template)},
        update_key=update,
        next_key_hashes=[did_log.next_key_hash(following.verification_key.multikey())],
        at=system_clock(),
    )
    return did, "did.jsonl", log


def _document(
    signing: str, agreed: str, services: list[dict[str, str]]
) -> dict[str, Any]:
    """Return a DID document but for `id` and what depends on it."""
    return {
        "@context": peer_dids.CONTEXTS,
        "verificationMethod": [
            {"id": f"#{name}", "type": "Multikey", "publicKeyMultibase": key}
            for name, key in (("key-1", signing), ("key-2", agreed))
        ],
        **{purpose: ["#key-1"] for purpose in _CONTROL},
        "keyAgreement": ["#key-2"],
        **({"service": services} if services else {}),
    }


def _controlled(document: dict[str, Any], did: str) -> dict[str, Any]:
    methods = [{"controller": did, **one} for one in document["verificationMethod"]]
    return document | {"verificationMethod": methods}


def _service(url: str) -> dict[str, str]:
    return {"id": "#service", "type": "LinkedDomains", "serviceEndpoint": url}


def _offline(did: str) -> bytes:
    document = resolve_offline(Did(did))
    assert document is not None  # noqa: S101 - its method needs nobody
    return _written(document.as_dict())


def _written(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
