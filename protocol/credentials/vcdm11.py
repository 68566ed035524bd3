"""A record as a credential of VC Data Model 1.1, for systems that know only that.

The same statement as in VC Data Model 2.0: the dates have their former names, and the
contexts are ones that linked-data processors of that time carry with them. The records
context is published by nobody, so an inline one stands in its place: every term falls
into our vocabulary, except for those of a status entry, which keep their own meaning.

An inline context may redefine any term. `VOCABULARY` is the one this node writes and
the only one it reads. A linked-data proof does not cover the order of what stands in
an array; the same credential as a JWT (`protocol.securing.legacy`) covers every octet.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from protocol.credentials.record_model import NAMESPACE
from protocol.credentials.vcdm import CREDENTIALS_CONTEXT, RECORDS_CONTEXT

FORMER_CONTEXT = "https://www.w3.org/2018/credentials/v1"
FORMER_OPEN_BADGES_CONTEXT = "https://purl.imsglobal.org/spec/ob/v3p0/context.json"
PROOF_CONTEXT = "https://w3id.org/security/suites/ed25519-2020/v1"

_STATUS = "https://www.w3.org/ns/credentials/status#"
VOCABULARY: Mapping[str, Any] = MappingProxyType(
    {
        "@vocab": NAMESPACE + "ns/records/1#",
        "BitstringStatusListEntry": _STATUS + "BitstringStatusListEntry",
        "statusPurpose": _STATUS + "statusPurpose",
        "statusListIndex": _STATUS + "statusListIndex",
        "statusListCredential": {
            "@id": _STATUS + "statusListCredential",
            "@type": "@id",
        },
    }
)
"""The inline context of what this node issues."""

_RENAMED = {"validFrom": "issuanceDate", "validUntil": "expirationDate"}


def as_former(credential: Mapping[str, Any]) -> dict[str, Any]:
    """Return an unsecured VC of data model 2.0, made by this node, as one of 1.1.

    Raises:
        ValueError: it is secured, or not one that `protocol.credentials.vcdm` made.
    """
    contexts = credential["@context"]
    if contexts[0] != CREDENTIALS_CONTEXT or contexts[-1] != RECORDS_CONTEXT:
        raise ValueError("not a credential of VC Data Model 2.0 made by this node")
    if "proof" in credential:
        raise ValueError("what is secured cannot be said in another way")
    badge = [FORMER_OPEN_BADGES_CONTEXT] if len(contexts) > len(("vc", "ours")) else []
    former: dict[str, Any] = {
        "@context": [FORMER_CONTEXT, *badge, PROOF_CONTEXT, dict(VOCABULARY)]
    }
    for name, value in credential.items():
        if name != "@context":
            former[_RENAMED.get(name, name)] = value
    # In 1.1 a status has to have an id, in 2.0 it may.
    status = credential["credentialStatus"]
    place = f"{status['statusListCredential']}#{status['statusListIndex']}"
    return former | {"credentialStatus": {"id": place, **status}}
