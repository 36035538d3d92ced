"""`lookout demo`: plays the story through the public HTTP API, as Prometheus, Alertmanager and an operator would."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, assert_never

import msgspec
import typer
from rich.text import Text

from lookout.alerts.alert import AlertStatus
from lookout.cli.client import Client
from lookout.cli.moments import time_of_day
from lookout.cli.outside import DEFAULT_URL, Outside, Url, outside_of
from lookout.cli.story import (
    CLUSTERS,
    REPLICA_LABEL,
    REPLICAS,
    STORY,
    End,
    Fire,
    Report,
    Reports,
    Step,
    Take,
    Tell,
)
from lookout.cli.terminal import Terminal
from lookout.errors import NotFound
from lookout.incidents.incident import Incident

BATCH = 64
"""Alerts in one request: what Prometheus 2 sends at most (notifier/notifier.go, `maxBatchSize`)."""
LEASE = timedelta(minutes=4)
"""How long a firing alert is promised to last: four of Prometheus's resend delays."""
REOPEN_WINDOW = timedelta(minutes=5)

INTRODUCTION = """\
A minute at a video platform. Watch it with `lookout tail` in another terminal.
Each line: the time, how far the log has come, what is sent: what to expect."""
AGAIN = (
    "A demo ran in the last five minutes: incidents reopen where they would open.\n"
    "The consumer's flaps still: what it does is told once a minute."
)
ENDING = "That was it. One incident is still open: see `lookout incidents`."


class Posted(msgspec.Struct, frozen=True):
    """An alert as it goes over the wire: to the Alertmanager API, and with a `status` in a webhook message."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime = msgspec.field(name="startsAt")
    ends_at: datetime | str = msgspec.field(name="endsAt")
    generator_url: str = msgspec.field(name="generatorURL")


class WebhookAlert(Posted, frozen=True):
    status: AlertStatus = AlertStatus.FIRING


class Webhook(msgspec.Struct, frozen=True, rename="camel"):
    """Alertmanager's message, as far as its receivers read it."""

    alerts: Sequence[WebhookAlert]
    group_labels: Mapping[str, str]
    group_key: str
    version: str = "4"
    status: AlertStatus = AlertStatus.FIRING
    receiver: str = "lookout"
    truncated_alerts: int = 0


class Player:
    """Does the deeds of the story. It remembers when each alert began, as a sender does."""

    def __init__(self, outside: Outside, url: str) -> None:
        self._outside = outside
        self._url = url
        self._client = outside.client(url)
        self._began: dict[frozenset[tuple[str, str]], datetime] = {}

    def do(self, step: Step) -> tuple[int, int]:
        """Do it. Returns the log's positions before and after."""
        before = self._client.position()
        self._do(step)
        return before, self._client.position()

    def _do(self, step: Step) -> None:
        deed, now = step.deed, self._outside.now()
        match deed:
            case Fire(reports):
                self._send([_posted(report, self._start(report, now), now + LEASE) for report in reports])
            case End(reports):
                self._send([_posted(report, self._start(report, now), now) for report in reports])
                for report in reports:
                    del self._began[frozenset(report.labels.items())]
            case Tell(reports):
                self._client.post_webhook(self._webhook(reports, now))
            case Take(report, by, note):
                operator = self._outside.client(self._url, by)
                incident_id = _incident_of(report, operator).id
                operator.acknowledge(incident_id)
                operator.note(incident_id, note)
            case _:
                assert_never(deed)

    def end_leftovers(self) -> int:
        """End what an earlier run left firing. Returns the number of its incidents."""
        leftovers = [incident for incident in self._client.every_incident("open") if _is_ours(incident)]
        now = self._outside.now()
        for incident in leftovers:
            self._send(list(_ends(incident, self._client, now)))
        return len(leftovers)

    def ran_lately(self) -> bool:
        """Whether incidents of an earlier run would reopen."""
        since = self._outside.now() - REOPEN_WINDOW
        lately = self._client.incidents("resolved", first=50).incidents
        return any(_is_ours(incident) and (incident.resolved_at or since) > since for incident in lately)

    def _start(self, report: Report, now: datetime) -> datetime:
        return self._began.setdefault(frozenset(report.labels.items()), now)

    def _send(self, alerts: Sequence[Posted]) -> None:
        for first in range(0, len(alerts), BATCH):
            self._client.post_alerts(alerts[first : first + BATCH])

    def _webhook(self, reports: Reports, now: datetime) -> Webhook:
        labels = {name: value for name, value in reports[0].labels.items() if name in ("alertname", "cluster")}
        key = ", ".join(f'{name}="{value}"' for name, value in labels.items())
        alerts = [_told(report, self._start(report, now)) for report in reports]
        return Webhook(alerts, labels, f"{{}}:{{{key}}}")


