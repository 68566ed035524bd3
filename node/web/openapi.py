"""The interface for peers and the public as OpenAPI 3.1, served at `/openapi.json`.

A test holds the paths here against the routes of the application.
"""

import json
from typing import Any

from protocol.errors import PROBLEMS

_MESSAGE = "application/didcomm-encrypted+json"
_PROBLEM: dict[str, Any] = {
    "description": "What went wrong (RFC 9457)",
    "content": {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    },
}
_SIGNED: list[dict[str, list[str]]] = [{"lrxSignature": []}]


def _get(summary: str, media_type: str, *, parameter: str = "") -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": summary, "content": {media_type: {"schema": {}}}},
            "404": _PROBLEM,
        },
    }
    if parameter:
        operation["parameters"] = [
            {
                "name": parameter,
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
            }
        ]
    return {"get": operation}


def _post(summary: str, limit: str, *, answer: str, status: str) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "description": f"The body is at most {limit}; no content encoding.",
            "security": _SIGNED,
            "requestBody": {
                "required": True,
                "content": {_MESSAGE: {"schema": {"$ref": "#/components/schemas/Jwe"}}},
            },
            "responses": {
                status: {
                    "description": answer,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/Accepted"}
                        }
                    },
                },
                **dict.fromkeys(
                    (
                        *("400", "401", "403", "404", "409", "410"),
                        *("413", "415", "421", "422", "429", "503"),
                    ),
                    _PROBLEM,
                ),
            },
        }
    }


_ECHO: dict[str, Any] = {
    "post": {
        "summary": "What the node understood of a signed request; holds nothing",
        "security": _SIGNED,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {}}},
        },
        "responses": {
            "200": {
                "description": "The signature base and who signed it",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "401": _PROBLEM,
            "409": _PROBLEM,
        },
    }
}

_JSON_OBJECT: dict[str, Any] = {"application/json": {"schema": {"type": "object"}}}
_TOKEN: list[dict[str, list[str]]] = [{"vcApiToken": []}]


def _vc(
    summary: str,
    status: str,
    *parameters: str,
    method: str = "post",
    security: list[dict[str, list[str]]] | None = None,
) -> dict[str, Any]:
    """Describe a route of the VC API, which answers in JSON whatever happens."""
    operation: dict[str, Any] = {
        "summary": summary,
        "description": "On the listener `[vc_api]` of a node that has one.",
        "security": security or [],
        "responses": {
            status: {"description": summary, "content": _JSON_OBJECT},
            **{
                refused: {"description": "`errors` says why", "content": _JSON_OBJECT}
                for refused in ("400", "404", *(("401",) if security else ()))
            },
        },
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string"},
            }
            for name in parameters
        ],
    }
    if method == "post":
        operation["requestBody"] = {"required": True, "content": _JSON_OBJECT}
    return {method: operation}


_ISSUE = "Secure a credential"
_VC_API: dict[str, Any] = {
    "/vc-api/credentials/issue": _vc(_ISSUE, "201", security=_TOKEN),
    "/vc-api/issuers/{name}/credentials/issue": _vc(
        f"{_ISSUE} with the issuer of that name", "201", "name", security=_TOKEN
    ),
    "/vc-api/issuers/{name}/{key}/credentials/issue": _vc(
        f"{_ISSUE} with that kind of key", "201", "name", "key", security=_TOKEN
    ),
    "/vc-api/credentials/verify": _vc(
        "`verified`, and every finding; 400 where it is false", "200"
    ),
    "/vc-api/credentials/derive": _vc(
        "Show part of a credential (ecdsa-sd-2023, bbs-2023)", "201"
    ),
    "/vc-api/presentations": _vc(
        "Prove a presentation as its holder", "201", security=_TOKEN
    ),
    "/vc-api/presentations/verify": _vc(
        "`verified`, with each credential; 400 where it is false", "200"
    ),
    "/vc-api/credentials/status": _vc(
        "Set the status of a credential", "200", security=_TOKEN
    ),
    **{
        f"{base}/1.0/identifiers/{{did}}": _vc(
            "What a DID resolves to, or a DID URL leads to", "200", "did", method="get"
        )
        for base in ("", "/vc-api")
    },
    "/vc-api/status/{purpose}": _vc(
        "Status list of a throw-away node", "200", "purpose", method="get"
    ),
}

_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Learner record exchange node",
        "version": "1.0",
        "summary": "LRX 1.0, for peers and the public",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "paths": {
        "/lrx/1/inbox": _post(
            "Deliver one message",
            "256 KiB",
            answer="Stored durably, not yet acted on",
            status="202",
        ),
        "/lrx/1/introduce": _post(
            "Deliver one peer/introduce, the only message a stranger may send",
            "16 KiB",
            answer="Stored durably, not yet acted on",
            status="202",
        ),
        "/lrx/1/echo": _ECHO,
        "/.well-known/did.jsonl": _get("DID log (did:webvh)", "text/jsonl"),
        "/.well-known/did.json": _get(
            "Parallel did:web document", "application/did+json"
        ),
        "/.well-known/lrx": _get("Signed profile", "application/lrx-profile+jwt"),
        "/.well-known/security.txt": _get("Where to report a weakness", "text/plain"),
        "/status/{list}": _get(
            "Bitstring Status List credential", "application/vc", parameter="list"
        ),
        "/log/checkpoint": _get("Signed head of the audit log", "text/plain"),
        "/log/tile/{path}": _get(
            "Tile of the audit log (C2SP tlog-tiles)",
            "application/octet-stream",
            parameter="path",
        ),
        "/health/live": _get("The process answers", "application/json"),
        "/health/ready": _get("The database answers too", "application/json"),
        "/metrics": _get("Counters for Prometheus", "text/plain"),
        "/openapi.json": _get("This document", "application/json"),
        **_VC_API,
    },
    "components": {
        "securitySchemes": {
            "vcApiToken": {"type": "http", "scheme": "bearer"},
            "lrxSignature": {
                "type": "http",
                "scheme": "signature",
                "description": "RFC 9421, profile lrx-1: see SPECIFICATION.md",
            },
        },
        "schemas": {
            "Accepted": {
                "type": "object",
                "required": ["accepted", "duplicate", "last"],
                "properties": {
                    "accepted": _ID,
                    "duplicate": {"type": "boolean"},
                    "last": {"oneOf": [_ID, {"type": "null"}]},
                },
            },
            "Jwe": {
                "type": "object",
                "description": "General JSON serialization, one recipient",
                "required": ["protected", "recipients", "iv", "ciphertext", "tag"],
                "additionalProperties": False,
                "properties": {
                    "protected": {"type": "string"},
                    "iv": {"type": "string"},
                    "ciphertext": {"type": "string"},
                    "tag": {"type": "string"},
                    "recipients": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": 1,
                        "items": {"type": "object"},
                    },
                },
            },
            "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "code"],
                "properties": {
                    "type": {"type": "string", "examples": [PROBLEMS + "e.m.notfound"]},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                    "trace": {"type": "string"},
                },
            },
        },
    },
}
DOCUMENT = json.dumps(OPENAPI, ensure_ascii=False).encode()
"""The document as it is served."""
