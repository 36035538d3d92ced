"""Who says that an alert fires, how long that word stands, and what ends it."""

from datetime import timedelta
from itertools import permutations

import msgspec
import pytest
from tests.unit.stories import POLICY, Story, leased, told
from tests.unit.times import NOW, at

from lookout.alerts.alert import AlertStatus
from lookout.alerts.source import Source
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.lease import ENDED_LEASES_KEPT, LIVE_LEASES_KEPT, Lease, check_at
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason


@pytest.fixture
def story() -> Story:
    return Story()


def _leases(story: Story) -> list[Lease]:
    [leases] = story.ledger.leases.values()
    return list(leases.values())


def test_i7_a_resend_renews_the_lease_and_is_silent(story: Story) -> None:
    story.fires()
    for _ in range(30):
        story.passes(1)
        assert story.fires() is Reason.DUPLICATE
        story.expires()
    assert len(story.ledger.records) == 1
    assert _leases(story)[0].ends_at == at(34)


def test_a_promise_never_shrinks(story: Story) -> None:
    story.fires(lease=4)
    story.fires(lease=2)
    assert _leases(story)[0].ends_at == at(4)


@pytest.mark.parametrize(("minutes", "status"), [(4.99, Status.FIRING), (5, Status.RESOLVED)])
def test_a_lease_expires_at_its_end_and_one_resend_of_grace(story: Story, minutes: float, status: Status) -> None:
    story.fires()
    story.passes(minutes)
    story.expires()
    assert story.incident.status is status


@pytest.mark.parametrize(("minutes", "status"), [(719, Status.FIRING), (720, Status.RESOLVED)])
def test_what_a_webhook_told_expires_after_twelve_hours_without_a_repeat(
    story: Story, minutes: float, status: Status
) -> None:
    story.tells()
    story.passes(minutes)
    story.expires()
    assert story.incident.status is status


def test_each_source_may_have_an_expiry_of_its_own() -> None:
    policy = Policy(sources={"grafana": Source(expiry=timedelta(hours=1))})
    for source, is_open in (("grafana", False), ("alertmanager", True)):
        story = Story(policy)
        story.tells(source=source)
        story.passes(60)
        story.expires()
        assert story.incident.is_open is is_open


def test_a_repeat_of_a_webhook_keeps_it_alive(story: Story) -> None:
    story.tells()
    story.passes(600)
    assert story.tells() is Reason.DUPLICATE
    story.passes(600)
    story.expires()
    assert story.incident.is_open


def test_a_repeat_after_the_expiry_fires_again(story: Story) -> None:
    story.tells()
    story.passes(720)
    story.expires()
    story.passes(1)
    assert story.tells() is Reason.REOPENED


def test_a_later_lease_of_the_same_firing_revives_what_expired(story: Story) -> None:
    """A rule's error stops the resends; then the alert comes back with the start it had."""
    story.fires()
    story.passes(6)
    story.expires()
    assert story.incident.resolution is Resolution.EXPIRED
    assert story.fires() is Reason.REOPENED


def test_a_late_repeat_of_a_lease_that_expired_is_stale(story: Story) -> None:
    """The sender's clock is behind: its promise is one that has run out already."""
    story.fires(lease=4)
    story.passes(5)
    story.expires()
    story.passes(-2)
    assert story.fires(lease=1) is Reason.STALE


def test_silence_counts_only_since_lookout_listens(story: Story) -> None:
    story.fires()
    story.passes(60)
    story.listening_since = story.now
    story.expires()
    assert story.incident.is_open
    story.passes(0.99)
    story.expires()
    assert story.incident.is_open
    story.passes(0.01)
    story.expires()
    assert not story.incident.is_open


