"""Joins the parts: the only place where they are chosen.

`build_app` makes the door for peers and the public, `Running` a whole node with both
doors and its background work. Tests call the same functions with another clock.
"""

import asyncio
import gc
import ssl
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Self

from aiohttp import web

from node import identity
from node.acting import Actor
from node.background import Worker
from node.context import Clock, NodeContext, system_clock
from node.fetch import Fetcher, fetcher_for
from node.jurisdictions import law
from node.ledger import Ledger
from node.linked_data import LinkedData
from node.peers import Sender
from node.registry import Registry
from node.reloading import Reloader, watch
from node.services.vc_checking import Checker
from node.services.vc_issuing import Issuer, Signer, issuers, note_issued
from node.settings import Settings, address, load, read_token
from node.store.engine import Store, open_store
from node.store.sealed import Vault
from node.web import peer_api, portal, public, vc_api
from node.web.limits import Introductions
from node.web.problems import problem_details
from node.web.public import SITES, Site
from node.web.silence import QuietLogger, spoken_in, watched

HEADER_LIMIT = 16 * 1024
"""Octets of one header line; a signature and its input fit in a tenth of it."""
KEEP_ALIVE = 75.0
"""Seconds an idle connection stays open."""


def build_app(
    sites: Mapping[str, Site],
    *,
    context: NodeContext,
    store: Store,
    registry: Registry,
) -> web.Application:
    """Join the door for peers and the public; it has not been started."""
    app = web.Application(middlewares=[problem_details])
    app[SITES] = sites
    app[peer_api.CONTEXT] = context
    app[peer_api.STORE] = store
    app[peer_api.REGISTRY] = registry
    app[peer_api.STRANGERS] = Introductions()
    app.add_routes(public.routes)
    app.add_routes(public.health)
    app.add_routes(peer_api.routes)
    return app


def spare_the_collector() -> None:
    """Look for cyclic garbage less often, for a process that does nothing but serve.

    What was there at the start stays, and messages are freed by their reference counts:
    looking as often as Python does by default took 8 % of the CPU of an exchange.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@dataclass(slots=True)
class Running:
    """A node at work."""

    context: NodeContext
    store: Store
    registry: Registry
    worker: Worker
    fetcher: Fetcher
    _stack: AsyncExitStack

    @classmethod
    async def start(cls, settings: Settings, *, clock: Clock = system_clock) -> Self:
        """Open everything the settings name and begin to answer.

        Raises:
            KeystoreError: a key cannot be used.
            OSError: an address is taken.
        """
        async with AsyncExitStack() as stack:
            site = await _open(settings, clock, stack)
            context, store = site.context, site.store
            sites = {settings.authority: site}
            for hosted in settings.hosted:
                home = load(settings.path(hosted.home) / "node.toml")
                sites[hosted.host] = await _open(home, clock, stack)
            fetcher = fetcher_for(settings)
            stack.push_async_callback(fetcher.close)
            own = {str(s.context.did): s.context.identity.log for s in sites.values()}
            registry = Registry(store, fetcher, clock, own)
            sender = Sender(context, registry, fetcher)
            linked_data = LinkedData()
            stack.push_async_callback(linked_data.close)
            actor = Actor(context, store, registry, site.ledger, linked_data)
            worker = Worker(context, store, registry, sender, actor)
            app = build_app(sites, context=context, store=store, registry=registry)
            await _listen(app, settings.listen, _tls(settings), stack)
            reloaders = [Reloader(s.context, registry) for s in sites.values()]
            if settings.vc_api:
                api = vc_api_of(site, registry, linked_data)
                door = vc_api.build_vc_api(api)
                await _listen(door, settings.vc_api.listen, None, stack)
                if api.issuers:
                    reloaders[0].then = lambda: api.issuers.update(_issuers(context))
            pages = portal.build_portal(
                store=store,
                context=context,
                verify=worker.verify_octets,
                reverify=worker.reverify,
            )
            pages[SITES] = sites
            pages.add_routes(public.health)
            await _listen(pages, settings.portal_listen, None, stack)
            watching = asyncio.create_task(watch(reloaders))
            stack.push_async_callback(_ended, watching)
            if settings.workers:
                await worker.start()
                stack.push_async_callback(worker.stop)
            return cls(context, store, registry, worker, fetcher, stack.pop_all())

    async def stop(self) -> None:
        """Finish what was begun, then close everything, the last opened first."""
        await self._stack.aclose()


def vc_api_of(site: Site, registry: Registry, linked_data: LinkedData) -> vc_api.VcApi:
    """Return what the VC API of a node works with: its own keys, if it may sign.

    Raises:
        SettingsError: the token cannot be read, or is too short to be one.
    """
    context = site.context
    listener = context.settings.vc_api
    assert listener is not None  # noqa: S101 - the caller asked
    token = None
    if listener.token_file:
        token = read_token(context.settings.path(listener.token_file))
    may_sign = token is not None or listener.without_token
    return vc_api.VcApi(
        issuers=_issuers(context) if may_sign else {},
        checker=Checker(registry, linked_data),
        clock=context.clock,
        token=token,
        note=lambda name, issued: site.store.write(
            note_issued, context=context, issuer=name, issued=issued
        ),
    )


def _issuers(context: NodeContext) -> dict[str, Issuer]:
    keys = context.identity
    return issuers(
        {
            "ed25519": Signer(keys.eddsa, keys.eddsa_kid),
            "p256": Signer(keys.es256, keys.es256_kid),
        }
    )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _open(settings: Settings, clock: Clock, stack: AsyncExitStack) -> Site:
    law(settings.own_packs)  # A pack that cannot be read is found now or never.
    keys = identity.load(settings.path(settings.keystore), settings.did)
    context = NodeContext(settings, keys, Vault(keys.vault), clock)
    store = await open_store(settings.store_url)
    stack.push_async_callback(store.close)
    return Site(context, store, Ledger.of(context))


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.load_cert_chain(
        settings.path(settings.tls_certificate), settings.path(settings.tls_key)
    )
    return tls


async def _listen(
    app: web.Application,
    listen: str,
    tls: ssl.SSLContext | None,
    stack: AsyncExitStack,
) -> None:
    # `auto_decompress`: a digest is over the octets received, and 500 bytes of gzip
    # must not become 500 kB before anyone looked at them.
    spoken = spoken_in(app)
    runner = web.AppRunner(
        app,
        logger=QuietLogger(),
        auto_decompress=False,
        access_log=None,
        keepalive_timeout=KEEP_ALIVE,
        max_field_size=HEADER_LIMIT,
        shutdown_timeout=10,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    assert runner.server is not None  # noqa: S101 - it was set up
    host, port = address(listen)
    listening = await asyncio.get_running_loop().create_server(
        watched(runner.server, spoken), host, port, ssl=tls, backlog=128
    )
    stack.callback(listening.close)
