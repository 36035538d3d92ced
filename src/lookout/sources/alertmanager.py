"""`POST /v1/alertmanager`: Alertmanager's webhook, payload version 4 (notify/webhook/webhook.go, template/template.go).

A message tells the whole group, firing and resolved alerts together, with no lease: silence proves nothing, and with
`truncatedAlerts` above zero neither does absence. `groupKey` changes with the sender's routes, so it is not read.
"""

from datetime import datetime
from typing import Any

import msgspec

from lookout.alerts.alert import Alert, AlertStatus, LabelSet, RejectedAlert, label_set
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody, Parsed
from lookout.sources.reading import excerpt_of, fault_of, read_annotations, read_label_set, time_of

NAME = "alertmanager"
VERSION = "4"


class _Told(msgspec.Struct, gc=False):
    """One alert of the message in its usual form."""

    status: str
    labels: msgspec.Raw
    annotations: msgspec.Raw = msgspec.Raw(b"{}")
    startsAt: str = ""  # noqa: N815
    endsAt: str = ""  # noqa: N815
    generatorURL: str = ""  # noqa: N815


class _Message(msgspec.Struct, gc=False):
    version: str
    alerts: list[_Told]


_MESSAGE = msgspec.json.Decoder(_Message)
_FIELDS = ("status", "labels", "annotations", "startsAt", "endsAt", "generatorURL")
_NOT_THE_USUAL_FORM = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def parse(body: bytes, now: datetime) -> Parsed:
    """The alerts of one message, received at `now`. Raises `MalformedBody` if it is refused whole."""
    if not body:
        raise MalformedBody("the body is empty: a webhook message of Alertmanager is expected")
    try:
        return _parse_usual(body, now)
    except (*_NOT_THE_USUAL_FORM, MalformedBody):
        return _parse_as_go(body, now)


def _parse_usual(body: bytes, now: datetime) -> Parsed:
    message = _MESSAGE.decode(body)
    _check_version(message.version)
    parsed = Parsed([], [])
    for index, told in enumerate(message.alerts):
        labels = read_label_set(bytes(told.labels))
        annotations = read_annotations(bytes(told.annotations))
        starts_at = time_of(told.startsAt, f"alerts.{index}.startsAt")
        ends_at = time_of(told.endsAt, f"alerts.{index}.endsAt")
        if fault := _fault_of_status(told.status) or fault_of(labels, annotations):
            parsed.rejected.append(RejectedAlert(index, fault, excerpt_of(told)))
        else:
            parsed.alerts.append(_alert(told.status, labels, annotations, starts_at, ends_at, told.generatorURL, now))
    return parsed


def _parse_as_go(body: bytes, now: datetime) -> Parsed:
    value = gojson.decode(body)
    if not isinstance(value, dict):
        raise MalformedBody(f"cannot read {gojson.kind_of(value)} as a webhook message of Alertmanager")
    message = gojson.fields_of(value, ("version", "alerts"))
    _check_version(gojson.text_of(message.get("version"), "version"))
    alerts = message.get("alerts") or []
    if not isinstance(alerts, list):
        raise MalformedBody(f"alerts: cannot read {gojson.kind_of(alerts)} as an array")
    parsed = Parsed([], [])
    for index, told in enumerate(alerts):
        try:
            parsed.alerts.append(_alert_as_go(told, index, now))
        except MalformedBody as error:
            # Refusing the message for one alert would make Alertmanager repeat all of it for as long as the group lives.
            parsed.rejected.append(RejectedAlert(index, error.message, excerpt_of(told)))
    return parsed


def _alert_as_go(told: Any, index: int, now: datetime) -> Alert:
    where = f"alerts.{index}"
    if not isinstance(told, dict):
        raise MalformedBody(f"{where}: cannot read {gojson.kind_of(told)} as an alert")
    fields = gojson.fields_of(told, _FIELDS)
    status = gojson.text_of(fields.get("status"), f"{where}.status")
    labels = label_set(gojson.texts_of(fields.get("labels"), f"{where}.labels"))
    annotations = gojson.texts_of(fields.get("annotations"), f"{where}.annotations")
    starts_at = time_of(gojson.text_of(fields.get("startsAt"), f"{where}.startsAt"), f"{where}.startsAt")
    ends_at = time_of(gojson.text_of(fields.get("endsAt"), f"{where}.endsAt"), f"{where}.endsAt")
    if fault := _fault_of_status(status) or fault_of(labels, annotations):
        raise MalformedBody(fault)
    generator_url = gojson.text_of(fields.get("generatorURL"), f"{where}.generatorURL")
    return _alert(status, labels, annotations, starts_at, ends_at, generator_url, now)


def _check_version(version: str) -> None:
    if version == "1":
        raise MalformedBody(
            'this is a message of Grafana (version "1"): Lookout reads the version "4" of Alertmanager here'
        )
    if version != VERSION:
        raise MalformedBody(f'version {version[:20]!r} is not known: expected "4", as Alertmanager writes it')


def _fault_of_status(status: str) -> str:
    if status in ("firing", "resolved"):
        return ""
    return f'status {status[:40]!r} is neither "firing" nor "resolved"'


def _alert(
    status: str,
    labels: LabelSet,
    annotations: Any,
    starts_at: datetime | None,
    ends_at: datetime | None,
    generator_url: str,
    now: datetime,
) -> Alert:
    if status == "firing":
        return Alert(NAME, labels, annotations, AlertStatus.FIRING, starts_at, None, False, generator_url)
    ended_at = max(ends_at or now, starts_at or ends_at or now)
    return Alert(NAME, labels, annotations, AlertStatus.RESOLVED, starts_at, ended_at, False, generator_url)
