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
from node.contexts import resources, vocabulary
from node.store import audit
from node.store.columns import dumps
from protocol.credentials import conformance
from protocol.credentials.envelopes import envelope
from protocol.credentials.findings import Result
from protocol.credentials.form import presentation_faults
from protocol.credentials.model import SecuredDocument
from protocol.credentials.vcdm import as_text
from protocol.credentials.vcdm11 import FORMER_CONTEXT
from protocol.errors import SecuringError
from protocol.identity.bbs_keys import SecretKey
from protocol.identity.dids import DidUrl
from protocol.identity.keys import SigningKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.linked_data.contexts import DATA_INTEGRITY_V2, ED25519_2020_V1
from protocol.linked_data.rdf import quads_of
from protocol.linked_data.terms import Vocabulary
from protocol.securing import data_integrity, jose, linked_data_signatures, selective
from protocol.securing.linked_data_signatures import ED25519_2020


@dataclass(frozen=True, slots=True)
class Signer:
    """A key, and the name others know it by."""

    key: SigningKey | SecretKey
    kid: DidUrl

    @property
    def plain(self) -> SigningKey:
        """The key, which signs octets.

        Raises:
            SecuringError: it is one of BBS.
        """
        if isinstance(self.key, SecretKey):
            raise SecuringError("a key of BBS signs many messages, and no octets")
        return self.key


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


def _ed25519_2020(order: Order) -> dict[str, Any]:
    if "proof" in order.credential:
        raise SecuringError(f"a credential that is secured already, for {ED25519_2020}")
    return linked_data_signatures.secure(
        _with_terms(order.credential, ED25519_2020),
        key=order.signer.plain,
        verification_method=order.signer.kid,
        at=order.at,
        vocabulary=vocabulary(),
    )


def _with_proof(order: Order, over: Vocabulary | None) -> dict[str, Any]:
    """Add a proof, which stands beside those the credential has."""
    credential = _with_terms(order.credential)
    make = data_integrity.add if "proof" in credential else data_integrity.secure
    return make(
        credential,
        vocabulary=over,
        key=order.signer.plain,
        verification_method=order.signer.kid,
        at=order.at,
    )


def _vc_jwt(order: Order) -> dict[str, Any]:
    token = jose.secure(order.credential, key=order.signer.plain, kid=order.signer.kid)
    return {**envelope(token, "application/vc+jwt", "EnvelopedVerifiableCredential")}


def _selective(order: Order) -> dict[str, Any]:
    """Secure so that a part can be shown; without its issuer a part proves nothing."""
    return selective.secure(
        _with_terms(order.credential),
        key=order.signer.key,
        verification_method=order.signer.kid,
        at=order.at,
        mandatory=pointers(order.options, "mandatoryPointers", ["/issuer"]),
        vocabulary=vocabulary(),
    )


MECHANISMS: Mapping[str, Mechanism] = {
    "eddsa-jcs-2022": Mechanism(("ed25519",), _jcs),
    "eddsa-rdfc-2022": Mechanism(("ed25519",), _rdfc),
    "ecdsa-rdfc-2019": Mechanism(("p256", "p384"), _rdfc),
    "ecdsa-jcs-2019": Mechanism(("p256", "p384"), _jcs),
    selective.ECDSA_SD: Mechanism(("p256",), _selective),
    selective.BBS: Mechanism(("bls",), _selective),
    ED25519_2020: Mechanism(("ed25519",), _ed25519_2020),
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
    form = conformance.schema(document, resources())
    if form.result == Result.INVALID:
        raise SecuringError(form.reason)
    # Whatever the mechanism: a reader that processes linked data must find in it what
    # one that does not finds.
    quads_of(_with_terms(credential), vocabulary())
    return issuer.mechanism.secure(Order(credential, options, issuer.signer, at))


def derive(credential: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a credential that `selectivePointers` choose, with its proof.

    Raises:
        SecuringError: it has no base proof of a mechanism that lets parts be shown, or
            there is nothing where a pointer points.
    """
    if not isinstance(credential, dict):
        raise SecuringError("a credential is an object")
    header = options.get("presentationHeader", "")
    if not isinstance(header, str):
        raise SecuringError("a presentationHeader that is not a text in base64url")
    return selective.derive(
        credential,
        selective=pointers(options, "selectivePointers", []),
        vocabulary=vocabulary(),
        presentation_header=from_base64url(header),
    )


def pointers(options: Mapping[str, Any], name: str, otherwise: list[str]) -> list[str]:
    """Return the JSON Pointers of an option.

    Raises:
        SecuringError: it is no list of texts.
    """
    stated = options.get(name, otherwise)
    if not isinstance(stated, list) or not all(isinstance(p, str) for p in stated):
        raise SecuringError(f"{name} that are not a list of texts")
    return stated


def present(
    signer: Signer,
    presentation: Any,
    *,
    challenge: str | None,
    domain: str | None,
    at: datetime,
) -> dict[str, Any]:
    """Return `presentation` with a proof of its holder, for whoever asked for it.

    Raises:
        SecuringError: it is no presentation, is secured already, names another holder,
            or says what no context gives a meaning.
    """
    if not isinstance(presentation, dict) or "proof" in presentation:
        raise SecuringError("a presentation is an object, without a proof so far")
    faults = list(presentation_faults(presentation, "application/vp"))
    if faults:
        raise SecuringError("; ".join(faults))
    stated = presentation.get("holder", str(signer.kid.did))
    name = stated.get("id") if isinstance(stated, dict) else stated
    if name != signer.kid.did:
        raise SecuringError(f"the holder is {name!r}, the key is that of another one")
    asked = {"challenge": challenge, "domain": domain}
    return data_integrity.secure(
        _with_terms(presentation),
        key=signer.plain,
        verification_method=signer.kid,
        at=at,
        purpose="authentication",
        more={member: value for member, value in asked.items() if value is not None},
        vocabulary=vocabulary(),
    )


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


def _with_terms(credential: dict[str, Any], suite: str | None = None) -> dict[str, Any]:
    """Add the context that gives a proof its meaning, where there is none yet.

    Data Integrity 1.0, section "Contexts and Vocabularies": that of VC Data Model 2.0
    has the terms of a `DataIntegrityProof` already.
    """
    contexts = credential.get("@context")
    listed = contexts if isinstance(contexts, list) else [contexts]
    needed = ED25519_2020_V1 if suite == ED25519_2020 else DATA_INTEGRITY_V2
    if first_context(credential) != FORMER_CONTEXT and suite is None:
        return credential
    if needed in listed:
        return credential
    return {**credential, "@context": [*listed, needed]}
