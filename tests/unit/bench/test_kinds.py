"""From three ways of sending the price of a request, of a commit and of an alert."""

import pytest
from bench.kinds import Seen, work_of
from bench.quantities import Spent, Work

WORK = Work(Spent(100, 10, 1), Spent(2_000, 200, 0), Spent(30, 3, 500))


def seen(requests: int, alerts: int, commits: float, work: Work = WORK) -> Seen:
    return Seen(requests, alerts, commits, work.request * requests + work.commit * commits + work.alert * alerts)


def test_the_three_prices_are_found_again() -> None:
    found = work_of(seen(800, 800, 800), seen(3_000, 3_000, 200), seen(180, 11_520, 30))
    for price, told in ((found.request, WORK.request), (found.commit, WORK.commit), (found.alert, WORK.alert)):
        assert price.lookout_us == pytest.approx(told.lookout_us)
        assert price.postgres_us == pytest.approx(told.postgres_us)
        assert price.wal_bytes == pytest.approx(told.wal_bytes, abs=1e-6)


def test_what_cannot_be_told_from_noise_costs_nothing_and_never_less() -> None:
    free = Work(Spent(), Spent(), Spent(10, 10, 10))
    noisy = Seen(3_000, 3_000, 200, Spent(31_000, 31_000, 31_000))
    found = work_of(seen(800, 800, 800, free), noisy, seen(180, 11_520, 30, free))
    assert found.commit == Spent()
    assert min(found.request.lookout_us, found.alert.lookout_us) >= 0
