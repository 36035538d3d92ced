"""I8: bodies that stand still cost their own tenant, and nobody else an alert."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from tests.access import ACCESS, api_token, bearer
from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.api import bodies
from lookout.api.parts import Scope
from lookout.limits import Limits


async def post(lookout: Driver, headers: dict[str, str], padding: int = 0) -> int:
    alert = lookout.alert({"job": "a"}, annotations={"padding": "x" * padding})
    return (await lookout.http.post("/api/v2/alerts", json=[alert], headers=headers)).status_code


@asynccontextmanager
async def standing_still(lookout: Driver, headers: dict[str, str], size: int) -> AsyncGenerator[None]:
    """While this lasts a body of this sender is under way of which so many bytes came, and no more come."""
    where = urlsplit(lookout.url)
    _, writer = await asyncio.open_connection(where.hostname, where.port)
    said = {**headers, "Host": where.netloc, "Content-Type": "application/json", "Content-Length": str(size + 1)}
    head = "\r\n".join(("POST /api/v2/alerts HTTP/1.1", *(f"{name}: {text}" for name, text in said.items()), "", ""))
    try:
        writer.write(head.encode() + b" " * size)
        async with asyncio.timeout(10):
            while await post(lookout, headers) != 503:
                pass
        yield
    finally:
        writer.close()


async def test_i8_a_tenant_that_stands_still_keeps_only_itself_out(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "SMALL_BODY", 500)
    monkeypatch.setattr(bodies, "RESERVE", 600)
    async with start(access=ACCESS, limits=Limits(bodies_bytes=4000)) as lookout:
        storm, flood, quiet = [
            bearer((await api_token(lookout, Scope.INGEST, tenant_id=tenant_id)).text)
            for tenant_id in ("storm", "flood", "quiet")
        ]
        async with standing_still(lookout, storm, 1950):
            assert await post(lookout, quiet, padding=1000) == 200
            async with standing_still(lookout, flood, 1950):
                # Two have filled what is for all: a small body passes on the reserve, a large one has to wait.
                assert await post(lookout, quiet) == 200
                assert await post(lookout, quiet, padding=1000) == 503
                assert await post(lookout, storm) == 503
