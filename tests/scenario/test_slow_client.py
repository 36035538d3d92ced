"""A client that does not read holds up nobody, and misses nothing when it does."""

import asyncio
import socket

from tests.driver import Driver

CHANGES = 1500
LONG = "x" * 200


async def _opened(lookout: Driver) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A stream from the beginning that reads nothing yet, with little room."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    sock.setblocking(False)
    port = int(lookout.url.rpartition(":")[2])
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=64 * 1024)
    writer.write(b"GET /v1/feed?after=0 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    await writer.drain()
    return reader, writer


async def test_i8_a_client_that_does_not_read_holds_up_nobody_and_catches_up_later(lookout: Driver) -> None:
    await lookout.clock.until_asleep(seconds=1)
    async with asyncio.timeout(30):
        reader, writer = await _opened(lookout)
        async with lookout.stream(after="0") as events:
            for batch in range(0, CHANGES, 100):
                alerts = [lookout.alert({"job": f"{batch + number}", "cluster": LONG}) for number in range(100)]
                (await lookout.post_alerts(*alerts)).raise_for_status()
            fast = [(await anext(events)).position for _ in range(CHANGES)]
        assert fast == list(range(1, CHANGES + 1))
        assert (await lookout.http.get("/health")).status_code == 200
        slow: list[int] = []
        while len(slow) < CHANGES:
            line = await reader.readline()
            if line.startswith(b"id: "):
                slow.append(int(line[4:]))
        writer.close()
    assert slow == fast
