"""What a Lookout costs that has nothing to do."""

import asyncio
import time
from pathlib import Path

import httpx
import psutil
from tests.server_process import lookout_process, place_for_data

from bench.figure import Figure, Size, at_most
from bench.programs import lookout


async def idle(size: Size, directory: Path) -> list[Figure]:
    """Memory without the database, and the time from the start of the process to ready."""
    del directory
    memory: list[float] = []
    seconds: list[float] = []
    for _ in range(size.rounds):
        async with lookout() as program:
            async with httpx.AsyncClient(base_url=program.url) as http:
                await http.get("/v1/incidents")
            await asyncio.sleep(2)
            memory.append(psutil.Process(program.pid).memory_info().rss / 2**20)
        with place_for_data() as place:
            async with lookout_process(place / "data") as server:  # the first start makes the database
                await server.address()
                server.kill()
                await server.exit_code()
            began = time.monotonic()
            async with lookout_process(place / "data") as server:
                async with httpx.AsyncClient(base_url=await server.address()) as http:
                    (await http.get("/ready")).raise_for_status()
                seconds.append(time.monotonic() - began)
    return [
        at_most("idle: memory without the embedded database", 150, "MiB", memory),
        at_most("start to ready", 3, "s", seconds),
    ]
