"""A micro-credential: its record, and the same as an Open Badge 3.0.

The record holds the eleven mandatory elements of Annex I of the Council Recommendation
of 16 June 2022 (2022/C 243/02); one that is missing is reported. An Open Badge has
places of its own for most of them. For the unit of the workload, the level, the form of
participation, the assessment and the quality assurance it has none: they stand in the
member `microCredential` of the achievement, which the context of LRX records defines.

A course recognised from elsewhere does not earn a micro-credential here: the node
certifies only what its institution assessed.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from protocol.credentials.claims_paths import Path
from protocol.credentials.learner_record import (
    Catalogue,
    CourseResult,
    LearnerRecord,
    MicroCredential,
)
from protocol.credentials.record_parts import (
    Built,
    Draft,
    add_holder,
    amount,
    in_order,
    other,
    translation,
)

ANNEX_I: Mapping[str, tuple[Path, ...]] = MappingProxyType(
    {
        "Identification of the learner": (
            ("holder", "given_name"),
            ("holder", "student_number"),
        ),
        "Title of the micro-credential": (("achievement", "title"),),
        "Country(ies)/Region(s) of the issuer": (("achievement", "country"),),
        "Awarding body(ies)": (("achievement", "awarding_body"),),
        "Date of issuing": (("achievement", "awarded_on"),),
        "Learning outcomes": (("achievement", "learning_outcomes"),),
        "Notional workload needed to achieve the learning outcomes": (
            ("achievement", "workload"),
        ),
        "Level (and cycle) of the learning experience": (("achievement", "level"),),
        "Type of assessment": (("achievement", "assessment"),),
        "Form of participation in the learning activity": (
            ("achievement", "participation"),
        ),
        "Type of quality assurance used to underpin the micro-credential": (
            ("achievement", "quality_assurance"),
        ),
    }
)
"""The mandatory elements, and the units of the record that state them."""

_EXTENSION = (
    "title_original",
    "awarding_body_original",
    "workload",
    "level",
    "assessment",
    "participation",
    "quality_assurance",
    "courses",
)


def micro_credential(
    learner: LearnerRecord, micro: MicroCredential, catalogue: Catalogue, *, on: date
) -> Built:
    """Build the record of a micro-credential awarded `on` that day."""
    draft = Draft()
    add_holder(draft, learner, born=False)
    passed = _passed(learner, micro)
    for code in micro.courses:
        if code not in passed:
            draft.lack(
                *("courses", ("achievement", "courses")),
                f"course {code} has not been passed at this institution",
            )
    draft.put(
        "achievement",
        key=micro.key,
        title=translation(micro.title),
        title_original=other(micro.title, catalogue),
        country=catalogue.country,
        awarding_body=translation(catalogue.institution),
        awarding_body_original=other(catalogue.institution, catalogue),
        awarded_on=on.isoformat(),
        learning_outcomes=translation(micro.learning_outcomes),
        workload=amount(micro.workload) if micro.workload.value > 0 else None,
        level=translation(micro.level),
        assessment=translation(micro.assessment),
        participation=translation(micro.participation),
        quality_assurance=translation(micro.quality_assurance),
        courses=[_course(passed[code]) for code in micro.courses if code in passed],
    )
    for element in missing_elements(draft.record):
        draft.lack(
            *(element, ANNEX_I[element][0]),
            f"the catalogue does not state this for {micro.key}",
        )
    return draft.built()


def missing_elements(record: Mapping[str, Any]) -> tuple[str, ...]:
    """List the mandatory elements of EU Annex I a record does not state."""
    return tuple(
        element
        for element, units in ANNEX_I.items()
        if not all(record.get(str(group), {}).get(name) for group, name in units)
    )


def as_open_badge(record: Mapping[str, Any], *, issuer: str) -> dict[str, Any]:
    """Return the members of an `OpenBadgeCredential` that state a record.

    These are `issuer` (a Profile), `awardedDate` and `credentialSubject`; `issuer` is
    the DID of the awarding body.
    """
    stated = record["achievement"]
    profile = {
        "id": issuer,
        "type": ["Profile"],
        "name": stated["awarding_body"],
        "address": {"type": ["Address"], "addressCountryCode": stated["country"]},
    }
    achievement = {
        "id": f"{issuer}/achievements/{stated['key']}",
        "type": ["Achievement"],
        "achievementType": "MicroCredential",
        "humanCode": stated["key"],
        "name": stated["title"],
        "description": stated["learning_outcomes"],
        "criteria": {"narrative": _criteria(stated)},
        "creator": profile,
        "creditsAvailable": stated["workload"]["value"],
        "microCredential": {
            "type": ["MicroCredentialElements"],
            **{name: stated[name] for name in _EXTENSION if name in stated},
        },
    }
    return {
        "issuer": profile,
        "awardedDate": f"{stated['awarded_on']}T00:00:00Z",
        "credentialSubject": {
            "type": ["AchievementSubject"],
            "identifier": identity_objects(record["holder"]),
            "creditsEarned": stated["workload"]["value"],
            "achievement": achievement,
        },
    }


def from_open_badge(credential: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record an Open Badge made by `as_open_badge` states.

    Anybody can make a badge: what is not there, or of another shape, is left out.
    """
    subject = _member(credential, "credentialSubject")
    achievement = _member(subject, "achievement")
    issuer = _member(credential, "issuer")
    more = _member(achievement, "microCredential")
    draft = Draft()
    draft.put("holder", **_holder(subject.get("identifier")))
    draft.put(
        "achievement",
        key=_text(achievement, "humanCode"),
        title=_text(achievement, "name"),
        country=_text(_member(issuer, "address"), "addressCountryCode"),
        awarding_body=_text(issuer, "name"),
        awarded_on=_text(credential, "awardedDate")[: len("2026-04-01")],
        learning_outcomes=_text(achievement, "description"),
        **{name: more.get(name) for name in _EXTENSION},
    )
    return draft.record


