"""Credentials inside a credential: what a learner record gathers, and endorsements.

A Comprehensive Learner Record holds credentials of several issuers, each with a proof
of its own: what it says is only as good as each of them. An endorsement (Open Badges
3.0, section "Endorsement") says something about the credential, its issuer or its
achievement; it is reported apart, for the credential is what it is without it.

What is inside is taken out here and judged in `verification`. A credential inside one
that is inside is not taken out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from protocol.credentials import envelopes, model, open_badges
from protocol.credentials.form import listed
from protocol.credentials.model import SecuredDocument
from protocol.credentials.open_badges import CLR, ENDORSEMENT
from protocol.errors import ProtocolError

MOST = 128
"""Credentials inside one that are judged."""

_ENVELOPED: Final = "EnvelopedVerifiableCredential"


class Part(NamedTuple):
    """A credential inside another."""

    label: str
    document: SecuredDocument | str
    """Or why it cannot be read."""
    about: frozenset[str] = frozenset()
    """The ids an endorsement may be about, where it stands."""


def gathered(document: SecuredDocument) -> tuple[Part, ...]:
    """Return the credentials a learner record holds."""
    if CLR not in document.types:
        return ()
    return tuple(
        Part(_label(one, number), _read(one))
        for subject in listed(document.claims.get("credentialSubject"))
        if isinstance(subject, Mapping)
        for number, one in enumerate(listed(subject.get("verifiableCredential")), 1)
    )


def endorsements(document: SecuredDocument) -> tuple[Part, ...]:
    """Return what others say of a credential, wherever in it they say so."""
    if open_badges.TYPES.isdisjoint(document.types) or document.is_sd_jwt:
        return ()
    return tuple(_endorsements(document.claims))


def _endorsements(claims: Mapping[str, Any]) -> Iterator[Part]:
    places = [claims, claims.get("issuer")]
    for subject in listed(claims.get("credentialSubject")):
        if isinstance(subject, Mapping):
            achievements = listed(subject.get("achievement"))
            places += [subject.get("source"), *achievements]
            places += (
                one.get("creator") for one in achievements if isinstance(one, Mapping)
            )
    for place in places:
        if not isinstance(place, Mapping):
            continue
        ids = frozenset({place["id"]} if isinstance(place.get("id"), str) else ())
        stated = [
            *listed(place.get("endorsement")),
            *listed(place.get("endorsementJwt")),
        ]
        for number, one in enumerate(stated, 1):
            yield Part(_label(one, number), _read(one), ids)


def is_about(part: Part) -> bool:
    """Tell whether an endorsement is one, and of what it stands in."""
    if isinstance(part.document, str) or ENDORSEMENT not in part.document.types:
        return False
    subjects = listed(part.document.claims.get("credentialSubject"))
    ids = {one.get("id") for one in subjects if isinstance(one, Mapping)}
    return bool(ids) and ids <= part.about


def _label(value: Any, number: int) -> str:
    stated = value.get("id") if isinstance(value, Mapping) else None
    if isinstance(stated, str) and not stated.startswith("data:"):
        return stated[:200]
    return f"number {number}"


def _read(value: Any) -> SecuredDocument | str:
    try:
        if isinstance(value, str):
            return model.read(value.encode(), "application/vc+jwt")
        if not isinstance(value, Mapping):
            return "neither a JSON object nor a JWT"
        if envelopes.is_enveloped(value, _ENVELOPED):
            return model.read(*envelopes.open_envelope(value, _ENVELOPED))
        return model.read(json.dumps(value).encode(), "application/vc")
    except (ProtocolError, ValueError) as error:
        return str(error)
