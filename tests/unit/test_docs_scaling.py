"""The arithmetic goes by the bounds and times that the code has, and the page names commands that there are."""

import re
from importlib.util import find_spec
from pathlib import Path

from bench import arithmetic, quantities

from lookout import timers
from lookout.api import connections
from lookout.api.auth import tokens
from lookout.feeds import follow
from lookout.feeds.kafka import relay
from lookout.feeds.kafka.records import feeds_of
from lookout.intake import repeats
from lookout.kafka import KafkaSettings
from lookout.store import database

DOCS = Path(__file__).parents[2] / "docs"
PAGE, OPERATIONS = ((DOCS / name).read_text() for name in ("scaling.md", "operations.md"))


def test_the_bounds_of_the_arithmetic_are_those_of_a_process() -> None:
    assert arithmetic.CONNECTIONS_LIMIT == connections.CONNECTIONS
    assert arithmetic.REPEATS_LIMIT == repeats.REPEATS_KNOWN
    assert f"| label sets recognised by their bytes | {arithmetic.LABEL_SETS_LIMIT:,} |" in OPERATIONS
    assert arithmetic.TOKENS_LIMIT == tokens.REMEMBERED_LIMIT
    assert arithmetic.STREAMS_LIMIT == follow.STREAM_LIMIT


def test_its_connections_are_those_that_a_process_opens() -> None:
    listens = 1
    assert sum((database.READERS, database.WRITERS, database.CREDENTIALS, listens)) == arithmetic.DATABASE_CONNECTIONS
    assert database.RELAYS + listens == arithmetic.KAFKA_DATABASE_CONNECTIONS


def test_its_times_are_those_of_the_code() -> None:
    assert timers.INTERVAL.total_seconds() == quantities.TALLY_SECONDS
    assert tokens.REMEMBERED.total_seconds() == quantities.TOKEN_SECONDS
    assert tokens.NOTED.total_seconds() == arithmetic.TOKEN_NOTED_SECONDS
    assert relay.POLL.total_seconds() == arithmetic.RELAY_POLL_SECONDS
    assert len(feeds_of(KafkaSettings("nowhere"))) == arithmetic.RELAY_FEEDS


def test_each_command_of_the_page_is_there() -> None:
    modules = re.findall(r"python -m (\S+)", PAGE)
    assert modules
    assert [module for module in modules if find_spec(module) is None] == []
