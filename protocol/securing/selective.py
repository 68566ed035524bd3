"""Data Integrity proofs that let a holder show part of a document.

The issuer makes a base proof, in which each statement of the document's graph is signed
by itself. From it the holder derives a document with some of the statements and a proof
of just these. What the issuer declares mandatory is in every such document. With
`ecdsa-sd-2023` two documents derived from one can be told to be so; with `bbs-2023`
they cannot, as far as what they disclose does not tell.

Implements Data Integrity ECDSA Cryptosuites v1.0, section "ecdsa-sd-2023", and Data
Integrity BBS Cryptosuites v1.0, section "bbs-2023". Whose key it is, what it may be
used for and whether the document is still current are not asked here.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from protocol.errors import (
    DidError,
    MalformedValueError,
    SecuringError,
    UnknownContextError,
    WorkLimitError,
)
from protocol.identity import bbs_keys
from protocol.identity.dids import DidUrl
from protocol.identity.keys import LocalSigningKey, SigningKey, VerificationKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.linked_data.terms import Vocabulary
from protocol.securing import bbs
from protocol.securing.data_integrity import TYPE, moment_of, stated_proofs
from protocol.securing.sd_values import (
    HMAC_KEY,
    BbsBase,
    BbsDerived,
    EcdsaBase,
    EcdsaDerived,
)
from protocol.securing.statements import (
    Order,
    Statements,
    by_hmac,
    by_shuffling,
    digest_of,
    proof_hash,
    relabelled,
    split_at,
)

ECDSA_SD = "ecdsa-sd-2023"
BBS = "bbs-2023"
SUITES = frozenset({ECDSA_SD, BBS})

_P256_PREFIX = b"\x80\x24"
_STEPS = 20
"""What one signed statement costs, in the steps of a vocabulary's budget."""


def secure(
    document: Mapping[str, Any],
    *,
    key: SigningKey | bbs_keys.SecretKey,
    verification_method: DidUrl,
    at: datetime,
    mandatory: Sequence[str],
    vocabulary: Vocabulary,
    purpose: str = "assertionMethod",
) -> dict[str, Any]:
    """Return `document` with a base proof, created at `at`, to whole seconds.

    The cryptosuite follows from the key: P-256 or BLS12-381. `mandatory` are JSON
    Pointers to what every derived document shows.

    Raises:
        LinkedDataError: a proof over its graph would not cover all it says.
        SecuringError: a pointer to nothing, or more statements than one proof takes.
        ValueError: the document is secured already, or it is a key of another kind.
    """
    if "proof" in document:
        raise ValueError("an unsecured document is expected")
    base = dict(document)
    options = {
        "type": TYPE,
        "cryptosuite": BBS if isinstance(key, bbs_keys.SecretKey) else ECDSA_SD,
        "created": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "verificationMethod": str(verification_method),
        "proofPurpose": purpose,
    }
    hmac_key = secrets.token_bytes(HMAC_KEY)
    order = Order(base, options, list(mandatory), vocabulary, hmac_key)
    if isinstance(key, bbs_keys.SecretKey):
        value = _bbs_base(order, key)
    elif key.algorithm == "ES256":
        value = _ecdsa_base(order, key, LocalSigningKey.generate("ES256"))
    else:
        raise ValueError(f"{ECDSA_SD} takes a P-256 key, not one for {key.algorithm}")
    return {**base, "proof": {**options, "proofValue": value}}


def derive(
    document: Mapping[str, Any],
    *,
    selective: Sequence[str],
    vocabulary: Vocabulary,
    presentation_header: bytes = b"",
) -> dict[str, Any]:
    """Return the part of `document` that is mandatory or in `selective`, with a proof.

    `selective` are JSON Pointers. The one base proof of the document is derived from;
    proofs of other cryptosuites, which are over the whole, are left out.
    `presentation_header` is bound to a `bbs-2023` proof.

    Raises:
        LinkedDataError: the graph of the document cannot be stated.
        SecuringError: no base proof, or one that cannot be read or does not fit; a
            pointer to nothing, or into an ordered list; nothing to show.
    """
    proof = _one_proof(document)
    whole = {name: value for name, value in document.items() if name != "proof"}
    if proof["cryptosuite"] == ECDSA_SD:
        if presentation_header:
            raise SecuringError(f"{ECDSA_SD} takes no presentation header")
        shown, value = _ecdsa_derived(whole, proof, selective, vocabulary)
    else:
        shown, value = _bbs_derived(
            whole, proof, selective, vocabulary, presentation_header
        )
    return {**shown, "proof": {**proof, "proofValue": value}}


