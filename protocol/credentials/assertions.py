"""Assertions of Open Badges 2.0: read from JSON or a JWS, or known by their URL only.

What one is worth is found out in `former_badges`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from protocol.credentials.form import listed
from protocol.errors import MalformedValueError
from protocol.identity.multibase import from_base64url
from protocol.linked_data.jcs import parse_strict

CONTEXT: Final = "https://w3id.org/openbadges/v2"
MEDIA_TYPE: Final = "application/ld+json; profile=openbadges-2.0"

_URL = re.compile(r"https://[^\s\x00-\x1f]{4,2000}", re.ASCII)
_PARTS = 3


def read(text: str) -> dict[str, Any] | None:
    """Return the assertion a text is, signs or points at; None if it does neither.

    An older picture may carry nothing but the URL of a hosted assertion.
    """
    if _URL.fullmatch(text):
        return {"id": text, "type": "Assertion"}
    octets = text.encode()
    if not text.startswith("{"):
        parts = text.split(".")
        if len(parts) != _PARTS:
            return None
        try:
            octets = from_base64url(parts[1])
        except MalformedValueError:
            return None
    try:
        stated = parse_strict(octets)
    except MalformedValueError:
        return None
    return stated if isinstance(stated, dict) and is_assertion(stated) else None


def is_assertion(document: Mapping[str, Any]) -> bool:
    """Tell whether a JSON document is an assertion of Open Badges 2.0."""
    return CONTEXT in listed(document.get("@context")) and "Assertion" in listed(
        document.get("type")
    )