def test_a_twins_resolve_does_not_end_what_the_other_holds(story: Story) -> None:
    story.fires(since=0, replica="a")
    assert story.fires(since=0.01, replica="b") is Reason.DUPLICATE
    story.passes(1)
    assert story.resolves(since=0, replica="a") is Reason.HELD
    assert story.resolves(since=0.01, replica="b") is Reason.RESOLVED
    assert len(story.ledger.records) == 2


def test_a_twins_resolve_with_the_very_same_start_does_not_either(story: Story) -> None:
    story.fires(replica="a")
    story.fires(replica="b")
    story.passes(1)
    assert story.resolves(replica="a") is Reason.HELD


def test_a_twin_that_dies_holds_the_alert_no_longer_than_its_lease(story: Story) -> None:
    story.fires(replica="a")
    story.fires(replica="b")
    story.passes(1)
    story.resolves(replica="a")
    story.passes(4)
    story.expires()
    assert story.incident.resolution is Resolution.EXPIRED


def test_a_restarted_sender_goes_on_with_a_new_start_and_is_silent(story: Story) -> None:
    story.fires(since=0)
    story.passes(2)
    assert story.fires(since=2) is Reason.DUPLICATE
    story.passes(3)
    assert story.fires(since=2) is Reason.DUPLICATE
    story.expires()
    assert story.incident.is_open, "the first lease has run out, the second lives"
    assert story.incident.started_at == at(0)
    assert story.resolves(since=2) is Reason.RESOLVED
    assert len(story.ledger.records) == 2


def test_a_restarted_senders_resolve_waits_for_the_lease_it_forgot(story: Story) -> None:
    story.fires(since=0)
    story.passes(1)
    story.fires(since=1)
    story.passes(1)
    assert story.resolves(since=1) is Reason.HELD
    story.passes(3)
    story.expires()
    assert not story.incident.is_open


def test_i3_resolve_before_firing_leaves_it_ended(story: Story) -> None:
    story.passes(2)
    story.resolves(until=1)
    assert story.fires(lease=1) is Reason.STALE
    assert story.incidents == []


def test_i3_a_late_firing_after_the_resolve_changes_nothing(story: Story) -> None:
    story.fires()
    story.passes(1)
    story.resolves()
    assert story.fires(lease=3.5) is Reason.STALE
    assert story.tells(since=0) is Reason.STALE
    assert len(story.ledger.records) == 2


def test_i3_a_late_resolve_does_not_close_a_newer_firing(story: Story) -> None:
    story.fires(since=0)
    story.passes(5)
    story.expires()
    story.passes(1)
    assert story.fires(since=6) is Reason.REOPENED
    assert story.resolves(since=0, until=3) is Reason.HELD
    assert story.incident.is_open


def test_a_promise_made_after_the_resolve_stands(story: Story) -> None:
    """Twins without a label that tells them apart, with equal starts: the other one still sends."""
    story.fires()
    story.passes(1)
    story.resolves()
    story.passes(1)
    assert story.fires() is Reason.REOPENED


def test_a_resolve_ends_a_promise_longer_than_any_resend_makes(story: Story) -> None:
    """`amtool alert add --end` in an hour, or an evaluation interval of minutes."""
    story.fires(lease=60)
    story.passes(1)
    assert story.resolves() is Reason.RESOLVED


@pytest.mark.parametrize("late", [0.001, 0.5, 2])
def test_an_end_that_comes_late_ends_a_promise_that_was_made_before_it(story: Story, late: float) -> None:
    """A sender that leaves `endsAt` out is given five minutes: when the end is heard they reach no lease further."""
    story.fires(lease=5)
    story.passes(0.9999 + late)
    assert story.resolves(until=0.9999) is Reason.RESOLVED


def test_i3_an_end_that_comes_late_does_not_end_a_promise_that_was_made_after_it(story: Story) -> None:
    story.fires()
    story.passes(2)
    story.fires()
    story.passes(1)
    assert story.resolves(until=1.5) is Reason.HELD
    assert story.incident.is_open


