"""Documents secured by an envelope around them: as JWS, as SD-JWT, as COSE_Sign1.

What is in the envelope is read as far as it goes, whatever may be wrong with the
envelope: an envelope that cannot hold is stated with its fault, one of a kind this node
does not know by its name. Neither ever verifies.

Follows Securing Verifiable Credentials using JOSE and COSE, and Verifiable Credentials
Data Model v1.1, section "JSON Web Token", for what was signed before there was that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from protocol import securing
from protocol.credentials.proofs import StatedProof, did_url, moment, text_of, texts_of
from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.multibase import from_base64url
from protocol.linked_data.jcs import parse_strict
from protocol.securing import cose, jose, legacy, sd_jwt, sd_jwt_vcdm
from protocol.securing.jose import Jws
from protocol.securing.sd_jwt import SdJwt

Content = Literal["vc", "vp"]

_NO_SIGNATURE = ("none", "HS")
"""`alg` of no signature, and of those that whoever verifies could make as well."""
_FORBIDDEN = frozenset({"vc", "vp"})
"""Claims of VC Data Model 1.1: in a JWT of 2.0 they would say a second thing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What an envelope holds, and how it is secured."""

    media_type: str
    claims: dict[str, Any]
    proof: StatedProof
    sd_jwt: SdJwt | None = None


def open_envelope(
    text: str, mechanism: str, content: Content, media_type: str | None = None
) -> Opened:
    """Take an envelope apart, whose content is a credential or a presentation.

    The former form of JWTs is read only where `media_type` does not exclude it.

    Raises:
        SecuringError: not even something like a JWS over one JSON object.
    """
    if mechanism == "cose":
        return _cose(text, content)
    if mechanism == "sd-jwt":
        return _sd_jwt(text, content)
    stated = (media_type or "application/jwt").partition(";")[0].strip().lower()
    return _jose(text, content, may_be_former=stated == "application/jwt")


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


def header_of(text: str) -> Mapping[str, Any]:
    """Return the header of a compact JWS or SD-JWT; empty if there is none."""
    try:
        header = parse_strict(from_base64url(text.partition(".")[0]), depth=8)
    except MalformedValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _jose(text: str, content: Content, *, may_be_former: bool) -> Opened:
    typ = f"{content}+jwt"
    known_as = f"application/{typ}"
    try:
        jws = jose.read_any(text, typ)
    except SecuringError as error:
        former = _former(text, content) if may_be_former else None
        if former:
            return Opened("application/jwt", *former)
        return Opened(known_as, *_foreign(text, {typ}, str(error)))
    return Opened(known_as, jws.claims, _of_jws(typ, jws))


def _sd_jwt(text: str, content: Content) -> Opened:
    typ = f"{content}+sd-jwt"
    token = text.partition("~")[0]
    header = str(header_of(token).get("typ", "")).removeprefix("application/")
    try:
        if header == typ and "vct" not in _claims(token):
            parsed = sd_jwt_vcdm.parse(text, typ)
            proof = _of_jws(typ, parsed.jws, partial(sd_jwt.verify, parsed))
            return Opened(f"application/{typ}", parsed.claims(), proof, parsed)
        parsed = sd_jwt.parse(text)
    except SecuringError as error:
        claims, proof = _foreign(token, sd_jwt.TYPES | {typ}, str(error))
        known_as = f"application/{typ if '@context' in claims else sd_jwt.TYP}"
        return Opened(known_as, {n: v for n, v in claims.items() if n != "_sd"}, proof)
    claims = parsed.claims()
    proof = StatedProof(
        parsed.typ,
        parsed.kid,
        moment(claims.get("iat")),
        verify=partial(sd_jwt.verify, parsed),
    )
    return Opened(securing.media_type_of("sd-jwt"), claims, proof, parsed)


def _cose(text: str, content: Content) -> Opened:
    typ = f"application/{content}+cose"
    try:
        sign1 = cose.read(cose.from_base64(text), typ)
    except MalformedValueError as error:
        raise SecuringError(f"a COSE_Sign1 that is {error}") from error
    proof = StatedProof(
        typ.removeprefix("application/"),
        _key_url(sign1.kid, sign1.claims),
        moment(sign1.claims.get("iat")),
        fault=_fault(sign1.claims),
        verify=partial(cose.verify, sign1),
        challenge=text_of(sign1.claims.get("nonce")),
        domain=texts_of(sign1.claims.get("aud")),
    )
    return Opened(typ, sign1.claims, proof)


def _of_jws(
    name: str, jws: Jws, verify: Callable[..., bool] | None = None
) -> StatedProof:
    claims = jws.claims
    return StatedProof(
        name,
        _key_url(jws.header.get("kid", ""), claims),
        moment(claims.get("iat")),
        fault=_fault(claims),
        verify=verify or partial(jose.verify, jws),
        challenge=text_of(claims.get("nonce")),
        domain=texts_of(claims.get("aud")),
    )


def _fault(claims: Mapping[str, Any]) -> str | None:
    """Say why an envelope of VC Data Model 2.0 cannot hold these claims."""
    if _FORBIDDEN.isdisjoint(claims):
        return None
    return "it has a claim vc or vp, which VC-JOSE-COSE forbids"


def _key_url(kid: str, claims: Mapping[str, Any]) -> DidUrl | None:
    """Return the key that `kid` names, in full; None for what is no DID URL.

    A fragment belongs to the DID of whoever issued or holds the document, and a DID
    that is a key needs no `kid` at all.
    """
    party = claims.get("issuer", claims.get("holder", claims.get("iss")))
    did = party.get("id") if isinstance(party, dict) else party
    if not isinstance(did, str):
        return did_url(kid)
    if kid.startswith("#"):
        return did_url(did + kid)
    if not kid and did.startswith(("did:key:", "did:jwk:")):
        method, _, key = did.removeprefix("did:").partition(":")
        return did_url(f"{did}#{key if method == 'key' else '0'}")
    return did_url(kid)


def _former(text: str, content: Content) -> tuple[dict[str, Any], StatedProof] | None:
    """Read what VC Data Model 1.1 secured as a JWT; None if it is none."""
    try:
        jws = jose.read_any(text, legacy.TYPES)
    except SecuringError:
        return None
    inner = jws.claims.get(content)
    if not isinstance(inner, dict):
        return None
    url = _key_url(jws.header.get("kid", ""), {"iss": jws.claims.get("iss")})
    try:
        read = legacy.credential_of if content == "vc" else legacy.presentation_of
        claims = read(jws.claims)
    except SecuringError as error:
        return inner, StatedProof(legacy.MECHANISM, url, fault=str(error))
    return claims, StatedProof(
        legacy.MECHANISM,
        url,
        moment(jws.claims.get("iat")),
        verify=partial(jose.verify, jws),
        challenge=text_of(jws.claims.get("nonce")),
        domain=texts_of(jws.claims.get("aud")),
    )


def _claims(token: str) -> dict[str, Any]:
    try:
        claims = parse_strict(from_base64url(token.split(".")[1]))
    except (IndexError, MalformedValueError):
        return {}
    return claims if isinstance(claims, dict) else {}


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
    url = did_url(header.get("kid"))
    if alg.startswith(_NO_SIGNATURE):
        fault = f"alg {alg[:16]} proves nothing about the signer"
    elif typ not in ours or alg not in jose.ALGORITHM_NAMES:
        return claims, StatedProof(
            f"JWS of typ {typ[:64]}, alg {alg[:16]}", url, unsupported=True
        )
    return claims, StatedProof(typ, url, fault=fault)
