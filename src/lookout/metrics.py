"""What Lookout says of itself to Prometheus. All names begin with `lookout_`."""

from prometheus_client import Counter, Gauge, Histogram

RECEIVED = Counter("lookout_alerts_received_total", "Alerts received, by source.", ["source"])
REJECTED = Counter("lookout_alerts_rejected_total", "Alerts refused, by source.", ["source"])
DECIDED = Counter("lookout_alerts_decided_total", "Alerts decided, by reason.", ["reason"])
EVENTS = Counter("lookout_events_total", "Events appended to the log, by type.", ["event_type"])
PRUNED = Counter("lookout_pruned_events_total", "Events of the log that were forgotten after the retention.")
OVERLOADED = Counter(
    "lookout_overloaded_total", "Requests, or tenants' parts of them, refused as the intake queue was full or closed."
)
LIMITED = Counter(
    "lookout_limited_total", "Requests, streams and connections refused because there were more than may be.", ["kind"]
)
FAILED_COMMITS = Counter("lookout_failed_commits_total", "Batches that could not be committed.")
COMMIT_SECONDS = Histogram(
    "lookout_commit_seconds",
    "Time to load, decide and commit one batch.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
)
BATCH_SIZE = Histogram(
    "lookout_batch_alerts", "Alerts in one commit.", buckets=(1, 2, 4, 16, 64, 256, 1024, 4096, 16384, 65536)
)
RECONCILES = Counter(
    "lookout_reconciles_total",
    "Times that an address of a source was asked what fires, by source and outcome: answered or failed.",
    ["source", "outcome"],
)
RECONCILED = Counter(
    "lookout_reconciled_alerts_total",
    "Alerts that differed from what a source fires, by source and change: began or ended.",
    ["source", "change"],
)
DATABASE_UP = Gauge("lookout_database_up", "Whether the database answered when the metrics were last asked for.")
QUEUE = Gauge("lookout_intake_queue_alerts", "Alerts that wait for a commit.")
OPEN_INCIDENTS = Gauge("lookout_open_incidents", "Open incidents, by severity and status.", ["severity", "status"])
POSTPONED = Gauge("lookout_postponed_alerts", "Alerts whose change waits to be told.")
LAST_RECEIVED = Gauge(
    "lookout_source_last_received_timestamp_seconds",
    "When a request of the source was last taken, since the start of this process.",
    ["source"],
)
HEARTBEATS = Gauge("lookout_heartbeats", "Heartbeats of sources, by source and state.", ["source", "state"])
STALE_ALERTS = Gauge("lookout_stale_alerts", "Alerts that fire though their source is silent.")
READ = Counter("lookout_feed_read_events_total", "Events told to followers.")
FEED_LAG = Histogram(
    "lookout_feed_lag_seconds",
    "Time from recording an event to telling it to followers.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
FOLLOWERS = Gauge("lookout_feed_followers", "Open streams.")
RELAYED = Counter("lookout_relay_records_total", "Records that Kafka confirmed, by feed.", ["feed"])
RELAY_FAILURES = Counter("lookout_relay_failures_total", "What kept records from Kafka.", ["feed", "reason"])
RELAY_LAG_EVENTS = Gauge("lookout_relay_lag_events", "Events that Kafka does not have yet.", ["feed"])
RELAY_LAG_SECONDS = Gauge("lookout_relay_lag_seconds", "How long the oldest of them has waited.", ["feed"])
RELAY_PARKED = Gauge(
    "lookout_relay_parked_tenants", "Tenants that wait for a record which is refused for good.", ["feed"]
)
NOISE_REDUCTION = Gauge(
    "lookout_noise_reduction_ratio", "Alerts received for each incident that opened, since the start."
)

CONFIG_SUCCESSFUL = Gauge("lookout_config_last_reload_successful", "Whether lookout.yaml could be used when last read.")
CONFIG_SUCCESS_TIME = Gauge(
    "lookout_config_last_reload_success_timestamp_seconds", "When lookout.yaml was last read and could be used."
)


def set_noise_reduction() -> None:
    """Bring the ratio up to date: all alerts received, for each incident that opened."""
    opened = _total(EVENTS, event_type="incident_opened")
    NOISE_REDUCTION.set(_total(RECEIVED) / opened if opened else 0)


def _total(counter: Counter, **labels: str) -> float:
    return sum(
        sample.value
        for metric in counter.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and labels.items() <= sample.labels.items()
    )
