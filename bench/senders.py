"""Senders that cost little: HTTP by hand over connections that stay open, as Prometheus keeps its own."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

PATH = "/api/v2/alerts"


class Refused(Exception):
    """An answer that is not 2xx. `head` is its first line and its headers, in small letters."""

    def __init__(self, head: str, told: str) -> None:
        super().__init__(head + told)
        lines = (line.partition(": ") for line in head.splitlines())
        self.retry_after = next((float(value) for name, _, value in lines if name == "retry-after"), None)
        """Seconds after which it may be tried again; None if the answer says nothing of that."""


class Sender:
    """One connection, on which one request follows the other. Opened with the first."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        where = urlsplit(url)
        self._where = where
        lines = [f"Host: {where.netloc}", "Content-Type: application/json"]
        self._headers = "".join(f"{line}\r\n" for line in [*lines, *(f"{key}: {headers[key]}" for key in headers)])
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._turn = asyncio.Lock()

    async def send(self, body: bytes, headers: str = "", path: str = PATH, method: str = "POST") -> bytes:
        """One request, answered; its body. `headers` are more of them, whole lines. Raises `Refused`."""
        async with self._turn:
            return await self._send(body, headers, path, method)

    async def _send(self, body: bytes, headers: str, path: str, method: str) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._where.hostname, self._where.port)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\n{self._headers}{headers}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = next(int(line[15:]) for line in answered.split(b"\r\n") if line.startswith(b"content-length:"))
        told = await reader.readexactly(length)
        if answered.split(None, 2)[1] != b"200":
            raise Refused(answered.decode(), told.decode(errors="replace"))
        return told

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@asynccontextmanager
async def senders(url: str, headers: Iterable[Mapping[str, str]]) -> AsyncGenerator[list[Sender]]:
    """One for each of these headers."""
    made = [Sender(url, some) for some in headers]
    try:
        yield made
    finally:
        for sender in made:
            sender.close()


def alert(number: int, starts_at: datetime, ends_at: datetime, replica: str = "") -> dict[str, Any]:
    """An alert as a Prometheus sends it, of an incident of its own. `replica` says which of several sends it."""
    return {
        "labels": {
            **({"prometheus_replica": replica} if replica else {}),
            "alertname": "InstanceDown",
            "cluster": f"eu-{number % 7}",
            "job": f"node-{number}",
            "instance": f"10.0.{number // 250 % 250}.{number % 250}:9100",
            "severity": "warning",
        },
        "annotations": {"summary": "A target has not answered for five minutes"},
        "startsAt": starts_at.isoformat(),
        "endsAt": ends_at.isoformat(),
        "generatorURL": "http://prometheus.example/graph?g0.expr=up+%3D%3D+0",
    }


def body(alerts: Iterable[Mapping[str, Any]]) -> bytes:
    """The body of a request with these alerts."""
    return json.dumps(list(alerts), separators=(",", ":")).encode()


def stream(url: str, headers: Mapping[str, str]) -> socket.socket:
    """An open stream of what happens from now on. Whoever has it reads it, or does not."""
    where = urlsplit(url)
    lines = [f"Host: {where.netloc}", "Accept: text/event-stream", *(f"{name}: {headers[name]}" for name in headers)]
    opened = socket.create_connection((where.hostname, where.port))
    opened.sendall("\r\n".join(["GET /v1/feed HTTP/1.1", *lines, "", ""]).encode())
    return opened
