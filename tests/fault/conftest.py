"""What the fault tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server_process import empty_place, place_for_data


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory as a first start that was stopped leaves it."""
    with place_for_data() as place:
        yield place / "data"


@pytest.fixture
def empty_data_dir() -> Iterator[Path]:
    """One in which Lookout never was."""
    with empty_place() as place:
        data_dir = place / "data"
        data_dir.mkdir()
        yield data_dir
