"""The list is live: the demo arrives in two windows, one sees what the other does, a cut connection misses nothing."""

from urllib.parse import urlsplit

from playwright.async_api import Route, expect
from tests.demo import play
from tests.driver import Driver
from tests.page.cable import cable
from tests.page.conftest import Reads

ACKNOWLEDGED = """(headline) => new Promise((done) => {
  const row = () => [...document.querySelectorAll("#open-rows .row")].find((one) => one.innerText.includes(headline));
  const look = () => row() && row().innerText.includes("acknowledged by") && done(Date.now());
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
  look();
})"""
SHIFTS = """() => { window.shifts = 0; new PerformanceObserver((list) => { for (const one of list.getEntries())
  if (!one.hadRecentInput) window.shifts += one.value; }).observe({type: "layout-shift", buffered: false}); }"""


async def test_the_demo_arrives_in_two_windows_and_one_sees_what_the_other_does(lookout: Driver, reads: Reads) -> None:
    async with reads(lookout.url) as mira, reads(lookout.url, dark=True) as jo:
        for reader in (mira, jo):
            await reader.opens()
            await expect(reader.page.get_by_text("Lookout has heard of no alert yet")).to_be_visible()
        await mira.shot("empty")
        await mira.meets_wcag()
        await play(lookout, 6)
        for reader in (mira, jo):
            await reader.sees("StreamLatencyHigh", "TargetDown", "TranscoderQueueFull", "ConsumerLagHigh")
            await expect(reader.page).to_have_title("(4) Lookout")
            assert "count=4" in (await reader.page.locator("#icon").get_attribute("href") or "")
        await mira.shot("feed-light")
        await mira.meets_wcag()
        await jo.shot("feed-dark")
        await jo.meets_wcag()
        # Keys alone: to the second row, acknowledge, confirm.
        seen = jo.page.evaluate(ACKNOWLEDGED, "TargetDown")
        await mira.page.keyboard.press("j")
        await mira.page.keyboard.press("j")
        await mira.page.keyboard.press("a")
        await expect(mira.page.locator("#confirm")).to_be_visible()
        await mira.meets_wcag()
        began = await mira.page.evaluate("Date.now()")
        await mira.page.keyboard.press("Enter")
        assert await seen - began < 1000
        await expect(mira.page.locator("#open-rows .row").nth(1)).to_contain_text("acknowledged by local")
        for incident in await lookout.incidents(status="open"):
            if not incident.title.startswith("TargetDown"):
                await lookout.act(incident.id, "resolve")
        for reader in (mira, jo):
            await reader.sees("TargetDown")
            await expect(reader.page.locator("#lately summary")).to_have_text("Resolved in the last 24 hours 3")


async def test_a_cut_connection_shows_is_taken_up_again_and_misses_nothing(lookout: Driver, reads: Reads) -> None:
    await lookout.fires(alertname="First")
    async with cable(urlsplit(lookout.url).port or 0) as (line, url), reads(url) as mira:
        await mira.opens()
        await mira.sees("First")
        line.cut()
        live = mira.page.locator("#live")
        await expect(live).to_have_attribute("data-state", "lost")
        await expect(live).to_contain_text("not connected")
        await mira.shot("connection-lost")
        names = [f"A{number:02}" for number in range(100)]
        for name in names:
            await lookout.fires(alertname=name)
        line.mend()
        await mira.is_live()
        await expect(mira.page.locator("#board")).to_have_attribute("data-position", "101")
        await expect(mira.page.locator("#open-title")).to_have_text("101 open incidents")
        await lookout.fires(alertname="Last", severity="critical")
        await expect(mira.page.locator("#open-rows .row .what a").first).to_have_text("Last")


async def test_nothing_moves_under_a_pointer_at_work_and_a_storm_stays_calm(lookout: Driver, reads: Reads) -> None:
    for number in range(8):
        await lookout.fires(alertname=f"W{number}")
        lookout.clock.move(seconds=1)
    async with reads(lookout.url) as mira:
        await mira.page.clock.install()
        await mira.opens()
        row = mira.page.locator("#open-rows .row").nth(2)
        box = await row.bounding_box()
        assert box is not None
        await mira.page.mouse.move(box["x"] + 200, box["y"] + 20)
        await lookout.fires(alertname="Worse", severity="critical")
        held = mira.page.locator("#held")
        await expect(held).to_be_visible()
        await expect(held).to_have_text("1 change waits: show it")
        assert await row.bounding_box() == box
        await held.click()
        await expect(mira.page.locator("#open-rows .row .what a").first).to_have_text("Worse")
        await mira.page.mouse.move(5, 5)
        # A thousand changes a minute, for three seconds and a half by the clock of the page.
        asked: list[str] = []
        mira.page.on("request", lambda request: asked.append(request.url))
        await mira.page.evaluate(SHIFTS)
        began = await mira.page.evaluate("performance.now()")
        incident = (await lookout.incidents())[0]
        for number in range(60):
            await lookout.act(incident.id, "notes", text=f"note {number}")
            await mira.page.clock.run_for(60)
        await expect(mira.page.locator("#board")).to_have_attribute("data-position", "69")
        seconds = (await mira.page.evaluate("performance.now()") - began) / 1000
        assert len(asked) <= 2 * seconds + 2, "a page reads itself twice a second at most"
        assert await mira.page.evaluate("window.shifts") < 0.02


HIDDEN = "Object.defineProperty(document, 'hidden', {get: () => window.behind !== false, configurable: true})"
SEEN = "(seen) => { window.behind = !seen; document.dispatchEvent(new Event('visibilitychange')); }"


async def test_a_tab_behind_the_others_holds_no_connection_and_catches_up(lookout: Driver, reads: Reads) -> None:
    await lookout.fires()
    incident = await lookout.only_incident()
    async with reads(lookout.url) as mira:
        await mira.page.add_init_script(HIDDEN)
        await mira.opens(f"/incidents/{incident.id}", live=False)
        await lookout.until_following(0)
        await lookout.act(incident.id, "notes", text="before anybody looked")
        for count, note in enumerate(("once", "twice")):
            await mira.page.evaluate(SEEN, True)
            await mira.is_live()
            await lookout.until_following(1)
            await lookout.act(incident.id, "notes", text=f"seen {note}")
            await expect(mira.page.locator(".moments")).to_contain_text(f"seen {note}")
            await expect(mira.page.locator(".moments")).to_contain_text("before anybody looked")
            await mira.page.evaluate(SEEN, False)
            await lookout.until_following(0)
            await lookout.act(incident.id, "notes", text=f"missed {count}")
        await mira.page.evaluate(SEEN, True)
        await expect(mira.page.locator(".moments")).to_contain_text("missed 1")


async def test_a_stream_that_is_refused_is_asked_for_again(lookout: Driver, reads: Reads) -> None:
    refused: list[str] = []

    async def refuse(route: Route) -> None:
        refused.append(route.request.url)
        await (route.fulfill(status=503, json={"error": "too many"}) if len(refused) == 1 else route.continue_())

    async with reads(lookout.url) as mira:
        await mira.page.clock.install()
        await mira.page.route("**/live*", refuse)
        await mira.opens()
        assert len(refused) == 2
        await lookout.fires(alertname="A")
        await mira.sees("A")
        # Where nothing happens the clock goes on: the page is read again all the same.
        async with mira.page.expect_response(lambda response: "rows=" in response.url):
            await mira.page.clock.fast_forward("06:00")
