"""Is this credential verified? Asked by other software, answered in its terms.

The VC API knows one word, `verified`. It is true only if every finding that the data
model speaks of is known to be good: a status list that cannot be had, a mechanism this
node does not know or a key it could not see make it false. What kind of credential it
is, and whether its issuer is accredited, are not the data model's questions: a type
this node has no rules for is a warning, and nothing else is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from node import verifying
from node.contexts import vocabulary
from node.linked_data import LinkedData
from node.registry import Source
from protocol.credentials import presentations
from protocol.credentials.envelopes import is_enveloped, open_envelope
from protocol.credentials.findings import AUTHENTICITY, Finding, Verification
from protocol.errors import LinkedDataError, ProtocolError, SecuringError
from protocol.linked_data.rdf import quads_of

_ENVELOPED: Final = "EnvelopedVerifiableCredential"


@dataclass(frozen=True, slots=True)
class Report:
    """What was found out about one credential or presentation."""

    findings: Mapping[str, Finding] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    parts: tuple["Report", ...] = ()
    """Of the credentials in a presentation, in their order."""

    @property
    def verified(self) -> bool:
        """Tell whether nothing is wrong and nothing is unknown, in no part."""
        return not self.errors and all(part.verified for part in self.parts)

    def as_dict(self) -> dict[str, Any]:
        """Return it as the VC API answers."""
        told: dict[str, Any] = {
            "verified": self.verified,
            "errors": self.all_errors(),
            "warnings": list(self.warnings),
            "findings": {
                name: {
                    "result": str(finding.result),
                    "reason": finding.reason,
                    "evidence": finding.evidence,
                }
                for name, finding in self.findings.items()
            },
        }
        if self.parts:
            told["credentialResults"] = [part.as_dict() for part in self.parts]
        return told

    def all_errors(self) -> list[str]:
        """Return the errors of this one and of its parts."""
        inner = [error for part in self.parts for error in part.all_errors()]
        return [*self.errors, *inner]


@dataclass(frozen=True, slots=True)
class Checker:
    """Verifies with one source of what documents point to."""

    source: Source
    linked_data: LinkedData | None = None
    any_controller: bool = False
    """Take a proof also where its key is not the issuer's: some suites sign the
    credentials of invented issuers. Never for a real node: a signature of somebody
    else says nothing about the issuer."""

    async def credential(self, value: Any, at: datetime) -> Report:
        """Find out whether a credential holds, secured as an object or as a text."""
        try:
            octets, media_type = _document(value)
            verification, _ = await verifying.verify(
                octets,
                media_type=media_type,
                source=self.source,
                accreditations=(),
                anchors=(),
                at=at,
                linked_data=self.linked_data,
            )
        except ProtocolError as error:
            return Report(errors=(f"{error.title}: {error}",))
        return _judged(verification, self._required)

    async def presentation(
        self,
        value: Any,
        at: datetime,
        *,
        challenge: str | None = None,
        domain: str | None = None,
    ) -> Report:
        """Find out whether a presentation holds, and each credential in it.

        `challenge` and `domain` are what its holder was asked to sign, if anything.
        """
        try:
            presented = await verifying.verify_presentation(
                _octets(value),
                media_type=None,
                source=self.source,
                accreditations=(),
                anchors=(),
                at=at,
                challenge=challenge,
                domain=domain,
                linked_data=self.linked_data,
            )
        except ProtocolError as error:
            return Report(errors=(f"{error.title}: {error}",))
        shown = presented.shown
        errors = [
            f"{name}: {shown.findings[name].reason}"
            for name in presentations.REQUIRED
            if not shown.findings[name].passes
        ]
        if shown.presentation.media_type == "application/vp":
            errors += _meaning(shown.presentation.claims)
        parts = [
            Report(errors=(one,))
            if isinstance(one, str)
            else _judged(one, self._required)
            for one in presented.credentials
        ]
        return Report(shown.findings, tuple(errors), parts=tuple(parts))

    @property
    def _required(self) -> tuple[str, ...]:
        if not self.any_controller:
            return AUTHENTICITY
        return tuple(name for name in AUTHENTICITY if name != "issuer_identified")


def _octets(value: Any) -> bytes:
    """Return what is posted as it would be in a file: an object, or a secured text."""
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        return value.encode()
    if not isinstance(value, dict):
        raise SecuringError("an object is expected, or a text that secures one")
    return json.dumps(value, ensure_ascii=False).encode()


def _document(value: Any) -> tuple[bytes, str | None]:
    """Return the secured document as octets, and its media type where it is stated."""
    if isinstance(value, dict) and is_enveloped(value, _ENVELOPED):
        return open_envelope(value, _ENVELOPED)
    return _octets(value), "application/vc" if isinstance(value, dict) else None


def _meaning(claims: Mapping[str, Any]) -> list[str]:
    """Say what in a document of the data model no context gives a meaning."""
    if "@context" not in claims:
        return []
    try:
        quads_of({n: v for n, v in claims.items() if n != "proof"}, vocabulary())
    except LinkedDataError as error:
        return [f"meaning: {error}"]
    return []


def _judged(verification: Verification, required: tuple[str, ...]) -> Report:
    errors, warnings = _meaning(verification.document.claims), []
    for name in required:
        finding = verification.findings[name]
        if finding.passes:
            continue
        said = f"{name}: {finding.reason}"
        if finding.evidence.get("unknown") == "kind":
            warnings.append(said)
        else:
            errors.append(said)
    return Report(verification.findings, tuple(errors), tuple(warnings))
