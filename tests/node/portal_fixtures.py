"""The portal over a real store, for the tests that visit it."""

import shutil

import pytest
from aiohttp import DummyCookieJar

from node.store.engine import open_store
from node.store.migrate import upgrade
from node.web.portal import build_portal
from tests.node import verify_world
from tests.node.portal_world import Clock, World, context_for, populate

__all__ = ["client", "populated", "world"]


@pytest.fixture(scope="session")
def populated(tmp_path_factory):
    """A folder for a node's home, and what is in it once somebody has filled it."""
    return tmp_path_factory.mktemp("portal"), {}


@pytest.fixture
async def world(tmp_path, populated):
    """A node with people and records; filled once, copied for every test."""
    template, ids = populated
    clock = Clock()
    if not ids:
        context = context_for(template, clock)
        upgrade(context.settings.store_url)
        async with await open_store(context.settings.store_url) as store:
            filled = World(context, store, clock)
            await store.write(populate, filled)
        ids.update(filled.ids)
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    context = context_for(tmp_path, clock)
    async with await open_store(context.settings.store_url) as store:
        yield World(context, store, clock, dict(ids))


@pytest.fixture
async def client(world, aiohttp_client):
    """Whoever may talk to the portal; cookies are kept by the visitors."""

    async def reverify(delivery_id, item_id):
        world.ids["reverified"] = f"{delivery_id} {item_id}"

    app = build_portal(
        store=world.store,
        context=world.context,
        verify=verify_world.verifier(world),
        reverify=reverify,
    )
    # The cookies are `Secure`, and this is plain HTTP.
    return await aiohttp_client(app, cookie_jar=DummyCookieJar())
