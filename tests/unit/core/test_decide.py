"""The life of an incident, rule by rule."""

from datetime import timedelta

import pytest
from tests.unit.stories import Story, leased, told
from tests.unit.times import NOW, at

from lookout.alerts.alert import AlertStatus, label_set
from lookout.alerts.severity import Severity
from lookout.incidents.events import FIRST_ALERTS, AlertsChanged, AlertsDelta, Escalated, EventType, Opened, Reopened
from lookout.incidents.events import Resolved as ResolvedChange
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.ledger import Ledger
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason

OPENED, CHANGED, RESOLVED = EventType.OPENED, EventType.ALERTS_CHANGED, EventType.RESOLVED


@pytest.fixture
def story() -> Story:
    return Story()


def test_an_incident_opens_with_its_first_firing_alert(story: Story) -> None:
    assert story.fires(since=-1, severity="critical") is Reason.OPENED
    incident = story.incident
    assert (incident.status, incident.severity, incident.title) == (Status.FIRING, Severity.CRITICAL, "Down")
    assert (incident.started_at, incident.firing_alerts, incident.total_alerts) == (at(-1), 1, 1)
    assert (incident.opened_position, incident.position) == (1, 1)


def test_an_alert_of_the_same_group_joins(story: Story) -> None:
    story.fires(instance="a")
    assert story.fires(instance="b") is Reason.JOINED
    assert (story.incident.firing_alerts, story.incident.total_alerts) == (2, 2)
    assert story.told_events == [OPENED, CHANGED]


def test_an_alert_of_another_group_opens_another_incident(story: Story) -> None:
    story.fires(job="a")
    assert story.fires(job="b") is Reason.OPENED
    assert len(story.open_incidents) == 2


def test_an_alert_that_joins_with_an_earlier_start_moves_the_start_back(story: Story) -> None:
    story.fires(since=0, instance="a")
    story.fires(since=-3, instance="b")
    assert story.incident.started_at == at(-3)
    story.fires(since=-1, instance="c")
    assert story.incident.started_at == at(-3)


def test_one_of_several_alerts_ends_and_the_incident_stays(story: Story) -> None:
    story.fires(instance="a")
    story.fires(instance="b")
    story.passes(1)
    assert story.resolves(instance="a") is Reason.LEFT
    assert (story.incident.status, story.incident.firing_alerts) == (Status.FIRING, 1)


def test_the_incident_resolves_with_its_last_alert(story: Story) -> None:
    story.fires(instance="a")
    story.fires(instance="b")
    story.passes(1)
    story.resolves(instance="a")
    story.passes(1)
    assert story.resolves(instance="b") is Reason.RESOLVED
    incident = story.incident
    assert (incident.status, incident.resolution, incident.resolved_at) == (Status.RESOLVED, Resolution.SOURCE, at(2))
    assert (incident.firing_alerts, incident.total_alerts) == (0, 2)


def test_an_alert_that_leaves_and_comes_back_counts_once(story: Story) -> None:
    story.fires(instance="a")
    story.fires(instance="b")
    story.passes(1)
    story.resolves(instance="b")
    story.passes(1)
    assert story.fires(since=2, instance="b") is Reason.JOINED
    assert (story.incident.firing_alerts, story.incident.total_alerts) == (2, 2)


def test_severity_rises_and_the_rise_is_told(story: Story) -> None:
    story.fires(severity="warning")
    assert story.fires(severity="critical") is Reason.ESCALATED
    assert story.incident.severity is Severity.CRITICAL
    change = story.ledger.records[-1].event.change
    assert isinstance(change, Escalated)
    assert (change.before, change.severity, change.alerts.started) == (Severity.WARNING, Severity.CRITICAL, 1)


def test_severity_never_falls_while_the_incident_is_open(story: Story) -> None:
    story.fires(severity="critical")
    assert story.fires(severity="info") is Reason.JOINED
    story.passes(1)
    story.resolves(severity="critical")
    assert story.incident.severity is Severity.CRITICAL


def test_several_alerts_at_once_open_with_the_worst_of_them(story: Story) -> None:
    story.hears(*[told(since=0, severity=word) for word in ("info", "error", "warning")])
    assert story.incident.severity is Severity.ERROR
    assert story.told_events == [OPENED]


def test_configured_words_for_severity_count() -> None:
    story = Story(Policy(severities={"p1": Severity.CRITICAL}))
    story.fires(severity="p1")
    assert story.incident.severity is Severity.CRITICAL


