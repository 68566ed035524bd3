"""What a status list says about a credential, and whether it may be believed.

Never silently "not revoked": a list that is another's, of another purpose, out of date
or too short makes the credential's status invalid, with the reason. Follows Bitstring
Status List v1.0, section "Validate Algorithm"; Token Status List, section "Validation
Rules"; and Open Badges 3.0 for 1EdTech revocation lists, which nobody signs: they are
believed for the origin they lie on.

A value of `revocation` or `suspension` means that the credential no longer counts. One
of `refresh` means that there is a newer one. What a `message` means for whoever relies
on the credential is for a person to say, so any but the first leaves the status open.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from protocol import securing
from protocol.credentials import (
    model,
    status_entries,
    status_lists,
    token_status_lists,
)
from protocol.credentials.enveloping import token_proof
from protocol.credentials.findings import PROOF, Finding, Result, is_same
from protocol.credentials.model import SecuredDocument
from protocol.credentials.status_entries import StatusEntry, UnknownStatusError
from protocol.errors import DidError, MalformedValueError, ProtocolError
from protocol.identity.dids import Did, DidHistory
from protocol.linked_data.jcs import parse_strict

PURPOSES = frozenset({"revocation", "suspension", "refresh", "message"})
"""Status purposes this node can judge."""

_NAME = "status_now"
_LONGEST = timedelta(days=3650)
_MEANINGS = {"revocation": "revoked", "suspension": "suspended"}
_TYPES = {
    "bitstring": (status_lists.CREDENTIAL_TYPE, status_lists.LIST_TYPE),
    "status-list-2021": (
        status_lists.CREDENTIAL_TYPE_2021,
        status_lists.LIST_TYPE_2021,
    ),
}


def place(stated: Any) -> StatusEntry | Finding:
    """Read a status entry; a finding if that already decides."""
    try:
        entry = status_entries.read(stated)
    except UnknownStatusError as error:
        return Finding(_NAME, Result.UNKNOWN, f"{error}, which this node cannot read")
    if isinstance(entry, str):
        return Finding(_NAME, Result.INVALID, entry)
    if entry.purpose and entry.purpose not in PURPOSES:
        reason = f"a status with the purpose {entry.purpose}"
        return Finding(_NAME, Result.UNKNOWN, f"{reason}, which this node cannot judge")
    return entry


def is_tied(url: str, history: DidHistory) -> bool:
    """Tell whether `url` lies on an origin of the issuer: its domain, or a service's.

    A former domain does not count: that a log begins under it proves nothing.
    """
    origin = _origin(url)
    if origin is None:
        return False
    if history.did.domain and origin == _origin(f"https://{history.did.domain}/"):
        return True
    try:
        services = history.current().services
    except DidError:
        # Whoever ended a DID left its last document but one as the one that counts.
        services = history.versions[max(0, len(history.versions) - 2)].document.services
    return any(
        origin == _origin(endpoint)
        for service in services
        for endpoint in _endpoints(service.get("serviceEndpoint"))
    )


@lru_cache(maxsize=32)
def read(octets: bytes) -> SecuredDocument | str:
    """Read a status list, of whichever form, or say why it cannot be read.

    One list is asked about many credentials while it is current.
    """
    try:
        text = securing.as_text(octets)
        if not text.startswith("{") and _is_token(text):
            return _token(octets, text)
        return model.read(octets)
    except ProtocolError as error:
        return f"the status list cannot be read: {error}"


def _is_token(text: str) -> bool:
    """Tell whether a JWS is a Status List Token rather than a credential."""
    try:
        claims, _ = token_proof(text, token_status_lists.TYP)
    except ProtocolError:
        return False
    return "status_list" in claims


def _token(octets: bytes, text: str) -> SecuredDocument:
    claims, proof = token_proof(text, token_status_lists.TYP)
    signer = proof.verification_method
    # A token need not name its issuer: whose key signed it is who issued it.
    issuer = claims.get("iss", str(signer.did) if signer else "")
    named = {**claims, "issuer": issuer}
    return SecuredDocument(octets, token_status_lists.MEDIA_TYPE, named, (proof,))


def time_to_live(octets: bytes) -> timedelta | None:
    """Return how long the issuer lets a list be kept; None if it does not say."""
    listed = read(octets)
    if isinstance(listed, str):
        return None
    if listed.media_type == token_status_lists.MEDIA_TYPE:
        stated, unit = listed.claims.get("ttl"), timedelta(seconds=1)
    else:
        subject = listed.claims.get("credentialSubject")
        stated = subject.get("ttl") if isinstance(subject, Mapping) else None
        unit = timedelta(milliseconds=1)
    if isinstance(stated, bool) or not isinstance(stated, int | float):
        return None
    return unit * min(max(stated, 0), _LONGEST / unit)


def look_up(
    entry: StatusEntry,
    listed: SecuredDocument,
    findings: Mapping[str, Finding],
    issuer: Did,
) -> Finding:
    """Judge a status entry by its list, of which `findings` were found."""
    evidence = {
        **entry.as_evidence(),
        "list_digest": listed.digest,
        "list_valid_from": _text(listed.valid_from),
        "list_valid_until": _text(listed.valid_until),
    }

    def found(result: Result, reason: str) -> Finding:
        return Finding(_NAME, result, reason, evidence)

    fault = _fault(entry, listed, issuer)
    if fault:
        return found(Result.INVALID, fault)
    proof = [findings[name] for name in PROOF]
    for result in (Result.INVALID, Result.UNKNOWN):
        for one in proof:
            if one.result == result:
                return found(result, f"the status list's {one.name}: {one.reason}")
    return found(*_current(entry, listed, findings["validity_period"]))


def look_up_id(entry: StatusEntry, octets: bytes, id_: Any) -> Finding:
    """Judge by a 1EdTech revocation list whether the credential `id_` was revoked."""

    def found(result: Result, reason: str) -> Finding:
        return Finding(_NAME, result, reason, entry.as_evidence())

    try:
        listed = parse_strict(octets)
    except MalformedValueError as error:
        return found(Result.INVALID, f"the revocation list cannot be read: {error}")
    revoked = listed.get("revokedCredential") if isinstance(listed, dict) else None
    if not isinstance(revoked, list) or listed.get("id") != entry.list_url:
        reason = "no 1EdTech revocation list, or another one, lies at its URL"
        return found(Result.INVALID, reason)
    if not isinstance(id_, str) or not id_:
        return found(
            Result.INVALID, "a credential without an id can be in no such list"
        )
    for one in revoked:
        stated = one if isinstance(one, dict) else {"id": one}
        if stated.get("id") == id_ and stated.get("revoked", True) is not False:
            why = stated.get("revocationReason")
            said = f": {why}" if isinstance(why, str) else ""
            return found(Result.INVALID, f"the issuer has revoked it{said}")
    return found(Result.VALID, "not revoked, says the issuer's list")


def _current(
    entry: StatusEntry, listed: SecuredDocument, dates: Finding
) -> tuple[Result, str]:
    """Judge by a list that is the right one, and its issuer's."""
    value = _value(entry, listed)
    if isinstance(value, str):
        return Result.INVALID, value
    result, reason = _meaning(entry, value)
    if result == Result.VALID and dates.result != Result.VALID:
        return dates.result, f"the status list is not current: {dates.reason}"
    return result, reason


