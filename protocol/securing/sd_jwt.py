"""SD-JWT credentials: the issuer signs digests, the holder shows what lies behind some.

What can be disclosed on its own are the *units* of a record: the members of its groups,
and of the elements of its lists (a grade goes with its scale). Registered claims such
as `iss`, `exp` and `status` stay open, so that nobody can hide that a credential ended.

Implements SD-JWT (RFC 9901) and, for its claims and types, SD-JWT VC. Two things a
reader of those may not expect: an object of which everything is withheld is left out of
the claims, where RFC 9901 leaves it empty; and a record too large for 512 disclosures
has coarser units, which are then shown whole or not at all. The holder's proof is in
`key_binding`; whose key `kid` names is not asked here.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from protocol.errors import SecuringError
from protocol.identity.dids import DidUrl
from protocol.identity.keys import SigningKey, VerificationKey
from protocol.identity.multibase import as_base64url
from protocol.securing import jose
from protocol.securing.disclosures import (
    ALGORITHM,
    DIGESTS,
    ELEMENT,
    REGISTERED,
    Contents,
    Disclosure,
    Path,
    digest_of,
    unfold,
)

TYP = "dc+sd-jwt"
TYPES = frozenset({TYP, "vc+sd-jwt"})
"""`vc+sd-jwt` is what earlier drafts of SD-JWT VC called it."""
MAXIMUM_DISCLOSURES = 512
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class SdJwt:
    """An SD-JWT that could be read; nothing is verified yet."""

    jws: jose.Jws
    token: str
    """The part the issuer signed, as it was received."""
    disclosures: tuple[Disclosure, ...]
    key_binding: str | None
    """The holder's proof, if there is one; see `key_binding`."""
    contents: Contents

    @property
    def kid(self) -> DidUrl:
        """The key it claims to be signed with."""
        return self.jws.kid

    @property
    def typ(self) -> str:
        """`dc+sd-jwt`, or its former name."""
        return self.jws.header["typ"]

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the issuer signed, digests and all."""
        return self.jws.claims

    @property
    def signing_input(self) -> bytes:
        """The octets the signature is over."""
        return self.jws.signing_input

    @property
    def signature(self) -> bytes:
        """The issuer's signature."""
        return self.jws.signature

    def claims(self) -> dict[str, Any]:
        """Return everything disclosed, and what is open anyway."""
        return dict(self.contents.claims)

    def record(self) -> dict[str, Any]:
        """Return the claims without those about the credential itself."""
        return self.contents.record()

    def paths(self) -> set[Path]:
        """Return where the parts of the record lie that can be presented."""
        return self.contents.paths()

    def presented_without_binding(self) -> str:
        """Return the text a holder's proof is over."""
        return "~".join([self.token, *(d.text for d in self.disclosures), ""])

    def present(self, paths: Iterable[Path]) -> str:
        """Return an SD-JWT that discloses `paths` and nothing else that is hidden.

        Raises:
            SecuringError: as for `Contents.needed`.
        """
        return present(self.presented_without_binding(), self.contents, paths)


def present(text: str, contents: Contents, paths: Iterable[Path]) -> str:
    """Return the SD-JWT `text`, of known `contents`, with what discloses `paths` only.

    Raises:
        SecuringError: as for `Contents.needed`.
    """
    needed = contents.needed(paths)
    token, *texts, _ = text.split("~")
    kept = (one for place, one in enumerate(texts) if place in needed)
    return "~".join([token, *kept, ""])


class _Grain(IntEnum):
    """How finely the elements of a list are taken apart."""

    MEMBERS_ANDELEMENTS = 0
    """Each member, and each element: even how many members it has is hidden."""
    MEMBERS = 1
    ELEMENTS = 2


def issue(
    claims: Mapping[str, Any],
    *,
    vct: str,
    key: SigningKey,
    kid: DidUrl,
    salts: Callable[[], str],
    plain: Iterable[Path] = (),
) -> str:
    """Sign `claims` and return the SD-JWT with all its disclosures.

    Registered claims stay open, and so does what `plain` selects, where None stands
    for every element. `salts` returns 128 bits of fresh randomness as text.

    Raises:
        SecuringError: more disclosures than a verifier would read, however coarse.
    """
    _refuse_reserved(claims)
    patterns = set(plain)
    for grain in _Grain:
        hider = _Hider(salts, patterns, grain)
        payload = hider.object({**claims, "vct": vct}, ())
        if len(hider.texts) <= MAXIMUM_DISCLOSURES:
            token = jose.secure(
                payload | {"_sd_alg": ALGORITHM}, key=key, kid=kid, typ=TYP
            )
            return "~".join([token, *hider.texts, ""])
    raise SecuringError(f"a record of more than {MAXIMUM_DISCLOSURES} disclosures")


