"""What 1EdTech requires of its credentials: achievements, endorsements, whole records.

Implements the required members of Open Badges 3.0 (`AchievementCredential`, which is
also called `OpenBadgeCredential`, and `EndorsementCredential`) and of Comprehensive
Learner Record 2.0 (`ClrCredential`), sections "Data Model". JSON Schemas of theirs are
not in the project; what a credential contains is verified in `contained`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from protocol.credentials.form import listed

ACHIEVEMENTS = frozenset({"OpenBadgeCredential", "AchievementCredential"})
ENDORSEMENT: Final = "EndorsementCredential"
CLR: Final = "ClrCredential"
TYPES = ACHIEVEMENTS | {ENDORSEMENT, CLR}
ASSOCIATIONS = frozenset(
    {
        *("exactMatchOf", "isChildOf", "isParentOf", "isPartOf"),
        *("isPeerOf", "isRelatedTo", "precedes", "replacedBy"),
    }
)
"""The enumeration `AssociationType` of CLR 2.0."""

_BADGE_CONTEXT = re.compile(
    r"https://purl\.imsglobal\.org/spec/ob/v3p0/(context(-3\.\d+\.\d+)?|extensions)\.json"
)
_CLR_CONTEXT = re.compile(
    r"https://purl\.imsglobal\.org/spec/clr/v2p0/context(-2\.\d+\.\d+)?\.json"
)
_NAMES = {ENDORSEMENT: "an endorsement", CLR: "a CLR"}


def is_context(value: Any) -> bool:
    """Tell whether `value` is a published context of Open Badges 3.0 or CLR 2.0."""
    return isinstance(value, str) and bool(
        _BADGE_CONTEXT.fullmatch(value) or _CLR_CONTEXT.fullmatch(value)
    )


def faults(claims: Mapping[str, Any]) -> Iterator[str]:
    """Say what a credential of theirs lacks; nothing for one that is not of theirs."""
    types = [one for one in listed(claims.get("type")) if isinstance(one, str)]
    for kind in (*sorted(ACHIEVEMENTS), ENDORSEMENT, CLR):
        if kind in types:
            yield from _faults(kind, claims)
            return


def _faults(kind: str, claims: Mapping[str, Any]) -> Iterator[str]:
    name = _NAMES.get(kind, "an Open Badge")
    second, what = (
        (_CLR_CONTEXT, "CLR 2.0")
        if kind == CLR
        else (_BADGE_CONTEXT, "Open Badges 3.0")
    )
    contexts = listed(claims.get("@context"))
    if not any(isinstance(one, str) and second.fullmatch(one) for one in contexts[1:2]):
        yield f"{name} whose second context is not that of {what}"
    if not _is_text(claims.get("id")):
        yield f"{name} without an id"
    if "validFrom" not in claims and "issuanceDate" not in claims:
        yield f"{name} without validFrom"
    if kind == CLR and not _is_text(claims.get("name")):
        yield f"{name} without a name"
    issuer = claims.get("issuer")
    if isinstance(issuer, dict) and "Profile" not in listed(issuer.get("type")):
        yield f"{name} whose issuer is not a Profile"
    rules = {ENDORSEMENT: _endorsed, CLR: _clr}.get(kind, _achieved)
    for subject in listed(claims.get("credentialSubject")):
        if isinstance(subject, dict):
            yield from rules(subject)


def _achieved(subject: Mapping[str, Any]) -> Iterator[str]:
    yield from _recipient(subject, "AchievementSubject", "an Open Badge")
    achievement = subject.get("achievement")
    if not isinstance(achievement, dict):
        yield "an Open Badge without an achievement"
        return
    yield from _achievement(achievement)


def _endorsed(subject: Mapping[str, Any]) -> Iterator[str]:
    if "EndorsementSubject" not in listed(subject.get("type")):
        yield "an endorsement whose subject is not an EndorsementSubject"
    if not _is_text(subject.get("id")):
        yield "an endorsement that does not say of what"


def _clr(subject: Mapping[str, Any]) -> Iterator[str]:
    yield from _recipient(subject, "ClrSubject", "a CLR")
    inner = listed(subject.get("verifiableCredential"))
    if not inner or not all(isinstance(one, dict) for one in inner):
        yield "a CLR without credentials"
    for achievement in listed(subject.get("achievement")):
        if not isinstance(achievement, dict):
            yield "a CLR with an achievement that is not an object"
        else:
            yield from _achievement(achievement)
    for association in listed(subject.get("association")):
        yield from _association(association)


def _association(value: Any) -> Iterator[str]:
    if not isinstance(value, dict) or "Association" not in listed(value.get("type")):
        yield "a CLR with an association that is not one"
        return
    if value.get("associationType") not in ASSOCIATIONS:
        yield "an association of a type that CLR 2.0 does not have"
    if not _is_text(value.get("sourceId")) or not _is_text(value.get("targetId")):
        yield "an association without sourceId or targetId"


def _recipient(subject: Mapping[str, Any], kind: str, name: str) -> Iterator[str]:
    if kind not in listed(subject.get("type")):
        yield f"{name} whose subject is not an {kind}"
    if not _is_text(subject.get("id")) and not listed(subject.get("identifier")):
        yield f"{name} whose subject has neither id nor identifier"


def _achievement(achievement: Mapping[str, Any]) -> Iterator[str]:
    if "Achievement" not in listed(achievement.get("type")):
        yield "an Open Badge whose achievement is not of the type Achievement"
    for name in ("id", "name", "description"):
        if not achievement.get(name):
            yield f"an achievement without {name}"
    if not isinstance(achievement.get("criteria"), dict):
        yield "an achievement without criteria"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)