@dataclass(frozen=True, slots=True)
class DerivedProof:
    """A derived proof that could be read; nothing is verified yet."""

    cryptosuite: str
    verification_method: DidUrl
    created: datetime | None
    expires: datetime | None
    options: Mapping[str, Any]
    """All members but `proofValue`, as signed."""
    value: EcdsaDerived | BbsDerived


def read(proof: Mapping[str, Any]) -> DerivedProof:
    """Read one derived proof with one of `SUITES`.

    Raises:
        SecuringError: another type or cryptosuite, a member missing or unreadable, a
            base proof, or a feature that is not implemented.
    """
    suite, method = proof.get("cryptosuite"), proof.get("verificationMethod")
    if proof.get("type") != TYPE or suite not in SUITES:
        raise SecuringError(f"a proof with none of {', '.join(sorted(SUITES))}")
    if "previousProof" in proof:
        raise SecuringError(f"{suite} in a proof chain")
    if not isinstance(method, str):
        raise SecuringError("a proof without verificationMethod")
    parse = EcdsaDerived.parse if suite == ECDSA_SD else BbsDerived.parse
    try:
        return DerivedProof(
            cryptosuite=suite,
            verification_method=DidUrl(method),
            created=moment_of(proof, "created"),
            expires=moment_of(proof, "expires"),
            options=_options(proof),
            value=parse(proof.get("proofValue")),
        )
    except DidError as error:
        raise SecuringError(f"a proof that cannot be read: {error}") from error


def is_by(
    proof: DerivedProof,
    document: Mapping[str, Any],
    key: VerificationKey,
    vocabulary: Vocabulary | None,
) -> bool:
    """Tell whether `proof` over `document`, without its proofs, was made with `key`.

    Raises:
        LinkedDataError: the document's graph cannot be stated, would lose something, or
            costs too much.
        WorkLimitError: it is over more statements than the budget of `vocabulary` has
            room for.
        SecuringError: the proof is over another number of statements or blank nodes.
    """
    if vocabulary is None:
        raise UnknownContextError("no contexts are at hand to read a graph with")
    if proof.options.get("@context", document.get("@context")) != (
        document.get("@context")
    ):
        return False
    value = proof.value
    labels: Mapping[int, str]
    if isinstance(value, EcdsaDerived):
        labels = {n: "_:u" + as_base64url(name) for n, name in value.labels.items()}
    else:
        labels = {number: f"_:b{name}" for number, name in value.labels.items()}
    lines = relabelled(dict(document), vocabulary, labels)
    mandatory, others = split_at(lines, value.mandatory_indexes)
    _require_budget(value, others, vocabulary)
    options_hash = proof_hash(proof.options, document, vocabulary)
    if isinstance(value, EcdsaDerived):
        return key.algorithm == "ES256" and _ecdsa_holds(
            value, options_hash, mandatory, others, key
        )
    return key.algorithm == "BBS" and bbs.verify_proof(
        bbs_keys.PublicKey(key.raw),
        value.proof,
        options_hash + digest_of(mandatory),
        [text.encode() for text in others],
        shown=value.selective_indexes,
        presentation_header=value.presentation_header,
    )


