"""Data Integrity proofs with the cryptosuites for Ed25519, P-256 and P-384 keys.

The document and the proof's own options are each brought to a canonical form and
hashed; the two hashes are signed. With the `-jcs-` suites the form is canonical JSON:
the order of members and the blanks between them may change on the way, a value may not.
With the `-rdfc-` suites it is the graph the document states, so that it may be written
with other terms for the same things; a document that says more than its graph is
refused. The hash goes with the key: SHA-384 for P-384, else SHA-256. Several proofs
stand side by side (a proof set), or one is over others before it, which it names in
`previousProof` (a proof chain).

Implements Verifiable Credential Data Integrity 1.0, sections "Add Proof Set/Chain" and
"Verify Proof Sets and Chains", Data Integrity EdDSA Cryptosuites v1.0, sections
"eddsa-rdfc-2022" and "eddsa-jcs-2022", and Data Integrity ECDSA Cryptosuites v1.0,
sections "ecdsa-rdfc-2019" and "ecdsa-jcs-2019", with one check made stricter: a proof's
`@context`, where it has one, must equal the document's. The specification lets a
document have further contexts after the signed ones, which anyone could add. Whose key
it is, what it may be used for and whether the document is still current are not asked
here.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from protocol.errors import (
    DidError,
    MalformedValueError,
    SecuringError,
    UnknownContextError,
)
from protocol.identity.dids import DidUrl
from protocol.identity.keys import Algorithm, SigningKey, VerificationKey
from protocol.identity.multibase import as_base58btc, from_base58btc
from protocol.linked_data.jcs import canonical
from protocol.linked_data.rdf import canonical_form
from protocol.linked_data.terms import Vocabulary

TYPE = "DataIntegrityProof"
EDDSA_JCS = "eddsa-jcs-2022"
ECDSA_JCS = "ecdsa-jcs-2019"
EDDSA_RDFC = "eddsa-rdfc-2022"
ECDSA_RDFC = "ecdsa-rdfc-2019"
SUITES: Mapping[str, frozenset[Algorithm]] = {
    EDDSA_JCS: frozenset({"EdDSA"}),
    ECDSA_JCS: frozenset({"ES256", "ES384"}),
    EDDSA_RDFC: frozenset({"EdDSA"}),
    ECDSA_RDFC: frozenset({"ES256", "ES384"}),
}
"""Each cryptosuite, and the algorithms whose keys it takes."""
GRAPH_SUITES = frozenset({EDDSA_RDFC, ECDSA_RDFC})
"""Those over the graph of a document; they need a `Vocabulary`."""
MAXIMUM_PROOFS = 4
"""Proofs in one document."""

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_TEXTS = ("verificationMethod", "proofPurpose", "proofValue")
_NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Proof:
    """A Data Integrity proof that could be read; nothing is verified yet."""

    cryptosuite: str
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
    more: Mapping[str, Any] = _NO_OPTIONS,
    vocabulary: Vocabulary | None = None,
) -> dict[str, Any]:
    """Return `document` with a proof, created at `at`, to whole seconds.

    The cryptosuite follows from the key: with `vocabulary` the one over the graph,
    without it the one over the text. `more` are further members of the proof, such as
    `id`, `expires`, `domain` and `challenge`.

    Raises:
        MalformedValueError: the document has no canonical form.
        LinkedDataError: a proof over its graph would not cover all it says.
        ValueError: the document is secured already.
    """
    if "proof" in document:
        raise ValueError("an unsecured document is expected; a proof is added by `add`")
    return {
        **document,
        "proof": _make(
            document, key, verification_method, at, purpose, more, vocabulary
        ),
    }


def add(
    document: Mapping[str, Any],
    *,
    key: SigningKey,
    verification_method: DidUrl,
    at: datetime,
    purpose: str = "assertionMethod",
    more: Mapping[str, Any] = _NO_OPTIONS,
    vocabulary: Vocabulary | None = None,
) -> dict[str, Any]:
    """Return a secured `document` with one more proof, otherwise as `secure`.

    With `previousProof` among `more` the proof is over those it names, too.

    Raises:
        MalformedValueError: the document has no canonical form.
        LinkedDataError: a proof over its graph would not cover all it says.
        SecuringError: more than `MAXIMUM_PROOFS`, or `previousProof` names none of
            the proofs there are.
    """
    proofs = stated_proofs(document)
    if len(proofs) >= MAXIMUM_PROOFS:
        raise SecuringError(f"there are {MAXIMUM_PROOFS} proofs already")
    signed = what_is_signed(document, more)
    made = _make(signed, key, verification_method, at, purpose, more, vocabulary)
    return {**document, "proof": [*proofs, made]}


def stated_proofs(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return whatever stands in `proof`, as a list.

    Raises:
        SecuringError: none, more than `MAXIMUM_PROOFS`, or one that is no object.
    """
    stated = document.get("proof")
    proofs: list[Any] = stated if isinstance(stated, list) else [stated]
    if not 0 < len(proofs) <= MAXIMUM_PROOFS or not all(
        isinstance(proof, dict) for proof in proofs
    ):
        raise SecuringError(f"one to {MAXIMUM_PROOFS} proofs are expected")
    return proofs


