"""Lets a running node take up keys that were rotated, without a restart.

`lrx keys rotate` writes new keys and replaces the DID log. The new log is served, and
what is encrypted to a new key can be opened, as soon as it is noticed; new keys sign
only once the entry that names them is `SETTLED` old, so that nothing begun before the
entry is signed by a key that did not count yet when it was begun.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from node import identity
from node.context import NodeContext
from node.identity import Identity, KeystoreError
from node.registry import Registry
from protocol.exchange import did_log

_logger = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between looks at the DID log; a look is one `stat`."""
SETTLED = timedelta(seconds=10)


@dataclass(slots=True)
class Reloader:
    """Watches the DID log of one home this process serves."""

    context: NodeContext
    registry: Registry
    then: Callable[[], None] = lambda: None
    """Told when other keys sign."""
    _seen: tuple[int, int] = (0, 0)
    _waits: bool = False
    """A key that was seen is not in use yet."""
    _failed: str = field(default="", repr=False)

    def look(self) -> bool:
        """Take up what changed; tell whether anything did."""
        folder = self.context.settings.path(self.context.settings.keystore)
        seen = _state(folder.parent / identity.LOG_FILE)
        if seen == self._seen and not self._waits:
            return False
        try:
            fresh = identity.load(folder, self.context.did, at=self.context.clock())
        except KeystoreError as error:
            if str(error) != self._failed:
                # The message names the file; nothing received is in it.
                _logger.error("keys could not be taken up: %s", error)  # noqa: TRY400
            self._failed = str(error)
            return False
        self._seen, self._failed = seen, ""
        return self._take(fresh)

    def _take(self, fresh: Identity) -> bool:
        held = self.context.identity
        history = did_log.read(fresh.did, fresh.log)
        settled = history.versions[-1].at + SETTLED <= self.context.clock()
        document = history.current()
        counts = document.key_for(held.message_kid, "authentication") and all(
            document.key_for(kid, "assertionMethod")
            for kid in (held.eddsa_kid, held.es256_kid)
        )
        self._waits = bool(counts) and not settled
        if self._waits:
            fresh = replace(held, log=fresh.log, decryption=fresh.decryption)
        if fresh == held:
            return False
        self.context.identity = fresh
        self.registry.own[str(fresh.did)] = fresh.log
        self.registry.forget(str(fresh.did))
        self.then()
        _logger.info(
            "keys were taken up",
            extra={"did": fresh.did, "id": history.versions[-1].version_id},
        )
        return True


async def watch(reloaders: Iterable[Reloader]) -> None:
    """Look every few seconds, until cancelled."""
    reloaders = tuple(reloaders)
    while True:
        await asyncio.sleep(LOOK_EVERY)
        for one in reloaders:
            one.look()


def _state(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino
