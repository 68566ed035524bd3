"""DIDs, DID documents and their history.

A DID that parsed is a `Did`; there are no others inside.

Follows Decentralized Identifiers v1.0, Controlled Identifiers v1.0, and the methods
`did:key`, `did:jwk`, `did:peer` 2 and 4, `did:web` and `did:webvh` 1.0. Nothing is
fetched here: `document_url` says where a document lies. Reading a `did:webvh` log is
the business of `protocol.exchange.did_log`.
"""

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from protocol.errors import DidError, MalformedValueError
from protocol.identity import peer_dids
from protocol.identity.keys import EncryptionKey, VerificationKey
from protocol.identity.places import check_place
from protocol.identity.verification_methods import PublicKey, expand, key_of

Relationship = Literal["authentication", "assertionMethod"]

MAXIMUM_DOCUMENT = 64 * 1024
"""Octets of a DID document in canonical form."""
MAXIMUM_KEYS = 50
"""Verification methods in one DID document."""
OFFLINE = frozenset({"key", "jwk", "peer"})
"""Methods whose DIDs hold their document, for ever."""
SERVICE_TYPE = "LearnerRecordExchange"
PROTOCOL_NAME = "lrx/1.0"

_KEY_CONTEXTS = {
    "Multikey": "https://w3id.org/security/multikey/v1",
    "JsonWebKey": "https://w3id.org/security/jwk/v1",
}
_LONGEST = 2048
"""Characters; a `did:jwk` of a P-256 key takes about 200."""
_DID = re.compile(r"did:([a-z0-9]+):((?:[A-Za-z0-9._:-]|%[0-9A-F]{2})+)", re.ASCII)
_FRAGMENT = re.compile(r"[A-Za-z0-9._~:=-]{1,256}", re.ASCII)


@lru_cache(maxsize=4096)
def _check_did(text: str) -> None:
    match = _DID.fullmatch(text)
    if match is None or len(text) > _LONGEST or text.endswith(":"):
        raise DidError("not a DID")
    if match[1] in {"web", "webvh"}:
        check_place(match[1], match[2])


