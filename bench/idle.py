"""What a Lookout costs that has nothing to do."""

import asyncio
import signal
import time
from pathlib import Path

import httpx
import psutil
from tests.server_process import empty_place, lookout_process

from bench.figure import Figure, Size
from bench.programs import lookout


async def idle(size: Size, directory: Path) -> list[Figure]:
    """Memory without the database, and the time from the start of the process to ready."""
    del directory
    memory: list[float] = []
    first: list[float] = []
    again: list[float] = []
    for _ in range(size.rounds):
        async with lookout() as program:
            async with httpx.AsyncClient(base_url=program.url) as http:
                await http.get("/v1/incidents")
            await asyncio.sleep(2)
            memory.append(psutil.Process(program.pid).memory_info().rss / 2**20)
        with empty_place() as place:
            first.append(await _until_ready(place / "data"))
            again.append(await _until_ready(place / "data"))
    return [Figure("idle", memory), Figure("start", again), Figure("first_start", first)]


async def _until_ready(data_dir: Path) -> float:
    """Seconds from the start of the process until it says that it is ready. It is stopped in order then."""
    began = time.monotonic()
    async with lookout_process(data_dir) as server:
        async with httpx.AsyncClient(base_url=await server.address()) as http:
            (await http.get("/ready")).raise_for_status()
        seconds = time.monotonic() - began
        server.signal_group(signal.SIGINT)
        await server.exit_code()
    return seconds
