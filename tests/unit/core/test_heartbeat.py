"""Heartbeats, without a database: what is missing when, and what is held by it (I10)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.answering import listed, prometheus_says, reconciles
from tests.unit.stories import Story, leased
from tests.unit.times import NOW, at

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.alerts.source import Source
from lookout.incidents.events import EventType
from lookout.incidents.heartbeat import HEARTBEATS_LIMIT, Heartbeat, HeartbeatKey, Watching, held_until, is_heartbeat
from lookout.incidents.incident import Resolution
from lookout.incidents.lease import Lease
from lookout.incidents.policy import Policy
from lookout.incidents.transitions import Reason

POLICY = Policy()


def _watchdog(story: Story, since: float = 0, build: str = "") -> Reason:
    return story.fires(since, alertname="Watchdog", build=build)


@pytest.mark.parametrize(
    ("source", "labels", "expected"),
    [
        ("prometheus", {"alertname": "Watchdog"}, True),
        ("prometheus", {"alertname": "watchdog"}, False),
        ("prometheus", {}, False),
        ("events", {"alertname": "Watchdog"}, False),
        ("lookout", {"alertname": "Watchdog"}, False),
    ],
)
def test_what_a_heartbeat_is(source: str, labels: Mapping[str, str], expected: bool) -> None:
    assert is_heartbeat(source, labels, POLICY) is expected


def test_it_is_no_incident_and_its_silence_is_told_when_it_is_missing() -> None:
    story = Story()
    assert _watchdog(story) is Reason.HEARTBEAT
    story.passes(2.99)
    story.watches()
    assert story.told_events == []
    story.passes(0.01)
    story.watches()
    story.watches()
    assert story.told_events == [EventType.OPENED]
    story.passes(7)
    assert _watchdog(story) is Reason.HEARTBEAT
    assert story.told_events == [EventType.OPENED, EventType.RESOLVED]
    assert (story.incident.resolution, story.incident.resolved_at) == (Resolution.SOURCE, at(10))


def test_lookout_has_to_have_listened_for_as_long_as_it_may_stay_away() -> None:
    story = Story()
    _watchdog(story)
    story.passes(60)
    story.listening_since = at(58)
    story.watches()
    assert story.told_events == []
    story.passes(1)
    story.watches()
    (silent,) = story.incidents
    assert silent.started_at == at(61)


def test_a_watch_for_one_that_is_gone_does_nothing() -> None:
    story = Story()
    story.ledger.watch([HeartbeatKey("prometheus", "0")], story.now, story.listening_since)
    assert not story.ledger.forget(HeartbeatKey("prometheus", "0"), story.now)
    assert story.told_events == []


def test_the_end_that_one_twin_tells_does_not_end_it_while_another_lives() -> None:
    story = Story()
    for twin in "ab":
        story.fires(0, replica=twin, alertname="Watchdog")
    story.passes(1)
    story.resolves(0, replica="a", alertname="Watchdog")
    assert len(story.ledger.heartbeats) == 1


def test_one_that_is_forgotten_is_silent_no_more_and_watched_again_once_it_is_heard() -> None:
    story = Story()
    _watchdog(story)
    story.passes(10)
    story.watches()
    (heartbeat,) = story.ledger.heartbeats.values()
    assert story.ledger.forget(heartbeat.key, story.now)
    assert story.told_events == [EventType.OPENED, EventType.RESOLVED]
    story.passes(60)
    story.watches()
    assert story.ledger.heartbeats == {}
    _watchdog(story)
    assert list(story.ledger.heartbeats) == [heartbeat.key]


def test_how_long_it_may_stay_away_can_be_set() -> None:
    story = Story(Policy(sources={"prometheus": Source(heartbeat_timeout=timedelta(minutes=9))}))
    _watchdog(story)
    story.passes(8.9)
    story.watches()
    assert story.told_events == []
    story.passes(0.2)
    story.watches()
    assert story.told_events == [EventType.OPENED]


def test_an_alert_that_a_new_policy_names_as_heartbeat_ends() -> None:
    named = Policy(sources={"prometheus": Source(heartbeat="Down")})
    story = Story()
    story.fires()
    story.turns_to(named)
    assert story.fires() is Reason.HEARTBEAT
    assert story.told_events == [EventType.OPENED, EventType.RESOLVED]
    assert len(story.ledger.heartbeats) == 1


def test_when_time_changes_a_lease() -> None:
    story = Story()
    story.fires()
    _watchdog(story)
    looks = {
        story.ledger.check_at(fingerprint, lease)
        for fingerprint, leases in story.ledger.leases.items()
        for lease in leases.values()
    }
    assert looks == {at(5), None}, "at the end of the lease and its grace; a heartbeat's is watched by the heartbeat"


def test_what_people_do_to_the_incident_does_not_touch_the_heartbeat() -> None:
    story = Story()
    _watchdog(story)
    story.fires(job="a")
    story.passes(3)
    story.watches()
    story.operator_resolves()
    story.passes(30)
    story.watches()
    story.expires()
    assert len(story.open_incidents) == 1
    _watchdog(story)
    assert story.told_events == [EventType.OPENED, EventType.OPENED, EventType.RESOLVED]


def test_the_end_of_a_restarted_ones_heartbeat_is_its_end_though_the_old_one_never_ended() -> None:
    story = Story()
    _watchdog(story)
    story.passes(10)
    _watchdog(story, since=10)
    story.passes(1)
    assert story.resolves(10, alertname="Watchdog") is Reason.HEARTBEAT
    story.passes(60)
    story.watches()
    assert story.told_events == []
    assert story.ledger.heartbeats == {}


def test_an_end_of_before_the_restart_that_comes_late_is_not_its_end() -> None:
    story = Story()
    _watchdog(story)
    story.passes(10)
    _watchdog(story, since=10)
    story.passes(20)
    story.resolves(0, until=9, alertname="Watchdog")
    story.watches()
    assert story.told_events == [EventType.OPENED]


def test_a_late_word_of_an_ended_one_does_not_bring_it_back() -> None:
    story = Story()
    late = leased(since=0, until=4, now=NOW, alertname="Watchdog")
    story.passes(1)
    assert story.resolves(0, alertname="Watchdog") is Reason.HEARTBEAT
    assert story.hears(late)[0].reason is Reason.STALE
    assert story.ledger.heartbeats == {}


def test_each_path_is_a_heartbeat_of_its_own() -> None:
    story = Story()
    _watchdog(story)
    story.tells(alertname="Watchdog")
    story.passes(60)
    story.watches()
    assert [incident.labels for incident in story.incidents] == [{"alertname": "SourceSilent"}]
    assert story.tells(0, 1, alertname="Watchdog") is Reason.HEARTBEAT
    assert [key.source for key in story.ledger.heartbeats] == ["prometheus"]


def test_beyond_the_bound_it_is_an_alert_like_others() -> None:
    story = Story()
    story.ledger.heartbeats_known = HEARTBEATS_LIMIT - 1
    assert _watchdog(story, build="1") is Reason.HEARTBEAT
    assert _watchdog(story, build="2") is Reason.OPENED
    assert _watchdog(story, build="1") is Reason.HEARTBEAT


def test_a_senders_own_alert_of_that_name_is_decided_in_its_turn() -> None:
    """Somebody posts what Lookout is about to tell, in the same batch: each has its place and its receipt."""
    story = Story()
    _watchdog(story)
    story.passes(10)
    story.watches()
    labels = {"alertname": "SourceSilent", "severity": "critical", "silent_source": "prometheus"}
    watchdog = leased(since=0, until=14, now=story.now, alertname="Watchdog")
    theirs = leased(since=9, until=14, now=story.now, **labels)
    ended = leased(since=9, until=10, now=story.now, **labels)
    receipts = story.hears(watchdog, theirs, ended, watchdog)
    assert [receipt.reason for receipt in receipts] == [
        Reason.HEARTBEAT,
        Reason.REOPENED,
        Reason.RESOLVED,
        Reason.HEARTBEAT,
    ]


def _lease(heard: float, ends: float, *, source: str = "prometheus", promised: bool = True) -> Lease:
    return Lease(source, "", at(-60), at(ends), promised, at(heard))


def _heartbeat(
    heard: float, *, silent: float | None = None, again: float | None = None, source: str = "prometheus", **labels: str
) -> Heartbeat:
    return Heartbeat(
        source=source,
        fingerprint="0",
        labels={"alertname": "Watchdog", "severity": "none", "grafana_folder": "a", **labels},
        last_received_at=at(heard),
        due_at=at(heard + 3),
        silent_since=at(silent) if silent is not None else None,
        heard_since=at(again) if again is not None else None,
    )


@pytest.mark.parametrize(
    ("heartbeat", "lease", "until"),
    [
        # Heard after the end: it is over. Not heard since: held, and looked at soon.
        (_heartbeat(0), _lease(-5, -1), None),
        (_heartbeat(-1), _lease(-5, -1), None),
        (_heartbeat(-2), _lease(-5, -1), at(1)),
        # Another's heartbeat, and one with a label that the alert does not have.
        (_heartbeat(-2, source="grafana"), _lease(-5, -1), None),
        (_heartbeat(-2, cluster="us"), _lease(-5, -1), None),
        (_heartbeat(-2, cluster="eu"), _lease(-5, -1), at(1)),
        (_heartbeat(-2, cluster="eu", region="north"), _lease(-5, -1), None),
        # Silent: held, unless somebody has spoken of it since.
        (_heartbeat(-9, silent=-6), _lease(-6, -2), at(5)),
        (_heartbeat(-9, silent=-6), _lease(-5.9, -1.9), None),
        # Heard again: from then on it has the length of its lease and ten minutes.
        (_heartbeat(0, again=-14.9), _lease(-60, -56), at(1)),
        (_heartbeat(0, again=-15), _lease(-60, -56), None),
        (_heartbeat(0, again=-600), _lease(-1440, -720, promised=False), at(130)),
    ],
)
def test_i10_what_holds_a_lease_that_has_run_out(heartbeat: Heartbeat, lease: Lease, until: datetime | None) -> None:
    assert held_until(lease, {"alertname": "Down", "cluster": "eu"}, Watching([heartbeat]), NOW, POLICY) == until


def test_i10_of_several_heartbeats_all_have_to_be_heard() -> None:
    heard, missing = _heartbeat(0), _heartbeat(-2, cluster="eu")
    labels = {"cluster": "eu"}
    assert held_until(_lease(-5, -1), labels, Watching([heard, missing]), NOW, POLICY) == at(1)
    assert held_until(_lease(-5, -1), labels, Watching([heard, heard]), NOW, POLICY) is None


def _watchdog_is_listed() -> Alert:
    labels = label_set({"alertname": "Watchdog"})
    return Alert("prometheus", labels, {}, AlertStatus.FIRING, NOW, None, True)


def test_i10_what_is_asked_of_a_silent_source_does_not_let_its_alerts_run_out() -> None:
    story = Story()
    _watchdog(story)
    story.fires()
    story.passes(30)
    story.watches()
    known = dict(story.ledger.leases)
    assert reconciles(story, prometheus_says(listed(), _watchdog_is_listed())) == []
    assert story.ledger.leases == known
    (opened,) = reconciles(story, prometheus_says(listed(), listed(instance="new")))
    assert opened.reason is Reason.JOINED
    for _ in range(30):
        story.passes(10)
        story.expires()
        story.watches()
    assert story.told_events == [EventType.OPENED, EventType.OPENED, EventType.ALERTS_CHANGED]
    assert len(reconciles(story, prometheus_says())) == 2, "the proof of an end ends it all the same"


def test_that_a_heartbeat_is_listed_opens_nothing() -> None:
    story = Story()
    assert reconciles(story, prometheus_says(_watchdog_is_listed())) == []
    _watchdog(story)
    story.passes(30)
    assert reconciles(story, prometheus_says(_watchdog_is_listed())) == []
    assert story.told_events == []


@st.composite
def deliveries(draw: st.DrawFn) -> list[Alert]:
    """What two Prometheis send until `NOW`, each with its heartbeat; either may have died on the way, or restarted."""
    messages: list[Alert] = []
    for cluster in ("a", "b"):
        died = draw(st.integers(-12, 0))
        restarted = draw(st.sampled_from([None, -3.0]))
        for name in ("Watchdog", "Down"):
            sent = draw(st.lists(st.integers(-12, died), max_size=4))
            messages += [
                leased(since=-20, until=minute + 4, now=NOW, alertname=name, cluster=cluster) for minute in sent
            ]
            if restarted is not None and draw(st.booleans()):
                messages.append(leased(since=restarted, until=0.5, now=NOW, alertname=name, cluster=cluster))
            if draw(st.integers(0, 3)) == 0:
                messages.append(leased(since=-20, until=died, now=NOW, alertname=name, cluster=cluster))
    return [message for message in messages if message.ends_at != NOW]


def _played(messages: list[Alert], minutes: int) -> tuple[set[str], set[HeartbeatKey], set[HeartbeatKey]]:
    story = Story()
    story.listening_since = at(-1000)
    for message in messages:
        story.hears(message)
    for _ in range(minutes):
        story.passes(1)
        story.watches()
        story.expires()
    known = story.ledger.heartbeats
    return story.firing, set(known), {key for key, beat in known.items() if beat.silent_since is not None}


@examples(600)
@given(deliveries(), st.randoms(use_true_random=False), st.integers(0, 20))
def test_i3_any_order_and_repetition_ends_with_the_same_held_and_silent(
    messages: list[Alert], random: Random, minutes: int
) -> None:
    shuffled = messages + [message for message in messages if random.random() < 0.3]
    random.shuffle(shuffled)
    assert _played(shuffled, minutes) == _played(messages, minutes)


@examples(200)
@given(st.lists(st.integers(1, 200), max_size=12), st.integers(0, 600))
def test_i10_whenever_anybody_looks_what_a_dead_source_left_firing_fires(looks: list[int], listening: int) -> None:
    story = Story()
    story.listening_since = at(-listening)
    _watchdog(story)
    story.fires(job="a")
    story.tells(job="by webhook only")
    for look in looks:
        story.passes(look / 10)
        story.expires()
        story.watches()
    firing = {
        state.alert.labels.get("job") for state in story.ledger.alerts.values() if state.status is AlertStatus.FIRING
    }
    assert "a" in firing
