"""Reads the JSON-LD contexts from the packages that carry them; nothing is fetched.

`openbadgeslib` and `pyld` are installed for these files (and `pyld` as the general
processor): their code that would fetch is never called. That a file is the right one is
for `protocol.linked_data.contexts` to say.
"""

import functools
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

from protocol.linked_data.contexts import Contexts
from protocol.linked_data.jcs import parse_strict
from protocol.linked_data.terms import Vocabulary

_ADDED: dict[str, bytes] = {}
"""Contexts of a throw-away node, by URL."""
_OPEN_BADGES = "openbadgeslib", "openbadgeslib/ob3/contexts/"
_PYLD = "pyld", "pyld/documentloader/frozen/bundled/"
_FILES = {
    _OPEN_BADGES: {
        "https://www.w3.org/ns/credentials/v2": "credentials-v2.json",
        "https://w3id.org/security/data-integrity/v2": (
            "security-data-integrity-v2.json"
        ),
        "https://w3id.org/security/multikey/v1": "security-multikey-v1.json",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json": (
            "ob-v3p0-context-3.0.1.json"
        ),
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.2.json": (
            "ob-v3p0-context-3.0.2.json"
        ),
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json": (
            "ob-v3p0-context-3.0.3.json"
        ),
        "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json": (
            "ob-v3p0-extensions.json"
        ),
        "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json": (
            "clr_context_2.0.1.json"
        ),
    },
    _PYLD: {
        "https://www.w3.org/2018/credentials/v1": "credentials-v1.jsonld",
        "https://www.w3.org/ns/did/v1": "did-v1.jsonld",
        "https://w3id.org/security/suites/ed25519-2020/v1": (
            "security-ed25519-2020-v1.jsonld"
        ),
        "https://w3id.org/security/suites/jws-2020/v1": "security-jws-2020-v1.jsonld",
        "https://w3id.org/security/v1": "security-v1.jsonld",
        "https://w3id.org/security/v2": "security-v2.jsonld",
    },
}


@functools.cache
def resources() -> Mapping[str, tuple[bytes]]:
    """Return the octets of each context, for credentials that state their digests.

    Raises:
        OSError, PackageNotFoundError: a package does not carry one any more.
    """
    return {url: (octets,) for url, octets in _texts().items()}


_HASTY_STEPS = 1_000


@functools.cache
def vocabulary() -> Vocabulary:
    """Return what is known of linked data: read once, the same for the whole process.

    Raises:
        LinkedDataError: a package carries another text than the pinned one.
        OSError, PackageNotFoundError: it does not carry it any more.
    """
    added = {url: parse_strict(octets) for url, octets in _ADDED.items()}
    return Vocabulary(Contexts({**added, **Contexts.of(_texts()).documents}))


def add(url: str, octets: bytes) -> None:
    """Accept one more context for the run of a throw-away node; nothing pins it.

    One that is pinned stays what it is.

    Raises:
        MalformedValueError: it is not JSON with one meaning.
    """
    parse_strict(octets)
    _ADDED[url] = octets
    vocabulary.cache_clear()
    hasty.cache_clear()


@functools.cache
def hasty() -> Vocabulary:
    """Return the same for work on the event loop: a few milliseconds, then it gives up.

    Raises:
        LinkedDataError, OSError, PackageNotFoundError: as `vocabulary`.
    """
    return Vocabulary(vocabulary().contexts, budget=_HASTY_STEPS, general=False)


def _texts() -> dict[str, bytes]:
    texts = {}
    for (package, folder), names in _FILES.items():
        installed = distribution(package)
        for url, name in names.items():
            # By its path: to import a package for one file would run all of it.
            texts[url] = Path(str(installed.locate_file(folder + name))).read_bytes()
    return texts
