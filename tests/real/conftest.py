"""What the tests with real programs share."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.real.exporter import Exporter
from tests.real.programs import alertmanager_process
from tests.server_process import lookout_process, place_for_data


@pytest.fixture
async def lookout() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a Lookout as an operator starts it, with a database of its own."""
    with place_for_data() as place:
        async with (
            lookout_process(place / "data") as server,
            httpx.AsyncClient(base_url=await server.address(), timeout=30) as http,
        ):
            yield http


@pytest.fixture
async def exporter() -> AsyncIterator[Exporter]:
    """A metric that a test sets."""
    exporter = Exporter()
    async with exporter.serving():
        yield exporter


@pytest.fixture(scope="module")
async def lookout_url() -> AsyncIterator[str]:
    """The address of a Lookout for all the tests of one file."""
    with place_for_data() as place:
        async with lookout_process(place / "data") as server:
            yield await server.address()


@pytest.fixture(scope="module")
async def alertmanager_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A real Alertmanager, for the tests of one file; its address."""
    directory: Path = tmp_path_factory.mktemp("alertmanager")
    async with alertmanager_process(directory) as url:
        yield url
