"""What is made at the start is no longer looked at by the garbage collector: all stands still while it looks."""

import asyncio
import gc
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lookout.app import serve_until_stopped
from lookout.config import Settings
from lookout.incidents.policy import Policy
from lookout.intake.writer import Intake


@pytest.fixture
def as_before() -> Iterator[None]:
    """For the tests that come next, which are frozen as they were before the first of them."""
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("as_before")
async def test_once_it_serves_the_collector_looks_only_at_what_came_after_the_start(dsn: str) -> None:
    looked_at: asyncio.Future[set[type]] = asyncio.get_running_loop().create_future()
    settings = Settings("127.0.0.1", 0, Path(), dsn, None, Policy())

    def ready(_: str) -> None:
        looked_at.set_result(set(map(type, gc.get_objects())))

    serving = asyncio.create_task(serve_until_stopped(settings, ready, asyncio.Event()))
    try:
        await asyncio.wait({serving, looked_at}, return_when=asyncio.FIRST_COMPLETED)
        assert Intake not in looked_at.result()
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
