"""The form that VC Data Model demands of every credential and presentation.

What a type of credential demands beside it is in `conformance`. Terms are compared as
they stand: whether a context gives a term a meaning is for a linked-data processor. An
inline context is taken, but not one that gives another meaning to a term of the data
model: a reader that does not process contexts would read something else.

Follows Verifiable Credentials Data Model v2.0, sections "Basic Concepts" and "Advanced
Concepts", and v1.1 for documents that begin with its context.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocol.credentials.envelopes import is_enveloped, open_envelope
from protocol.credentials.proofs import as_moment
from protocol.credentials.vcdm import CREDENTIALS_CONTEXT
from protocol.credentials.vcdm11 import FORMER_CONTEXT, VOCABULARY
from protocol.errors import SecuringError

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_SRI = re.compile(r"sha(256|384|512)-[A-Za-z0-9+/_-]+={0,2}", re.ASCII)
_VALUE_MEMBERS = frozenset({"@value", "@language", "@direction"})
_TERMS = frozenset(
    {"VerifiableCredential", "VerifiablePresentation", "id", "type"}
    | {"EnvelopedVerifiableCredential", "EnvelopedVerifiablePresentation"}
    | {"credentialSchema", "credentialStatus", "credentialSubject", "description"}
    | {"digestMultibase", "digestSRI", "evidence", "holder", "issuer", "mediaType"}
    | {"name", "proof", "refreshService", "relatedResource", "termsOfUse"}
    | {"validFrom", "validUntil", "verifiableCredential"}
)
"""Terms of the data model, which its context protects."""
_NEW_TERMS = frozenset(
    {"name", "description", "relatedResource", "digestMultibase", "digestSRI"}
    | {"mediaType", "EnvelopedVerifiableCredential", "EnvelopedVerifiablePresentation"}
)
"""Those that VC Data Model 1.1 does not have, and leaves to anybody."""
_PLAIN_CONTEXTS = frozenset(
    {
        CREDENTIALS_CONTEXT,
        "https://www.w3.org/ns/credentials/examples/v2",
        "https://w3id.org/security/data-integrity/v2",
    }
)
"""Contexts that define no member of a credential beside those of the data model. That
of the examples gives a meaning to any term, which is no meaning."""
_CLAIMS = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "cnf", "nonce"})
"""Registered claims of JWTs."""
_TYPED = ("credentialStatus", "credentialSchema", "evidence", "termsOfUse")
_ENVELOPED: Final = "EnvelopedVerifiableCredential"
_ENVELOPES = ("application/vp+jwt", "application/vp+sd-jwt", "application/vp+cose")


def credential_faults(claims: Mapping[str, Any]) -> Iterator[str]:
    """Say what a credential lacks, or has in another form."""
    contexts = listed(claims.get("@context"))
    former = contexts[:1] == [FORMER_CONTEXT]
    yield from _contexts(contexts)
    yield from _type(claims, "VerifiableCredential")
    yield from _id(claims, "the credential")
    yield from _party(claims, "issuer")
    for name in ("name", "description"):
        yield from _words(claims, name, "the credential")
    yield from _subjects(claims)
    yield from _dates(claims, former=former)
    for name in (*_TYPED, "refreshService"):
        for one in listed(claims.get(name)):
            yield from _typed(one, name)
            if name == "credentialSchema" or (former and name != "evidence"):
                yield from _with_id(one, name)
    yield from _related(claims)
    yield from _registered(claims)


def presentation_faults(claims: Mapping[str, Any], media_type: str) -> Iterator[str]:
    """Say what a presentation lacks, or has in another form."""
    contexts = listed(claims.get("@context"))
    former = contexts[:1] == [FORMER_CONTEXT] or media_type == "application/jwt"
    yield from _contexts(contexts)
    yield from _type(claims, "VerifiablePresentation")
    yield from _id(claims, "the presentation")
    if "holder" in claims:
        yield from _party(claims, "holder")
    for one in listed(claims.get("termsOfUse")):
        yield from _typed(one, "termsOfUse")
    for one in listed(claims.get("verifiableCredential")):
        if isinstance(one, str) and former:
            continue
        if not isinstance(one, dict):
            yield "a verifiableCredential that is not an object"
        elif is_enveloped(one, _ENVELOPED):
            try:
                open_envelope(one, _ENVELOPED)
            except SecuringError as error:
                yield f"a verifiableCredential that is {error}"
        elif media_type in _ENVELOPES:
            yield f"a verifiableCredential that is not an {_ENVELOPED}"


def undefined_members(claims: Mapping[str, Any]) -> list[str]:
    """Return members that nothing gives a meaning, as far as contexts need no reading.

    What a credential is to be issued with must be defined; a reader of a JWT ignores
    what it does not know.
    """
    if not all(
        isinstance(one, str) and one in _PLAIN_CONTEXTS
        for one in listed(claims.get("@context"))
    ):
        return []
    return sorted(claims.keys() - _TERMS - _CLAIMS - {"@context"})


def listed(value: Any) -> list[Any]:
    """Return `value` as the set it stands for; empty if there is none."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def is_url(value: Any) -> bool:
    """Tell whether `value` is an absolute URL, of whatever scheme."""
    return isinstance(value, str) and bool(_URL.fullmatch(value))


