"""Verification as the node does it, with a registry that knows this node only."""

from node.verifying import verify_any
from protocol.errors import DidError
from protocol.exchange import did_log
from tests.node.portal_world import World


class OwnRegistry:
    """Finds this node's DID log and nothing else."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def history(self, did, *, fresh=False):
        if did != self._world.context.did:
            raise DidError(f"{did} cannot be reached")
        return did_log.read(did, self._world.context.identity.log)

    async def status_list(self, url, *, fresh=False):
        raise DidError(f"{url} cannot be reached")

    def remembered_history(self, did):
        return None

    def remembered_list(self, url):
        return None


def verifier(world: World):
    """Return what the portal is given to verify documents with."""

    async def verify_octets(octets):
        return await verify_any(
            octets,
            media_type=None,
            source=OwnRegistry(world),
            accreditations=(),
            anchors=(),
            at=world.clock(),
        )

    return verify_octets
