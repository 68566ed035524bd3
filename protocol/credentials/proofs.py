"""The proofs a document states, in one form whatever the securing mechanism.

A proof that cannot hold is stated with its fault; one that this node cannot judge, with
the name of what it cannot judge. Neither ever verifies.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from protocol.errors import DidError, MalformedValueError, SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import VerificationKey
from protocol.identity.multibase import as_base64url, from_base64url
from protocol.linked_data.jcs import canonical, parse_strict
from protocol.linked_data.terms import Vocabulary
from protocol.securing import data_integrity, jose, legacy, sd_jwt
from protocol.securing.data_integrity import GRAPH_SUITES, MAXIMUM_PROOFS, SUITES

VC_JWT = "vc+jwt"
PURPOSE = "assertionMethod"
LINKED_DATA_SUITES = frozenset(
    {"Ed25519Signature2018", "Ed25519Signature2020", "JsonWebSignature2020"}
)
"""Proofs of VC Data Model 1.1 over a document's graph, which somebody else judges."""

_NO_SIGNATURE = ("none", "HS")
"""`alg` of no signature, and of those that whoever verifies could make as well."""
_LAST_MOMENT = 253_402_300_799
"""Seconds until the year 10000."""


@dataclass(frozen=True, slots=True)
class StatedProof:
    """A proof that was read; nothing is verified yet."""

    mechanism: str
    """A cryptosuite, `vc+jwt`, `dc+sd-jwt`, or the name of another mechanism."""
    verification_method: DidUrl | None = None
    signed_at: datetime | None = None
    expires: datetime | None = None
    fault: str | None = None
    """Why it cannot hold, whoever made it."""
    unsupported: bool = False
    """This node does not know the mechanism."""
    verify: Callable[[VerificationKey], bool] = lambda _key: False
    """Tell whether it was made with that key; what was told once is remembered."""
    verify_graph: Callable[[VerificationKey, Vocabulary | None], bool] | None = None
    """The same for a proof over the graph of the document; raises `LinkedDataError`."""
    alone: bytes | None = None
    """The document with this proof only, for a linked-data processor to judge."""

    @property
    def digest(self) -> str | None:
        """SHA-256 over `alone`."""
        if self.alone is None:
            return None
        return "sha-256:" + as_base64url(hashlib.sha256(self.alone).digest())


def proofs_of(document: Mapping[str, Any]) -> tuple[StatedProof, ...]:
    """Return the Data Integrity proofs of a document; none if it is not secured."""
    stated = document.get("proof")
    if not stated:
        return ()
    proofs = stated if isinstance(stated, list) else [stated]
    if len(proofs) > MAXIMUM_PROOFS:
        fault = f"{len(proofs)} proofs, more than {MAXIMUM_PROOFS}"
        return (StatedProof("proof set", fault=fault),)
    return tuple(_proof(document, proofs, one) for one in proofs)


def jws_proof(text: str) -> tuple[dict[str, Any], StatedProof]:
    """Return the claims of a credential secured as a JWT, and its proof.

    Raises:
        SecuringError: not a compact JWS over one JSON object.
    """
    try:
        jws = jose.read(text, VC_JWT)
    except SecuringError as error:
        return _former(text) or _foreign(text, {VC_JWT}, str(error))
    return jws.claims, StatedProof(
        VC_JWT,
        jws.kid,
        moment(jws.claims.get("iat")),
        verify=partial(jose.verify, jws),
    )


def token_proof(text: str, typ: str) -> tuple[dict[str, Any], StatedProof]:
    """Return the claims of a JWT that is no credential, of the given `typ`.

    Raises:
        SecuringError: not a compact JWS over one JSON object.
    """
    try:
        jws = jose.read(text, typ)
    except SecuringError as error:
        return _foreign(text, {typ}, str(error))
    signed_at = moment(jws.claims.get("iat"))
    proof = StatedProof(typ, jws.kid, signed_at, verify=partial(jose.verify, jws))
    return jws.claims, proof


def sd_jwt_proof(
    text: str,
) -> tuple[dict[str, Any], StatedProof, sd_jwt.SdJwt | None]:
    """Return the disclosed claims of an SD-JWT, its proof, and the SD-JWT itself.

    Raises:
        SecuringError: not even its first part is a compact JWS over one JSON object.
    """
    try:
        parsed = sd_jwt.parse(text)
    except SecuringError as error:
        token = text.partition("~")[0]
        claims, proof = _foreign(token, sd_jwt.TYPES, str(error))
        return {n: v for n, v in claims.items() if n != "_sd"}, proof, None
    claims = parsed.claims()
    proof = StatedProof(
        parsed.typ,
        parsed.kid,
        moment(claims.get("iat")),
        verify=partial(sd_jwt.verify, parsed),
    )
    return claims, proof, parsed


