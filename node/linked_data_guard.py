"""Which documents DIDKit may be given, and why another one may not.

Two things are refused before the call. First, whatever DIDKit would fetch: it resolves
every DID but `did:key` and `did:jwk` over the network. Second, whatever a linked-data
proof might not cover. Such a proof signs a graph made from the document, and DIDKit
leaves out of that graph, without a word, what does not fit into it: a type no context
defines, an object whose id is relative, a term with a blank in it, all that an inline
context maps to nothing. The same graph can also be written in other words: an
`expirationDate` given by its full IRI is signed alike, but read by nobody. So a
document passes only if every member of it is in the graph and has one place in it.

What cannot be told apart at all is the order of an array, and repetition in it. Status
entries are not followed by DIDKit while it is asked for the proof alone.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocol.credentials.proofs import LINKED_DATA_SUITES
from protocol.credentials.vcdm11 import (
    FORMER_CONTEXT,
    FORMER_OPEN_BADGES_CONTEXT,
    PROOF_CONTEXT,
    VOCABULARY,
)
from protocol.errors import DidError, ProtocolError, SecuringError
from protocol.identity.dids import Did, DidUrl
from protocol.linked_data.jcs import parse_strict
from protocol.securing import legacy

LARGEST: Final = 1024 * 1024
"""Octets of a document."""
METHODS = frozenset({"key", "jwk"})
"""DID methods that DIDKit resolves without asking anybody."""
_JWS_CONTEXT = "https://w3id.org/security/suites/jws-2020/v1"
CONTEXTS: Mapping[str, frozenset[str]] = {
    FORMER_CONTEXT: frozenset(
        {
            "VerifiableCredential",
            "JsonSchemaValidator2018",
            "ManualRefreshService2018",
            "Ed25519Signature2018",
        }
    ),
    PROOF_CONTEXT: frozenset({"Ed25519Signature2020"}),
    _JWS_CONTEXT: frozenset({"JsonWebSignature2020"}),
    "https://w3id.org/vc-revocation-list-2020/v1": frozenset(
        {"RevocationList2020Status", "RevocationList2020Credential"}
    ),
    "https://w3id.org/vc/status-list/2021/v1": frozenset(
        {"StatusList2021Entry", "StatusList2021Credential", "StatusList2021"}
    ),
    FORMER_OPEN_BADGES_CONTEXT: frozenset(
        {
            "Achievement",
            "AchievementCredential",
            "AchievementSubject",
            "Address",
            "Alignment",
            "Criteria",
            "Evidence",
            "IdentifierEntry",
            "Image",
            "OpenBadgeCredential",
            "Profile",
            "Result",
            "ResultDescription",
        }
    ),
}
"""Contexts that DIDKit holds and that were read for this, and the types each defines.

