"""The composition root: starts the parts, puts them together, stops them. The only module that knows all others."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import msgspec
import structlog
import uuid_utils
import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from lookout.api.alertmanager import AlertmanagerReads
from lookout.api.answers import HANDLERS
from lookout.api.auth.door import Door
from lookout.api.connections import KEPT_OPEN_SECONDS, Connection
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
from lookout.config import Pooler, Settings, Wake
from lookout.errors import SettingsError, StartError
from lookout.feeds import follow
from lookout.feeds.follow import Followers, Listen
from lookout.feeds.kafka import relay
from lookout.feeds.kafka.producer import Producer
from lookout.feeds.kafka.relay import Relays
from lookout.feeds.kafka.resend import Range, feed_to, resend
from lookout.intake.placing import Placing
from lookout.intake.writer import Intake
from lookout.logs import configure_logs
from lookout.reconcile import Reconciler
from lookout.reload import Reload
from lookout.sources import grafana
from lookout.store import database
from lookout.store.embedded import EmbeddedPostgres, service_dsn
from lookout.store.history import History
from lookout.store.log import Log
from lookout.store.reads import Reads
from lookout.store.rebuild import Report, rebuild
from lookout.store.relations import Relations
from lookout.store.relays import RelayPositions
from lookout.store.retention import Retention
from lookout.store.stats import Stats
from lookout.store.tenants import Tenants
from lookout.store.tokens import Tokens
from lookout.timers import Timers
from lookout.web.demo import Demo
from lookout.web.page import Page

STOP_SECONDS = 5
STOP_LOOK_SECONDS = 0.005
"""How often a server that stops looks whether all that was under way is answered."""
DATE_SECONDS = 1
RELAY_STOP_SECONDS = 3
BACKLOG = 2048
"""Connections that wait to be accepted, as many as uvicorn lets wait."""
COLLECTED_FROM = 2_000
"""New objects from which on the collector looks for cycles among them. Python's own is 700."""
SWITCH_SECONDS = 0.0005
KEEP_ALIVE = timedelta(seconds=2)
"""How often to look whether the embedded server lives."""
FEED_CHANNEL = "lookout_feed"
"""Of the notifications that the log has grown, with the tenant."""
WEBSOCKET_MESSAGE_LIMIT = 256 * 1024
"""Bytes of one message that a subscriber sends."""

log = structlog.get_logger()

T = TypeVar("T")


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
async def store(settings: Settings, clock: Clock) -> AsyncGenerator[str]:
    """The database, embedded or given, with its schema up to date. Yields the service's DSN. Raises `StartError`."""
    async with AsyncExitStack() as stack:
        dsn, owner_dsn = settings.database_url, settings.migrate_database_url or settings.database_url
        is_pooled = _is_pooled(settings)
        migrates_through_pooler = is_pooled and settings.migrate_database_url is None
        if dsn is None or owner_dsn is None:
            embedded = EmbeddedPostgres(settings.data_dir)
            stack.push_async_callback(_to_its_end, embedded.stop)
            owner_dsn = await _to_its_end(embedded.start)
            stack.push_async_callback(_end, asyncio.create_task(_keep_alive(embedded, clock)))
        await database.wait_until_up(owner_dsn, clock)
        async with _pool(owner_dsn, 1, is_patient=True, is_pooled=migrates_through_pooler) as patient:
            await database.migrate_schema(patient, is_pooled=migrates_through_pooler)
            if dsn is None:
                dsn = service_dsn(owner_dsn)
                await database.let_service_in(patient)
        async with _pool(dsn, 1, is_pooled=is_pooled) as pool:
            await database.check_role(pool)
        yield dsn


def _is_pooled(settings: Settings) -> bool:
    return settings.pooler is Pooler.TRANSACTION


@asynccontextmanager
async def _pool(
    dsn: str, size: int, *, is_patient: bool = False, is_pooled: bool = False
) -> AsyncGenerator["database.Pool"]:
    command_seconds = None if is_patient else database.COMMAND_SECONDS
    pool = await database.connect(dsn, size, command_seconds, is_pooled=is_pooled)
    try:
        yield pool
    finally:
        pool.terminate()


async def _keep_alive(embedded: EmbeddedPostgres, clock: Clock) -> None:
    """Start the embedded server again whenever it has died: nobody else looks after it."""
    while True:
        await clock.sleep(KEEP_ALIVE)
        try:
            if await _to_its_end(embedded.revive):
                log.warning("store", action="postgres_revived")
        except (StartError, OSError) as error:
            log.warning("store", action="postgres_not_revived", error=str(error))


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


async def _to_its_end(work: Callable[[], T]) -> T:
    """Run `work` in a thread. A thread cannot be cancelled: a cancellation waits for its end."""
    thread = asyncio.create_task(asyncio.to_thread(work))
    cancelled = False
    while not thread.done():
        try:
            await asyncio.wait({thread})
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        thread.exception()
        raise asyncio.CancelledError
    return thread.result()


