"""What the fault tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server_process import place_for_data


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """An empty data directory."""
    with place_for_data() as place:
        data_dir = place / "data"
        data_dir.mkdir()
        yield data_dir
