"""What a status list says about a credential, and whether it may be believed.

Never silently "not revoked": a list that is another's, of another purpose, out of date
or too short makes the credential's status invalid, with the reason. Follows Bitstring
Status List v1.0, section "Validate Algorithm".
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from protocol.credentials import model, status_lists
from protocol.credentials.findings import PROOF, Finding, Result, is_same
from protocol.credentials.model import PURPOSES, SecuredDocument, StatusEntry
from protocol.errors import DidError, ProtocolError
from protocol.identity.dids import Did, DidHistory

_NAME = "status_now"
_MEANINGS = {"revocation": "revoked", "suspension": "suspended"}


def place(stated: Any) -> StatusEntry | Finding:
    """Read a status entry; a finding if that already decides."""
    kind = stated.get("type") if isinstance(stated, Mapping) else None
    if isinstance(stated, Mapping) and kind != status_lists.ENTRY_TYPE:
        named = kind if isinstance(kind, str) else ", ".join(map(str, stated))
        reason = f"a status of the type {named}, which this node cannot read"
        return Finding(_NAME, Result.UNKNOWN, reason)
    purpose = stated.get("statusPurpose") if isinstance(stated, Mapping) else None
    if isinstance(purpose, str) and purpose not in PURPOSES:
        reason = f"a status with the purpose {purpose}, which this node cannot judge"
        return Finding(_NAME, Result.UNKNOWN, reason)
    entry = model.status_entry(stated)
    return Finding(_NAME, Result.INVALID, entry) if isinstance(entry, str) else entry


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
    """Read a status list credential, or say why it cannot be read.

    One list is asked about many credentials while it is current.
    """
    try:
        return model.read(octets)
    except ProtocolError as error:
        return f"the status list cannot be read: {error}"


def look_up(
    entry: StatusEntry,
    listed: SecuredDocument,
    findings: Mapping[str, Finding],
    issuer: Did,
    named: Mapping[str, Any],
) -> Finding:
    """Judge a status entry by its list, of which `findings` were found."""
    evidence = {
        **named,
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


def _current(
    entry: StatusEntry, listed: SecuredDocument, dates: Finding
) -> tuple[Result, str]:
    """Judge by a list that is the right one, and its issuer's."""
    meaning = _MEANINGS[entry.purpose]
    bit = _bit(entry, listed)
    if isinstance(bit, str):
        return Result.INVALID, bit
    if bit:
        message = f": {entry.message}" if entry.message else ""
        return Result.INVALID, f"the issuer has {meaning} it{message}"
    if dates.result != Result.VALID:
        return dates.result, f"the status list is not current: {dates.reason}"
    return Result.VALID, f"not {meaning}, says the issuer's list"


def _fault(entry: StatusEntry, listed: SecuredDocument, issuer: Did) -> str | None:
    """Say what makes this another list than the one the entry lies in."""
    if status_lists.CREDENTIAL_TYPE not in listed.types:
        return "what lies at the status list's URL is no status list credential"
    if listed.claims.get("id") != entry.list_url:
        return "the status list is another one: its id is not the URL in the credential"
    if listed.issuer is None or not is_same(listed.issuer, issuer):
        return f"the status list was issued by {listed.issuer_id}, not by {issuer}"
    subject = listed.claims.get("credentialSubject")
    if not isinstance(subject, Mapping) or subject.get("type") != (
        status_lists.LIST_TYPE
    ):
        return "the status list credential holds no bitstring status list"
    return _other_meaning(entry, subject)


def _other_meaning(entry: StatusEntry, subject: Mapping[str, Any]) -> str | None:
    purposes = subject.get("statusPurpose")
    if entry.purpose not in (purposes if isinstance(purposes, list) else [purposes]):
        return f"the status list is not about {entry.purpose}"
    if subject.get("statusSize", 1) != 1:
        return "the status list has entries of more than one bit"
    return None


def _bit(entry: StatusEntry, listed: SecuredDocument) -> bool | str:
    encoded = listed.claims["credentialSubject"].get("encodedList")
    if not isinstance(encoded, str):
        return "the status list has no encodedList"
    try:
        return status_lists.is_set(status_lists.decode(encoded), entry.index)
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
