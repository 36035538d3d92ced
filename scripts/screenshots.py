"""Makes the README's pictures of the page: a Lookout of its own, made-up trouble of a day, and the system's Chromium.

make screenshots
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from playwright.async_api import Browser, async_playwright
from tests.clock import NOON, FakeClock

from lookout.app import bind, running, server_of
from lookout.config import Settings
from lookout.incidents.policy import Policy

IMAGES = Path(__file__).parents[1] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
DAY = timedelta(hours=31)
LEASE = timedelta(minutes=10)
NEVER = "0001-01-01T00:00:00Z"


class Trouble(NamedTuple):
    """Alerts of one name: how many, and when they fired, in hours ago; the last has not ended if its end is 0."""

    severity: str
    name: str
    job: str
    place: dict[str, str]
    summary: str
    spans: list[tuple[float, float]]
    alerts: int = 1


EU = {"cluster": "eu-1", "region": "eu-west-1"}
US = {"cluster": "us-1", "region": "us-east-1"}
AP = {"cluster": "ap-1", "region": "ap-south-1"}
TROUBLES = [
    Trouble("critical", "TargetDown", "ingest", EU, "Ingest does not answer its scrapes", [(2.2, 0)], 2),
    Trouble(
        *("critical", "StreamLatencyHigh", "playback", EU, "Viewers are more than 30 s behind live"),
        [(15, 13.2), (9, 8.5), (0.6, 0)],
        212,
    ),
    Trouble("error", "DiskFillingUp", "node", US, "The disk will be full in 4 hours", [(20, 0)], 3),
    Trouble(
        *("error", "TranscoderQueueFull", "transcoder", US, "The queue of a transcoder has been full for 2 minutes"),
        [(21, 19), (16, 14.5), (11, 10), (6, 5), (1.4, 0)],
        4,
    ),
    Trouble("warning", "CertificateExpiresSoon", "edge", EU, "A certificate ends in 6 days", [(30, 0)]),
    Trouble("warning", "ConsumerLagHigh", "analytics", US, "90,000 records behind", [(5.5, 4.9), (0.2, 0)]),
    Trouble("warning", "ReplicationLag", "postgres", AP, "Replication is 40 s behind", [(12, 7), (3, 0)], 2),
    Trouble("info", "RolloutPaused", "deploy", AP, "A new version waits to be rolled out", [(8, 0)]),
    Trouble("error", "ErrorRateHigh", "gateway", AP, "Half of the requests fail", [(7, 6.2)], 6),
    Trouble("warning", "MemoryLow", "node", EU, "Memory is short", [(4, 3.5)], 2),
]


@asynccontextmanager
async def serving(clock: FakeClock) -> AsyncGenerator[str]:
    """A Lookout with nothing in it, on a clock that can be moved through a day; its address."""
    with tempfile.TemporaryDirectory() as directory:
        await asyncio.to_thread(Path(directory).chmod, 0o755)  # as root, PostgreSQL runs as another user
        settings = Settings("127.0.0.1", 0, Path(directory), None, None, Policy())
        with bind("127.0.0.1", 0) as listening:
            async with running(settings, clock) as lookout:
                server = server_of(lookout)
                serves = asyncio.create_task(server.serve(sockets=[listening]))
                await server.listening.wait()
                try:
                    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
                finally:
                    server.stop()
                    await serves


async def make_trouble(http: httpx.AsyncClient, clock: FakeClock) -> None:
    """All of it, in its order, through the public API, as its senders would tell it."""
    now = clock.now() + DAY
    told = sorted(
        (-hours, is_end, place, began)
        for place, trouble in enumerate(TROUBLES)
        for began, ended in trouble.spans
        for hours, is_end in ((began, False), (ended, True))
        if hours
    )
    for hours, is_end, place, began in told:
        clock.move(seconds=(now + timedelta(hours=hours) - clock.now()).total_seconds())
        ends = clock.now() if is_end else now + LEASE
        await post(http, TROUBLES[place], now - timedelta(hours=began), ends)
    clock.move(seconds=(now - clock.now()).total_seconds())


REPORT = {
    "report_id": "r-1",
    "investigator": "skipper",
    "confidence": 0.82,
    "summary": "**ingest 2.14** leaks file handles: `accept` fails about 40 minutes after a start.\n\n"
    "| instance | open handles | limit |\n|---|---|---|\n"
    "| ingest-1 | 65,536 | 65,536 |\n| ingest-2 | 65,536 | 65,536 |",
    "root_cause": "The keep-alive pool that is new in 2.14 never closes what the client has left.",
    "recommendations": ["Roll back to **2.13**", "Raise `LimitNOFILE` until the pool is mended"],
    "link": "https://skipper.example/reports/r-1",
}


def alert(trouble: Trouble, number: int, began: datetime, ends: datetime) -> dict[str, Any]:
    job = trouble.job
    named = {"alertname": trouble.name, "job": job, "severity": trouble.severity}
    return {
        "labels": {**named, **trouble.place, "instance": f"{job}-{number + 1}:9100"},
        "annotations": {
            "summary": trouble.summary,
            "runbook_url": f"https://runbooks.example/{trouble.name}",
            "__dashboardURL__": f"https://grafana.example/d/{job}",
            "__values__": f'{{"now": {17 + number * 3.5}}}',
        },
        "startsAt": began.isoformat(),
        "endsAt": ends.isoformat(),
        "generatorURL": f"https://prometheus.example/graph?g0.expr={trouble.name}",
    }


async def post(http: httpx.AsyncClient, trouble: Trouble, began: datetime, ends: datetime) -> None:
    """As Prometheus tells it; and where its first instances are down, Alertmanager does too."""
    alerts = [alert(trouble, number, began, ends) for number in range(trouble.alerts)]
    for first in range(0, len(alerts), 64):
        (await http.post("/api/v2/alerts", json=alerts[first : first + 64])).raise_for_status()
    if trouble.name == "TargetDown":
        message = {"version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "lookout"}
        webhook = {**message, "alerts": [{**one, "status": "firing", "endsAt": NEVER} for one in alerts]}
        (await http.post("/v1/alertmanager", json=webhook)).raise_for_status()


async def open_incidents(http: httpx.AsyncClient) -> dict[str, str]:
    """The ids of what is open, by the alert's name."""
    listed = (await http.get("/v1/incidents", params={"status": "open"})).json()["incidents"]
    return {incident["labels"]["alertname"]: incident["id"] for incident in listed}


