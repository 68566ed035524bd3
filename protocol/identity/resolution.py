"""DID URLs: what they ask for in a DID document, and what can be wrong with them.

Getting the document is not done here. Follows Decentralized Identifiers v1.0, sections
"DID URL Syntax", "DID Resolution" and "DID URL Dereferencing", and Decentralized
Identifier Resolution v0.3, sections "Dereferencing Algorithm" and "Errors"; the words
for what is wrong with a `did:key` are those of the did:key Method, section "Read".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urljoin

from protocol.errors import DidError, MalformedValueError
from protocol.identity.dids import Did, DidDocument
from protocol.identity.keys import EncryptionKey, VerificationKey
from protocol.identity.multibase import from_base58btc

Word = Literal[
    "invalidDid",
    "invalidDidUrl",
    "notFound",
    "methodNotSupported",
    "representationNotSupported",
    "invalidPublicKey",
    "invalidPublicKeyLength",
    "invalidPublicKeyType",
    "unsupportedPublicKeyType",
    "internalError",
]
URIS = "text/uri-list"
DOCUMENT_TYPE = "application/did+ld+json"
METHODS = frozenset({"key", "jwk", "peer", "web", "webvh"})

_IDCHAR = r"(?:[A-Za-z0-9._-]|%[0-9A-Fa-f]{2})"
_DID = re.compile(rf"did:[a-z0-9]+:(?:{_IDCHAR}*:)*{_IDCHAR}+", re.ASCII)
_PCHAR = r"[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}"
_URL = re.compile(
    rf"(?P<did>did:[^/?#]*)(?P<path>(?:/(?:{_PCHAR})*)?)"
    rf"(?:\?(?P<query>(?:{_PCHAR}|\?)*))?(?:#(?P<fragment>(?:{_PCHAR}|\?)*))?",
    re.ASCII,
)
_LENGTHS = {b"\xed\x01": 32, b"\xec\x01": 32, b"\x80\x24": 33, b"\x81\x24": 49}
"""Octets of a public key behind each multicodec prefix."""
_FORMATS = {
    "Ed25519VerificationKey2020": ("EdDSA", "publicKeyMultibase"),
    "X25519KeyAgreementKey2020": ("X25519", "publicKeyMultibase"),
    "JsonWebKey2020": (None, "publicKeyJwk"),
    "JsonWebKey": (None, "publicKeyJwk"),
    "Multikey": (None, "publicKeyMultibase"),
}
_KNOWN_BY_NAME = frozenset(
    {"Ed25519VerificationKey2018", "EcdsaSecp256k1VerificationKey2019"}
)
"""Formats that are known, and of a kind this node does not write."""


class ResolutionError(DidError):
    """A DID could not be resolved, or a DID URL not be dereferenced."""

    title = "The DID or DID URL cannot be followed"

    def __init__(self, word: Word, detail: str) -> None:
        super().__init__(detail)
        self.word: Word = word
        """As in `error` of the resolution metadata."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A DID URL, taken apart."""

    did: str
    path: str
    query: Mapping[str, str]
    fragment: str

    @property
    def is_did(self) -> bool:
        """Tell whether there is nothing but a DID."""
        return not (self.path or self.query or self.fragment)


@dataclass(frozen=True, slots=True)
class Content:
    """What a DID URL stands for."""

    value: Any
    media_type: str


def parse_url(text: str) -> Reference:
    """Take a DID or DID URL apart.

    Raises:
        ResolutionError: `invalidDid` or `invalidDidUrl`.
    """
    match = _URL.fullmatch(text)
    if match is None:
        # What has no part of a URL can only be meant as a DID.
        word: Word = "invalidDidUrl" if re.search(r"[/?#]", text) else "invalidDid"
        raise ResolutionError(word, "it does not follow the syntax of DID URLs")
    query = parse_qsl(match["query"] or "", keep_blank_values=True)
    if len(dict(query)) != len(query):
        raise ResolutionError("invalidDidUrl", "a parameter twice")
    did = match["did"]
    reference = Reference(did, match["path"], dict(query), match["fragment"] or "")
    if not _DID.fullmatch(did):
        word = "invalidDid" if reference.is_did else "invalidDidUrl"
        raise ResolutionError(word, "it does not follow the syntax of DIDs")
    return reference


def supported(did: str) -> Did:
    """Return `did`, if it is of a method this node can resolve.

    Raises:
        ResolutionError: `methodNotSupported`, or `invalidDid` and its like.
    """
    method = did.split(":", 2)[1]
    if method not in METHODS:
        raise ResolutionError("methodNotSupported", f"did:{method} is not known here")
    if method == "key":
        _check_key(did.split(":", 2)[2])
    try:
        return Did(did)
    except DidError as error:
        raise ResolutionError("invalidDid", str(error)) from error