def what_is_signed(
    document: Mapping[str, Any], proof: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document a proof is over: with the proofs it names, and no others.

    Raises:
        SecuringError: `previousProof` names something that is no proof of `document`.
    """
    signed = {name: value for name, value in document.items() if name != "proof"}
    if "previousProof" not in proof:
        return signed
    stated = proof["previousProof"]
    named: list[Any] = stated if isinstance(stated, list) else [stated]
    names = [name for name in named if isinstance(name, str)]
    before = [one for one in stated_proofs(document) if one.get("id") in names]
    if not len(named) == len(set(names)) == len(before) > 0:
        raise SecuringError("a previousProof that does not name one proof each")
    return signed | {"proof": before}


def proof_of(document: Mapping[str, Any], cryptosuite: str = EDDSA_JCS) -> Proof:
    """Return the one proof of `document` with that cryptosuite, outside any chain.

    Proofs of other cryptosuites may stand beside it: each says the same of the same
    document.

    Raises:
        SecuringError: there is none, more than one, one in a chain, or one that cannot
            be read.
    """
    readable = [
        proof
        for proof in stated_proofs(document)
        if (proof.get("type"), proof.get("cryptosuite")) == (TYPE, cryptosuite)
    ]
    if len(readable) != 1:
        raise SecuringError(f"one {cryptosuite} proof is expected, not {len(readable)}")
    if "previousProof" in readable[0]:
        raise SecuringError("a proof in a chain")
    return read(readable[0])


def verify(
    document: Mapping[str, Any],
    key: VerificationKey,
    cryptosuite: str = EDDSA_JCS,
    vocabulary: Vocabulary | None = None,
) -> bool:
    """Tell whether the one proof of `document` with that suite was made with `key`.

    Raises:
        SecuringError: `proof_of` finds no proof to verify.
        LinkedDataError: as `is_by`.
    """
    proof = proof_of(document, cryptosuite)
    return is_by(proof, what_is_signed(document, {}), key, vocabulary)


def is_by(
    proof: Proof,
    signed: Mapping[str, Any],
    key: VerificationKey,
    vocabulary: Vocabulary | None = None,
) -> bool:
    """Tell whether `proof` over `signed` (see `what_is_signed`) was made with `key`.

    Raises:
        LinkedDataError: the proof is over a graph, and the document's graph cannot be
            stated, would lose something, or costs too much (each a class of its own).
    """
    if key.algorithm not in SUITES[proof.cryptosuite]:
        return False
    if "@context" in proof.options and (
        proof.options["@context"] != signed.get("@context")
    ):
        return False
    try:
        data = _digests(proof.options, signed, key.algorithm, vocabulary)
    except MalformedValueError:
        return False
    return key.verify(proof.signature, data)


def read(proof: Mapping[str, Any]) -> Proof:
    """Read one proof with one of `SUITES`.

    Raises:
        SecuringError: another type or cryptosuite, or a member missing or unreadable.
    """
    if proof.get("type") != TYPE or proof.get("cryptosuite") not in SUITES:
        raise SecuringError(f"a proof with none of {', '.join(SUITES)}")
    if not all(isinstance(proof.get(name), str) for name in _TEXTS):
        raise SecuringError(f"a proof without one of {', '.join(_TEXTS)}")
    value = proof["proofValue"]
    try:
        if not value.startswith("z"):
            raise SecuringError("a proofValue that is not in base58btc")
        return Proof(
            cryptosuite=proof["cryptosuite"],
            verification_method=DidUrl(proof["verificationMethod"]),
            purpose=proof["proofPurpose"],
            created=moment_of(proof, "created"),
            expires=moment_of(proof, "expires"),
            options={n: inner for n, inner in proof.items() if n != "proofValue"},
            signature=from_base58btc(value[1:]),
        )
    except (DidError, MalformedValueError) as error:
        raise SecuringError(f"a proof that cannot be read: {error}") from error


def _make(
    signed: Mapping[str, Any],
    key: SigningKey,
    verification_method: DidUrl,
    at: datetime,
    purpose: str,
    more: Mapping[str, Any],
    vocabulary: Vocabulary | None,
) -> dict[str, Any]:
    """Return the proof over `signed`."""
    suite = suite_for(key.algorithm, over_graph=vocabulary is not None)
    options = {
        **more,
        "type": TYPE,
        "cryptosuite": suite,
        "created": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "verificationMethod": str(verification_method),
        "proofPurpose": purpose,
    }
    if "@context" in signed and suite not in GRAPH_SUITES:
        options["@context"] = signed["@context"]
    signature = key.sign(_digests(options, signed, key.algorithm, vocabulary))
    return options | {"proofValue": "z" + as_base58btc(signature)}


def suite_for(algorithm: Algorithm, *, over_graph: bool = False) -> str:
    """Return the cryptosuite that takes keys of this algorithm."""
    return next(
        name
        for name, taken in SUITES.items()
        if algorithm in taken and (name in GRAPH_SUITES) == over_graph
    )


def _digests(
    options: Mapping[str, Any],
    document: Mapping[str, Any],
    algorithm: Algorithm,
    vocabulary: Vocabulary | None = None,
) -> bytes:
    """Return the hash of the proof's options, then that of the document."""
    name = "sha384" if algorithm == "ES384" else "sha256"
    if options["cryptosuite"] not in GRAPH_SUITES:
        forms = canonical(options), canonical(document)
    elif vocabulary is None:
        raise UnknownContextError("no contexts are at hand to read a graph with")
    else:
        # The options mean what they mean in the document they stand in.
        options = {**options, "@context": document.get("@context")}
        forms = (
            canonical_form(options, vocabulary, algorithm=name).text.encode(),
            canonical_form(document, vocabulary, algorithm=name).text.encode(),
        )
    return b"".join(hashlib.new(name, form).digest() for form in forms)


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
            text = re.sub(r"(\.\d{6})\d+", r"\1", value)
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise SecuringError(f"a proof whose {name} is no moment")
