"""Credentials and presentations as COSE_Sign1 (RFC 9052), for `vc+cose` and `vp+cose`.

The same rules as for JWS: the key decides the algorithm, which must fit the header; the
protected header holds `alg`, `content type`, `kid` and `typ`, nothing else. A `kid` may
also stand in the unprotected header, where it is a hint as much as anywhere.

Follows Securing Verifiable Credentials using JOSE and COSE, section "With COSE", and
RFC 9864 for the newer numbers of the same algorithms. Whose key `kid` names is not
asked here.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import cbor2

from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.keys import Algorithm, SigningKey, VerificationKey
from protocol.linked_data.jcs import parse_strict
from protocol.securing import cbor

VC_TYPE = "application/vc+cose"
VP_TYPE = "application/vp+cose"
ALGORITHM_NUMBERS: Mapping[int, Algorithm] = {
    -8: "EdDSA",
    -19: "EdDSA",
    -7: "ES256",
    -9: "ES256",
    -35: "ES384",
    -51: "ES384",
    -36: "ES512",
    -52: "ES512",
}
"""What may stand in `alg`; the first number of each is the one we write."""

_ALG, _CONTENT_TYPE, _KID, _TYP = 1, 3, 4, 16
_MEMBERS = {_ALG, _CONTENT_TYPE, _KID, _TYP}
_TAG: Final = 18
_LONGEST_HEADER = 4096
"""Octets of a header in CBOR."""
_STARTS = (b"\xd2\x84", b"\x84")
"""COSE_Sign1 with its tag, and without."""


@dataclass(frozen=True, slots=True)
class Sign1:
    """A COSE_Sign1 that could be read; nothing is verified yet."""

    algorithm: Algorithm
    kid: str
    """What names the key; empty if nothing does."""
    typ: str
    content_type: str
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes


def secure(
    claims: Mapping[str, Any], *, key: SigningKey, kid: str, typ: str = VC_TYPE
) -> bytes:
    """Sign `claims` as they are and return the COSE_Sign1, with its tag."""
    number = next(n for n, name in ALGORITHM_NUMBERS.items() if name == key.algorithm)
    header: dict[int, Any] = {
        _ALG: number,
        _CONTENT_TYPE: typ.removesuffix("+cose"),
        _KID: kid.encode(),
        _TYP: typ,
    }
    protected = cbor.encode(header)
    payload = json.dumps(
        claims, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    ).encode()
    signature = key.sign(_to_be_signed(protected, payload))
    return cbor.encode(cbor2.CBORTag(_TAG, [protected, {}, payload, signature]))


def read(octets: bytes, typ: str | Collection[str]) -> Sign1:
    """Take a COSE_Sign1 apart, whose `typ` must be `typ`, or one of them.

    Raises:
        SecuringError: not a COSE_Sign1, a header member or algorithm outside the list,
            another `typ` or content type, or claims that are not one JSON object.
    """
    protected, unprotected, payload, signature = _parts(octets)
    header = _map(protected)
    number = header.get(_ALG)
    if type(number) is not int or number not in ALGORITHM_NUMBERS:
        raise SecuringError(f"a COSE_Sign1 whose alg {number!r} is none of ours")
    stated = header.get(_TYP)
    allowed = {typ} if isinstance(typ, str) else typ
    if not isinstance(stated, str) or stated not in allowed:
        raise SecuringError(f"a COSE_Sign1 of typ {stated!r}")
    content = header.get(_CONTENT_TYPE, "")
    if content not in ("", str(stated).removesuffix("+cose")):
        raise SecuringError(f"a COSE_Sign1 of {stated} over {content!r}")
    try:
        claims = parse_strict(payload)
    except MalformedValueError as error:
        raise SecuringError(f"the payload of a COSE_Sign1: {error}") from error
    if not isinstance(claims, dict):
        raise SecuringError("the payload of a COSE_Sign1 is one JSON object")
    return Sign1(
        ALGORITHM_NUMBERS[number],
        _kid(header.get(_KID, unprotected.get(_KID, b""))),
        str(stated),
        str(content),
        claims,
        _to_be_signed(protected, payload),
        signature,
    )


def verify(sign1: Sign1, key: VerificationKey) -> bool:
    """Tell whether `sign1` was signed with `key` and says so with the right `alg`."""
    return sign1.algorithm == key.algorithm and key.verify(
        sign1.signature, sign1.signing_input
    )


def is_sign1(octets: bytes) -> bool:
    """Tell whether `octets` look like a COSE_Sign1."""
    return octets.startswith(_STARTS)


def as_base64(octets: bytes) -> str:
    """Return a COSE_Sign1 as text, in base64 as RFC 2397 has it in `data:` URLs."""
    return b64encode(octets).decode()


def from_base64(text: str) -> bytes:
    """Read base64, with or without the padding that many leave out.

    Raises:
        MalformedValueError: not base64.
    """
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedValueError("not base64") from error


def _parts(octets: bytes) -> tuple[bytes, Mapping[Any, Any], bytes, bytes]:
    found = cbor.decode(octets)
    if isinstance(found, cbor2.CBORTag) and found.tag == _TAG:
        found = found.value
    match list(found) if isinstance(found, list | tuple) else None:
        case [bytes(protected), unprotected, bytes(payload), bytes(signature)]:
            if isinstance(unprotected, Mapping) and set(unprotected) <= {_KID}:
                return protected, unprotected, payload, signature
    raise SecuringError(
        "not a COSE_Sign1 of protected header, nothing but kid unprotected, payload "
        "and signature"
    )


def _map(protected: bytes) -> Mapping[Any, Any]:
    if len(protected) > _LONGEST_HEADER:
        raise SecuringError(f"a COSE header of more than {_LONGEST_HEADER} octets")
    header = cbor.decode(protected)
    if not isinstance(header, Mapping) or not set(header) <= _MEMBERS:
        raise SecuringError(f"a COSE header with members outside {sorted(_MEMBERS)}")
    return header


def _kid(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError as error:
            raise SecuringError("a COSE kid that is no text") from error
    raise SecuringError("a COSE kid that is not a byte string")


def _to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Return the `Sig_structure` of RFC 9052, section "Signing and Verification"."""
    return cbor.encode(["Signature1", protected, b"", payload])
