"""A network for all tests here, and one of its own for a test that changes much."""

import pytest_asyncio
from exchange_net import PURPOSE, A, B, R, running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def net(tmp_path_factory):
    """Run A, B and the authority, introduced; people are added by each test."""
    async with running(tmp_path_factory.mktemp("net"), A, B, R) as made:
        await made.introduce(R, A, PURPOSE)
        await made.introduce(B, A, "admission")
        await made.introduce(A, B, "admission")
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def fresh(tmp_path):
    """Run A and the authority, introduced, for one test alone."""
    async with running(tmp_path, A, R) as made:
        await made.introduce(R, A, PURPOSE)
        yield made
