"""Open Badges 2.0: assertions that lie on the web, or are signed by a key that does.

What vouches for such a badge is the web itself: the issuer's profile, the badge class
and the key are documents at URLs of the issuer's. A *hosted* assertion counts because
it lies at its own URL, in the scope the profile gives; a *signed* one because the
profile names the key. Neither has a DID, so no accreditation is found for either.

Implements Open Badges 2.0, sections "Verification" ("Hosted Verification", "Signed
Verification"), "VerificationObject" and "RevocationList". What is needed is named in
`Inquiry.wants`; fetching is for the caller.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from protocol.credentials.findings import Finding, Inquiry, Result
from protocol.credentials.form import listed
from protocol.credentials.proofs import as_moment
from protocol.errors import MalformedValueError, SecuringError
from protocol.identity.multibase import from_base64url
from protocol.linked_data.jcs import canonical, parse_strict
from protocol.securing import jades
from protocol.securing.jades import UnknownSealError

_HOSTED = frozenset({"hosted", "HostedBadge"})
_SIGNED = frozenset({"signed", "SignedBadge"})


class _Stop(Exception):  # noqa: N818 - it is how a question ends, and no error
    """What a finding comes to, where no more can be found out."""

    def __init__(self, result: Result, reason: str) -> None:
        super().__init__(reason)
        self.result, self.reason = result, reason


def verify(
    text: str, stated: Mapping[str, Any], inquiry: Inquiry
) -> dict[str, Finding]:
    """Find out whether an assertion is authentic and current.

    `text` is what was received, `stated` what `assertions.read` made of it.
    """
    course = _Course(text, stated, inquiry)
    found = [
        course.ask("integrity", course.integrity),
        course.ask("issuer_identified", course.issuer),
        course.ask("key_at_signing", course.key),
        course.ask("validity_period", course.dates),
        course.ask("status_now", course.status),
        course.ask("schema", course.form),
    ]
    return {finding.name: finding for finding in found}


@dataclass(slots=True)
class _Course:
    """One course of questions about one assertion."""

    text: str
    stated: Mapping[str, Any]
    inquiry: Inquiry
    evidence: dict[str, Any] = field(default_factory=dict)

    def ask(self, name: str, question: Any) -> Finding:
        try:
            result, reason = question()
        except _Stop as stop:
            result, reason = stop.result, stop.reason
        return Finding(name, result, reason, dict(self.evidence))

    @property
    def is_signed(self) -> bool:
        return not self.text.startswith(("{", "https://"))

    @property
    def id(self) -> str:
        return _text(self.stated.get("id"))

    @property
    def assertion(self) -> Mapping[str, Any]:
        """What is asserted: as received, or as hosted if only its URL was."""
        return self._hosted() if self.text.startswith("https://") else self.stated

    # --- the questions

    def integrity(self) -> tuple[Result, str]:
        if self.is_signed:
            key = self._key()
            if not self._is_signed_with(key):
                return Result.INVALID, "the signature does not fit the issuer's key"
            return Result.VALID, "the signature fits the issuer's key"
        if self._verification() in _SIGNED:
            return Result.INVALID, "it says that it is signed, and is not"
        hosted = self._hosted()
        if hosted.get("revoked") is True:
            return Result.VALID, "at its URL it is said to be revoked"
        if self.text.startswith("{") and canonical(hosted) != canonical(self.stated):
            return Result.INVALID, f"at {self.id} lies another assertion"
        return Result.VALID, f"it lies at {self.id} as it is"

    def issuer(self) -> tuple[Result, str]:
        badge, profile = self._badge(), self._profile()
        whom = _text(profile.get("id"))
        self.evidence["issuer"] = whom
        self.evidence["issuer_name"] = _text(profile.get("name"))[:200]
        scope = profile.get("verification")
        scope = scope if isinstance(scope, Mapping) else {}
        if self.is_signed:
            keys = [_id(one) for one in listed(profile.get("publicKey"))]
            if self._creator() not in keys:
                return Result.INVALID, f"the profile {whom} does not name the key"
            return Result.VALID, f"the profile at {whom} names the key"
        for url in (self.id, _text(badge.get("id"))):
            if not _is_in_scope(url, scope, whom):
                return Result.INVALID, f"{url} is outside what {whom} vouches for"
        return Result.VALID, f"the profile at {whom} vouches for what lies there"

    def key(self) -> tuple[Result, str]:
        if not self.is_signed:
            return Result.NOT_APPLICABLE, "nobody signed it: it lies at its URL"
        owner = _text(self._document(self._creator()).get("owner"))
        if owner != _text(self._profile().get("id")):
            return Result.INVALID, f"the key says that it is of {owner or 'nobody'}"
        return Result.VALID, "the key says that it is of the issuer"

    def dates(self) -> tuple[Result, str]:
        begin, end = (self._moment(name) for name in ("issuedOn", "expires"))
        if begin and self.inquiry.at < begin:
            return Result.INVALID, f"not valid before {begin.isoformat()} (issuedOn)"
        if end and end <= self.inquiry.at:
            return Result.INVALID, f"expired at {end.isoformat()} (expires)"
        return Result.VALID, "the moment of judgement lies within its dates"

    def status(self) -> tuple[Result, str]:
        if not self.is_signed:
            hosted = self._hosted()
            if hosted.get("revoked") is True:
                return Result.INVALID, _revoked(hosted)
            return Result.VALID, "it still lies at its URL, and is not revoked there"
        url = self._profile().get("revocationList")
        if url is None:
            return Result.NOT_APPLICABLE, "the issuer names no revocation list"
        document = self._document(_id(url))
        entries = document.get("revokedAssertions")
        if not isinstance(entries, list):
            return Result.INVALID, "what lies at its URL is no revocation list"
        for one in entries:
            if _id(one) == self.id:
                return Result.INVALID, _revoked(one if isinstance(one, dict) else {})
        return Result.VALID, "not revoked, says the issuer's list"

    def form(self) -> tuple[Result, str]:
        faults = list(self._faults())
        if faults:
            return Result.INVALID, "; ".join(faults)
        return Result.VALID, "it has what Open Badges 2.0 requires"

    # --- what they rest on

    def _verification(self) -> str:
        stated = self.assertion.get("verification") or self.assertion.get("verify")
        return _text(stated.get("type")) if isinstance(stated, Mapping) else ""

    def _hosted(self) -> Mapping[str, Any]:
        return self._document(self.id)

    def _badge(self) -> Mapping[str, Any]:
        return self._document(_id(self.assertion.get("badge")))

    def _profile(self) -> Mapping[str, Any]:
        return self._document(_id(self._badge().get("issuer")))

    def _document(self, url: str) -> Mapping[str, Any]:
        """Return a document of the issuer's, which must be what lies at its own URL."""
        if not url:
            raise _Stop(Result.INVALID, "a document is named by no URL")
        octets = self.inquiry.document(url)
        if isinstance(octets, str):
            raise _Stop(Result.UNKNOWN, octets)
        try:
            document = parse_strict(octets)
        except MalformedValueError as error:
            raise _Stop(Result.INVALID, f"{url} cannot be read: {error}") from error
        if not isinstance(document, dict) or document.get("id") != url:
            raise _Stop(Result.INVALID, f"what lies at {url} is another document")
        return document

    def _creator(self) -> str:
        """Return the URL of the key."""
        verification = self.stated.get("verification") or self.stated.get("verify")
        stated = verification if isinstance(verification, Mapping) else {}
        if _text(stated.get("type")) not in _SIGNED:
            raise _Stop(Result.INVALID, "it is signed, and does not say so")
        creator = _id(stated.get("creator"))
        if not creator:
            keys = listed(self._profile().get("publicKey"))
            creator = _id(keys[0]) if len(keys) == 1 else ""
        return creator

    def _key(self) -> Any:
        pem = self._document(self._creator()).get("publicKeyPem")
        try:
            return load_pem_public_key(_text(pem).encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise _Stop(Result.INVALID, "the issuer's key cannot be read") from error

    def _is_signed_with(self, key: Any) -> bool:
        head, body, last = self.text.split(".")
        try:
            header = parse_strict(from_base64url(head))
            signature = from_base64url(last)
            algorithm = header.get("alg") if isinstance(header, dict) else None
            if not isinstance(header, dict) or "crit" in header:
                raise _Stop(Result.UNKNOWN, "a signature with rules of its own")
            return jades.verify_with(
                key, _text(algorithm), signature, f"{head}.{body}".encode()
            )
        except MalformedValueError as error:
            raise _Stop(Result.INVALID, f"not a compact JWS: {error}") from error
        except UnknownSealError as error:
            raise _Stop(Result.UNKNOWN, str(error)) from error
        except SecuringError as error:
            raise _Stop(Result.INVALID, str(error)) from error

    def _moment(self, name: str) -> datetime | None:
        value = self.assertion.get(name)
        at = as_moment(value)
        if at is None and value is not None:
            raise _Stop(Result.INVALID, f"{name} is not a date that can be read")
        return at

    def _faults(self) -> Iterator[str]:
        assertion = self.assertion
        for name in ("id", "badge", "verification", "issuedOn"):
            if not assertion.get(name) and not (
                name == "verification" and assertion.get("verify")
            ):
                yield f"an assertion without {name}"
        recipient = assertion.get("recipient")
        if not isinstance(recipient, Mapping) or not all(
            _text(recipient.get(name)) for name in ("type", "identity")
        ):
            yield "an assertion that does not say whom it is for"
        if self._verification() not in _HOSTED | _SIGNED:
            yield "an assertion that is neither hosted nor signed"
        badge, profile = self._badge(), self._profile()
        if "BadgeClass" not in listed(badge.get("type")):
            yield "a badge class of another type"
        for name in ("name", "description", "criteria"):
            if not badge.get(name):
                yield f"a badge class without {name}"
        if {"Issuer", "Profile"}.isdisjoint(map(str, listed(profile.get("type")))):
            yield "an issuer that is no Profile"
        if not profile.get("name"):
            yield "an issuer without a name"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _id(value: Any) -> str:
    """Return the URL of what is named by it or stands there as a whole."""
    return _text(value.get("id")) if isinstance(value, Mapping) else _text(value)


def _revoked(entry: Mapping[str, Any]) -> str:
    reason = _text(entry.get("revocationReason"))
    return f"the issuer has revoked it{': ' + reason if reason else ''}"


def _is_in_scope(url: str, scope: Mapping[str, Any], profile: str) -> bool:
    """Tell whether the issuer vouches for a URL, by default for its own origin."""
    begins = [_text(one) for one in listed(scope.get("startsWith"))]
    allowed = [_text(one) for one in listed(scope.get("allowedOrigins"))]
    try:
        parts, own = urlsplit(url), urlsplit(profile)
        if begins and not any(one and url.startswith(one) for one in begins):
            return False
        if allowed:
            return parts.scheme == own.scheme and parts.netloc in allowed
        return bool(begins) or (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    except ValueError:
        return False
