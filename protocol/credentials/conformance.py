"""Does a credential have the form its type demands?

Checks what VC Data Model 2.0 and Open Badges 3.0 require (and, for documents that say
they are of that version, VC Data Model 1.1), and that a record of ours has no unit the
record model does not know. A type, a `vct` or a JSON-LD context that this node does not
know is unknown, never good: what it means cannot be told. Contexts are compared, not
processed; none is ever fetched.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from protocol.credentials import open_badges, related_resources
from protocol.credentials.findings import Finding, Result
from protocol.credentials.form import credential_faults, listed
from protocol.credentials.model import SecuredDocument
from protocol.credentials.record_model import NAMESPACE, unknown_units
from protocol.credentials.status_lists import CREDENTIAL_TYPE
from protocol.credentials.vcdm import CREDENTIALS_CONTEXT
from protocol.credentials.vcdm11 import FORMER_CONTEXT, VOCABULARY

ACCREDITATION_TYPES = frozenset(
    {
        "TrustAnchorDelegation",
        "InstitutionAccreditationCredential",
        "ProgrammeAccreditationCredential",
        "RecognitionAuthorityCredential",
        "CustodianshipCredential",
    }
)
"""Statements about organisations (LRX 1.0, section "Who may say what")."""
TRUST_CONTEXT = NAMESPACE + "ns/trust/1"

_NOTHING: Mapping[str, Collection[bytes]] = MappingProxyType({})
_OURS = re.compile(re.escape(NAMESPACE) + r"ns/[a-z-]+/1")
_CONTEXTS = frozenset(
    {
        CREDENTIALS_CONTEXT,
        FORMER_CONTEXT,
        "https://w3id.org/security/data-integrity/v1",
        "https://w3id.org/security/data-integrity/v2",
        "https://w3id.org/security/suites/ed25519-2020/v1",
        "https://w3id.org/security/suites/jws-2020/v1",
        "https://w3id.org/security/multikey/v1",
        "https://w3id.org/vc/status-list/2021/v1",
    }
)


def schema(
    document: SecuredDocument, resources: Mapping[str, Collection[bytes]] = _NOTHING
) -> Finding:
    """Find out whether a document has the form its type demands.

    `resources` are the octets of what it may refer to with a digest, by URL; of one
    that is published anew there may be several.
    """
    faults = list(_sd_jwt(document) if document.is_sd_jwt else _vc(document.claims))
    if (
        not faults
        and document.kind
        and (document.is_sd_jwt or document.kind != "micro-credential")
    ):
        faults += _units(document, document.kind)
    related = {}
    if not faults and not document.is_sd_jwt:
        related = related_resources.judge(document.claims, resources)
        faults += [said for said, known in related.items() if known]
    evidence: dict[str, Any] = {"types": list(document.types)}
    if faults:
        return Finding("schema", Result.INVALID, "; ".join(faults), evidence)
    unknown = next(iter(related), None) or _unknown(document)
    if unknown:
        evidence["unknown"] = "related resource" if related else "kind"
        return Finding("schema", Result.UNKNOWN, unknown, evidence)
    name = "SD-JWT VC" if document.is_sd_jwt else "VC Data Model"
    reason = f"it has what {name} and its type require"
    return Finding("schema", Result.VALID, reason, evidence)


def _unknown(document: SecuredDocument) -> str | None:
    """Say what of a document this node has no rules for."""
    if document.is_sd_jwt:
        if document.kind:
            return None
        return f"the vct {document.types[0]} is not one this node knows"
    contexts = listed(document.claims["@context"])
    foreign = [
        one
        for one in contexts
        if one != VOCABULARY and not (isinstance(one, str) and _is_known(one))
    ]
    if foreign:
        named = foreign[0] if isinstance(foreign[0], str) else "that stands inline"
        return f"the context {named} is not one this node knows"
    special = [one for one in document.types if one != "VerifiableCredential"]
    known = open_badges.TYPES | ACCREDITATION_TYPES | {CREDENTIAL_TYPE}
    if special and not document.kind and known.isdisjoint(special):
        return f"the type {special[0]} is not one this node knows"
    return None


def _is_known(context: str) -> bool:
    return (
        context in _CONTEXTS
        or open_badges.is_context(context)
        or bool(_OURS.fullmatch(context))
    )


def _sd_jwt(document: SecuredDocument) -> Iterator[str]:
    for name in ("iss", "vct"):
        if not isinstance(document.claims.get(name), str):
            yield f"an SD-JWT VC without {name}"


def _units(document: SecuredDocument, kind: str) -> Iterator[str]:
    record = {n: v for n, v in document.record.items() if n not in ("id", "type")}
    for path in unknown_units(kind, _shape(record)):
        names = [str(one) for one in path if not isinstance(one, int)]
        yield f"a {kind} has no {' '.join(names)}"


def _shape(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with one element for each list, which has what any has."""
    shape: dict[str, Any] = dict(record)
    for name, value in record.items():
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            shape[name] = [{member: None for one in value for member in one}]
    return shape


def _vc(claims: Mapping[str, Any]) -> Iterator[str]:
    yield from credential_faults(claims)
    yield from open_badges.faults(claims)