class Did(str):
    """A DID that parsed."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Refuse what `parse` refuses: there are no unparsed ones."""
        _check_did(text)
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a DID, without path, query or fragment.

        Raises:
            DidError: not a DID, or a `did:web` or `did:webvh` that names no place on
                the web.
        """
        return cls(text)

    @property
    def method(self) -> str:
        """The method name, such as `webvh`."""
        return self.split(":", 2)[1]

    @property
    def scid(self) -> str | None:
        """The self-certifying part of a `did:webvh`, which survives every move."""
        return self.split(":")[2] if self.method == "webvh" else None

    @property
    def domain(self) -> str | None:
        """The host of a `did:web` or `did:webvh`, with `:port` where there is one."""
        match self.split(":"):
            case ["did", "web", domain, *_] | ["did", "webvh", _, domain, *_]:
                return domain.replace("%3A", ":")
        return None

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _text_schema(cls)


class DidUrl(str):
    """A DID with a fragment: the name of a key, or of a service."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Refuse what `parse` refuses: there are no unparsed ones."""
        did, hash_, fragment = text.partition("#")
        if not hash_ or not _FRAGMENT.fullmatch(fragment):
            raise DidError("not a DID URL with a fragment and nothing else")
        Did(did)
        return super().__new__(cls, text)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a DID URL that has a fragment, and neither path nor query.

        Raises:
            DidError: anything else.
        """
        return cls(text)

    @classmethod
    def of(cls, did: str, fragment: str) -> Self:
        """Join a DID and a fragment, which begins with `#`.

        Raises:
            DidError: they do not make a DID URL.
        """
        return cls(did + fragment)

    @property
    def did(self) -> Did:
        """The DID before the fragment."""
        return Did(self.partition("#")[0])

    @property
    def fragment(self) -> str:
        """The fragment, without `#`."""
        return self.partition("#")[2]

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _text_schema(cls)


@dataclass(frozen=True, slots=True)
class VerificationMethod:
    """A key in a DID document; None where it is of a kind this node cannot use."""

    id: DidUrl
    key: PublicKey | None
    revoked: bool
    """It carries `revoked`: an older version of the document may still say it holds."""


class Service(NamedTuple):
    """Where a node takes messages, and where its profile lies."""

    endpoint: str
    profile: str


@dataclass(frozen=True, slots=True)
class DidDocument:
    """What the controller of a DID says about its keys and services."""

    id: Did
    methods: Mapping[DidUrl, VerificationMethod]
    relationships: Mapping[str, frozenset[DidUrl]]
    services: tuple[Mapping[str, Any], ...]
    _document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def parse(cls, document: Any) -> Self:
        """Read a DID document that was parsed from JSON.

        A method that belongs to another controller, or whose key is of an unknown
        kind, is kept but never yields a key.

        Raises:
            DidError: no document of one DID, an id twice, or too many keys.
        """
        if not isinstance(document, dict):
            raise DidError("a DID document is an object")
        did = Did(_string(document, "id"))
        stated = list(_objects(document, "verificationMethod"))
        relationships: dict[str, frozenset[DidUrl]] = {}
        for name in ("authentication", "assertionMethod", "keyAgreement"):
            named = set()
            for item in _list(document, name):
                if isinstance(item, dict):
                    stated.append(item)
                    named.add(_absolute(did, _string(item, "id")))
                elif isinstance(item, str):
                    named.add(_absolute(did, item))
                else:
                    raise DidError(f"{name} names methods or holds them")
            relationships[name] = frozenset(named)
        if len(stated) > MAXIMUM_KEYS:
            raise DidError(f"a DID document with more than {MAXIMUM_KEYS} keys")
        methods: dict[DidUrl, VerificationMethod] = {}
        for item in stated:
            method = _method(did, item)
            if methods.setdefault(method.id, method) is not method:
                raise DidError("a DID document with a method id twice")
        services = tuple(_objects(document, "service"))
        names = [str(one["id"]).removeprefix(did) for one in services if "id" in one]
        if len(set(names)) != len(names):
            # DID Core, "Services": a consumer produces an error.
            raise DidError("a DID document with a service id twice")
        return cls(did, methods, relationships, services, document)

    def key_for(self, url: str, relationship: Relationship) -> VerificationKey | None:
        """Return the key named `url`, if the controller allows it that use."""
        if url not in self.relationships[relationship]:
            return None
        method = self.methods.get(DidUrl(url))
        if method is None or method.revoked:
            return None
        return method.key if isinstance(method.key, VerificationKey) else None

    def encryption_keys(self) -> dict[DidUrl, EncryptionKey]:
        """Return the keys one may encrypt to, in the order of the document."""
        return {
            url: method.key
            for url, method in self.methods.items()
            if url in self.relationships["keyAgreement"]
            and isinstance(method.key, EncryptionKey)
            and not method.revoked
        }

    def lrx_service(self) -> Service | None:
        """Return where this DID takes LRX 1.0 messages, if it does."""
        for service in self.services:
            endpoint = service.get("serviceEndpoint")
            if service.get("type") != SERVICE_TYPE or not isinstance(endpoint, dict):
                continue
            uri, profile = endpoint.get("uri"), endpoint.get("profile")
            accept = endpoint.get("accept")
            if (
                isinstance(accept, list)
                and PROTOCOL_NAME in accept
                and isinstance(uri, str)
                and isinstance(profile, str)
                and uri.startswith("https://")
                and profile.startswith("https://")
            ):
                return Service(uri, profile)
        return None

    def also_known_as(self) -> tuple[str, ...]:
        """Return the other names the controller claims, which proves nothing yet."""
        names = _list(self._document, "alsoKnownAs")
        return tuple(name for name in names if isinstance(name, str))

    def as_dict(self) -> dict[str, Any]:
        """Return a copy of the document as it was received."""
        return dict(copy.deepcopy(self._document))


@dataclass(frozen=True, slots=True)
class DidVersion:
    """A DID document and the moment from which it counts."""

    number: int
    version_id: str
    at: datetime
    document: DidDocument


@dataclass(frozen=True, slots=True)
class DidHistory:
    """All versions of one DID's document, the oldest first.

    `did` is the present one. After a move the documents before it carry the former
    DID, whose domain proves nothing: a log may begin under a domain that never
    published it.
    """

    did: Did
    scid: str | None
    versions: tuple[DidVersion, ...]
    deactivated: bool = False
    """The last version ended the DID; its own document counts for nothing."""
    update_keys: tuple[str, ...] = ()
    """Multikeys that may sign the log now, or did so last."""

    @classmethod
    def of_document(cls, document: DidDocument, at: datetime) -> Self:
        """Make the history of a DID whose method keeps none: what was seen at `at`."""
        version = DidVersion(1, "1", at, document)
        return cls(document.id, document.id.scid, (version,))

    @property
    def dids(self) -> frozenset[Did]:
        """The present DID and the former ones."""
        return frozenset(version.document.id for version in self.versions)

    def current(self) -> DidDocument:
        """Return the document that counts now.

        Raises:
            DidError: the DID is deactivated.
        """
        if self.deactivated:
            raise DidError(f"{self.did} is deactivated")
        return self.versions[-1].document

    def at(self, moment: datetime) -> DidDocument | None:
        """Return the document that counted at `moment`; None before and after all."""
        found = self.between(moment, moment)
        return found[-1] if found else None

    def between(self, since: datetime, until: datetime) -> list[DidDocument]:
        """Return the documents that counted at some moment from `since` to `until`."""
        ends = [version.at for version in self.versions[1:]]
        live = self.versions[: len(ends)] if self.deactivated else self.versions
        return [
            version.document
            for number, version in enumerate(live)
            if version.at <= until and (number == len(ends) or since < ends[number])
        ]


class Fragments(NamedTuple):
    """The names of a node's keys within its document; a new key takes a new name."""

    message: str = "#sig-1"
    credentials: tuple[str, ...] = ("#cred-1", "#cred-2")
    encryption: str = "#enc-1"


