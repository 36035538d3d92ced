"""The page's other sides: figures, sources, its files; what browsers are told, and what the stream says."""

import asyncio
import json
import re

import httpx
from httpx_sse import aconnect_sse
from tests.driver import Driver
from tests.pages import submits, words_of

PAGES = ["/", "/?view=wall", "/history", "/sources", "/sign-in", "/incidents/x"]


async def test_a_page_loads_nothing_from_elsewhere_and_has_no_script_of_its_own(lookout: Driver) -> None:
    for path in PAGES:
        check_page(await lookout.http.get(path))


def check_page(page: httpx.Response) -> None:
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    assert "unsafe" not in policy
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert re.findall(r"<script(?![^>]*src=)", page.text) == []
    assert re.findall(r"\s(?:on\w+|style)=", page.text) == []
    assert [url for url in re.findall(r'(?:src|href)="([^"]*)"', page.text) if url.startswith(("http", "//"))] == []


async def test_files_may_be_kept_under_their_address(lookout: Driver) -> None:
    page = await lookout.http.get("/")
    for file in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        answer = await lookout.http.get(file)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    for odd in ("/static/..%2frendering.py", "/static/README.md", "/static/x.css"):
        assert (await lookout.http.get(odd)).status_code == 404


async def test_history_shows_figures_with_a_table_behind_the_chart(lookout: Driver) -> None:
    start = lookout.clock.now()
    await lookout.fires(alertname="Disk", cluster="eu", severity="critical")
    incident = await lookout.only_incident()
    lookout.clock.move(minutes=2)
    await lookout.act(incident.id, "acknowledge")
    lookout.clock.move(minutes=8)
    await lookout.resolves(start, alertname="Disk", cluster="eu", severity="critical")
    await lookout.running.parts.intake.tally.flush()
    lookout.clock.move(minutes=1)
    page = await lookout.http.get("/history", params={"span": "24h"})
    text = words_of(page.text)
    for part in ("Incidents opened 1", "Time to acknowledge 2 min", "Time to resolve 10 min", "2 received", "Disk"):
        assert part in text
    assert '<rect class="critical"' in page.text
    assert "2026-01-01 12:00 1 \u2013 \u2013 \u2013 1" in text
    assert (await lookout.http.get("/history", params={"span": "x"})).status_code == 200


async def test_what_comes_back_has_a_hint(lookout: Driver) -> None:
    for _ in range(3):
        start = lookout.clock.now()
        await lookout.fires(alertname="Lag")
        lookout.clock.move(minutes=1)
        await lookout.resolves(start, alertname="Lag")
        lookout.clock.move(minutes=10)
    text = words_of((await lookout.http.get("/history")).text)
    assert "it ends and comes back" in text
    assert "reopen_window: 30m" in text


async def test_sources_show_deliveries_heartbeats_and_what_was_refused(lookout: Driver) -> None:
    assert "has heard of no alert yet" in (await lookout.http.get("/sources")).text
    start = lookout.clock.now()
    await lookout.beats(start, cluster="eu")
    await lookout.post_alerts(lookout.alert({"cluster": "eu"}), {"labels": {}})
    await lookout.running.parts.intake.tally.flush()
    lookout.clock.move(seconds=30)
    text = words_of((await lookout.http.get("/sources")).text)
    for part in ("prometheus 30 s ago 3", "alive heard 30 s ago", "at least one label pair required"):
        assert part in text
    assert "Connect another source" in text
    assert "has heard of no alert yet" not in text
    lookout.clock.move(minutes=10)
    await lookout.ticks()
    assert "silent since" in words_of((await lookout.http.get("/sources")).text)
    assert "stale" in (await lookout.http.get("/")).text


async def test_while_the_database_is_away_the_page_says_so(lookout: Driver) -> None:
    async with lookout.database_away():
        page = await lookout.http.get("/")
    assert (page.status_code, "does not answer" in page.text) == (503, True)


async def listen(lookout: Driver, count: int, **headers_or_after: str) -> list[tuple[str, str, object]]:
    """The first messages of the page's stream: event, id, data."""
    last = headers_or_after.pop("last_event_id", None)
    headers = {"Last-Event-ID": last} if last is not None else {}
    messages: list[tuple[str, str, object]] = []
    async with aconnect_sse(lookout.http, "GET", "/live", params=headers_or_after, headers=headers) as source:
        async for sse in source.aiter_sse():
            if not sse.data:  # only `retry:`
                continue
            messages.append((sse.event, sse.id, json.loads(sse.data)))
            if len(messages) == count:
                break
    return messages


async def test_the_stream_says_what_changed_and_goes_on_without_a_gap(lookout: Driver) -> None:
    listening = asyncio.create_task(listen(lookout, 3, after="0"))
    await lookout.until_following(1)
    await lookout.fires(alertname="A")
    await lookout.fires(alertname="B")
    newest, oldest = await lookout.incidents()
    assert await listening == [
        ("here", "0", 0),
        ("changed", "1", {"after": 0, "position": 1, "incidents": [oldest.id], "all": False}),
        ("changed", "2", {"after": 1, "position": 2, "incidents": [newest.id], "all": False}),
    ]
    resumed = await listen(lookout, 2, after="0", last_event_id="1")
    assert resumed[1] == ("changed", "2", {"after": 1, "position": 2, "incidents": [newest.id], "all": False})


async def test_who_was_away_for_long_is_told_to_look_at_everything(lookout: Driver) -> None:
    now = lookout.clock.now()
    alerts = [lookout.alert({"alertname": f"A{n}"}, starts_at=now) for n in range(600)]
    await lookout.post_alerts(*alerts)
    for odd in ("0", "601", "x", "9" * 30):
        ((event, position, data),) = await listen(lookout, 1, after=odd)
        assert (event, position) == ("changed", "600")
        assert isinstance(data, dict)
        assert data["all"] is True


async def test_the_demo_is_played_from_the_page(lookout: Driver) -> None:
    answer = await submits(lookout, "/demo")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    again = await submits(lookout, "/demo")
    assert again.status_code == 409
    async with asyncio.timeout(30), lookout.stream(after="0") as events:
        async for event in events:
            assert event.incident.labels["cluster"] == "demo-eu"
            break
