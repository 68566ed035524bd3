"""Reads N-Quads as the canonicalisation suite writes them, into canonical terms."""

import re

from protocol.linked_data.canonical import Quad
from protocol.linked_data.nquads import literal

TERM = re.compile(
    r'\s*(<[^>]*>|_:[^\s]+|"(?:[^"\\]|\\.)*"(?:\^\^<[^>]*>|@[A-Za-z0-9-]+)?)'
)
ESCAPES = dict(zip("tbnrf\"'\\", "\t\b\n\r\f\"'\\", strict=True))
ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")
XSD_STRING = "^^<http://www.w3.org/2001/XMLSchema#string>"


def read_quads(text):
    quads = []
    for line in text.split("\n"):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        terms, place = [], 0
        while match := TERM.match(line, place):
            terms.append(term(match[1]))
            place = match.end()
        assert line[place:].lstrip().startswith("."), line
        quads.append(Quad(*terms))
    return quads


def term(text):
    if text[0] == "_":
        return text
    if text[0] == "<":
        return unescaped(text)
    end = text.rindex('"') if text[-1] == '"' else re.search(r'"(@[^"]*|\^\^.*)$', text)
    end = end if isinstance(end, int) else end.start()
    rest = unescaped(text[end + 1 :])
    return literal(unescaped(text[1:end])) + ("" if rest == XSD_STRING else rest)


def unescaped(text):
    return ESCAPE.sub(
        lambda m: chr(int(m[1][1:], 16)) if m[1][0] in "uU" else ESCAPES[m[1]], text
    )
