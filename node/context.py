"""What every part of a running node is handed: who we are, and what time it is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from node.identity import Identity
from node.settings import Settings
from node.store.sealed import Vault
from protocol.identity.dids import Did

Clock = Callable[[], datetime]
"""Returns the present moment, aware and in UTC."""


def system_clock() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@dataclass(slots=True)
class NodeContext:
    """The node as its services see it; `identity` alone changes while it runs."""

    settings: Settings
    identity: Identity
    vault: Vault
    clock: Clock = system_clock

    @property
    def did(self) -> Did:
        """The institution's DID."""
        return self.identity.did
