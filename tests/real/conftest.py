"""What the tests with real programs share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.real.programs import alertmanager_process
from tests.server_process import lookout_process, place_for_data


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def lookout_url() -> AsyncIterator[str]:
    """A Lookout as an operator starts it, for the tests of one file; its address."""
    with place_for_data() as place:
        data_dir = place / "data"
        data_dir.mkdir()
        async with lookout_process(data_dir) as server:
            yield await server.address()


@pytest.fixture(scope="module")
async def alertmanager_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """A real Alertmanager, for the tests of one file; its address."""
    directory: Path = tmp_path_factory.mktemp("alertmanager")
    async with alertmanager_process(directory) as url:
        yield url
