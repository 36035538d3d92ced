"""By keyboard alone, on a telephone, in the dark, without scripts: the page is the same, and nobody is kept out."""

from playwright.async_api import expect
from tests.access import ACCESS, api_token
from tests.demo import WORST, play
from tests.driver import Driver
from tests.page.conftest import Reads
from tests.scenario.conftest import Start

from lookout.api.parts import Scope

WIDER_THAN_THE_WINDOW = "document.documentElement.scrollWidth > innerWidth"


async def test_by_keyboard_alone(lookout: Driver, reads: Reads) -> None:
    await play(lookout, WORST)
    async with reads(lookout.url) as mira:
        keys = mira.page.keyboard
        await mira.opens()
        await keys.press("?")
        await expect(mira.page.locator("#help")).to_be_visible()
        await mira.meets_wcag()
        await mira.shot("help")
        await keys.press("Escape")
        await keys.press("Tab")
        await expect(mira.page.get_by_role("link", name="Skip to the content")).to_be_focused()
        for key in ("j", "j", "k"):
            await keys.press(key)
        first = mira.page.locator("#open-rows .row .what a").first
        await expect(first).to_be_focused()
        headline = await first.inner_text()
        # What comes in above it leaves the focus where it is.
        await lookout.fires(alertname="Newer", severity="critical")
        await expect(mira.page.locator("#open-rows .row .what a").first).to_have_text("Newer")
        await expect(mira.page.locator(".row.chosen .what a")).to_have_text(headline)
        await expect(mira.page.locator(".row.chosen .what a")).to_be_focused()
        await keys.press("Enter")
        await expect(mira.page.locator("h1")).to_have_text(headline)
        await mira.is_live()
        await keys.press("a")
        await keys.press("Enter")
        await expect(mira.page.locator(".status")).to_have_text("acknowledged by local")
        await expect(mira.page.get_by_text("Acknowledged.", exact=True)).to_be_visible()
        await mira.meets_wcag()
        await keys.press("u")
        await mira.is_live()
        await keys.press("/")
        await expect(mira.page.get_by_role("searchbox")).to_be_focused()
        # The wall takes the same keys, and an incident leads back to it.
        await mira.opens("/?view=wall&q=severity%3Dcritical")
        for key in ("j", "j"):
            await keys.press(key)
        second = mira.page.locator(".wall-rows .chosen a")
        await expect(second).to_be_focused()
        headline = await second.inner_text()
        assert headline == await mira.page.locator(".wall-rows a").nth(1).inner_text()
        await mira.meets_wcag()
        await keys.press("Enter")
        await expect(mira.page.locator("h1")).to_have_text(headline)
        await keys.press("u")
        await expect(mira.page.locator(".wall-query")).to_contain_text("Only severity=critical of")


async def test_on_a_telephone_in_the_dark(lookout: Driver, reads: Reads) -> None:
    await play(lookout, WORST)
    incident = (await lookout.incidents(severity="critical"))[-1]
    await lookout.attach(incident.id, summary="**full** `disk`\n\n| a | b |\n|---|---|\n| 1 | 2 |", confidence=0.9)
    await lookout.running.parts.intake.tally.flush()
    async with reads(lookout.url, width=390, height=844, dark=True, mobile=True) as mira:
        for path, name in (
            ("/", "feed-390"),
            (f"/incidents/{incident.id}", "incident-390"),
            ("/history", "history-390"),
            ("/sources", "sources-390"),
            ("/?view=wall", "wall-390"),
        ):
            await mira.opens(path, live=path not in ("/history", "/sources"))
            assert not await mira.page.evaluate(WIDER_THAN_THE_WINDOW), path
            await mira.meets_wcag()
            await mira.shot(name)
        await mira.opens()
        await mira.page.get_by_text("Filter", exact=True).click()
        await mira.page.get_by_role("link", name="critical").click()
        await expect(mira.page.locator("#open-rows .row")).to_have_count(2)


