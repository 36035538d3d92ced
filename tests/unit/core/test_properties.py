"""What holds under any interleaving of alerts, expiries and people: the invariants of the log and its projections."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.examples import examples
from tests.unit.answering import alertmanager_says, listed, prometheus_says, reconciles
from tests.unit.stories import POLICY, TALKATIVE, TERSE, Story, leased, open_keys, told

from lookout.alerts.alert import Alert, AlertStatus
from lookout.incidents.actions import Acknowledge, Action, AddNote, Assign, AttachInvestigation, Resolve
from lookout.incidents.evolve import evolve
from lookout.incidents.incident import Incident
from lookout.incidents.investigation import Investigation
from lookout.incidents.lease import ENDED_LEASES_KEPT, LATENESS, LIVE_LEASES_KEPT
from lookout.incidents.ledger import AlertState, alert_after

pytestmark = pytest.mark.no_cover  # measuring this many examples would take longer than running them

INSTANCES = st.sampled_from(["a", "b"])
JOBS = st.sampled_from(["x", "y"])
SEVERITIES = st.sampled_from(["info", "critical"])
REPLICAS = st.sampled_from(["", "1", "2"])
AGES = st.sampled_from([None, 0, 0.5, 1, 3, 10])
SPANS = st.sampled_from([-6, -1, 0, 0.5, 4, 5, 600])
NEVER = (-2.0, -1.0)
"""Since when, and until when, something fired that is not known to have fired."""
WORDS = st.tuples(st.sampled_from(["prometheus", "alertmanager", "second"]), st.sampled_from(["", "1"]), INSTANCES)
"""A sender, its replica and what it speaks of."""
RANDOMS = st.randoms(use_true_random=False)
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.just(Acknowledge("ann")),
    st.builds(Assign, st.just("ann"), st.sampled_from([None, "bob"])),
    st.just(Resolve("ann")),
    st.just(AddNote("ann", "text")),
    st.builds(
        AttachInvestigation,
        st.just("ann"),
        st.builds(Investigation, st.sampled_from(["r1", "r2"]), st.just("skipper"), st.sampled_from(["x", "y"])),
    ),
)


class LedgerMachine(RuleBasedStateMachine):
    """Alerts of a few senders, some of them mad; the timer; people. Time only moves forward."""

    policy = TALKATIVE

    def __init__(self) -> None:
        super().__init__()
        self.story = Story(self.policy)
        self.delivered: list[Alert] = []

    def _deliver(self, alerts: list[Alert]) -> None:
        self.story.hears(*alerts)
        before = len(self.story.ledger.records)
        self.delivered = alerts
        receipts = self.story.hears(*alerts[-1:])
        assert len(self.story.ledger.records) == before, "I7: a repeat adds nothing"
        assert not any(receipt.recorded for receipt in receipts)

    @rule(age=AGES, span=SPANS, instance=INSTANCES, job=JOBS, severity=SEVERITIES, replica=REPLICAS)
    def api_alert(self, age: float | None, span: float, instance: str, job: str, severity: str, replica: str) -> None:
        minute = self.story.minute
        since = minute - age if age is not None else None
        until = max(minute + span, since if since is not None else minute + span)
        labels = {"instance": instance, "job": job, "severity": severity}
        self._deliver([leased(since=since, until=until, now=self.story.now, replica=replica, **labels)])

    @rule(ages=st.lists(st.tuples(AGES, st.booleans(), INSTANCES, JOBS), min_size=1, max_size=4))
    def webhook(self, ages: list[tuple[float | None, bool, str, str]]) -> None:
        minute = self.story.minute
        self._deliver(
            [
                told(
                    since=minute - age if age is not None else None,
                    until=minute if ended else None,
                    instance=instance,
                    job=job,
                )
                for age, ended, instance, job in ages
            ]
        )

    @rule(minutes=st.sampled_from([0.005, 0.25, 1, 4, 5.5, 12 * 60]))
    def time_passes(self, minutes: float) -> None:
        self.story.passes(minutes)

    @rule()
    def timer(self) -> None:
        self.story.expires()
        before = len(self.story.ledger.records)
        self.story.expires()
        assert len(self.story.ledger.records) == before, "what has expired expires once"

    @rule(
        fires=st.sets(st.tuples(INSTANCES, JOBS)),
        age=st.sampled_from([0, 2]),
        replica=REPLICAS,
        by_webhook=st.booleans(),
    )
    def asks(self, fires: set[tuple[str, str]], age: float, replica: str, by_webhook: bool) -> None:
        source = "alertmanager" if by_webhook else "prometheus"
        alerts = [
            listed(since=self.story.minute - 3, source=source, replica=replica, instance=instance, job=job)
            for instance, job in sorted(fires)
        ]
        answer = alertmanager_says(*alerts) if by_webhook else prometheus_says(*alerts, replica=replica)
        reconciles(self.story, answer, asked=self.story.minute - age)
        before = len(self.story.ledger.records)
        assert reconciles(self.story, answer, asked=self.story.minute - age) == [], "asking again changes nothing"
        assert len(self.story.ledger.records) == before

    @rule()
    def timer_looks_at_what_waits(self) -> None:
        self.story.ledger.tell(self.story.now)
        assert not self.story.ledger.postponed.due_keys(self.story.now, POLICY.pace)

    @rule()
    def all_is_told(self) -> None:
        self.story.tells_what_waits()
        assert self.story.decided == self.story.firing, "the last state is told"

    @rule()
    def timer_looks_at_marks(self) -> None:
        self.story.calms()
        before = len(self.story.ledger.records)
        self.story.calms()
        assert len(self.story.ledger.records) == before, "a mark ends once"
        assert all(i.flapping_until is None or i.flapping_until > self.story.now for i in self.story.incidents)

    @rule()
    def outage(self) -> None:
        self.story.passes(30)
        self.story.listening_since = self.story.now

    @rule(action=ACTIONS, choice=st.integers(0, 5))
    def person(self, action: Action, choice: int) -> None:
        if self.story.incidents:
            incident = self.story.incidents[choice % len(self.story.incidents)]
            self.story.acts(action, incident.id)

    @invariant()
    def i2_one_open_incident_for_each_key(self) -> None:
        keys = [incident.dedup_key for incident in self.story.open_incidents]
        assert len(keys) == len(set(keys))

    @invariant()
    def i4_positions_are_gapless(self) -> None:
        records = self.story.ledger.records
        assert [record.event.position for record in records] == list(range(1, len(records) + 1))
        assert len({record.event.event_id for record in records}) == len(records)

    @invariant()
    def i5_the_fold_of_the_log_is_the_state(self) -> None:
        incidents: dict[str, Incident] = {}
        alerts: dict[str, AlertState] = {}
        for record in self.story.ledger.records:
            event = record.event
            incidents[event.incident_id] = evolve(incidents.get(event.incident_id), event)
            assert incidents[event.incident_id] == record.incident
            for change in record.alerts:
                alerts[change.fingerprint] = alert_after(alerts.get(change.fingerprint), change, event)
        assert incidents == self.story.ledger.by_id
        assert alerts == self.story.ledger.alerts

    @invariant()
    def counts_are_those_of_the_firing_alerts_and_open_means_firing(self) -> None:
        firing = [
            state.incident_id for state in self.story.ledger.alerts.values() if state.status is AlertStatus.FIRING
        ]
        for incident in self.story.incidents:
            assert incident.firing_alerts == firing.count(incident.id)
            assert incident.is_open == (incident.firing_alerts > 0)
            assert incident.total_alerts >= incident.firing_alerts

    @invariant()
    def the_mark_is_one(self) -> None:
        assert all(i.flapping == (i.flapping_until is not None) for i in self.story.incidents)

    @invariant()
    def an_alert_fires_while_one_of_its_leases_lives(self) -> None:
        ledger = self.story.ledger
        alive = {
            name
            for name, leases in ledger.leases.items()
            if any(x.is_alive(self.story.policy) for x in leases.values())
        }
        assert alive == self.story.decided

    @invariant()
    def an_incident_has_a_report_once(self) -> None:
        reports = [
            (record.incident.id, record.investigation.report_id)
            for record in self.story.ledger.records
            if record.investigation is not None
        ]
        assert len(reports) == len(set(reports))
        for incident in self.story.incidents:
            assert incident.investigation_count == sum(incident_id == incident.id for incident_id, _ in reports)

    @invariant()
    def i8_leases_are_bounded(self) -> None:
        bound = ENDED_LEASES_KEPT + LIVE_LEASES_KEPT
        assert all(len(leases) <= bound for leases in self.story.ledger.leases.values())


class PostponingMachine(LedgerMachine):
    """The same, where changes wait for each other."""

    policy = TERSE


class UsualMachine(LedgerMachine):
    """The same at the usual pace."""

    policy = POLICY


class ConvergingMachine(RuleBasedStateMachine):
    """Two Lookouts, with the same clock, timers and people. Their senders tell the truth about what fires.

    One hears each message once and as it is sent. The other hears all of a moment in another order, each of it twice,
    and again what was told earlier and is no older than a message may be.
    """

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = self.both = Story(TALKATIVE), Story(TALKATIVE)
        self.world: dict[str, tuple[float, float | None]] = {}
        """What fires, or fired last, by instance: since which minute, and until which."""
        self.under_way: list[Alert] = []
        self.sent: list[tuple[float, Alert]] = []

    def _arrives(self, random: Random) -> None:
        """What is sent has been heard by both."""
        earlier = [alert for minute, alert in self.sent if self._may_come_again(minute, alert)]
        order = self.under_way * 2 + random.sample(earlier, min(len(earlier), 5))
        random.shuffle(order)
        for alert in order:
            self.other.hears(alert)
        self.under_way.clear()

    def _may_come_again(self, sent_at: float, alert: Alert) -> bool:
        """A promise that has run out reads as an end, and a webhook's message that is later than a minute is news."""
        if alert.leased:
            return alert.status is AlertStatus.RESOLVED or (alert.ends_at or self.one.now) > self.one.now
        return timedelta(minutes=self.one.minute - sent_at) < LATENESS

    @rule(
        before=st.sets(WORDS),
        changes=st.sets(INSTANCES),
        after=st.sets(WORDS),
        minutes=st.sampled_from([0.005, 0.25, 1, 4, 5.5, 12 * 60]),
        random=RANDOMS,
    )
    def time_passes(
        self,
        before: set[tuple[str, str, str]],
        changes: set[str],
        after: set[tuple[str, str, str]],
        minutes: float,
        random: Random,
    ) -> None:
        """Senders speak of what is so before and after something begins or ends. Then all of it arrives."""
        for word in sorted(before):
            self._speaks(*word)
        if any(self.world.get(instance, NEVER)[1] is not None for instance in changes):
            self._arrives(random)  # what begins anew and overtakes the end that a person made is the same firing
        for instance in sorted(changes):
            since, until = self.world.get(instance, NEVER)
            self.world[instance] = (self.one.minute, None) if until is not None else (since, self.one.minute)
        for word in sorted(after):
            self._speaks(*word)
        self._arrives(random)
        for story in self.both:
            story.passes(minutes)

    def _speaks(self, source: str, replica: str, instance: str) -> None:
        if instance in self.world:
            since, until = self.world[instance]
            if source == "prometheus":
                until = until if until is not None else self.one.minute + 4
                alert = leased(since=since, until=until, now=self.one.now, replica=replica, instance=instance)
            else:
                alert = told(since=since, until=until, source=source, instance=instance)
            self.one.hears(alert)
            self.under_way.append(alert)
            self.sent.append((self.one.minute, alert))

    @rule()
    def timer(self) -> None:
        for story in self.both:
            story.expires()

    @rule()
    def outage(self) -> None:
        for story in self.both:
            story.passes(30)
            story.listening_since = story.now

    @rule(action=ACTIONS, choice=st.integers(0, 1))
    def person(self, action: Action, choice: int) -> None:
        opened = [{incident.dedup_key: incident.id for incident in story.open_incidents} for story in self.both]
        for story, ids in zip(self.both, opened, strict=True):
            if ids:
                story.acts(action, ids[sorted(ids)[choice % len(ids)]])

    @invariant()
    def i3_the_same_alerts_fire_and_the_same_incidents_are_open(self) -> None:
        assert self.one.firing == self.other.firing
        assert open_keys(self.one.ledger) == open_keys(self.other.ledger)


LedgerMachine.TestCase.settings = examples(100, stateful_step_count=30)
PostponingMachine.TestCase.settings = examples(100, stateful_step_count=30)
UsualMachine.TestCase.settings = examples(50, stateful_step_count=40)
ConvergingMachine.TestCase.settings = examples(200, stateful_step_count=30)
TestLedger = LedgerMachine.TestCase
TestPostponing = PostponingMachine.TestCase
TestUsual = UsualMachine.TestCase
TestConverging = ConvergingMachine.TestCase
