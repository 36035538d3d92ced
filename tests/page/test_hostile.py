"""Text is data: whatever senders, people and investigators write, it shows, does nothing, and breaks no page."""

from playwright.async_api import expect
from tests.driver import Driver
from tests.page.conftest import Reads

SCRIPT = "<script>alert(1)</script>"
MARKUP = '"><img src=x onerror=alert(1)><div hx-get=/sources hx-trigger=load>'
TURNED = "safe\u202egnp.exe\u2066\u200b\x1b[31m"
TEMPLATE = "{{ 7*7 }}{% raw %}${7*7}"
ALERTED = "window.__proto__ && document.querySelectorAll('img, iframe, object, script:not([src])').length"


async def test_hostile_texts_are_shown_and_do_nothing(lookout: Driver, reads: Reads) -> None:
    await lookout.webhook(
        {
            "labels": {
                "alertname": SCRIPT,
                "cluster": MARKUP,
                "job": TURNED,
                "namespace": TEMPLATE,
                "severity": "page",
            },
            "annotations": {
                "summary": MARKUP,
                "description": SCRIPT * 50,
                "runbook_url": "javascript:alert(1)",
                MARKUP: SCRIPT,
                "__dashboardURL__": "javascript:alert(1)",
                "__values__": '{"' + "x" * 500 + '": 1}',
            },
            "generatorURL": "javascript:alert(1)",
        },
    )
    await lookout.webhook({"labels": {"alertname": "Huge", "big": "x" * 100_000, "wide": "\u202e" + "W" * 5000}})
    await lookout.webhook(
        {"labels": {"alertname": "Many", **{f"l{number:04}": f"v{number}" for number in range(5000)}}}
    )
    incidents = await lookout.incidents()
    for incident in incidents:
        await lookout.act(incident.id, "notes", text=f"{SCRIPT}{MARKUP}{TURNED}")
        await lookout.act(incident.id, "assign", assignee=MARKUP[:190])
        await lookout.attach(
            incident.id,
            investigator=MARKUP[:190],
            summary=f"{SCRIPT}\n\n[x](javascript:alert(1)) ![x](https://evil.example/x.png) {MARKUP}",
            root_cause="> " * 3000 + "x",
            recommendations=[SCRIPT, MARKUP],
        )
    await lookout.post_alerts({"labels": {}, "annotations": {"x": MARKUP}})
    await lookout.running.parts.intake.tally.flush()
    async with reads(lookout.url) as mira:
        asked: list[str] = []
        mira.page.on("request", lambda request: asked.append(request.url))
        pages = [f"/incidents/{incident.id}" for incident in incidents]
        for path in (
            "/",
            "/?view=wall",
            "/history?span=24h",
            "/sources",
            "/?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E",
            *pages,
        ):
            await mira.opens(path, live=path not in ("/history?span=24h", "/sources"))
            assert await mira.page.evaluate(ALERTED) == 0, path
            assert not await mira.page.evaluate("document.documentElement.scrollWidth > innerWidth"), path
            text = await mira.page.inner_text("body")
            assert not set(text) & {"\u202e", "\u2066", "\u200b", "\x1b"}, path
            assert await mira.page.locator('a[href^="javascript" i]').count() == 0
            await mira.meets_wcag()
        await expect(mira.page.locator("h1")).to_be_visible()
        await mira.opens()
        await expect(mira.page.locator("#open-rows .row .what a").filter(has_text=SCRIPT)).to_have_count(1)
        await mira.shot("hostile")
        assert [url for url in asked if not url.startswith(lookout.url)] == []
