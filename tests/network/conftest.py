"""The test network: one for all tests of this folder, and only when asked for."""

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from network_engine import Engine, Network, build_arguments, engine, timed

REPOSITORY = Path(__file__).parents[2]
PROJECT = "lrx-test-network"


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Start no engine on a machine nobody asked to."""
    if "network" in (config.option.markexpr or ""):
        return
    for item in items:
        if "network" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="asked for by make test-network"))


@pytest.fixture(scope="session")
def own_engine() -> Iterator[Engine]:
    # Not below the folder of pytest: the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="lrx-engine-"))
    folder.rmdir()
    with engine(folder) as found:
        yield found
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def network(own_engine: Engine) -> Iterator[Network]:
    found = Network(own_engine, REPOSITORY / "docker-compose.yml", PROJECT)
    with timed("the image of the nodes"):
        found.compose("build", *build_arguments(), seconds=600)
    try:
        found.up()
        yield found
    except Exception:
        logging.getLogger("network").info(found.compose("logs", "--tail", "50"))
        raise
    finally:
        with timed("everything goes away"):
            found.compose("down", "--volumes", "--timeout", "10")
