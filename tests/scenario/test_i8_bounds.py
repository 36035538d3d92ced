"""Every queue and body has a bound, and what is beyond it is refused before anything is taken (I8)."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.driver import Driver

from lookout.api import bodies
from lookout.feeds import follow
from lookout.intake import writer

PADDING = b" " * 1000


async def test_i8_beyond_the_queues_bound_nothing_is_taken(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE_LIMIT", 4)
    await lookout.fires(job="first")
    async with lookout.feed_is_locked():
        waiting = asyncio.create_task(lookout.post_alerts(*(lookout.alert({"job": job}) for job in "012")))
        await lookout.until_waiting(3)
        refused = await lookout.post_alerts(lookout.alert({"job": "x"}), lookout.alert({"job": "y"}))
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.json()["code"] == 503
        fits = asyncio.create_task(lookout.post_alerts(lookout.alert({"job": "z"})))
    await asyncio.gather(waiting, fits)
    titles = {incident.title for incident in await lookout.incidents()}
    assert titles == {f"Down (job={job})" for job in ("first", "0", "1", "2", "z")}


async def test_i8_one_request_always_fits_into_an_empty_queue(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "QUEUE_LIMIT", 4)
    answer = await lookout.post_alerts(*(lookout.alert({"job": str(number)}) for number in range(9)))
    assert answer.status_code == 200
    assert len(await lookout.incidents()) == 9


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/v1/alertmanager"])
async def test_i8_a_body_over_the_bound_is_413_and_is_listed(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(bodies, "BODY_LIMIT", 1000)
    answer = await lookout.repeats_captured(path, b'[{"labels":{"a":"b"}}]' + PADDING)
    assert answer.status_code == 413
    assert await lookout.incidents() == []
    [rejected] = await lookout.rejected()
    assert "nothing of it was taken" in rejected.reason


async def test_i8_a_body_that_does_not_announce_its_length_is_counted(
    lookout: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_LIMIT", 1000)

    async def chunks() -> AsyncIterator[bytes]:
        yield b'[{"labels":{"a":"b"}}]'
        yield PADDING

    answer = await lookout.http.post("/api/v2/alerts", content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert await lookout.incidents() == []


async def test_i8_all_bodies_together_have_a_bound(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODIES_LIMIT", 1000)
    answer = await lookout.repeats_captured("/api/v2/alerts", b'[{"labels":{"a":"b"}}]' + PADDING)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert await lookout.incidents() == []
    # What was counted is given back.
    await lookout.fires(job="a")


async def test_i8_one_stream_too_many_is_503(lookout: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "STREAM_LIMIT", 1)
    async with lookout.stream(after="0") as events:
        await lookout.fires(job="a")
        await anext(events)
        refused = await lookout.http.get("/v1/feed?after=0", headers={"Accept": "text/event-stream"})
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
