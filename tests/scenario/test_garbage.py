"""What is made at the start is no longer looked at by the garbage collector: all stands still while it looks."""

import asyncio
import gc
from contextlib import suppress
from pathlib import Path

from lookout.app import serve_until_stopped
from lookout.config import Settings
from lookout.incidents.policy import Policy


async def test_once_it_serves_the_collector_looks_only_at_what_came_after_the_start(dsn: str) -> None:
    spared: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    settings = Settings("127.0.0.1", 0, Path(), dsn, None, Policy())

    def ready(_: str) -> None:
        spared.set_result(gc.get_freeze_count())

    before = gc.get_freeze_count()
    serving = asyncio.create_task(serve_until_stopped(settings, ready, asyncio.Event()))
    try:
        await asyncio.wait({serving, spared}, return_when=asyncio.FIRST_COMPLETED)
        assert spared.result() > before + 10_000
    finally:
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving
        gc.unfreeze()
