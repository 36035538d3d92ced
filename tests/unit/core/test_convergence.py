"""I3: any order and any repetition of the same deliveries ends in the same state. Source times decide, not arrival."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.examples import examples
from tests.unit.stories import TALKATIVE, TERSE, Story, leased, open_keys, told
from tests.unit.times import NOW, at

from lookout.alerts.alert import Alert, AlertStatus
from lookout.alerts.matcher import parse_matchers
from lookout.incidents.actions import Resolve
from lookout.incidents.policy import Policy
from lookout.incidents.rules import Rule

pytestmark = pytest.mark.no_cover  # measuring this many examples would take longer than running them

LEASE = 4.0


@dataclass(frozen=True)
class Episode:
    """One unbroken firing, in minutes from `NOW`, so negative; it ends unless it still fires."""

    starts: float
    ends: float | None


@st.composite
def timelines(draw: st.DrawFn, most: int = 2) -> list[Episode]:
    """What happened to one alert as one sender saw it: episodes one after another, the last may still fire."""
    marks = sorted(draw(st.lists(st.integers(-40, -3), unique=True, min_size=1, max_size=2 * most)))
    pairs = [marks[index : index + 2] for index in range(0, len(marks), 2)]
    return [Episode(pair[0] / 4, pair[1] / 4 if len(pair) == 2 else None) for pair in pairs]


@st.composite
def prometheus_messages(draw: st.DrawFn, instance: str, replica: str, timeline: list[Episode]) -> list[Alert]:
    """What a Prometheus sends of a timeline, as far as it is not long past: each word of its own with its lease.

    Firing messages whose lease has run out by `NOW` are left out: such a message, so late, reads as an end to
    Alertmanager and to Lookout alike. The sender may restart, and gives what fires a new start then.
    """
    messages: list[Alert] = []
    for episode in timeline:
        restarts = draw(st.integers(0, 3)) == 0 and episode.ends is None
        starts = [episode.starts, -1.25] if restarts and episode.starts < -1.25 else [episode.starts]
        until = episode.ends if episode.ends is not None else 0
        for start, stop in zip(starts, [*starts[1:], until], strict=True):
            for sent in draw(st.lists(st.integers(0, 40), max_size=3)):
                sent_at = start + (stop - start) * sent / 41
                if sent_at + LEASE > 0:
                    messages.append(
                        leased(since=start, until=sent_at + LEASE, now=NOW, replica=replica, instance=instance)
                    )
        if episode.ends is not None:
            resolved = leased(since=episode.starts, until=episode.ends, now=NOW, replica=replica, instance=instance)
            messages.extend([resolved] * draw(st.integers(0, 2)))
    return messages


@st.composite
def webhook_messages(draw: st.DrawFn, instance: str, source: str, timeline: list[Episode]) -> list[Alert]:
    """What an Alertmanager tells of a timeline; each word may be lost, and may come several times."""
    messages: list[Alert] = []
    for episode in timeline:
        messages.extend([told(since=episode.starts, source=source, instance=instance)] * draw(st.integers(0, 2)))
        if episode.ends is not None:
            resolved = told(since=episode.starts, until=episode.ends, source=source, instance=instance)
            messages.extend([resolved] * draw(st.integers(0, 2)))
    return messages


@st.composite
def as_a_twin_sees_it(draw: st.DrawFn, timeline: list[Episode]) -> list[Episode]:
    """The same episodes a little apart, as the evaluations of HA twins are; starts and ends stay in order."""
    later = st.sampled_from([0, 0.125, 0.25])
    return [
        Episode(episode.starts + draw(later), episode.ends + draw(later) if episode.ends is not None else None)
        for episode in timeline
    ]


@st.composite
def deliveries(draw: st.DrawFn) -> list[Alert]:
    """All that several senders say about two alerts.

    Prometheus twins with and without a label that tells them apart, and Alertmanager peers, which pass on what they
    heard first: one peer's words may be those of either twin. All of it fits the ended leases that are remembered.
    """
    messages: list[Alert] = []
    for instance in ("a", "b"):
        truth = draw(timelines())
        for replica in draw(st.lists(st.sampled_from(["", "1"]), max_size=2)):
            messages += draw(prometheus_messages(instance, replica, draw(as_a_twin_sees_it(truth))))
        for source in draw(st.lists(st.sampled_from(["alertmanager", "second"]), max_size=2)):
            messages += draw(webhook_messages(instance, source, draw(as_a_twin_sees_it(truth))))
    return messages


def _state(messages: list[Alert], policy: Policy) -> tuple[dict[str, AlertStatus], dict[str, set[str]]]:
    """What is so after the messages: the status of each alert, and the open keys with the alerts that fire in them."""
    story = Story(policy)
    story.listening_since = at(-1000)
    for message in messages:
        story.hears(message)
    story.tells_what_waits()
    firing = {name: state.status for name, state in story.ledger.alerts.items() if state.status is AlertStatus.FIRING}
    return firing, open_keys(story.ledger)


def _brief(message: Alert) -> str:
    """A message in one word, with its start and its end in minutes: `a prometheus/1 -3..1 firing`."""
    times = [f"{(time - NOW).total_seconds() / 60:g}" if time else "" for time in (message.starts_at, message.ends_at)]
    sender = f"{message.source}/{message.label_set.replica}"
    return f"{message.labels['instance']} {sender} {'..'.join(times)} {message.status.value}"


def _shuffled(messages: list[Alert], random: Random) -> list[Alert]:
    """The messages in another order, some of them twice."""
    order = messages + [message for message in messages if random.random() < 0.3]
    random.shuffle(order)
    note(" | ".join(_brief(message) for message in order))
    return order


@examples(600)
@given(deliveries(), st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_i3_any_order_and_repetition_ends_in_the_same_state(
    messages: list[Alert], first: Random, second: Random
) -> None:
    assert _state(_shuffled(messages, first), TALKATIVE) == _state(_shuffled(messages, second), TALKATIVE)


@examples(300)
@given(deliveries(), st.randoms(use_true_random=False), st.randoms(use_true_random=False))
def test_i3_what_is_postponed_ends_in_the_same_state_as_what_is_told_at_once(
    messages: list[Alert], first: Random, second: Random
) -> None:
    assert _state(_shuffled(messages, first), TALKATIVE) == _state(_shuffled(messages, second), TERSE)


@examples(300)
@given(deliveries(), st.randoms(use_true_random=False), st.randoms(use_true_random=False), st.integers(1, 15))
def test_i3_what_runs_out_afterwards_is_the_same_at_every_minute(
    messages: list[Alert], first: Random, second: Random, minutes: int
) -> None:
    stories = [Story(TALKATIVE), Story(TALKATIVE), Story(TERSE)]
    for story, random in zip(stories, (first, second, first), strict=True):
        for message in _shuffled(messages, random):
            story.ledger.take([message], NOW)
    for minute in range(minutes):
        for story in stories:
            story.now = at(minute)
            story.expires()
            story.tells_what_waits()
        assert open_keys(stories[0].ledger) == open_keys(stories[1].ledger) == open_keys(stories[2].ledger)


@examples(300)
@given(
    deliveries(),
    st.randoms(use_true_random=False),
    st.randoms(use_true_random=False),
    st.sampled_from([TALKATIVE, TERSE]),
)
def test_i3_i7_after_an_operators_resolve_no_order_of_the_same_messages_tells_anything(
    messages: list[Alert], first: Random, second: Random, policy: Policy
) -> None:
    story = Story(policy)
    for message in _shuffled(messages, first):
        story.ledger.take([message], NOW)
    story.tells_what_waits()
    for incident in [incident for incident in story.ledger.incidents.values() if incident.is_open]:
        story.ledger.act(incident.id, Resolve("jo"), NOW)
    told_before = len(story.ledger.records)
    for message in _shuffled(messages, second):
        story.ledger.take([message], NOW)
    story.tells_what_waits()
    assert len(story.ledger.records) == told_before
    assert not open_keys(story.ledger)


BY_INSTANCE = Rule("by instance", parse_matchers('instance="a"'), ("instance",))
TOGETHER = Rule("together", parse_matchers('instance=~"a|b"'), ("alertname",), reopen_window=timedelta(minutes=1))


@examples(300)
@given(
    deliveries(),
    deliveries(),
    st.lists(st.permutations([BY_INSTANCE, TOGETHER]), min_size=2, max_size=2),
    st.randoms(use_true_random=False),
    st.randoms(use_true_random=False),
)
def test_i2_i3_after_a_reload_any_order_and_repetition_ends_in_the_same_state(
    before: list[Alert], after: list[Alert], rules: list[list[Rule]], first: Random, second: Random
) -> None:
    """What fires at the reload stays where it is until it ends; what begins after it is grouped by the new rules.

    Whether a firing of before was heard to end before the next began depends on the order, so its key may too.
    """
    states: list[tuple[set[str], dict[str, set[str]]]] = []
    for random in (first, second):
        story = Story(replace(TALKATIVE, rules=tuple(rules[0])))
        for message in before:
            story.hears(message)
        stayed = {name: state.incident_id for name, state in story.ledger.alerts.items() if name in story.firing}
        of_before = set(stayed)
        story.turns_to(replace(TALKATIVE, rules=tuple(rules[1])))
        for message in _shuffled(after, random):
            story.hears(message)
            stayed = {name: incident_id for name, incident_id in stayed.items() if name in story.firing}
            assert stayed == {name: story.ledger.alerts[name].incident_id for name in stayed}
        keys = [incident.dedup_key for incident in story.open_incidents]
        assert len(keys) == len(set(keys))
        begun = {key: names - of_before for key, names in open_keys(story.ledger).items() if names - of_before}
        states.append((story.firing, begun))
    assert states[0] == states[1]