def _member(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    inner = value.get(name)
    return inner if isinstance(inner, str) else ""


def _holder(identifiers: object) -> dict[str, str]:
    """Read the identity objects of a subject; a hashed one tells nothing."""
    listed = identifiers if isinstance(identifiers, list) else [identifiers]
    members = {kind: member for member, kind in _IDENTITY_TYPES.items()}
    return {
        members[_text(one, "identityType")]: _text(one, "identityHash")
        for one in listed
        if isinstance(one, Mapping)
        and not one.get("hashed")
        and _text(one, "identityType") in members
    }


_IDENTITY_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "family_name": "ext:familyName",
        "given_name": "ext:givenName",
        "name_native": "ext:nativeName",
        "name_kana": "ext:kanaName",
        "birth_date": "ext:birthDate",
        "student_number": "systemId",
    }
)


def identity_objects(holder: Mapping[str, str]) -> list[dict[str, Any]]:
    """State the learner as identity objects, the whole name first."""
    whole = f"{holder.get('given_name', '')} {holder.get('family_name', '')}".strip()
    stated = [("name", whole)] + [
        (kind, holder[member])
        for member, kind in _IDENTITY_TYPES.items()
        if member in holder
    ]
    return [
        {
            "type": "IdentityObject",
            "hashed": False,
            "identityHash": value,
            "identityType": kind,
        }
        for kind, value in stated
    ]


def _criteria(stated: Mapping[str, Any]) -> str:
    workload = stated["workload"]
    courses = ", ".join(f"{c['code']} {c['title']}" for c in stated["courses"])
    return (
        f"Courses passed: {courses}. Workload: {workload['value']} {workload['unit']}. "
        f"Level: {stated['level']}. Assessment: {stated['assessment']}. "
        f"Participation: {stated['participation']}. "
        f"Quality assurance: {stated['quality_assurance']}."
    )


def _passed(learner: LearnerRecord, micro: MicroCredential) -> dict[str, CourseResult]:
    return {
        result.code: result
        for result in reversed(in_order(learner.results))
        if result.code in micro.courses
        and result.grade.passed
        and not result.recognised_from
    }


def _course(result: CourseResult) -> dict[str, Any]:
    return {
        "code": result.code,
        "title": translation(result.title),
        "credits": amount(result.credits),
        "year": result.year,
    }
