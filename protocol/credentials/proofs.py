"""The proofs a document states, in one form whatever the securing mechanism.

A proof that cannot hold is stated with its fault; one that this node cannot judge, with
the name of what it cannot judge. Neither ever verifies.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any

from protocol.errors import DidError, MalformedValueError, SecuringError
from protocol.identity.dids import DidUrl, Relationship
from protocol.identity.keys import VerificationKey
from protocol.identity.multibase import as_base64url
from protocol.linked_data.jcs import canonical
from protocol.linked_data.terms import Vocabulary
from protocol.securing import data_integrity, linked_data_signatures, selective
from protocol.securing.data_integrity import GRAPH_SUITES, MAXIMUM_PROOFS, SUITES
from protocol.securing.jades import Seal
from protocol.securing.sd_values import UnimplementedFeatureError

PURPOSE: Relationship = "assertionMethod"
LINKED_DATA_SUITES = frozenset(linked_data_signatures.SUITES)
"""Proofs of VC Data Model 1.1 over a document's graph, of which a second processor is
asked as well."""

_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_STAND_IN = "did:example:none#none"
_LAST_MOMENT = 253_402_300_799
"""Seconds until the year 10000."""


@dataclass(frozen=True, slots=True)
class StatedProof:
    """A proof that was read; nothing is verified yet."""

    mechanism: str
    """A cryptosuite, `vc+jwt`, `dc+sd-jwt`, or the name of another mechanism."""
    verification_method: DidUrl | None = None
    signed_at: datetime | None = None
    expires: datetime | None = None
    fault: str | None = None
    """Why it cannot hold, whoever made it."""
    unsupported: bool = False
    """This node does not know the mechanism."""
    verify: Callable[[VerificationKey], bool] = lambda _key: False
    """Tell whether it was made with that key; what was told once is remembered."""
    verify_graph: Callable[[VerificationKey, Vocabulary | None], bool] | None = None
    """The same for a proof over the graph of the document; raises `LinkedDataError`."""
    challenge: str | None = None
    """What a holder was given to sign by whoever asked."""
    domain: tuple[str, ...] = ()
    """For whom a holder signed."""
    brought: VerificationKey | None = None
    """The key its own URL spells out, where that is no DID: whose it is is not told."""
    seal: Seal | None = None
    """The seal, with a certificate in place of a key, and whether it fits."""
    alone: bytes | None = None
    """The document with this proof only, for another linked-data processor."""

    @property
    def digest(self) -> str | None:
        """SHA-256 over `alone`."""
        if self.alone is None:
            return None
        return "sha-256:" + as_base64url(hashlib.sha256(self.alone).digest())


def proofs_of(
    document: Mapping[str, Any], purpose: Relationship = PURPOSE
) -> tuple[StatedProof, ...]:
    """Return the Data Integrity proofs of a document; none if it is not secured."""
    stated = document.get("proof")
    if not stated:
        return ()
    proofs = stated if isinstance(stated, list) else [stated]
    if len(proofs) > MAXIMUM_PROOFS:
        fault = f"{len(proofs)} proofs, more than {MAXIMUM_PROOFS}"
        return (StatedProof("proof set", fault=fault),)
    return tuple(_proof(document, proofs, one, purpose) for one in proofs)


def as_moment(value: Any) -> datetime | None:
    """Read a `dateTimeStamp` of XML Schema; None for anything else."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return None
    try:
        # `fromisoformat` takes at most six digits after the point.
        text = re.sub(r"(\.\d{6})\d+", r"\1", value)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def moment(seconds: Any) -> datetime | None:
    """Read a NumericDate of RFC 7519; None for anything else."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    if not 0 <= seconds <= _LAST_MOMENT:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _proof(
    document: Mapping[str, Any], proofs: list[Any], stated: Any, purpose: Relationship
) -> StatedProof:
    if not isinstance(stated, dict):
        return StatedProof("proof", fault="a proof that is not an object")
    kind, suite = stated.get("type"), stated.get("cryptosuite")
    name = suite if kind == "DataIntegrityProof" else kind
    if not isinstance(name, str):
        return StatedProof("proof", fault="a proof without a type or a cryptosuite")
    url = _key_url(stated.get("verificationMethod"))
    fault = None
    if stated.get("proofPurpose") != purpose:
        fault = f"a proof whose purpose is not {purpose}"
    elif _is_broken_chain(proofs, stated):
        fault = "a proof chain with a loop or a gap"
    if fault:
        return StatedProof(name, url, fault=fault)
    return _named(name, document, stated, url)


def _named(
    name: str,
    document: Mapping[str, Any],
    stated: Mapping[str, Any],
    url: DidUrl | None,
) -> StatedProof:
    if name in SUITES:
        return _readable(name, document, stated, url)
    if name in selective.SUITES:
        return _derived(name, document, stated, url)
    if "previousProof" in stated:
        return StatedProof(f"{name} in a proof chain", url, unsupported=True)
    if name in LINKED_DATA_SUITES:
        return _for_others(name, {**document, "proof": stated}, url)
    return StatedProof(name, url, unsupported=True)


def _readable(
    name: str,
    document: Mapping[str, Any],
    stated: Mapping[str, Any],
    url: DidUrl | None,
) -> StatedProof:
    """Read a proof with one of this node's own cryptosuites."""
    try:
        read = _read(stated, url)
        signed = data_integrity.what_is_signed(document, stated)
    except SecuringError as error:
        return StatedProof(name, url, fault=str(error))
    is_by = cache(partial(data_integrity.is_by, read, signed))
    return StatedProof(
        read.cryptosuite,
        url,
        _aware(read.created),
        _aware(read.expires),
        verify=is_by,
        verify_graph=is_by if read.cryptosuite in GRAPH_SUITES else None,
        challenge=text_of(stated.get("challenge")),
        domain=texts_of(stated.get("domain")),
        brought=None if url else _spelt_out(stated["verificationMethod"]),
    )


