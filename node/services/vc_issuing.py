"""Credentials that other software hands in, secured with a key of this node.

An issuer is a securing mechanism with one key, and has a name of the VC API: that of
the mechanism, or of the mechanism and the kind of key (`ecdsa-jcs-2019/p384`). The
document must have the form VC Data Model 2.0 (or 1.1) demands, and name the issuer
itself: whoever could name another one would have this node sign a lie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from node.context import NodeContext
from node.contexts import vocabulary
from node.store import audit
from node.store.columns import dumps
from protocol.credentials import conformance
from protocol.credentials.envelopes import envelope
from protocol.credentials.findings import Result
from protocol.credentials.model import SecuredDocument
from protocol.credentials.vcdm import as_text
from protocol.credentials.vcdm11 import FORMER_CONTEXT
from protocol.errors import SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import SigningKey
from protocol.identity.multibase import as_base64url
from protocol.linked_data.rdf import quads_of
from protocol.linked_data.terms import Vocabulary
from protocol.securing import data_integrity, jose

DATA_INTEGRITY_CONTEXT = "https://w3id.org/security/data-integrity/v2"


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and the name others know it by."""

    key: SigningKey
    kid: DidUrl


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be secured, and how the caller wants it."""

    credential: dict[str, Any]
    options: Mapping[str, Any]
    signer: Signer
    at: datetime


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A way to secure a credential."""

    keys: tuple[str, ...]
    """The kinds of key it takes, the one to prefer first."""
    secure: Callable[[Order], dict[str, Any]]


def _jcs(order: Order) -> dict[str, Any]:
    return _with_proof(order, None)


def _rdfc(order: Order) -> dict[str, Any]:
    return _with_proof(order, vocabulary())


def _with_proof(order: Order, over: Vocabulary | None) -> dict[str, Any]:
    """Add a proof, which stands beside those the credential has."""
    credential = _with_integrity_terms(order.credential)
    make = data_integrity.add if "proof" in credential else data_integrity.secure
    return make(
        credential,
        vocabulary=over,
        key=order.signer.key,
        verification_method=order.signer.kid,
        at=order.at,
    )


def _vc_jwt(order: Order) -> dict[str, Any]:
    token = jose.secure(order.credential, key=order.signer.key, kid=order.signer.kid)
    return {**envelope(token, "application/vc+jwt", "EnvelopedVerifiableCredential")}


MECHANISMS: Mapping[str, Mechanism] = {
    "eddsa-jcs-2022": Mechanism(("ed25519",), _jcs),
    "eddsa-rdfc-2022": Mechanism(("ed25519",), _rdfc),
    "ecdsa-rdfc-2019": Mechanism(("p256", "p384"), _rdfc),
    "ecdsa-jcs-2019": Mechanism(("p256", "p384"), _jcs),
    "vc-jwt": Mechanism(("ed25519", "p256", "p384"), _vc_jwt),
}
"""By the name of the VC API."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A mechanism with one key."""

    mechanism: Mechanism
    signer: Signer


def issuers(signers: Mapping[str, Signer]) -> dict[str, Issuer]:
    """Return, by name, every issuer that keys of these kinds make.

    `signers` are by kind: `ed25519`, `p256`, `p384`, `bls`.
    """
    found: dict[str, Issuer] = {}
    for name, mechanism in MECHANISMS.items():
        for kind in mechanism.keys:
            if kind in signers:
                issuer = Issuer(mechanism, signers[kind])
                found.setdefault(name, issuer)
                found[f"{name}/{kind}"] = issuer
    return found


def issue(
    issuer: Issuer,
    credential: Any,
    *,
    options: Mapping[str, Any],
    at: datetime,
) -> dict[str, Any]:
    """Return `credential` secured by `issuer`, enveloped where its mechanism does.

    Raises:
        SecuringError: it is no credential, lacks what the data model demands, names
            another issuer, or says what no context gives a meaning.
        MalformedValueError: it has no canonical form.
    """
    if not isinstance(credential, dict):
        raise SecuringError("a credential is an object")
    stated = credential.get("issuer")
    name = stated.get("id") if isinstance(stated, dict) else stated
    if name != issuer.signer.kid.did:
        raise SecuringError(f"the issuer is {name!r}, the key is that of another one")
    credential = _dated(credential, at)
    document = SecuredDocument(b"", "application/vc", credential, ())
    form = conformance.schema(document)
    if form.result == Result.INVALID:
        raise SecuringError(form.reason)
    # Whatever the mechanism: a reader that processes linked data must find in it what
    # one that does not finds.
    quads_of(_with_integrity_terms(credential), vocabulary())
    return issuer.mechanism.secure(Order(credential, options, issuer.signer, at))


def _dated(credential: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Say when a VC 1.1 document is issued, which it has to, where it does not."""
    if first_context(credential) != FORMER_CONTEXT or "issuanceDate" in credential:
        return credential
    return {**credential, "issuanceDate": as_text(at)}


def first_context(credential: Mapping[str, Any]) -> Any:
    """Return the context that says which data model a credential is of."""
    contexts = credential.get("@context")
    return contexts[0] if isinstance(contexts, list) and contexts else contexts


def note_issued(
    connection: Connection,
    *,
    context: NodeContext,
    issuer: str,
    issued: Mapping[str, Any],
) -> None:
    """Note in the log that the key of an issuer was used, and over what."""
    digest = sha256(dumps(issued).encode()).digest()
    audit.append(
        connection,
        vault=context.vault,
        kind="vc-api-issued",
        event={"issuer": issuer, "digest": "sha-256:" + as_base64url(digest)},
        at=context.clock(),
    )


def _with_integrity_terms(credential: dict[str, Any]) -> dict[str, Any]:
    """Add to a VC 1.1 document the context that gives its proof a meaning.

    Data Integrity 1.0, section "Contexts and Vocabularies": that of VC Data Model 2.0
    has the terms already.
    """
    contexts = credential.get("@context")
    listed = contexts if isinstance(contexts, list) else [contexts]
    if first_context(credential) != FORMER_CONTEXT or DATA_INTEGRITY_CONTEXT in listed:
        return credential
    return {**credential, "@context": [*listed, DATA_INTEGRITY_CONTEXT]}
