"""The evidence pack: a delivery that can still be proved when every node is gone.

A pack holds what was said (the signed messages), what was delivered (the octets of the
items), what makes it believable (DID logs, accreditations, status lists as of the
receipt, log proofs) and a manifest of it all, signed by the party that made the pack.
`build_pack` writes one; `verify_pack` judges one without asking anybody, check by
check: every one of `CHECKS` must hold.

The moment a pack is about is that of the receipt. Status lists fetched later may be
added and are reported, never judged. Without timestamps and witnesses the level of its
time evidence is T0: the parties' own word (LRX 1.0, section "Verification result").
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from protocol.errors import ProtocolError
from protocol.exchange import evidence_archive
from protocol.exchange.evidence_checks import CHECKS
from protocol.exchange.evidence_manifest import (
    FORMAT,
    MANIFEST,
    SIGNATURE,
    SIGNATURE_TYPE,
    LeafAbout,
    Manifest,
    MessageRole,
    digest,
)
from protocol.exchange.examination import Examination
from protocol.identity.dids import Did, DidUrl
from protocol.identity.keys import SigningKey
from protocol.identity.multibase import as_base64url
from protocol.linked_data.jcs import canonical
from protocol.rules.validation import Verification
from protocol.securing import jose


@dataclass(frozen=True, slots=True)
class History:
    """The octets a DID's history is read from."""

    octets: bytes
    seen: datetime | None = None
    """For a DID without a log: when the document was seen. None for a log."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One event of the exporter's log, and where it stands in the tree."""

    event: Mapping[str, Any]
    blind: bytes
    index: int
    proof: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """What a pack shows of the exporter's log."""

    key: str
    """As `merkle_log.note_key` writes it."""
    origin: str
    checkpoint: bytes
    leaves: Mapping[LeafAbout, Leaf]


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything a pack is made from."""

    delivery_id: str
    messages: Mapping[MessageRole, bytes]
    """The JWS of each message; `deliver` and `receipt` must be there."""
    items: Mapping[str, bytes]
    policy: Mapping[str, Any]
    dids: Mapping[str, History]
    """Of all parties: both ends, the issuers, accreditors, anchors."""
    accreditations: Sequence[bytes]
    status_lists: Mapping[str, bytes]
    """As they were when the receipt was written, by address."""
    log: LogExcerpt
    anchors: Sequence[str]
    later_status_lists: Mapping[str, bytes] = field(default_factory=dict)


def build_pack(
    contents: Contents, *, key: SigningKey, kid: DidUrl, at: datetime
) -> bytes:
    """Write the pack of one delivery, signed with a message key of its maker.

    The same contents, key and moment give the same octets (with Ed25519, whose
    signatures do not vary).

    Raises:
        SizeError: more than an archive may hold.
        MalformedValueError: something has no canonical JSON form.
        pydantic.ValidationError: the contents make no manifest; a mistake of ours.
    """
    files: dict[str, bytes] = {}
    log = contents.log
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "created": at.isoformat(),
        "created_by": str(kid),
        "deliveries": [contents.delivery_id],
        "time_evidence": "T0",
        "anchors": [str(anchor) for anchor in contents.anchors],
        "messages": _put(files, "messages/{name}.json", contents.messages),
        "items": _put(files, "items/{number}", contents.items),
        "policy": "policy.json",
        "dids": _put_dids(files, contents.dids),
        "accreditations": list(
            _put(
                files, "accreditations/{number}", _numbered(contents.accreditations)
            ).values()
        ),
        "status_lists": _put(files, "status/{number}", contents.status_lists),
        "later_status_lists": _put(
            files, "later/{number}", contents.later_status_lists
        ),
        "log": {
            "origin": log.origin,
            "key": log.key,
            "checkpoint": "log/checkpoint",
            "leaves": _put(
                files,
                "log/{name}.json",
                {about: canonical(_opened(leaf)) for about, leaf in log.leaves.items()},
            ),
        },
    }
    files["policy.json"] = canonical(dict(contents.policy))
    files["log/checkpoint"] = log.checkpoint
    manifest["files"] = {name: digest(octets) for name, octets in files.items()}
    Manifest.model_validate(manifest)
    files[MANIFEST] = canonical(manifest)
    statement = {
        "iss": str(kid.did),
        "iat": int(at.timestamp()),
        "manifest": digest(files[MANIFEST]),
    }
    files[SIGNATURE] = jose.secure(
        statement, key=key, kid=kid, typ=SIGNATURE_TYPE
    ).encode()
    return evidence_archive.write(files)


@dataclass(frozen=True, slots=True)
class PackCheck:
    """One check of a pack."""

    name: str
    holds: bool
    reason: str


@dataclass(frozen=True, slots=True)
class PackReport:
    """What was found about a pack."""

    checks: tuple[PackCheck, ...]
    """All of `CHECKS`, in order."""
    manifest: Manifest | None
    anchors: tuple[Did, ...]
    """Those the findings were judged by."""
    verifications: Mapping[str, Verification]
    """As of the receipt, by item."""
    later: Mapping[str, Verification]
    """With the later status lists, as of the making of the pack; not judged."""

    @property
    def ok(self) -> bool:
        """Whether the pack is complete and every check holds."""
        return all(check.holds for check in self.checks)


def verify_pack(octets: bytes, *, anchors: Collection[Did] | None = None) -> PackReport:
    """Judge a pack, asking nobody.

    `anchors` are whom the reader trusts; without them those of the pack's maker count,
    and the report says so. Never raises for what the octets are: a pack that cannot be
    read fails its first check.
    """
    examination = Examination(octets, anchors)
    checks = []
    for name, check in CHECKS.items():
        try:
            reason = check(examination)
        except ProtocolError as error:
            reason = str(error)
        checks.append(PackCheck(name, not reason, reason or "holds"))
    if examination.found_manifest is None:
        return PackReport(tuple(checks), None, (), {}, {})
    return PackReport(
        tuple(checks),
        examination.manifest,
        examination.anchors,
        examination.verifications,
        _later(examination),
    )


def _later(examination: Examination) -> dict[str, Verification]:
    """Judge by the later status lists, where the manifest names ones that are there."""
    if not examination.manifest.later_status_lists:
        return {}
    try:
        return {
            item_id: examination.assess_later(item_id)
            for item_id in examination.verifications
        }
    except ProtocolError:
        # That a file is missing is told by the checks.
        return {}


def _put(
    files: dict[str, bytes], pattern: str, contents: Mapping[Any, bytes]
) -> dict[str, str]:
    """Add `contents` to `files` under names of our own; return which got which."""
    placed: dict[str, str] = {}
    for number, (name, octets) in enumerate(contents.items(), 1):
        file = pattern.format(name=name, number=number)
        files[file] = octets
        placed[str(name)] = file
    return placed


def _put_dids(
    files: dict[str, bytes], histories: Mapping[str, History]
) -> dict[str, dict[str, str]]:
    placed = _put(
        files, "dids/{number}", {did: one.octets for did, one in histories.items()}
    )
    described: dict[str, dict[str, str]] = {}
    for did, file in placed.items():
        seen = histories[did].seen
        described[did] = {"file": file, "form": "log" if seen is None else "document"}
        if seen is not None:
            described[did]["seen"] = seen.isoformat()
    return described


def _numbered(octets: Sequence[bytes]) -> dict[str, bytes]:
    return {str(number): one for number, one in enumerate(octets)}


def _opened(leaf: Leaf) -> dict[str, Any]:
    return {
        "event": dict(leaf.event),
        "blind": as_base64url(leaf.blind),
        "index": leaf.index,
        "proof": [as_base64url(one) for one in leaf.proof],
    }