def _meaning(entry: StatusEntry, value: int) -> tuple[Result, str]:
    """Say what a value means for whoever relies on the credential."""
    message = entry.messages.get(value)
    said = f": {message}" if message else ""
    if entry.kind == "token":
        return _token_meaning(value)
    if entry.purpose == "message":
        result = Result.UNKNOWN if value else Result.VALID
        return result, f"the issuer says of it {value:#x}{said}"
    if entry.purpose == "refresh":
        newer = "there is a newer one" if value else "there is no newer one"
        return Result.VALID, f"{newer}, says the issuer's list{said}"
    meaning = _MEANINGS[entry.purpose]
    if value:
        return Result.INVALID, f"the issuer has {meaning} it{said}"
    return Result.VALID, f"not {meaning}, says the issuer's list"


def _token_meaning(value: int) -> tuple[Result, str]:
    if value == token_status_lists.VALID:
        return Result.VALID, "neither revoked nor suspended, says the issuer's list"
    if value == token_status_lists.REVOKED:
        return Result.INVALID, "the issuer has revoked it"
    if value == token_status_lists.SUSPENDED:
        return Result.INVALID, "the issuer has suspended it"
    reason = f"the issuer's list says {value:#04x}, which has no meaning known here"
    return Result.UNKNOWN, reason


