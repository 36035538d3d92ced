"""What a load needs follows from what one of each kind costs: with round costs it can be reckoned by hand."""

import math
import random

import msgspec
import pytest
from bench.arithmetic import (
    CONNECTIONS_LIMIT,
    DAY,
    HEADROOM,
    LABEL_SETS_LIMIT,
    REPEATS_LIMIT,
    STREAMS_LIMIT,
    TOKENS_LIMIT,
    needs,
    processes_for,
    recognised,
    saturations,
)
from bench.quantities import Costs, Disk, Load, Memory, Spent, Work

FREE = Work(Spent(), Spent(), Spent())
NOTHING = Costs(
    machine="none",
    flush_ms=0.0,
    repeat=FREE,
    unknown_repeat=FREE,
    start=FREE,
    end=FREE,
    ended_again=FREE,
    parsed_anew=Spent(),
    token=Spent(),
    token_asked=Spent(),
    token_noted=Spent(),
    tally=Spent(),
    check=Spent(),
    standing=Spent(),
    followed=Spent(),
    delivered=Spent(),
    page=Spent(),
    relayed=Spent(),
    relay_look=Spent(),
    relay_look_tenant=Spent(),
    first_event=Spent(),
    pruned=Spent(),
    memory=Memory(0, 0, 0, 0, 0),
    disk=Disk(0, 0, 0, 0, 0),
)
QUIET = Load(tenants=1_000, active_alerts=6_000, end_repeats=0, streams=0, pages_per_second=0, has_kafka=False)
"""A hundred repeats a second, in twenty requests."""


def with_costs(**costs: object) -> Costs:
    return msgspec.structs.replace(NOTHING, **costs)


def with_load(load: Load, **others: object) -> Load:
    return msgspec.structs.replace(load, **others)


def test_what_comes_a_second_follows_from_what_fires() -> None:
    load = Load(tenants=10, active_alerts=14_400, twins=2, resend_seconds=60, end_repeats=15, firing_hours=4)
    assert load.repeats == 480
    assert load.carriers == 96
    assert load.starts == 1
    assert load.ended_again == 30
    assert load.requests == 96 + 4
    assert load.events == 2


def test_an_alert_of_each_kind_costs_what_one_of_it_costs() -> None:
    known = with_costs(repeat=Work(Spent(), Spent(), Spent(10, 20, 30)), check=Spent(1, 0, 0))
    needed = needs(QUIET, known, 1)
    assert needed.lookout_cores == pytest.approx(100 * 10 / 1e6 + 20 / 1e6)
    assert needed.postgres_cores == pytest.approx(100 * 20 / 1e6)
    assert needed.spent.wal_bytes == pytest.approx(100 * 30)


def test_ten_times_the_load_on_ten_times_the_processes_costs_ten_times_as_much() -> None:
    load, costs = (
        Load(tenants=10_000, active_alerts=100_000, has_kafka=False),
        with_costs(
            repeat=Work(Spent(70, 20, 9), Spent(600, 500, 99), Spent(9, 6, 170)),
            start=Work(Spent(90, 30, 9), Spent(2000, 2000, 900), Spent(90, 120, 5000)),
            token=Spent(200, 90, 30),
            standing=Spent(5000, 6000, 2000),
            flush_ms=1.0,
        ),
    )
    few, many = needs(load.scaled(0.1), costs, 1), needs(load, costs, 10)
    assert many.lookout_cores == pytest.approx(few.lookout_cores * 10)
    assert many.postgres_cores == pytest.approx(few.postgres_cores * 10)
    assert many.requests_in_commit == pytest.approx(few.requests_in_commit)


def test_with_few_requests_each_is_a_commit_of_its_own() -> None:
    needed = needs(QUIET, with_costs(repeat=Work(Spent(), Spent(600, 400, 0), Spent())), 1)
    assert needed.requests_in_commit == 1
    assert needed.commits == pytest.approx(QUIET.requests)


def test_with_many_a_commit_takes_what_gathers_while_one_lasts() -> None:
    """A commit lasts 10 ms whatever is in it: a hundred of them a second, and no more."""
    load = with_load(QUIET, tenants=100_000, active_alerts=180_000, firing_hours=1e9)
    needed = needs(load, with_costs(flush_ms=10.0), 1)
    assert needed.commits == pytest.approx(100)
    assert needed.requests_in_commit == pytest.approx(6)


