"""The log of a `did:webvh`: one line per version of a DID document, chained and signed.

The DID carries the hash of its first entry (the SCID), so whoever takes over the domain
cannot take over the DID. Each entry hashes the one before it and is signed by a key
which that one allowed; with pre-rotation, by a key whose hash it announced, so that a
stolen key is of no use once it has signed.

Implements the did:webvh DID Method v1.0, sections "Create", "Read", "Update",
"Deactivate", "DID Portability" and "Publishing a Parallel did:web DID", read narrowly:
an entry has exactly one proof, which does not expire, and identifiers are those that
`protocol.identity.places` allows. A log that was cut short still verifies: the node
remembers the highest version it has seen. Nothing is fetched here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from protocol.errors import DidError, MalformedValueError, SecuringError
from protocol.exchange import did_witnesses
from protocol.exchange.did_parameters import (
    DEFAULT_TTL,
    METHOD,
    Parameters,
    Witnesses,
    multihash,
)
from protocol.identity.dids import (
    MAXIMUM_DOCUMENT,
    Did,
    DidDocument,
    DidHistory,
    DidUrl,
    DidVersion,
    document_url,
)
from protocol.identity.keys import SigningKey, VerificationKey
from protocol.linked_data.jcs import DEPTH, canonical, parse_strict
from protocol.securing.data_integrity import proof_of, secure, verify

PLACEHOLDER = "{SCID}"
MAXIMUM_LOG = 2 * 1024 * 1024
"""Octets of a log."""
MAXIMUM_ENTRIES = 1000
TOLERANCE = timedelta(minutes=5)
"""How far the time of an entry may lie ahead of the reader's clock."""

