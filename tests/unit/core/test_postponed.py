"""I8: how much one incident tells is bounded, first news are told at once, and the last state is always told."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.stories import POLICY, Story, told
from tests.unit.times import NOW, at

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.alerts.severity import Severity
from lookout.incidents.events import AlertsChanged, EventType
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.ledger import Ledger
from lookout.incidents.policy import Pace, Policy
from lookout.incidents.transitions import Reason

PACE = POLICY.pace
SECOND = 1 / 60
OPENED, CHANGED, ESCALATED = EventType.OPENED, EventType.ALERTS_CHANGED, EventType.ESCALATED
RESOLVED, REOPENED = EventType.RESOLVED, EventType.REOPENED
TERSE = Policy(pace=Pace(burst=1, flapping_changes=0))
"""What is told once is enough for a second; whatever resolves is flapping."""


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
def terse() -> Story:
    """An incident that has opened just now, of which nothing more is told at once."""
    story = Story(TERSE)
    story.fires(instance="a")
    return story


def test_some_changes_are_told_at_once_and_what_comes_then_is_postponed(story: Story) -> None:
    reasons = [story.fires(instance=str(number)) for number in range(8)]
    assert reasons == [Reason.OPENED] + [Reason.JOINED] * 4 + [Reason.POSTPONED] * 3
    assert (story.incident.firing_alerts, len(story.firing), len(story.decided)) == (5, 5, 8)


def test_what_is_postponed_is_told_after_a_second_in_one_event(story: Story) -> None:
    for number in range(8):
        story.fires(instance=str(number))
    story.passes(0.9 * SECOND)
    story.ledger.tell(story.now)
    assert len(story.told_events) == 5
    story.passes(0.1 * SECOND)
    story.ledger.tell(story.now)
    story.ledger.tell(story.now)
    assert story.told_events == [OPENED] + [CHANGED] * 5
    assert (story.incident.firing_alerts, story.incident.total_alerts) == (8, 8)


def test_what_a_clock_that_was_ahead_told_or_postponed_holds_up_nothing(story: Story) -> None:
    right = story.now
    story.now += timedelta(hours=1)
    for number in range(8):
        story.fires(instance=str(number))
    story.now = right
    story.ledger.tell(story.now)
    assert story.told_events == [OPENED] + [CHANGED] * 5
    assert story.fires(instance="then") is Reason.POSTPONED
    story.passes(SECOND)
    story.ledger.tell(story.now)
    assert story.incident.firing_alerts == 9


def test_an_alert_that_comes_after_it_is_due_takes_it_along(story: Story) -> None:
    for number in range(7):
        story.fires(instance=str(number))
    story.passes(1.1 * SECOND)
    assert story.fires(instance="late") is Reason.JOINED
    assert len(story.told_events) == 6
    assert story.incident.firing_alerts == 8


def test_after_a_while_several_are_told_at_once_again(story: Story) -> None:
    for number in range(6):
        story.fires(instance=str(number))
    story.tells_what_waits()
    story.passes(4.9 * SECOND)
    assert [story.fires(instance=f"again {number}") for number in range(5)] == [Reason.JOINED] * 4 + [Reason.POSTPONED]


def test_another_incident_is_not_held_up(story: Story) -> None:
    for number in range(8):
        story.fires(instance=str(number))
    assert story.fires(job="other") is Reason.OPENED


def test_what_people_did_is_not_counted(story: Story) -> None:
    story.fires(instance="a")
    for number in range(10):
        story.operator_notes(str(number))
    assert story.fires(instance="b") is Reason.JOINED


def test_a_rise_is_told_at_once_and_alone(terse: Story) -> None:
    terse.fires(instance="b")
    assert terse.fires(instance="c", severity="critical") is Reason.ESCALATED
    assert terse.incident.firing_alerts == 2
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, ESCALATED, CHANGED]
    assert terse.incident.firing_alerts == 3


def test_i1_what_ends_before_its_beginning_was_told_is_told_as_passed(terse: Story) -> None:
    assert terse.fires(instance="b") is Reason.POSTPONED
    assert terse.resolves(instance="b") is Reason.PASSED
    assert terse.resolves(instance="b") is Reason.DUPLICATE
    assert len(terse.decided) == 1
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, CHANGED]
    assert (terse.incident.firing_alerts, terse.incident.total_alerts) == (1, 2)
    change = terse.ledger.records[-1].event.change
    assert isinstance(change, AlertsChanged)
    delta = change.alerts
    assert (delta.started, delta.ended, delta.new, [brief.status for brief in delta.first]) == (0, 0, 1, ["resolved"])


def test_what_has_passed_is_told_with_what_began_and_counts_once(terse: Story) -> None:
    terse.fires(instance="b")
    terse.resolves(instance="b")
    terse.fires(instance="c")
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, CHANGED]
    assert (terse.incident.firing_alerts, terse.incident.total_alerts) == (2, 3)
    terse.passes(0.5 * SECOND)
    assert terse.fires(since=terse.minute, instance="b") is Reason.POSTPONED
    assert terse.resolves(since=None, instance="b") is Reason.PASSED
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, CHANGED], "the incident has had that alert"


def test_what_has_passed_of_a_resolved_incident_is_told_and_reopens_nothing(terse: Story) -> None:
    terse.resolves(instance="a")
    terse.fires(since=0, instance="b")
    terse.resolves(since=0, instance="b")
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, RESOLVED, CHANGED]
    assert (terse.incident.status, terse.incident.total_alerts) == (Status.RESOLVED, 2)


def test_what_has_passed_and_begins_again_fires(terse: Story) -> None:
    terse.fires(instance="b")
    terse.resolves(instance="b")
    assert terse.fires(since=terse.minute + 1, instance="b") is Reason.POSTPONED
    terse.tells_what_waits()
    assert (terse.incident.firing_alerts, terse.incident.total_alerts) == (2, 2)


def test_what_has_passed_can_be_the_first_of_a_new_incident() -> None:
    story = Story(Policy(reopen_window=timedelta(0), pace=TERSE.pace))
    story.fires(instance="a")
    story.resolves(instance="a")
    story.passes(1 * SECOND)
    receipts = story.hears(told(since=0, instance="b"), told(since=story.minute, instance="c"))
    assert [receipt.reason for receipt in receipts] == [Reason.POSTPONED] * 2
    story.tells(since=0, until=story.minute, instance="b")
    story.tells_what_waits()
    assert [(incident.firing_alerts, incident.total_alerts) for incident in story.incidents] == [(0, 1), (1, 2)]
    assert story.told_events == [OPENED, RESOLVED, OPENED]


def test_what_runs_out_before_its_beginning_was_told_is_told_as_passed() -> None:
    story = Story(Policy(pace=Pace(burst=1, interval=timedelta(hours=1))))
    story.fires(instance="a")
    story.fires(instance="b", lease=1)
    story.passes(3)
    story.expires()
    assert story.decided == story.firing
    story.tells_what_waits()
    assert story.incident.total_alerts == 2


def test_what_begins_again_before_its_end_was_told_has_not_ended(terse: Story) -> None:
    terse.fires(instance="b")
    terse.tells_what_waits()
    terse.passes(0.5 * SECOND)
    assert terse.resolves(instance="b") is Reason.POSTPONED
    assert terse.fires(since=terse.minute, instance="b") is Reason.POSTPONED
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, CHANGED]
    assert terse.incident.firing_alerts == 2


def test_what_begins_again_worse_escalates_at_once() -> None:
    def event(severity: str | None) -> Alert:
        labels = label_set({"dedup_key": "k"})
        if severity is None:
            return Alert("events", labels, {}, AlertStatus.RESOLVED, None, None, leased=False)
        return Alert("events", labels, {"severity": severity}, AlertStatus.FIRING, None, None, leased=False)

    story = Story(TERSE)
    story.hears(event("info"))
    story.hears(event(None))
    story.passes(1)
    story.hears(event("info"))
    story.hears(event(None))
    assert story.told_events == [OPENED, RESOLVED, REOPENED]
    assert story.hears(event("critical"))[0].reason is Reason.ESCALATED
    assert story.incident.severity is Severity.CRITICAL


def test_i7_a_repeat_of_what_is_postponed_is_silent_and_brings_its_latest_words(terse: Story) -> None:
    first, second = (told(since=0, instance="b") for _ in range(2))
    second.annotations["summary"] = "worse by now"  # type: ignore[index]
    assert terse.hears(first)[0].reason is Reason.POSTPONED
    [receipt] = terse.hears(second)
    assert (receipt.recorded, receipt.reason, receipt.incident_id) == (False, Reason.POSTPONED, terse.incident.id)
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, CHANGED]
    assert terse.ledger.alerts[second.fingerprint].alert.annotations == second.annotations


def test_one_twins_end_does_not_take_back_what_is_postponed(terse: Story) -> None:
    terse.fires(instance="b", replica="1")
    terse.fires(instance="b", replica="2")
    assert terse.resolves(instance="b", replica="1") is Reason.HELD
    terse.tells_what_waits()
    assert terse.incident.firing_alerts == 2


def test_the_last_end_is_told_after_what_began_before_it(terse: Story) -> None:
    terse.fires(instance="b")
    assert terse.resolves(instance="a") is Reason.POSTPONED
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, CHANGED], "it never was over"
    assert terse.incident.firing_alerts == 1


def test_what_waited_ends_as_it_ended() -> None:
    story = Story(Policy(pace=Pace(burst=1, interval=timedelta(hours=1))))
    story.fires(instance="a")
    story.fires(instance="b")
    story.passes(6)
    story.expires()
    assert story.told_events == [OPENED]
    story.tells_what_waits()
    assert story.told_events == [OPENED, RESOLVED]
    assert (story.incident.resolution, story.incident.resolved_at) == (Resolution.EXPIRED, at(4))


def test_what_flaps_tells_once_a_minute(terse: Story) -> None:
    terse.resolves(instance="a")
    assert terse.incident.flapping
    terse.passes(10 * SECOND)
    assert terse.fires(since=terse.minute, instance="a") is Reason.POSTPONED
    assert (terse.incident.status, len(terse.decided)) == (Status.RESOLVED, 1)
    terse.passes(49 * SECOND)
    terse.ledger.tell(terse.now)
    assert terse.incident.status is Status.RESOLVED
    terse.passes(1 * SECOND)
    terse.ledger.tell(terse.now)
    assert terse.incident.status is Status.FIRING
    assert terse.told_events == [OPENED, RESOLVED, REOPENED]


def test_what_flaps_and_comes_back_worse_is_told_at_once(terse: Story) -> None:
    terse.resolves(instance="a")
    assert terse.fires(since=terse.minute, instance="b", severity="critical") is Reason.REOPENED


def test_an_opening_is_never_postponed_and_what_waited_joins_it() -> None:
    story = Story(Policy(reopen_window=timedelta(0), pace=TERSE.pace))
    story.fires(instance="a")
    story.resolves(instance="a")
    assert story.fires(since=0, instance="b") is Reason.POSTPONED
    story.passes(1 * SECOND)
    assert story.fires(since=story.minute, instance="c") is Reason.OPENED
    story.tells_what_waits()
    assert story.told_events == [OPENED, RESOLVED, OPENED, CHANGED]
    assert [(incident.status, incident.firing_alerts) for incident in story.incidents] == [
        (Status.RESOLVED, 0),
        (Status.FIRING, 2),
    ]


def test_an_operators_resolve_closes_what_was_postponed(terse: Story) -> None:
    terse.fires(instance="b")
    assert terse.operator_resolves() is Reason.RESOLVED
    assert terse.told_events == [OPENED, CHANGED, RESOLVED]
    assert terse.firing == terse.decided == set()
    assert terse.fires(instance="b") is Reason.CLOSED


def test_an_operator_resolves_what_was_about_to_reopen(terse: Story) -> None:
    terse.resolves(instance="a")
    terse.fires(since=terse.minute, instance="b")
    assert terse.operator_resolves() is Reason.RESOLVED
    assert terse.told_events == [OPENED, RESOLVED, REOPENED, RESOLVED]


def test_other_actions_leave_it_waiting(terse: Story) -> None:
    terse.fires(instance="b")
    terse.operator_acknowledges()
    assert terse.told_events == [OPENED, EventType.ACKNOWLEDGED]
    terse.tells_what_waits()
    assert (terse.incident.status, terse.incident.firing_alerts) == (Status.ACKNOWLEDGED, 2)


def test_what_the_tables_have_by_now_is_not_told_twice(terse: Story) -> None:
    terse.fires(instance="b")
    [name] = terse.decided - terse.firing
    postponed = terse.ledger.postponed.of(name)
    assert postponed is not None
    terse.tells_what_waits()
    terse.ledger.postponed.know(postponed)
    terse.tells_what_waits()
    assert terse.told_events == [OPENED, CHANGED]
    assert name in terse.ledger.postponed.forgotten


def test_what_is_taken_back_is_written_as_such(terse: Story) -> None:
    terse.fires(instance="b")
    terse.tells_what_waits()
    terse.resolves(instance="b")
    [name] = terse.ledger.postponed.changed
    terse.fires(since=terse.minute, instance="b")
    assert (list(terse.ledger.postponed.changed), terse.ledger.postponed.forgotten) == ([], {name})
    terse.resolves(since=None, instance="b")
    assert (list(terse.ledger.postponed.changed), terse.ledger.postponed.forgotten) == ([name], set())


def test_what_expires_with_what_is_due_ends_after_it_began() -> None:
    story = Story(Policy(pace=Pace(burst=1, interval=timedelta(minutes=10))))
    story.fires(instance="a", lease=60)
    story.fires(instance="b", lease=4)
    story.passes(11)
    story.expires()
    assert story.told_events == [OPENED, CHANGED], "the beginning was due"
    story.tells_what_waits()
    assert story.told_events == [OPENED, CHANGED, CHANGED]
    assert (story.incident.firing_alerts, story.incident.total_alerts) == (1, 2)


STEPS = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.booleans(), st.sampled_from([0, 0, 0, 0.05, 0.3, 0.7, 1, 4])),
    max_size=80,
)


def _plays(steps: list[tuple[str, bool, float]]) -> Story:
    """Alerts of one incident fire and end, so many seconds apart; what is due is told before time goes on."""
    story = Story()
    story.fires(instance="always")
    for instance, ends, seconds in steps:
        if ends:
            story.resolves(since=None, instance=instance)
        else:
            story.fires(since=story.minute, instance=instance)
        story.passes(seconds * SECOND)
        story.ledger.tell(story.now)
    return story


@settings(deadline=None)
@given(STEPS)
def test_i8_a_storm_adds_a_burst_and_then_an_event_in_each_second(steps: list[tuple[str, bool, float]]) -> None:
    story = _plays(steps)
    times = [record.event.recorded_at for record in story.ledger.records]
    for first, began in enumerate(times):
        for last, ended in enumerate(times[first:], start=first):
            assert last - first + 1 <= PACE.burst + (ended - began) // PACE.interval + 1


@settings(deadline=None)
@given(STEPS)
def test_i8_the_last_state_is_told(steps: list[tuple[str, bool, float]]) -> None:
    story = _plays(steps)
    decided = story.decided
    story.tells_what_waits()
    assert story.firing == story.decided == decided
    assert story.incident.firing_alerts == len(decided)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.booleans(), st.integers(0, 90)), max_size=60))
def test_i8_what_flaps_tells_at_a_bounded_rate(steps: list[tuple[str, bool, int]]) -> None:
    story = Story()
    for instance, ends, seconds in steps:
        if ends:
            story.resolves(since=None, instance=instance)
        else:
            story.fires(since=story.minute, instance=instance)
        story.passes(seconds * SECOND)
        story.ledger.tell(story.now)
    flapping = [record.event for record in story.ledger.records if record.incident.flapping]
    for one, next_one in pairwise(flapping):
        if next_one.incident_id == one.incident_id:
            assert next_one.recorded_at - one.recorded_at >= PACE.flapping_interval


def test_what_was_told_lately_may_be_known_from_the_log() -> None:
    ledger = Ledger("acme", 0, POLICY, lambda: "incident-1")
    ledger.take([told(since=0, instance="a")], NOW)
    ledger.told["incident-1"] = [NOW] * PACE.burst
    assert ledger.take([told(since=0, instance="b")], NOW)[0].reason is Reason.POSTPONED


@pytest.mark.parametrize(("apart", "memory"), [(timedelta(seconds=1), 6), (timedelta(minutes=1), 60)])
def test_what_was_told_is_remembered_for_as_long_as_it_bounds_anything(apart: timedelta, memory: int) -> None:
    pace = Pace(burst=3, interval=timedelta(seconds=2), flapping_interval=apart)
    assert pace.memory == timedelta(seconds=memory)
