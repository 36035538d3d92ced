"""The composition root: starts the parts, puts them together, stops them. The only module that knows all others."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import structlog
import uuid_utils
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from lookout.api.alertmanager import READS_LIMIT, READS_OF_TENANT, AlertmanagerReads
from lookout.api.answers import HANDLERS
from lookout.api.auth.door import Door
from lookout.api.edge import LocalEdge
from lookout.api.graphql_later import GraphQLLater
from lookout.api.health import Operations
from lookout.api.ingest import Ingest
from lookout.api.limits import Streams
from lookout.api.mcp.mount import McpApp
from lookout.api.openapi import openapi_route
from lookout.api.parts import LOCAL_TENANT, Parts
from lookout.api.rest import Rest
from lookout.api.signature import Signature
from lookout.clock import Clock, SystemClock
from lookout.config import Settings, Wake
from lookout.errors import SettingsError
from lookout.feeds import follow
from lookout.feeds.follow import Followers, Listen
from lookout.feeds.kafka import relay
from lookout.feeds.kafka.relay import Relays
from lookout.intake.placing import Placing
from lookout.intake.writer import Intake
from lookout.logs import configure_logs
from lookout.opened import is_pooled_by, pool_of, store
from lookout.reconcile import Reconciler
from lookout.reload import Reload
from lookout.server import Server, bind
from lookout.sources import grafana
from lookout.store import database
from lookout.store.history import History
from lookout.store.log import Log
from lookout.store.places import Places
from lookout.store.reads import Reads
from lookout.store.relations import Relations
from lookout.store.relays import RelayPositions
from lookout.store.retention import Retention
from lookout.store.stats import Stats
from lookout.store.tenants import Tenants
from lookout.store.tokens import Tokens
from lookout.timers import Timers
from lookout.web.demo import Demo
from lookout.web.page import Page

FLUSH_SECONDS = 5
RELAY_STOP_SECONDS = 3
COLLECTED_FROM = 2_000
"""New objects from which on the collector looks for cycles among them. Python's own is 700."""
SWITCH_SECONDS = 0.0005
FEED_CHANNEL = "lookout_feed"
"""Of the notifications that the log has grown, with the tenant."""

log = structlog.get_logger()


class Running(msgspec.Struct, frozen=True):
    """A running Lookout: its parts, and the ASGI application in front of them. `failed` ends when one of them died.

    `routes` are all that the application answers, for whoever has to try each of them.
    """

    parts: Parts
    timers: Timers
    app: ASGIApp
    routes: Sequence[BaseRoute]
    failed: "asyncio.Future[None]"


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncGenerator[Running]:
    """Lookout without its HTTP server, from start to stop. What was taken is committed before it ends."""
    pool = partial(pool_of, is_pooled=is_pooled_by(settings))
    async with (
        store(settings, clock) as dsn,
        pool(dsn, database.READERS) as readers,
        pool(dsn, database.WRITERS) as writers,
        AsyncExitStack() as stack,
    ):
        limits = settings.limits
        places = Places(database.READS, database.READS_OF_TENANT if settings.access is not None else database.READS)
        reads = Reads(readers, settings.policy.severities, places)
        written = Log(writers, notifies=settings.wake is Wake.NOTIFY)
        intake = Intake(written, clock, settings.policy, partial(_fresh_id, clock), limits)
        followers = Followers(reads, clock, _listen(settings, clock, dsn))
        timers = Timers(written, intake, clock, Retention(writers), settings.retention)
        is_local = settings.access is None
        owner = LOCAL_TENANT if is_local else settings.platform_tenant
        reconciler = Reconciler(written, intake, clock, owner, limits, is_alone=is_local)
        intake.on_return = reconciler.request
        intake.on_commit = followers.tell
        reload = Reload(settings.config, limits, intake, reads, clock)
        relays = await stack.enter_async_context(_relays(settings, clock, dsn))
        parts = Parts(
            reads=reads,
            history=History(readers, places),
            relations=Relations(readers, places),
            stats=Stats(readers, places),
            intake=intake,
            placing=Placing(Tenants(writers), clock, settings.platform_tenant),
            followers=followers,
            streams=Streams(limits if settings.access is not None else None),
            clock=clock,
            reconciler=reconciler,
            reload=reload,
            limits=limits,
            relays=relays,
        )
        door = None
        if settings.access is not None:
            tokens = Tokens(await stack.enter_async_context(pool(dsn, database.CREDENTIALS)))
            door = Door(settings.access, limits, tokens, clock, intake.note_refusal)
        demo = Demo() if door is None else None
        agents = McpApp(parts)
        failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        writer = _supervised(intake.run(), failed)
        others_at_work = (
            timers.run_telling(),
            *(door.runs() if door is not None else ()),
            *((demo.run(),) if demo is not None else ()),
        )
        running_parts = [
            timers.run(),
            timers.run_listening(),
            followers.run(),
            reconciler.run(),
            agents.run(),
            *others_at_work,
        ]
        others = [_supervised(part, failed) for part in running_parts]
        relaying = [_supervised(relays.run(), failed)] if relays is not None else []
        try:
            ingest = Ingest(parts, signatures_of(settings))
            served = surfaces(parts, ingest, agents, settings, demo, playground=door is None or settings.introspection)
            yield Running(parts, timers, behind(door, ingest.before(served)), served.routes, failed)
        finally:
            followers.close()
            for task in others:
                task.cancel()
            intake.close()
            await _end_relaying(relays, relaying)
            await asyncio.wait([writer, *others])
            await _flush(intake)


