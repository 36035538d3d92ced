"""No broken byte in a path, a query or a header makes Lookout fail or hang: each route that there is is asked."""

import asyncio
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from starlette.routing import Route
from structlog.testing import capture_logs
from tests.driver import Driver

AT_ONCE = 6
"""Fewer than there are places for lists of alerts."""
NAMES = (
    "after", "first", "status", "severity", "as_of", "start", "end", "bucket", "filter", "receiver", "active", "q",
    "view", "span", "at", "sort",
)  # fmt: skip
VALUES = (
    b"%ff%fe", b"%00", b"%ed%a0%80", b"%", b"%zz", b"\xff", b"%E2%80%AE", b"a" * 2000, b"9" * 400, b"-1", b"1e999",
    b"\xd9\xa1", b"%5B%28a%2B%29%2B%24", b"a%3D~%22%5B%22", b"a%3D~%22%00%22", b"0001-01-01T00:00:00%2B14:00",
    b"9999-12-31T23:59:59-14:00", b"%7B%7B7*7%7D%7D",
)  # fmt: skip
PLACES = (b"%00", b"%ff%fe", b"..%2f..%2fetc%2fpasswd", b"%E2%80%AE", b"%")
PATHS = (b"//", b"/%", b"/%ff", b"/..;/", b"/%2e%2e/%2e%2e/etc/passwd", b"/" + b"a" * 5000)
METHODS = (b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"TRACE", b"MOVE")
HEADERS = (
    b"X-User-ID: \xff\xfe", b"X-Request-ID: \xff", b"Last-Event-ID: \xd9\xa1", b"Last-Event-ID: %00", b"Accept: \xff",
    b"Accept: text/event-stream;q=x", b"Authorization: Basic \xff", b"Authorization: Bearer \xff", b"Cookie: a=\xff",
    b"X-Tenant-ID: \xff", b"X-Scope-OrgID: \xff", b"Content-Type: \xff", b"Accept-Encoding: \xff", b"HX-Request: \xff",
    b"Content-Length: 18446744073709551616", b"Transfer-Encoding: \xff", b"Upgrade: h2c", b"Range: bytes=0-1,2-3,9-",
)  # fmt: skip

Asked = tuple[bytes, bytes, bytes]
"""Method, target, header."""


def requests(lookout: Driver, incident_id: str) -> Iterator[Asked]:
    """What is asked."""
    templates = {route.path for route in lookout.running.routes if isinstance(route, Route)}
    assert len(templates) > 30
    for number, template in enumerate(sorted(templates)):
        path = re.sub(r"\{[^}]*\}", incident_id, template).encode()
        for place, name in enumerate(NAMES):
            # Another value for each, and others on the next route.
            yield b"GET", b"%s?%s=%s" % (path, name.encode(), VALUES[(number + place) % len(VALUES)]), b""
        for method in METHODS:
            yield method, path, b""
        if "{" in template:
            for odd in PLACES:
                yield b"GET", re.sub(rb"\{[^}]*\}", lambda _, odd=odd: odd, template.encode()), b""
    for path in (*PATHS, b"/v1/incidents", b"/v1/feed", b"/api/v2/alerts", b"/graphql", b"/mcp", b"/"):
        for header in HEADERS:
            yield b"GET", path, header


async def answer(port: int, asked: Asked) -> bytes:
    """The first line of the answer; the rest of a stream is not waited for."""
    method, target, header = asked
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = (
        b"%s %s HTTP/1.1" % (method, target),
        b"Host: 127.0.0.1",
        b"Connection: close",
        *([header] if header else []),
    )
    writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
    try:
        async with asyncio.timeout(20):
            return await reader.readline()
    finally:
        writer.close()


async def test_each_is_answered_and_none_with_a_failure(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    port = urlsplit(lookout.url).port or 0
    asked = list(requests(lookout, incident.id))
    failed: list[tuple[Asked, bytes]] = []
    with capture_logs() as logs:
        for start in range(0, len(asked), AT_ONCE):
            some = asked[start : start + AT_ONCE]
            for one, line in zip(some, await asyncio.gather(*(answer(port, each) for each in some)), strict=True):
                if not re.match(rb"HTTP/1\.1 [1-4]\d\d ", line):
                    failed.append((one, line))
    assert failed == []
    assert [line for line in logs if line["log_level"] == "error"] == []
    assert await lookout.only_incident()
