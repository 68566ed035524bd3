"""Data Integrity proofs with the cryptosuite `eddsa-jcs-2022`.

The document and the proof's own options are each brought to canonical JSON and hashed;
the two hashes are signed. The order of members and the blanks between them may change
on the way, a value may not.

Implements Data Integrity EdDSA Cryptosuites v1.0, section "eddsa-jcs-2022", with one
check made stricter: a proof's `@context`, where it has one, must equal the document's.
The specification lets a document have further contexts after the signed ones, which
anyone could add. Whose key it is, what it may be used for and whether the document is
still current are not asked here.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from protocol.errors import DidError, MalformedValueError, SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import SigningKey, VerificationKey
from protocol.identity.multibase import as_base58btc, from_base58btc
from protocol.linked_data.jcs import canonical

CRYPTOSUITE = "eddsa-jcs-2022"
MAXIMUM_PROOFS = 4
"""Proofs in one document."""

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_TEXTS = ("verificationMethod", "proofPurpose", "proofValue")


@dataclass(frozen=True, slots=True)
class Proof:
    """An `eddsa-jcs-2022` proof that could be read; nothing is verified yet."""

    verification_method: DidUrl
    purpose: str
    created: datetime | None
    expires: datetime | None
    options: Mapping[str, Any]
    """All members but `proofValue`, as signed."""
    signature: bytes


def secure(
    document: Mapping[str, Any],
    *,
    key: SigningKey,
    verification_method: DidUrl,
    at: datetime,
    purpose: str = "assertionMethod",
) -> dict[str, Any]:
    """Return `document` with a proof, created at `at`, to whole seconds.

    Raises:
        MalformedValueError: the document has no canonical form.
    """
    if key.algorithm != "EdDSA" or "proof" in document:
        raise ValueError(
            f"{CRYPTOSUITE} takes an Ed25519 key and an unsecured document"
        )
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "verificationMethod": str(verification_method),
        "proofPurpose": purpose,
    }
    if "@context" in document:
        options["@context"] = document["@context"]
    signature = key.sign(_digests(options, document))
    value = {"proofValue": "z" + as_base58btc(signature)}
    return {**document, "proof": options | value}


def proof_of(document: Mapping[str, Any]) -> Proof:
    """Return the one `eddsa-jcs-2022` proof of `document`.

    Proofs of other cryptosuites may stand beside it: each says the same of the same
    document.

    Raises:
        SecuringError: there is none, more than one, one in a chain, or one that cannot
            be read.
    """
    stated = document.get("proof")
    proofs: list[Any] = stated if isinstance(stated, list) else [stated]
    if len(proofs) > MAXIMUM_PROOFS or not all(isinstance(p, dict) for p in proofs):
        raise SecuringError(f"one to {MAXIMUM_PROOFS} proofs are expected")
    readable = [
        proof
        for proof in proofs
        if proof.get("type") == "DataIntegrityProof"
        and proof.get("cryptosuite") == CRYPTOSUITE
    ]
    if len(readable) != 1:
        raise SecuringError(f"one {CRYPTOSUITE} proof is expected, not {len(readable)}")
    if "previousProof" in readable[0]:
        raise SecuringError("a proof in a chain")
    return _read(readable[0])


def verify(document: Mapping[str, Any], key: VerificationKey) -> bool:
    """Tell whether the `eddsa-jcs-2022` proof of `document` was made with `key`.

    Raises:
        SecuringError: `proof_of` finds no proof to verify.
    """
    proof = proof_of(document)
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    if key.algorithm != "EdDSA":
        return False
    if "@context" in proof.options and (
        proof.options["@context"] != unsecured.get("@context")
    ):
        return False
    try:
        data = _digests(proof.options, unsecured)
    except MalformedValueError:
        return False
    return key.verify(proof.signature, data)


def _digests(options: Mapping[str, Any], document: Mapping[str, Any]) -> bytes:
    """Return the hash of the proof's options, then that of the document."""
    return (
        hashlib.sha256(canonical(options)).digest()
        + hashlib.sha256(canonical(document)).digest()
    )


def _read(proof: Mapping[str, Any]) -> Proof:
    if not all(isinstance(proof.get(name), str) for name in _TEXTS):
        raise SecuringError(f"a proof without one of {', '.join(_TEXTS)}")
    value = proof["proofValue"]
    try:
        if not value.startswith("z"):
            raise SecuringError("a proofValue that is not in base58btc")
        return Proof(
            verification_method=DidUrl(proof["verificationMethod"]),
            purpose=proof["proofPurpose"],
            created=moment_of(proof, "created"),
            expires=moment_of(proof, "expires"),
            options={n: inner for n, inner in proof.items() if n != "proofValue"},
            signature=from_base58btc(value[1:]),
        )
    except (DidError, MalformedValueError) as error:
        raise SecuringError(f"a proof that cannot be read: {error}") from error


def moment_of(proof: Mapping[str, Any], name: str) -> datetime | None:
    """Return the moment a proof states in `name`; None if it states none.

    Raises:
        SecuringError: it is no `dateTimeStamp`.
    """
    value = proof.get(name)
    if value is None:
        return None
    try:
        if isinstance(value, str) and _MOMENT.fullmatch(value):
            # `fromisoformat` takes at most six digits after the point.
            return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value))
    except ValueError:
        pass
    raise SecuringError(f"a proof whose {name} is no moment")
