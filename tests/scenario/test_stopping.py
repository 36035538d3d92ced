"""When Lookout stops its streams end in order, at once, and nothing that was taken is lost."""

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp
from tests.scenario.conftest import Start
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lookout.api.graphql_later import GraphQLLater


async def _id(lines: AsyncIterator[str]) -> str | None:
    """The next event's, or None at the end of the stream."""
    async for line in lines:
        if line.startswith("id:"):
            return line
    return None


async def test_streams_end_when_lookout_stops(start: Start) -> None:
    """A stream that is cut instead of ended would be an error of the protocol here."""
    async with httpx.AsyncClient(timeout=30) as http:
        async with start() as lookout:
            await lookout.fires(job="a")
            stream = http.stream("GET", f"{lookout.url}/v1/feed?after=0", headers={"Accept": "text/event-stream"})
            lines = (await stream.__aenter__()).aiter_lines()
            assert await _id(lines) == "id: 1"
        async with asyncio.timeout(3):
            assert await _id(lines) is None
        await stream.__aexit__(None, None, None)


async def test_i1_what_waits_for_its_commit_is_committed_before_the_end(start: Start) -> None:
    async with start() as lookout:
        await lookout.fires(job="first")
        async with lookout.feed_is_locked():
            posting = asyncio.create_task(lookout.post_alerts(lookout.alert({"job": "last"})))
            await lookout.until_waiting(1)
            lookout.running.parts.intake.close()
            refused = await lookout.post_alerts(lookout.alert({"job": "late"}))
            assert refused.status_code == 503
        assert (await posting).status_code == 200
    async with start() as lookout:
        titles = {incident.title for incident in await lookout.incidents()}
        assert titles == {"Down (job=first)", "Down (job=last)"}


async def test_whoever_is_being_let_in_is_told_to_come_again(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A WebSocket's first request waits until GraphQL is loaded."""
    asked, answered, really = threading.Event(), threading.Event(), GraphQLLater._load  # pyright: ignore[reportPrivateUsage]

    def load(self: GraphQLLater) -> ASGIApp:
        asked.set()
        answered.wait(10)
        return really(self)

    async def refused(url: str) -> tuple[int, str]:
        try:
            async with connect(url.replace("http", "ws", 1) + "/graphql/ws"):
                raise AssertionError("it is let in")
        except InvalidStatus as error:
            return error.response.status_code, error.response.headers["Retry-After"]
        finally:
            answered.set()

    monkeypatch.setattr(GraphQLLater, "_load", load)
    async with start() as lookout:
        asking = asyncio.create_task(refused(lookout.url))
        await asyncio.to_thread(asked.wait, 10)
    assert await asking == (503, "1")