async def test_every_page_keeps_nobody_out(lookout: Driver, reads: Reads) -> None:
    await play(lookout)
    await lookout.post_alerts({"labels": {}})
    await lookout.running.parts.intake.tally.flush()
    (incident,) = await lookout.incidents(status="open")
    await lookout.attach(incident.id, recommendations=["roll back"], link="https://reports.example/1")
    async with reads(lookout.url) as mira:
        for path, name in (
            (f"/incidents/{incident.id}", "incident"),
            ("/history?span=24h", "history"),
            ("/sources", "sources"),
            ("/?view=wall", "wall"),
            ("/?q=status%3Dresolved", "resolved"),
            ("/nowhere-such/", ""),
            ("/incidents/x", "not-found"),
        ):
            if not name:
                continue
            await mira.opens(path, live=name in ("incident", "wall", "resolved"))
            await mira.meets_wcag()
            await mira.shot(name)
        await mira.opens(f"/incidents/{incident.id}")
        for action in ("Assign", "Add a note", "Resolve", "Copy"):
            await mira.page.locator(".actions summary", has_text=action).click()
            await mira.meets_wcag()
        await mira.page.locator(".actions summary", has_text="Assign").click()
        await mira.page.get_by_label("To whom").fill("jo")
        # Somebody is typing: what happens meanwhile takes nothing from them.
        await lookout.act(incident.id, "notes", text="meanwhile")
        await expect(mira.page.locator(".moments")).to_contain_text("meanwhile")
        await expect(mira.page.get_by_label("To whom")).to_have_value("jo")
        await mira.page.get_by_role("button", name="Assign").click()
        await expect(mira.page.get_by_text("Assigned to jo.")).to_be_visible()
        await mira.is_live()
        await lookout.act(incident.id, "notes", text="it stays to be undone")
        await expect(mira.page.locator(".moments")).to_contain_text("it stays to be undone")
        await mira.page.get_by_role("button", name="Undo").click()
        await expect(mira.page.get_by_text("Assigned to nobody.")).to_be_visible()


async def test_without_scripts_it_reads_and_acts(lookout: Driver, reads: Reads) -> None:
    await play(lookout, WORST)
    async with reads(lookout.url, scripts=False) as mira:
        await mira.opens(live=False)
        await expect(mira.page.locator("#open-rows .row")).to_have_count(len(await lookout.incidents(status="open")))
        await expect(mira.page.locator("#live")).to_contain_text("not live")
        await mira.page.get_by_role("searchbox").fill("severity=critical scrapes")
        await mira.page.get_by_role("button", name="Search").click()
        await mira.sees("TargetDown")
        await mira.page.locator("#open-rows .row .what a").click()
        await mira.page.locator("#do-acknowledge summary").click()
        await mira.page.get_by_role("button", name="Yes, acknowledge").click()
        await expect(mira.page.locator(".status")).to_have_text("acknowledged by local")


async def test_signing_in_and_out(start: Start, reads: Reads) -> None:
    async with start(access=ACCESS) as lookout, reads(lookout.url) as mira:
        token = await api_token(lookout, Scope.READ, Scope.OPERATE, name="mira")
        await mira.opens("/history?span=24h", live=False)
        await expect(mira.page.get_by_role("heading", name="Sign in")).to_be_visible()
        await mira.meets_wcag()
        await mira.page.get_by_label("Token").fill("wrong")
        await mira.page.get_by_role("button", name="Sign in").click()
        await expect(mira.page.get_by_role("alert")).to_contain_text("not one of ours")
        await mira.meets_wcag()
        await mira.shot("sign-in")
        await mira.page.get_by_label("Token").fill(token.text)
        await mira.page.get_by_role("button", name="Sign in").click()
        await expect(mira.page.get_by_role("heading", name="History")).to_be_visible()
        await mira.opens("/")
        await mira.page.locator(".menu summary").click()
        await mira.meets_wcag()
        await mira.page.get_by_role("button", name="Sign out").click()
        await expect(mira.page.get_by_role("heading", name="Sign in")).to_be_visible()
