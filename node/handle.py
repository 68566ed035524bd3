"""A node opened for one task: its keys and its store, without any door.

Commands work on a node in this way, also beside the process that serves it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from node import identity
from node.context import NodeContext
from node.settings import Settings
from node.store.engine import Store, open_store
from node.store.sealed import Vault


@dataclass(frozen=True, slots=True)
class Node:
    """An opened node: what a command works on."""

    context: NodeContext
    store: Store


@asynccontextmanager
async def opened_at(settings: Settings) -> AsyncIterator[Node]:
    """Open the node of `settings`, and close it afterwards.

    Raises:
        KeystoreError: a key cannot be used.
        StoreError: there is no database, or its gate is not that of this release.
    """
    keys = identity.load(settings.path(settings.keystore), settings.did)
    context = NodeContext(settings, keys, Vault(keys.vault))
    store = await open_store(settings.store_url)
    try:
        yield Node(context, store)
    finally:
        await store.close()
