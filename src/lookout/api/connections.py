"""Connections to the HTTP server: how many may be open, and how long one may stay without asking for anything.

The server itself bounds neither: a request whose headers never end would stay for ever, and needs no credential. What
has been asked is bounded elsewhere: bodies by their time, streams by their number.
"""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lookout import metrics

CONNECTIONS = 10_000
"""Open at once: the followers of a process, and as many others. Each is an open file."""
HEADERS_SECONDS = 10.0
"""How long the headers of a request may take."""
HEADERS_LIMIT = 64 * 1024
"""Bytes of the headers of a request."""
KEPT_OPEN_SECONDS = 330
"""How long a connection may stay after an answer without asking again. Prometheus and Alertmanager close theirs after
300 s and should be the first: a request that is sent as the other side closes is lost, and Prometheus sends none twice.
"""


class Connection(HttpToolsProtocol):
    """A connection that is refused if it is one too many, and given up if it asks for nothing."""

    _giving_up: asyncio.TimerHandle | None = None
    _of_headers: int | None = None
    """Bytes of the headers that are coming, None if none are."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > CONNECTIONS:
            metrics.LIMITED.labels("connection").inc()
            self._refuse("503 Service Unavailable", "too many connections; try again")
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._of_headers is not None:
            self._of_headers += len(data)
            if self._of_headers > HEADERS_LIMIT and not self.transport.is_closing():
                self._refuse("431 Request Header Fields Too Large", f"headers are at most {HEADERS_LIMIT // 1024} KiB")
        # One that has become a WebSocket's is no more among them.
        if not self._is_asking() and self in self.connections:
            self._wait()

    def on_message_begin(self) -> None:
        self._of_headers = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._of_headers = None
        self._wait_no_more()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _is_asking(self) -> bool:
        """Whether a request is under way."""
        asked = self.cycle
        return asked is not None and not asked.response_complete  # pyright: ignore[reportUnnecessaryComparison]

    def _refuse(self, status: str, error: str) -> None:
        if not self._is_asking():
            body = f'{{"error": "{error}"}}'
            kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}"
            self.transport.write(
                f"HTTP/1.1 {status}\r\nRetry-After: 1\r\nConnection: close\r\n{kind}\r\n\r\n{body}".encode()
            )
        self.transport.close()

    def _wait(self) -> None:
        """For the headers of a request. What comes of them meanwhile gives no more time."""
        if self._giving_up is None:
            self._giving_up = self.loop.call_later(HEADERS_SECONDS, self.transport.close)

    def _wait_no_more(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