def test_acknowledged_stays_acknowledged_when_an_alert_joins(story: Story) -> None:
    story.fires(instance="a")
    assert story.operator_acknowledges() is Reason.ACKNOWLEDGED
    assert story.fires(instance="b") is Reason.JOINED
    assert (story.incident.status, story.incident.acknowledged_by) == (Status.ACKNOWLEDGED, "ann")


def test_an_escalation_of_an_acknowledged_incident_is_told_and_keeps_it(story: Story) -> None:
    story.fires(severity="info")
    story.operator_acknowledges()
    assert story.fires(severity="error") is Reason.ESCALATED
    assert story.incident.status is Status.ACKNOWLEDGED


def test_an_acknowledged_incident_resolves_with_its_last_alert(story: Story) -> None:
    story.fires()
    story.operator_acknowledges()
    story.passes(1)
    assert story.resolves() is Reason.RESOLVED
    assert (story.incident.status, story.incident.acknowledged_by) == (Status.RESOLVED, "ann")


def test_acknowledging_twice_is_silent(story: Story) -> None:
    story.fires()
    story.operator_acknowledges()
    assert story.operator_acknowledges() is Reason.ALREADY
    assert len(story.ledger.records) == 2


def test_a_resolved_incident_cannot_be_acknowledged(story: Story) -> None:
    story.fires()
    story.resolves()
    assert story.operator_acknowledges() is Reason.NOT_OPEN


def test_assigning_and_taking_it_away(story: Story) -> None:
    story.fires()
    assert story.operator_assigns("bob") is Reason.ASSIGNED
    assert story.incident.assignee == "bob"
    assert story.operator_assigns("bob") is Reason.ALREADY
    assert story.operator_assigns(None) is Reason.ASSIGNED
    assert story.incident.assignee is None
    assert story.operator_assigns(None) is Reason.ALREADY
    assert len(story.ledger.records) == 3


def test_notes_and_assignments_are_possible_after_the_end(story: Story) -> None:
    story.fires()
    story.resolves()
    assert story.operator_notes("it was the disk") is Reason.NOTED
    assert story.operator_assigns("bob") is Reason.ASSIGNED
    assert story.incident.status is Status.RESOLVED


def test_an_operator_resolves_all_that_fires_in_the_incident_and_no_more(story: Story) -> None:
    story.fires(job="other")
    story.fires(instance="a")
    story.fires(instance="b")
    story.passes(1)
    assert story.operator_resolves() is Reason.RESOLVED
    incident = story.incident
    assert (incident.resolution, incident.resolved_by, incident.resolved_at) == (Resolution.OPERATOR, "ann", at(1))
    assert incident.firing_alerts == 0
    assert len(story.firing) == 1
    change = story.ledger.records[-1].event.change
    assert isinstance(change, ResolvedChange)
    assert change.reason == "fixed by hand"
    assert {alert.status for alert in story.ledger.records[-1].alerts} == {AlertStatus.RESOLVED}


def test_resolving_a_resolved_incident_is_silent(story: Story) -> None:
    story.fires()
    story.operator_resolves()
    assert story.operator_resolves() is Reason.ALREADY
    assert len(story.ledger.records) == 2


def test_an_operators_resolve_is_final_for_what_it_closed(story: Story) -> None:
    story.fires()
    story.passes(1)
    story.operator_resolves()
    for _ in range(10):
        story.passes(1)
        assert story.fires() is Reason.CLOSED
    assert story.incident.status is Status.RESOLVED
    assert story.told_events == [OPENED, RESOLVED]


def test_the_sources_resolve_after_the_operators_is_silent(story: Story) -> None:
    story.fires()
    story.operator_resolves()
    story.passes(1)
    assert story.resolves() is Reason.DUPLICATE
    story.expires()
    assert story.incident.resolution is Resolution.OPERATOR


def test_a_restart_of_the_sender_does_not_reopen_what_an_operator_closed(story: Story) -> None:
    """Its new start lies within the lease that was closed: it is the same firing."""
    story.fires()
    story.passes(1)
    story.operator_resolves()
    story.passes(1)
    assert story.fires(since=2) is Reason.CLOSED


def test_a_new_firing_after_the_operators_resolve_reopens(story: Story) -> None:
    story.fires()
    story.passes(1)
    story.operator_resolves()
    story.passes(1)
    story.resolves()
    story.passes(1)
    assert story.fires(since=3) is Reason.REOPENED
    assert story.incident.status is Status.FIRING


def test_a_new_alert_after_the_operators_resolve_reopens(story: Story) -> None:
    story.fires(instance="a")
    story.operator_resolves()
    story.passes(1)
    assert story.fires(since=1, instance="b") is Reason.REOPENED


