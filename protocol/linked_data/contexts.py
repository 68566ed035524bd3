"""The JSON-LD contexts this node accepts, each pinned by a digest.

A context gives every member of a document its meaning, so whoever could swap one could
change what a signature says. None is ever fetched. The texts are read by the node from
installed packages and handed in; what is not the pinned text is refused, whoever ships
it. The digest is over the canonical JSON (RFC 8785): packages differ in blanks and line
ends, not in what a context says.

Names of the contexts: Verifiable Credentials Data Model v2.0, section "Contexts";
Verifiable Credential Data Integrity 1.0, section "Contexts and Vocabularies"; Open
Badges 3.0 and CLR 2.0 (1EdTech).
"""

import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from protocol.errors import LinkedDataError, UnknownContextError
from protocol.linked_data.jcs import canonical, parse_strict

CREDENTIALS_V1 = "https://www.w3.org/2018/credentials/v1"
CREDENTIALS_V2 = "https://www.w3.org/ns/credentials/v2"
DATA_INTEGRITY_V2 = "https://w3id.org/security/data-integrity/v2"
ED25519_2020_V1 = "https://w3id.org/security/suites/ed25519-2020/v1"
JWS_2020_V1 = "https://w3id.org/security/suites/jws-2020/v1"

_BASE, _PROFILE, _EXTENSION, _CATCH_ALL = range(4)


@dataclass(frozen=True, slots=True)
class Pin:
    """What one context must be, and where it may stand."""

    digest: str
    """SHA-256 over its canonical JSON, in hexadecimal."""
    rank: int | None = None
    """Contexts come in the order of their ranks; one without may stand anywhere."""


PINS: Mapping[str, Pin] = {
    CREDENTIALS_V1: Pin(
        "b01e671e873981f19a9102a9a57f666dbcaeb31b99e3e124378d143e71549247", _BASE
    ),
    CREDENTIALS_V2: Pin(
        "b463c8d6a066214123ddd9827b135e1b50e1fc73322cc52a9b12a4f1fc7d86cf", _BASE
    ),
    DATA_INTEGRITY_V2: Pin(
        "7ba3c50acf2689d5e07927267343eb353249c7c22a9f2d00307cc970e855e305"
    ),
    ED25519_2020_V1: Pin(
        "fb517f09d990829aed734c9bad8cbbb2ac3d5063b865c7e3d81f246074bf5691"
    ),
    JWS_2020_V1: Pin(
        "eed16334842a5635257913b33acd1aeee29009eb188d855f9a1d0ceee4a8ae4d"
    ),
    "https://w3id.org/security/multikey/v1": Pin(
        "be20c3ee6af6e9c4102e66a85c26617831218e32216bdf050f870e389e737cdc"
    ),
    "https://w3id.org/security/v1": Pin(
        "d87de2ce3ce407bcac481f8af31e211e54beb5cbd7dd459826ed0502302ee234"
    ),
    "https://w3id.org/security/v2": Pin(
        "38a9ef19cf3a75bf856202bd1ed4cbd55c985ad4a809eb7f4ef584ba9d51dc90"
    ),
    "https://www.w3.org/ns/did/v1": Pin(
        "a7e146c40fcec005d3f0f14ae745665f446da58d7914a9d8f733746686fad82b", _BASE
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.1.json": Pin(
        "8bb2354552b70cbdf2066f6d3e24bc5c2be2619145737580ad2aebdc366e77d5", _PROFILE
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.2.json": Pin(
        "bdd1d11a55a660322f24660862a1d430ee80cce584465f750909daa43684357c", _PROFILE
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json": Pin(
        "04b1136ddc4eda9a8966bc7ef182789f233a26739473140ef75d6968c29a2966", _PROFILE
    ),
    "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json": Pin(
        "7defe702c102faf14108579b7d65ef39ecf4c3bbef925b803e15bd77cd6e3394", _PROFILE
    ),
    "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json": Pin(
        "15f4c347c6fe4380d9b6b93795859e33747ef48d5c55b91a71c52fb51c7bcbd7", _EXTENSION
    ),
}

CATCH_ALL: Mapping[str, str] = {
    "https://www.w3.org/ns/credentials/examples/v2": (
        "https://www.w3.org/ns/credentials/examples#"
    ),
    "https://www.w3.org/ns/credentials/undefined-terms/v2": (
        "https://www.w3.org/ns/credentials/undefined-term#"
    ),
}
"""Contexts that say nothing but one `@vocab`, by which every other term has a meaning
(Verifiable Credentials Data Model v2.0, section "Contexts")."""


@dataclass(frozen=True, slots=True)
class Contexts:
    """The contexts at hand, by URL; whatever is not among them is unknown."""

    documents: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, texts: Mapping[str, bytes]) -> Self:
        """Take in the texts of contexts, each of which must be the pinned one.

        Raises:
            UnknownContextError: a URL that is not pinned.
            LinkedDataError: another text than the pinned one.
        """
        documents: dict[str, Mapping[str, Any]] = {
            url: {"@context": {"@vocab": iri}} for url, iri in CATCH_ALL.items()
        }
        for url, text in texts.items():
            pin = PINS.get(url)
            if pin is None:
                raise UnknownContextError(f"no context {url} is accepted here")
            document = parse_strict(text)
            found = hashlib.sha256(canonical(document)).hexdigest()
            if found != pin.digest:
                raise LinkedDataError(
                    f"the text of {url} has the digest {found}, not {pin.digest}"
                )
            documents[url] = document
        return cls(documents)

    @property
    def urls(self) -> Iterable[str]:
        """The contexts at hand."""
        return self.documents.keys()

    def __getitem__(self, url: str) -> Mapping[str, Any]:
        try:
            return self.documents[url]
        except KeyError:
            raise UnknownContextError(
                f"the context {url} is not known here, and none is fetched"
            ) from None


def check_order(stated: Any) -> None:
    """Refuse a document's `@context` whose parts stand in an order that means less.

    The data model comes first, then the profile (Open Badges, CLR), then extensions of
    it, and last a context that gives a meaning to every other term.

    Raises:
        LinkedDataError: another order, or one context twice.
    """
    listed = stated if isinstance(stated, list) else [stated]
    urls = [one for one in listed if isinstance(one, str)]
    if len(set(urls)) != len(urls):
        raise LinkedDataError("a context stands in @context twice")
    ranked = [(rank, url) for url in urls if (rank := _rank(url)) is not None]
    for (rank, url), (next_rank, next_url) in itertools.pairwise(ranked):
        if next_rank < rank:
            raise LinkedDataError(f"@context has {url} before {next_url}")


def _rank(url: str) -> int | None:
    if url in CATCH_ALL:
        return _CATCH_ALL
    pin = PINS.get(url)
    return pin.rank if pin else None


def known_urls() -> Iterable[str]:
    """Return the URLs whose texts a node must bring."""
    return PINS.keys()