def moment(seconds: Any) -> datetime | None:
    """Read a NumericDate of RFC 7519; None for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if not 0 <= seconds <= _LAST_MOMENT:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _proof(document: Mapping[str, Any], proofs: list[Any], stated: Any) -> StatedProof:
    if not isinstance(stated, dict):
        return StatedProof("proof", fault="a proof that is not an object")
    kind, suite = stated.get("type"), stated.get("cryptosuite")
    name = suite if kind == "DataIntegrityProof" else kind
    if not isinstance(name, str):
        return StatedProof("proof", fault="a proof without a type or a cryptosuite")
    url = _did_url(stated.get("verificationMethod"))
    fault = None
    if stated.get("proofPurpose") != PURPOSE:
        fault = f"a proof whose purpose is not {PURPOSE}"
    elif _is_broken_chain(proofs, stated):
        fault = "a proof chain with a loop or a gap"
    if fault:
        return StatedProof(name, url, fault=fault)
    return _named(name, document, stated, url)


def _named(
    name: str,
    document: Mapping[str, Any],
    stated: Mapping[str, Any],
    url: DidUrl | None,
) -> StatedProof:
    if name in SUITES:
        return _readable(document, stated, url)
    if "previousProof" in stated:
        return StatedProof(f"{name} in a proof chain", url, unsupported=True)
    if name in LINKED_DATA_SUITES:
        return _for_others(name, {**document, "proof": stated}, url)
    return StatedProof(name, url, unsupported=True)


def _readable(
    document: Mapping[str, Any], stated: Mapping[str, Any], url: DidUrl | None
) -> StatedProof:
    """Read a proof with one of this node's own cryptosuites."""
    try:
        read = data_integrity.read(stated)
        signed = data_integrity.what_is_signed(document, stated)
    except SecuringError as error:
        return StatedProof(str(stated["cryptosuite"]), url, fault=str(error))
    is_by = cache(partial(data_integrity.is_by, read, signed))
    return StatedProof(
        read.cryptosuite,
        read.verification_method,
        _aware(read.created),
        _aware(read.expires),
        verify=is_by,
        verify_graph=is_by if read.cryptosuite in GRAPH_SUITES else None,
    )


def _for_others(name: str, alone: Mapping[str, Any], url: DidUrl | None) -> StatedProof:
    """Read a proof that a linked-data processor must judge."""
    stated = alone["proof"]
    try:
        return StatedProof(
            name,
            url,
            _aware(data_integrity.moment_of(stated, "created")),
            _aware(data_integrity.moment_of(stated, "expires")),
            unsupported=True,
            alone=canonical(alone),
        )
    except (SecuringError, MalformedValueError) as error:
        return StatedProof(name, url, fault=str(error))


def _former(text: str) -> tuple[dict[str, Any], StatedProof] | None:
    """Read a credential of VC Data Model 1.1 secured as a JWT; None if it is none."""
    try:
        jws = jose.read(text, legacy.TYPES)
    except SecuringError:
        return None
    inner = jws.claims.get("vc")
    if not isinstance(inner, dict):
        return None
    try:
        claims = legacy.credential_of(jws.claims)
    except SecuringError as error:
        return inner, StatedProof(legacy.MECHANISM, jws.kid, fault=str(error))
    signed_at = moment(jws.claims.get("iat"))
    return claims, StatedProof(
        legacy.MECHANISM, jws.kid, signed_at, verify=partial(jose.verify, jws)
    )


def _is_broken_chain(proofs: list[Any], stated: Mapping[str, Any]) -> bool:
    """Tell whether a chain of proofs leads to itself, or to no proof."""
    known = {
        one["id"]: one
        for one in proofs
        if isinstance(one, dict) and isinstance(one.get("id"), str)
    }
    waiting, seen = [stated], 0
    while waiting:
        seen += 1
        previous = waiting.pop().get("previousProof", [])
        for name in previous if isinstance(previous, list) else [previous]:
            if not isinstance(name, str) or name not in known:
                return True
            waiting.append(known[name])
        # Without a loop there are at most this many ways through four proofs.
        if seen > 2**MAXIMUM_PROOFS:
            return True
    return False


def _foreign(
    token: str, ours: set[str] | frozenset[str], fault: str
) -> tuple[dict[str, Any], StatedProof]:
    """Read a JWS that is faulty, or of a kind this node does not know."""
    try:
        first, second, _ = token.split(".")
        header = parse_strict(from_base64url(first), depth=8)
        claims = parse_strict(from_base64url(second))
    except (ValueError, MalformedValueError) as error:
        raise SecuringError(f"not a compact JWS: {error}") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise SecuringError("a JWS whose header or claims are not an object")
    typ, alg = str(header.get("typ", "JWT")), str(header.get("alg"))
    inner = claims.get("vc")
    claims = inner if isinstance(inner, dict) else claims
    url = _did_url(header.get("kid"))
    if alg.startswith(_NO_SIGNATURE):
        fault = f"alg {alg[:16]} proves nothing about the signer"
    elif typ not in ours or alg not in jose.ALGORITHM_NAMES:
        return claims, StatedProof(
            f"JWS of typ {typ[:64]}, alg {alg[:16]}", url, unsupported=True
        )
    return claims, StatedProof(typ, url, fault=fault)


def _did_url(value: Any) -> DidUrl | None:
    try:
        return DidUrl(value) if isinstance(value, str) else None
    except DidError:
        return None


def _aware(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value else None