@pytest.mark.parametrize(("minutes", "reason"), [(0.5, Reason.REOPENED), (5, Reason.REOPENED), (5.01, Reason.OPENED)])
def test_the_reopen_window_includes_its_edge(story: Story, minutes: float, reason: Reason) -> None:
    story.fires()
    story.resolves()
    story.passes(minutes)
    assert story.fires(since=minutes) is reason


def test_the_start_decides_about_reopening_not_the_arrival(story: Story) -> None:
    story.fires()
    story.resolves()
    story.passes(60)
    assert story.fires(since=4) is Reason.REOPENED


def test_beyond_the_window_a_new_incident_opens_and_links_back(story: Story) -> None:
    story.fires(instance="a")
    story.resolves(instance="a")
    first = story.incident
    story.passes(10)
    assert story.fires(since=10, instance="a") is Reason.OPENED
    assert story.incident.previous_incident_id == first.id
    assert story.incident.total_alerts == 1
    assert story.ledger.by_id[first.id] == first


def test_the_reopen_window_is_configurable() -> None:
    story = Story(Policy(reopen_window=timedelta(0)))
    story.fires()
    story.resolves()
    story.passes(1)
    assert story.fires(since=1) is Reason.OPENED


def test_a_reopened_incident_starts_its_life_again_with_the_severity_of_what_reopened_it(story: Story) -> None:
    story.fires(severity="critical")
    story.operator_acknowledges()
    story.operator_assigns("bob")
    story.resolves(severity="critical")
    story.passes(1)
    assert story.fires(since=1, severity="warning") is Reason.REOPENED
    incident = story.incident
    assert (incident.status, incident.severity, incident.reopen_count) == (Status.FIRING, Severity.WARNING, 1)
    assert (incident.acknowledged_by, incident.resolved_at, incident.resolution) == (None, None, None)
    assert (incident.assignee, incident.started_at, incident.total_alerts) == ("bob", NOW, 2)
    assert isinstance(story.ledger.records[-1].event.change, Reopened)


def test_an_alert_that_expires_resolves_its_incident_as_expired(story: Story) -> None:
    story.fires()
    story.passes(60)
    story.expires()
    incident = story.incident
    assert (incident.status, incident.resolution) == (Status.RESOLVED, Resolution.EXPIRED)
    assert incident.resolved_at == at(4), "it ended when the promise did, not when that was noticed"


def test_one_of_several_alerts_expires(story: Story) -> None:
    story.fires(instance="a")
    story.passes(3)
    story.fires(instance="b")
    story.passes(2)
    story.expires()
    assert (story.incident.status, story.incident.firing_alerts) == (Status.FIRING, 1)
    assert story.told_events == [OPENED, CHANGED, CHANGED]


def test_alerts_of_several_groups_expire_at_once(story: Story) -> None:
    story.fires(job="a")
    story.fires(job="b")
    story.passes(5)
    story.expires()
    assert story.open_incidents == []


def test_what_expires_after_the_operators_resolve_is_silent(story: Story) -> None:
    story.fires()
    story.operator_resolves()
    story.passes(5)
    story.expires()
    assert story.told_events == [OPENED, RESOLVED]


def test_expiring_what_nobody_knows_is_silent(story: Story) -> None:
    story.passes(60)
    story.expires(["0000000000000000"])
    assert story.ledger.records == []


def test_a_resolve_for_an_unknown_alert_opens_nothing(story: Story) -> None:
    assert story.resolves() is Reason.UNKNOWN_RESOLVE
    assert story.tells(since=0, until=0, job="other") is Reason.UNKNOWN_RESOLVE
    assert story.incidents == []


def test_a_firing_after_its_resolve_is_stale(story: Story) -> None:
    story.passes(2)
    assert story.resolves(until=1) is Reason.UNKNOWN_RESOLVE
    assert story.tells(since=0) is Reason.STALE
    assert story.incidents == []


def test_receipts_name_the_incident_and_say_whether_anything_was_told(story: Story) -> None:
    alerts = [told(since=0, instance="a"), told(since=0, instance="b"), told(since=0, until=1, instance="c")]
    first, second, unknown = story.hears(*alerts)
    assert first.recorded
    assert (first.reason, second.reason) == (Reason.OPENED, Reason.OPENED)
    assert first.incident_id == second.incident_id == story.incident.id
    assert (unknown.recorded, unknown.reason, unknown.incident_id) == (False, Reason.UNKNOWN_RESOLVE, None)
    [repeat] = story.hears(alerts[0])
    assert (repeat.recorded, repeat.reason, repeat.incident_id) == (False, Reason.DUPLICATE, story.incident.id)