_MEMBERS = {"versionId", "versionTime", "parameters", "state", "proof"}
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:Z|\+00:00)", re.ASCII
)
_WHOIS_CONTEXT = "https://identity.foundation/linked-vp/contexts/v1"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A verified entry and what holds after it."""

    version: DidVersion
    parameters: Parameters
    witnesses: Witnesses | None
    """Who must have approved this entry."""


def next_key_hash(multikey: str) -> str:
    """Return the hash that announces the key `multikey` one entry ahead."""
    return multihash(multikey.encode())


def create(
    document_template: Mapping[str, Any],
    *,
    update_key: SigningKey,
    next_key_hashes: Sequence[str],
    at: datetime,
    portable: bool = True,
    ttl: int = DEFAULT_TTL,
    more: Mapping[str, Any] | None = None,
) -> tuple[Did, bytes]:
    """Make a DID and its log of one entry.

    `document_template` has `{SCID}` in place of the SCID, in its id and wherever the
    id is repeated. `more` are further parameters: `witness`, `watchers`.

    Raises:
        DidError: the result would not be a valid log.
    """
    draft = {
        "versionId": PLACEHOLDER,
        "versionTime": _text(at),
        "parameters": {
            "method": METHOD,
            "scid": PLACEHOLDER,
            "updateKeys": [update_key.verification_key.multikey()],
            "nextKeyHashes": list(next_key_hashes),
            "portable": portable,
            "ttl": ttl,
            **(more or {}),
        },
        "state": document_template,
    }
    octets = _canonical(draft)
    scid = multihash(octets)
    entry = json.loads(octets.replace(PLACEHOLDER.encode(), scid.encode()))
    log = _line(1, entry, update_key, at)
    return _replay(log)[-1].version.document.id, log


def append(
    log: bytes,
    *,
    document: Mapping[str, Any],
    update_key: SigningKey,
    next_key_hashes: Sequence[str],
    at: datetime,
    deactivated: bool = False,
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """Return `log` with one more entry, signed by the key announced before.

    Raises:
        DidError: `log` is not valid, or would not be with this entry.
    """
    last = _replay(log)[-1].version
    parameters = {
        "updateKeys": [update_key.verification_key.multikey()],
        "nextKeyHashes": list(next_key_hashes),
        **({"deactivated": True} if deactivated else {}),
        **(more or {}),
    }
    entry = {
        "versionId": last.version_id,
        "versionTime": _text(at),
        "parameters": parameters,
        "state": document,
    }
    longer = log.removesuffix(b"\n") + b"\n"
    longer += _line(last.number + 1, entry, update_key, at)
    _replay(longer)
    return longer


def announced(log: bytes) -> tuple[str, ...]:
    """Return the hashes of the keys that may sign the next entry (pre-rotation).

    Raises:
        DidError: `log` is not valid.
    """
    return _replay(log)[-1].parameters.next_key_hashes


def read(
    did: Did,
    log: bytes,
    *,
    at: datetime | None = None,
    witness_proofs: bytes | None = None,
) -> DidHistory:
    """Verify `log` from its first entry to its last and return what it says of `did`.

    `did` may be a former DID; that of the result is the present one. `at` is the
    moment no entry may lie after; `witness_proofs` is the file `did-witness.json`,
    needed where the log names witnesses.

    Raises:
        DidError: a limit is passed, an entry fails a check, approvals are missing, or
            the log is that of another DID.
    """
    entries = _replay(log)
    versions = tuple(entry.version for entry in entries)
    last = entries[-1]
    if at is not None and last.version.at > at + TOLERANCE:
        raise DidError("a DID log from the future")
    if any(entry.witnesses for entry in entries):
        if witness_proofs is None:
            raise DidError("a DID log without the approvals of its witnesses")
        needs = [(entry.version.version_id, entry.witnesses) for entry in entries]
        did_witnesses.check(needs, witness_proofs)
    history = DidHistory(
        last.version.document.id,
        last.parameters.scid,
        versions,
        last.parameters.deactivated,
        last.parameters.update_keys,
    )
    if did not in history.dids:
        raise DidError(f"the log is not that of {did}")
    return history


def witness_url(did: Did) -> str:
    """Return where the approvals of the witnesses lie: beside the log.

    Raises:
        DidError: not a `did:webvh`.
    """
    if did.method != "webvh":
        raise DidError(f"a did:{did.method} has no witnesses")
    return document_url(did).removesuffix("did.jsonl") + "did-witness.json"


def web_document(history: DidHistory) -> dict[str, Any]:
    """Return the parallel `did:web` document, for resolvers that know no `did:webvh`.

    Raises:
        DidError: the DID is deactivated, or is no `did:webvh`.
    """
    did = history.did
    if did.method != "webvh":
        raise DidError(f"a did:{did.method} has no parallel did:web")
    document = history.current().as_dict()
    folder = document_url(did).removesuffix("did.jsonl").removesuffix(".well-known/")
    services = list(document.get("service", []))
    stated = {service.get("id") for service in services}
    for fragment, service in (
        ("#files", {"type": "relativeRef", "serviceEndpoint": folder}),
        (
            "#whois",
            {
                "@context": _WHOIS_CONTEXT,
                "type": "LinkedVerifiablePresentation",
                "serviceEndpoint": folder + "whois.vp",
            },
        ),
    ):
        if not {fragment, did + fragment} & stated:
            services.append({"id": did + fragment, **service})
    document["service"] = services
    text = json.dumps(document).replace(f"did:webvh:{history.scid}:", "did:web:")
    document = json.loads(text)
    names = [*document.get("alsoKnownAs", []), str(did)]
    document["alsoKnownAs"] = [
        name for name in dict.fromkeys(names) if name != document["id"]
    ]
    return dict(document)


def _replay(log: bytes) -> list[_Entry]:
    if len(log) > MAXIMUM_LOG:
        raise DidError(f"a DID log of more than {MAXIMUM_LOG} octets")
    lines = log.removesuffix(b"\n").split(b"\n", MAXIMUM_ENTRIES)
    if len(lines) > MAXIMUM_ENTRIES:
        raise DidError(f"a DID log of more than {MAXIMUM_ENTRIES} entries")
    entries: list[_Entry] = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(_verified(line, entries[-1] if entries else None))
        except (DidError, MalformedValueError, SecuringError) as error:
            raise DidError(f"entry {number} of a DID log: {error}") from error
    return entries


def _verified(line: bytes, before: _Entry | None) -> _Entry:
    """Check one line against the entry before it (section "Read", steps 1 to 7)."""
    entry = parse_strict(line, depth=DEPTH + 2)
    if not isinstance(entry, dict) or entry.keys() != _MEMBERS:
        raise DidError(f"an entry has the members {sorted(_MEMBERS)}")
    if before is None:
        parameters = Parameters.first(entry["parameters"])
        number, predecessor = 1, parameters.scid
        keys, witnesses = parameters.update_keys, parameters.witnesses
    else:
        held = before.parameters
        parameters = held.followed_by(entry["parameters"])
        number, predecessor = before.version.number + 1, before.version.version_id
        keys = parameters.update_keys if held.next_key_hashes else held.update_keys
        # New witnesses replace old ones after the entry that names them; the first
        # ever named approve that very entry.
        witnesses = held.witnesses or parameters.witnesses
    _check_proof(entry, keys)
    unsecured = {name: value for name, value in entry.items() if name != "proof"}
    version_id = f"{number}-{_hash(unsecured, predecessor)}"
    if entry["versionId"] != version_id:
        raise DidError("the versionId is not the number and the hash of the entry")
    at = _moment(entry["versionTime"])
    if before is None:
        _check_scid(unsecured, parameters.scid)
    elif at <= before.version.at:
        raise DidError("a versionTime that is not after the one before")
    document = _document(entry["state"], parameters, before)
    return _Entry(DidVersion(number, version_id, at, document), parameters, witnesses)


def _check_proof(entry: Mapping[str, Any], keys: Sequence[str]) -> None:
    proofs = entry["proof"]
    if isinstance(proofs, list) and len(proofs) != 1:
        raise DidError("an entry has one proof")
    proof = proof_of(entry)
    method = proof.verification_method
    if method.did != f"did:key:{method.fragment}" or method.fragment not in keys:
        raise DidError("signed by a key that may not update this DID")
    if proof.purpose != "assertionMethod" or proof.expires is not None:
        raise DidError("a proof that expires or is for another purpose")
    if not verify(entry, VerificationKey.from_multikey(method.fragment)):
        raise DidError("the proof does not verify")


def _check_scid(entry: Mapping[str, Any], scid: str) -> None:
    text = _canonical(entry).decode()
    # Otherwise one SCID would fit two entries: with the placeholder, and with the SCID.
    if PLACEHOLDER in text:
        raise DidError(f"the first entry contains {PLACEHOLDER}")
    # The SCID may stand in a member name, so the order is made anew.
    draft = json.loads(text.replace(scid, PLACEHOLDER))
    if _hash(draft, PLACEHOLDER) != scid:
        raise DidError("the SCID is not the hash of the first entry")


def _document(state: Any, parameters: Parameters, before: _Entry | None) -> DidDocument:
    document = DidDocument.parse(state)
    if len(canonical(state)) > MAXIMUM_DOCUMENT:
        raise DidError(f"a DID document of more than {MAXIMUM_DOCUMENT} octets")
    if document.id.scid != parameters.scid:
        raise DidError("a DID document with another SCID than its log")
    former = before.version.document.id if before else document.id
    if document.id != former and not (
        parameters.portable and former in document.also_known_as()
    ):
        raise DidError("moved without being portable or naming the former DID")
    return document


def _hash(entry: Mapping[str, Any], predecessor: str) -> str:
    return multihash(canonical({**entry, "versionId": predecessor}))


def _line(
    number: int, entry: Mapping[str, Any], key: SigningKey, at: datetime
) -> bytes:
    """Number, sign and write an entry whose `versionId` is still its predecessor's."""
    octets = _canonical(entry)
    multikey = key.verification_key.multikey()
    secured = secure(
        {**entry, "versionId": f"{number}-{multihash(octets)}"},
        key=key,
        verification_method=DidUrl(f"did:key:{multikey}#{multikey}"),
        at=at,
    )
    return canonical({**secured, "proof": [secured["proof"]]}) + b"\n"


def _canonical(value: Any) -> bytes:
    try:
        return canonical(value)
    except MalformedValueError as error:
        raise DidError("a DID document without canonical form") from error


def _text(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _moment(value: Any) -> datetime:
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if match:
        try:
            return datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
        except ValueError:
            pass
    raise DidError("a versionTime that is not in UTC")