def test_what_takes_longer_than_comes_is_not_stable() -> None:
    slow = Work(Spent(100_000, 0, 0), Spent(), Spent())
    assert needs(QUIET, with_costs(repeat=slow), 10).is_stable
    assert not needs(QUIET, with_costs(repeat=slow), 1).is_stable


def test_repeats_are_decided_that_are_beyond_those_that_a_process_knows() -> None:
    known = with_costs(unknown_repeat=Work(Spent(), Spent(), Spent(1e3, 0, 0)))
    load = with_load(QUIET, active_alerts=REPEATS_LIMIT)
    assert needs(load, known, 1).known == 1
    more = with_load(load, active_alerts=2 * REPEATS_LIMIT)
    assert needs(more, known, 1).known == pytest.approx(0.2, abs=0.01)
    assert needs(more, known, 1).lookout_cores == pytest.approx(0.8 * more.repeats / 1e3, rel=0.01)
    assert needs(more, known, 2).known == 1
    assert needs(more, known, 2, is_spread=True).known == needs(more, known, 1).known


@pytest.mark.parametrize("firings", [900, 1_000, 1_100, 1_250, 2_000, 5_000])
def test_as_many_are_recognised_as_where_any_is_forgotten_for_one_that_is_not(firings: int) -> None:
    chance, known, kept, found = random.Random(1), set[int](), list[int](), 0
    for turn in range(40):
        for number in range(firings):
            if number in known:
                found += turn >= 20
            elif len(kept) < 1_000:
                known.add(number)
                kept.append(number)
            else:
                place = chance.randrange(1_000)
                known.remove(kept[place])
                known.add(number)
                kept[place] = number
    assert recognised(firings, 1_000) == pytest.approx(found / 20 / firings, abs=0.05)


def test_label_sets_are_parsed_anew_beyond_those_that_a_process_knows() -> None:
    known = with_costs(parsed_anew=Spent(8, 0, 0))
    few, many = (with_load(QUIET, active_alerts=count) for count in (LABEL_SETS_LIMIT, LABEL_SETS_LIMIT + 1))
    assert needs(few, known, 1).lookout_cores == 0
    assert needs(many, known, 1).lookout_cores == pytest.approx(many.repeats * 8 / 1e6)


def test_a_tenant_is_counted_once_in_five_seconds_however_often_it_speaks() -> None:
    seldom = with_load(QUIET, tenants=1_000_000)
    often = with_load(QUIET, tenants=1)
    assert seldom.speaking == pytest.approx(seldom.requests, rel=0.01)
    assert often.speaking == pytest.approx(0.2)


def test_one_has_to_know_of_a_token_when_it_comes_after_three_seconds_and_of_a_stream_s_all_the_time() -> None:
    seldom = with_load(QUIET, tenants=1_000_000)
    assert seldom.tokens_used == pytest.approx(seldom.requests, rel=0.01)
    assert with_load(QUIET, tenants=1).tokens_used == pytest.approx(1 / 3)
    assert with_load(seldom, streams=300).tokens_used == pytest.approx(seldom.tokens_used + 100)


def test_tokens_are_asked_about_together_as_long_as_a_process_remembers_them() -> None:
    known = with_costs(token=Spent(300, 0, 0), token_asked=Spent(3, 0, 0))
    load = with_load(QUIET, tenants=TOKENS_LIMIT)
    assert needs(load, known, 1).lookout_cores == pytest.approx(TOKENS_LIMIT / 3 * 3 / 1e6)
    more = with_load(QUIET, tenants=TOKENS_LIMIT + 1)
    assert needs(more, known, 1).lookout_cores == pytest.approx(more.tokens_used * 300 / 1e6)
    assert needs(more, known, 2).lookout_cores == pytest.approx(TOKENS_LIMIT / 3 * 3 / 1e6, rel=0.01)
    assert needs(more, known, 2, is_spread=True).lookout_cores == needs(more, known, 1).lookout_cores
    assert needs(load, known, 2, is_spread=True).lookout_cores == pytest.approx(2 * TOKENS_LIMIT / 3 * 3 / 1e6)


def test_a_tenant_keeps_a_connection_open_if_it_sends_within_five_minutes() -> None:
    assert with_load(QUIET, tenants=100).connections == 100
    seldom = with_load(QUIET, resend_seconds=6_000, firing_hours=1e9)
    assert seldom.connections == pytest.approx(0.2 * 300)


