"""Status lists kept in memory: those of a throw-away node.

A place is given to each credential of the issuer `status`; its bit can be set and the
list read, signed anew each time. Nothing outlives the process. The lists of a real node
are in its database (`node.services.securing`), and only its own records are in them.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from node.services.vc_issuing import Signer
from protocol.credentials import status_lists
from protocol.errors import NotFoundError, SecuringError
from protocol.securing import data_integrity

PURPOSES = ("revocation", "suspension")
_LIFETIME = timedelta(days=1)


@dataclass(slots=True)
class StatusLists:
    """One list for each purpose, under one URL."""

    signer: Signer
    base: str
    """What the URL of a list begins with."""
    _bits: dict[str, bytes] = field(default_factory=dict)
    _places: dict[tuple[str, str], int] = field(default_factory=dict)

    def url(self, purpose: str) -> str:
        """Return where a list is served."""
        return f"{self.base}/{purpose}"

    def entry(self, credential: dict[str, Any], purpose: str) -> dict[str, Any]:
        """Give a credential its place in a list; return what it states of it.

        Raises:
            SecuringError: a purpose there is no list for.
        """
        if purpose not in PURPOSES:
            raise SecuringError(f"a status of the purpose {purpose} is not offered")
        name = str(credential.get("id"))
        index = self._places.setdefault((name, purpose), len(self._places))
        return status_lists.entry(self.url(purpose), index, purpose)

    def set(self, credential: str, purpose: str, *, to: bool) -> None:
        """Set, or clear, the bit of a credential.

        Raises:
            NotFoundError: no such credential has a place in that list.
        """
        index = self._places.get((credential, purpose))
        if index is None:
            raise NotFoundError(f"no {purpose} status of {credential} is kept here")
        bits = bytearray(self._list(purpose))
        mask = 0b1000_0000 >> index % 8
        bits[index // 8] = bits[index // 8] | mask if to else bits[index // 8] & ~mask
        self._bits[purpose] = bytes(bits)

    def credential(self, purpose: str, at: datetime) -> dict[str, Any]:
        """Return a list as it is now, signed.

        Raises:
            NotFoundError: no such list.
        """
        if purpose not in PURPOSES:
            raise NotFoundError(f"there is no list of the purpose {purpose}")
        at = at.replace(microsecond=0)
        document = status_lists.status_list_credential(
            self.url(purpose),
            issuer=self.signer.kid.did,
            bits=self._list(purpose),
            at=at,
            valid_until=at + _LIFETIME,
            purpose=purpose,
        )
        return data_integrity.secure(
            document,
            key=self.signer.plain,
            verification_method=self.signer.kid,
            at=at,
        )

    def _list(self, purpose: str) -> bytes:
        return self._bits.get(purpose, bytes(status_lists.MINIMUM_ENTRIES // 8))
