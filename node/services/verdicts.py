"""Verdicts in a form pages can show: of a received item, and of anybody's file."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import Connection

from adapters import baked, elmo, elmo_signature
from adapters.elmo_signature import Verdict as Seal
from adapters.source import SourceError
from node.context import NodeContext
from node.services import receipts
from node.services.parties import parties
from node.services.proposing import Field, fields_of
from node.services.receipts import Shown
from node.store import exchanges
from node.store.engine import Store
from node.verifying import Presented
from protocol.credentials import model
from protocol.credentials.findings import POLICIES, Finding, Verification
from protocol.credentials.model import SecuredDocument
from protocol.errors import NotFoundError, ProtocolError

Policy = Literal["recognition", "authenticity"]
_PACKED = (b"\x1f\x8b", b"H4sI", b"PD94bWwg", b"PGVsbW8", b"77u/PD94")
"""How gzip, base64 of gzip, and base64 of XML or of ELMO begin."""
_ELMO_NAMESPACES = (b"<elmo", b":elmo")


class Unreadable(Exception):  # noqa: N818 - a condition of the file, not of the node
    """A file is none of the kinds that can be judged; the message says why."""


@dataclass(frozen=True, slots=True)
class VerdictPage:
    """One verdict with what it is about."""

    overall: str
    policy: str
    findings: tuple[Shown, ...]
    name: str
    digest: str
    kind: str
    issuer: str
    issuer_name: str
    holder: str
    title: str
    award_date: date | None
    valid_until: datetime | None
    at: datetime
    content: tuple[Field, ...]
    kept: bool
    verified_at: datetime | None = None
    parts: tuple["VerdictPage | str", ...] = ()
    """Of the credentials in a presentation; a text says why one cannot be read."""


def of_item(
    connection: Connection, *, context: NodeContext, delivery_id: str, item_id: str
) -> VerdictPage:
    """Return the stored verdict on one received document.

    Raises:
        NotFoundError: no such document was received here.
    """
    delivery = exchanges.delivery(connection, vault=context.vault, id=delivery_id)
    found = exchanges.item(
        connection, vault=context.vault, delivery_id=delivery_id, item_id=item_id
    )
    if delivery is None or found is None or delivery.direction != "in":
        raise NotFoundError("no such document")
    verdict: Mapping[str, Any] = found.verdict or {}
    document = _document(found.octets)
    names = {one.did: one.called for one in parties(connection).values()}
    return _page(
        document,
        overall=str(verdict.get("overall") or "undetermined"),
        policy=str(verdict.get("policy") or "recognition"),
        findings=receipts.of_verdict(verdict),
        name=receipts.kind_of_item(item_id),
        digest=found.digest,
        names=names,
        at=found.verified_at or delivery.at,
        kept=found.octets is not None,
        kind=receipts.kind_of_item(item_id),
    )


async def of_upload(
    octets: bytes,
    *,
    name: str,
    policy: Policy,
    verify: Callable[[bytes], Awaitable[Verification | Presented]],
    context: NodeContext,
    store: Store,
    at: datetime,
) -> VerdictPage:
    """Judge a file of anybody's; nothing of it is kept.

    Raises:
        Unreadable: it is no document that can be judged.
        ProtocolError: it is one, and damaged.
    """
    digest = f"SHA-256 {sha256(octets).hexdigest()}"
    names = {one.did: one.called for one in (await store.read(parties)).values()}
    names[str(context.did)] = context.settings.legal_name
    try:
        if is_elmo(octets):
            return await asyncio.to_thread(
                of_elmo, octets, name=name, policy=policy, digest=digest, at=at
            )
        inner = await asyncio.to_thread(baked.unwrap, octets)
    except SourceError as error:
        raise Unreadable(str(error)) from error
    found = await verify(inner)
    common: dict[str, Any] = {
        "policy": policy,
        "name": name,
        "digest": digest,
        "at": at,
    }

    def page(one: Verification) -> VerdictPage:
        return _page(
            one.document,
            overall=str(one.overall(policy)),
            findings=_findings(one.findings),
            names=names,
            kept=False,
            **common,
        )

    if isinstance(found, Verification):
        return page(found)
    parts = (one if isinstance(one, str) else page(one) for one in found.credentials)
    return _page(
        None,
        overall=found.overall(policy),
        findings=_findings(
            {in_presentation(n): one for n, one in found.shown.findings.items()}
        ),
        names=names,
        kept=False,
        kind="presentation",
        parts=tuple(parts),
        **common,
    )


def in_presentation(name: str) -> str:
    """Return under what name a finding is told that is about a presentation itself."""
    special = name in ("key_at_signing", "holder_binding")
    return f"presentation.{name}" if special else name


def _findings(findings: Mapping[str, Finding]) -> tuple[Shown, ...]:
    return receipts.in_order(
        [
            Shown(
                name,
                str(finding.result),
                finding.reason or "",
                receipts.evidence_words(finding.evidence),
            )
            for name, finding in findings.items()
        ]
    )


def _document(octets: bytes | None) -> SecuredDocument | None:
    if octets is None:
        return None
    try:
        return model.read(octets, None)
    except ProtocolError:
        return None


def _page(
    document: SecuredDocument | None,
    *,
    names: Mapping[str, str],
    kind: str = "",
    **values: Any,
) -> VerdictPage:
    if document is None:
        return VerdictPage(
            kind=kind,
            issuer="",
            issuer_name="",
            holder="",
            title="",
            award_date=None,
            valid_until=None,
            content=(),
            **values,
        )
    record: Mapping[str, Any] = document.record
    issuer, did = document.issuer_id, document.issuer
    known = names.get(issuer) or (did.domain if did else "") or document.issuer_name
    return VerdictPage(
        kind=document.kind or kind or "credential",
        issuer=issuer,
        issuer_name=known,
        holder=_holder(record),
        title=_title(record),
        award_date=document.award_date,
        valid_until=document.valid_until,
        content=fields_of("", record),
        **values,
    )


def _part(record: Mapping[str, Any], group: str, name: str) -> str:
    found = record.get(group)
    return str(found.get(name) or "") if isinstance(found, Mapping) else ""


def _holder(record: Mapping[str, Any]) -> str:
    native = _part(record, "holder", "name_native")
    parts = (_part(record, "holder", n) for n in ("given_name", "family_name"))
    latin = " ".join(part for part in parts if part)
    return f"{latin} ({native})" if latin and native else latin or native


def _title(record: Mapping[str, Any]) -> str:
    for group, name in (
        ("qualification", "title"),
        ("achievement", "title"),
        ("certificate", "title"),
        ("programme", "name"),
    ):
        if found := _part(record, group, name):
            return found
    return ""


# --- ELMO


def is_elmo(octets: bytes) -> bool:
    """Whether a file is an ELMO document, plain or packed as EMREX sends it."""
    head = octets[:65536]
    if head.lstrip().startswith(_PACKED):
        return True
    return not baked.is_picture(octets) and any(n in head for n in _ELMO_NAMESPACES)


def of_elmo(
    octets: bytes, *, name: str, policy: Policy, digest: str, at: datetime
) -> VerdictPage:
    """Judge the signature of an ELMO document.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        found = elmo.read(octets, file=name, document="", at=at)
        unread = ""
    except SourceError as error:
        # A form that is not read may be signed all the same.
        seal, _ = elmo_signature.verify(elmo_signature.unpack(octets), at=at)
        found, unread = elmo.ElmoDocument("", seal, None, (), ()), str(error)
    findings = _elmo_findings(found.verdict, unread)
    results = {one.result for one in findings if one.name in POLICIES[policy]}
    overall = "valid"
    if "invalid" in results:
        overall = "invalid"
    elif "unknown" in results:
        overall = "undetermined"
    record = found.record
    person = record.person.name("latin", "kanji") if record else None
    return VerdictPage(
        overall=overall,
        policy=policy,
        findings=receipts.in_order(findings),
        name=name,
        digest=digest,
        kind="elmo",
        issuer=found.verdict.subject or "",
        issuer_name=", ".join(one.best() for one in found.issuers),
        holder=f"{person.given} {person.family}".strip() if person else "",
        title="",
        award_date=record.awards[0].awarded_on if record and record.awards else None,
        valid_until=None,
        at=at,
        content=(),
        kept=False,
    )


def _elmo_findings(seal: Seal, unread: str) -> list[Shown]:
    """State what an XML signature is worth in the words of a credential's findings."""
    expired = next((r for r in seal.remarks if "expired" in r), "")
    others = "; ".join(r for r in seal.remarks if r != expired)
    signer = tuple(part for part in (seal.subject, seal.fingerprint) if part)
    integrity = {"invalid": "invalid", "unsigned": "unknown"}.get(seal.result, "valid")
    known = "valid" if seal.signer_known else "unknown"
    reason = "" if seal.result == "valid" else seal.result
    return [
        Shown(
            "integrity", integrity, "; ".join(filter(None, (reason, others))), signer
        ),
        Shown("issuer_identified", known, "", signer),
        Shown("key_at_signing", known, "", ()),
        Shown(
            "validity_period", "invalid" if expired else "not-applicable", expired, ()
        ),
        Shown("issuer_accredited_at_award", "unknown", "", ()),
        Shown("status_now", "not-applicable", "", ()),
        Shown("schema", "unknown" if unread else "valid", unread, ()),
    ]
