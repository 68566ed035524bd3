"""Approvals of a `did:webvh` log by witnesses: the file `did-witness.json`.

A controller alone could publish two histories. Witnesses each keep the log they saw and
approve an entry only if it continues that one. An approval of an entry approves all
before it.

Implements the did:webvh DID Method v1.0, section "DID Witnesses".
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from protocol.errors import DidError, ProtocolError
from protocol.exchange.did_parameters import Witnesses
from protocol.identity.dids import Did, DidUrl
from protocol.identity.keys import SigningKey, VerificationKey
from protocol.linked_data.jcs import canonical, parse_strict
from protocol.securing.data_integrity import proof_of, secure, verify

MAXIMUM_FILE = 1024 * 1024
"""Octets of a `did-witness.json`."""


def approve(version_id: str, *, key: SigningKey, at: datetime) -> dict[str, Any]:
    """Return a witness's proof that it approves the entry `version_id`."""
    multikey = key.verification_key.multikey()
    method = DidUrl(f"did:key:{multikey}#{multikey}")
    statement = {"versionId": version_id}
    secured = secure(statement, key=key, verification_method=method, at=at)
    return dict(secured["proof"])


def compose(approvals: Mapping[str, Collection[Mapping[str, Any]]]) -> bytes:
    """Write `did-witness.json` from the proofs for each version id."""
    return canonical(
        [
            {"versionId": version_id, "proof": list(proofs)}
            for version_id, proofs in approvals.items()
        ]
    )


def check(entries: Sequence[tuple[str, Witnesses | None]], octets: bytes) -> None:
    """Check that each entry has the approvals it needs.

    `entries` are the version ids of the log in order, each with the witnesses whose
    approval it needs; `octets` is the file `did-witness.json`.

    Raises:
        DidError: the file cannot be read, or an entry lacks approvals.
    """
    stated = _read(octets)
    wanted = {did for _, rule in entries if rule for did in rule.ids}
    latest = {did: _latest_approved(did, entries, stated) for did in wanted}
    for number, (_, rule) in enumerate(entries, start=1):
        if rule and sum(latest[did] >= number for did in rule.ids) < rule.threshold:
            raise DidError(f"entry {number} lacks approvals of its witnesses")


def _latest_approved(
    witness: Did,
    entries: Sequence[tuple[str, Witnesses | None]],
    stated: Mapping[str, Sequence[Mapping[str, Any]]],
) -> int:
    """Return the number of the latest entry that `witness` approved, or 0."""
    multikey = witness.removeprefix("did:key:")
    key = VerificationKey.from_multikey(multikey)
    for number in range(len(entries), 0, -1):
        version_id = entries[number - 1][0]
        for proof in stated.get(version_id, ()):
            if proof.get("verificationMethod") != f"{witness}#{multikey}":
                continue
            if _holds({"versionId": version_id, "proof": proof}, key):
                return number
    return 0


def _holds(statement: Mapping[str, Any], key: VerificationKey) -> bool:
    # One bad proof must not undo the good ones: anybody who can write the file could
    # then stop the DID.
    try:
        proof = proof_of(statement)
        return (
            proof.purpose == "assertionMethod"
            and proof.expires is None
            and verify(statement, key)
        )
    except ProtocolError:
        return False


def _read(octets: bytes) -> dict[str, list[dict[str, Any]]]:
    if len(octets) > MAXIMUM_FILE:
        raise DidError(f"a did-witness.json of more than {MAXIMUM_FILE} octets")
    try:
        listed = parse_strict(octets)
    except ProtocolError as error:
        raise DidError(f"a did-witness.json that cannot be read: {error}") from error
    found: dict[str, list[dict[str, Any]]] = {}
    for item in listed if isinstance(listed, list) else [None]:
        match item:
            case {"versionId": str(version_id), "proof": list(proofs)}:
                kept = [proof for proof in proofs if isinstance(proof, dict)]
                found.setdefault(version_id, []).extend(kept)
            case _:
                raise DidError("a did-witness.json that is no list of approvals")
    return found
