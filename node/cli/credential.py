"""`lrx credential`: secure one credential or presentation with one key, or verify it.

For whoever tests this node against other software: the key is a verification method in
a file, the answer a JSON object `{"result", "data"}`. `success` on verifying means that
the document was secured with that key and has the form of the data model, and nothing
more: who the key belongs to, dates, status and the credentials inside a presentation
are judged by `lrx verify`. With the feature `credential_selective` a base proof is made
and a derived one verified; what comes between the two is in `node.cli.deriving`.

Exit status 0 success, 1 failure, 3 a file that cannot be read or written.
"""

import json
import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from node.cli import deriving
from node.cli.common import Exit, complain
from protocol import securing
from protocol.credentials import form
from protocol.credentials.enveloping import Content, open_envelope
from protocol.credentials.proofs import StatedProof
from protocol.errors import MalformedValueError, ProtocolError, SecuringError
from protocol.identity.bbs_keys import SecretKey
from protocol.identity.keys import LocalSigningKey, VerificationKey
from protocol.linked_data.jcs import parse_strict
from protocol.securing import cose, jose, sd_jwt_vcdm


class _Feature(NamedTuple):
    content: Content
    mechanism: securing.Mechanism


_FEATURES = {
    "credential_jose": _Feature("vc", "jose"),
    "credential_sdjwt": _Feature("vc", "sd-jwt"),
    "credential_cose": _Feature("vc", "cose"),
    "credential_selective": _Feature("vc", "data-integrity"),
    "presentation_jose": _Feature("vp", "jose"),
    "presentation_sdjwt": _Feature("vp", "sd-jwt"),
    "presentation_cose": _Feature("vp", "cose"),
}
_BLS = "z48"
"""How a secret key of BLS12-381 begins as Multikey."""
_SUFFIX = {"jose": "jwt", "sd-jwt": "sd-jwt", "cose": "cose"}


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx credential`."""
    acts = parser.add_subparsers(dest="act", required=True)
    for name in ("issue", "verify"):
        act = acts.add_parser(name)
        act.add_argument("--input", type=Path, required=True)
        act.add_argument(
            "--key", type=Path, required=True, help="a verification method as JSON"
        )
        act.add_argument("--feature", choices=sorted(_FEATURES), required=True)
        act.add_argument(
            "--sd", default="[]", help="JSON array of paths that can be withheld"
        )
        act.add_argument(
            "--mandatory",
            default="[]",
            help="JSON array of JSON Pointers to what is always shown",
        )
        act.add_argument("--output", type=Path, required=True)
        act.set_defaults(command=credential)
    deriving.add_parser(acts.add_parser("derive"))


async def credential(arguments: Namespace) -> int:
    """Issue or verify, and write what came of it."""
    act: Callable[[bytes, Mapping[str, Any], _Feature, Namespace], str] = (
        _issue if arguments.act == "issue" else _verify
    )
    status = Exit.VALID
    try:
        method = parse_strict(arguments.key.read_bytes())
        octets = arguments.input.read_bytes()
        if not isinstance(method, dict):
            raise MalformedValueError("a key that is not a JSON object")
        data = act(octets, method, _FEATURES[arguments.feature], arguments)
        written = {"result": "success", "data": data}
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        status = Exit.UNREADABLE
        written = {"result": "error", "data": str(error.strerror)}
    except ProtocolError as error:
        complain(str(error))
        status = Exit.INVALID
        written = {"result": "failure", "data": str(error)}
    try:
        arguments.output.write_text(json.dumps(written, ensure_ascii=False) + "\n")
    except OSError as error:
        complain(f"{arguments.output}: {error.strerror}")
        return Exit.UNREADABLE
    return status


def _issue(
    octets: bytes, method: Mapping[str, Any], feature: _Feature, arguments: Namespace
) -> str:
    """Return the secured document as text."""
    claims = parse_strict(octets)
    if not isinstance(claims, dict):
        raise MalformedValueError("a document that is not a JSON object")
    _check_form(claims, feature)
    undefined = form.undefined_members(claims)
    if undefined:
        raise SecuringError(f"members that nothing defines: {', '.join(undefined)}")
    key, kid = _signing_key(method), str(method.get("id", ""))
    party = claims.get("issuer" if feature.content == "vc" else "holder")
    named = party.get("id") if isinstance(party, dict) else party
    if named and method.get("controller", named) != named:
        complain(f"the document names {named}, the key is of {method['controller']}")
    if isinstance(key, SecretKey) or feature.mechanism == "data-integrity":
        if feature.mechanism != "data-integrity":
            raise MalformedValueError("a key of BLS12-381, which signs no text")
        return deriving.secure(claims, key, kid, _paths(arguments.mandatory))
    typ = f"{feature.content}+{_SUFFIX[feature.mechanism]}"
    match feature.mechanism:
        case "cose":
            signed = cose.secure(claims, key=key, kid=kid, typ=f"application/{typ}")
            return cose.as_base64(signed)
        case "sd-jwt":
            return sd_jwt_vcdm.issue(
                claims,
                map(sd_jwt_vcdm.path_of, _paths(arguments.sd)),
                key=key,
                kid=kid,
                salts=lambda: secrets.token_urlsafe(16),
                typ=typ,
            )
    return jose.secure(claims, key=key, kid=kid, typ=typ, cty=feature.content)


def _verify(
    octets: bytes, method: Mapping[str, Any], feature: _Feature, _: Namespace
) -> str:
    """Return the document that was secured, as JSON."""
    if feature.mechanism == "data-integrity":
        claims = deriving.unsecured(octets, _verification_key(method))
        _check_form(claims, feature)
        return json.dumps(claims, ensure_ascii=False)
    text = securing.as_text(octets)
    media_type = f"application/{feature.content}+{_SUFFIX[feature.mechanism]}"
    securing.mechanism_of(text, media_type)
    opened = open_envelope(text, feature.mechanism, feature.content, media_type)
    if opened.media_type != media_type:
        raise SecuringError(f"{opened.media_type}, not {media_type}")
    _check_proof(opened.proof, _verification_key(method))
    _check_form(opened.claims, feature)
    return json.dumps(opened.claims, ensure_ascii=False)


def _check_proof(proof: StatedProof, key: VerificationKey) -> None:
    if proof.fault:
        raise SecuringError(proof.fault)
    if proof.unsupported:
        raise SecuringError(f"{proof.mechanism} is a mechanism this node cannot judge")
    if not proof.verify(key):
        raise SecuringError(f"the {proof.mechanism} was not signed with this key")


def _check_form(claims: Mapping[str, Any], feature: _Feature) -> None:
    if feature.content == "vc":
        faults = list(form.credential_faults(claims))
    else:
        media_type = f"application/vp+{_SUFFIX[feature.mechanism]}"
        faults = list(form.presentation_faults(claims, media_type))
    if faults:
        raise SecuringError("; ".join(faults))


def _paths(text: str) -> list[str]:
    paths = parse_strict(text.encode())
    if not isinstance(paths, list) or not all(isinstance(one, str) for one in paths):
        raise MalformedValueError("--sd and --mandatory are JSON arrays of texts")
    return paths


def _signing_key(method: Mapping[str, Any]) -> LocalSigningKey | SecretKey:
    match method:
        case {"secretKeyJwk": dict(jwk)} | {"privateKeyJwk": dict(jwk)}:
            return LocalSigningKey.from_jwk(jwk)
        case {"secretKeyMultibase": str(text)}:
            if text.startswith(_BLS):
                return SecretKey.from_multikey(text)
            return LocalSigningKey.from_multikey(text)
    raise MalformedValueError("a verification method without a private key")


def _verification_key(method: Mapping[str, Any]) -> VerificationKey:
    match method:
        case {"publicKeyJwk": dict(jwk)}:
            return VerificationKey.from_jwk(jwk)
        case {"publicKeyMultibase": str(text)}:
            return VerificationKey.from_multikey(text)
    raise MalformedValueError("a verification method without a public key")
