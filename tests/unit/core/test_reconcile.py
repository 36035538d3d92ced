"""What the answers of a source that is asked mean: what begins, what ends, and when nothing is proven."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.answering import (
    RULES,
    alertmanager_says,
    compared,
    held,
    labelled,
    listed,
    prometheus_says,
    reconciles,
)
from tests.unit.stories import Story
from tests.unit.times import at

from lookout.alerts.alert import Alert
from lookout.alerts.answer import Answer, Rule
from lookout.alerts.source import Source
from lookout.incidents.events import EventType
from lookout.incidents.incident import Resolution, Status
from lookout.incidents.policy import Policy
from lookout.incidents.reconcile import Finding, differing
from lookout.incidents.transitions import Reason

SILENT = prometheus_says()


@pytest.fixture
def story() -> Story:
    return Story()


def _only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


class TestWhatEnds:
    def test_what_prometheus_no_longer_fires_resolves_as_reconciled(self, story: Story) -> None:
        story.fires()
        story.passes(2)
        finding = _only(reconciles(story, SILENT))
        assert (finding.name, finding.is_firing, finding.reason) == ("Down", False, Reason.RESOLVED)
        assert finding.incident_id == story.incident.id
        assert story.incident.resolution is Resolution.RECONCILED
        assert story.incident.resolved_at == at(2)

    def test_an_end_that_its_sender_never_told_is_a_fact_of_the_moment_of_the_question(self, story: Story) -> None:
        story.fires()
        story.passes(3)
        reconciles(story, SILENT, asked=2)
        assert story.incident.resolved_at == at(2)

    def test_what_alertmanager_no_longer_has_resolves_as_reconciled(self, story: Story) -> None:
        story.tells()
        story.passes(60)
        assert _only(reconciles(story, alertmanager_says())).reason is Reason.RESOLVED
        assert story.incident.resolution is Resolution.RECONCILED

    def test_one_of_several_leaves_and_the_incident_goes_on(self, story: Story) -> None:
        story.fires(instance="a")
        story.fires(instance="b")
        story.passes(1)
        assert _only(reconciles(story, prometheus_says(listed(instance="b")))).reason is Reason.LEFT
        assert story.incident.status is Status.FIRING
        assert story.incident.firing_alerts == 1

    def test_what_ends_and_begins_together_is_one_fact(self, story: Story) -> None:
        story.fires(instance="a")
        story.passes(1)
        findings = reconciles(story, prometheus_says(listed(since=1, instance="b")))
        assert {finding.is_firing for finding in findings} == {True, False}
        assert story.told_events == [EventType.OPENED, EventType.ALERTS_CHANGED]

    def test_only_the_word_of_the_source_that_was_asked_ends(self, story: Story) -> None:
        story.fires()
        story.tells()
        story.passes(1)
        assert reconciles(story, alertmanager_says()) == []
        assert story.incident.is_open
        assert _only(reconciles(story, SILENT)).reason is Reason.RESOLVED

    def test_another_sender_of_the_same_api_is_left_alone(self, story: Story) -> None:
        """Its alerts are of no rule that the Prometheus which was asked has, or lack its external labels."""
        story.fires(alertname="LokiSlow")
        story.fires(cluster="us")
        story.passes(1)
        assert reconciles(story, prometheus_says(rules={"Down": Rule({"cluster": "eu"}, is_evaluated=True)})) == []

    def test_an_alert_without_a_name_is_of_no_rule(self, story: Story) -> None:
        story.fires(alertname="", instance="a")
        story.passes(1)
        assert reconciles(story, SILENT) == []

    def test_a_promise_beyond_a_whole_lease_ends_too(self, story: Story) -> None:
        story.fires(lease=120)
        story.passes(1)
        assert _only(reconciles(story, SILENT)).reason is Reason.RESOLVED


class TestWhenNothingIsProven:
    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(prometheus_says(unsettled=[labelled()]), id="pending"),
            pytest.param(prometheus_says(rules={"Down": Rule({}, is_evaluated=False)}), id="rule not evaluated"),
            pytest.param(prometheus_says(rules={}), id="no such rule"),
            pytest.param(prometheus_says(running_since=1), id="restarted"),
            pytest.param(prometheus_says(replica="b"), id="the other twin"),
        ],
    )
    def test_absence_is_not_an_end(self, story: Story, answer: Answer) -> None:
        story.fires()
        story.passes(2)
        assert reconciles(story, answer) == []
        assert story.incident.is_open

    def test_an_alertmanager_that_restarted_has_forgotten_and_has_to_be_told_again_first(self, story: Story) -> None:
        story.tells()
        story.passes(10)
        assert reconciles(story, alertmanager_says(running_since=6.1)) == []
        assert _only(reconciles(story, alertmanager_says(running_since=6))).reason is Reason.RESOLVED

    def test_an_alertmanager_that_told_it_in_this_life_has_not_forgotten(self, story: Story) -> None:
        story.tells()
        story.passes(1)
        assert _only(reconciles(story, alertmanager_says(running_since=-1))).reason is Reason.RESOLVED

    def test_what_was_heard_since_the_question_is_newer_than_the_answer(self, story: Story) -> None:
        story.passes(1)
        story.fires()
        assert reconciles(story, SILENT, asked=1) == []
        assert reconciles(story, SILENT, asked=0.5) == []
        story.resolves()
        assert reconciles(story, prometheus_says(listed()), asked=0.5) == []
        assert story.told_events == [EventType.OPENED, EventType.RESOLVED]

    def test_an_address_that_did_not_answer_might_speak_of_it(self, story: Story) -> None:
        story.fires()
        story.tells(instance="b")
        story.passes(1)
        assert reconciles(story, SILENT, is_whole=False) == []
        assert reconciles(story, alertmanager_says(), is_whole=False) == []
        assert story.incident.firing_alerts == 2

    def test_but_what_the_others_fire_begins(self, story: Story) -> None:
        assert _only(reconciles(story, prometheus_says(listed()), is_whole=False)).reason is Reason.OPENED

    def test_two_that_share_the_alert_have_to_agree(self, story: Story) -> None:
        story.fires()
        story.passes(1)
        assert reconciles(story, SILENT, prometheus_says(listed())) == []
        assert reconciles(story, SILENT, prometheus_says(running_since=0.5)) == []
        assert _only(reconciles(story, SILENT, SILENT)).reason is Reason.RESOLVED


class TestTwins:
    def test_only_the_lease_of_the_twin_that_was_asked_ends(self, story: Story) -> None:
        story.fires(replica="a")
        story.fires(replica="b")
        story.passes(1)
        assert reconciles(story, prometheus_says(replica="a")) == []
        assert story.incident.is_open
        assert story.resolves(replica="b") is Reason.RESOLVED

    def test_a_twin_with_a_name_speaks_for_itself_while_the_other_does_not_answer(self, story: Story) -> None:
        story.fires(replica="a")
        story.passes(1)
        assert _only(reconciles(story, prometheus_says(replica="a"), is_whole=False)).reason is Reason.RESOLVED

    def test_each_twin_that_fires_it_holds_it(self, story: Story) -> None:
        answers = [prometheus_says(listed(replica=name), replica=name) for name in "ab"]
        assert _only(reconciles(story, *answers)).reason is Reason.OPENED
        story.passes(1)
        assert story.resolves(replica="a") is Reason.HELD
        assert story.resolves(replica="b") is Reason.RESOLVED


class TestWhatBegins:
    def test_what_fires_and_lookout_lacks_opens_since_it_fired(self, story: Story) -> None:
        story.passes(10)
        finding = _only(reconciles(story, prometheus_says(listed(since=3))))
        assert (finding.name, finding.is_firing, finding.reason) == ("Down", True, Reason.OPENED)
        assert story.incident.started_at == at(3)

    def test_it_joins_the_open_incident_of_its_group(self, story: Story) -> None:
        story.fires(instance="a")
        story.passes(1)
        answer = prometheus_says(listed(instance="a"), listed(instance="b"))
        assert _only(reconciles(story, answer)).reason is Reason.JOINED

    def test_it_reopens_what_ended_a_moment_ago(self, story: Story) -> None:
        story.fires()
        story.passes(2)
        story.resolves()
        story.passes(3)
        assert _only(reconciles(story, prometheus_says(listed(since=4)))).reason is Reason.REOPENED

    def test_its_senders_next_message_is_silent_and_its_end_is_heard_at_once(self, story: Story) -> None:
        """The start that a Prometheus lists is a guess: it sends another, a moment later."""
        story.passes(10)
        reconciles(story, prometheus_says(listed(since=3)))
        story.passes(0.5)
        assert story.fires(since=3.2) is Reason.DUPLICATE
        story.passes(0.5)
        assert story.resolves(since=3.2) is Reason.RESOLVED
        assert story.incident.resolution is Resolution.SOURCE

    def test_its_end_is_heard_also_if_nothing_else_is(self, story: Story) -> None:
        story.passes(10)
        reconciles(story, prometheus_says(listed(since=3)))
        story.passes(1)
        assert story.resolves(since=3.2) is Reason.RESOLVED

    def test_the_late_end_of_an_older_firing_does_not_end_it(self, story: Story) -> None:
        story.passes(10)
        reconciles(story, prometheus_says(listed(since=3)))
        story.passes(1)
        assert story.resolves(since=0, until=2) is Reason.HELD
        assert story.incident.is_open

    def test_a_guess_that_is_right_becomes_the_senders_lease(self, story: Story) -> None:
        reconciles(story, prometheus_says(listed()))
        story.passes(1)
        story.fires()
        [lease] = story.ledger.leases[labelled().fingerprint].values()
        assert lease.promised
        story.passes(4.9)
        story.expires()
        assert story.incident.is_open

    def test_without_another_word_it_expires_like_any_other(self, story: Story) -> None:
        reconciles(story, prometheus_says(listed()))
        story.passes(4.9)
        story.expires()
        assert story.incident.is_open
        story.passes(0.1)
        story.expires()
        assert story.incident.resolution is Resolution.EXPIRED

    def test_the_sources_expiry_is_how_long_it_lives(self) -> None:
        story = Story(Policy(sources={"prometheus": Source(expiry=timedelta(minutes=20))}))
        reconciles(story, prometheus_says(listed()))
        story.passes(19)
        story.expires()
        assert story.incident.is_open

    def test_what_alertmanager_has_opens_until_the_webhook_ends_it(self, story: Story) -> None:
        """Its list has milliseconds, its messages have more digits: the starts differ."""
        story.passes(10)
        assert _only(reconciles(story, alertmanager_says(listed(since=3, source="alertmanager")))).is_firing
        story.passes(60)
        assert story.tells(since=3.00001, until=69) is Reason.RESOLVED

    def test_what_is_silenced_there_begins_nothing(self, story: Story) -> None:
        assert reconciles(story, alertmanager_says(muted=[listed(source="alertmanager")])) == []
        assert story.incidents == []

    def test_what_an_operator_resolved_stays_resolved(self, story: Story) -> None:
        story.fires()
        story.operator_resolves()
        story.passes(1)
        assert reconciles(story, prometheus_says(listed())) == []
        story.passes(10)
        assert reconciles(story, prometheus_says(listed())) == []
        assert not story.incident.is_open

    def test_an_end_by_mistake_is_taken_back_by_the_next_message(self, story: Story) -> None:
        story.fires()
        story.tells(instance="b")
        story.passes(1)
        reconciles(story, SILENT)
        reconciles(story, alertmanager_says())
        assert not story.incident.is_open
        story.passes(1.1)
        assert story.fires() is Reason.REOPENED
        assert story.tells(instance="b") is Reason.JOINED


class TestWhatIsHeld:
    def test_what_would_run_out_before_its_sender_is_heard_is_held(self, story: Story) -> None:
        """Lookout was away for longer than the lease: the source says that it goes on."""
        story.fires()
        story.passes(30)
        story.listening_since = story.now
        assert reconciles(story, prometheus_says(listed())) == []
        story.passes(4)
        story.expires()
        assert story.told_events == [EventType.OPENED]

    def test_what_is_silenced_goes_on(self, story: Story) -> None:
        story.tells()
        story.passes(719.5)
        assert reconciles(story, alertmanager_says(muted=[listed(source="alertmanager")])) == []
        story.passes(60)
        story.expires()
        assert story.incident.is_open

    def test_a_lease_that_holds_is_not_touched(self, story: Story) -> None:
        story.fires()
        story.passes(1)
        story.fires()
        before = dict(story.ledger.leases[labelled().fingerprint])
        assert held(story, "prometheus")
        comparison = compared(story, prometheus_says(listed()))
        assert differing(held(story, "prometheus"), comparison, story.policy) == []
        assert story.ledger.reconcile([labelled().fingerprint], comparison, story.now) == []
        assert story.ledger.leases[labelled().fingerprint] == before


INSTANCES = st.sets(st.sampled_from("abcd"))


@given(holds=INSTANCES, fires=INSTANCES, by_webhook=st.booleans(), minutes=st.sampled_from([0.1, 1, 3.5, 30]))
def test_afterwards_it_fires_here_what_fires_there_and_asking_again_changes_nothing(
    holds: set[str], fires: set[str], by_webhook: bool, minutes: float
) -> None:
    story = Story()
    tell: Callable[..., Reason] = story.tells if by_webhook else story.fires
    for instance in sorted(holds):
        tell(instance=instance)
    both = {labelled(instance=instance).fingerprint for instance in holds & fires}
    states = {fingerprint: story.ledger.alerts[fingerprint] for fingerprint in both}
    story.passes(minutes)
    source = "alertmanager" if by_webhook else "prometheus"
    alerts: list[Alert] = [listed(instance=instance, source=source) for instance in sorted(fires)]
    answer = alertmanager_says(*alerts) if by_webhook else prometheus_says(*alerts, rules=RULES)
    findings = reconciles(story, answer)
    assert {finding.fingerprint for finding in findings} == {
        labelled(instance=instance).fingerprint for instance in holds ^ fires
    }
    assert story.firing == {labelled(instance=instance).fingerprint for instance in fires}
    assert {fingerprint: story.ledger.alerts[fingerprint] for fingerprint in both} == states
    records, leases = len(story.ledger.records), {name: dict(of) for name, of in story.ledger.leases.items()}
    story.passes(0.1)
    assert reconciles(story, answer) == []
    assert len(story.ledger.records) == records
    assert {name: dict(of) for name, of in story.ledger.leases.items()} == leases
