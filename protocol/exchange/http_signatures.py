"""Who is calling: the HTTP message signatures of LRX 1.0, both ways.

A request signature covers method, authority, path, query and the digest of the body; a
response signature covers the response and the request it answers. Unlike RFC 9421,
which lets the signer choose, the profile `lrx-1` fixes the covered components, the
parameters and the order of both, so a signature has one spelling and whatever differs
is refused: a signer who may leave something out leaves out what an attacker needs.

Implements RFC 9421, sections "Creating the Signature Base" and "HTTP Message
Signatures", RFC 9530 and LRX 1.0, section "HTTP signature profile", verification
steps 2, 3, 5 and 7. The host that was asked for, who the key belongs to, whether the
nonce is new and which media type a route takes are for the caller to check.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from protocol.errors import (
    ClockError,
    MalformedValueError,
    ProtocolError,
    SignatureError,
)
from protocol.exchange.structured_fields import dictionary, values
from protocol.identity.dids import DidUrl
from protocol.identity.keys import MESSAGE_ALGORITHMS, SigningKey, VerificationKey

LABEL: Final = "lrx"
TAG: Final = "lrx-1"
LIFETIME: Final = 60
"""Seconds between `created` and `expires`, at most and in what is signed here."""
SKEW: Final = 30
"""Seconds two clocks may be apart."""

_BODILESS = frozenset({204, 304})

_DUMMY_KEY = VerificationKey.from_jwk(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "v-ix1cWXbD5PPHKoQyM7BHI9TFTsVgpjkyNvqcpn0LE",
    }
)
"""Verified against where there is no key, so that an unknown caller costs what a bad
signature costs. What it finds is thrown away."""

_OURS = (
    r';created=(0|[1-9][0-9]{0,14});keyid="([^"\\]+)"'
    r';expires=(0|[1-9][0-9]{0,14});nonce="([A-Za-z0-9_-]{21}[AQgw])";tag="lrx-1"'
)
_TAGGED = re.compile(r';\x20*tag="lrx-1"(?=;|$)')
_SIGNATURE = re.compile(r":([A-Za-z0-9+/]{86}==):")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class RequestParts:
    """What a request signature may cover."""

    method: str
    authority: str
    """Lower-case host, with the port unless it is 443; of the receiver's configured
    origin, never the received `Host`."""
    path: str
    """As sent, without any normalisation."""
    query: str = "?"
    """With its question mark; without a query the question mark alone."""
    content_type: str | None = None
    """None where there is no body."""
    body: bytes = b""
    range: str | None = None
    content_range: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseParts:
    """What a response signature may cover."""

    status: int
    content_type: str | None = None
    """None for 204 and 304, and only for them."""
    body: bytes = b""
    content_range: str | None = None
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class SignedParts:
    """A signature whose form is right; nothing is verified yet."""

    keyid: DidUrl
    nonce: str
    created: int
    expires: int
    base: bytes
    signature: bytes
    digest: bytes | None
    """SHA-256 that `Content-Digest` claims; None where there is no body."""


def sign_request(
    parts: RequestParts, *, key: SigningKey, keyid: DidUrl, created: int, nonce: str
) -> dict[str, str]:
    """Return the headers to send: the covered ones and the signature.

    `nonce` is 16 random bytes in base64url.
    """
    lines = _request_lines(parts, _digest_header(parts.body))
    headers = _fields(parts.content_type, parts.body)
    if parts.range is not None:
        headers["Range"] = parts.range
    if parts.content_range is not None:
        headers["Content-Range"] = parts.content_range
    return headers | _sign(lines, key=key, keyid=keyid, created=created, nonce=nonce)


def sign_response(
    parts: ResponseParts,
    *,
    request: RequestParts,
    key: SigningKey,
    keyid: DidUrl,
    created: int,
    nonce: str,
) -> dict[str, str]:
    """Return the headers to answer `request` with; `nonce` is that of the request."""
    lines = _response_lines(parts, request, _digest_header(parts.body))
    headers = _fields(parts.content_type, parts.body)
    if parts.content_range is not None:
        headers["Content-Range"] = parts.content_range
    if parts.retry_after is not None:
        headers["Retry-After"] = parts.retry_after
    return headers | _sign(lines, key=key, keyid=keyid, created=created, nonce=nonce)


def read_request(
    parts: RequestParts, headers: Sequence[tuple[str, str]]
) -> SignedParts:
    """Read the signature of a request (steps 2 and 3 of the verification order).

    Raises:
        SignatureError: not exactly one signature of this profile, another component
            list, another parameter, or a header that comes twice.
    """
    _refuse_doubles(
        headers,
        {
            "content-type": parts.content_type,
            "range": parts.range,
            "content-range": parts.content_range,
        },
    )
    digest = _single(headers, "content-digest")
    return _read(_request_lines(parts, digest), headers, digest)


def read_response(
    parts: ResponseParts,
    headers: Sequence[tuple[str, str]],
    *,
    request: RequestParts,
    nonce: str,
) -> SignedParts:
    """Read the signature of the answer to `request`, which was sent with `nonce`.

    Whether `keyid` belongs to the DID that was addressed is for the caller to check.

    Raises:
        SignatureError: as for `read_request`, or made for another request.
    """
    _refuse_doubles(
        headers,
        {
            "content-type": parts.content_type,
            "content-range": parts.content_range,
            "retry-after": parts.retry_after,
        },
    )
    digest = _single(headers, "content-digest")
    signed = _read(_response_lines(parts, request, digest), headers, digest)
    if signed.nonce != nonce:
        raise SignatureError("the nonce of the response is not that of the request")
    return signed


def check_time(signed: SignedParts, now: int) -> None:
    """Refuse a signature that is not of now (step 5); times are unix seconds.

    Raises:
        ClockError: made in the future, expired, or valid for more than a minute.
    """
    if signed.created > now + SKEW:
        raise ClockError("created lies in the future")
    if now > signed.expires + SKEW:
        raise ClockError("expires has passed")
    if not 0 <= signed.expires - signed.created <= LIFETIME:
        raise ClockError(f"expires is not within {LIFETIME} s after created")


def verify(signed: SignedParts, key: VerificationKey | None, body: bytes) -> None:
    """Verify signature and digest (step 7).

    Without a key the same work is done, and the answer is the same.

    Raises:
        SignatureError: no key, another signer, or another body.
    """
    good = (key or _DUMMY_KEY).verify(signed.signature, signed.base)
    if key is None or not good or key.algorithm not in MESSAGE_ALGORITHMS:
        raise SignatureError("the signature does not verify")
    if signed.digest is None:
        if body:
            raise SignatureError("a body that is not covered")
    elif hashlib.sha256(body).digest() != signed.digest:
        raise SignatureError("Content-Digest is not that of the body")


def _request_lines(parts: RequestParts, digest: str | None) -> list[tuple[str, str]]:
    lines = [
        ('"@method"', parts.method),
        ('"@authority"', parts.authority),
        ('"@path"', parts.path),
        ('"@query"', parts.query or "?"),
    ]
    lines += _content_lines(parts.content_type, parts.body, digest)
    if parts.range is not None:
        lines.append(('"range"', parts.range))
    if parts.content_range is not None:
        lines.append(('"content-range"', parts.content_range))
    return lines


def _response_lines(
    parts: ResponseParts, request: RequestParts, digest: str | None
) -> list[tuple[str, str]]:
    if (parts.content_type is None) != (parts.status in _BODILESS):
        raise SignatureError(f"a {parts.status} with the wrong headers about content")
    lines = [('"@status"', f"{parts.status:03d}")]
    lines += _content_lines(parts.content_type, parts.body, digest)
    if parts.content_range is not None:
        lines.append(('"content-range"', parts.content_range))
    if parts.retry_after is not None:
        lines.append(('"retry-after"', parts.retry_after))
    lines.append(('"@method";req', request.method))
    lines.append(('"@authority";req', request.authority))
    lines.append(('"@path";req', request.path))
    if request.content_type is not None:
        lines.append(('"content-digest";req', _digest_header(request.body)))
    return lines


def _content_lines(
    content_type: str | None, body: bytes, digest: str | None
) -> list[tuple[str, str]]:
    if content_type is None:
        if body:
            raise SignatureError("a body without Content-Type")
        return []
    if ";" in content_type:
        raise SignatureError("Content-Type has parameters")
    if digest is None:
        raise SignatureError("a body without Content-Digest")
    return [('"content-type"', content_type), ('"content-digest"', digest)]


def _fields(content_type: str | None, body: bytes) -> dict[str, str]:
    if content_type is None:
        return {}
    return {"Content-Type": content_type, "Content-Digest": _digest_header(body)}


def _digest_header(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _base(lines: Iterable[tuple[str, str]], parameters: str) -> bytes:
    """Build the signature base; a line break in a value would forge a line of it."""
    for name, value in lines:
        if not _PRINTABLE.fullmatch(value):
            raise SignatureError(f"a control character in {name}")
    text = "".join(f"{name}: {value}\n" for name, value in lines)
    return f'{text}"@signature-params": {parameters}'.encode("ascii")


def _components(lines: Iterable[tuple[str, str]]) -> str:
    return "(" + " ".join(name for name, _ in lines) + ")"


def _sign(
    lines: list[tuple[str, str]],
    *,
    key: SigningKey,
    keyid: DidUrl,
    created: int,
    nonce: str,
) -> dict[str, str]:
    parameters = (
        f'{_components(lines)};created={created};keyid="{keyid}"'
        f';expires={created + LIFETIME};nonce="{nonce}";tag="{TAG}"'
    )
    signature = base64.b64encode(key.sign(_base(lines, parameters))).decode()
    return {
        "Signature-Input": f"{LABEL}={parameters}",
        "Signature": f"{LABEL}=:{signature}:",
    }


def _read(
    lines: list[tuple[str, str]],
    headers: Sequence[tuple[str, str]],
    digest: str | None,
) -> SignedParts:
    try:
        parameters = _only_ours(dictionary(headers, "signature-input"))
        ours = dictionary(headers, "signature").get(LABEL, "")
    except MalformedValueError as error:
        raise SignatureError("signature headers that cannot be read") from error
    match = re.fullmatch(re.escape(_components(lines)) + _OURS, parameters)
    if match is None:
        raise SignatureError("other components or parameters than the profile has")
    created, keyid, expires, nonce = match.groups()
    signature = _SIGNATURE.fullmatch(ours)
    if signature is None:
        raise SignatureError("no signature of 64 bytes with the label lrx")
    try:
        url = DidUrl.parse(keyid)
    except ProtocolError as error:
        raise SignatureError("keyid is not a DID URL") from error
    covers_body = any(name == '"content-digest"' for name, _ in lines)
    return SignedParts(
        keyid=url,
        nonce=nonce,
        created=int(created),
        expires=int(expires),
        base=_base(lines, parameters),
        signature=_octets(signature[1]),
        digest=_digest(digest) if covers_body else None,
    )


def _only_ours(members: dict[str, str]) -> str:
    """Return the parameters of the one signature with our tag; others are ignored."""
    if [label for label, text in members.items() if _TAGGED.search(text)] != [LABEL]:
        raise SignatureError("not exactly one signature of the profile lrx-1")
    return members[LABEL]


def _single(headers: Sequence[tuple[str, str]], name: str) -> str | None:
    found = values(headers, name)
    if len(found) > 1:
        raise SignatureError(f"{name} comes {len(found)} times")
    return found[0] if found else None


def _refuse_doubles(
    headers: Sequence[tuple[str, str]], covered: dict[str, str | None]
) -> None:
    """Refuse a covered header of which another part of the program may see another."""
    for name, expected in covered.items():
        found = _single(headers, name)
        if found is not None and found != expected:
            raise SignatureError(f"{name} is not what is covered")


def _digest(text: str | None) -> bytes:
    match = re.fullmatch(r"sha-256=:([A-Za-z0-9+/]{43}=):", text or "")
    if match is None:
        raise SignatureError("Content-Digest is not exactly one sha-256 member")
    return _octets(match[1])


def _octets(text: str) -> bytes:
    """Decode base64 that has one spelling only: unused bits must be zero."""
    octets = base64.b64decode(text)
    if base64.b64encode(octets).decode() != text:
        raise SignatureError("base64 with unused bits set")
    return octets
