"""`lrx credential`, where a holder shows part of a document: base and derived proofs.

A base proof (`ecdsa-sd-2023` with a P-256 key, `bbs-2023` with one of BLS12-381) goes
to the holder. `lrx credential derive` makes from it the document that is shown: what is
mandatory and what `--pointer` names. It needs no key.
"""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node.cli.common import Exit, complain
from node.contexts import vocabulary
from protocol.errors import MalformedValueError, ProtocolError, SecuringError
from protocol.identity.bbs_keys import SecretKey
from protocol.identity.dids import DidUrl
from protocol.identity.keys import SigningKey, VerificationKey
from protocol.linked_data.jcs import parse_strict
from protocol.securing import selective


def add_parser(parser: ArgumentParser) -> None:
    """Describe the arguments of `lrx credential derive`."""
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument(
        "--pointer",
        action="append",
        default=[],
        metavar="POINTER",
        help="JSON Pointer to something that is shown; may be given again",
    )
    parser.add_argument("--output", type=Path, required=True)
    parser.set_defaults(command=derive)


async def derive(arguments: Namespace) -> int:
    """Write the part of a document that its holder wants to show."""
    try:
        document = parse_strict(arguments.input.read_bytes())
        if not isinstance(document, dict):
            raise MalformedValueError("a document that is not a JSON object")
        part = selective.derive(
            document, selective=arguments.pointer, vocabulary=vocabulary()
        )
        text = json.dumps(part, ensure_ascii=False, indent=1)
        arguments.output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}")
        return Exit.UNREADABLE
    except ProtocolError as error:
        complain(str(error))
        return Exit.INVALID
    return Exit.VALID


def secure(
    claims: Mapping[str, Any],
    key: SigningKey | SecretKey,
    kid: str,
    mandatory: Sequence[str],
) -> str:
    """Return a document with a base proof, as JSON."""
    if not isinstance(key, SecretKey) and key.algorithm != "ES256":
        raise MalformedValueError(f"a key for {key.algorithm}, not P-256 or BLS12-381")
    secured = selective.secure(
        claims,
        key=key,
        verification_method=DidUrl(kid),
        at=datetime.now(UTC),
        mandatory=mandatory,
        vocabulary=vocabulary(),
    )
    return json.dumps(secured, ensure_ascii=False)


def unsecured(octets: bytes, key: VerificationKey) -> dict[str, Any]:
    """Return the document that a derived proof secures.

    Raises:
        SecuringError: it is not secured so, or not with `key`.
    """
    document = parse_strict(octets)
    proof = document.get("proof") if isinstance(document, dict) else None
    if not isinstance(proof, dict):
        raise SecuringError("a document with one proof is expected")
    claims = {name: value for name, value in document.items() if name != "proof"}
    read = selective.read(proof)
    if not selective.is_by(read, claims, key, vocabulary()):
        raise SecuringError(f"the {read.cryptosuite} was not made with this key")
    return claims