def _contexts(contexts: list[Any]) -> Iterator[str]:
    if contexts[:1] not in ([CREDENTIALS_CONTEXT], [FORMER_CONTEXT]):
        yield f"the first context is not {CREDENTIALS_CONTEXT}"
    for one in contexts:
        if isinstance(one, dict):
            taken = _TERMS - _NEW_TERMS if contexts[0] == FORMER_CONTEXT else _TERMS
            if one != VOCABULARY and not taken.isdisjoint(one):
                yield "an inline context that redefines a term of the data model"
        elif not is_url(one):
            yield "a context that is neither a URL nor an object"


def _type(claims: Mapping[str, Any], needed: str) -> Iterator[str]:
    types = listed(claims.get("type"))
    if needed not in types or not all(map(_is_term, types)):
        yield f"its type does not include {needed}, or is not of terms and URLs"


def _is_term(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and not re.search(r"\s", value)


def _id(holder: Mapping[str, Any], what: str) -> Iterator[str]:
    if "id" in holder and not is_url(holder["id"]):
        yield f"an id of {what} that is not one URL"


def _party(claims: Mapping[str, Any], name: str) -> Iterator[str]:
    party = claims.get(name)
    if not is_url(party.get("id") if isinstance(party, dict) else party):
        yield f"no {name} with an id that is a URL"
    if isinstance(party, dict):
        for member in ("name", "description"):
            yield from _words(party, member, f"the {name}")


def _words(holder: Mapping[str, Any], name: str, what: str) -> Iterator[str]:
    """Check a text, or texts with their language and direction."""
    if name not in holder:
        return
    words = listed(holder[name])
    if not words or not all(map(_is_words, words)):
        yield f"a {name} of {what} that is not a text, or texts with their language"


def _is_words(value: Any) -> bool:
    if isinstance(value, str):
        return True
    if not isinstance(value, dict) or not value.keys() <= _VALUE_MEMBERS:
        return False
    language = value.get("@language", "en")
    return (
        isinstance(value.get("@value"), str)
        and isinstance(language, str)
        and bool(_LANGUAGE.fullmatch(language))
        and value.get("@direction", "ltr") in ("ltr", "rtl", None)
    )


def _subjects(claims: Mapping[str, Any]) -> Iterator[str]:
    subjects = listed(claims.get("credentialSubject"))
    if not subjects or not all(isinstance(one, dict) and one for one in subjects):
        yield "no credentialSubject that says anything"
        return
    for subject in subjects:
        yield from _id(subject, "a credentialSubject")


def _dates(claims: Mapping[str, Any], *, former: bool) -> Iterator[str]:
    start, end = "validFrom", "validUntil"
    if former:
        start, end = "issuanceDate", "expirationDate"
        if start not in claims:
            yield f"a credential of VC Data Model 1.1 without {start}"
    read = {n: as_moment(claims[n]) for n in (start, end) if n in claims}
    for name, moment in read.items():
        if moment is None:
            yield f"a {name} that is not a dateTimeStamp"
    first, last = read.get(start), read.get(end)
    if first and last and first > last:
        yield f"a {start} after the {end}"


def _typed(one: Any, name: str) -> Iterator[str]:
    if not isinstance(one, dict) or not listed(one.get("type")):
        yield f"a {name} without a type"
        return
    if not all(map(_is_term, listed(one["type"]))):
        yield f"a {name} whose type is not of terms and URLs"
    yield from _id(one, f"a {name}")


def _with_id(one: Any, name: str) -> Iterator[str]:
    if isinstance(one, dict) and "id" not in one:
        yield f"a {name} without an id"


def _related(claims: Mapping[str, Any]) -> Iterator[str]:
    """Check the resources whose digests a credential states."""
    seen: set[str] = set()
    for one in listed(claims.get("relatedResource")):
        if not isinstance(one, dict) or not is_url(one.get("id")):
            yield "a relatedResource without an id that is a URL"
            continue
        if one["id"] in seen:
            yield f"the relatedResource {one['id']} twice"
        seen.add(one["id"])
        if "digestSRI" not in one and "digestMultibase" not in one:
            yield f"the relatedResource {one['id']} without a digest"
        sri = one.get("digestSRI", "sha256-A")
        if not isinstance(sri, str) or not all(map(_SRI.fullmatch, sri.split())):
            yield f"the relatedResource {one['id']} with a digestSRI that is none"


def _registered(claims: Mapping[str, Any]) -> Iterator[str]:
    """Compare claims of a JWT with members that mean the same."""
    if "jti" in claims and claims.get("id", claims["jti"]) != claims["jti"]:
        yield "a jti that is not the id of the credential"
    subjects = listed(claims.get("credentialSubject"))
    ids = [one.get("id") for one in subjects if isinstance(one, dict)]
    if "sub" in claims and any(ids) and claims["sub"] not in ids:
        yield "a sub that is no credentialSubject"
