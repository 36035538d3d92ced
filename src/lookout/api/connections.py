"""Connections to the HTTP server: how many may be open, and how long one may stay without asking for anything, or
without taking what it is answered.

The server itself bounds none of it: a request whose headers never end would stay for ever, and needs no credential.
What has been asked is bounded elsewhere: bodies by their time, streams by their number.
"""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from lookout import metrics

CONNECTIONS = 10_000
"""Open at once: the followers of a process, and as many others. Each is an open file."""
HEADERS_SECONDS = 10.0
"""How long the headers of a request may take."""
HEADERS_LIMIT = 64 * 1024
"""Bytes of the headers of a request, and of what stands between and behind the parts of its body."""
PIPELINED = 8
"""Requests that wait on a connection for the answer to the one before. No sender and no proxy sends any so."""
KEPT_OPEN_SECONDS = 330
"""How long a connection may stay after an answer without asking again. Prometheus and Alertmanager close theirs after
300 s and should be the first: a request that is sent as the other side closes is lost, and Prometheus sends none twice.
"""
UNREAD_SECONDS = 180.0
"""How often is looked whether a client takes some of what waits for it. One that took nothing is cut off: else it would
keep its connection, what is written for it and its place among the streams for as long as it likes, also after its
credential has ended. Whoever follows the feed comes back after what it has."""


class _Read(asyncio.Protocol):
    """A connection that is cut off if the other side takes nothing of what waits for it."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _looking: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_later(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._look_no_more()
        super().connection_lost(exc)

    def _look_later(self, waiting: int) -> None:
        self._looking = self.loop.call_later(UNREAD_SECONDS, self._look, waiting)

    def _look(self, before: int) -> None:
        """Cut it off unless less waits than before."""
        waiting = self.transport.get_write_buffer_size()
        if waiting < before:
            self._look_later(waiting)
        else:
            self.transport.abort()

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None


class Connection(_Read, HttpToolsProtocol):
    """A connection that is refused if it is one too many, and given up if it asks for nothing."""

    _giving_up: asyncio.TimerHandle | None = None

    def handle_websocket_upgrade(self) -> None:
        self._look_no_more()  # from now on the other one looks
        super().handle_websocket_upgrade()

    _of_headers: int | None = None
    """Bytes of the headers that are coming, None if none are."""
    _of_fields = 0
    """Bytes of the fields of the last request: those of its headers, and those that follow its body."""
    _beside_body = 0
    """Bytes that have come since the last part of the body, while more of it is to come."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        if len(self.connections) > CONNECTIONS:
            metrics.LIMITED.labels("connection").inc()
            self._refuse("503 Service Unavailable", "too many connections; try again")
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        self._beside_body += len(data)
        super().data_received(data)
        if self._of_headers is not None:
            self._of_headers += len(data)
        is_body_to_come = self._is_asking() and self.cycle.more_body
        self._beside_body = self._beside_body if is_body_to_come else 0
        if max(self._of_headers or 0, self._beside_body) > HEADERS_LIMIT and not self.transport.is_closing():
            self._refuse_headers()
        # One that has become a WebSocket's is no more among them.
        if not self._is_asking() and self in self.connections:
            self._wait()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINED:
            raise ValueError("too many requests wait for the answer to one before")
        self._of_headers = self._of_fields = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._of_fields += len(name) + len(value)
        if self._of_fields > HEADERS_LIMIT:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._beside_body = 0
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """What was raised while a request was read."""
        if self._of_fields > HEADERS_LIMIT:
            self._refuse_headers()
        elif self._is_asking() and (self._of_headers is not None or self.cycle.response_started):
            self.transport.close()  # it would be read as the answer that is under way, or as a part of it
        else:
            super().send_400_response(msg)

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

    def _refuse_headers(self) -> None:
        self._refuse("431 Request Header Fields Too Large", f"headers are at most {HEADERS_LIMIT // 1024} KiB")

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


class Socket(_Read, WebSocketsSansIOProtocol):
    """A connection that has become a WebSocket's."""

    def shutdown(self) -> None:
        """Tell whoever is not let in yet to come again: uvicorn would answer 500, as if something had failed."""
        if self.handshake_complete or self.initial_response is not None:
            super().shutdown()
        elif not self.transport.is_closing():  # else it has been refused
            refusal = self.conn.reject(503, "Lookout is stopping; try again")
            refusal.headers["Retry-After"] = "1"
            self.conn.send_response(refusal)
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