def _fault(entry: StatusEntry, listed: SecuredDocument, issuer: Did) -> str | None:
    """Say what makes this another list than the one the entry lies in."""
    is_token = listed.media_type == token_status_lists.MEDIA_TYPE
    if is_token != (entry.kind == "token"):
        return "what lies at the status list's URL is a list of another form"
    if listed.claims.get("sub" if is_token else "id") != entry.list_url:
        return "the status list is another one: its id is not the URL in the credential"
    if listed.issuer is None or not is_same(listed.issuer, issuer):
        return f"the status list was issued by {listed.issuer_id}, not by {issuer}"
    return _faulty_token(listed.claims) if is_token else _faulty_vc(entry, listed)


def _faulty_vc(entry: StatusEntry, listed: SecuredDocument) -> str | None:
    credential, list_type = _TYPES[entry.kind]
    if credential not in listed.types:
        return "what lies at the status list's URL is no status list credential"
    subject = listed.claims.get("credentialSubject")
    if not isinstance(subject, Mapping) or subject.get("type") != list_type:
        return f"the status list credential holds no {list_type}"
    return _other_meaning(entry, subject)


def _faulty_token(claims: Mapping[str, Any]) -> str | None:
    if not isinstance(claims.get("iat"), int | float):
        return "the status list does not say when it was issued"
    ttl = claims.get("ttl", 1)
    if isinstance(ttl, bool) or not isinstance(ttl, int | float) or ttl <= 0:
        return "the status list has a ttl that is not a positive number"
    if not isinstance(claims.get("status_list"), Mapping):
        return "the status list token holds no status list"
    return None


def _other_meaning(entry: StatusEntry, subject: Mapping[str, Any]) -> str | None:
    purposes = subject.get("statusPurpose")
    if entry.purpose not in (purposes if isinstance(purposes, list) else [purposes]):
        return f"the status list is not about {entry.purpose}"
    if subject.get("statusSize", entry.size) != entry.size:
        return "the status list has entries of another size"
    return None


def _value(entry: StatusEntry, listed: SecuredDocument) -> int | str:
    held = listed.claims[
        "status_list" if entry.kind == "token" else "credentialSubject"
    ]
    encoded = held.get("lst" if entry.kind == "token" else "encodedList")
    if not isinstance(encoded, str):
        return "the status list has no encodedList"
    try:
        if entry.kind == "token":
            entries = token_status_lists.decode(encoded)
            return token_status_lists.value_at(entries, entry.index, held.get("bits"))
        bits = (
            status_lists.decode_2021(encoded)
            if entry.kind == "status-list-2021"
            else status_lists.decode(encoded)
        )
        return status_lists.value_at(bits, entry.index, entry.size)
    except ProtocolError as error:
        return f"the status list cannot be used: {error}"


def _origin(url: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme != "https" or not host or "@" in parts.netloc:
        return None
    return host, port or 443


def _endpoints(stated: Any) -> list[str]:
    """List the URLs of a service endpoint: a text, an object, or several of them."""
    if isinstance(stated, str):
        return [stated]
    if isinstance(stated, list):
        return [url for one in stated for url in _endpoints(one)]
    if isinstance(stated, Mapping):
        return [url for url in stated.values() if isinstance(url, str)]
    return []


def _text(moment: Any) -> str | None:
    return moment.isoformat() if moment else None
