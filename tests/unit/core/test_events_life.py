"""Events carry no times: the order of arrival decides, whatever the clock does, and a worse one escalates."""

from datetime import timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stories import TALKATIVE, Story

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.alerts.severity import Severity
from lookout.incidents.events import EventType
from lookout.incidents.transitions import Reason


def _event(action: str, severity: str = "warning", key: str = "k") -> Alert:
    status = AlertStatus.FIRING if action == "trigger" else AlertStatus.RESOLVED
    annotations = {"summary": "disk full", "severity": severity} if action == "trigger" else {}
    return Alert("events", label_set({"dedup_key": key}), annotations, status, None, None, leased=False)


ACTIONS = st.sampled_from(["trigger", "resolve", "operator"])
MOVES = st.sampled_from([0, 0, 0.000001, -0.5, 1, 600])


@given(st.lists(st.tuples(ACTIONS, MOVES), max_size=12))
def test_the_last_word_stands_whatever_the_clock_does(steps: list[tuple[str, float]]) -> None:
    story = Story(TALKATIVE)
    for action, seconds in steps:
        if action == "operator":
            if story.incidents:
                story.operator_resolves()
        else:
            story.hears(_event(action))
        story.now += timedelta(seconds=seconds)
        assert bool(story.firing) == bool(story.open_incidents) == (action == "trigger")


@given(st.lists(st.tuples(ACTIONS, MOVES), min_size=1, max_size=12))
def test_the_last_word_stands_when_what_waits_is_told(steps: list[tuple[str, float]]) -> None:
    story = Story()
    for action, seconds in steps:
        if action != "operator":
            story.hears(_event(action))
        elif story.incidents:
            story.operator_resolves()
        assert bool(story.decided) == (action == "trigger")
        story.now += timedelta(seconds=seconds)
    story.tells_what_waits()
    assert bool(story.firing) == bool(story.open_incidents) == (steps[-1][0] == "trigger")


@given(st.lists(st.sampled_from(["trigger", "resolve"]), max_size=10))
def test_i7_repeats_add_nothing_and_every_change_one_event(actions: list[str]) -> None:
    story = Story(TALKATIVE)
    for action in actions:
        story.hears(_event(action))
    runs = [action for action, _ in groupby(actions)]
    assert len(story.told_events) == len(runs) - (runs[:1] == ["resolve"])


def test_they_all_come_in_one_batch() -> None:
    story = Story()
    receipts = story.hears(*[_event(action) for action in ("trigger", "resolve", "trigger", "trigger")])
    assert [receipt.reason for receipt in receipts] == [
        Reason.OPENED, Reason.RESOLVED, Reason.REOPENED, Reason.DUPLICATE,
    ]  # fmt: skip


def test_what_is_not_repeated_expires_and_a_trigger_begins_anew() -> None:
    story = Story()
    story.hears(_event("trigger"))
    story.passes(minutes=12 * 60)
    story.expires()
    assert story.open_incidents == []
    story.passes(minutes=10)
    assert story.hears(_event("trigger"))[0].reason is Reason.OPENED


def test_a_worse_trigger_escalates_once() -> None:
    story = Story()
    reasons = [story.hears(_event("trigger", word))[0].reason for word in ("info", "error", "error", "warning")]
    assert reasons == [Reason.OPENED, Reason.ESCALATED, Reason.DUPLICATE, Reason.DUPLICATE]
    assert story.incident.severity is Severity.ERROR
    assert (story.incident.firing_alerts, story.incident.total_alerts) == (1, 1)


def test_an_acknowledged_incident_stays_so_when_it_escalates() -> None:
    story = Story()
    story.hears(_event("trigger", "info"))
    story.operator_acknowledges()
    story.hears(_event("trigger", "critical"))
    assert (story.incident.status, story.incident.severity) == ("acknowledged", Severity.CRITICAL)


def test_an_escalation_stands_after_what_came_before_it_in_its_batch() -> None:
    story = Story()
    story.hears(_event("trigger", "info"))
    receipts = story.hears(_event("trigger", "info", "other"), _event("trigger", "critical"))
    assert [receipt.reason for receipt in receipts] == [Reason.OPENED, Reason.ESCALATED]
    assert story.told_events == [EventType.OPENED, EventType.OPENED, EventType.ESCALATED]


@pytest.mark.parametrize("word", ["page", "P0"])
def test_the_severity_of_an_event_is_in_an_annotation(word: str) -> None:
    story = Story()
    story.hears(_event("trigger", word))
    assert story.incident.severity is (Severity.CRITICAL if word == "page" else Severity.WARNING)
    assert story.incident.title == "disk full"
