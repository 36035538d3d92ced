"""The demo's story, as data: what goes wrong at a video platform within a minute. `demo.py` plays it.

The clusters' names begin with "demo-", and nothing else does: the demo ends what an earlier run left in them.
Alerts are real in shape: rules of the same names watch ingest, transcoders, playback and stream consumers.
"""

from collections.abc import Mapping, Sequence

import msgspec

CLUSTERS = ("demo-eu", "demo-us")
REPLICA_LABEL = "prometheus_replica"
REPLICAS = ("a", "b")


class Report(msgspec.Struct, frozen=True):
    """An alert of the story: labels, and the annotation `summary`."""

    labels: Mapping[str, str]
    summary: str


Reports = Sequence[Report]


class Fire(msgspec.Struct, frozen=True):
    """Prometheus sends these as firing. What fires already is sent again as it began."""

    reports: Reports


class End(msgspec.Struct, frozen=True):
    """Prometheus sends these as resolved."""

    reports: Reports


class Tell(msgspec.Struct, frozen=True):
    """Alertmanager's webhook tells that these fire."""

    reports: Reports


class Take(msgspec.Struct, frozen=True):
    """`by` acknowledges the open incident that this alert is in, and writes a note."""

    report: Report
    by: str
    note: str


Deed = Fire | End | Tell | Take


class Step(msgspec.Struct, frozen=True):
    """One line of the story: what is sent, and after the colon what `lookout tail` shows, the deed, its seconds."""

    text: str
    deed: Deed
    seconds: float


def _report(name: str, severity: str, summary: str, **labels: str) -> Report:
    return Report({"alertname": name, "severity": severity} | labels, summary)


def _twin(report: Report, replica: str) -> Report:
    return Report({**report.labels, REPLICA_LABEL: replica}, report.summary)


_EU = {"cluster": "demo-eu", "region": "eu-west-1"}
_US = {"cluster": "demo-us", "region": "us-east-1"}

INGEST_DOWN = [
    _report(
        "TargetDown",
        "critical",
        "Ingest does not answer its scrapes",
        job="ingest",
        instance=f"ingest-{n}:9100",
        **_EU,
    )
    for n in (1, 2)
]
STREAMS_SLOW = [
    _report(
        "StreamLatencyHigh",
        "warning",
        "Viewers are more than 6 s behind live",
        job="playback",
        instance=f"edge-{n % 12 + 1}:9100",
        stream_id=f"live-{n:04}",
        **_EU,
    )
    for n in range(1, 291)
]
STREAMS_STUCK = [
    _report(
        "StreamLatencyHigh",
        "critical",
        "Viewers are more than 30 s behind live",
        job="playback",
        instance=f"edge-{n % 12 + 1}:9100",
        stream_id=f"live-{n:04}",
        **_EU,
    )
    for n in range(291, 301)
]
QUEUE_FULL = _report(
    "TranscoderQueueFull",
    "error",
    "A transcoder's queue has been full for 2 minutes",
    job="transcoder",
    instance="transcoder-7:9100",
    **_US,
)
CONSUMER_LAG = _report(
    "ConsumerLagHigh",
    "warning",
    "The consumer of viewer events is 90,000 records behind",
    job="viewer-analytics",
    topic="viewer_events",
    consumergroup="analytics",
    **_US,
)
_NOTE = "rolling back ingest 2.14 on both instances"
_STORM = [*STREAMS_SLOW, *STREAMS_STUCK]
_TWIN_A, _TWIN_B = (_twin(QUEUE_FULL, replica) for replica in REPLICAS)

STORY: Sequence[Step] = (
    Step("2 ingest instances go down: one critical incident opens", Fire(INGEST_DOWN), 5),
    Step("Alertmanager tells of the same 2: nothing new", Tell(INGEST_DOWN), 4),
    Step("5 streams fall behind live: a warning opens", Fire(STREAMS_SLOW[:5]), 4),
    Step("a storm of 300 slow streams, 10 critical: a few lines", Fire(_STORM), 7),
    Step("two Prometheus twins see one full queue: one opens", Fire([_TWIN_A, _TWIN_B]), 5),
    Step("a consumer lags: a warning opens", Fire([CONSUMER_LAG]), 4),
    Step("mira takes the ingest incident: acknowledged, noted", Take(INGEST_DOWN[0], "mira", _NOTE), 5),
    Step("one twin sees its queue empty: nothing, the other does not", End([_TWIN_A]), 4),
    Step("the consumer catches up: resolved", End([CONSUMER_LAG]), 3),
    Step("it lags again at once: the same incident, reopened", Fire([CONSUMER_LAG]), 3),
    Step("Prometheus sends the whole storm again: nothing new", Fire(_STORM), 5),
    Step("the consumer catches up once more: resolved", End([CONSUMER_LAG]), 2),
    Step("it lags once more: reopened", Fire([CONSUMER_LAG]), 3),
    Step("the storm is over: a few lines, the last one resolved", End(_STORM), 4),
    Step("the other twin's queue is empty too: resolved", End([_TWIN_B]), 2),
    Step("the consumer catches up, its 5th change: flapping", End([CONSUMER_LAG]), 2),
    Step("ingest-2 is back, ingest-1 is not: 1 of 2 firing", End(INGEST_DOWN[1:]), 1),
)
