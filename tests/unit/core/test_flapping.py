"""An incident that resolves and fires again, over and over, is marked; the mark ends when it has been calm."""

import msgspec
import pytest
from tests.unit.stories import Story
from tests.unit.times import NOW, at

from lookout.incidents.events import EventType, Fact, FlappingEnded, Reopened, Resolved, number
from lookout.incidents.evolve import evolve
from lookout.incidents.incident import Status
from lookout.incidents.policy import Pace, Policy

ENDED = EventType.FLAPPING_ENDED


@pytest.fixture
def story() -> Story:
    return Story()


def _swings(story: Story, times: int, minutes: float) -> None:
    """It fires and ends in turn, each for so many minutes. It fires at the beginning."""
    for _ in range(times):
        story.passes(minutes)
        if story.firing:
            story.resolves(since=None)
        else:
            story.fires(since=story.minute)


def test_the_fifth_change_within_an_hour_marks_it(story: Story) -> None:
    story.fires(since=0)
    _swings(story, 4, minutes=4)
    assert (story.incident.flapping, story.incident.flapping_until) == (False, None)
    _swings(story, 1, minutes=4)
    assert (story.incident.flapping, story.incident.flapping_until) == (True, at(80))
    assert story.incident.state_changes == (at(4), at(8), at(12), at(16), at(20))
    assert len(story.incidents) == 1


def test_the_event_that_marks_it_says_so(story: Story) -> None:
    story.fires(since=0)
    _swings(story, 5, minutes=4)
    change = story.ledger.records[-1].event.change
    assert isinstance(change, Resolved)
    assert (change.flapping_until, len(change.state_changes)) == (at(80), 5)
    _swings(story, 1, minutes=4)
    change = story.ledger.records[-1].event.change
    assert isinstance(change, Reopened)
    assert (change.flapping_until, change.state_changes[0]) == (at(84), at(8))


@pytest.mark.parametrize(("last", "flaps"), [(60, True), (60.1, False)])
def test_an_hour_is_an_hour(last: float, flaps: bool) -> None:
    story = Story(Policy(reopen_window=Policy().reopen_window * 12))
    story.fires(since=-1)
    story.resolves(since=-1)
    _swings(story, 3, minutes=4)
    story.passes(last - 12)
    story.resolves(since=None)
    assert story.incident.flapping is flaps


def test_what_opens_anew_begins_without_a_mark(story: Story) -> None:
    story.fires(since=0)
    _swings(story, 5, minutes=4)
    story.passes(6)
    story.fires(since=story.minute)
    assert len(story.incidents) == 2
    assert (story.incident.flapping, story.incident.state_changes) == (False, ())


def test_after_a_calm_hour_the_mark_ends_and_that_is_told_once(story: Story) -> None:
    story.fires(since=0)
    _swings(story, 5, minutes=4)
    told = len(story.told_events)
    story.passes(59.9)
    story.calms()
    assert len(story.told_events) == told
    story.passes(0.1)
    story.calms()
    story.calms()
    assert story.told_events[told:] == [ENDED]
    assert (story.incident.flapping, story.incident.flapping_until) == (False, None)
    assert story.incident.status is Status.RESOLVED
    event = story.ledger.records[-1].event
    assert (event.change, event.occurred_at) == (FlappingEnded(), at(80))


def test_an_open_incident_loses_its_mark_and_stays_as_it_is(story: Story) -> None:
    story.fires(since=0)
    _swings(story, 6, minutes=4)
    story.operator_acknowledges()
    story.passes(60)
    story.calms()
    assert (story.incident.status, story.incident.flapping) == (Status.ACKNOWLEDGED, False)


def test_a_change_now_and_then_does_not_keep_the_mark() -> None:
    story = Story(Policy(reopen_window=Policy().reopen_window * 12))
    story.fires(since=0)
    _swings(story, 5, minutes=1)
    _swings(story, 1, minutes=57.5)
    assert story.incident.flapping_until == at(65), "the fifth before it was more than an hour ago"
    _swings(story, 1, minutes=29)
    assert not story.incident.flapping, "the time is over, whether the timer has looked or not"


def test_whatever_changes_its_state_counts(story: Story) -> None:
    for _ in range(4):
        story.tells(since=story.minute)
        story.passes(1)
        story.operator_resolves()
        story.passes(1)
    assert story.incident.flapping


def test_how_many_is_policy() -> None:
    story = Story(Policy(pace=Pace(flapping_changes=1)))
    story.fires(since=0)
    _swings(story, 2, minutes=1)
    assert story.incident.flapping
    assert story.incident.state_changes == (at(1), at(2))


def test_i5_a_log_from_before_the_mark_folds_as_it_did(story: Story) -> None:
    story.fires(since=0)
    before = story.incident
    old = b'{"kind":"resolved","resolution":"source","alerts":{"started":0,"ended":1,"new":0,"first":[]}}'
    after = evolve(before, number(Fact(NOW, msgspec.json.decode(old, type=Resolved)), "acme", 2, before.id, NOW))
    assert (after.status, after.flapping, after.state_changes) == (Status.RESOLVED, False, ())


def test_what_is_not_known_does_not_calm(story: Story) -> None:
    story.ledger.calm(["incident-7"], NOW)
    assert story.told_events == []
