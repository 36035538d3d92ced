"""Sources that can be asked what fires: small HTTP servers that answer as the real ones do, or as a test wants."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from http import HTTPStatus
from typing import Any, Self

from tests.clock import FakeClock

LONG_AGO = "2025-01-01T00:00:00Z"
ACTIVE_AT = "2026-01-01T11:59:00Z"
"""A minute before the tests' clock begins."""

Answer = tuple[int, dict[str, str], bytes]


class Askable:
    """One server. `odd` answers, by path, come instead of its own; `before_answer` is awaited before each."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.url = ""
        self.asked: list[str] = []
        self.authorizations: list[str] = []
        self.odd: dict[str, Answer] = {}
        self._answering: set[asyncio.Task[Any]] = set()
        self.headers: dict[str, str] = {}
        self.before_answer: Callable[[], Awaitable[object]] | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Self]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)

    def answers(self) -> dict[str, Any]:
        """What it answers, by path."""
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            # Whoever asks may not want to wait, or to hear all of it.
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._converse(reader, writer)
        finally:
            writer.close()
            self._answering.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        self.asked.append(path)
        self.authorizations += [line for line in head.splitlines() if line.lower().startswith("authorization:")]
        if self.before_answer is not None:
            await self.before_answer()
        status, headers, body = self._answer(path.partition("?")[0])
        date = self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        lines = {
            "Date": date,
            "Content-Length": str(len(body)),
            "Connection": "close",
            **self.headers,
            **headers,
        }
        written = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{written}\r\n".encode() + body)
        await writer.drain()

    def _answer(self, path: str) -> Answer:
        if path in self.odd:
            return self.odd[path]
        known = self.answers()
        return (200, {}, json.dumps(known[path]).encode()) if path in known else (404, {}, b"404 page not found")


class Prometheus(Askable):
    """A Prometheus with one rule, `Down`. What fires is told by its labels."""

    def __init__(self, clock: FakeClock, **external: str) -> None:
        super().__init__(clock)
        self.external = external
        self.firing: list[dict[str, str]] = []
        self.rule = "Down"

    def fires(self, *labels: dict[str, str]) -> None:
        self.firing = list(labels)

    def answers(self) -> dict[str, Any]:
        external = "".join(f"    {name}: {value}\n" for name, value in self.external.items())
        config = f"global:\n  external_labels:\n{external}" if external else "global:\n  scrape_interval: 1m\n"
        alerts: list[dict[str, Any]] = [
            {
                "labels": {"alertname": self.rule, **labels},
                "annotations": {},
                "state": "firing",
                "activeAt": ACTIVE_AT,
                "value": "1e+00",
            }
            for labels in self.firing
        ]
        rule = {"type": "alerting", "name": self.rule, "query": "up == 0", "health": "ok", "duration": 0}
        return {
            "/api/v1/status/config": {"status": "success", "data": {"yaml": config}},
            "/api/v1/status/runtimeinfo": {"status": "success", "data": {"startTime": LONG_AGO}},
            "/api/v1/rules": {"status": "success", "data": {"groups": [{"rules": [{**rule, "alerts": alerts}]}]}},
        }


class Alertmanager(Askable):
    """An Alertmanager. What it has is told by labels, and what of that is silenced."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.has: list[dict[str, str]] = []
        self.silenced: list[dict[str, str]] = []
        self.started: datetime | None = None

    def answers(self) -> dict[str, Any]:
        alerts: list[dict[str, Any]] = [
            {
                "labels": {"alertname": "Down", **labels},
                "annotations": {},
                "startsAt": ACTIVE_AT,
                "endsAt": LONG_AGO,
                "status": {"state": state, "silencedBy": [], "inhibitedBy": []},
                "receivers": [{"name": "lookout"}],
            }
            for state, of in (("active", self.has), ("suppressed", self.silenced))
            for labels in of
        ]
        uptime = self.started.isoformat() if self.started is not None else LONG_AGO
        return {"/api/v2/status": {"uptime": uptime}, "/api/v2/alerts": alerts}
