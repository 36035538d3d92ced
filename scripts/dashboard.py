"""The Grafana dashboard, as a table of panels. `make documents` writes deploy/grafana/lookout.json from it."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

WIDTH = 24
"""Columns of Grafana's grid."""
SOURCE = {"type": "prometheus", "uid": "${source}"}
_ONE = 'job="$job", instance=~"$instance"'


class Line(NamedTuple):
    """One query, and what its series are called."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """A chart. `unit` is Grafana's name of it; `share` of the row's 24 columns; `says` what to see in it."""

    title: str
    lines: Sequence[Line]
    says: str
    unit: str = "short"
    share: int = 8
    is_number: bool = False


class Row(NamedTuple):
    title: str
    panels: Sequence[Panel]


def _rate(metric: str, *labels: str) -> str:
    by = ", ".join(labels)
    return f"sum by ({by}) (rate({metric}{{{_ONE}}}[$__rate_interval]))"


def _quantile(quantile: str, metric: str) -> str:
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket{{{_ONE}}}[$__rate_interval])))"


def _one(metric: str) -> str:
    return f"{metric}{{{_ONE}}}"


def _any(metric: str, *labels: str) -> str:
    """The same on every replica, so it is shown once."""
    return f"max by ({', '.join(labels)}) ({_one(metric)})"


ROWS: Sequence[Row] = (
    Row(
        "Now",
        (
            Panel(
                "Open incidents",
                [Line(_any("lookout_open_incidents", "severity", "status"), "{{severity}}, {{status}}")],
                "By severity and status, of all tenants together.",
            ),
            Panel(
                "Lookouts that answer",
                [Line('sum(up{job="$job"})', "up"), Line("min(" + _one("lookout_database_up") + ")", "database")],
                "How many processes answer their scrapes, and whether each reaches the database.",
                share=4,
                is_number=True,
            ),
            Panel(
                "Noise reduction",
                [Line(_one("lookout_noise_reduction_ratio"), "{{instance}}")],
                "Alerts received for each incident that opened, since the start.",
                share=4,
                is_number=True,
            ),
            Panel(
                "Heartbeats",
                [
                    Line(_any("lookout_heartbeats", "source", "state"), "{{source}}, {{state}}"),
                    Line("max(" + _one("lookout_stale_alerts") + ")", "stale alerts"),
                ],
                "Sources that are heard and silent; stale alerts fire though their source is silent.",
            ),
        ),
    ),
    Row(
        "Alerts in",
        (
            Panel(
                "Alerts received",
                [Line(_rate("lookout_alerts_received_total", "source"), "{{source}}")],
                "By source, repeats and refused ones too.",
                "ops",
            ),
            Panel(
                "What was decided",
                [Line(_rate("lookout_alerts_decided_total", "reason"), "{{reason}}")],
                "By reason. Most should be duplicate: repeats are silent.",
                "ops",
            ),
            Panel(
                "Refused",
                [
                    Line(_rate("lookout_alerts_rejected_total", "source"), "rejected, {{source}}"),
                    Line(_rate("lookout_overloaded_total", "instance"), "overloaded, {{instance}}"),
                    Line(_rate("lookout_limited_total", "kind"), "limited, {{kind}}"),
                ],
                "Alerts that are none, requests without room in the queue, and what a tenant asked beyond its part.",
                "ops",
            ),
            Panel(
                "Time since a source was heard",
                [
                    Line(
                        "time() - " + _any("lookout_source_last_received_timestamp_seconds", "source"),
                        "{{source}}",
                    )
                ],
                "Since the start of a process.",
                "s",
            ),
            Panel(
                "Asking sources",
                [
                    Line(_rate("lookout_reconciles_total", "source", "outcome"), "{{source}}, {{outcome}}"),
                    Line(_rate("lookout_reconciled_alerts_total", "source", "change"), "{{source}}, {{change}}"),
                ],
                "Times that a source was asked what fires, and alerts that differed.",
                "ops",
            ),
        ),
    ),
    Row(
        "Commits",
        (
            Panel(
                "Time of a commit",
                [
                    Line(_quantile("0.5", "lookout_commit_seconds"), "median"),
                    Line(_quantile("0.99", "lookout_commit_seconds"), "p99"),
                ],
                "To load, decide and commit one batch; a sender waits as long.",
                "s",
            ),
            Panel(
                "Alerts of a commit",
                [
                    Line(_quantile("0.5", "lookout_batch_alerts"), "median"),
                    Line(_quantile("0.99", "lookout_batch_alerts"), "p99"),
                ],
                "What gathered while the commit before was under way.",
            ),
            Panel(
                "Waiting",
                [
                    Line(_one("lookout_intake_queue_alerts"), "for a commit, {{instance}}"),
                    Line("max(" + _one("lookout_postponed_alerts") + ")", "to be told"),
                ],
                "Alerts that wait for their commit, and changes that a storm postponed.",
            ),
            Panel(
                "Events",
                [Line(_rate("lookout_events_total", "event_type"), "{{event_type}}")],
                "Appended to the log, by type.",
                "ops",
            ),
            Panel(
                "Commits that failed",
                [Line(_rate("lookout_failed_commits_total", "instance"), "{{instance}}")],
                "Their requests were answered with 503 or 500.",
                "ops",
            ),
            Panel(
                "Forgotten",
                [Line(_rate("lookout_pruned_events_total", "instance"), "{{instance}}")],
                "Events beyond the retention.",
                "ops",
            ),
        ),
    ),
    Row(
        "Events out",
        (
            Panel(
                "Followers",
                [Line(_one("lookout_feed_followers"), "{{instance}}")],
                "Open streams: the page, SSE, GraphQL subscriptions.",
            ),
            Panel(
                "Late by",
                [
                    Line(_quantile("0.5", "lookout_feed_lag_seconds"), "median"),
                    Line(_quantile("0.99", "lookout_feed_lag_seconds"), "p99"),
                ],
                "From recording an event to telling it to followers.",
                "s",
            ),
            Panel(
                "Read for followers",
                [Line(_rate("lookout_feed_read_events_total", "instance"), "{{instance}}")],
                "Each event once for a tenant and process, however many follow.",
                "ops",
            ),
            Panel(
                "Records to Kafka",
                [
                    Line(_rate("lookout_relay_records_total", "feed"), "{{feed}}"),
                    Line(_rate("lookout_relay_failures_total", "feed", "reason"), "failed, {{feed}}, {{reason}}"),
                ],
                "Confirmed, and what kept others.",
                "ops",
            ),
            Panel(
                "Kafka is behind by",
                [
                    Line(_any("lookout_relay_lag_seconds", "feed"), "{{feed}}"),
                ],
                "How long the oldest event that Kafka does not have has waited.",
                "s",
            ),
            Panel(
                "Events that Kafka lacks",
                [
                    Line(_any("lookout_relay_lag_events", "feed"), "{{feed}}"),
                    Line(_any("lookout_relay_parked_tenants", "feed"), "parked tenants, {{feed}}"),
                ],
                "A parked tenant waits for a person.",
            ),
        ),
    ),
    Row(
        "The process",
        (
            Panel(
                "Memory",
                [Line(_one("process_resident_memory_bytes"), "{{instance}}")],
                "Resident, without PostgreSQL.",
                "bytes",
            ),
            Panel(
                "Processor",
                [Line(_rate("process_cpu_seconds_total", "instance"), "{{instance}}")],
                "Cores in use; a process uses little more than one.",
            ),
            Panel(
                "lookout.yaml",
                [
                    Line(_one("lookout_config_last_reload_successful"), "good, {{instance}}"),
                    Line(
                        "time() - " + _one("lookout_config_last_reload_success_timestamp_seconds"), "age, {{instance}}"
                    ),
                ],
                "Whether it could be used when last read, and the seconds since it could.",
                is_number=True,
            ),
        ),
    ),
)


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    return {
        "uid": "lookout",
        "title": "Lookout",
        "description": "What Lookout says of itself. Written by `make documents` from scripts/dashboard.py.",
        "tags": ["lookout"],
        "timezone": "browser",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    for name, label, query in (
        ("job", "Job", "label_values(lookout_database_up, job)"),
        ("instance", "Lookout", 'label_values(lookout_database_up{job="$job"}, instance)'),
    ):
        several = name == "instance"
        yield {
            "name": name,
            "label": label,
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": query, "refId": name},
            "refresh": 2,
            "includeAll": several,
            "multi": several,
            "current": {"text": "All", "value": "$__all"} if several else {"text": "lookout", "value": "lookout"},
        }


def _panels() -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for row in ROWS:
        number += 1
        grid = {"x": 0, "y": top, "w": WIDTH, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "collapsed": False, "gridPos": grid, "panels": []}
        top, left = top + 1, 0
        for panel in row.panels:
            if left + panel.share > WIDTH:
                top, left = top + 8, 0
            number += 1
            yield _panel(panel, number, {"x": left, "y": top, "w": panel.share, "h": 8})
            left += panel.share
        top += 8


def _panel(panel: Panel, number: int, grid: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": "stat" if panel.is_number else "timeseries",
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "gridPos": grid,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {} if panel.is_number else {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": line.expression,
                "legendFormat": line.legend,
                "range": True,
            }
            for place, line in enumerate(panel.lines)
        ],
    }


def text() -> str:
    return json.dumps(dashboard(), indent=2) + "\n"
