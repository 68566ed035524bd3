"""The three documents that credentials are measured with, unsecured and invented.

A minimal credential, an Open Badges 3.0 achievement, and a diploma that states 60
courses: 18 kB, made here so that everyone measures the same.
"""

from collections.abc import Mapping
from typing import Any

V2 = "https://www.w3.org/ns/credentials/v2"
OB3 = "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"
_EXTENSIONS = "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json"
_COURSES = 60


def documents(issuer: str) -> Mapping[str, dict[str, Any]]:
    """Return the documents by name, as issued by the DID `issuer`."""
    return {
        "minimal": _minimal(issuer),
        "badge": _badge(issuer),
        "diploma": _diploma(issuer),
    }


def _minimal(issuer: str) -> dict[str, Any]:
    return {
        "@context": [V2],
        "type": ["VerifiableCredential"],
        "id": "urn:uuid:7a3c1f0e-3f0a-4d5e-9a34-08d2d1f3c001",
        "issuer": issuer,
        "validFrom": "2026-03-25T00:00:00Z",
        "credentialSubject": {"id": "did:example:learner"},
    }


def _badge(issuer: str) -> dict[str, Any]:
    grade = "urn:uuid:7a3c1f0e-3f0a-4d5e-9a34-08d2d1f3c100"
    levels = [
        ("novice", "Novice", "Follows a given procedure."),
        ("able", "Able", "Chooses a procedure and gives the reasons."),
        ("expert", "Expert", "Designs a procedure for a new question."),
    ]
    return {
        "@context": [V2, OB3, _EXTENSIONS],
        "id": "urn:uuid:7a3c1f0e-3f0a-4d5e-9a34-08d2d1f3c002",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": "データ分析 入門",
        "issuer": {
            "id": issuer,
            "type": ["Profile"],
            "name": "University A",
            "url": "https://uni-a.example/",
        },
        "validFrom": "2026-03-25T00:00:00Z",
        "awardedDate": "2026-03-20T00:00:00Z",
        "credentialSubject": {
            "id": "did:example:learner",
            "type": ["AchievementSubject"],
            "achievement": {
                "id": "https://uni-a.example/badges/data-analysis",
                "type": ["Achievement"],
                "achievementType": "MicroCredential",
                "name": "Introduction to data analysis",
                "description": "Reads, cleans and describes a table of data.",
                "criteria": {"narrative": "Two projects and an oral examination."},
                "creditsAvailable": 2.0,
                "tag": ["data", "statistics"],
                "alignment": [
                    {
                        "type": ["Alignment"],
                        "targetName": "Data analysis",
                        "targetUrl": "https://frameworks.example/skills/42",
                        "targetFramework": "Skills",
                    }
                ],
                "resultDescription": [
                    {
                        "id": grade,
                        "type": ["ResultDescription"],
                        "name": "Grade",
                        "resultType": "LetterGrade",
                        "allowedValue": ["S", "A", "B", "C", "D"],
                        "requiredValue": "C",
                        "rubricCriterionLevel": [
                            {
                                "id": f"https://uni-a.example/levels/{key}",
                                "type": ["RubricCriterionLevel"],
                                "name": name,
                                "description": text,
                            }
                            for key, name, text in levels
                        ],
                    }
                ],
            },
            "result": [
                {
                    "type": ["Result"],
                    "resultDescription": grade,
                    "value": "A",
                }
            ],
        },
        "credentialStatus": {
            "id": "https://uni-a.example/status/1#4711",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": "4711",
            "statusListCredential": "https://uni-a.example/status/1",
        },
        "credentialSchema": [
            {
                "id": "https://uni-a.example/schemas/badge.json",
                "type": "1EdTechJsonSchemaValidator2019",
            }
        ],
        "evidence": [
            {
                "id": "https://uni-a.example/evidence/1",
                "type": ["Evidence"],
                "name": "Project report",
                "narrative": "A report on traffic in the old town.",
            }
        ],
    }


def _diploma(issuer: str) -> dict[str, Any]:
    courses = [_course(number) for number in range(1, _COURSES + 1)]
    return {
        "@context": [V2, OB3],
        "id": "urn:uuid:7a3c1f0e-3f0a-4d5e-9a34-08d2d1f3c003",
        "type": ["VerifiableCredential", "AchievementCredential"],
        "name": "Bachelor of Engineering",
        "issuer": {"id": issuer, "type": ["Profile"], "name": "University A"},
        "validFrom": "2026-03-25T00:00:00Z",
        "awardedDate": "2026-03-25T00:00:00Z",
        "credentialSubject": {
            "id": "did:example:learner",
            "type": ["AchievementSubject"],
            "creditsEarned": 124.0,
            "achievement": {
                "id": "https://uni-a.example/programmes/be",
                "type": ["Achievement"],
                "achievementType": "BachelorDegree",
                "name": "Bachelor of Engineering",
                "description": "A first degree of four years in engineering.",
                "criteria": {"narrative": "124 credits, a thesis, an examination."},
                "resultDescription": [described for described, _ in courses],
            },
            "result": [reached for _, reached in courses],
        },
    }


def _course(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return how a course is graded, and the grade."""
    key = f"https://uni-a.example/courses/{number:03}"
    described = {
        "id": key,
        "type": ["ResultDescription"],
        "name": f"Course {number}: 工学の基礎と応用 第{number}部",
        "resultType": "LetterGrade",
        "requiredValue": "60",
    }
    reached = {
        "type": ["Result"],
        "resultDescription": key,
        "value": str(60 + number * 7 % 41),
    }
    if number % 2:
        reached["status"] = "Completed"
    return described, reached
