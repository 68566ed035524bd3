"""How a document is secured: by its media type, else by how it looks."""

from typing import Literal

from protocol.errors import MalformedValueError, SecuringError
from protocol.securing import cose

Mechanism = Literal["data-integrity", "jose", "sd-jwt", "cose"]

_MECHANISMS: dict[str, Mechanism] = {
    "application/vc": "data-integrity",
    "application/vc+ld+json": "data-integrity",
    "application/ld+json": "data-integrity",
    "application/json": "data-integrity",
    "application/vc+jwt": "jose",
    "application/jwt": "jose",
    "application/dc+sd-jwt": "sd-jwt",
    "application/vc+sd-jwt": "sd-jwt",
    "application/vc+cose": "cose",
    "application/vp": "data-integrity",
    "application/vp+ld+json": "data-integrity",
    "application/vp+jwt": "jose",
    "application/vp+sd-jwt": "sd-jwt",
    "application/vp+cose": "cose",
}
_MEDIA_TYPES: dict[Mechanism, str] = {
    "data-integrity": "application/vc",
    "jose": "application/vc+jwt",
    "sd-jwt": "application/dc+sd-jwt",
    "cose": "application/vc+cose",
}
_COMPACT_JWS_DOTS = 2
_COSE = ("0oR", "hE", "hF")
"""How a COSE_Sign1, with its tag and without, begins in base64."""


def mechanism_of(text: str, media_type: str | None) -> Mechanism:
    """Tell how a document is secured.

    Raises:
        SecuringError: it does not look like its media type, or like none of ours.
    """
    seen = _look(text)
    if media_type is None:
        return seen
    essence = media_type.partition(";")[0].strip().lower()
    stated = _MECHANISMS.get(essence)
    if stated is None:
        raise SecuringError(f"{essence} is none of {', '.join(sorted(_MECHANISMS))}")
    if stated != seen:
        raise SecuringError(f"a document that is not the {essence} it is said to be")
    return stated


def media_type_of(mechanism: Mechanism) -> str:
    """Return the media type of documents secured like that."""
    return _MEDIA_TYPES[mechanism]


def as_text(octets: bytes) -> str:
    """Return a document as text, without the blanks a file may end with.

    A COSE_Sign1, which is no text, is returned in base64.

    Raises:
        MalformedValueError: not UTF-8.
    """
    if cose.is_sign1(octets):
        return cose.as_base64(octets)
    try:
        return octets.decode().strip(" \t\r\n")
    except UnicodeDecodeError as error:
        raise MalformedValueError("a document that is not UTF-8") from error


def _look(text: str) -> Mechanism:
    if text.startswith("{"):
        return "data-integrity"
    if "~" in text:
        return "sd-jwt"
    if text.count(".") == _COMPACT_JWS_DOTS:
        return "jose"
    if text.startswith(_COSE):
        return "cose"
    raise SecuringError("neither JSON nor JWT nor SD-JWT nor COSE_Sign1")
