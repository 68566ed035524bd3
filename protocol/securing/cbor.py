"""CBOR as proofs and signatures are written in, in one spelling only."""

from typing import Any

import cbor2

from protocol.errors import SecuringError

encode = cbor2.dumps


def decode(octets: bytes, *, depth: int = 4) -> Any:
    """Read one value that is nested no deeper than `depth`.

    Raises:
        SecuringError: not CBOR, or with octets that another writer would have left
            out.
    """
    try:
        found = cbor2.loads(
            octets, max_depth=depth, allow_indefinite=False, allow_duplicate_keys=False
        )
        # Octets after the end, or numbers longer than need be, would be a second
        # spelling of the same.
        size = len(cbor2.dumps(found))
    except (cbor2.CBORError, ValueError, TypeError) as error:
        raise SecuringError(f"not CBOR: {str(error)[:80]}") from error
    if size != len(octets):
        raise SecuringError("CBOR with octets that are not needed")
    return found
