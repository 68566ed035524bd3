"""Credentials and presentations that travel as a JSON object around a secured text.

An enveloped credential states nothing itself: its `id` is a `data:` URL that holds the
secured document, whose media type decides how it is read.

Follows Verifiable Credentials Data Model v2.0, sections "Enveloped Verifiable
Credentials" and "Enveloped Verifiable Presentations", and RFC 2397.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from protocol.credentials.vcdm import CREDENTIALS_CONTEXT
from protocol.errors import SecuringError

Kind = Literal["EnvelopedVerifiableCredential", "EnvelopedVerifiablePresentation"]

_PLAIN = "text/plain"
"""The media type of a `data:` URL that names none (RFC 2397)."""


class Enveloped(NamedTuple):
    """What was inside."""

    octets: bytes
    media_type: str


def is_enveloped(value: Any, kind: Kind) -> bool:
    """Tell whether `value` says that it is an envelope of that kind."""
    if not isinstance(value, Mapping):
        return False
    stated = value.get("type")
    return kind in (stated if isinstance(stated, list) else [stated])


def open_envelope(value: Mapping[str, Any], kind: Kind) -> Enveloped:
    """Return what lies in an envelope.

    Raises:
        SecuringError: another type, no context that gives the terms their meaning, or
            an `id` that is no `data:` URL.
    """
    if not is_enveloped(value, kind):
        raise SecuringError(f"an envelope whose type is not {kind}")
    contexts = value.get("@context")
    if CREDENTIALS_CONTEXT not in (
        contexts if isinstance(contexts, list) else [contexts]
    ):
        raise SecuringError(f"an envelope without the context {CREDENTIALS_CONTEXT}")
    return _data(value.get("id"))


def envelope(text: str, media_type: str, kind: Kind) -> dict[str, str]:
    """Put a secured text, of unreserved characters only, into an envelope."""
    return {
        "@context": CREDENTIALS_CONTEXT,
        "id": f"data:{media_type},{text}",
        "type": kind,
    }


def _data(url: Any) -> Enveloped:
    if not isinstance(url, str) or not url.startswith("data:"):
        raise SecuringError("an envelope whose id is not a data: URL")
    head, comma, body = url.removeprefix("data:").partition(",")
    if not comma:
        raise SecuringError("a data: URL without a comma")
    media_type, *parameters = head.split(";")
    octets = unquote_to_bytes(body)
    if parameters[-1:] == ["base64"]:
        try:
            # Padding is often left out, and blanks of the text around it are not.
            octets = octets.translate(None, b"\t\n\f\r ")
            octets = base64.b64decode(octets + b"=" * (-len(octets) % 4), validate=True)
        except binascii.Error as error:
            raise SecuringError("a data: URL that is not base64") from error
    return Enveloped(octets, media_type.strip().lower() or _PLAIN)