def _derived(
    name: str,
    document: Mapping[str, Any],
    stated: Mapping[str, Any],
    url: DidUrl | None,
) -> StatedProof:
    """Read a proof over the part of a document that its holder chose to show."""
    try:
        read = selective.read(stated)
    except UnimplementedFeatureError as error:
        return StatedProof(f"{name} with {error.feature}", url, unsupported=True)
    except SecuringError as error:
        return StatedProof(name, url, fault=str(error))
    unsecured = data_integrity.what_is_signed(document, {})
    return StatedProof(
        name,
        read.verification_method,
        _aware(read.created),
        _aware(read.expires),
        verify_graph=cache(partial(selective.is_by, read, unsecured)),
        challenge=text_of(stated.get("challenge")),
        domain=texts_of(stated.get("domain")),
    )


def _read(stated: Mapping[str, Any], url: DidUrl | None) -> data_integrity.Proof:
    """Read a proof whose key may be named by a URL that is not of a DID.

    Open Badges name keys of issuers on the web like that. The name is signed as it is
    stated; only for reading does another stand in its place.
    """
    named = stated.get("verificationMethod")
    if url == named or not isinstance(named, str) or not _is_url(named):
        return data_integrity.read(stated)
    read = data_integrity.read({**stated, "verificationMethod": url or _STAND_IN})
    return replace(read, options={**read.options, "verificationMethod": named})


def _is_url(text: str) -> bool:
    return text.startswith(("https://", "http://", "urn:", "did:"))


def _spelt_out(url: str) -> VerificationKey | None:
    """Return the key a fragment is the Multikey of; None if it is none."""
    try:
        return VerificationKey.from_multikey(url.partition("#")[2])
    except MalformedValueError:
        return None


def _key_url(value: Any) -> DidUrl | None:
    """Read the URL of a key; a `did:key` alone names the one key it has."""
    if isinstance(value, str) and value.startswith("did:key:") and "#" not in value:
        value = f"{value}#{value.removeprefix('did:key:')}"
    return did_url(value)


def _for_others(name: str, alone: Mapping[str, Any], url: DidUrl | None) -> StatedProof:
    """Read a proof that another linked-data processor is to judge as well."""
    try:
        stated = alone["proof"]
        named = stated.get("verificationMethod")
        on_web = url != named and isinstance(named, str) and _is_url(named)
        stand_in = {"verificationMethod": url or _STAND_IN} if on_web else {}
        read = linked_data_signatures.read({**stated, **stand_in})
        if on_web:
            options = {**read.options, "verificationMethod": named}
            read = replace(read, options=options)
        unsecured = {n: value for n, value in alone.items() if n != "proof"}
        return StatedProof(
            name,
            url,
            _aware(read.created),
            _aware(read.expires),
            verify_graph=cache(partial(linked_data_signatures.is_by, read, unsecured)),
            brought=None if url else _spelt_out(str(named)),
            alone=canonical(alone),
        )
    except (SecuringError, MalformedValueError) as error:
        return StatedProof(name, url, fault=str(error))


def _is_broken_chain(proofs: list[Any], stated: Mapping[str, Any]) -> bool:
    """Tell whether a chain of proofs leads to itself, or to no proof."""
    known = {
        one["id"]: one
        for one in proofs
        if isinstance(one, dict) and isinstance(one.get("id"), str)
    }
    waiting, seen = [stated], 0
    while waiting:
        seen += 1
        previous = waiting.pop().get("previousProof", [])
        for name in previous if isinstance(previous, list) else [previous]:
            if not isinstance(name, str) or name not in known:
                return True
            waiting.append(known[name])
        # Without a loop there are at most this many ways through four proofs.
        if seen > 2**MAXIMUM_PROOFS:
            return True
    return False


def did_url(value: Any) -> DidUrl | None:
    """Read the name of a key; None for what is no DID URL."""
    try:
        return DidUrl(value) if isinstance(value, str) else None
    except DidError:
        return None


def text_of(value: Any) -> str | None:
    """Return `value` if it is a text."""
    return value if isinstance(value, str) else None


def texts_of(value: Any) -> tuple[str, ...]:
    """Return the texts in `value`, which may be one itself."""
    listed = value if isinstance(value, list) else [value]
    return tuple(one for one in listed if isinstance(one, str))


def _aware(value: datetime | None) -> datetime | None:
    return value.astimezone(UTC) if value else None
