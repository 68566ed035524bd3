"""The checks of an evidence pack, each a function from the pack to what is wrong.

A check returns an empty text where it holds, or says what was found; what it raises is
a `ProtocolError` and counts as found too. The order is that in which they rest on each
other: a check whose ground is missing says so and fails.

The pack is hostile until the end: nothing in it is believed because a manifest says so,
only because a signature, a digest or a recomputed value agrees.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from pydantic import ValidationError

from protocol.credentials import model
from protocol.credentials.claims_paths import Path, covers, leaves
from protocol.errors import CryptoError, MalformedValueError, ProtocolError
from protocol.exchange import did_log, evidence_archive
from protocol.exchange.envelope import message_digest
from protocol.exchange.evidence_manifest import (
    MANIFEST,
    SIGNATURE,
    SIGNATURE_TYPE,
    DidFile,
    LeafProof,
    Manifest,
    digest,
)
from protocol.exchange.examination import Examination
from protocol.exchange.merkle_log import (
    Checkpoint,
    leaf,
    leaf_hash,
    parse_note_key,
    verify_inclusion,
)
from protocol.exchange.messages import policy_digest
from protocol.exchange.odrl import check_policy
from protocol.identity.dids import Did, DidDocument, DidHistory
from protocol.identity.multibase import from_base64url
from protocol.linked_data.jcs import canonical, parse_strict
from protocol.securing import jose

BEFORE = timedelta(seconds=300)
"""How long before a message was made its key may have left the document."""

_BY_SOURCE = frozenset({"offer", "deliver"})


def _archive(pack: Examination) -> str:
    pack.entries = evidence_archive.read(pack.octets)
    return ""


def _manifest(pack: Examination) -> str:
    octets = pack.file(MANIFEST)
    value = parse_strict(octets)
    try:
        pack.found_manifest = Manifest.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return "" if canonical(value) == octets else "not in canonical form"


def _files(pack: Examination) -> str:
    manifest = pack.manifest
    if {*manifest.files, MANIFEST, SIGNATURE} != set(pack.entries):
        return "the manifest does not list exactly what is in the pack"
    if manifest.named() != set(manifest.files):
        return "a file is there for nothing, or missing"
    for name, stated in manifest.files.items():
        if digest(pack.file(name)) != stated:
            return f"{name} is not what the manifest says"
    return ""


def _dids(pack: Examination) -> str:
    wrong = []
    for did, one in pack.manifest.dids.items():
        try:
            pack.histories[str(did)] = _history(pack, did, one)
        except ProtocolError as error:
            wrong.append(f"{did}: {error}")
    return "; ".join(wrong)


def _exporter(pack: Examination) -> str:
    manifest = pack.manifest
    jws = jose.read(pack.file(SIGNATURE).decode("ascii", "replace"), SIGNATURE_TYPE)
    made = manifest.created
    if jws.kid != manifest.created_by:
        return "signed by another key than the manifest names"
    if not any(jose.verify(jws, key) for key in pack.keys(jws.kid, made, made)):
        return "the signature of the manifest does not hold"
    if jws.claims != {
        "iss": str(jws.kid.did),
        "iat": int(made.timestamp()),
        "manifest": digest(pack.file(MANIFEST)),
    }:
        return "the signature is over another manifest"
    message = pack.message("deliver")[1]
    if not any(pack.same(jws.kid.did, did) for did in (message.from_, message.to[0])):
        return "the pack was made by nobody who took part"
    return ""


def _delivery(pack: Examination) -> str:
    if pack.delivery.delivery_id not in pack.manifest.deliveries:
        return "another delivery than the manifest names"
    return _signed(pack, "deliver", pack.received_at)


def _receipt(pack: Examination) -> str:
    (sent, delivered), (_, message) = pack.message("deliver"), pack.message("receipt")
    receipt = pack.receipt
    if not (
        pack.same(message.from_, delivered.to[0])
        and pack.same(message.to[0], delivered.from_)
    ):
        return "the receipt is between others"
    if (message.thread, receipt.delivery_id) != (
        delivered.thread,
        pack.delivery.delivery_id,
    ):
        return "the receipt is for another delivery"
    if receipt.message_digest != message_digest(sent.payload):
        return "the receipt is for another message"
    return _signed(pack, "receipt", pack.manifest.created)


def _thread(pack: Examination) -> str:
    delivered = pack.message("deliver")[1]
    roles = {str(role) for role in pack.manifest.messages} - {"deliver", "receipt"}
    if delivered.thid is not None and not roles & {"query", "offer"}:
        return "the message that opened the thread is missing"
    for role in sorted(roles):
        message = pack.message(role)[1]
        ends = (delivered.from_, delivered.to[0])
        sender, receiver = ends if role in _BY_SOURCE else reversed(ends)
        if not (
            pack.same(message.from_, sender) and pack.same(message.to[0], receiver)
        ):
            return f"the {role} message is between others"
        if message.thread != delivered.thread:
            return f"the {role} message is of another thread"
        if wrong := _signed(pack, role, pack.manifest.created):
            return wrong
    return ""


def _policy(pack: Examination) -> str:
    body, message = pack.delivery, pack.message("deliver")[1]
    if canonical(body.policy) != pack.file(pack.manifest.policy):
        return "the policy is not the one delivered"
    if policy_digest(body.policy) != body.release.policy_digest:
        return "the policy is not the one released under"
    policy = check_policy(body.policy)
    if not pack.same(policy.assignee, message.to[0]):
        return "the policy is for another recipient"
    if policy.consent != (body.release.consent_id, body.release.consent_version):
        return "the policy is of another consent"
    if body.release.purpose not in policy.purposes:
        return "the policy is for another purpose"
    return ""


def _items(pack: Examination) -> str:
    message = pack.message("deliver")[1]
    received = {item.item_id: item.digest for item in pack.receipt.items}
    delivered = {item.item_id: item.digest for item in pack.delivery.items}
    if not set(received) == set(delivered) == set(pack.manifest.items):
        return "not the items that were delivered and received"
    for item in pack.delivery.items:
        octets = pack.item(item.item_id)
        if not digest(octets) == item.digest == received[item.item_id]:
            return f"{item.item_id}: the digests differ"
        if message.attachment(item.attachment).octets() != octets:
            return f"{item.item_id}: not the octets that were delivered"
    return ""


def _scope(pack: Examination) -> str:
    fields = pack.delivery.release.fields
    for item in pack.delivery.items:
        octets = pack.item(item.item_id)
        record = model.read(octets, pack.media_type(item.item_id)).record
        # In a narrowed copy elements close ranks, so indexes are not compared.
        released = [_anywhere(path) for path in fields.get(item.item_id, ())]
        for unit in leaves(record):
            if not any(covers(path, _anywhere(unit)) for path in released):
                return f"{item.item_id}: {unit[0]} was not released"
    return ""


def _findings(pack: Examination) -> str:
    lists = pack.manifest.status_lists
    for item in pack.receipt.items:
        found, missing = pack.assess(item.item_id, lists, pack.received_at)
        pack.verifications[item.item_id] = found
        pack.missing |= missing
    for item in pack.receipt.items:
        found = pack.verifications[item.item_id]
        if not item.checks:
            return f"{item.item_id}: the receipt claims no finding"
        for name, claimed in item.checks.items():
            finding = found.findings.get(name)
            if finding is None or finding.result != claimed:
                again = "none" if finding is None else finding.result
                return f"{item.item_id}: {name} is {again}, not {claimed}"
        if item.result == "accepted" and found.overall("authenticity") != "valid":
            return f"{item.item_id}: accepted, yet not valid"
    return ""


def _complete(pack: Examination) -> str:
    if not pack.verifications:
        return "not examined: no item was assessed"
    names = sorted(f"{want.kind} {want.id}" for want in pack.missing)
    return f"missing: {', '.join(names)}" if names else ""


def _log(pack: Examination) -> str:
    # The key is vouched for by the manifest's signature: a log that was rewritten for
    # this pack would have to show the same face to every peer that kept a checkpoint.
    files = pack.manifest.log
    origin, key = parse_note_key(files.key)
    if origin != files.origin:
        return "the key is that of another log"
    head = Checkpoint.open(pack.file(files.checkpoint), origin=origin, key=key)
    body = pack.delivery
    if not files.leaves:
        return "no event of the log is shown"
    for about, name in files.leaves.items():
        wanted = body.release.release_id if about == "release" else body.delivery_id
        shown = _proof(pack.file(name))
        if wanted not in shown.event.values():
            return f"the {about} event is about something else"
        entry = leaf(from_base64url(shown.blind), shown.event)
        path = shown.path()
        if not verify_inclusion(
            leaf_hash(entry), shown.index, head.size, path, head.root
        ):
            return f"the {about} event is not in the log"
    return ""


CHECKS: Mapping[str, Callable[[Examination], str]] = {
    "archive": _archive,
    "manifest": _manifest,
    "files": _files,
    "dids": _dids,
    "exporter": _exporter,
    "delivery": _delivery,
    "receipt": _receipt,
    "thread": _thread,
    "policy": _policy,
    "items": _items,
    "scope": _scope,
    "findings": _findings,
    "complete": _complete,
    "log": _log,
}
"""Every check there is, in order; all must hold."""


def _signed(pack: Examination, role: str, until: datetime) -> str:
    signed, message = pack.message(role)
    if not pack.same(signed.kid.did, message.from_):
        return f"the {role} message is signed by another than its sender"
    made = datetime.fromtimestamp(message.created_time, UTC)
    for key in pack.keys(signed.kid, made - BEFORE, max(made, until)):
        try:
            signed.verify(key)
        except CryptoError:
            continue
        return ""
    return f"the signature of the {role} message does not hold"


def _history(pack: Examination, did: Did, described: DidFile) -> DidHistory:
    octets = pack.file(described.file)
    if described.form == "log":
        return did_log.read(did, octets, at=pack.manifest.created)
    document = DidDocument.parse(parse_strict(octets))
    if document.id != did or described.seen is None:
        raise MalformedValueError("the document is another's, or undated")
    return DidHistory.of_document(document, described.seen)


def _proof(octets: bytes) -> LeafProof:
    try:
        return LeafProof.model_validate(parse_strict(octets))
    except ValidationError:
        raise MalformedValueError("not a proof of a log event") from None


def _anywhere(path: Path) -> Path:
    return tuple(None if isinstance(step, int) else step for step in path)