def _listen(settings: Settings, clock: Clock, dsn: str) -> Listen:
    """How this process learns that the log has grown."""
    if settings.wake is Wake.POLL:
        return database.listen_to_nobody
    return partial(database.listen, settings.listen_database_url or dsn, FEED_CHANNEL, clock)


def _poll_of(settings: Settings) -> timedelta:
    """How often the relay looks: seldom where it is told, and as often as followers do where it is not."""
    return relay.POLL if settings.wake is Wake.NOTIFY else follow.POLL


async def _flush(intake: Intake) -> None:
    """Write down what is counted and not yet in the table. A database that hangs does not hold up the stop."""
    flushing = asyncio.create_task(intake.tally.flush())
    done, _ = await asyncio.wait({flushing}, timeout=FLUSH_SECONDS)
    flushing.cancel()
    if not done or flushing.exception() is not None:
        log.warning("intake", action="tally_lost", error=repr(flushing.exception() if done else TimeoutError()))


@asynccontextmanager
async def _relays(settings: Settings, clock: Clock, dsn: str) -> AsyncGenerator[Relays | None]:
    """What goes to Kafka, over connections of its own, so that it keeps nobody else waiting. None without brokers."""
    if settings.kafka is None:
        yield None
        return
    async with pool_of(dsn, database.RELAYS, is_pooled=is_pooled_by(settings)) as pool:
        relays = Relays(settings.kafka, RelayPositions(pool), clock, _listen(settings, clock, dsn), _poll_of(settings))
        await relays.begin()
        yield relays


