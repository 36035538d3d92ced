"""I3: a thousand deliveries of mixed senders, shuffled and repeated, always end in the same state: what really fires.

The bytes of the requests go through the parsers and one ledger, some of them decided together, as in the intake.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from random import Random

import pytest
from hypothesis import Phase, given, note
from hypothesis import strategies as st
from tests.deliveries import ARRIVAL, Request, half_an_hour, shuffled
from tests.examples import examples
from tests.unit.stories import Story, open_keys
from tests.unit.times import NOW

from lookout.alerts.alert import Alert
from lookout.sources import alertmanager, events, grafana, prometheus
from lookout.sources.parsed import Parsed

pytestmark = pytest.mark.no_cover  # measuring this many examples would take longer than running them

COUNT = 1000
PARSERS: dict[str, Callable[[bytes, datetime], Parsed]] = {
    "/api/v2/alerts": prometheus.parse,
    "/v1/alertmanager": alertmanager.parse,
    "/v1/grafana": grafana.parse,
    "/v2/enqueue": partial(events.parse, made_key=""),
}
NUMBERS = st.integers(0, 2**32)
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""A smaller number makes no smaller half hour."""


def _after(requests: Sequence[Request], random: Random) -> Story:
    """The story of the requests, which come one after another."""
    story = Story()
    together: list[Alert] = []
    for request in requests:
        story.now += ARRIVAL / len(requests)
        parsed = PARSERS[request.path](request.body, story.now)
        assert not parsed.rejected
        together += parsed.alerts
        if random.random() < 0.6:
            story.hears(*together)
            together = []
    story.hears(*together)
    story.now = NOW + ARRIVAL
    _all_is_told(story)
    return story


def _all_is_told(*stories: Story) -> None:
    """Time passes until nothing is postponed, the same for all."""
    for story in stories:
        story.tells_what_waits()
    now = max(story.now for story in stories)
    for story in stories:
        story.now = now


@examples(12, phases=PHASES)
@given(NUMBERS)
def test_i3_in_any_order_what_really_fires_is_firing(number: int) -> None:
    random = Random(number)
    told = half_an_hour(random, NOW)
    note(f"{len(told.requests)} different requests")
    story = _after(shuffled(told.requests, random, COUNT), random)
    assert story.firing == told.firing
    assert set().union(*open_keys(story.ledger).values()) == told.firing


@examples(6, phases=PHASES)
@given(NUMBERS)
def test_i3_with_a_third_of_them_lost_each_order_still_ends_in_the_same_state(number: int) -> None:
    random = Random(number)
    requests = [one for one in half_an_hour(random, NOW).requests if one.chain or random.random() > 0.33]
    first, second = [_after(shuffled(requests, random, COUNT), random) for _ in range(2)]
    _all_is_told(first, second)
    assert open_keys(first.ledger) == open_keys(second.ledger)
    for minutes in (1, 1, 1, 1, 1, 60, 12 * 60):
        for story in (first, second):
            story.passes(minutes)
            story.expires()
        _all_is_told(first, second)
        assert open_keys(first.ledger) == open_keys(second.ledger)
    assert not open_keys(first.ledger)


@pytest.mark.parametrize("number", range(3))
def test_a_thousand_are_enough_for_all_of_them_and_for_repeats(number: int) -> None:
    told = half_an_hour(Random(number), NOW)
    assert 500 < len(told.requests) < COUNT
    assert {request.path for request in told.requests} == PARSERS.keys()
    assert len(told.firing) > 20
