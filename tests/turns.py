"""In which turn the tests run, several at once; and with `--dist loadgroup` in which process.

xdist's own groups are of no use here: they go by a mark that pytest no longer shows in a test's name.
"""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

APACHE_KAFKA = "apache kafka"
PAGE = "tests/page/"

WAITING = ("tests/kafka/", "tests/real/", "tests/fault/", PAGE)
"""Where tests wait for other programs for much of their time."""
ALONE = (
    "tests/kafka/",
    "tests/fault/",
    "tests/scenario/test_i3_thousand",
    "tests/scenario/test_i6_iso",
    "tests/scenario/test_openapi_fuzz",
    "tests/scenario/test_poisoned_job",
    "tests/scenario/test_history",
    "tests/unit/core/test_parsers_never_crash",
)
"""Where each test is long, and shares nothing with the others of its file. Elsewhere a file is not taken apart."""
LONG = (
    APACHE_KAFKA,
    PAGE,
    "tests/fault/test_i1_kill_nine.py",
    "tests/fault/test_large_bodies.py",
    "tests/real/test_silent_prometheus.py",
    "tests/kafka/test_i12_kills.py",
    "tests/real/",
    "tests/fault/test_isolation_command.py",
    "tests/scenario/test_i6_iso",
    "tests/scenario/test_storm.py",
    "tests/scenario/test_i4_cut_client.py",
    "tests/scenario/test_i3_thousand",
    "tests/scenario/test_i2_i4_i5_i7_stateful.py",
    "tests/scenario/test_retention.py",
    "tests/scenario/test_openapi_fuzz",
    "tests/scenario/test_history",
    "tests/scenario/test_poisoned_job",
)
"""What begins first, so that nobody ends alone with it."""
SHORT = ("tests/unit/",)
"""What comes last: while there is some of it, nobody waits for anybody."""


def group_of(name: str) -> str:
    """The tests of one group run one after another in one process, by the name of one of them."""
    if APACHE_KAFKA in name or name.startswith("tests/kafka/test_refused.py"):
        return APACHE_KAFKA  # each process that has one starts a broker
    if name.startswith(PAGE):
        return PAGE  # and each that has one of these a browser
    return name if name.startswith(ALONE) else name.partition("::")[0]


def in_turn(names: Sequence[str]) -> list[int]:
    """The places of the tests, by their names, in the order in which to run them.

    Those that wait are spread among those that compute, the longest first, and then come those that are short.
    """
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(group_of(name), []).append(place)
    ranked = sorted(groups, key=_rank)
    short = [group for group in ranked if group.startswith(SHORT)]
    waiting = [group for group in ranked if _waits(group)]
    computing = [group for group in ranked if not _waits(group) and not group.startswith(SHORT)]
    return [place for group in (*_mixed(waiting, computing), *short) for place in groups[group]]


def _waits(group: str) -> bool:
    return group == APACHE_KAFKA or group.startswith(WAITING)


def _rank(group: str) -> int:
    return next((rank for rank, start in enumerate(LONG) if group.startswith(start)), len(LONG))


def _mixed(*some: Sequence[str]) -> list[str]:
    """Each sequence spread evenly over the whole, in its order."""
    placed = [(place / len(groups), group) for groups in some for place, group in enumerate(groups)]
    return [group for _, group in sorted(placed, key=itemgetter(0))]


class Turns(LoadScopeScheduling):
    """Gives each process whole groups, and the next one only when it needs it: one that has none left goes on."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False  # xdist would begin with the groups of most tests: the longest have one
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)

    def _reschedule(self, node: Any) -> None:
        # A process runs a test once it knows the next one. xdist would have it know two.
        if not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
            super()._reschedule(node)