def _require_budget(
    value: EcdsaDerived | BbsDerived, shown: list[str], vocabulary: Vocabulary
) -> None:
    """Refuse what costs more than the vocabulary allows, if it allows less than all."""
    if vocabulary.budget is None:
        return
    signed = len(shown)
    if isinstance(value, BbsDerived):
        signed = max(signed, len(value.proof) // bbs_keys.SCALAR)
    if signed * _STEPS > vocabulary.budget:
        raise WorkLimitError(f"{signed} signed statements take more than a moment")


def _ecdsa_base(order: Order, key: SigningKey, proof_key: LocalSigningKey) -> str:
    """Return a base proof; `proof_key` must never have been used before."""
    mandatory, others = order.split(by_hmac)
    _require_few(others)
    public_key = _P256_PREFIX + proof_key.verification_key.raw
    signed = order.proof_hash + public_key + digest_of(mandatory)
    signatures = [proof_key.sign(text.encode()) for text in others]
    return EcdsaBase(
        key.sign(signed), public_key, order.hmac_key, signatures, order.mandatory
    ).text()


def _bbs_base(order: Order, key: bbs_keys.SecretKey) -> str:
    mandatory, others = order.split(by_shuffling)
    _require_few(others)
    header = order.proof_hash + digest_of(mandatory)
    signature = bbs.sign(key, header, [text.encode() for text in others])
    return BbsBase(
        signature, header, key.public_key.raw, order.hmac_key, order.mandatory
    ).text()


def _require_few(statements: list[str]) -> None:
    if len(statements) > bbs.MAXIMUM_MESSAGES:
        raise SecuringError(
            f"{len(statements)} statements in one proof, more than "
            f"{bbs.MAXIMUM_MESSAGES}"
        )


def _ecdsa_derived(
    whole: dict[str, Any],
    proof: Mapping[str, Any],
    selective: Sequence[str],
    vocabulary: Vocabulary,
) -> tuple[dict[str, Any], str]:
    base = EcdsaBase.parse(proof.get("proofValue"))
    all_ = Statements.of(whole, vocabulary, by_hmac, base.hmac_key)
    mandatory = all_.places(base.mandatory_pointers)
    shown = all_.shown([*base.mandatory_pointers, *selective])
    others = [n for n in range(len(all_.lines)) if n not in mandatory]
    if len(others) != len(base.signatures):
        raise SecuringError(
            f"a base proof over {len(base.signatures)} statements, where the document "
            f"makes {len(others)}"
        )
    signatures = dict(zip(others, base.signatures, strict=True))
    value = EcdsaDerived(
        base.signature,
        base.public_key,
        [signatures[place] for place in shown.places if place not in mandatory],
        {n: from_base64url(name[len("_:u") :]) for n, name in shown.labels.items()},
        [at for at, place in enumerate(shown.places) if place in mandatory],
    )
    return shown.document, value.text()


def _bbs_derived(
    whole: dict[str, Any],
    proof: Mapping[str, Any],
    selective: Sequence[str],
    vocabulary: Vocabulary,
    presentation_header: bytes,
    scalars: bbs.Scalars = bbs.random_scalars,
) -> tuple[dict[str, Any], str]:
    base = BbsBase.parse(proof.get("proofValue"))
    all_ = Statements.of(whole, vocabulary, by_shuffling, base.hmac_key)
    mandatory = all_.places(base.mandatory_pointers)
    shown = all_.shown([*base.mandatory_pointers, *selective])
    others = [n for n in range(len(all_.lines)) if n not in mandatory]
    numbers = {place: number for number, place in enumerate(others)}
    disclosed = [numbers[place] for place in shown.places if place not in mandatory]
    try:
        made = bbs.prove(
            bbs_keys.PublicKey(base.public_key),
            base.signature,
            base.header,
            [all_.lines[place].encode() for place in others],
            shown=disclosed,
            presentation_header=presentation_header,
            scalars=scalars,
        )
    except MalformedValueError as error:
        raise SecuringError(f"a base proof that does not hold: {error}") from error
    value = BbsDerived(
        made,
        {number: int(name[len("_:b") :]) for number, name in shown.labels.items()},
        [at for at, place in enumerate(shown.places) if place in mandatory],
        disclosed,
        presentation_header,
    )
    return shown.document, value.text()


def _ecdsa_holds(
    value: EcdsaDerived,
    options_hash: bytes,
    mandatory: list[str],
    others: list[str],
    key: VerificationKey,
) -> bool:
    if len(others) != len(value.signatures):
        raise SecuringError(
            f"a proof over {len(value.signatures)} statements, where the document "
            f"makes {len(others)}"
        )
    signed = options_hash + value.public_key + digest_of(mandatory)
    if not value.public_key.startswith(_P256_PREFIX) or not (
        key.verify(value.signature, signed)
    ):
        return False
    try:
        own = VerificationKey("ES256", value.public_key[len(_P256_PREFIX) :])
    except MalformedValueError:
        return False
    return all(
        own.verify(signature, text.encode())
        for signature, text in zip(value.signatures, others, strict=True)
    )


def _one_proof(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one proof of `document` with one of `SUITES`."""
    found = [
        proof
        for proof in stated_proofs(document)
        if proof.get("type") == TYPE and proof.get("cryptosuite") in SUITES
    ]
    if len(found) != 1:
        names = " or ".join(sorted(SUITES))
        raise SecuringError(f"one proof of {names} is expected, not {len(found)}")
    if "previousProof" in found[0]:
        raise SecuringError("a proof in a chain, from which nothing can be derived")
    return found[0]


def _options(proof: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in proof.items() if name != "proofValue"}
