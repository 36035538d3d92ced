"""`POST /api/v2/alerts` as Prometheus, its kin and amtool send it: an array of alerts with leases.

The rules and their order are Alertmanager's (api/v2/api.go, `postAlertsHandler`): a body that is not of the schema is
refused whole, an alert that is not valid is refused alone.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

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

NAME = "prometheus"
RESOLVE_TIMEOUT = timedelta(minutes=5)
"""How long an alert without `endsAt` is taken to fire, unless the source has an `expiry`: Alertmanager's default
`resolve_timeout`."""


_POSTED = msgspec.json.Decoder(list[Usual])


def parse(body: bytes, now: datetime, source: Source = USUAL, limits: Limits = USUAL_LIMITS) -> Parsed:
    """The alerts of one request, received at `now`. Raises `MalformedBody` if it is refused whole."""
    if not body:
        raise MalformedBody("alerts in body is required", status=422, code=602)
    check_objects(body, limits)
    try:
        return _parse_usual(body, now, source, limits)
    except NOT_THE_USUAL_FORM:
        return _parse_as_go(body, now, source, limits)


def _parse_usual(body: bytes, now: datetime, source: Source, limits: Limits) -> Parsed:
    alerts = _POSTED.decode(body)
    check_count(len(alerts), limits)
    lives_until = now + (source.expiry or RESOLVE_TIMEOUT)
    unlooked = limits.unlooked_bytes
    parsed = Parsed([], [])
    for index, posted in enumerate(alerts):
        _check_uri(posted.generatorURL, index)
        told = told_usually(posted, str(index), source, limits, unlooked)
        if fault := told.fault or _fault_of_times(told, lives_until):
            parsed.reject(index, fault, posted)
        else:
            parsed.alerts.append(_alert(told, now, lives_until))
    return parsed


def _parse_as_go(body: bytes, now: datetime, source: Source, limits: Limits) -> Parsed:
    posted = gojson.decode(body, limits.nesting)
    if posted is None:
        return Parsed([], [])
    if not isinstance(posted, list):
        raise MalformedBody(f"cannot read {gojson.kind_of(posted)} as an array of alerts")
    check_count(len(posted), limits)
    fields = [_fields_of(item, index) for index, item in enumerate(posted)]
    told = [None if item is None else told_as_go(item, str(index), source, limits) for index, item in enumerate(fields)]
    for index, item in enumerate(fields):
        _check_schema(item, index)
    lives_until = now + (source.expiry or RESOLVE_TIMEOUT)
    parsed = Parsed([], [])
    for index, item in enumerate(told):
        # Alertmanager's handler panics at a null, and takes the good alerts of the batch with it.
        fault = "null is not an alert" if item is None else item.fault or _fault_of_times(item, lives_until)
        if item is None or fault:
            parsed.reject(index, fault, posted[index])
        else:
            parsed.alerts.append(_alert(item, now, lives_until))
    return parsed


def _fields_of(item: gojson.Json, index: int) -> dict[str, gojson.Json] | None:
    if item is None:
        return None
    if not isinstance(item, dict):
        raise MalformedBody(f"{index}: cannot read {gojson.kind_of(item)} as an alert")
    return gojson.fields_of(item, FIELDS)


def _check_schema(fields: dict[str, gojson.Json] | None, index: int) -> None:
    """What Alertmanager's API framework checks before its handler sees an alert: it costs the whole body."""
    if fields is None:
        return
    if fields.get("labels") is None:
        raise MalformedBody(f"{index}.labels in body is required", status=422, code=602)
    _check_uri(gojson.text_of(fields.get("generatorURL"), f"{index}.generatorURL"), index)


def _check_uri(text: str, index: int) -> None:
    """The schema wants a URI: absolute, or a path."""
    if not text or text.startswith(("http://", "https://", "/")):
        return
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if not scheme or " " in text:
        raise MalformedBody(f'{index}.generatorURL in body must be of type uri: "{text[:80]}"', status=422, code=601)


def _fault_of_times(told: Told, lives_until: datetime) -> str:
    """An alert may not end before it starts, nor start after it would be taken to have ended."""
    if told.starts_at is not None and (told.ends_at or lives_until) < told.starts_at:
        return "start time must be before end time"
    return ""


def _alert(told: Told, now: datetime, lives_until: datetime) -> Alert:
    ends_at = told.ends_at or lives_until
    status = AlertStatus.RESOLVED if ends_at <= now else AlertStatus.FIRING
    return Alert(NAME, told.label_set, told.annotations, status, told.starts_at, ends_at, True, told.generator_url)
