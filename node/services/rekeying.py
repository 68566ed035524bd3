"""Notes in the audit log what became of this node's keys.

The DID log says it to everyone; the audit log says it where its auditor looks (LRX 1.0,
"Audit log": key operations are events).
"""

from datetime import datetime

from sqlalchemy import Connection

from node import identity
from node.context import NodeContext
from node.store import audit

_EVENT = "keys-changed"
_WHOLE = 10**6
"""More than a DID log may have entries."""


def note(connection: Connection, *, context: NodeContext, at: datetime) -> None:
    """Note every entry of the DID log after the first that is not noted yet."""
    noted = {
        str(one.event["version"])
        for one in audit.events(
            connection, vault=context.vault, kind=_EVENT, limit=_WHOLE
        )
        if one.event
    }
    folder = context.settings.path(context.settings.keystore)
    history, _ = identity.read_log(folder, context.did)
    for before, after in zip(history.versions, history.versions[1:], strict=False):
        if after.version_id in noted:
            continue
        old, new = before.document.methods, after.document.methods
        audit.append(
            connection,
            vault=context.vault,
            kind="keys-changed",
            event={
                "version": after.version_id,
                "added": sorted(url.fragment for url in new.keys() - old.keys()),
                "removed": sorted(url.fragment for url in old.keys() - new.keys()),
            },
            at=at,
        )
