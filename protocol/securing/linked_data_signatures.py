"""Linked Data Signatures, the proofs of VC Data Model 1.1 before Data Integrity.

`Ed25519Signature2020` is issued and verified; `Ed25519Signature2018` and
`JsonWebSignature2020` are verified only. All three are over two hashes, of the proof's
options and of the document, both as canonical graphs: what the `-rdfc-` suites of
`data_integrity` do, with another way to write the signature. The two older ones write
it as a JWS without its payload.

Implements Data Integrity EdDSA Cryptosuites v1.0, section "Ed25519Signature2020", and
the community drafts "Ed25519 Signature 2018" and "JSON Web Signature 2020", with RFC
7797 for the JWS. Whose key it is, and what it may be used for, are not asked here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from protocol.errors import (
    DidError,
    MalformedValueError,
    SecuringError,
    UnknownContextError,
)
from protocol.identity.dids import DidUrl
from protocol.identity.keys import Algorithm, SigningKey, VerificationKey
from protocol.identity.multibase import as_base58btc, from_base58btc, from_base64url
from protocol.linked_data.jcs import parse_strict
from protocol.linked_data.rdf import canonical_form
from protocol.linked_data.terms import Vocabulary
from protocol.securing.data_integrity import moment_of
from protocol.securing.jose import ALGORITHM_NAMES

ED25519_2020 = "Ed25519Signature2020"
ED25519_2018 = "Ed25519Signature2018"
JWS_2020 = "JsonWebSignature2020"
SUITES: Mapping[str, frozenset[Algorithm]] = {
    ED25519_2020: frozenset({"EdDSA"}),
    ED25519_2018: frozenset({"EdDSA"}),
    JWS_2020: frozenset({"EdDSA", "ES256", "ES384"}),
}
"""Each suite, and the algorithms whose keys it takes."""

_VALUES = {ED25519_2020: "proofValue", ED25519_2018: "jws", JWS_2020: "jws"}
_HEADER = {"b64": False, "crit": ["b64"]}
_HEADER_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Signature:
    """A proof that could be read; nothing is verified yet."""

    suite: str
    verification_method: DidUrl
    created: datetime | None
    expires: datetime | None
    options: Mapping[str, Any]
    """All members but the signature, as signed."""
    value: bytes
    header: str = ""
    """Of a JWS, as it is signed; empty where there is none."""
    algorithm: Algorithm = "EdDSA"
    """What the header of a JWS says; the key must be for it."""


def secure(
    document: Mapping[str, Any],
    *,
    key: SigningKey,
    verification_method: DidUrl,
    at: datetime,
    vocabulary: Vocabulary,
    purpose: str = "assertionMethod",
) -> dict[str, Any]:
    """Return `document` with an `Ed25519Signature2020`, created at `at`.

    Raises:
        LinkedDataError: the proof would not cover all the document says; its context
            must have the terms of the proof, too.
        ValueError: a key of another kind, or the document is secured already.
    """
    if key.algorithm not in SUITES[ED25519_2020] or "proof" in document:
        raise ValueError("an Ed25519 key and an unsecured document are expected")
    options = {
        "type": ED25519_2020,
        "created": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "verificationMethod": str(verification_method),
        "proofPurpose": purpose,
    }
    value = key.sign(_digests(options, document, vocabulary))
    return {**document, "proof": options | {"proofValue": "z" + as_base58btc(value)}}


def read(proof: Mapping[str, Any]) -> Signature:
    """Read one proof with one of `SUITES`.

    Raises:
        SecuringError: another type, or a member missing or unreadable.
    """
    suite = str(proof.get("type"))
    if suite not in SUITES:
        raise SecuringError(f"a proof with none of {', '.join(SUITES)}")
    name = _VALUES[suite]
    texts = (proof.get(n) for n in (name, "verificationMethod", "proofPurpose"))
    if not all(isinstance(text, str) for text in texts):
        raise SecuringError(
            f"a proof without one of {name}, verificationMethod, proofPurpose"
        )
    try:
        header, algorithm, value = _signature(suite, proof[name])
        return Signature(
            suite=suite,
            verification_method=DidUrl(proof["verificationMethod"]),
            created=moment_of(proof, "created"),
            expires=moment_of(proof, "expires"),
            options={n: inner for n, inner in proof.items() if n != name},
            value=value,
            header=header,
            algorithm=algorithm,
        )
    except (DidError, MalformedValueError) as error:
        raise SecuringError(f"a proof that cannot be read: {error}") from error


def is_by(
    signature: Signature,
    unsecured: Mapping[str, Any],
    key: VerificationKey,
    vocabulary: Vocabulary | None,
) -> bool:
    """Tell whether `signature` over the document without it was made with `key`.

    Raises:
        LinkedDataError: the graph cannot be stated, would lose something, or costs too
            much (each a class of its own).
    """
    if key.algorithm not in SUITES[signature.suite]:
        return False
    if signature.header and key.algorithm != signature.algorithm:
        return False
    if vocabulary is None:
        raise UnknownContextError("no contexts are at hand to read a graph with")
    data = _digests(signature.options, unsecured, vocabulary)
    if signature.header:
        data = signature.header.encode() + b"." + data
    return key.verify(signature.value, data)


def _digests(
    options: Mapping[str, Any], document: Mapping[str, Any], vocabulary: Vocabulary
) -> bytes:
    """Return the hash of the proof's options, then that of the document."""
    # The options mean what they mean in the document they stand in.
    options = {**options, "@context": document.get("@context")}
    return b"".join(
        hashlib.sha256(canonical_form(one, vocabulary).text.encode()).digest()
        for one in (options, document)
    )


def _signature(suite: str, value: str) -> tuple[str, Algorithm, bytes]:
    """Return the header of a JWS, its algorithm, and the signature itself."""
    if suite == ED25519_2020:
        if not value.startswith("z"):
            raise SecuringError("a proofValue that is not in base58btc")
        return "", "EdDSA", from_base58btc(value[1:])
    header, _, rest = value.partition(".")
    payload, _, signature = rest.partition(".")
    if payload or not signature:
        raise SecuringError("a jws that is not a JWS without its payload")
    stated = parse_strict(from_base64url(header), depth=_HEADER_DEPTH)
    if not isinstance(stated, dict):
        raise SecuringError("a jws whose header is no object")
    algorithm = ALGORITHM_NAMES.get(str(stated.pop("alg", None)))
    if algorithm is None or stated != _HEADER:
        raise SecuringError("a jws whose header has other members than alg, b64, crit")
    return header, algorithm, from_base64url(signature)
