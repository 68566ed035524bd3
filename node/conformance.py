"""A throw-away node for conformance suites: the VC API and nothing else.

`lrx serve --conformance PORT` listens on this machine only, for HTTP and HTTPS. Its
keys are made for the run, are held in memory and end with it; whatever it signs is
worth nothing afterwards. That is why its issuers ask nobody for a token.
"""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from node.context import Clock, system_clock
from node.either_door import HOST, either_door
from node.fetch import Fetcher
from node.linked_data import LinkedData
from node.registry import Live
from node.services.vc_checking import Checker
from node.services.vc_issuing import Signer, issuers
from node.services.vc_statuses import StatusLists
from node.web.vc_api import VcApi, build_vc_api
from protocol.errors import NotFoundError
from protocol.identity.bbs_keys import SecretKey
from protocol.identity.dids import DidUrl
from protocol.identity.keys import Algorithm, LocalSigningKey

_KINDS: dict[str, Algorithm] = {"ed25519": "EdDSA", "p256": "ES256", "p384": "ES384"}


@dataclass(slots=True)
class _OwnLists(Live):
    """Finds the lists of this process in it, and everything else on the web."""

    lists: StatusLists

    def remembered_list(self, url: str) -> bytes | None:
        """Return a list of our own as it is now."""
        purpose = url.removeprefix(self.lists.base + "/")
        try:
            listed = self.lists.credential(purpose, self.clock())
        except NotFoundError:
            return None
        return json.dumps(listed).encode()


@asynccontextmanager
async def throw_away(
    port: int, *, clock: Clock = system_clock
) -> AsyncIterator[dict[str, str]]:
    """Serve a throw-away node; yield the `did:key` of each kind of key.

    Raises:
        OSError: the port is taken.
    """
    signers = {kind: made(algorithm) for kind, algorithm in _KINDS.items()}
    signers["bls"] = made_for_bbs()
    lists = StatusLists(signers["ed25519"], f"https://{HOST}:{port}/vc-api/status")
    async with AsyncExitStack() as stack:
        fetcher = Fetcher()
        stack.push_async_callback(fetcher.close)
        linked_data = await stack.enter_async_context(LinkedData())
        api = VcApi(
            issuers=issuers(signers),
            checker=Checker(
                _OwnLists(fetcher, clock, lists), linked_data, any_controller=True
            ),
            clock=clock,
            token=None,
            statuses=lists,
        )
        await stack.enter_async_context(either_door(build_vc_api(api), port, clock()))
        yield {kind: str(signer.kid.did) for kind, signer in signers.items()}


def made(algorithm: Algorithm) -> Signer:
    """Make a key that is its own `did:key`."""
    key = LocalSigningKey.generate(algorithm)
    name = key.verification_key.multikey()
    return Signer(key, DidUrl(f"did:key:{name}#{name}"))


def made_for_bbs() -> Signer:
    """Make a key of BBS that is its own `did:key`."""
    key = SecretKey.generate()
    name = key.public_key.multikey()
    return Signer(key, DidUrl(f"did:key:{name}#{name}"))