def node_document(
    did: str,
    *,
    message_key: VerificationKey,
    credential_keys: Sequence[VerificationKey],
    encryption_key: EncryptionKey,
    endpoint: str,
    profile: str,
    fragments: Fragments = Fragments(),  # noqa: B008 - immutable
    also_known_as: Iterable[str] = (),
) -> dict[str, Any]:
    """Write the DID document of a node; `did` may be a template for a DID log."""

    def method(fragment: str, key: PublicKey) -> dict[str, str]:
        return {
            "id": did + fragment,
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": key.multikey(),
        }

    named = list(zip(fragments.credentials, credential_keys, strict=False))
    names = list(also_known_as)
    return {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
        ],
        "id": did,
        **({"alsoKnownAs": names} if names else {}),
        "verificationMethod": [
            method(fragments.message, message_key),
            *(method(fragment, key) for fragment, key in named),
            method(fragments.encryption, encryption_key),
        ],
        "authentication": [did + fragments.message],
        "assertionMethod": [did + fragment for fragment, _ in named],
        "keyAgreement": [did + fragments.encryption],
        "service": [
            {
                "id": did + "#lrx",
                "type": SERVICE_TYPE,
                "serviceEndpoint": {
                    "uri": endpoint,
                    "profile": profile,
                    "accept": [PROTOCOL_NAME],
                },
            }
        ],
    }


def resolve_offline(did: Did) -> DidDocument | None:
    """Expand a DID that holds its document; None for methods that need the web.

    Raises:
        DidError: the DID holds no document, or no key of a kind this node can use.
    """
    if did.method not in OFFLINE:
        return None
    try:
        if did.method == "peer":
            return DidDocument.parse(peer_dids.document(did))
        fragment, members = expand(did.method, did.split(":", 2)[2])
    except MalformedValueError as error:
        raise DidError(f"no usable key in a did:{did.method}: {error}") from error
    method = {"id": did + fragment, "controller": str(did)} | members
    uses = [
        *("authentication", "assertionMethod"),
        *("capabilityInvocation", "capabilityDelegation"),
    ]
    if isinstance(key_of(method), EncryptionKey):
        uses = ["keyAgreement"]
    return DidDocument.parse(
        {
            "@context": [
                "https://www.w3.org/ns/did/v1",
                _KEY_CONTEXTS[members["type"]],
            ],
            "id": str(did),
            "verificationMethod": [method],
        }
        | {use: [method["id"]] for use in uses}
    )


def document_url(did: Did) -> str:
    """Return where the document of a `did:web`, or the log of a `did:webvh`, lies.

    Raises:
        DidError: another method.
    """
    match did.split(":"):
        case ["did", "web", domain, *path]:
            name = "did.json"
        case ["did", "webvh", _, domain, *path]:
            name = "did.jsonl"
        case _:
            raise DidError(f"a did:{did.method} does not lie on the web")
    folder = "/".join(path) or ".well-known"
    return f"https://{domain.replace('%3A', ':')}/{folder}/{name}"


def _text_schema(cls: type[Did] | type[DidUrl]) -> CoreSchema:
    def parse(text: str) -> Did | DidUrl:
        try:
            return cls(text)
        except DidError as error:
            raise ValueError(str(error)) from error

    return core_schema.no_info_after_validator_function(parse, core_schema.str_schema())


def _string(holder: Mapping[str, Any], name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise DidError(f"a DID document whose {name} is not a string")
    return value


def _list(holder: Mapping[str, Any], name: str) -> list[Any]:
    value = holder.get(name, [])
    if not isinstance(value, list):
        raise DidError(f"a DID document whose {name} is not an array")
    return value


def _objects(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = _list(holder, name)
    if not all(isinstance(item, dict) for item in value):
        raise DidError(f"a DID document whose {name} holds something else")
    return value


def _absolute(did: Did, url: str) -> DidUrl:
    return DidUrl(did + url if url.startswith("#") else url)


def _method(did: Did, stated: Mapping[str, Any]) -> VerificationMethod:
    url = _absolute(did, _string(stated, "id"))
    # A document speaks for its own keys only: a key lent by another controller would
    # let the borrower say what the owner did not.
    own = url.did == did and stated.get("controller") == did
    return VerificationMethod(url, key_of(stated) if own else None, "revoked" in stated)