async def take(http: httpx.AsyncClient, clock: FakeClock) -> None:
    """What people and an investigator do about it."""
    ids = await open_incidents(http)
    target = ids["TargetDown"]
    await act(http, ids["DiskFillingUp"], "acknowledge", "jonas")
    await act(http, target, "acknowledge", "mira")
    clock.move(minutes=2)
    await act(http, target, "notes", "mira", text="rolling back ingest 2.14 on both instances")
    clock.move(minutes=3)
    await act(http, target, "investigations", "skipper", **REPORT)
    clock.move(minutes=1)


async def act(http: httpx.AsyncClient, incident_id: str, action: str, by: str, **arguments: Any) -> None:
    path = f"/v1/incidents/{incident_id}/{action}"
    (await http.post(path, json=arguments, headers={"X-User-ID": by})).raise_for_status()


async def shoot(browser: Browser, url: str, name: str, width: int, height: int, *, dark: bool = False) -> None:
    """One picture: of `url`, in a window of that size."""
    scheme = "dark" if dark else "light"
    page = await browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    await page.goto(url)
    await page.locator("#live[data-state=live]").wait_for(state="attached")
    await page.screenshot(path=IMAGES / f"{name}.png")
    await page.close()


async def main() -> None:
    clock = FakeClock(NOON - DAY)
    async with (
        serving(clock) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as http,
        async_playwright() as playwright,
    ):
        await make_trouble(http, clock)
        await take(http, clock)
        incident = f"{url}/incidents/{(await open_incidents(http))['TargetDown']}"
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        await shoot(browser, url, "feed-light", 1440, 820)
        await shoot(browser, url, "feed-dark", 1440, 820, dark=True)
        await shoot(browser, incident, "incident-light", 1440, 900)
        await shoot(browser, incident, "incident-dark", 1440, 900, dark=True)
        await shoot(browser, url, "feed-390", 390, 844)
        await shoot(browser, incident, "incident-390", 390, 844, dark=True)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