def parse(text: str) -> SdJwt:
    """Take an SD-JWT VC apart and put the disclosed claims in their places.

    Raises:
        SecuringError: not an SD-JWT VC, more than `MAXIMUM_DISCLOSURES`, a digest
            twice, a disclosure that nothing refers to, or one of a claim that must be
            open or is there already.
    """
    return take_apart(text, lambda token: jose.read(token, TYPES))


def take_apart(text: str, read: Callable[[str], jose.Jws]) -> SdJwt:
    """Take any SD-JWT apart, whose first part `read` reads.

    Raises:
        SecuringError: as for `parse`, and what `read` raises.
    """
    if "~" not in text:
        raise SecuringError("an SD-JWT has at least one ~")
    if text.count("~") > MAXIMUM_DISCLOSURES + 1:
        raise SecuringError(f"an SD-JWT of more than {MAXIMUM_DISCLOSURES} disclosures")
    token, *texts, binding = text.split("~")
    jws = read(token)
    disclosures = tuple(map(Disclosure.read, texts))
    contents = unfold(jws.claims, disclosures)
    return SdJwt(jws, token, disclosures, binding or None, contents)


def from_json_form(
    document: Mapping[str, Any], signatures: Sequence[Mapping[str, Any]]
) -> str:
    """Return an SD-JWT in JSON as `parse` reads it.

    Implements RFC 9901, section "JWS JSON Serialization".

    Raises:
        SecuringError: several signatures, or parts that are not texts.
    """
    if len(signatures) != 1:
        raise SecuringError("an SD-JWT with more than one signature")
    stated = signatures[0]
    # Earlier drafts had these members beside the payload.
    beside = {n: document[n] for n in ("disclosures", "kb_jwt") if n in document}
    if beside and "header" in stated:
        raise SecuringError("an SD-JWT with disclosures in two places")
    header = stated.get("header", beside)
    if not isinstance(header, Mapping) or not header.keys() <= {
        "disclosures",
        "kb_jwt",
    }:
        raise SecuringError("an SD-JWT whose header is not of disclosures and kb_jwt")
    disclosures = header.get("disclosures", [])
    parts = (stated.get("protected"), document.get("payload"), stated.get("signature"))
    binding = header.get("kb_jwt", "")
    texts = [*parts, binding, *(disclosures if isinstance(disclosures, list) else [0])]
    if not all(isinstance(one, str) and "~" not in one for one in texts):
        raise SecuringError("an SD-JWT whose parts are not texts")
    return "~".join([".".join(map(str, parts)), *disclosures, binding])


def verify(sd_jwt: SdJwt, key: VerificationKey) -> bool:
    """Tell whether the issuer's part was signed with `key`, by the right `alg`."""
    return jose.verify(sd_jwt.jws, key)


class _Hider:
    """Replaces claims by digests and collects the disclosures."""

    def __init__(
        self, salts: Callable[[], str], plain: set[Path], grain: _Grain
    ) -> None:
        self._salts = salts
        self._plain = plain
        self._grain = grain
        self.texts: list[str] = []

    def object(self, value: Mapping[str, Any], path: Path) -> dict[str, Any]:
        members: dict[str, Any] = {}
        digests: list[str] = []
        for name, inner in value.items():
            below = (*path, name)
            if self._is_open(below):
                members[name] = inner
            elif not path and isinstance(inner, Mapping):
                members[name] = self.object(inner, below)
            elif not path and isinstance(inner, list | tuple):
                members[name] = [self._element(one, below) for one in inner]
            else:
                digests.append(self._hide([self._salts(), name, inner]))
        if digests:
            # In the order of the digests nothing is told by their place.
            members[DIGESTS] = sorted(digests)
        return members

    def _element(self, element: Any, path: Path) -> Any:
        below = (*path, None)
        if self._is_open(below):
            return element
        if isinstance(element, Mapping) and self._grain != _Grain.ELEMENTS:
            element = self.object(element, below)
            # What is to be open must not lie in an element that can be withheld.
            is_open = any(path[:-1] == below for path in self._plain)
            if is_open or self._grain == _Grain.MEMBERS:
                return element
        return {ELEMENT: self._hide([self._salts(), element])}

    def _is_open(self, path: Path) -> bool:
        return (len(path) == 1 and path[0] in REGISTERED) or path in self._plain

    def _hide(self, content: list[Any]) -> str:
        text = disclosure_text(content)
        self.texts.append(text)
        return digest_of(text)


def disclosure_text(content: list[Any]) -> str:
    """Return the disclosure of salt, perhaps name, and value."""
    return as_base64url(_ENCODER.encode(content).encode())


def _refuse_reserved(value: Any) -> None:
    if isinstance(value, Mapping):
        if not value.keys().isdisjoint((DIGESTS, ELEMENT)):
            raise ValueError("claims with a name that SD-JWT keeps for itself")
        for inner in value.values():
            _refuse_reserved(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_reserved(inner)