def dereference(document: DidDocument, reference: Reference) -> Content:
    """Return what a DID URL stands for in the document of its DID.

    Raises:
        ResolutionError: `notFound`: the document holds no such thing.
    """
    stated = document.as_dict()
    if {"service", "serviceType"} & reference.query.keys():
        return _endpoints(stated, reference)
    if reference.path or "relativeRef" in reference.query:
        raise ResolutionError("notFound", "a path leads somewhere by a service only")
    if reference.fragment:
        return Content(_named(stated, reference), DOCUMENT_TYPE)
    return Content(stated, DOCUMENT_TYPE)


def in_format(document: DidDocument, name: str) -> DidDocument:
    """Return the document of a `did:key` with its keys in another format.

    Raises:
        ResolutionError: `unsupportedPublicKeyType`: no such format;
            `invalidPublicKeyType`: one that is not for this kind of key.
    """
    if name in _KNOWN_BY_NAME:
        raise ResolutionError("invalidPublicKeyType", f"{name} is not written here")
    if name not in _FORMATS:
        raise ResolutionError("unsupportedPublicKeyType", f"{name} is not known here")
    only, member = _FORMATS[name]
    stated = document.as_dict()
    for method in stated["verificationMethod"]:
        key = document.methods[method["id"]].key
        if key is None:
            raise ResolutionError("invalidPublicKeyType", "a key of no known kind")
        kind = "X25519" if isinstance(key, EncryptionKey) else key.algorithm
        if only not in {None, kind}:
            raise ResolutionError("invalidPublicKeyType", f"{name} is not for {kind}")
        for former in ("publicKeyMultibase", "publicKeyJwk"):
            method.pop(former, None)
        method["type"] = name
        method[member] = key.jwk() if member == "publicKeyJwk" else key.multikey()
    return DidDocument.parse(stated)


def _check_key(text: str) -> None:
    """Say in the words of the did:key Method what is wrong with a key."""
    if not text.startswith("z"):
        raise ResolutionError("invalidDid", "a did:key that is not in base58btc")
    try:
        octets = from_base58btc(text[1:])
    except MalformedValueError as error:
        raise ResolutionError("invalidDid", str(error)) from error
    prefix, raw = octets[:2], octets[2:]
    length = _LENGTHS.get(prefix)
    if length is None:
        # Too short to have a prefix, or a key of a kind this node cannot use.
        short = len(octets) < min(_LENGTHS.values())
        word: Word = "invalidPublicKeyLength" if short else "unsupportedPublicKeyType"
        raise ResolutionError(word, "a did:key of no kind of key known here")
    if len(raw) != length:
        reason = f"{len(raw)} octets of key, {length} are expected"
        raise ResolutionError("invalidPublicKeyLength", reason)
    try:
        if prefix == b"\xec\x01":
            EncryptionKey.from_multikey(text)
        else:
            VerificationKey.from_multikey(text)
    except MalformedValueError as error:
        raise ResolutionError("invalidPublicKey", str(error)) from error


def _endpoints(stated: Mapping[str, Any], reference: Reference) -> Content:
    """Return the URLs of the services asked for, led on by `relativeRef`."""
    name, kind = reference.query.get("service"), reference.query.get("serviceType")
    found = [
        _led_on(url, reference)
        for one in stated.get("service", [])
        if (name is None or _is(one, stated["id"], name)) and _is_of(one, kind)
        for url in _urls(one.get("serviceEndpoint"))
    ]
    if not found:
        raise ResolutionError("notFound", "the document names no such service")
    return Content("\r\n".join(found), URIS)


def _led_on(url: str, reference: Reference) -> str:
    relative = reference.query.get("relativeRef")
    if relative is not None:
        url = urljoin(url, relative)
    if not reference.fragment:
        return url
    if "#" in url:
        raise ResolutionError(
            "invalidDidUrl", "a fragment here, and one at the service"
        )
    return f"{url}#{reference.fragment}"


def _urls(endpoint: Any) -> list[str]:
    """Return the URLs of an endpoint: a text, an object with `uri`, or several."""
    if isinstance(endpoint, str):
        return [endpoint]
    if isinstance(endpoint, Mapping):
        return _urls(endpoint.get("uri"))
    if isinstance(endpoint, list):
        return [url for one in endpoint for url in _urls(one)]
    return []


def _named(stated: Mapping[str, Any], reference: Reference) -> Any:
    """Return the one thing of a document that has an id with this fragment."""
    did = stated["id"]
    for value in stated.values():
        for one in value if isinstance(value, list) else []:
            if _is(one, did, reference.fragment):
                # Outside its document it needs the context that explained it there.
                context = {n: v for n, v in stated.items() if n == "@context"}
                return context | one
    raise ResolutionError("notFound", "the document names nothing with this fragment")


def _is(one: Any, did: str, fragment: str) -> bool:
    name = one.get("id") if isinstance(one, Mapping) else None
    return name in (f"#{fragment}", f"{did}#{fragment}")


def _is_of(one: Mapping[str, Any], kind: str | None) -> bool:
    stated = one.get("type")
    return kind is None or kind in (stated if isinstance(stated, list) else [stated])
