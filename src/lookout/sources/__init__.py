"""Bytes in, alerts out: one file per sender, each with a `parse(body, now, source, limits) -> Parsed`. Pure.

A parser returns alerts and rejected ones, or raises `MalformedBody`, its one error. `WEBHOOKS` is the table of the
senders that have a path of their own, `POST /v1/<name>`; the Alertmanager API and PagerDuty's events are answered in
their own ways and stand apart. `QUESTIONS` is the table of the sources that can be asked what fires.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from lookout.alerts.alert import LabelSet, label_set
from lookout.alerts.source import Source
from lookout.limits import Limits
from lookout.sources import alertmanager, alertmanager_api, events, grafana, prometheus, prometheus_api
from lookout.sources.asking import Question
from lookout.sources.parsed import Parsed

Parser = Callable[[bytes, datetime, Source, Limits], Parsed]

WEBHOOKS: Mapping[str, Parser] = {
    alertmanager.NAME: alertmanager.parse,
    grafana.NAME: grafana.parse,
}

QUESTIONS: Mapping[str, Question] = {
    prometheus.NAME: prometheus_api.QUESTION,
    alertmanager.NAME: alertmanager_api.QUESTION,
}

_DROP_NOTHING = frozenset((grafana.NAME, events.NAME))


def known_again(source: str, labels: Mapping[str, str], fingerprint: str) -> LabelSet:
    """The identity of an alert that was stored."""
    return LabelSet(labels, fingerprint, stands_for=grafana.rule_of(labels) if source == grafana.NAME else "")


def identity_today(source: str, known: LabelSet, settled: Source) -> LabelSet:
    """The identity that an alert with these labels would get today: other labels may be dropped by now."""
    if source in _DROP_NOTHING or not any(name in known.labels for name in settled.drop_labels):
        return known
    return label_set(known.labels, settled.drop_labels)