def test_a_repeat_of_a_known_end_does_not_end_a_long_promise_made_since(story: Story) -> None:
    story.fires(lease=60)
    story.passes(1)
    story.resolves(until=1)
    story.passes(1)
    assert story.fires(lease=60) is Reason.REOPENED
    assert story.resolves(until=1) is Reason.STALE
    assert story.incident.is_open


def test_two_sources_with_one_alert_make_one_incident(story: Story) -> None:
    story.fires(since=0)
    assert story.tells(since=0) is Reason.DUPLICATE
    assert (story.incident.firing_alerts, len(story.ledger.records)) == (1, 1)


@pytest.mark.parametrize("first", ["prometheus", "alertmanager"])
def test_the_resolve_of_either_source_is_about_the_firing_that_both_told(story: Story, first: str) -> None:
    story.fires(since=0)
    story.tells(since=0)
    story.passes(1)
    reason = story.resolves(since=0) if first == "prometheus" else story.tells(since=0, until=1)
    assert reason is Reason.RESOLVED


def test_one_source_is_silent_and_the_other_holds_the_alert(story: Story) -> None:
    story.fires(since=0)
    story.tells(since=0.5)
    story.passes(6)
    story.expires()
    assert story.incident.is_open
    assert story.tells(since=0.5, until=6) is Reason.RESOLVED


def test_i3_an_end_told_by_one_source_is_known_to_the_other_that_comes_late(story: Story) -> None:
    story.passes(1)
    story.tells(since=0, until=1)
    assert story.fires(since=0, lease=3) is Reason.STALE


def test_i3_the_resolve_of_a_webhook_ends_all_that_began_before_whatever_start_it_states(story: Story) -> None:
    """Alertmanager peers differ in the start by fractions of a second."""
    story.tells(since=0)
    story.tells(since=0.001)
    story.passes(1)
    assert story.tells(since=0, until=1) is Reason.RESOLVED
    assert story.tells(since=0.002) is Reason.STALE


def test_i3_an_end_that_one_webhook_spreads_to_its_peers_start_is_not_spread_to_other_sources(story: Story) -> None:
    """Whether the peer's word was heard before must not matter to a Prometheus twin that started with the peer."""
    for heard in (True, False):
        other = Story()
        other.passes(1)
        other.tells(since=0)
        if heard:
            other.tells(since=0.5)
        other.tells(since=0, until=0.75)
        other.fires(since=0.5, lease=3.5)
        assert other.incident.is_open


def test_i3_the_end_of_each_start_is_remembered_though_another_lease_ended_with_it(story: Story) -> None:
    story.passes(1)
    story.tells(since=0.5)
    story.tells(since=0, until=0.75)
    assert story.fires(since=0, lease=3.5) is Reason.STALE


def test_two_ends_of_one_firing_leave_the_later(story: Story) -> None:
    story.passes(2)
    story.tells(since=0, until=2)
    story.tells(since=0, until=1)
    [lease] = _leases(story)
    assert (lease.resolved_at, lease.told_end) == (at(2), at(2))


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_i3_the_latest_end_of_a_firing_counts_whoever_tells_it_in_any_order(story: Story, order: list[int]) -> None:
    """A promise that reaches a little beyond what the one end allows, and not beyond what the other does."""
    story.passes(2)
    ends = [told(since=0, until=1.125), leased(since=0, until=1, now=story.now)]
    messages = [*ends, leased(since=0, until=5.05, now=story.now)]
    for place in order:
        story.hears(messages[place])
    assert [state.status for state in story.ledger.alerts.values() if state.status is AlertStatus.FIRING] == []


def test_a_sender_that_states_no_start_has_one_firing_from_when_it_was_first_heard(story: Story) -> None:
    """amtool, curl."""
    story.fires(since=None, lease=5)
    story.passes(1)
    assert story.fires(since=None, lease=5) is Reason.DUPLICATE
    assert story.incident.started_at == at(0)
    story.passes(1)
    assert story.resolves(since=None) is Reason.RESOLVED
    story.passes(1)
    assert story.fires(since=None, lease=5) is Reason.REOPENED


