"""The portal over a real store, for the tests that visit it."""

import pytest
from aiohttp import DummyCookieJar

from node.store.engine import open_store
from node.store.migrate import upgrade
from node.web.portal import build_portal
from tests.node import verify_world
from tests.node.portal_world import Clock, World, context_for, populate

__all__ = ["client", "world"]


@pytest.fixture
async def world(tmp_path):
    clock = Clock()
    context = context_for(tmp_path, clock)
    upgrade(context.settings.store_url)
    async with await open_store(context.settings.store_url) as store:
        world = World(context, store, clock)
        await store.write(populate, world)
        yield world


@pytest.fixture
async def client(world, aiohttp_client):
    async def reverify(delivery_id, item_id):
        world.ids["reverified"] = f"{delivery_id} {item_id}"

    app = build_portal(
        store=world.store,
        context=world.context,
        verify=verify_world.verifier(world),
        reverify=reverify,
    )
    # Cookies are kept by the visitors: they are `Secure`, and this is plain HTTP.
    return await aiohttp_client(app, cookie_jar=DummyCookieJar())
