"""A JWS in one of its JSON forms: an SD-JWT, or a sealed credential.

Follows RFC 9901, section "JWS JSON Serialization", and JAdES as in
`protocol.securing.jades`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocol.credentials.enveloping import open_envelope
from protocol.credentials.proofs import StatedProof
from protocol.errors import SecuringError
from protocol.linked_data.jcs import parse_strict
from protocol.securing import jades
from protocol.securing.jades import UnknownSealError
from protocol.securing.sd_jwt import SdJwt, from_json_form

_SD_JWTS = ("dc+sd-jwt", "vc+sd-jwt")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a JWS in JSON holds, and how it is secured."""

    media_type: str
    claims: Any
    """Whatever JSON it is, for a sealed one."""
    proofs: tuple[StatedProof, ...]
    sd_jwt: SdJwt | None = None


def is_one(document: Any) -> bool:
    """Tell whether a JSON document is such, rather than a credential."""
    return (
        isinstance(document, dict)
        and jades.is_sealed(document)
        and "@context" not in document
    )


def read(document: Mapping[str, Any]) -> Opened:
    """Take a JWS in JSON apart.

    Raises:
        MalformedValueError: the payload is not JSON with one meaning.
        SecuringError: no signature, too many, or two that read one payload in two ways.
    """
    signatures = jades.signatures_of(document)
    header = jades.header_of(signatures[0])
    if header.get("typ") in _SD_JWTS:
        inner = open_envelope(from_json_form(document, signatures), "sd-jwt", "vc")
        return Opened(inner.media_type, inner.claims, (inner.proof,), inner.sd_jwt)
    payload = document["payload"]
    sealed = parse_strict(jades.payload_of(payload, header))
    if any(
        jades.header_of(one).get("b64", True) != header.get("b64", True)
        for one in signatures
    ):
        raise SecuringError("seals that read one payload in two ways")
    proofs = tuple(_proof(payload, one) for one in signatures)
    return Opened(jades.MEDIA_TYPE, sealed, proofs)


def _proof(payload: str, signature: Any) -> StatedProof:
    """Read one seal of a JWS in JSON."""
    try:
        seal = jades.read(payload, signature)
    except UnknownSealError as error:
        return StatedProof(f"JAdES, {error}", unsupported=True)
    except SecuringError as error:
        return StatedProof("JAdES", fault=str(error))
    return StatedProof(f"JAdES, {seal.algorithm}", signed_at=seal.signed_at, seal=seal)
