"""What the tests share: one PostgreSQL a process, and in it one database, which each test finds empty."""

import asyncio
import gc
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import asyncpg
import pytest
import structlog
from hypothesis import settings
from tests.cleaner import Cleaner
from tests.clusters import PREFIX, beside, choose_place, clear_place, copy_cluster
from tests.examples import count_of
from tests.kafka.brokers import which
from tests.known_types import types_asked_once
from tests.turns import Turns, in_turn

from lookout.store.embedded import SETTINGS, EmbeddedPostgres, service_dsn

DATABASE = "tested"

# httpx looks for it some five times in each request, and to find nothing takes Python longer than the request.
sys.modules.setdefault("sniffio", None)  # pyright: ignore[reportArgumentType]

# Its usual way shows every local variable of every frame, in colours, which takes seconds.
_plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain])

settings.register_profile("lookout", max_examples=count_of(100), deadline=None)
settings.load_profile("lookout")


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a run chooses what all use."""
    if not hasattr(config, "workerinput"):
        choose_place()
        config.add_cleanup(clear_place)
    elif (measuring := _measuring(config)) is not None:
        # pytest-cov begins as if it led the run, whose options it is given, and anew: it would end only the second.
        measuring.pause()


def pytest_report_header() -> str:
    """On which Kafka the tests run."""
    return f"kafka: {which()}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--measure-core`."""
    parser.addoption(
        "--measure-core",
        action="store_true",
        help="With --cov=src/...: measure the core's own tests, without those that Hypothesis repeats: all take long.",
    )


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Turns | None:
    """Who runs which tests."""
    return Turns(config, log) if config.getoption("dist") == "loadgroup" else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Several at once run in turn; one after another they stay as they are."""
    if hasattr(config, "workerinput"):
        items[:] = [items[place] for place in in_turn([item.nodeid for item in items])]


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """While four thousand tests are collected there is no garbage: to look for it takes a fifth of the time.

    To measure while they are takes as long again, and so what is to be measured is imported before.
    """
    gc.disable()
    if (measuring := _measuring(session.config)) is not None:
        for place in session.config.option.cov_source:
            package = ".".join(Path(place).relative_to("src").parts)
            for module in walk_packages([place], f"{package}."):
                import_module(module.name)
        measuring.pause()


def pytest_collection_finish() -> None:
    """And none of them ever is: nobody need look through them each time that a test leaves some."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Begin or end measuring where the tests that are measured do."""
    if (measuring := _measuring(item.config)) is not None:
        is_example = item.nodeid.startswith("tests/unit/core/") and item.get_closest_marker("hypothesis") is None
        if measuring.started != is_example:
            (measuring.resume if is_example else measuring.pause)()


def _measuring(config: pytest.Config) -> Any:
    """What begins and ends measuring; None where nothing is measured, or everything."""
    coverage: Any = config.pluginmanager.getplugin("_cov")
    return coverage.cov_controller if coverage is not None and config.getoption("measure_core") else None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server for all tests of this process; its owner's DSN, with the database to be filled in as `{}`."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=beside()) as directory:
        Path(directory).chmod(0o755)
        copy_cluster(Path(directory))
        # A look for what to vacuum each second, in each of these servers, is work that no test waits for.
        server = EmbeddedPostgres(Path(directory), {**SETTINGS, "autovacuum": "off"})
        dsn = server.start().replace("/postgres?", "/{}?")
        try:
            asyncio.run(_make_database(dsn))
            with types_asked_once():
                yield dsn
        finally:
            server.stop()


@pytest.fixture(scope="session")
def cleaner(postgres: str) -> Iterator[Cleaner]:
    """Who empties the database, for all tests of this process."""
    cleaner = Cleaner(postgres.format(DATABASE))
    yield cleaner
    cleaner.leave()


@pytest.fixture
def dsn(postgres: str, cleaner: Cleaner) -> Iterator[str]:
    """An empty database with Lookout's schema, as the role that serves: it may do what serving needs, and no more."""
    # The same for every test, as making one takes longer than most tests do.
    yield service_dsn(postgres.format(DATABASE))
    cleaner.empty()


async def _make_database(dsn: str) -> None:
    connection = await asyncpg.connect(dsn.format("postgres"))
    await connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE postgres")
    await connection.close()