@asynccontextmanager
async def running(settings: Settings, clock: Clock) -> AsyncGenerator[Running]:
    """Lookout without its HTTP server, from start to stop. What was taken is committed before it ends."""
    pool = partial(_pool, is_pooled=_is_pooled(settings))
    async with (
        store(settings, clock) as dsn,
        pool(dsn, database.READERS) as readers,
        pool(dsn, database.WRITERS) as writers,
        AsyncExitStack() as stack,
    ):
        limits = settings.limits
        reads = Reads(readers, settings.policy.severities)
        written = Log(writers, notifies=settings.wake is Wake.NOTIFY)
        intake = Intake(written, clock, settings.policy, partial(_fresh_id, clock), limits)
        followers = Followers(reads, clock, _listen(settings, clock, dsn))
        timers = Timers(written, intake, clock, Retention(writers), settings.retention)
        reconciler = Reconciler(written, intake, clock, LOCAL_TENANT, limits)
        intake.on_return = reconciler.request
        intake.on_quiet = followers.catch_up
        reload = Reload(settings.config, limits, intake, reads, clock)
        relays = await stack.enter_async_context(_relays(settings, clock, dsn))
        parts = Parts(
            reads=reads,
            history=History(readers),
            relations=Relations(readers),
            stats=Stats(readers),
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
            served = surfaces(parts, ingest, agents, settings, demo, playground=door is None)
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
    done, _ = await asyncio.wait({flushing}, timeout=STOP_SECONDS)
    flushing.cancel()
    if not done or flushing.exception() is not None:
        log.warning("intake", action="tally_lost", error=repr(flushing.exception() if done else TimeoutError()))


@asynccontextmanager
async def _relays(settings: Settings, clock: Clock, dsn: str) -> AsyncGenerator[Relays | None]:
    """What goes to Kafka, over connections of its own, so that it keeps nobody else waiting. None without brokers."""
    if settings.kafka is None:
        yield None
        return
    async with _pool(dsn, database.RELAYS, is_pooled=_is_pooled(settings)) as pool:
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
        *AlertmanagerReads(parts).routes(),
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


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything else is started. Raises `StartError` if somebody has it."""
    # The protocol is named because asyncio sends small answers at once only where it is.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Not left to the server: until one listens, another may bind to the same port.
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StartError(
            f"Port {port} on {host} is not free ({error.strerror}): another Lookout may be running. "
            "Stop what uses it, or choose another with --port or PORT."
        ) from None
    listening.set_inheritable(True)
    return listening


class Server(uvicorn.Server):
    """uvicorn's server, which stops at once, ends the streams before it waits for connections to end, and leaves
    signals alone.

    uvicorn itself looks ten times a second whether it is to stop, and as often, when it does, whether it may.
    """

    def __init__(self, app: ASGIApp, before_shutdown: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws_max_size=WEBSOCKET_MESSAGE_LIMIT,
                backlog=BACKLOG,
                timeout_keep_alive=KEPT_OPEN_SECONDS,
            )
        )
        self._before_shutdown = before_shutdown
        self._stopping = asyncio.Event()
        self.listening = asyncio.Event()

    def stop(self) -> None:
        """Let `serve` end, once what is under way is answered."""
        self.should_exit = True
        self._stopping.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        # It would raise SIGTERM anew when it has stopped, and the database would be left running.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # which says in the answers what time it is, to the second
            with suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._stopping.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - they tell nobody
                    await asyncio.sleep(STOP_LOOK_SECONDS)
        except TimeoutError:
            late = list(self.server_state.tasks)
            log.warning("stop", action="requests_given_up", requests=len(late))
            for task in late:
                task.cancel()


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

    What was made at the start stays: the garbage collector, which stops all else meanwhile, need not look at it. A
    thread that decides gives way to the server after half a millisecond, where Python lets it go on for five.
    """
    gc.collect()
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


async def _until_signal(work: Coroutine[Any, Any, None], hangup: asyncio.Event) -> None:
    """Do `work`. Ctrl-C and SIGTERM cancel it, also while it starts, and it unwinds in order. SIGHUP sets `hangup`."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    await work


def rebuild_tables(settings: Settings, *, repair: bool = False) -> Report:
    """Fold the log anew and compare it with the tables. Raises `StartError`, also while one runs."""

    async def fold() -> Report:
        async with (
            store(settings, SystemClock()) as dsn,
            _pool(dsn, 1, is_pooled=_is_pooled(settings)) as pool,
        ):
            return await rebuild(pool, repair=repair)

    return asyncio.run(fold())


def resend_to_kafka(settings: Settings, topic: str, wanted: Range, told: Callable[[int], None]) -> int:
    """Send a range of one tenant's events to a topic once more. Returns how many records. Raises `LookoutError`.

    Beside a Lookout that runs or without one.
    """
    configure_logs()
    feed = feed_to(settings.kafka, topic)
    assert settings.kafka is not None
    producer = Producer(settings.kafka, topic)

    async def send() -> int:
        async with (
            _beside(settings, SystemClock()) as dsn,
            _pool(dsn, 1, is_pooled=_is_pooled(settings)) as pool,
        ):
            return await resend(RelayPositions(pool), feed, producer, wanted, told)

    return asyncio.run(send())


def on_tokens(settings: Settings, work: Callable[[Tokens, Clock], Awaitable[T]]) -> T:
    """Do something with the API tokens, beside a Lookout that runs or without one. Raises `StartError`."""
    return _on(settings, lambda pool, clock: work(Tokens(pool), clock))


def on_tenants(settings: Settings, work: Callable[[Tenants, Clock], Awaitable[T]]) -> T:
    """Do something with the list of tenants, as with the tokens. Raises `StartError`."""
    return _on(settings, lambda pool, clock: work(Tenants(pool), clock))


def _on(settings: Settings, work: "Callable[[database.Pool, Clock], Awaitable[T]]") -> T:
    configure_logs()
    clock = SystemClock()

    async def do() -> T:
        async with _beside(settings, clock) as dsn, _pool(dsn, 1, is_pooled=_is_pooled(settings)) as pool:
            return await work(pool, clock)

    return asyncio.run(do())


def _beside(settings: Settings, clock: Clock) -> AbstractAsyncContextManager[str]:
    """The database of a Lookout that runs, or else one opened for as long as it takes."""
    running_dsn = EmbeddedPostgres(settings.data_dir).dsn_of_running() if settings.database_url is None else None
    return nullcontext(running_dsn) if running_dsn is not None else store(settings, clock)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # no wheel for this platform
        return None
    return uvloop.new_event_loop
