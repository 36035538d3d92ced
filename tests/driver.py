"""What a scenario does with a running Lookout, in the words of the field."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self

import httpx
import msgspec
from httpx_sse import aconnect_sse

from lookout.app import Running
from lookout.incidents.events import FeedEvent
from lookout.incidents.incident import Incident
from lookout.store import database
from lookout.store.rebuild import Report, rebuild
from tests.clock import FakeClock

LEASE = timedelta(minutes=4)


class Driver:
    """A client of one running Lookout. Times that are not given are the fake clock's."""

    def __init__(self, url: str, clock: FakeClock, running: Running, dsn: str) -> None:
        self.url = url
        self.clock = clock
        self.running = running
        self.dsn = dsn
        self.http = httpx.AsyncClient(base_url=url, timeout=30)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    def alert(
        self,
        labels: dict[str, str],
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        annotations: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """One alert as Prometheus sends it: firing, with a lease of four minutes from now, unless `ends_at` is given."""
        now = self.clock.now()
        return {
            "labels": {"alertname": "Down", **labels},
            "annotations": annotations or {},
            "startsAt": (starts_at or now).isoformat(),
            "endsAt": (ends_at or now + LEASE).isoformat(),
            "generatorURL": "http://prometheus.example/graph",
        }

    async def post_alerts(self, *alerts: dict[str, Any]) -> httpx.Response:
        """Send as Prometheus does."""
        return await self.http.post("/api/v2/alerts", json=list(alerts))

    async def fires(self, starts_at: datetime | None = None, **labels: str) -> None:
        """Prometheus says that one alert fires."""
        (await self.post_alerts(self.alert(labels, starts_at=starts_at))).raise_for_status()

    async def resolves(self, starts_at: datetime, **labels: str) -> None:
        """Prometheus says that the firing since `starts_at` is over, now."""
        alert = self.alert(labels, starts_at=starts_at, ends_at=self.clock.now())
        (await self.post_alerts(alert)).raise_for_status()

    async def webhook(self, *alerts: dict[str, Any], **top: Any) -> httpx.Response:
        """Send as Alertmanager's webhook does. An alert is `{"status": ..., "labels": ..., ...}`."""
        told = [
            {
                "status": "firing",
                "annotations": {},
                "startsAt": self.clock.now().isoformat(),
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "",
                "fingerprint": "",
                **alert,
            }
            for alert in alerts
        ]
        message = {"version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": "firing", "receiver": "lookout"}
        return await self.http.post("/v1/alertmanager", json={**message, **top, "alerts": told})

    async def ticks(self) -> None:
        """Let the timers look now, without waiting for their turn."""
        await self.running.timers.tick()

    async def incidents(self, **query: str) -> list[Incident]:
        """The list, the newest first."""
        answer = (await self.http.get("/v1/incidents", params=query)).raise_for_status()
        return msgspec.convert(answer.json()["incidents"], list[Incident])

    async def only_incident(self) -> Incident:
        """The one incident that there is."""
        (incident,) = await self.incidents()
        return incident

    async def feed(self, after: int = 0) -> list[FeedEvent]:
        """The whole feed after a position, by pages of JSON."""
        events: list[FeedEvent] = []
        while True:
            query = {"after": events[-1].position if events else after, "first": 500}
            answer = (await self.http.get("/v1/feed", params=query)).raise_for_status()
            page = msgspec.convert(answer.json()["events"], list[FeedEvent])
            if not page:
                return events
            events += page

    async def act(self, incident_id: str, action: str, **arguments: Any) -> httpx.Response:
        """An operator's action."""
        headers = {"X-User-ID": "jo"}
        return await self.http.post(f"/v1/incidents/{incident_id}/{action}", json=arguments, headers=headers)

    @asynccontextmanager
    async def stream(self, **headers_or_after: str) -> AsyncIterator[AsyncIterator[FeedEvent]]:
        """The SSE stream, as an iterator of events; `after="3"` or `last_event_id="3"` resumes."""
        last = headers_or_after.pop("last_event_id", None)
        headers = {"Last-Event-ID": last} if last is not None else {}
        async with aconnect_sse(
            self.http, "GET", "/v1/feed", params=headers_or_after, headers=headers, timeout=httpx.Timeout(30)
        ) as source:

            async def events() -> AsyncIterator[FeedEvent]:
                async for sse in source.aiter_sse():
                    event = msgspec.json.decode(sse.data, type=FeedEvent)
                    assert sse.id == str(event.position)
                    assert sse.event == event.event_type
                    yield event

            yield events()

    async def rebuild(self) -> Report:
        """Fold the log anew and compare."""
        pool = await database.connect(self.dsn)
        try:
            return await rebuild(pool)
        finally:
            await pool.close()
