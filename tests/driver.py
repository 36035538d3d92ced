"""What a scenario does with a running Lookout, in the words of the field."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

import asyncpg
import httpx
import msgspec
from httpx_sse import aconnect_sse
from tests.clock import FakeClock

from lookout.api.grouping import Grouping
from lookout.app import Running
from lookout.incidents.events import FeedEvent
from lookout.incidents.incident import Incident
from lookout.intake.commits import RETRY_AFTER, TRIES
from lookout.reconcile import INTERVAL, Reconciled
from lookout.store import database
from lookout.store.embedded import OWNER, SERVICE
from lookout.store.reads import AlertView, InvestigationView, RejectedView
from lookout.store.rebuild import Report, rebuild

LEASE = timedelta(minutes=4)


def owner_dsn(dsn: str) -> str:
    """The same database as its owner, who sees all of it."""
    return dsn.replace(f"//{SERVICE}@", f"//{OWNER}@", 1)


class Driver:
    """A client of one running Lookout. Times that are not given are the fake clock's."""

    def __init__(self, url: str, clock: FakeClock, running: Running, dsn: str) -> None:
        self.url = url
        self.clock = clock
        self.running = running
        self.dsn = dsn
        self.http = httpx.AsyncClient(base_url=url, timeout=30, verify=False)  # certificates are slow to load
        self._idle: asyncpg.Connection[asyncpg.Record] | None = None
        self._pool: database.Pool | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        for beside in (self._idle, self._pool):
            if beside is not None:
                beside.terminate()

    def alert(
        self,
        labels: dict[str, str],
        *,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        annotations: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """One alert as Prometheus sends it: firing, its lease four minutes from now unless `ends_at` is given."""
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

    async def beats(self, starts_at: datetime | None = None, **labels: str) -> None:
        """Prometheus says that its Watchdog fires."""
        await self.fires(starts_at, alertname="Watchdog", severity="none", **labels)

    async def webhook(self, *alerts: dict[str, Any], **top: Any) -> httpx.Response:
        """Send as Alertmanager's webhook does. An alert is `{"status": ..., "labels": ..., ...}`."""
        told: list[dict[str, Any]] = [
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

    async def repeats_captured(self, path: str, body: bytes) -> httpx.Response:
        """Send a body as it was captured."""
        return await self.http.post(path, content=body, headers={"Content-Type": "application/json"})

    async def ticks(self) -> None:
        """Let the timers look now, without waiting for their turn."""
        await self.running.timers.tick()

    async def tells_what_waits(self) -> None:
        """Let time pass until nothing is postponed."""
        while rows := await self.sql("SELECT max(due_at) AS due_at FROM postponed_alerts HAVING count(*) > 0"):
            self.clock.move(seconds=max(0.0, (rows[0]["due_at"] - self.clock.now()).total_seconds()))
            await self.running.timers.tell()

    async def reconciles(self) -> list[Reconciled]:
        """Let Lookout ask its sources now."""
        answer = (await self.http.post("/v1/reconcile", json={})).raise_for_status()
        return msgspec.convert(answer.json()["sources"], list[Reconciled])

    async def until_asked(self) -> None:
        """Return once Lookout has asked what there was to ask, and waits for another reason."""
        await self.clock.until_asleep(seconds=INTERVAL.total_seconds())

    async def incidents(self, **query: str) -> list[Incident]:
        """The list, the newest first."""
        answer = (await self.http.get("/v1/incidents", params=query)).raise_for_status()
        return msgspec.convert(answer.json()["incidents"], list[Incident])

    async def only_incident(self) -> Incident:
        """The one incident that there is."""
        (incident,) = await self.incidents()
        return incident

    async def incident(self, incident_id: str) -> Incident:
        """One incident."""
        answer = (await self.http.get(f"/v1/incidents/{incident_id}")).raise_for_status()
        return msgspec.convert(answer.json(), Incident)

    async def stale(self) -> dict[str, bool]:
        """Whether each open incident is shown as stale, by title."""
        answer = (await self.http.get("/v1/incidents", params={"status": "open"})).raise_for_status()
        return {incident["title"]: incident["stale"] for incident in answer.json()["incidents"]}

    async def alerts_of(self, incident_id: str) -> list[AlertView]:
        """The first page of an incident's alerts."""
        answer = (await self.http.get(f"/v1/incidents/{incident_id}/alerts")).raise_for_status()
        return msgspec.convert(answer.json()["alerts"], list[AlertView])

    async def grouping(self, incident_id: str, **query: str) -> Grouping:
        """Why an incident is what it is."""
        answer = (await self.http.get(f"/v1/incidents/{incident_id}/grouping", params=query)).raise_for_status()
        return msgspec.convert(answer.json(), Grouping)

    async def reload(self) -> httpx.Response:
        """Have lookout.yaml read anew."""
        return await self.http.post("/-/reload")

    async def investigations_of(self, incident_id: str, **query: Any) -> list[InvestigationView]:
        """A page of an incident's investigations, the oldest first."""
        answer = await self.http.get(f"/v1/incidents/{incident_id}/investigations", params=query)
        return msgspec.convert(answer.raise_for_status().json()["investigations"], list[InvestigationView])

    async def rejected(self) -> list[RejectedView]:
        """What was refused, the newest first."""
        answer = (await self.http.get("/v1/rejected-alerts")).raise_for_status()
        return msgspec.convert(answer.json()["rejected_alerts"], list[RejectedView])

    async def types(self) -> list[str]:
        """What happened, in a word each, without the `incident_` before it."""
        return [event.event_type.removeprefix("incident_") for event in await self.feed()]

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

    async def attach(self, incident_id: str, report_id: str = "report-1", **arguments: Any) -> httpx.Response:
        """An investigator's report."""
        told = {"report_id": report_id, "summary": "the disk is full", "investigator": "skipper", **arguments}
        return await self.act(incident_id, "investigations", **told)

    @asynccontextmanager
    async def stream(self, **headers_or_after: str) -> AsyncGenerator[AsyncIterator[FeedEvent]]:
        """The SSE stream, as an iterator of events; `after="3"` or `last_event_id="3"` resumes."""
        last = headers_or_after.pop("last_event_id", None)
        headers = {"Last-Event-ID": last} if last is not None else {}
        async with aconnect_sse(
            self.http, "GET", "/v1/feed", params=headers_or_after, headers=headers, timeout=httpx.Timeout(30)
        ) as source:

            async def events() -> AsyncIterator[FeedEvent]:
                async for sse in source.aiter_sse():
                    if not sse.data:  # only `retry:`, which is no event
                        continue
                    event = msgspec.json.decode(sse.data, type=FeedEvent)
                    assert sse.id == str(event.position)
                    assert sse.event == event.event_type
                    yield event

            yield events()

    async def rebuild(self, *, repair: bool = False) -> Report:
        """Fold the log anew and compare."""
        return await rebuild(await self.pool(), repair=repair)

    async def pool(self) -> "database.Pool":
        """Connections beside Lookout's own, for what its commands do."""
        if self._pool is None:
            self._pool = await database.connect(self.dsn)
        return self._pool

    async def sql(self, statement: str, *arguments: Any) -> list[asyncpg.Record]:
        """A statement on Lookout's database, behind its back. What it sets in its session lasts to the next ones."""
        # The last one's connection, if nobody has it: a new one takes longer than most statements.
        connection, self._idle = self._idle, None
        if connection is None or connection.is_closed():
            connection = await asyncpg.connect(owner_dsn(self.dsn))
        try:
            rows = await connection.fetch(statement, *arguments)
        except BaseException:
            connection.terminate()
            raise
        if self._idle is None:
            self._idle = connection
        else:
            await connection.close()
        return rows

    @asynccontextmanager
    async def database_away(self) -> AsyncGenerator[None]:
        """While this lasts every connection to the database is cut, and none can be made."""
        name = urlsplit(self.dsn).path.removeprefix("/")
        server = await asyncpg.connect(owner_dsn(self.dsn).replace(f"/{name}?", "/postgres?"))
        try:
            await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", name
            )
            yield
        finally:
            await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            await server.close()

    @asynccontextmanager
    async def feed_is_locked(self, tenant_id: str | None = None) -> AsyncGenerator[None]:
        """While this lasts another writer is at work: no commit of this tenant, None for any, can end."""
        connection = await asyncpg.connect(owner_dsn(self.dsn))
        try:
            async with connection.transaction():
                await connection.execute(
                    "SELECT FROM feeds WHERE tenant_id = coalesce($1, tenant_id) FOR UPDATE", tenant_id
                )
                yield
        finally:
            await connection.close()

    async def until_locked_out(self) -> None:
        """Return once a writer waits for the lock of a feed: its commit has begun."""
        async with asyncio.timeout(10):
            while not await self.sql(
                "SELECT FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM feeds%'"
            ):
                await self.http.get("/ready")

    async def until_waiting_for(self, table: str) -> None:
        """Return once somebody waits for the lock of a table."""
        async with asyncio.timeout(10):
            while not await self.sql("SELECT FROM pg_locks WHERE NOT granted AND relation = $1::text::regclass", table):
                await self.http.get("/ready")

    async def until_waiting(self, alerts: int) -> None:
        """Return once so many alerts wait for their commit."""
        async with asyncio.timeout(10):
            while self.running.parts.intake.waiting < alerts:
                await self.http.get("/ready")

    async def until_following(self, followers: int) -> None:
        """Return once just so many follow the feed, and know how far it goes: until then they read what is new."""
        following = self.running.parts.followers
        async with asyncio.timeout(10):
            while following.count != followers:
                await self.http.get("/ready")
            for reader in tuple(following._readers.values()):  # pyright: ignore[reportPrivateUsage]
                await reader.ready()

    async def after_all_tries(self, request: Coroutine[Any, Any, httpx.Response], tries: int = TRIES) -> httpx.Response:
        """The answer to a request that the intake tries to commit as often as it does, letting time pass between."""
        asking = asyncio.create_task(request)
        for _ in range(tries - 1):
            await self.clock.until_asleep(seconds=RETRY_AFTER.total_seconds())
            self.clock.move(seconds=RETRY_AFTER.total_seconds())
        return await asking
