"""Operations: `/health` as the platform's services answer it, `/ready`, and `/metrics`."""

import asyncio
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, Counter, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from lookout import __version__, metrics
from lookout.alerts.text import one_line
from lookout.api import audit
from lookout.api.answers import Json
from lookout.api.edge import known_caller, visit_of
from lookout.api.parts import Parts
from lookout.clock import Clock
from lookout.errors import SettingsError
from lookout.incidents.events import EventType
from lookout.incidents.transitions import REASONS_OF_ALERTS
from lookout.store.database import PASSING_ERRORS

CHECK_SECONDS = 2.0
PROBLEM_LIMIT = 300


class Check(msgspec.Struct, frozen=True):
    """One part's health. `latency` is in milliseconds, with its unit."""

    status: str
    message: str
    latency: str


class Health(msgspec.Struct, frozen=True):
    """The whole's health: `healthy`, `degraded`, `unhealthy`; 503 for the last alone."""

    status: str
    service: str
    version: str
    timestamp: str
    checks: dict[str, Check]


_COUNTED: tuple[tuple[Counter, Iterable[str]], ...] = (
    (metrics.DECIDED, REASONS_OF_ALERTS),
    (metrics.EVENTS, EventType),
    (metrics.LIMITED, ("ingest", "read", "stream", "connection")),
)
"""Whatever is counted by one word of a few, and the words."""


class _Known(msgspec.Struct, frozen=True):
    """What the database says for the metrics: severity, status and number; source, whether it is silent, and number."""

    open_incidents: Sequence[tuple[str, str, int]] = ()
    heartbeats: Sequence[tuple[str, bool, int]] = ()
    postponed_alerts: float = math.nan
    stale_alerts: float = math.nan

    def set_gauges(self) -> None:
        """Let the gauges say this, and nothing of before."""
        metrics.OPEN_INCIDENTS.clear()
        for severity, status, count in self.open_incidents:
            metrics.OPEN_INCIDENTS.labels(severity, status).set(count)
        metrics.HEARTBEATS.clear()
        for source, is_silent, count in self.heartbeats:
            metrics.HEARTBEATS.labels(source, "silent" if is_silent else "heard").set(count)
        metrics.POSTPONED.set(self.postponed_alerts)
        metrics.STALE_ALERTS.set(self.stale_alerts)


class Operations:
    """What operators and their tools ask."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Bound from the start, at 0: a counter that begins at 1 has not grown, as Prometheus sees it.
        for counter, values in _COUNTED:
            for value in values:
                counter.labels(value)

    def routes(self) -> list[Route]:
        """All of them."""
        return [
            Route("/health", self.health, methods=["GET"]),
            Route("/ready", self.ready, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
            Route("/-/reload", self.reload, methods=["POST"]),
        ]

    async def health(self, request: Request) -> Response:
        """All of it to those who run the whole: it tells of all tenants together. To the others whether it is well."""
        checks = {
            "database": await self._database(),
            "intake": self._intake(),
            "config": self._config(),
            **self._kafka(),
        }
        words = {check.status for check in checks.values()}
        status = next((word for word in ("unhealthy", "degraded") if word in words), "healthy")
        caller = visit_of(request).caller
        shown = checks if caller is not None and caller().is_platform else {}
        health = Health(status, "lookout", __version__, self._parts.clock.now().isoformat(), shown)
        return Json(health, 503 if status == "unhealthy" else 200)

    async def ready(self, _: Request) -> Response:
        database = await self._database()
        is_ready = database.status == "healthy"
        return Json({"ready": is_ready, "message": database.message}, 200 if is_ready else 503)

    async def metrics(self, request: Request) -> Response:
        known_caller(request).as_platform()
        is_up = (await self._database()).status == "healthy"
        known = _Known()
        # What this process counts is told above all while the database is away; what only that knows is left out.
        with suppress(*PASSING_ERRORS):
            if is_up:
                known = await self._measure()
        with suppress(*PASSING_ERRORS):
            if is_up and self._parts.relays is not None:
                await self._parts.relays.measure()
        # Nothing is waited for from here on: the gauges are the process's, and another may ask at the same time.
        known.set_gauges()
        metrics.DATABASE_UP.set(is_up)
        metrics.QUEUE.set(self._parts.intake.waiting)
        metrics.set_noise_reduction()
        return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _measure(self) -> "_Known":
        """What only the database knows."""
        reads = self._parts.reads
        return _Known(
            await reads.open_incidents(),
            await reads.sources.heartbeats_by_state(),
            await reads.postponed_alerts(),
            await reads.sources.count_stale_alerts(),
        )

    async def reload(self, request: Request) -> Response:
        """Take lookout.yaml anew, and answer as Prometheus does."""
        caller = known_caller(request).as_platform()
        try:
            await self._parts.reload()
        except SettingsError as error:
            return PlainTextResponse(f"failed to reload config; the policy from before holds:\n{error}\n", 500)
        audit.note(caller, "reload")
        return PlainTextResponse("")

    async def _database(self) -> Check:
        started = self._parts.clock.now()
        asking = asyncio.create_task(self._parts.reads.is_reachable())
        # Not `wait_for`, which waits for a cancellation, and a hung database answers none.
        done, _ = await asyncio.wait({asking}, timeout=CHECK_SECONDS)
        fault = "TimeoutError"
        if done:
            try:
                asking.result()
                return Check("healthy", "the database answers", _since(started, self._parts.clock))
            except PASSING_ERRORS as error:
                fault = type(error).__name__
        asking.cancel()
        return Check("unhealthy", f"the database does not answer: {fault}", _since(started, self._parts.clock))

    def _intake(self) -> Check:
        waiting = self._parts.intake.waiting
        status = "degraded" if waiting > self._parts.limits.queue // 2 else "healthy"
        return Check(status, f"{waiting} alerts wait for a commit", "0ms")

    def _kafka(self) -> dict[str, Check]:
        """A broker that is away never makes Lookout unhealthy: alerts are taken, and the log keeps them for it."""
        if self._parts.relays is None:
            return {}
        is_well, message = self._parts.relays.health()
        return {"kafka": Check("healthy" if is_well else "degraded", message, "0ms")}

    def _config(self) -> Check:
        problems = self._parts.reload.problems
        if not problems:
            return Check("healthy", f"policy {self._parts.intake.policy.version}", "0ms")
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        told = one_line(problems[0], PROBLEM_LIMIT)
        return Check("degraded", f"the policy from before holds: {told}{more}", "0ms")


def _since(started: datetime, clock: Clock) -> str:
    elapsed = clock.now() - started
    return f"{elapsed.total_seconds() * 1000:.1f}ms"
