"""What waits is taken from all tenants in turn: one tenant's storm delays another's alert by a bounded time (I8)."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookout.incidents.actions import Acknowledge
from lookout.intake.queue import QUIET, QUIET_BATCH, Job, Lane, Queue, tenant_of
from lookout.intake.work import Delivery, Expiry, Order, Telling, Work
from lookout.limits import USUAL

NOW = datetime(2026, 11, 25, tzinfo=UTC)
BATCH_LIMIT, SHARE = USUAL.commit, USUAL.tenant_share


def job(work: Work, size: int = 1) -> Job:
    """Work that counts as so many alerts; nobody waits for it here."""
    return Job(work, tenant_of(work), size, asyncio.Future(loop=_LOOP))


_LOOP = asyncio.new_event_loop()


@pytest.fixture(scope="module", autouse=True)
def close_loop() -> Iterator[None]:
    yield
    _LOOP.close()


def alerts(tenant_id: str, size: int = 1) -> Job:
    return job(Delivery(tenant_id, "prometheus", NOW), size)


def order(tenant_id: str) -> Job:
    return job(Order(tenant_id, "i", Acknowledge("jo"), NOW))


def expiry() -> Job:
    return job(Expiry({"acme": ["f"]}, NOW, NOW))


def queue_of(*jobs: Job) -> Queue:
    queue = Queue()
    for each in jobs:
        queue.put(each)
    return queue


def all_batches(queue: Queue) -> list[list[Job]]:
    """Every batch that is taken until nothing waits."""
    batches: list[list[Job]] = []
    while batch := queue.take():
        batches.append(batch)
        queue.done(batch)
    assert queue.is_empty
    return batches


def take_and_commit(queue: Queue) -> list[Job]:
    batch = queue.take()
    queue.done(batch)
    return batch


def sizes(batches: list[list[Job]]) -> list[dict[str | None, int]]:
    """How much of each tenant is in each batch."""
    found: list[dict[str | None, int]] = []
    for batch in batches:
        found.append(defaultdict(int))
        for each in batch:
            found[-1][each.tenant_id] += each.size
    return [dict(each) for each in found]


def test_i8_a_quiet_tenants_alert_is_in_no_batch_of_a_storm_and_waits_for_none() -> None:
    queue = queue_of(*(alerts("storm", 64) for _ in range(400)), quiet := alerts("quiet"))
    assert sizes([queue.take()]) == [{"storm": 64 * (SHARE // 64)}]
    assert queue.take(Lane.QUIET) == [quiet]


def test_i8_a_quiet_tenants_alert_is_in_no_batch_of_much_that_time_does() -> None:
    queue = queue_of(telling := job(Telling({"acme": ["key"]}, NOW, QUIET + 1), QUIET + 1), quiet := alerts("quiet"))
    assert queue.take() == [telling]
    assert queue.take(Lane.QUIET) == [quiet]


def test_i8_of_a_storm_over_many_tenants_the_quietest_wait_for_none_of_the_others() -> None:
    storms = 2 * BATCH_LIMIT // QUIET
    queue = queue_of(*(alerts(f"storm-{number}", QUIET) for number in range(storms)), quiet := alerts("quiet"))
    loud = queue.take()
    assert BATCH_LIMIT - QUIET < sum(each.size for each in loud) <= BATCH_LIMIT
    small = queue.take(Lane.QUIET)
    assert quiet in small
    assert sum(each.size for each in small) <= QUIET_BATCH


def test_i8_many_that_have_little_waiting_and_are_not_the_quietest_are_left_to_the_first_lane() -> None:
    queue = queue_of(*(alerts(f"t-{number}", QUIET) for number in range(4)))
    assert [each.tenant_id for each in queue.take(Lane.QUIET)] == ["t-0", "t-1"]
    assert [each.tenant_id for each in queue.take()] == ["t-2", "t-3"]


def test_i8_a_storm_alone_takes_no_more_than_its_share_either() -> None:
    """So the commit under way, for which a quiet tenant waits, is bounded too."""
    queue = queue_of(*(alerts("storm", SHARE // 4) for _ in range(9)))
    assert sizes(all_batches(queue)) == [{"storm": SHARE}, {"storm": SHARE}, {"storm": SHARE // 4}]


def test_i8_so_many_storms_share_a_batch_and_no_more_of_them_delay_a_tenant_by_one() -> None:
    storms = BATCH_LIMIT // SHARE
    queue = queue_of(*(alerts(f"storm-{number}", SHARE) for number in range(storms) for _ in range(5)))
    take_and_commit(queue)
    other = alerts("other", QUIET + 1)
    queue.put(other)
    assert other not in take_and_commit(queue)
    assert other in take_and_commit(queue)


def test_i8_what_is_larger_than_a_share_is_a_batch_of_its_own_and_takes_turns_with_shared_ones() -> None:
    queue = queue_of(*(alerts("giant", 50_000) for _ in range(3)), *(alerts("quiet", SHARE - 1) for _ in range(3)))
    assert sizes(all_batches(queue)) == [
        {"giant": 50_000},
        {"quiet": SHARE - 1},
        {"giant": 50_000},
        {"quiet": SHARE - 1},
        {"giant": 50_000},
        {"quiet": SHARE - 1},
    ]


def test_those_that_stand_alone_take_turns_by_tenant() -> None:
    queue = queue_of(*(alerts("a", SHARE + 1) for _ in range(2)), alerts("b", SHARE + 1), alerts("c", SHARE + 1))
    assert [batch[0].tenant_id for batch in all_batches(queue)] == ["a", "b", "c", "a"]


def test_an_action_is_a_batch_of_its_own_and_keeps_its_place_in_its_tenant() -> None:
    first, action, second = alerts("a"), order("a"), alerts("a")
    other = alerts("b")
    assert all_batches(queue_of(first, action, second, other)) == [[first, other], [action], [second]]


def test_what_time_does_waits_for_all_that_came_before_it_and_for_nothing_that_came_later() -> None:
    before = [alerts("storm", SHARE) for _ in range(3)]
    due = expiry()
    queue = queue_of(*before, due)
    assert take_and_commit(queue) == [before[0]]
    for _ in range(5):
        queue.put(alerts("storm", SHARE))
    assert take_and_commit(queue) == [before[1]]
    assert take_and_commit(queue) == [before[2], due]


def test_what_time_does_waits_for_what_is_under_way_in_the_other_lane() -> None:
    queue = queue_of(alerts("quiet"))
    under_way = queue.take(Lane.QUIET)
    due = expiry()
    queue.put(due)
    assert queue.take() == []
    queue.done(under_way)
    assert queue.take() == [due]
    queue.put(expiry())
    assert queue.take() == []


def test_i8_the_quiet_lane_takes_no_storm_and_waits_for_none() -> None:
    queue = queue_of(alerts("storm", SHARE), alerts("storm", SHARE), order("storm"))
    storm = queue.take()
    queue.put(quiet := alerts("quiet", QUIET))
    queue.put(alerts("busy", QUIET + 1))
    queue.put(expiry())
    assert queue.take(Lane.QUIET) == [quiet]
    assert queue.take(Lane.QUIET) == []
    queue.done(storm)
    assert queue.take(Lane.QUIET) == []


def test_a_tenant_is_in_one_lane_at_a_time() -> None:
    queue = queue_of(first := alerts("a"))
    assert queue.take() == [first]
    queue.put(second := alerts("a"))
    queue.put(third := order("a"))
    assert queue.take(Lane.QUIET) == []
    queue.done([first])
    assert queue.take(Lane.QUIET) == [second]
    assert queue.take() == []
    queue.done([second])
    assert queue.take(Lane.QUIET) == [third]
    assert not queue.is_empty
    queue.done([third])
    assert queue.is_empty


def test_i8_what_was_postponed_is_told_in_a_storm_of_others() -> None:
    telling = job(Telling({"acme": ["key"]}, NOW, 1))
    queue = queue_of(*(alerts("storm", SHARE) for _ in range(3)), expiry(), telling)
    assert telling in queue.take()


def test_what_time_does_goes_first_once_nothing_stands_before_it() -> None:
    due, later = expiry(), alerts("a")
    assert queue_of(due, later).take() == [due, later]


def test_what_is_taken_counts_as_waiting_until_it_is_done() -> None:
    queue = queue_of(alerts("a", 3), alerts("b", 2), expiry())
    assert (queue.waiting, queue.waiting_of("a"), queue.waiting_of("b")) == (6, 3, 2)
    batch = queue.take()
    assert not queue.is_empty
    assert queue.waiting == 6
    queue.done(batch)
    assert queue.is_empty
    assert (queue.waiting, queue.waiting_of("a"), queue.waiting_of(None)) == (0, 0, 0)


WORKS = st.one_of(
    st.tuples(st.sampled_from("abc"), st.integers(0, 2 * SHARE)),
    st.tuples(st.sampled_from("abc"), st.none()),
    st.none(),
)


STEPS = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(Lane)), max_size=20)
"""How many jobs come, and which lane then commits what it has and takes the next."""
THE_REST = [(40, lane) for _ in range(45) for lane in Lane]


@given(st.lists(WORKS, max_size=40), STEPS)
def test_each_job_is_taken_once_in_its_tenants_order_within_the_limits(
    works: list[tuple[str, int | None] | None], steps: list[tuple[int, Lane]]
) -> None:
    jobs = [
        expiry() if work is None else alerts(work[0], work[1]) if work[1] is not None else order(work[0])
        for work in works
    ]
    queue, waiting, taken = Queue(), list(jobs), list[Job]()
    lanes: dict[Lane, list[Job]] = {lane: [] for lane in Lane}
    for coming, lane in steps + THE_REST:
        for each in waiting[:coming]:
            queue.put(each)
        del waiting[:coming]
        queue.done(lanes[lane])
        lanes[lane] = batch = queue.take(lane)
        if any(each.size > SHARE or isinstance(each.work, Order) for each in batch):
            assert len(batch) == 1
        else:
            assert all(size <= SHARE for tenant_id, size in sizes([batch])[0].items() if tenant_id)
        assert not {each.tenant_id for each in lanes[Lane.ALL]} & {each.tenant_id for each in lanes[Lane.QUIET]}
        assert batch or lane is Lane.QUIET or lanes[Lane.QUIET] or queue.is_empty
        taken += batch
    assert sorted(each.number for each in taken) == list(range(len(jobs)))
    assert queue.is_empty
    assert queue.waiting == 0
    for tenant_id in "abc":
        numbers = [each.number for each in taken if each.tenant_id == tenant_id]
        assert numbers == sorted(numbers)
    for place, each in enumerate(taken):
        if each.tenant_id is None:  # all that came before it is in its batch or in one before
            assert {other.number for other in jobs[: each.number]} <= {other.number for other in taken[: place + 1]}


def test_i8_who_has_little_waiting_and_waits_the_longest_is_quiet_however_much_others_send() -> None:
    """Others that have less would pass it again and again, and the storm's lane leaves it to the quiet one."""
    queue = queue_of(middling := alerts("middling", QUIET - 10), *(alerts(f"t-{number}") for number in range(150)))
    queue.put(alerts("storm", SHARE))
    assert middling in queue.take(Lane.QUIET)
