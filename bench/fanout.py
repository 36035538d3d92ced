"""From the answer to a POST to the event on a stream, with a thousand streams open on one process."""

import asyncio
import multiprocessing
import re
import selectors
import socket
import statistics
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.figure import Cost, Figure, Size, median_of, percentile
from bench.programs import lookout, watched

SUBSCRIBERS = 1_000
EVENTS_PER_SECOND = 100
READ = 20
"""Streams whose events are timed. The others are read and thrown away: the reader shares the machine with Lookout."""
NUMBER = re.compile(rb'"title":"Fanout \(job=(\d+)\)"')


def follow(url: str, ready: Any, stopped: Any, told: Connection) -> None:
    """Hold the streams open, in a process of its own; tell when which event came, on the monotonic clock."""
    where = urlsplit(url)
    request = f"GET /v1/feed HTTP/1.1\r\nHost: {where.netloc}\r\nAccept: text/event-stream\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    for number in range(SUBSCRIBERS):
        stream = socket.create_connection((where.hostname, where.port))
        stream.sendall(request)
        stream.setblocking(False)
        selector.register(stream, selectors.EVENT_READ, number < READ)
    ready.set()
    arrived: list[tuple[int, float]] = []
    buffer = bytearray(1 << 16)
    while not stopped.is_set():
        for key, _ in selector.select(0.1):
            assert isinstance(key.fileobj, socket.socket)
            count = key.fileobj.recv_into(buffer)
            if key.data:
                now = time.monotonic()
                arrived += [(number, now) for number in set(map(int, NUMBER.findall(bytes(buffer[:count]))))]
    told.send(arrived)


async def subscribers(size: Size, directory: Path) -> list[Figure]:
    """100 events a second to 1,000 streams."""
    del directory
    p99: list[float] = []
    p50: list[float] = []
    costs: list[Cost] = []
    for _ in range(size.rounds):
        async with lookout() as program:
            ready, stopped = multiprocessing.Event(), multiprocessing.Event()
            ours, theirs = multiprocessing.Pipe(duplex=False)
            reader = multiprocessing.Process(target=follow, args=(program.url, ready, stopped, theirs))
            reader.start()
            await asyncio.to_thread(ready.wait, 60)
            await asyncio.sleep(2)
            with watched(program) as watch:
                answered = await _send(program.url, round(size.seconds * EVENTS_PER_SECOND))
                await asyncio.sleep(2)
                stopped.set()
                arrived: list[tuple[int, float]] = await asyncio.to_thread(ours.recv)
                await asyncio.to_thread(reader.join)
            deliveries = len(answered) * SUBSCRIBERS
            costs.append(watch.cost("Lookout", "deliveries", deliveries, deliveries / size.seconds))
        times = [(at - answered[number]) * 1000 for number, at in arrived if number in answered]
        if len(times) != len(answered) * READ:
            raise AssertionError(f"{len(times)} of {len(answered) * READ} events came")
        p99.append(percentile(times, 0.99))
        p50.append(percentile(times, 0.5))
    return [Figure("subscribers", p99, {"p50 ms": round(statistics.median(p50), 1)}, [median_of(costs)])]


async def _send(url: str, count: int) -> dict[int, float]:
    """One alert a request, each an event, evenly; when each was answered."""
    answered: dict[int, float] = {}
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:

        async def send(number: int) -> None:
            alert = {"labels": {"alertname": "Fanout", "job": str(number), "severity": "info"}}
            (await http.post("/api/v2/alerts", json=[alert])).raise_for_status()
            answered[number] = time.monotonic()

        began = time.monotonic()
        async with asyncio.TaskGroup() as sending:
            for number in range(count):
                await asyncio.sleep(began + number / EVENTS_PER_SECOND - time.monotonic())
                sending.create_task(send(number))
    return answered