def test_what_changes_together_is_one_event(story: Story) -> None:
    story.hears(*[told(since=number, instance=str(number)) for number in range(10)])
    [record] = story.ledger.records
    assert isinstance(record.event.change, Opened)
    delta = record.event.change.alerts
    assert (delta.started, delta.ended, delta.new, len(delta.first)) == (10, 0, 10, FIRST_ALERTS)
    assert len(record.alerts) == 10
    assert record.event.occurred_at == at(0)


def test_one_starts_and_the_other_ends_at_once(story: Story) -> None:
    story.hears(told(since=0, instance="a"))
    receipts = story.hears(told(since=0, until=1, instance="a"), told(since=1, instance="b"))
    assert [receipt.reason for receipt in receipts] == [Reason.LEFT, Reason.JOINED]
    change = story.ledger.records[-1].event.change
    assert isinstance(change, AlertsChanged)
    assert (change.alerts.started, change.alerts.ended, change.alerts.new) == (1, 1, 1)
    assert (story.incident.status, story.incident.firing_alerts) == (Status.FIRING, 1)


def test_the_last_ones_end_at_once(story: Story) -> None:
    story.hears(told(since=0, instance="a"), told(since=0, instance="b"))
    story.passes(3)
    receipts = story.hears(told(since=0, until=1, instance="a"), told(since=0, until=3, instance="b"))
    assert [receipt.reason for receipt in receipts] == [Reason.RESOLVED, Reason.RESOLVED]
    assert story.incident.resolved_at == at(3)


def test_an_alert_changes_several_times_within_one_batch(story: Story) -> None:
    receipts = story.hears(
        told(since=0), told(since=0, until=1), told(since=2), told(since=2), told(since=2, until=3), told(since=4)
    )
    assert [receipt.reason for receipt in receipts] == [
        Reason.OPENED, Reason.RESOLVED, Reason.REOPENED, Reason.DUPLICATE, Reason.RESOLVED, Reason.REOPENED,
    ]  # fmt: skip
    assert story.incident.reopen_count == 2


def test_a_repeat_within_one_batch_is_silent_and_names_the_incident(story: Story) -> None:
    first, repeat = story.hears(told(since=0), told(since=0))
    assert (first.reason, repeat.reason) == (Reason.OPENED, Reason.DUPLICATE)
    assert repeat.incident_id == first.incident_id
    assert len(story.ledger.records) == 1


def test_times_of_the_source_and_of_lookout_are_kept_apart(story: Story) -> None:
    story.passes(3)
    story.fires(since=1)
    event = story.ledger.records[0].event
    assert (event.occurred_at, event.recorded_at) == (at(1), at(3))


def test_the_log_carries_what_was_received(story: Story) -> None:
    alert = leased(since=0, until=4, now=NOW, instance="a")
    story.hears(alert)
    [change] = story.ledger.records[0].alerts
    assert change.alert == alert
    assert (change.starts_at, change.ends_at, change.is_new) == (at(0), None, True)


def test_the_title_does_not_follow_the_alerts(story: Story) -> None:
    story.fires(instance="a", job="api")
    title = story.incident.title
    story.fires(instance="b", job="api", severity="critical")
    assert story.incident.title == title == "Down (job=api)"


def test_editing_the_policy_does_not_regroup_what_fires() -> None:
    story = Story()
    story.fires(job="a", instance="1")
    first = story.incident
    edited = Story(Policy(group_by=("instance",)))
    edited.ledger.know(first)
    edited.ledger.alerts = story.ledger.alerts
    edited.ledger.leases = story.ledger.leases
    edited.passes(1)
    assert edited.resolves(job="a", instance="1") is Reason.RESOLVED
    assert edited.incident.id == first.id


def test_an_alert_known_by_its_fingerprint_alone_is_named_in_a_delta_by_it(story: Story) -> None:
    story.fires()
    story.resolves()
    change = story.ledger.records[-1].event.change
    assert isinstance(change, ResolvedChange)
    assert isinstance(change.alerts, AlertsDelta)
    assert change.alerts.first[0].name == label_set({"alertname": "Down"}).fingerprint


def test_of_the_incidents_of_a_key_the_last_counts_whichever_was_read_first(story: Story) -> None:
    story.fires()
    story.resolves()
    story.passes(60)
    story.fires(since=60)
    first, last = story.incidents
    ledger = Ledger("acme", story.ledger.last_position, story.policy, story.fresh_id)
    ledger.know(last)
    ledger.know(first)
    assert ledger.incidents[last.dedup_key] == last
