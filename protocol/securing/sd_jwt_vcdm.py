"""Credentials and presentations of VC Data Model 2.0 as SD-JWT.

The types are `vc+sd-jwt` and `vp+sd-jwt`. Unlike an SD-JWT VC, which has a `vct` and
claims of its own, this is a whole credential of which the issuer lets some parts be
withheld: those it is told, and no others.

Follows Securing Verifiable Credentials using JOSE and COSE, section "With SD-JWT". What
a reader needs to judge a credential is never hidden here, though the specification only
advises against it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from protocol.errors import SecuringError
from protocol.identity.keys import SigningKey
from protocol.securing import jose
from protocol.securing.disclosures import ALGORITHM, DIGESTS, ELEMENT, Path, digest_of
from protocol.securing.sd_jwt import (
    MAXIMUM_DISCLOSURES,
    SdJwt,
    disclosure_text,
    take_apart,
)

VC_TYPE = "vc+sd-jwt"
VP_TYPE = "vp+sd-jwt"
OPEN = frozenset(
    {"@context", "type", "issuer", "validFrom", "validUntil", "proof"}
    | {"credentialStatus", "credentialSchema", "relatedResource", "termsOfUse"}
    | {"iss", "iat", "nbf", "exp", "cnf"}
)
"""Members that a holder must not be able to leave out."""

_STEP = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")


def path_of(text: str) -> Path:
    """Read a path such as `credentialSubject.phoneNumbers[0]`.

    Raises:
        SecuringError: not such a path.
    """
    steps: list[str | int | None] = []
    rest = text
    while rest:
        found = _STEP.match(rest)
        if found is None:
            raise SecuringError(f"{text!r} is not a path of names and [numbers]")
        steps.append(found[1] if found[1] is not None else int(found[2]))
        rest = rest[found.end() :].removeprefix(".")
    if not steps or text.endswith("."):
        raise SecuringError(f"{text!r} is not a path of names and [numbers]")
    return tuple(steps)


def issue(
    claims: Mapping[str, Any],
    hidden: Iterable[Path],
    *,
    key: SigningKey,
    kid: str,
    salts: Callable[[], str],
    typ: str = VC_TYPE,
) -> str:
    """Sign `claims` so that what lies at each of `hidden` can be withheld.

    `salts` returns 128 bits of fresh randomness as text.

    Raises:
        SecuringError: nothing lies at a path, or it is what a reader needs, or there
            are more of them than a reader would read.
    """
    payload = _copy(claims)
    # The innermost first: what is hidden inside something hidden stays a digest there.
    paths = sorted(set(hidden), key=lambda path: (-len(path), str(path)))
    if len(paths) > MAXIMUM_DISCLOSURES:
        raise SecuringError(f"more than {MAXIMUM_DISCLOSURES} disclosures")
    texts = [_hide(payload, path, salts) for path in paths]
    if texts:
        payload["_sd_alg"] = ALGORITHM
    token = jose.secure(payload, key=key, kid=kid, typ=typ, cty=jose.CONTENT[typ])
    return "~".join([token, *texts, ""])


def parse(text: str, typ: str = VC_TYPE) -> SdJwt:
    """Take an SD-JWT apart and put the disclosed claims in their places.

    Raises:
        SecuringError: another `typ`, or as for `protocol.securing.sd_jwt.parse`.
    """
    return take_apart(text, lambda token: jose.read_any(token, typ))


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        if not value.keys().isdisjoint((DIGESTS, ELEMENT)):
            raise SecuringError("claims with a name that SD-JWT keeps for itself")
        return {name: _copy(inner) for name, inner in value.items()}
    return [_copy(inner) for inner in value] if isinstance(value, list) else value


def _hide(payload: dict[str, Any], path: Path, salts: Callable[[], str]) -> str:
    """Replace what lies at `path` by its digest; return the disclosure."""
    *way, last = path
    if path[0] in OPEN:
        raise SecuringError(f"{path[0]} is what a reader needs, so it stays open")
    holder: Any = payload
    try:
        for step in way:
            holder = holder[step]
        value = holder[last]
    except (KeyError, IndexError, TypeError) as error:
        raise SecuringError(f"there is nothing at {path}") from error
    if isinstance(holder, list) and isinstance(last, int):
        text = disclosure_text([salts(), value])
        holder[last] = {ELEMENT: digest_of(text)}
        return text
    text = disclosure_text([salts(), last, value])
    del holder[last]
    holder[DIGESTS] = sorted([*holder.get(DIGESTS, []), digest_of(text)])
    return text
