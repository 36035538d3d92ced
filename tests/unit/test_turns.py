"""Who runs which tests, when several run at once."""

from itertools import groupby
from types import SimpleNamespace
from typing import Any

import pytest
from tests.turns import APACHE_KAFKA, PAGE, Turns, group_of, in_turn

NAMES = [
    "tests/fault/test_i1_kill_nine.py::test_a",
    "tests/kafka/test_away.py::test_a[apache kafka]",
    "tests/kafka/test_away.py::test_a[librdkafka's mock]",
    "tests/kafka/test_resend.py::test_b[apache kafka-no broker]",
    "tests/page/test_live.py::test_a",
    "tests/page/test_live.py::test_b",
    "tests/scenario/test_actions.py::test_a",
    "tests/scenario/test_actions.py::test_b[1::2]",
    "tests/scenario/test_edge.py::test_a",
    "tests/scenario/test_storm.py::test_a",
    "tests/scenario/test_why.py::test_a",
    "tests/unit/core/test_lease.py::test_a",
    "tests/unit/core/test_text.py::test_a",
]


def test_each_runs_once_and_groups_stay_together() -> None:
    order = in_turn(NAMES)
    assert sorted(order) == list(range(len(NAMES)))
    groups = [group for group, _ in groupby(group_of(NAMES[place]) for place in order)]
    assert len(groups) == len(set(groups))


def test_one_process_has_the_broker_and_one_the_browser_and_they_begin_with_them() -> None:
    assert {group_of(name) for name in NAMES if "apache kafka" in name} == {APACHE_KAFKA}
    assert {group_of(name) for name in NAMES if "page" in name} == {PAGE}
    waiting = [group for place in in_turn(NAMES) if not (group := group_of(NAMES[place])).startswith("tests/scenario")]
    assert list(dict.fromkeys(waiting))[:2] == [APACHE_KAFKA, PAGE]


def test_what_shares_nothing_is_taken_apart_and_a_file_is_not() -> None:
    assert group_of("tests/fault/test_replicas.py::test_a") != group_of("tests/fault/test_replicas.py::test_b")
    assert {group_of(name) for name in NAMES if "actions" in name} == {"tests/scenario/test_actions.py"}


def test_what_waits_runs_among_what_computes() -> None:
    order = [NAMES[place] for place in in_turn(NAMES) if not NAMES[place].startswith("tests/unit")]
    waits = [not name.startswith("tests/scenario") for name in order]
    assert max(len(list(run)) for _, run in groupby(waits)) <= 2


def test_what_is_long_comes_first_and_what_is_short_comes_last() -> None:
    order = [NAMES[place] for place in in_turn(NAMES)]
    assert order.index("tests/fault/test_i1_kill_nine.py::test_a") < order.index(NAMES[2])
    assert order.index("tests/scenario/test_storm.py::test_a") < order.index("tests/scenario/test_actions.py::test_a")
    assert [name.startswith("tests/unit") for name in order] == [False] * (len(NAMES) - 2) + [True] * 2


def test_nothing_at_all_is_in_turn() -> None:
    assert in_turn([]) == []


def test_whoever_is_one_of_several_processes_has_its_tests_in_turn(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("failedfirst", False) or request.config.getoption("newfirst", False):
        pytest.skip("--ff and --nf have a turn of their own")
    names = [item.nodeid for item in request.session.items]
    assert not hasattr(request.config, "workerinput") or in_turn(names) == list(range(len(names)))


class Process:
    """Of a run, as the scheduler sees it."""

    gateway = SimpleNamespace(id="gw0")
    shutting_down = False

    def __init__(self) -> None:
        self.sent: list[int] = []

    def send_runtest_some(self, places: list[int]) -> None:
        self.sent += places

    def shutdown(self) -> None:
        self.shutting_down = True


def test_a_file_of_many_tests_waits_for_its_turn() -> None:
    names = ["tests/fault/test_replicas.py::test_a", *(f"tests/unit/test_sql.py::test_{letter}" for letter in "abcde")]
    # xdist's defaults.
    config: Any = SimpleNamespace(option=SimpleNamespace(loadscopereorder=True), getvalue={"tx": ["popen"]}.get)
    process: Any = Process()
    turns = Turns(config)
    turns.add_node(process)
    turns.add_node_collection(process, names)
    turns.schedule()
    assert process.sent == list(range(len(names)))