async def _end_relaying(relays: Relays | None, relaying: list["asyncio.Task[None]"]) -> None:
    """Let the round under way be confirmed, for a while. What is not is sent again by the next Lookout."""
    if relays is None:
        return
    relays.close()
    _, late = await asyncio.wait(relaying, timeout=RELAY_STOP_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.wait(relaying, timeout=RELAY_STOP_SECONDS)


def _fresh_id(clock: Clock) -> str:
    """A UUIDv7, which sorts by the time of its making."""
    return str(uuid_utils.uuid7(nanoseconds=int(clock.now().timestamp() * 1_000_000) * 1000))


def signatures_of(settings: Settings) -> Mapping[str, Signature]:
    """What signs the requests of which source."""
    if settings.grafana_secret is None:
        return {}
    return {grafana.NAME: Signature(settings.grafana_secret, settings.grafana_timestamp_header)}


def surfaces(
    parts: Parts, ingest: Ingest, agents: McpApp, settings: Settings, demo: Demo | None, *, playground: bool
) -> Starlette:
    """The HTTP surfaces over the parts. Whoever serves them puts an edge in front."""
    routes = [
        *ingest.routes(),
        *AlertmanagerReads(parts, READS_LIMIT if settings.access is None else READS_OF_TENANT).routes(),
        *Rest(parts).routes(),
        *Operations(parts).routes(),
        *Page(parts, demo, settings.external_url).routes(),
        openapi_route(),
    ]
    graphql = GraphQLLater(parts, playground=playground)
    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False
    for path in ("/graphql", "/graphql/ws"):
        app.router.routes += [Route(path, graphql), WebSocketRoute(path, graphql)]
    app.router.routes.append(Route("/mcp", agents))
    return app


def behind(door: Door | None, app: ASGIApp) -> ASGIApp:
    """The surfaces behind the door; without one, in local mode."""
    return LocalEdge(app) if door is None else door.before(app)


def _supervised(work: Coroutine[Any, Any, None], failed: "asyncio.Future[None]") -> "asyncio.Task[None]":
    """Run `work`; if it dies, Lookout stops: half of it running looks like all of it."""
    task = asyncio.create_task(work)

    def note(done: "asyncio.Task[None]") -> None:
        if not done.cancelled() and (error := done.exception()) is not None and not failed.done():
            failed.set_exception(error)

    task.add_done_callback(note)
    return task


def server_of(lookout: Running) -> Server:
    """The HTTP server in front of a running Lookout."""
    return Server(lookout.app, lookout.parts.followers.close)


async def serve_until_stopped(settings: Settings, ready: Callable[[str], None], hangup: asyncio.Event) -> None:
    """Serve until cancelled. `ready` is called with the address once requests are answered. Raises `StartError`.

    Whenever `hangup` is set lookout.yaml is read anew.
    """
    with bind(settings.host, settings.port) as listening:
        await _serve_on(listening, settings, ready, hangup)


async def _serve_on(
    listening: socket.socket, settings: Settings, ready: Callable[[str], None], hangup: asyncio.Event
) -> None:
    host, port = listening.getsockname()[:2]
    async with running(settings, SystemClock()) as lookout:
        server = server_of(lookout)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        listens = asyncio.create_task(server.listening.wait())
        reloads = _supervised(_reload_at_each(hangup, lookout.parts.reload), lookout.failed)
        try:
            await asyncio.wait({serving, listens, lookout.failed}, return_when=asyncio.FIRST_COMPLETED)
            if server.listening.is_set():
                _settle()
                ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
                await asyncio.wait({serving, lookout.failed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listens.cancel()
            reloads.cancel()
            server.stop()
            await serving
        if lookout.failed.done():
            await lookout.failed


def _settle() -> None:
    """Before the first request: from now on nothing may hold all others up.

    What was made at the start stays: the garbage collector, which stops all else meanwhile, need not look at it, and
    not now either: that would take 60 ms and find one object in a hundred. A thread that decides gives way to the
    server after half a millisecond, where Python lets it go on for five.
    """
    gc.freeze()
    gc.set_threshold(COLLECTED_FROM)
    gc.enable()
    sys.setswitchinterval(SWITCH_SECONDS)


async def _reload_at_each(hangup: asyncio.Event, reload: Reload) -> None:
    while True:
        await hangup.wait()
        hangup.clear()
        with suppress(SettingsError):  # it is logged, and /health says so
            await reload()


def serve(settings: Settings, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises `StartError`."""
    configure_logs()
    hangup = asyncio.Event()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner, suppress(asyncio.CancelledError):
        runner.run(_until_signal(serve_until_stopped(settings, ready, hangup), hangup))
    _end_beside_librdkafka()


def _end_beside_librdkafka() -> None:
    """End now if a thread is still in librdkafka: all is stored and stopped, and Python would wait for it.

    It waits by the time of day. After a clock was set back that is for as long as the clock was set back by.
    """
    if any(thread.name.startswith(relay.THREADS) for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


async def _until_signal(work: Coroutine[Any, Any, None], hangup: asyncio.Event) -> None:
    """Do `work`. Ctrl-C and SIGTERM cancel it, also while it starts, and it unwinds in order. SIGHUP sets `hangup`."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    await work


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return None
    return uvloop.new_event_loop
