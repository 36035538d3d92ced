"""What one tenant's storm costs another: the time from POST to SSE of a quiet tenant, alone and beside a storm.

A Lookout of its own is started, with a PostgreSQL of its own. The quiet tenant sends an alert every `--every`
milliseconds and follows its feed; the time is from before the POST to the event on the stream. Then the same again,
while another tenant sends `--alerts` alerts a request over `--connections` connections, each as soon as the last was
answered. Prints one line of JSON.

    python -m bench.tenants --seconds 20
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from httpx_sse import aconnect_sse
from tests.server_process import lookout_process

from bench.figure import percentile

SECRET = "bench" * 8
WARM_UP = 3.0
OF_WHO_MEASURES = -10
"""Its priority: it is to measure Lookout, and not its own turn."""
NAME = "Bench"


MAKES_TENANTS = "tenants:\n  auto_create_tenants: true\n"
"""lookout.yaml: whoever sends is a tenant."""


def headers_of(tenant_id: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRET}", "X-Tenant-ID": tenant_id}


class Quiet:
    """The tenant whose time is measured."""

    def __init__(self, url: str, every: float) -> None:
        self._http = httpx.AsyncClient(base_url=url, headers=headers_of("quiet"), timeout=60)
        self._every = every
        self._sent: dict[str, float] = {}
        self._times: list[float] = []
        self._all_arrived = asyncio.Event()
        self._number = 0

    async def run(self) -> None:
        """Follow the feed, for ever."""
        async for title in self._titles():
            sent = self._sent.pop(title, None)
            if sent is not None:
                self._times.append(time.perf_counter() - sent)
            if not self._sent:
                self._all_arrived.set()

    async def measure(self, seconds: float) -> list[float]:
        """The times of so many seconds, sorted. Whatever was sent has arrived then."""
        self._times.clear()
        ends = time.perf_counter() + seconds
        tasks: set[asyncio.Task[None]] = set()
        while (now := time.perf_counter()) < ends:
            tasks.add(asyncio.create_task(self._send()))
            await asyncio.sleep(max(0.0, now + self._every - time.perf_counter()))
        await asyncio.gather(*tasks)
        await self._all_arrived.wait()
        return sorted(self._times)

    async def _send(self) -> None:
        self._number += 1
        job = f"quiet-{self._number}"
        self._all_arrived.clear()
        self._sent[f"{NAME} (job={job})"] = time.perf_counter()
        alert = {"labels": {"alertname": NAME, "job": job, "severity": "warning"}}
        (await self._http.post("/api/v2/alerts", json=[alert])).raise_for_status()

    async def _titles(self) -> AsyncIterator[str]:
        async with aconnect_sse(self._http, "GET", "/v1/feed", params={"after": "0"}) as source:
            async for sse in source.aiter_sse():
                if sse.data:
                    yield json.loads(sse.data)["incident"]["title"]


def storm(url: str, connections: int, alerts: int, repeats: bool, taken: Any, stopped: Any) -> None:
    """Another tenant at full speed, in a process of its own: `taken` counts its alerts."""
    go_last()
    asyncio.run(_storm(url, connections, alerts, repeats, taken, stopped))


async def _storm(url: str, connections: int, alerts: int, repeats: bool, taken: Any, stopped: Any) -> None:
    where = urlsplit(url)
    lines = ["POST /api/v2/alerts HTTP/1.1", f"Host: {where.netloc}", "Content-Type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers_of("storm").items()]

    async def send(connection: int) -> None:
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        number = 0
        while not stopped.is_set():
            number += 0 if repeats and number else 1
            body = _body(connection, number, alerts)
            writer.write("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
            if head.split(None, 2)[1] == b"200":
                with taken.get_lock():
                    taken.value += alerts
            else:
                await asyncio.sleep(1)
        writer.close()

    await asyncio.gather(*(send(connection) for connection in range(connections)))


def _body(connection: int, number: int, alerts: int) -> bytes:
    """Alerts that no request had before: each starts to fire, a few in each group."""
    return json.dumps(
        [
            {
                "labels": {
                    "alertname": "Storm",
                    "job": f"storm-{connection}-{place % 16}",
                    "instance": f"{number}-{place}",
                    "severity": "warning",
                },
                "annotations": {"summary": "it storms"},
                "startsAt": "2026-01-01T00:00:00Z",
            }
            for place in range(alerts)
        ]
    ).encode()


async def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """What is printed."""
    with data_dir() as directory, ExitStack() as first:
        config = directory.parent / "lookout.yaml"
        config.write_text(MAKES_TENANTS)
        environ = {"SERVICE_TOKEN": SECRET, "HOST": "127.0.0.1", "LOOKOUT_CONFIG": str(config)}
        async with lookout_process(directory, **environ) as server:
            first.enter_context(going_first())
            url = await server.address()
            quiet = Quiet(url, asked.every / 1000)
            following = asyncio.create_task(quiet.run())
            await quiet.measure(WARM_UP)
            idle = await quiet.measure(asked.seconds)
            taken, stopped = multiprocessing.Value("q", 0), multiprocessing.Event()
            given = (url, asked.connections, asked.alerts, asked.repeats, taken, stopped)
            storming = multiprocessing.Process(target=storm, args=given)
            storming.start()
            try:
                await quiet.measure(WARM_UP)
                before, began = taken.value, time.perf_counter()
                loaded = await quiet.measure(asked.seconds)
                rate = (taken.value - before) / (time.perf_counter() - began)
            finally:
                stopped.set()
                await asyncio.to_thread(storming.join, 30)
                storming.kill()
                following.cancel()
    return {
        "idle": _told(idle),
        "loaded": _told(loaded),
        "p99_ratio": round(percentile(loaded, 0.99) / percentile(idle, 0.99), 2),
        "storm_alerts_per_second": round(rate),
        "storm": {name: getattr(asked, name) for name in ("connections", "alerts", "repeats")},
        "cores": os.cpu_count(),
    }


def _told(times: list[float]) -> dict[str, float]:
    milliseconds = {"p50": statistics.median(times), "p99": percentile(times, 0.99), "max": times[-1]}
    return {"samples": len(times), **{name: round(value * 1000, 1) for name, value in milliseconds.items()}}


def go_last() -> None:
    """Leave the processors to all others from now on: real senders are on other machines."""
    os.setpriority(os.PRIO_PROCESS, 0, 19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


@contextmanager
def going_first() -> Generator[None]:
    """Let this process have the processor before others, if it may."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, OF_WHO_MEASURES)
    try:
        yield
    finally:
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, before)


@contextmanager
def data_dir() -> Generator[Path]:
    """A new directory, which as root the database's user can enter."""
    with tempfile.TemporaryDirectory(prefix="lookout-bench-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "data"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """What is asked for on the command line, or what would be with these words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each of the two takes")
    parser.add_argument("--every", type=float, default=40.0, help="milliseconds between the quiet tenant's alerts")
    parser.add_argument("--connections", type=int, default=8, help="of the storm")
    parser.add_argument("--alerts", type=int, default=256, help="of each of its requests: as many as Prometheus sends")
    parser.add_argument("--repeats", action="store_true", help="the storm repeats what fires, and begins nothing")
    return parser.parse_args(given)


def main() -> None:
    """Measure, and print."""
    json.dump(asyncio.run(measured(arguments())), sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
