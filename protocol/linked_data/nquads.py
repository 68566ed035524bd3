"""Terms as N-Quads writes them, in the one way that is hashed.

Follows RDF Dataset Canonicalization, section "Canonical form of N-Quads".
"""

import re

_ESCAPED = re.compile(r'[\x00-\x1f"\\\x7f]')
_SHORT = {
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
    '"': '\\"',
    "\\": "\\\\",
}
_IRI = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|\\^`]*')
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


def literal(text: str) -> str:
    """Return a text in quotation marks, with no datatype or language yet."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{_ESCAPED.sub(_escape, text)}"'


def is_iri(text: str) -> bool:
    """Tell whether a text is an absolute IRI that N-Quads can write."""
    return _IRI.fullmatch(text) is not None


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _SHORT.get(character) or f"\\u{ord(character):04X}"


def is_language(text: str) -> bool:
    """Tell whether a text has the form of a language tag (BCP 47)."""
    return _LANGUAGE.fullmatch(text) is not None


def double(value: float) -> str:
    """Return a number in the canonical form of `xsd:double`."""
    mantissa, exponent = f"{value:.15E}".split("E")
    whole, _, fraction = mantissa.partition(".")
    return f"{whole}.{fraction.rstrip('0') or '0'}E{int(exponent)}"
