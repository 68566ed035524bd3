"""Does what a credential refers to still have the digest it states?

Implements Verifiable Credentials Data Model v2.0, section "Integrity of Related
Resources". A digest that cannot be compared, because the resource is not at hand, is
unknown and never good.
"""

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Any

from protocol.credentials.form import listed
from protocol.credentials.vcdm import CREDENTIALS_CONTEXT
from protocol.errors import MalformedValueError
from protocol.identity.multibase import from_multibase

_MULTIHASHES = {b"\x12\x20": "sha256", b"\x20\x30": "sha384", b"\x13\x40": "sha512"}
_BY_LENGTH = {32: "sha256", 48: "sha384", 64: "sha512"}
"""For digests that lack the prefix of a multihash, as some write them."""
_FORMER: Mapping[str, Mapping[str, bytes]] = {
    CREDENTIALS_CONTEXT: {
        "sha256": bytes.fromhex(
            "24a18c90e9856d526111f29376e302d970b2bd10182e33959995b0207d7043b9"
        ),
        "sha384": b64decode(
            "NSOcNpmdIVUxIJGvGUoe22FjTWrXiaXlsZ8q6912LdnR3KraQO2n75Ica4wK4Qeg"
        ),
    }
}
"""Digests of what was published under a URL before: the context until February 2025
(https://github.com/w3c/vc-data-model, `contexts/credentials/v2`, commit 8d0ee107)."""


def judge(
    claims: Mapping[str, Any], resources: Mapping[str, Collection[bytes]]
) -> dict[str, bool]:
    """Say what is wrong with the related resources of a credential.

    Returns what is to be said, each with whether it is known to be wrong: False where
    the resource was not at hand. The form was checked before.
    """
    found: dict[str, bool] = {}
    for one in listed(claims.get("relatedResource")):
        url = one["id"]
        versions: list[Mapping[str, bytes]]
        versions = [_digests(octets) for octets in resources.get(url, ())]
        if versions and url in _FORMER:
            versions.append(_FORMER[url])
        if not versions:
            said = f"the related resource {url} is not at hand to compare its digest"
            found[said] = False
        elif not any(_fits(one, digests) for digests in versions):
            found[f"the related resource {url} has another digest"] = True
    return found


def _digests(octets: bytes) -> dict[str, bytes]:
    return {n: hashlib.new(n, octets).digest() for n in _BY_LENGTH.values()}


def _fits(stated: Mapping[str, Any], digests: Mapping[str, bytes]) -> bool:
    sri, multibase = stated.get("digestSRI"), stated.get("digestMultibase")
    if isinstance(sri, str) and not any(_sri(one, digests) for one in sri.split()):
        return False
    return multibase is None or _multibase(multibase, digests)


def _sri(text: str, digests: Mapping[str, bytes]) -> bool:
    """Compare with one hash of Subresource Integrity, in either alphabet of base64."""
    name, _, value = text.partition("-")
    value = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return digests.get(name) == b64decode(value + "=" * (-len(value) % 4))
    except binascii.Error:
        return False


def _multibase(text: Any, digests: Mapping[str, bytes]) -> bool:
    try:
        stated = from_multibase(text) if isinstance(text, str) else b""
    except MalformedValueError:
        return False
    name = _MULTIHASHES.get(stated[:2])
    if name and digests.get(name) == stated[2:]:
        return True
    return digests.get(_BY_LENGTH.get(len(stated), "")) == stated