def test_twins_tell_each_begin_and_each_end_once_more() -> None:
    known = with_costs(
        start=Work(Spent(), Spent(), Spent(100, 0, 0)),
        unknown_repeat=Work(Spent(), Spent(), Spent(10, 0, 0)),
        ended_again=Work(Spent(), Spent(), Spent(1, 0, 0)),
    )
    load = with_load(QUIET, active_alerts=14_400, twins=3)
    assert needs(load, known, 1).lookout_cores == pytest.approx(122 / 1e6)


def test_memory_is_of_what_each_process_sees() -> None:
    known = with_costs(memory=Memory(process=1e6, tenant=100, connection=10, key=1, stream=1_000))
    load = with_load(QUIET, streams=40)
    assert needs(load, known, 2).memory == 1e6 + 500 * 100 + 500 * 10 + 3_000 + 20 * 1_000
    assert needs(load, known, 2, is_spread=True).memory == 1e6 + 1000 * 100 + 500 * 10 + 6_000 + 20 * 1_000
    most = with_load(QUIET, active_alerts=10 * REPEATS_LIMIT)
    assert needs(most, with_costs(memory=Memory(0, 0, 0, 1, 0)), 1).memory == REPEATS_LIMIT


def test_the_disk_keeps_what_begins_and_the_hours_of_each_tenant() -> None:
    known = with_costs(disk=Disk(lease=0, episode=1_000, tally=100, service_event=0, trigger=0))
    load = with_load(QUIET, active_alerts=14_400)
    assert needs(load, known, 1).bytes_a_day == DAY * 1_000 + 24 * 1_000 * 100


def test_kafka_has_each_event_and_a_trigger_for_each_begin() -> None:
    known = with_costs(disk=Disk(0, 0, 0, service_event=1_000, trigger=500))
    load = with_load(QUIET, active_alerts=14_400, has_kafka=True)
    assert needs(load, known, 1).kafka_records == 3
    assert needs(load, known, 1).kafka_bytes == 2_500
    assert needs(with_load(load, has_kafka=False), known, 1).kafka_records == 0


def test_relays_look_at_all_tenants_from_each_process() -> None:
    known = with_costs(relay_look=Spent(0, 1_000, 0), relay_look_tenant=Spent(0, 1, 0))
    load = with_load(QUIET, has_kafka=True)
    assert needs(load, known, 5).postgres_cores == pytest.approx(5 * 2 / 5 * 2_000 / 1e6)


@pytest.mark.parametrize(("load", "processes"), [
    (QUIET, 1),
    (with_load(QUIET, tenants=3 * CONNECTIONS_LIMIT, active_alerts=60 * CONNECTIONS_LIMIT, firing_hours=1e9), 3),
    (with_load(QUIET, active_alerts=4 * REPEATS_LIMIT), 4),
    (with_load(QUIET, streams=5 * STREAMS_LIMIT), 5),
])  # fmt: skip
def test_as_many_processes_as_the_bounds_of_one_want(load: Load, processes: int) -> None:
    assert processes_for(load, NOTHING) == processes


def test_as_many_processes_as_leave_half_of_each_core() -> None:
    heavy = with_costs(repeat=Work(Spent(), Spent(), Spent(40_000, 0, 0)))
    assert processes_for(QUIET, heavy) == math.ceil(4 / HEADROOM)


def test_what_no_number_of_processes_bears_is_an_error() -> None:
    with pytest.raises(ValueError, match="processes"):
        processes_for(QUIET, with_costs(standing=Spent(1e6, 0, 0)))


def test_what_is_short_first_stands_first() -> None:
    load = with_load(QUIET, tenants=4 * CONNECTIONS_LIMIT, active_alerts=REPEATS_LIMIT, firing_hours=1e9, streams=1)
    repeat = Work(Spent(), Spent(), Spent(100, 1_000, 0))
    found = saturations(load, with_costs(repeat=repeat, unknown_repeat=repeat), 2)
    assert [short.part for short in found] == sorted(short.part for short in found)
    parts = {short.resource: short.part for short in found}
    assert parts["connections of one process"] == pytest.approx(CONNECTIONS_LIMIT / load.connections)
    assert parts["firings that one process knows"] == 1
    assert parts["the core of one process"] == pytest.approx(HEADROOM / (load.repeats * 100 / 1e6), rel=0.02)
    assert parts["2 cores of PostgreSQL"] == pytest.approx(2 * HEADROOM / (load.repeats * 1_000 / 1e6), rel=0.02)