def test_a_resolve_without_a_start_ends_what_the_sender_told_with_one(story: Story) -> None:
    story.fires(since=0)
    story.passes(1)
    assert story.resolves(since=None) is Reason.RESOLVED


def test_a_resolve_without_a_start_says_nothing_for_other_senders(story: Story) -> None:
    story.fires(since=0)
    story.passes(1)
    assert story.tells(since=None, until=1) is Reason.HELD


def test_a_webhook_that_states_no_start_is_understood(story: Story) -> None:
    story.tells(since=None)
    story.passes(1)
    assert story.tells(since=None) is Reason.DUPLICATE
    assert story.tells(since=None, until=1) is Reason.RESOLVED


def test_i7_a_webhook_that_states_no_start_begins_anew_once_after_an_operators_resolve_of_others_words(
    story: Story,
) -> None:
    """At the very moment of the resolve too."""
    story.tells(source="grafana")
    story.operator_resolves()
    assert story.tells(since=None) is Reason.REOPENED
    assert story.tells(since=None) is Reason.DUPLICATE


def test_a_webhook_that_takes_an_end_back_is_late_within_a_minute_and_heard_after_it(story: Story) -> None:
    """Alertmanager does so after a partition: the lease it held ran out, and the alert came back with its old start."""
    story.tells(since=0)
    story.passes(5)
    story.tells(since=0, until=4)
    story.passes(1)
    assert story.tells(since=0) is Reason.STALE
    story.passes(0.1)
    assert story.tells(since=0) is Reason.REOPENED
    assert story.incident.is_open


def test_i3_a_webhooks_late_word_is_late_too_where_another_path_told_the_same_end_first(story: Story) -> None:
    """Alertmanager passes on the end that Prometheus told it: who tells it directly may be the quicker one."""
    story.fires(since=0)
    story.tells(since=0)
    story.passes(4)
    story.resolves(since=0)
    story.tells(since=0, until=4)
    assert story.tells(since=0) is Reason.STALE
    assert not story.incident.is_open


@pytest.mark.parametrize("minutes", [719, 720, 800])
def test_i3_a_webhooks_late_word_is_late_too_where_it_had_run_out_before_another_path_told_the_end(
    story: Story, minutes: float
) -> None:
    """Nobody had looked at the time since: it is no end that its own sender told and might take back."""
    story.tells(since=0)
    story.passes(minutes)
    story.fires(since=0)
    story.resolves(since=0)
    assert story.tells(since=0) is Reason.STALE
    assert not story.incident.is_open


def test_an_end_that_has_not_come_yet_is_an_end_now(story: Story) -> None:
    story.tells(since=0)
    story.passes(1)
    assert story.tells(since=0, until=600) is Reason.RESOLVED
    assert story.incident.resolved_at == at(1)
    story.passes(2)
    assert story.tells(since=3) is Reason.REOPENED


def test_nothing_began_later_than_it_was_told(story: Story) -> None:
    story.tells(since=600)
    assert story.incident.started_at == at(0)


def test_an_alert_whose_leases_no_longer_stand_by_a_new_policy_ends(story: Story) -> None:
    story.fires(since=0)
    fingerprint = next(iter(story.ledger.leases))
    leases = story.ledger.leases[fingerprint]
    story.ledger.leases[fingerprint] = {
        key: msgspec.structs.replace(lease, resolved_at=lease.ends_at) for key, lease in leases.items()
    }
    story.ledger.expire([fingerprint], at(1), at(0))
    assert not story.incident.is_open


def test_the_latest_annotations_are_kept_with_the_lease(story: Story) -> None:
    story.hears(told(since=0))
    [lease] = _leases(story)
    assert lease.annotations == {}


