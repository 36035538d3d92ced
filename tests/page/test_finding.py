"""Finding: by search, by facets, at another time; each is in the address, and the way back leads back."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Route, expect
from tests.driver import Driver
from tests.page.conftest import Reads

from lookout.web import board, page
from lookout.web.board import PAGE


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query)


async def test_search_facets_and_the_way_back(lookout: Driver, reads: Reads) -> None:
    for number, cluster in enumerate(("eu", "eu", "us", "us")):
        severity = "critical" if number == 3 else "warning"
        await lookout.fires(alertname=f"A{number}", cluster=cluster, severity=severity, instance=f"web-{number}")
        lookout.clock.move(seconds=1)
    async with reads(lookout.url) as mira:
        await mira.opens()
        await mira.sees("A3", "A2", "A1", "A0")
        await mira.page.get_by_role("link", name="us 2").click()
        await mira.sees("A3", "A2")
        assert query_of(mira.page.url) == {"q": ["cluster=us"]}
        await expect(mira.page.get_by_role("searchbox")).to_have_value("cluster=us")
        # It is live as a search, too.
        await lookout.fires(alertname="A9", cluster="us", severity="critical")
        await lookout.fires(alertname="A8", cluster="eu", severity="critical")
        await mira.sees("A9", "A3", "A2")
        await mira.shot("search")
        await mira.page.go_back()
        await mira.sees("A8", "A9", "A3", "A2", "A1", "A0")
        await lookout.fires(alertname="A7", cluster="eu", severity="critical")
        await mira.sees("A7", "A8", "A9", "A3", "A2", "A1", "A0")
        await mira.page.go_forward()
        await mira.sees("A9", "A3", "A2")
        await mira.meets_wcag()
        await mira.page.keyboard.press("/")
        await mira.page.keyboard.type("instance=web-3")
        await mira.sees("A3")
        assert query_of(mira.page.url) == {"q": ["instance=web-3"]}
        await mira.page.keyboard.type(' cluster=~"("')
        await expect(mira.page.locator("#q-problems")).to_contain_text("missing closing )")
        await expect(mira.page.get_by_role("searchbox")).to_be_focused()
        await mira.meets_wcag()
        await mira.opens("/?q=severity%3Dcritical")
        await mira.sees("A7", "A8", "A9", "A3")
        await mira.page.go_back()
        await expect(mira.page.get_by_role("searchbox")).not_to_have_value("severity=critical")
        # An incident leads back to the search that one came from.
        await mira.opens("/?q=severity%3Dcritical")
        await mira.page.locator("#open-rows .row .what a", has_text="A3").click()
        await mira.is_live()
        (incident,) = [one for one in await lookout.incidents(severity="critical") if one.labels["alertname"] == "A3"]
        await lookout.act(incident.id, "notes", text="meanwhile")
        await expect(mira.page.locator(".moments")).to_contain_text("meanwhile")
        await mira.page.keyboard.press("u")
        await mira.sees("A7", "A8", "A9", "A3")
        assert query_of(mira.page.url) == {"q": ["severity=critical"]}


FINISHED = """() => new Promise((done) => document.addEventListener("htmx:finally:request",
  (event) => event.detail.ctx.request.action.includes("rows=") && done(event.detail.ctx.status)))"""


async def test_a_live_answer_to_an_older_search_is_dropped(lookout: Driver, reads: Reads) -> None:
    await lookout.fires(alertname="A")
    asked, searched = asyncio.Event(), asyncio.Event()

    async def answer_late(route: Route) -> None:
        if asked.is_set():
            await route.continue_()
            return
        answer = await route.fetch()
        asked.set()
        await searched.wait()
        await route.fulfill(response=answer)

    async with reads(lookout.url) as mira:
        await mira.opens()
        await mira.page.route("**/?*rows=*", answer_late)
        await lookout.fires(alertname="B")
        await asked.wait()
        finished = asyncio.create_task(mira.page.evaluate(FINISHED))
        await mira.page.get_by_role("searchbox").fill("nothing-such")
        await expect(mira.page.locator("#open-title")).to_have_text("Nothing found")
        searched.set()
        await finished
        assert await mira.page.locator("#open-title").inner_text() == "Nothing found"
        await lookout.fires(alertname="nothing-such")
        await mira.sees("nothing-such")


async def test_another_time_is_visibly_not_live(lookout: Driver, reads: Reads) -> None:
    start = lookout.clock.now()
    await lookout.fires(alertname="Old")
    lookout.clock.move(minutes=2)
    await lookout.resolves(start, alertname="Old")
    lookout.clock.move(hours=2)
    await lookout.fires(alertname="New", severity="critical")
    async with reads(lookout.url) as mira:
        await mira.opens()
        await mira.sees("New")
        await mira.page.get_by_text("Look back").click()
        slider = mira.page.get_by_role("slider")
        await slider.focus()
        await slider.fill(str(24 * 60 - 120))
        await expect(mira.page.get_by_text("Not live.")).to_be_visible()
        await mira.sees()
        field = mira.page.get_by_label("At")
        then = start + timedelta(minutes=1, hours=9)  # the reader is in Tokyo
        await field.fill(f"{then:%Y-%m-%dT%H:%M}")
        await mira.page.get_by_role("button", name="Go there").click()
        await mira.sees("Old")
        await expect(mira.page.locator("#live")).to_have_count(0)
        await mira.shot("another-time")
        await mira.meets_wcag()
        await mira.page.get_by_role("link", name="Back to now").click()
        await mira.is_live()
        await mira.sees("New")


async def test_long_lists_come_by_pages_and_resolved_ones_when_they_are_asked_for(
    lookout: Driver, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = lookout.clock.now()
    alerts = [
        lookout.alert(
            {"alertname": f"A{n:03}", "cluster": f"c{n % 7}", "namespace": f"n{n % 9}", "job": f"j{n % 11}"},
            starts_at=start - n * timedelta(minutes=1),
        )
        for n in range(100)
    ]
    await lookout.post_alerts(*alerts)
    await lookout.fires(alertname="Done")
    lookout.clock.move(seconds=30)
    await lookout.resolves(start, alertname="Done")
    async with reads(lookout.url, height=600) as mira:
        await mira.opens()
        rows = mira.page.locator("#open-rows .row")
        await expect(rows).to_have_count(PAGE)
        for count in (2 * PAGE, 100):
            await mira.page.locator("#more-open").scroll_into_view_if_needed()
            await expect(rows).to_have_count(count)
        top = await mira.page.evaluate("scrollY")
        assert top > 1000
        facets = mira.page.get_by_role("navigation", name="Filters")
        assert await facets.evaluate("nav => nav.scrollHeight > nav.clientHeight")
        await mira.meets_wcag()
        # A change of the list leaves its length, and where one has scrolled to.
        await lookout.fires(alertname="Worse", severity="critical")
        await expect(mira.page.locator("#open-title")).to_have_text("101 open incidents")
        assert await rows.count() > 100
        assert abs(await mira.page.evaluate("scrollY") - top) < 200
        await mira.page.locator("#lately summary").click()
        await expect(mira.page.locator("#lately-rows .row .what a")).to_have_text(["Done"])
        await lookout.fires(alertname="Another", severity="critical")
        await expect(mira.page.locator("#open-title")).to_have_text("102 open incidents")
        await expect(mira.page.locator("#lately-rows .row .what a")).to_have_text(["Done"])
        # What is unfolded is live, too; the keys go by what is seen.
        lookout.clock.move(seconds=1)
        await lookout.resolves(
            start - 99 * timedelta(minutes=1), alertname="A099", cluster="c1", namespace="n0", job="j0"
        )
        await expect(mira.page.locator("#lately-rows .row .what a")).to_have_text(["A099", "Done"])
        await expect(mira.page.locator("#open-title")).to_have_text("101 open incidents")
        await mira.page.keyboard.press("k")
        await expect(mira.page.locator(".row.chosen .what a")).to_have_text("Done")
        await mira.page.locator("#lately summary").click()
        await mira.page.keyboard.press("k")
        await expect(mira.page.locator(".row.chosen .what a")).to_have_text("A098")
        # Below the rows that a live list keeps up to date, what changes waits.
        for module in (board, page):
            monkeypatch.setattr(module, "ROWS_LIMIT", PAGE)
        await mira.opens()
        for count in (2 * PAGE, 101):
            await mira.page.locator("#more-open").scroll_into_view_if_needed()
            await expect(rows).to_have_count(count)
        await mira.page.evaluate("scrollTo(0, document.body.scrollHeight)")
        top = await mira.page.evaluate("scrollY")
        await lookout.fires(alertname="Third", severity="critical")
        held = mira.page.locator("#held")
        await expect(held).to_have_text("1 change waits: show it")
        assert (await rows.count(), await mira.page.evaluate("scrollY")) == (101, top)
        await held.click()
        await expect(rows.first).to_contain_text("Third")
        await expect(rows).to_have_count(PAGE)
        assert await mira.page.evaluate("scrollY") == 0