It holds others; none of a kind of credential this node knows."""

_REFERENCES = frozenset(
    {
        "alignment",
        "controller",
        "credentialSchema",
        "credentialStatus",
        "credentialSubject",
        "criteria",
        "endorsement",
        "evidence",
        "holder",
        "image",
        "issuer",
        "refreshService",
        "revocationListCredential",
        "statusListCredential",
        "termsOfUse",
        "verificationMethod",
    }
)
"""Terms of these contexts whose text is the name of something, not a text."""
_PROOF_MEMBERS = frozenset(
    {
        "@context",
        "type",
        "created",
        "verificationMethod",
        "proofPurpose",
        "proofValue",
        "jws",
        "challenge",
        "domain",
        "nonce",
    }
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
_CHARACTER = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_TAIL = rf"(?:\?(?:{_CHARACTER}|[/?])*)?(?:#(?:{_CHARACTER}|[/?])*)?"
_IRI = re.compile(
    rf"(?:did:[a-z0-9]+:{_CHARACTER}+|urn:[A-Za-z0-9-]+:{_CHARACTER}+"
    rf"|https?://[A-Za-z0-9.-]+(?::\d{{1,5}})?)(?:/{_CHARACTER}*)*{_TAIL}",
    re.ASCII,
)
"""Narrower than RFC 3987: what no reader could take for malformed, or for relative."""


class RefusedError(Exception):
    """A document that is not given to DIDKit; the message says why."""


def check(octets: bytes) -> str:
    """Return a document as a text that DIDKit may be given.

    Raises:
        RefusedError: it would make DIDKit fetch, or be read as saying more than its
            proof covers.
    """
    if len(octets) > LARGEST:
        raise RefusedError(f"a document over {LARGEST} bytes")
    try:
        text = octets.decode().strip()
        if not text.startswith("{"):
            _check_jwt(text)
            return text
        document = parse_strict(text.encode())
    except UnicodeDecodeError as error:
        raise RefusedError("a document that is not UTF-8") from error
    except ProtocolError as error:
        raise RefusedError(str(error)) from error
    proof = document.get("proof")
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    check_unsecured(unsecured)
    _check_proof(proof)
    return text


def check_unsecured(document: Mapping[str, Any]) -> None:
    """Refuse a document before it is secured that would be refused afterwards.

    Raises:
        RefusedError: as `check`.
    """
    contexts = document.get("@context")
    listed = contexts if isinstance(contexts, list) else [contexts]
    if listed[:1] != [FORMER_CONTEXT]:
        raise RefusedError("a document that is not of VC Data Model 1.1")
    types = _types(listed)
    _check_did("the issuer", _id_of(document.get("issuer")))
    inner = {name: value for name, value in document.items() if name != "@context"}
    said: dict[str, Any] = {}
    for value in _objects(inner):
        _check_members(value, types)
        if "id" in value and said.setdefault(value["id"], value) != value:
            # Members may be moved from one to the other: the graph stays the same.
            raise RefusedError("one id in two objects that do not say the same")
    for text in _texts(inner, "id"):
        if said.get(text, {"id": text}) != {"id": text}:
            raise RefusedError("an object whose members may stand in two places")


def _check_jwt(token: str) -> None:
    try:
        jws = legacy.read(token)
    except SecuringError as error:
        raise RefusedError(str(error)) from error
    _check_did("the key", jws.kid.did)
    _check_did("the issuer", _id_of(jws.claims.get("issuer")))


def _check_proof(proof: Any) -> None:
    if not isinstance(proof, dict) or proof.get("type") not in LINKED_DATA_SUITES:
        names = ", ".join(sorted(LINKED_DATA_SUITES))
        raise RefusedError(f"a proof that is none of {names}")
    strange = proof.keys() - _PROOF_MEMBERS
    if strange:
        raise RefusedError("a proof with members that are in no proof of its type")
    if not all(isinstance(v, str) for n, v in proof.items() if n != "@context"):
        raise RefusedError("a proof with a member that is not a text")
    contexts = proof.get("@context", [])
    _types(contexts if isinstance(contexts, list) else [contexts])
    try:
        method = DidUrl(proof.get("verificationMethod", ""))
    except DidError as error:
        raise RefusedError("a verificationMethod that is not a DID URL") from error
    _check_did("the key", method.did)


def _check_did(what: str, did: Any) -> None:
    try:
        method = Did(did).method if isinstance(did, str) else None
    except DidError:
        method = None
    if method is None:
        raise RefusedError(f"{what} is not named by a DID")
    if method not in METHODS:
        raise RefusedError(
            f"{what} is a did:{method}, which DIDKit would have to fetch by itself"
        )


def _types(contexts: list[Any]) -> frozenset[str] | None:
    """Return the types that contexts define; None if they define whatever there is."""
    types: frozenset[str] | None = frozenset()
    for context in contexts:
        if isinstance(context, dict):
            if context != VOCABULARY and not _is_vocabulary(context):
                raise RefusedError("an inline context, which may redefine any term")
            types = None
        elif not isinstance(context, str) or context not in CONTEXTS:
            raise RefusedError(f"the context {str(context)[:80]} is not one it holds")
        elif types is not None:
            types |= CONTEXTS[context]
    return types


def _is_vocabulary(context: Mapping[str, Any]) -> bool:
    """Tell whether a context only puts one name in front of every term."""
    base = context.get("@vocab")
    return (
        context.keys() == {"@vocab"}
        and isinstance(base, str)
        and base.endswith(("#", "/"))
        and _IRI.fullmatch(base) is not None
    )


def _check_members(value: Mapping[str, Any], types: frozenset[str] | None) -> None:
    for name, member in value.items():
        if not _NAME.fullmatch(name):
            raise RefusedError(f"the member {name[:40]}, which may be left unsigned")
        if member == []:
            raise RefusedError(f"{name} is an empty array, which is not signed")
        if name == "id":
            _check_reference(name, member)
        for one in member if isinstance(member, list) else [member]:
            if one is None:
                raise RefusedError(f"{name} is null, which is not signed")
            if name in _REFERENCES and not isinstance(one, dict):
                _check_reference(name, one)
            if name == "type" and not _is_defined(one, types):
                raise RefusedError(f"the type {str(one)[:40]}, which may be unsigned")


def _check_reference(name: str, value: Any) -> None:
    if not isinstance(value, str) or not _IRI.fullmatch(value):
        raise RefusedError(f"{name} is not a URL that would be signed")


def _is_defined(type_: Any, types: frozenset[str] | None) -> bool:
    if not isinstance(type_, str) or not _NAME.fullmatch(type_):
        return False
    return types is None or type_ in types


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Return every object of a document, arrays of arrays included."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _objects(member)
    elif isinstance(value, list):
        for member in value:
            if isinstance(member, list):
                raise RefusedError("an array in an array")
            yield from _objects(member)


def _texts(value: Any, name: str) -> Iterator[str]:
    """Return every text of a document but those of the member `id`."""
    if isinstance(value, dict):
        for inner, member in value.items():
            if inner != name or not isinstance(member, str):
                yield from _texts(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member, name)
    elif isinstance(value, str):
        yield value


def _id_of(value: Any) -> Any:
    return value.get("id") if isinstance(value, Mapping) else value
