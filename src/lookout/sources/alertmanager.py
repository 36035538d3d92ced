"""`POST /v1/alertmanager`: Alertmanager's webhook, payload version 4 (notify/webhook/webhook.go, template/template.go).

A message tells the whole group, firing and resolved alerts together, with no lease: silence proves nothing, and with
`truncatedAlerts` above zero neither does absence. `groupKey` changes with the sender's routes, so it is not read.
"""

from datetime import datetime

import msgspec

from lookout.alerts.alert import Alert, AlertStatus
from lookout.alerts.source import USUAL, Source
from lookout.limits import USUAL as USUAL_LIMITS
from lookout.limits import Limits
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody, Parsed
from lookout.sources.reading import (
    FIELDS,
    NOT_THE_USUAL_FORM,
    Told,
    Usual,
    check_count,
    check_objects,
    told_as_go,
    told_usually,
)

NAME = "alertmanager"
VERSION = "4"


class _Alert(Usual, kw_only=True, forbid_unknown_fields=False):
    status: str


class _Message(msgspec.Struct, gc=False):
    version: str
    alerts: list[_Alert]


_MESSAGE = msgspec.json.Decoder(_Message)


def parse(body: bytes, now: datetime, source: Source = USUAL, limits: Limits = USUAL_LIMITS) -> Parsed:
    """The alerts of one message, received at `now`. Raises `MalformedBody` if it is refused whole."""
    if not body:
        raise MalformedBody("the body is empty: a webhook message of Alertmanager is expected")
    check_objects(body, limits)
    try:
        return _parse_usual(body, now, source, limits)
    except (*NOT_THE_USUAL_FORM, MalformedBody):
        return _parse_as_go(body, now, source, limits)


def _parse_usual(body: bytes, now: datetime, source: Source, limits: Limits) -> Parsed:
    message = _MESSAGE.decode(body)
    _check_version(message.version)
    check_count(len(message.alerts), limits)
    unlooked = limits.unlooked_bytes
    parsed = Parsed([], [])
    for index, alert in enumerate(message.alerts):
        told = told_usually(alert, f"alerts.{index}", source, limits, unlooked)
        if fault := _fault_of_status(alert.status) or told.fault:
            parsed.reject(index, fault, alert)
        else:
            parsed.alerts.append(_alert(alert.status, told, now))
    return parsed


def _parse_as_go(body: bytes, now: datetime, source: Source, limits: Limits) -> Parsed:
    value = gojson.decode(body, limits.nesting)
    if not isinstance(value, dict):
        raise MalformedBody(f"cannot read {gojson.kind_of(value)} as a webhook message of Alertmanager")
    message = gojson.fields_of(value, ("version", "alerts"))
    _check_version(gojson.text_of(message.get("version"), "version"))
    alerts = message.get("alerts") or []
    if not isinstance(alerts, list):
        raise MalformedBody(f"alerts: cannot read {gojson.kind_of(alerts)} as an array")
    check_count(len(alerts), limits)
    parsed = Parsed([], [])
    for index, alert in enumerate(alerts):
        try:
            parsed.alerts.append(_alert_as_go(alert, f"alerts.{index}", now, source, limits))
        except MalformedBody as error:
            # Refusing the message for one alert would make Alertmanager repeat all of it while the group lives.
            parsed.reject(index, error.message, alert)
    return parsed


def _alert_as_go(alert: gojson.Json, where: str, now: datetime, source: Source, limits: Limits) -> Alert:
    if not isinstance(alert, dict):
        raise MalformedBody(f"{where}: cannot read {gojson.kind_of(alert)} as an alert")
    fields = gojson.fields_of(alert, ("status", *FIELDS))
    status = gojson.text_of(fields.get("status"), f"{where}.status")
    told = told_as_go(fields, where, source, limits)
    if fault := _fault_of_status(status) or told.fault:
        raise MalformedBody(fault)
    return _alert(status, told, now)


def _check_version(version: str) -> None:
    if version == "1":
        raise MalformedBody('this is a message of Grafana (version "1"): it belongs to /v1/grafana')
    if version != VERSION:
        raise MalformedBody(
            f'version {version[:20]!r} is not known: expected "4", as Alertmanager writes it. If the receiver has a '
            "payload of its own (webhook_configs, payload), remove it"
        )


def _fault_of_status(status: str) -> str:
    if status in ("firing", "resolved"):
        return ""
    return f'status {status[:40]!r} is neither "firing" nor "resolved"'


def _alert(status: str, told: Told, now: datetime) -> Alert:
    if status == "firing":
        kind, ends_at = AlertStatus.FIRING, None
    else:
        ends_at = told.ends_at or now
        kind, ends_at = AlertStatus.RESOLVED, max(ends_at, told.starts_at or ends_at)
    return Alert(NAME, told.label_set, told.annotations, kind, told.starts_at, ends_at, False, told.generator_url)
