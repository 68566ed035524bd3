"""Seals of European Digital Credentials: JAdES, a JWS in JSON with certificates.

The key is that of a certificate the seal brings along, the payload mostly stands as it
is (`b64` false). What is told here is whether the seal fits document and certificate,
whether each certificate was issued by the next, and what the timestamps state. Whether
anybody vouches for the last certificate (a European trusted list) and whether the
timestamps are worth something is not told: nobody may take a seal for trusted on what
is found here alone.

Follows JWS (RFC 7515, RFC 7797) and JAdES (ETSI TS 119 182-1), clauses on `sigT`,
`x5c`, `x5t#S256` and `etsiU`. Detached payloads (`sigD`) are not read.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import (
    SHA256,
    SHA384,
    SHA512,
    HashAlgorithm,
)
from cryptography.x509.oid import NameOID

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.multibase import from_base64url
from protocol.linked_data.jcs import parse_strict

MEDIA_TYPE = "application/jose+json"
MAXIMUM_SEALS = 4
UNDERSTOOD = frozenset({"b64", "sigT", "adoTst", "srCms", "sigPl", "srAts", "sigPId"})
"""Names in `crit` that change nothing about what is signed, and `b64`."""

_HASHES: Mapping[str, HashAlgorithm] = {
    "256": SHA256(),
    "384": SHA384(),
    "512": SHA512(),
}
_ALGORITHM = re.compile(r"(RS|PS|ES)(256|384|512)", re.ASCII)
_SHORTEST_RSA = 2048
_SIG_T = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_GENERALIZED_TIME = re.compile(rb"\x18[\x0f-\x17](\d{14})(?:\.\d{1,6})?Z")
"""How DER writes the moment of a timestamp (RFC 3161, `genTime`)."""
_LONGEST_CHAIN = 8


@dataclass(frozen=True, slots=True)
class Timestamp:
    """What a timestamp in a seal states; not verified."""

    kind: str
    """`adoTst`, `sigTst`, `arcTst`."""
    at: datetime | None
    covers: bool
    """Whether the digest of what it should be about stands in it (`sigTst` only)."""


@dataclass(frozen=True, slots=True)
class Seal:
    """One seal that could be read, with what it brings along."""

    algorithm: str
    subject: str
    """Whom the certificate is for, as a distinguished name."""
    organisation_id: str
    """The organisation's registered identifier in the certificate; perhaps empty."""
    certified_by: str
    fingerprint: str
    """SHA-256 of the certificate, in hex."""
    not_before: datetime
    not_after: datetime
    signed_at: datetime | None
    """`sigT`, as the signer states it."""
    chain: int
    """Certificates it brings along."""
    chain_holds: bool
    """Each was issued by the next."""
    holds: bool
    """The seal fits document and certificate."""
    timestamps: tuple[Timestamp, ...]

    def as_evidence(self) -> dict[str, Any]:
        """Return it for a finding."""
        return {
            "sealed_by": self.subject,
            "organisation_id": self.organisation_id,
            "certified_by": self.certified_by,
            "certificate": self.fingerprint,
            "certificate_from": self.not_before.isoformat(),
            "certificate_until": self.not_after.isoformat(),
            "chain": self.chain,
            "chain_holds": self.chain_holds,
            "timestamps": [
                f"{one.kind}: {one.at.isoformat() if one.at else 'unreadable'}"
                + (", over this signature" if one.covers else "")
                for one in self.timestamps
            ],
        }


class UnknownSealError(SecuringError):
    """A seal that may be good, but is of a kind not read here."""


