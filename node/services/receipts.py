"""What a recipient said, under its signature, about what it received."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from protocol.errors import ProtocolError
from protocol.exchange import envelope

ORDER = (
    "integrity",
    "issuer_identified",
    "key_at_signing",
    "validity_period",
    "issuer_accredited_at_award",
    "programme_accredited_at_award",
    "status_now",
    "status_at",
    "schema",
    "holder_binding",
    "time_evidence",
)
"""The order in which findings are shown: what decides comes first."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One finding in words a page can show."""

    name: str
    result: str
    reason: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """One item of a receipt."""

    kind: str
    result: str
    findings: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt, its signature checked when it was taken in."""

    at: datetime
    items: tuple[Received, ...]
    obligations: tuple[Mapping[str, Any], ...]


def read_receipt(jws: bytes) -> Receipt | None:
    """Read a stored receipt; None if it cannot be read any more."""
    try:
        body = json.loads(envelope.read(jws).payload)["body"]
        return Receipt(
            datetime.fromisoformat(body["received_at"]).astimezone(UTC),
            tuple(_received(item) for item in body["items"]),
            tuple(body.get("obligations") or ()),
        )
    except (ProtocolError, KeyError, TypeError, ValueError):
        return None


def _received(item: Mapping[str, Any]) -> Received:
    checks: Mapping[str, str] = item.get("checks") or {}
    return Received(
        kind_of_item(str(item["item_id"])),
        str(item["result"]),
        in_order([Shown(name, str(r), "", ()) for name, r in checks.items()]),
    )


def kind_of_item(item_id: str) -> str:
    """Return the kind of record an item id of ours names.

    Ids are the kind with underscores, and a number after `~` if amended.
    """
    return item_id.split("~", 1)[0].replace("_", "-")


def in_order(findings: Sequence[Shown]) -> tuple[Shown, ...]:
    """Sort findings for reading; names not known here come last."""
    return tuple(
        sorted(
            findings,
            key=lambda one: ORDER.index(one.name) if one.name in ORDER else len(ORDER),
        )
    )


def of_verdict(verdict: Mapping[str, Any]) -> tuple[Shown, ...]:
    """Read the findings of a stored verdict."""
    findings: Mapping[str, Mapping[str, Any]] = verdict.get("findings") or {}
    return in_order(
        [
            Shown(
                name,
                str(one["result"]),
                str(one.get("reason") or ""),
                evidence_words(one.get("evidence")),
            )
            for name, one in findings.items()
        ]
    )


def evidence_words(evidence: Any) -> tuple[str, ...]:
    """Write evidence as short pieces, whatever its shape."""
    match evidence:
        case None | "":
            return ()
        case str():
            return (evidence,)
        case Mapping():
            return tuple(
                f"{name}: {piece}"
                for name, member in evidence.items()
                for piece in evidence_words(member)
            )
        case list() | tuple():
            return tuple(
                piece for member in evidence for piece in evidence_words(member)
            )
        case _:
            return (str(evidence),)
