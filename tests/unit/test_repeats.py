"""Which repeats are recognised where there are more firings than are remembered."""

from collections.abc import Sequence
from typing import cast

import pytest
from tests.unit.stories import POLICY, leased
from tests.unit.times import NOW

from lookout.incidents.ledger import Receipt
from lookout.incidents.transitions import Reason
from lookout.intake import repeats
from lookout.intake.repeats import Repeats
from lookout.intake.work import Delivery
from lookout.store.log import Log, Renewal

KNOWN = 1_000


class Standing:
    """Where every lease stands."""

    async def renew(self, renewals: Sequence[Renewal], *_: object) -> set[int]:
        return set(range(len(renewals)))


async def test_what_has_ended_is_not_remembered() -> None:
    known = Repeats(cast("Log", Standing()))
    fires, ended = leased(since=-1, until=4, now=NOW), leased(since=-1, until=0, now=NOW)
    opened = Receipt(fires.fingerprint, True, Reason.OPENED, "i")
    assert not await known.renew([Delivery("acme", "prometheus", NOW, [fires])], NOW, POLICY)
    known.remember([Delivery("acme", "prometheus", NOW, [fires])], [[opened]])
    assert await known.renew([Delivery("acme", "prometheus", NOW, [fires])], NOW, POLICY)
    assert not await known.renew([Delivery("acme", "prometheus", NOW, [ended])], NOW, POLICY)
    resolved = Receipt(fires.fingerprint, True, Reason.RESOLVED, "i")
    known.remember([Delivery("acme", "prometheus", NOW, [ended])], [[resolved]])
    assert not await known.renew([Delivery("acme", "prometheus", NOW, [fires])], NOW, POLICY)


@pytest.mark.parametrize(("firings", "at_least"), [(KNOWN, 1.0), (KNOWN + 1, 0.97), (KNOWN * 5 // 4, 0.4)])
async def test_some_more_firings_than_are_remembered_cost_only_some_of_the_repeats(
    monkeypatch: pytest.MonkeyPatch, firings: int, at_least: float
) -> None:
    """They come in the same order every minute: to forget the oldest would be to forget each just before it comes."""
    monkeypatch.setattr(repeats, "REPEATS_KNOWN", KNOWN)
    known = Repeats(cast("Log", Standing()))
    found = 0
    for turn in range(20):
        for number in range(firings):
            alert = leased(since=-1, until=4, now=NOW, instance=str(number))
            delivery = Delivery("acme", "prometheus", NOW, [alert])
            if await known.renew([delivery], NOW, POLICY):
                found += turn == 19
            else:
                known.remember([delivery], [[Receipt(alert.fingerprint, True, Reason.OPENED, "i")]])
    assert found >= at_least * firings