def test_i3_what_fired_for_long_and_has_just_ended_is_remembered_beyond_firings_that_began_later(story: Story) -> None:
    """Alertmanager tells the earliest of all starts; the Prometheus behind it was restarted again and again."""
    story.tells(since=-600)
    for _ in range(2 * ENDED_LEASES_KEPT):
        started = story.minute
        story.fires(since=started)
        story.passes(1)
        story.resolves(since=started)
    assert story.tells(since=-600, until=story.minute) is Reason.RESOLVED
    story.passes(0.25)
    assert story.tells(since=-600) is Reason.STALE


def test_i8_ended_leases_are_bounded_and_those_that_ended_first_are_forgotten(story: Story) -> None:
    for number in range(30):
        story.tells(since=number)
        story.passes(1)
        story.tells(since=number, until=number + 1)
    starts = sorted(lease.starts_at for lease in _leases(story))
    assert starts == [at(number) for number in range(30 - ENDED_LEASES_KEPT, 30)]
    assert len(story.ledger.forgotten_leases) == 30 - ENDED_LEASES_KEPT
    assert not story.ledger.forgotten_leases & story.ledger.changed_leases.keys()


def test_i8_living_leases_are_bounded(story: Story) -> None:
    """A sender that gives each message another start."""
    for number in range(40):
        story.fires(since=number / 100, lease=4 + number / 100)
    assert len(_leases(story)) == LIVE_LEASES_KEPT
    assert len(story.ledger.records) == 1


def test_i8_what_an_operator_closed_does_not_push_out_what_is_alive(story: Story) -> None:
    for number in range(LIVE_LEASES_KEPT):
        story.tells(since=-number)
    story.operator_resolves()
    story.passes(1)
    assert story.fires(since=1) is Reason.REOPENED
    story.expires()
    assert story.incident.is_open


def test_an_operators_closure_reaches_as_far_as_the_promise_that_was_closed(story: Story) -> None:
    story.fires(since=0)
    story.passes(1)
    story.operator_resolves()
    story.passes(3.5)
    assert story.fires(since=4.01) is Reason.REOPENED


def test_leases_that_overlap_a_closed_one_are_closed_with_it_one_after_another(story: Story) -> None:
    story.fires(since=0)
    story.operator_resolves()
    for minute in range(3, 30, 3):
        story.passes(3)
        assert story.fires(since=minute) is Reason.CLOSED


def test_an_operators_closure_of_an_ended_or_expired_lease_reaches_to_itself(story: Story) -> None:
    story.fires(since=0)
    story.passes(1)
    story.operator_resolves()
    story.passes(1)
    story.resolves(since=0)
    assert story.fires(since=2) is Reason.REOPENED


LEASE = Lease("prometheus", "", NOW, at(4), True, NOW)
GRACE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("lease", "is_known", "expected"),
    [
        (LEASE, True, at(5)),
        (Lease("alertmanager", "", NOW, at(720), False, NOW), True, at(720)),
        (Lease("prometheus", "", NOW, at(4), True, NOW, expired=True), True, None),
        (Lease("prometheus", "", NOW, at(4), True, NOW, expired=True), False, None),
        (Lease("prometheus", "", NOW, at(1), True, NOW, resolved_at=at(1)), True, None),
        (Lease("prometheus", "", NOW, at(1), True, NOW, resolved_at=at(1)), False, at(721)),
    ],
    ids=["promise", "webhook", "expired", "expired, unknown", "ended", "ended, unknown"],
)
def test_when_time_will_change_a_lease(lease: Lease, is_known: bool, expected: object) -> None:
    assert check_at(lease, POLICY, is_known=is_known) == expected


def test_the_grace_follows_the_policy() -> None:
    policy = Policy(resend_delay=timedelta(minutes=3))
    assert LEASE.due_at(policy) == at(7)
    assert policy.lease_length == timedelta(minutes=12)
