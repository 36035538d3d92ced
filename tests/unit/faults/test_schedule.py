"""The schedule is a pure function of the seed, and does one thing at a time to each."""

import pytest
from faults.acts import KNOWN
from faults.schedule import FOLLOWERS, REPLICAS, Fault, Step, schedule

SEEDS = range(40)


def test_a_seed_plays_the_same_again_and_another_one_plays_another() -> None:
    assert schedule(7, 200) == schedule(7, 200)
    assert schedule(7, 200) != schedule(8, 200)


def test_a_longer_time_begins_as_a_shorter_one() -> None:
    short, long = schedule(3, 60), schedule(3, 300)
    within = [step for step in long if step.at < 60 and step.at + step.seconds <= 60]
    assert short[0] == long[0]
    assert [step for step in within if step.at < 30] == [step for step in short if step.at < 30]


def test_what_happens_on_the_way_to_kafka_changes_nothing_else_of_a_seed() -> None:
    others = [step for step in schedule(7, 120) if "the way to Kafka" not in step.fault]
    assert others[:3] == [
        Step(2.0, Fault.POSTGRES_KILLED, 0, 1.7),
        Step(5.34, Fault.LOOKOUT_KILLED, 2, 0.42),
        Step(5.78, Fault.BACKENDS_ENDED, 0, 0.39),
    ]
    assert len(others) < len(schedule(7, 120))


@pytest.mark.parametrize("seed", SEEDS)
def test_all_is_mended_in_time_and_happens_to_something_that_is_there(seed: int) -> None:
    steps = schedule(seed, 120)
    assert steps == sorted(steps, key=lambda step: step.at)
    for step in steps:
        assert step.at + step.seconds <= 120
        assert 0 <= step.target < max(REPLICAS, FOLLOWERS)


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_happens_to_what_is_not_mended_yet(seed: int) -> None:
    busy: dict[tuple[str, int], float] = {}
    for step in schedule(seed, 300):
        what = ("lookout" if step.fault in _OF_A_LOOKOUT else step.fault, step.target)
        assert busy.get(what, 0.0) <= step.at
        busy[what] = step.at + step.seconds


_OF_A_LOOKOUT = {Fault.LOOKOUT_KILLED, Fault.LOOKOUT_STOPPED, Fault.LOOKOUT_FROZEN}


def test_every_fault_comes_and_can_be_played() -> None:
    assert {step.fault for seed in SEEDS for step in schedule(seed, 120)} == set(Fault) == set(KNOWN)
