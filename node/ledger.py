"""The audit log as others see it: checkpoints and tiles over the leaves in the store.

Appending is one insert (`store.audit`); the tree is worked out when somebody asks for
its head. One ledger per home, extended by what came since it was last asked.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from node.context import NodeContext
from node.store import audit
from node.store.engine import Store
from protocol.errors import NotFoundError
from protocol.exchange.log_tiles import Tile
from protocol.exchange.merkle_log import Checkpoint, Tree, leaf_hash, note_key
from protocol.identity.keys import SigningKey


@dataclass(slots=True)
class Ledger:
    """One home's log."""

    origin: str
    key: SigningKey
    _tree: Tree = field(default_factory=Tree)

    @classmethod
    def of(cls, context: NodeContext) -> "Ledger":
        """Return the ledger of a home, empty until it is asked."""
        return cls(f"{context.settings.authority}/log", context.identity.log_key)

    @property
    def verifier(self) -> str:
        """The key others verify checkpoints with, as a profile states it."""
        return note_key(self.origin, self.key.verification_key)

    def head(self, connection: Connection) -> Checkpoint:
        """Return the present head, having read what was appended since.

        Runs in the store; calls of one process never overlap in the writer.
        """
        for leaf in audit.leaves_since(connection, size=self._tree.size):
            self._tree.append(leaf_hash(leaf))
        return Checkpoint(self.origin, self._tree.size, self._tree.root())

    async def checkpoint(self, store: Store, at: datetime) -> str:
        """Return a signed note of the present head, and keep it."""

        def sign(connection: Connection) -> str:
            head = self.head(connection)
            note = head.sign(self.key).decode()
            audit.keep_checkpoint(
                connection, size=head.size, root=head.root, note=note, at=at
            )
            return note

        return await store.write(sign)

    async def tile(self, store: Store, path: str) -> bytes:
        """Return the content of one tile.

        Raises:
            NotFoundError: the log is not that long yet, or entries were asked for.
            MalformedValueError: not the path of a tile.
        """
        tile = Tile.parse(f"tile/{path}")
        leaves = await store.read(audit.leaves_since, size=0)
        if tile.level is None or not tile.exists(len(leaves)):
            # Entries are noise to everyone without the learner's key: not published.
            raise NotFoundError("no such tile")
        return tile.content(leaves)