def _posted(report: Report, starts_at: datetime, ends_at: datetime) -> Posted:
    return Posted(report.labels, {"summary": report.summary}, starts_at, ends_at, _generator_url(report))


def _told(report: Report, starts_at: datetime) -> WebhookAlert:
    annotations = {"summary": report.summary}
    return WebhookAlert(report.labels, annotations, starts_at, "0001-01-01T00:00:00Z", _generator_url(report))


def _generator_url(report: Report) -> str:
    return f"http://prometheus.{report.labels['cluster']}.example/graph?g0.expr={report.labels['alertname']}"


def _incident_of(report: Report, client: Client) -> Incident:
    for incident in client.every_incident("open"):
        if _is_ours(incident) and incident.labels.items() <= report.labels.items():
            return incident
    raise NotFound(f"the incident {report.labels['alertname']} is not open any more: somebody else resolved it")


def _is_ours(incident: Incident) -> bool:
    return incident.labels.get("cluster") in CLUSTERS


def _ends(incident: Incident, client: Client, now: datetime) -> Iterator[Posted]:
    """The ends of an incident's firing alerts. Which twin sent them is not told: all that may have are spoken for."""
    for alert in client.every_alert(incident.id):
        if alert.status is AlertStatus.FIRING:
            for twin in ({}, *({REPLICA_LABEL: replica} for replica in REPLICAS)):
                report = Report({**alert.labels, **twin}, alert.annotations.get("summary", ""))
                yield _posted(report, alert.starts_at, max(now, alert.starts_at))


def demo(
    context: typer.Context,
    speed: Annotated[float, typer.Option(metavar="N", min=0.5, help="Play it N times as fast.")] = 1.0,
    url: Url = DEFAULT_URL,
) -> None:
    """Play a minute of made-up trouble.

    An outage, a storm, HA twins, a flapping alert: it sends alerts to a running server, over its public HTTP API.
    They are of the clusters demo-eu and demo-us, and it touches no others.

    \b
    Examples:
      lookout demo
      lookout demo --speed 10
    """
    outside = outside_of(context)
    screen = Terminal()
    try:
        _play(Player(outside, url), outside, speed, screen)
    except KeyboardInterrupt:
        screen.say(Text("Stopped. The next demo ends what this one left."))


def _play(player: Player, outside: Outside, speed: float, screen: Terminal) -> None:
    leftovers = player.end_leftovers()
    screen.print(Text(INTRODUCTION))
    if leftovers:
        screen.print(Text(f"First it has ended what an earlier demo left open: {leftovers} of its incidents."))
    if player.ran_lately():
        screen.print(Text(AGAIN))
    for step in STORY:
        before, after = player.do(step)
        screen.say(_line(step, before, after, outside))
        outside.wait(timedelta(seconds=step.seconds / speed))
    screen.print(Text(ENDING))


def _line(step: Step, before: int, after: int, outside: Outside) -> Text:
    """A line of 80 columns: the time, how far the log has come, the step."""
    moved = f"{before} → {after}" if after > before else f"stays {after}"
    return Text.assemble((time_of_day(outside.now(), outside.zone), "dim"), (f"  {moved:<11}", "cyan"), step.text)
