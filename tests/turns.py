"""In which turn the tests run, and in which process: with `--dist loadgroup`, several at once.

xdist's own groups are of no use here: they go by a mark that pytest no longer shows in a test's name.
"""

from collections.abc import Sequence
from operator import itemgetter

from xdist.scheduler import LoadScopeScheduling

APACHE_KAFKA = "apache kafka"

WAITING = ("tests/kafka/", "tests/real/", "tests/fault/", "tests/page/")
"""Where tests wait for other programs for much of their time."""
ALONE = ("tests/kafka/", "tests/fault/", "tests/page/", "tests/scenario/test_i6_iso")
"""Where each test is long, and shares nothing with the others of its file. Elsewhere a file is not taken apart."""
LONG = (
    APACHE_KAFKA,
    "tests/fault/test_i1_kill_nine.py",
    "tests/kafka/test_i12_kills.py",
    "tests/fault/test_large_bodies.py",
    "tests/real/test_silent_prometheus.py",
    "tests/real/",
    "tests/page/test_ten_thousand.py",
    "tests/fault/test_isolation_command.py",
)
"""What begins first, so that nobody ends alone with it."""


def group_of(name: str) -> str:
    """The tests of one group run one after another in one process, by the name of one of them."""
    if APACHE_KAFKA in name or name.startswith("tests/kafka/test_refused.py"):
        return APACHE_KAFKA  # each process that has one starts a broker
    return name if name.startswith(ALONE) else name.partition("::")[0]


def in_turn(names: Sequence[str]) -> list[int]:
    """The places of the tests, by their names, in the order in which to run them: those that wait among the others."""
    groups: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(group_of(name), []).append(place)
    waiting = sorted((group for group in groups if _waits(group)), key=_rank)
    computing = [group for group in groups if not _waits(group)]
    return [place for group in _mixed(waiting, computing) for place in groups[group]]


def _waits(group: str) -> bool:
    return group == APACHE_KAFKA or group.startswith(WAITING)


def _rank(group: str) -> int:
    return next((rank for rank, start in enumerate(LONG) if group.startswith(start)), len(LONG))


def _mixed(*some: Sequence[str]) -> list[str]:
    """Each sequence spread evenly over the whole, in its order."""
    placed = [(place / len(groups), group) for groups in some for place, group in enumerate(groups)]
    return [group for _, group in sorted(placed, key=itemgetter(0))]


class Turns(LoadScopeScheduling):
    """Gives each process whole groups."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
