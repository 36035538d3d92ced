"""What an Alertmanager says fires: `GET /api/v2/alerts`, and of itself `/api/v2/status`.

It tells alerts of every receiver, and those that are silenced or inhibited, which it sends to nobody. It keeps alerts
in memory: after a restart it lacks what has not ended, until the senders have said it again.
"""

from collections.abc import Sequence
from re import escape
from urllib.parse import quote

import msgspec

from lookout.alerts.alert import Alert, AlertStatus, LabelSet, label_set
from lookout.alerts.answer import Answer
from lookout.alerts.source import Source
from lookout.limits import Limits
from lookout.sources import gojson
from lookout.sources.alertmanager import NAME
from lookout.sources.asking import Asked, Question, decoded, running_since
from lookout.sources.reading import check_count, told_as_go


class _State(msgspec.Struct, gc=False):
    state: str


class _Alert(msgspec.Struct, gc=False):
    labels: dict[str, str]
    annotations: dict[str, str]
    startsAt: str  # noqa: N815
    status: _State
    generatorURL: str = ""  # noqa: N815


class _Status(msgspec.Struct, gc=False):
    uptime: str


def _paths(source: Source) -> Sequence[str]:
    query = f"?receiver={quote(escape(source.alertmanager_receiver))}" if source.alertmanager_receiver else ""
    return ("/api/v2/status", f"/api/v2/alerts{query}")


def _read(asked: Asked, source: Source) -> Answer:
    status_body, alerts_body = asked.bodies
    started = decoded(status_body, _Status, "the status", asked.limits).uptime
    told = decoded(alerts_body, list[_Alert], "the list of alerts", asked.limits)
    check_count(len(told), asked.limits)
    alerts: list[Alert] = []
    muted: list[Alert] = []
    unsettled: list[LabelSet] = []
    for index, alert in enumerate(told):
        read = _alert(alert, index, source, asked.limits)
        if read is not None and alert.status.state == "active":
            alerts.append(read)
        elif read is not None and alert.status.state == "suppressed":
            muted.append(read)
        else:
            unsettled.append(label_set(alert.labels, source.drop_labels))
    return Answer(NAME, running_since(asked, started, "uptime"), alerts, muted, unsettled)


def _alert(alert: _Alert, index: int, source: Source, limits: Limits) -> Alert | None:
    """The alert as it would have been sent, None if it would have been refused."""
    fields: dict[str, gojson.Json] = {
        "labels": {**alert.labels},
        "annotations": {**alert.annotations},
        "startsAt": alert.startsAt,
        "generatorURL": alert.generatorURL,
    }
    told = told_as_go(fields, f"alerts.{index}", source, limits)
    if told.fault:
        return None
    return Alert(
        NAME, told.label_set, told.annotations, AlertStatus.FIRING, told.starts_at, None, False, told.generator_url
    )


QUESTION = Question(_paths, _read)
