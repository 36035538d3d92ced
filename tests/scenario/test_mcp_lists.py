"""An agent's lists: the worst first, by pages that leave nothing out, and as they were at a time."""

from typing import Any

from tests.agent import Agent, agent
from tests.driver import Driver

SEVERITIES = ("warning", "critical", "info", "critical", "error", "warning", "critical")


async def fire_all(lookout: Driver) -> None:
    for number, severity in enumerate(SEVERITIES):
        await lookout.fires(job=f"job-{number}", severity=severity)
        lookout.clock.move(seconds=1)


async def pages_of(skipper: Agent, limit: int, **wanted: Any) -> list[list[tuple[str, str]]]:
    """All pages: of each incident its severity and its job."""
    pages: list[list[tuple[str, str]]] = []
    after = ""
    while True:
        page = await skipper.calls("list_incidents", limit=limit, after=after, **wanted)
        pages.append([(one["severity"], one["untrusted"]["labels"]["job"]) for one in page["incidents"]])
        if page["next"] is None:
            return pages
        after = page["next"]


async def test_the_worst_come_first_and_pages_leave_nothing_out(lookout: Driver) -> None:
    await fire_all(lookout)
    expected = [
        *[("critical", f"job-{number}") for number in (6, 3, 1)],
        ("error", "job-4"),
        *[("warning", f"job-{number}") for number in (5, 0)],
        ("info", "job-2"),
    ]
    async with agent(lookout) as skipper:
        for limit in range(1, 9):
            pages = await pages_of(skipper, limit)
            assert [incident for page in pages for incident in page] == expected, limit
            assert all(len(page) == limit for page in pages[:-1])
            assert pages[-1]
        assert await pages_of(skipper, 2, severity=["info", "error"]) == [[expected[3], expected[6]]]
        assert await pages_of(skipper, 1, severity=["info", "error"]) == [[expected[3]], [expected[6]]]


async def test_statuses_and_the_past(lookout: Driver) -> None:
    await fire_all(lookout)
    noon = lookout.clock.now()
    first, *_ = await lookout.incidents()
    await lookout.act(first.id, "acknowledge")
    lookout.clock.move(minutes=1)
    await lookout.act(first.id, "resolve")
    async with agent(lookout) as skipper:
        counts = {
            status: len((await skipper.calls("list_incidents", status=status))["incidents"])
            for status in ("open", "firing", "acknowledged", "resolved", "all")
        }
        assert counts == {"open": 6, "firing": 6, "acknowledged": 0, "resolved": 1, "all": 7}
        then = await skipper.calls("list_incidents", status="firing", limit=1, as_of=noon.isoformat())
        assert then["position"] == 8
        assert (await skipper.calls("list_incidents", status="acknowledged", as_of=noon.isoformat()))["incidents"]
        early = await skipper.calls("list_incidents", as_of="2026-01-01T11:00:00Z")
        assert (early["position"], early["incidents"], early["next"]) == (0, [], None)


async def test_a_timeline_by_pages_and_the_last_investigations(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    for number in range(5):
        (await lookout.attach(incident.id, f"r-{number}", confidence=number / 10)).raise_for_status()
    async with agent(lookout) as skipper:
        seen: list[int] = []
        page: dict[str, Any] = {"next": 0}
        while page["next"] is not None:
            after = page["next"]
            page = await skipper.calls("incident_timeline", incident_id=incident.id, limit=2, after=after)
            seen += [event["position"] for event in page["events"]]
        whole = await skipper.calls("get_incident", incident_id=incident.id)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert [found["untrusted"]["report_id"] for found in whole["investigations"]] == ["r-2", "r-3", "r-4"]
    assert [found["confidence"] for found in whole["investigations"]] == [0.2, 0.3, 0.4]


async def test_what_is_stale_is_said(lookout: Driver) -> None:
    await lookout.beats()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=20)
    await lookout.ticks()
    async with agent(lookout) as skipper:
        listed = await skipper.calls("list_incidents")
        by_title = {one["untrusted"]["title"].partition(" ")[0]: one for one in listed["incidents"]}
        assert by_title["Down"]["stale"]
        assert "stale" not in by_title["SourceSilent"]
        [alert] = (await skipper.calls("get_incident", incident_id=by_title["Down"]["id"]))["alerts"]
        assert alert["stale"]
        done = await skipper.calls("acknowledge_incident", incident_id=by_title["Down"]["id"])
        assert (done["incident"]["status"], done["incident"]["stale"]) == ("acknowledged", True)
        lookout.clock.move(seconds=1)
        figures = await skipper.calls("incident_stats", start="2026-01-01T00:00:00Z")
    assert figures["bucket"] == "hour"
    assert [bucket["start"] for bucket in figures["buckets"]] == ["2026-01-01T12:00:00Z"]
