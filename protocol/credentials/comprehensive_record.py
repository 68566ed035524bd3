"""A transcript as a Comprehensive Learner Record: one credential for each course.

Many systems read CLR 2.0 (1EdTech) and know nothing of our record model. Each course
that was passed becomes an `AchievementCredential` with its grade as a result; the
record gathers them, names the programme, and says which course is part of it. Badges
the learner holds of the same issuer can be put in, too.

What CLR has no place for stays out, and the record then says that it is `partial`:
failed attempts, and credits recognised from elsewhere, which only whoever gave them may
state. The transcript itself remains the whole statement.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from protocol.credentials.contained import MOST
from protocol.credentials.micro_credential import identity_objects
from protocol.credentials.open_badges import ACHIEVEMENTS, CLR
from protocol.credentials.vcdm import (
    CREDENTIALS_CONTEXT,
    OPEN_BADGES_CONTEXT,
    as_text,
)
from protocol.errors import SecuringError

CLR_CONTEXT = "https://purl.imsglobal.org/spec/clr/v2p0/context-2.0.1.json"


def course_credentials(
    record: Mapping[str, Any],
    *,
    id_: str,
    issuer: str,
    valid_from: datetime,
    status: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return an unsecured credential for each course passed at this institution.

    Args:
        record: that of a transcript.
        id_: the URI of the credential that states it; each gets a fragment of it.
        issuer: the DID of the institution.
        valid_from: when that was issued.
        status: its place in a status list, under which all of these stand and fall.
    """
    profile = _profile(record, issuer)
    return [
        {
            "@context": [CREDENTIALS_CONTEXT, OPEN_BADGES_CONTEXT],
            "id": f"{id_}#course-{number}",
            "type": ["VerifiableCredential", "AchievementCredential"],
            "name": row["title"],
            "issuer": profile,
            "validFrom": as_text(valid_from),
            "credentialSubject": {
                "type": ["AchievementSubject"],
                "identifier": identity_objects(record["holder"]),
                "creditsEarned": row["credits"]["value"],
                **_term(row),
                "achievement": _course(row, issuer),
                "result": [_result(row, issuer)],
            },
            "credentialStatus": dict(status),
        }
        for number, row in _own(record)
    ]


def as_clr(
    record: Mapping[str, Any],
    held: Sequence[Mapping[str, Any]],
    *,
    id_: str,
    issuer: str,
    valid_from: datetime,
    status: Mapping[str, Any],
) -> dict[str, Any]:
    """Return an unsecured `ClrCredential` that gathers `held`, each secured by now.

    `held` are the `course_credentials` and perhaps badges.

    Raises:
        SecuringError: none, or more than a reader would judge.
    """
    if not 1 <= len(held) <= MOST:
        raise SecuringError(f"a record of {len(held)} credentials, not of 1 to {MOST}")
    programme = _programme(record, issuer)
    return {
        "@context": [CREDENTIALS_CONTEXT, CLR_CONTEXT, OPEN_BADGES_CONTEXT],
        "id": f"{id_}#clr",
        "type": ["VerifiableCredential", CLR],
        "name": "Transcript of Records",
        "partial": len(list(_own(record))) < len(record["results"]),
        "issuer": _profile(record, issuer),
        "validFrom": as_text(valid_from),
        "credentialSubject": {
            "type": ["ClrSubject"],
            "identifier": identity_objects(record["holder"]),
            "achievement": [programme],
            "association": [
                {
                    "type": "Association",
                    "associationType": "isPartOf",
                    "sourceId": one["credentialSubject"]["achievement"]["id"],
                    "targetId": programme["id"],
                }
                for one in held
                if _is_course(one)
            ],
            "verifiableCredential": [dict(one) for one in held],
        },
        "credentialStatus": dict(status),
    }


def _own(record: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield what the institution itself may state as achieved, with its row."""
    for number, row in enumerate(record["results"], 1):
        if row["grade"]["passed"] and not row.get("recognised_from"):
            yield number, row


def _is_course(credential: Mapping[str, Any]) -> bool:
    if ACHIEVEMENTS.isdisjoint(credential["type"]):
        return False
    achievement = credential["credentialSubject"]["achievement"]
    return bool(achievement.get("achievementType") == "Course")


def _profile(record: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    name = record["qualification"]["awarding_institution"]
    return {"id": issuer, "type": ["Profile"], "name": name}


def _programme(record: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    name = record["programme"]["name"]
    return {
        "id": f"{issuer}/achievements/programme",
        "type": ["Achievement"],
        "achievementType": "LearningProgram",
        "name": name,
        "description": name,
        "criteria": {"narrative": f"The courses of {name}."},
    }


def _course(row: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    credits_ = row["credits"]
    id_ = f"{issuer}/achievements/{row['code']}"
    return {
        "id": id_,
        "type": ["Achievement"],
        "achievementType": "Course",
        "humanCode": row["code"],
        "name": row["title"],
        "description": row["title"],
        # A bare number has no unit here: words say what it counts.
        "criteria": {
            "narrative": f"Passed, {credits_['value']} credits ({credits_['unit']})."
        },
        "creditsAvailable": credits_["value"],
        "resultDescription": [
            {
                "id": f"{id_}#grade",
                "type": ["ResultDescription"],
                "name": f"Grade ({row['grade'].get('scale', 'own scale')})",
                "resultType": "LetterGrade",
            }
        ],
    }


def _result(row: Mapping[str, Any], issuer: str) -> dict[str, Any]:
    return {
        "type": ["Result"],
        "resultDescription": f"{issuer}/achievements/{row['code']}#grade",
        "status": "Completed",
        "value": row["grade"]["label"],
    }


def _term(row: Mapping[str, Any]) -> dict[str, str]:
    taken = row.get("taken")
    if not taken:
        return {}
    parts = (str(taken["year"]), taken.get("term"))
    return {"term": " ".join(part for part in parts if part)}
