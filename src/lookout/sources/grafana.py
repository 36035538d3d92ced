"""`POST /v1/grafana`: the webhook contact point of Grafana's alerting (grafana/alerting, receivers/webhook/v1).

The message has Alertmanager's shape and version "1". Like Alertmanager's it promises nothing: silence proves nothing.
Links and values go into the annotations under the reserved names of `alerts/shown.py`.
"""

import math
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

from lookout.alerts import shown
from lookout.alerts.alert import Alert, AlertStatus, LabelSet, label_set
from lookout.alerts.source import USUAL, Source
from lookout.limits import USUAL as USUAL_LIMITS
from lookout.limits import Limits
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody, Parsed
from lookout.sources.reading import FIELDS, check_count, check_objects, told_as_go

NAME = "grafana"
VERSION = "1"

_LINKS = {
    "dashboardURL": shown.DASHBOARD_URL,
    "panelURL": shown.PANEL_URL,
    "silenceURL": shown.SILENCE_URL,
    "imageURL": shown.IMAGE_URL,
    "ruleUID": shown.RULE_UID,
}
_ALERT_FIELDS = (*FIELDS, *_LINKS, "status", "fingerprint", "values", "valueString")
_LEGACY_FIELDS = ("evalMatches", "ruleId", "ruleName", "ruleUrl", "rule_url")
_FINGERPRINT = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)
_STATES = {"DatasourceNoData": "No data", "DatasourceError": "Cannot be evaluated"}
"""Alerts that a rule sends of itself, by name, and what that means."""


def parse(body: bytes, now: datetime, source: Source = USUAL, limits: Limits = USUAL_LIMITS) -> Parsed:
    """The alerts of one message, received at `now`. Raises `MalformedBody` if it is refused whole."""
    if not body:
        raise MalformedBody("the body is empty: a message of Grafana's webhook contact point is expected")
    check_objects(body, limits)
    value = gojson.decode(body, limits.nesting)
    if not isinstance(value, dict):
        raise MalformedBody(f"cannot read {gojson.kind_of(value)} as a message of Grafana's webhook contact point")
    message = gojson.fields_of(value, ("version", "alerts", *_LEGACY_FIELDS))
    _check_kind(message)
    alerts = message.get("alerts") or []
    if not isinstance(alerts, list):
        raise MalformedBody(f"alerts: cannot read {gojson.kind_of(alerts)} as an array")
    check_count(len(alerts), limits)
    parsed = Parsed([], [])
    for index, alert in enumerate(alerts):
        try:
            parsed.alerts.append(_alert(alert, f"alerts.{index}", now, source, limits))
        except MalformedBody as error:
            # Grafana would send a refused message again at every group interval, with the good alerts in it.
            parsed.reject(index, error.message, alert)
    return parsed


def _check_kind(message: Mapping[str, gojson.Json]) -> None:
    """Refuse what is not a message of version 1, each in words that name what to change at the sender."""
    if "alerts" not in message and any(name in message for name in _LEGACY_FIELDS):
        raise MalformedBody(
            "this is a message of Grafana's legacy alerting: in grafana.ini set enabled = true under "
            "[unified_alerting] and enabled = false under [alerting] (Grafana 11 and later have nothing else), then "
            "add a contact point of type Webhook with this URL"
        )
    version = gojson.text_of(message.get("version"), "version")
    if version == "4":
        raise MalformedBody('this is a message of Alertmanager (version "4"): it belongs to /v1/alertmanager')
    if version != VERSION:
        raise MalformedBody(
            f'version {version[:20]!r} is not known: expected "1", as Grafana writes it. If the contact point has a '
            "custom payload, remove it (Optional Webhook settings)"
        )


def _alert(alert: gojson.Json, where: str, now: datetime, source: Source, limits: Limits) -> Alert:
    if not isinstance(alert, dict):
        raise MalformedBody(f"{where}: cannot read {gojson.kind_of(alert)} as an alert")
    fields = gojson.fields_of(alert, _ALERT_FIELDS)
    status = gojson.text_of(fields.get("status"), f"{where}.status")
    if status not in ("firing", "resolved"):
        raise MalformedBody(f'status {status[:40]!r} is neither "firing" nor "resolved"')
    told = told_as_go(fields, where, source, limits)
    if told.fault:
        raise MalformedBody(told.fault)
    labels = _identity(
        gojson.texts_of(fields.get("labels"), f"{where}.labels"),
        gojson.text_of(fields.get("fingerprint"), f"{where}.fingerprint"),
    )
    annotations = _summed_up(told.annotations, labels) | _reserved(fields, where)
    if status == "firing":
        return Alert(NAME, labels, annotations, AlertStatus.FIRING, told.starts_at, None, False, told.generator_url)
    ended_at = told.ends_at or now
    ends_at = max(ended_at, told.starts_at or ended_at)
    return Alert(NAME, labels, annotations, AlertStatus.RESOLVED, told.starts_at, ends_at, False, told.generator_url)


def _identity(labels: Mapping[str, str], given: str) -> LabelSet:
    """The given fingerprint covers labels that the payload hides (`__alert_rule_uid__`), so it is kept as it is.

    None of the labels is a replica's: of Grafana's own twins one sends.
    """
    own = label_set(labels, replica_labels=())
    fingerprint = given if _FINGERPRINT.fullmatch(given) else own.fingerprint
    return LabelSet(own.labels, fingerprint, stands_for=rule_of(own.labels))


def rule_of(labels: Mapping[str, str]) -> str:
    """The rule that an alert about missing data or a failed query stands for, "" for every other.

    Such an alert is named DatasourceNoData or DatasourceError, whichever rule sends it. Grouped by these names, the
    failures of all rules would be one incident, and none would be the incident of its rule.
    """
    return labels.get("rulename", "") if labels.get("alertname") in _STATES else ""


def _summed_up(annotations: Mapping[str, str], labels: LabelSet) -> dict[str, str]:
    """The annotations; where the alert says that there is no data, or no answer, its summary begins with that."""
    state = _STATES.get(labels.labels.get("alertname", ""))
    if state is None:
        return dict(annotations)
    about = annotations.get("summary") or annotations.get("description") or labels.stands_for
    return {**annotations, "summary": f"{state}: {about}" if about else state}


def _reserved(fields: Mapping[str, gojson.Json], where: str) -> dict[str, str]:
    texts = {reserved: gojson.text_of(fields.get(name), f"{where}.{name}") for name, reserved in _LINKS.items()}
    values = _numbers_of(fields.get("values"))
    text = gojson.text_of(fields.get("valueString"), f"{where}.valueString")
    if values:
        texts |= {shown.VALUES: msgspec.json.encode(values).decode(), shown.VALUE_STRING: text}
    else:
        # `values` is null when one of them is NaN or infinite; then this text is all there is, and it is listed.
        texts["valueString"] = text
    return {name: text for name, text in texts.items() if text}


def _numbers_of(values: gojson.Json) -> dict[str, float]:
    if not isinstance(values, dict):
        return {}
    return {
        gojson.text_of(name, "values"): number
        for name, number in values.items()
        if isinstance(number, float) and math.isfinite(number)
    }
