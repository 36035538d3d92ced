"""Sources that are asked what fires, and what they say, in memory."""

from collections.abc import Mapping, Sequence

from tests.unit.stories import Story
from tests.unit.times import at

from lookout.alerts.alert import Alert, AlertStatus, LabelSet, label_set
from lookout.alerts.answer import Answer, Rule
from lookout.incidents.reconcile import Comparison, Finding, Held, comparison_of, differing

LONG_AGO = -1000
RULES: Mapping[str, Rule] = {"Down": Rule({}, is_evaluated=True)}


def labelled(replica: str = "", **labels: str) -> LabelSet:
    return label_set({"alertname": "Down", "prometheus_replica": replica} | labels)


def listed(*, since: float = 0, source: str = "prometheus", replica: str = "", **labels: str) -> Alert:
    """An alert as a source lists it; times in minutes."""
    is_leased = source == "prometheus"
    return Alert(source, labelled(replica, **labels), {}, AlertStatus.FIRING, at(since), None, is_leased)


def prometheus_says(
    *alerts: Alert,
    unsettled: Sequence[LabelSet] = (),
    replica: str = "",
    rules: Mapping[str, Rule] = RULES,
    running_since: float = LONG_AGO,
) -> Answer:
    return Answer("prometheus", at(running_since), alerts, (), unsettled, replica, rules)


def alertmanager_says(
    *alerts: Alert, muted: Sequence[Alert] = (), unsettled: Sequence[LabelSet] = (), running_since: float = LONG_AGO
) -> Answer:
    return Answer("alertmanager", at(running_since), alerts, muted, unsettled)


def compared(story: Story, *answers: Answer, asked: float | None = None, is_whole: bool = True) -> Comparison:
    """The answers, asked for at a minute, else now."""
    asked_at = story.now if asked is None else at(asked)
    return comparison_of(answers[0].source, asked_at, answers, is_whole=is_whole)


def held(story: Story, source: str) -> list[Held]:
    """What the store would tell of the firing alerts."""
    found: list[Held] = []
    for fingerprint in sorted(story.decided):
        leases = [
            lease
            for lease in story.ledger.leases[fingerprint].values()
            if not lease.expired
            and lease.closed_at is None
            and (lease.resolved_at is None or lease.ends_at > lease.resolved_at)
        ]
        replicas = sorted({lease.replica for lease in leases if lease.source == source})
        found.append(Held(fingerprint, tuple(replicas), max((lease.ends_at for lease in leases), default=None)))
    return found


def reconciles(story: Story, *answers: Answer, asked: float | None = None, is_whole: bool = True) -> list[Finding]:
    """The story's Lookout asks, and reconciles with the answers."""
    comparison = compared(story, *answers, asked=asked, is_whole=is_whole)
    differ = differing(held(story, comparison.source), comparison, story.policy)
    return story.ledger.reconcile(differ, comparison, story.now)
