"""A secured credential: one view on the forms in which it may have been received.

A VC with Data Integrity proofs, a VC as JWT, SD-JWT or COSE_Sign1, and an SD-JWT VC say
the same things in different places. The octets are kept as they came; what is read here
was not verified.

Follows Verifiable Credentials Data Model v2.0 (and reads the dates of 1.1) and SD-JWT
VC. What can be read but not judged, such as another cryptosuite, is read and named.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from protocol import securing
from protocol.credentials import (
    assertions,
    envelopes,
    json_forms,
    status_entries,
    vcdm,
)
from protocol.credentials.envelopes import is_enveloped
from protocol.credentials.enveloping import open_envelope
from protocol.credentials.proofs import StatedProof, as_moment, moment, proofs_of
from protocol.credentials.record_model import Kind, kind_of
from protocol.credentials.status_entries import (
    StatusEntry,
    UnknownStatusError,
    parts_of,
)
from protocol.errors import DidError, SecuringError
from protocol.identity.dids import Did
from protocol.identity.multibase import as_base64url
from protocol.linked_data.jcs import parse_strict
from protocol.securing import jades
from protocol.securing.sd_jwt import SdJwt

_ENVELOPED: Final = "EnvelopedVerifiableCredential"
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_STARTS = ("validFrom", "issuanceDate", "nbf")
_ENDS = ("validUntil", "expirationDate", "exp")
_AWARDED = (
    ("qualification", "awarded_on"),
    ("achievement", "awarded_on"),
    ("certification", "date"),
    ("certificate", "issued_on"),
)
"""Where a record states the day that counts, the most telling first."""


class AwardDate(NamedTuple):
    """The day a credential is about, and where it says so."""

    on: date | None
    """None if what stands there is not a day."""
    stated_in: str


class Bound(NamedTuple):
    """A date that begins or ends the validity of a credential."""

    name: str
    at: datetime | None
    """None if it could not be read."""


@dataclass(frozen=True, slots=True)
class SecuredDocument:
    """A credential that could be read; nothing is verified yet."""

    octets: bytes
    media_type: str
    claims: Mapping[str, Any]
    """The whole VC, or the disclosed claims of an SD-JWT."""
    proofs: tuple[StatedProof, ...]
    sd_jwt: SdJwt | None = None

    @property
    def is_sd_jwt(self) -> bool:
        """Tell whether the claims are those of an SD-JWT rather than a VC."""
        return self.media_type == securing.media_type_of("sd-jwt")

    @property
    def digest(self) -> str:
        """SHA-256 over the octets as they were received."""
        return "sha-256:" + as_base64url(hashlib.sha256(self.octets).digest())

    @property
    def issuer_id(self) -> str:
        """Who the document says issued it; empty if it does not."""
        return _id_of(self.claims.get("iss" if self.is_sd_jwt else "issuer"))

    @property
    def issuer(self) -> Did | None:
        """The issuer, if it is a DID."""
        return _did(self.issuer_id)

    @property
    def issuer_name(self) -> str:
        """What the issuer calls itself in the document; perhaps empty."""
        issuer = self.claims.get("issuer")
        name = issuer.get("name") if isinstance(issuer, Mapping) else None
        return name if isinstance(name, str) else ""

    @property
    def subject(self) -> Did | None:
        """The subject, if it is one and has a DID."""
        name = "sub" if self.is_sd_jwt else "credentialSubject"
        return _did(_id_of(self.claims.get(name)))

    @property
    def types(self) -> tuple[str, ...]:
        """The types of a VC, or the `vct` of an SD-JWT."""
        stated = self.claims.get("vct" if self.is_sd_jwt else "type")
        listed = stated if isinstance(stated, list) else [stated]
        return tuple(one for one in listed if isinstance(one, str))

    @property
    def kind(self) -> Kind | None:
        """The kind of record it states; None for what is not ours."""
        return next((kind for kind in map(kind_of, self.types) if kind), None)

    @property
    def record(self) -> dict[str, Any]:
        """The record, in the shape of the record model."""
        if self.is_sd_jwt:
            return self.sd_jwt.record() if self.sd_jwt else {}
        return vcdm.record_of(self.claims, self.kind)

    @property
    def starts(self) -> tuple[Bound, ...]:
        """The dates before which it is not valid."""
        return bounds(self.claims, _STARTS)

    @property
    def ends(self) -> tuple[Bound, ...]:
        """The dates from which on it is no longer valid, those of its proofs too."""
        proofs = (Bound("proof.expires", p.expires) for p in self.proofs if p.expires)
        return (*bounds(self.claims, _ENDS), *proofs)

    @property
    def valid_from(self) -> datetime | None:
        """The moment it becomes valid; the time of issue if it states only that."""
        known = [bound.at for bound in self.starts if bound.at]
        return max(known, default=moment(self.claims.get("iat")))

    @property
    def valid_until(self) -> datetime | None:
        """The moment it ceases to be valid; None if it does not say."""
        return min((bound.at for bound in self.ends if bound.at), default=None)

    @property
    def award(self) -> AwardDate | None:
        """The day it is about: of the award, or else of the document."""
        record = self.record
        for group, name in _AWARDED:
            members = record.get(group)
            value = members.get(name) if isinstance(members, Mapping) else None
            if value:
                return AwardDate(_day(value), f"{group}.{name}")
        if self.claims.get("awardedDate"):
            return AwardDate(_day(self.claims["awardedDate"]), "awardedDate")
        issued = next((p.signed_at for p in self.proofs if p.signed_at), None)
        issued = self.valid_from or issued
        return AwardDate(issued.date(), "the date of issue") if issued else None

    @property
    def award_date(self) -> date | None:
        """The day of `award`."""
        return self.award.on if self.award else None

    @property
    def status(self) -> tuple[StatusEntry, ...]:
        """Its places in status lists, as far as they can be read."""
        return tuple(_entries(self.stated_status))

    @property
    def stated_status(self) -> tuple[Any, ...]:
        """Whatever it states in place of a status entry."""
        found: list[Any] = []
        for name in ("credentialStatus", "status"):
            # In a VC `status` means nothing.
            stated = self.claims.get(name)
            is_claim = isinstance(stated, Mapping) and "status_list" in stated
            if name in self.claims and (
                self.is_sd_jwt or name == "credentialStatus" or is_claim
            ):
                listed = stated if isinstance(stated, list) else [stated]
                found += (part for one in listed for part in parts_of(one))
        return tuple(found)


def read(octets: bytes, media_type: str | None = None) -> SecuredDocument:
    """Read a secured credential, of the given media type or of whichever it looks like.

    A VC without any proof is read, too: that it proves nothing is a finding.

    Raises:
        MalformedValueError: not UTF-8, or not JSON with one meaning.
        SecuringError: no credential, or none of the forms.
    """
    text = securing.as_text(octets)
    if media_type is None and (stated := assertions.read(text)) is not None:
        how = "hosted" if text.startswith(("{", "https://")) else "signed"
        proof = StatedProof(f"Open Badges 2.0, {how}")
        return SecuredDocument(octets, assertions.MEDIA_TYPE, stated, (proof,))
    mechanism = securing.mechanism_of(text, media_type)
    if mechanism != "data-integrity":
        opened = open_envelope(text, mechanism, "vc", media_type)
        return SecuredDocument(
            octets, opened.media_type, opened.claims, (opened.proof,), opened.sd_jwt
        )
    document = parse_strict(text.encode())
    if is_enveloped(document, _ENVELOPED):
        inner = envelopes.open_envelope(document, _ENVELOPED)
        if inner.octets.lstrip().startswith(b"{"):
            raise SecuringError("an envelope around what is secured without one")
        return read(*inner)
    if json_forms.is_one(document):
        sealed = json_forms.read(document)
        if sealed.media_type == jades.MEDIA_TYPE:
            _require_credential(sealed.claims)
        return SecuredDocument(
            octets, sealed.media_type, sealed.claims, sealed.proofs, sealed.sd_jwt
        )
    _require_credential(document)
    return SecuredDocument(
        octets, securing.media_type_of(mechanism), document, proofs_of(document)
    )


def _require_credential(document: Any) -> None:
    if not isinstance(document, dict):
        raise SecuringError("a JSON document that is not an object")
    types = document.get("type")
    listed = types if isinstance(types, list) else [types]
    if "@context" not in document or "VerifiableCredential" not in listed:
        raise SecuringError("a JSON document that is not a verifiable credential")


def _entries(stated: Iterable[Any]) -> Iterator[StatusEntry]:
    for one in stated:
        try:
            entry = status_entries.read(one)
        except UnknownStatusError:
            continue
        if isinstance(entry, StatusEntry):
            yield entry


def bounds(claims: Mapping[str, Any], names: Iterable[str]) -> tuple[Bound, ...]:
    """Read the dates of those names, as far as they are stated."""
    return tuple(
        Bound(
            name,
            moment(claims[name]) if name in {"nbf", "exp"} else as_moment(claims[name]),
        )
        for name in names
        if name in claims
    )


def _day(value: Any) -> date | None:
    if not isinstance(value, str) or not _DAY.match(value):
        return None
    if len(value) > len("2026-04-01") and as_moment(value) is None:
        return None
    try:
        return date.fromisoformat(value[: len("2026-04-01")])
    except ValueError:
        return None


def _id_of(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) else ""


def _did(text: str) -> Did | None:
    try:
        return Did(text)
    except DidError:
        return None