def is_sealed(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON document looks like a JWS in one of its JSON forms."""
    return isinstance(document.get("payload"), str) and (
        "signatures" in document or "signature" in document
    )


def signatures_of(document: Mapping[str, Any]) -> list[Any]:
    """Return the signatures of either JSON form (RFC 7515, section 7.2).

    Raises:
        SecuringError: none, or more than `MAXIMUM_SEALS`.
    """
    stated = document.get("signatures")
    if "signature" in document:
        if stated is not None:
            raise SecuringError("a JWS in two JSON forms at once")
        stated = [document]
    if not isinstance(stated, list) or not 1 <= len(stated) <= MAXIMUM_SEALS:
        raise SecuringError(f"a JWS without signatures, or more than {MAXIMUM_SEALS}")
    return stated


def header_of(signature: Any) -> dict[str, Any]:
    """Return the protected header of one signature.

    Raises:
        SecuringError: it cannot be read.
    """
    try:
        header = parse_strict(from_base64url(signature["protected"]))
    except (MalformedValueError, KeyError, TypeError) as error:
        raise SecuringError("a JWS without a protected header") from error
    if not isinstance(header, dict):
        raise SecuringError("a JWS whose protected header is not an object")
    return header


def payload_of(payload: str, header: Mapping[str, Any]) -> bytes:
    """Return the octets that were sealed.

    Raises:
        SecuringError: not base64url, where it has to be.
    """
    if header.get("b64", True) is False:
        return payload.encode()
    try:
        return from_base64url(payload)
    except MalformedValueError as error:
        raise SecuringError("a JWS whose payload is not base64url") from error


def read(payload: str, signature: Mapping[str, Any]) -> Seal:
    """Read one seal over `payload`, and find out whether it fits.

    Raises:
        UnknownSealError: a member of `crit`, a key or an algorithm not known here.
        SecuringError: it cannot be read, or contradicts itself.
    """
    header = header_of(signature)
    _check(header)
    chain = _certificates(header.get("x5c"))
    first = chain[0]
    try:
        signed = from_base64url(signature["signature"])
    except (MalformedValueError, KeyError, TypeError) as error:
        raise SecuringError("a seal without a signature") from error
    stated = header.get("x5t#S256")
    digest = first.fingerprint(SHA256())
    if stated is not None and _octets(stated) != digest:
        raise SecuringError("a seal whose x5t#S256 is not that of its certificate")
    covered = f"{signature['protected']}.{payload}".encode()
    holds = _verify(first, str(header["alg"]), signed, covered)
    return Seal(
        algorithm=str(header["alg"]),
        subject=first.subject.rfc4514_string(),
        organisation_id=_organisation(first),
        certified_by=first.issuer.rfc4514_string(),
        fingerprint=digest.hex(),
        not_before=first.not_valid_before_utc,
        not_after=first.not_valid_after_utc,
        signed_at=_signed_at(header.get("sigT")),
        chain=len(chain),
        chain_holds=_is_chain(chain),
        holds=holds,
        timestamps=tuple(_timestamps(header, signature)),
    )


def _check(header: Mapping[str, Any]) -> None:
    algorithm, critical = header.get("alg"), header.get("crit", [])
    if not isinstance(algorithm, str) or not _ALGORITHM.fullmatch(algorithm):
        raise UnknownSealError(f"a seal whose alg is {str(algorithm)[:16]}")
    if not isinstance(critical, list) or not all(
        isinstance(name, str) and name in header for name in critical
    ):
        raise SecuringError("a seal whose crit names what is not there")
    unknown = set(critical) - UNDERSTOOD
    if unknown or "sigD" in header:
        raise UnknownSealError(f"a seal with {', '.join(sorted(unknown)) or 'sigD'}")
    if not isinstance(header.get("b64", True), bool):
        raise SecuringError("a seal whose b64 is neither true nor false")
    if header.get("b64", True) is False and "b64" not in critical:
        raise SecuringError("a seal with b64 that is not in crit")


def _certificates(stated: Any) -> list[x509.Certificate]:
    if not isinstance(stated, list) or not 1 <= len(stated) <= _LONGEST_CHAIN:
        raise UnknownSealError("a seal without certificates")
    try:
        return [
            x509.load_der_x509_certificate(base64.b64decode(one, validate=True))
            for one in stated
        ]
    except (binascii.Error, TypeError, ValueError) as error:
        raise SecuringError("a seal with a certificate that cannot be read") from error


def _octets(text: Any) -> bytes:
    try:
        return from_base64url(text) if isinstance(text, str) else b""
    except MalformedValueError:
        return b""


def _organisation(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_IDENTIFIER)
    return str(found[0].value) if found else ""


def _verify(
    certificate: x509.Certificate, algorithm: str, signature: bytes, covered: bytes
) -> bool:
    try:
        key = certificate.public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        raise UnknownSealError("a seal with a key of a kind not known here") from error
    return verify_with(key, algorithm, signature, covered)


def verify_with(key: Any, algorithm: str, signature: bytes, covered: bytes) -> bool:
    """Tell whether `covered` was signed with an RSA or EC key, by a JWS algorithm.

    Raises:
        UnknownSealError: an algorithm not known here, or an RSA key too short.
        SecuringError: an algorithm that does not fit the key.
    """
    if not _ALGORITHM.fullmatch(algorithm):
        raise UnknownSealError(f"a signature whose alg is {algorithm[:16]!r}")
    family, hash_ = algorithm[:2], _HASHES[algorithm[2:]]
    try:
        if isinstance(key, rsa.RSAPublicKey) and family in {"RS", "PS"}:
            if key.key_size < _SHORTEST_RSA:
                raise UnknownSealError(f"a seal with an RSA key of {key.key_size} bits")
            pss = padding.PSS(padding.MGF1(hash_), hash_.digest_size)
            how = padding.PKCS1v15() if family == "RS" else pss
            key.verify(signature, covered, how, hash_)
        elif isinstance(key, ec.EllipticCurvePublicKey) and family == "ES":
            half = len(signature) // 2
            pair = (signature[:half], signature[half:])
            numbers = (int.from_bytes(one, "big") for one in pair)
            key.verify(utils.encode_dss_signature(*numbers), covered, ec.ECDSA(hash_))
        else:
            raise SecuringError("a seal whose alg does not fit its certificate")
    except InvalidSignature:
        return False
    return True


def _is_chain(chain: list[x509.Certificate]) -> bool:
    """Tell whether each certificate was issued by the next."""
    for one, issuer in pairwise(chain):
        try:
            one.verify_directly_issued_by(issuer)
        except (InvalidSignature, TypeError, ValueError):
            return False
    return True


def _signed_at(stated: Any) -> datetime | None:
    if stated is None:
        return None
    if not isinstance(stated, str) or not _SIG_T.fullmatch(stated):
        raise SecuringError("a seal whose sigT is not a moment in UTC")
    try:
        return datetime.fromisoformat(stated).astimezone(UTC)
    except ValueError as error:
        raise SecuringError("a seal whose sigT is not a moment in UTC") from error


def _timestamps(
    header: Mapping[str, Any], signature: Mapping[str, Any]
) -> list[Timestamp]:
    """Read what the timestamps in a seal state; what is unreadable is said so."""
    digest = hashlib.sha256(str(signature["signature"]).encode()).digest()
    found = [("adoTst", header.get("adoTst"))]
    unprotected = signature.get("header")
    stated = unprotected.get("etsiU") if isinstance(unprotected, Mapping) else None
    for part in stated if isinstance(stated, list) else []:
        found += _members(part)
    return [
        _timestamp(kind, token, digest)
        for kind, container in found
        if kind.endswith("Tst") and isinstance(container, Mapping)
        for token in container.get("tstTokens") or ()
        if isinstance(token, Mapping)
    ]


def _members(part: Any) -> list[tuple[str, Any]]:
    """Read one part of `etsiU`, which may be packed in base64url."""
    try:
        opened = parse_strict(from_base64url(part)) if isinstance(part, str) else part
    except MalformedValueError:
        return []
    return list(opened.items()) if isinstance(opened, dict) else []


def _timestamp(kind: str, token: Mapping[str, Any], digest: bytes) -> Timestamp:
    try:
        der = base64.b64decode(str(token.get("val")), validate=True)
        stated = _GENERALIZED_TIME.search(der)
        text = stated.group(1).decode() if stated else ""
        at = datetime.strptime(text + "+0000", "%Y%m%d%H%M%S%z")
    except (binascii.Error, ValueError):
        return Timestamp(kind, None, covers=False)
    return Timestamp(kind, at, covers=kind == "sigTst" and digest in der)
