"""`POST /api/v2/alerts` as Prometheus, its kin and amtool send it: an array of alerts with leases.

The rules and their order are Alertmanager's (api/v2/api.go, `postAlertsHandler`): a body that is not of the schema is
refused whole, an alert that is not valid is refused alone.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from lookout.alerts.alert import Alert, AlertStatus, LabelSet, RejectedAlert, label_set
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody, Parsed
from lookout.sources.reading import excerpt_of, fault_of, read_annotations, read_label_set, time_of

NAME = "prometheus"
RESOLVE_TIMEOUT = timedelta(minutes=5)
"""How long an alert without `endsAt` is taken to fire: Alertmanager's default `resolve_timeout`."""

NO_BODY = MalformedBody("alerts in body is required", status=422, code=602)


class _Posted(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The usual form, read in one pass; what does not fit it goes the careful way."""

    labels: msgspec.Raw
    annotations: msgspec.Raw = msgspec.Raw(b"{}")
    startsAt: str = ""  # noqa: N815
    endsAt: str = ""  # noqa: N815
    generatorURL: str = ""  # noqa: N815


_POSTED = msgspec.json.Decoder(list[_Posted])
_FIELDS = ("labels", "annotations", "startsAt", "endsAt", "generatorURL")
_NOT_THE_USUAL_FORM = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def parse(body: bytes, now: datetime) -> Parsed:
    """The alerts of one request, received at `now`. Raises `MalformedBody` if it is refused whole."""
    if not body:
        raise NO_BODY
    try:
        return _parse_usual(body, now)
    except _NOT_THE_USUAL_FORM:
        return _parse_as_go(body, now)


def _parse_usual(body: bytes, now: datetime) -> Parsed:
    parsed = Parsed([], [])
    for index, posted in enumerate(_POSTED.decode(body)):
        _check_uri(posted.generatorURL, index)
        labels = read_label_set(bytes(posted.labels))
        annotations = read_annotations(bytes(posted.annotations))
        starts_at = time_of(posted.startsAt, f"{index}.startsAt")
        ends_at = time_of(posted.endsAt, f"{index}.endsAt")
        if fault := fault_of(labels, annotations) or _fault_of_times(starts_at, ends_at, now):
            parsed.rejected.append(RejectedAlert(index, fault, excerpt_of(posted)))
        else:
            parsed.alerts.append(_alert(labels, annotations, starts_at, ends_at, posted.generatorURL, now))
    return parsed


def _parse_as_go(body: bytes, now: datetime) -> Parsed:
    value = gojson.decode(body)
    if value is None:
        return Parsed([], [])
    if not isinstance(value, list):
        raise MalformedBody(f"cannot read {gojson.kind_of(value)} as an array of alerts")
    fields = [_fields_of(item, index) for index, item in enumerate(value)]
    for index, posted in enumerate(fields):
        _check_schema(posted, index)
    parsed = Parsed([], [])
    for index, posted in enumerate(fields):
        _sort_in(parsed, posted, index, now)
    return parsed


def _fields_of(item: Any, index: int) -> dict[str, Any] | None:
    """One element with its fields typed, before any rule is applied; None for null."""
    if item is None:
        return None
    if not isinstance(item, dict):
        raise MalformedBody(f"{index}: cannot read {gojson.kind_of(item)} as an alert")
    fields = gojson.fields_of(item, _FIELDS)
    return {
        "labels": None if fields.get("labels") is None else gojson.texts_of(fields["labels"], f"{index}.labels"),
        "annotations": gojson.texts_of(fields.get("annotations"), f"{index}.annotations"),
        "startsAt": time_of(gojson.text_of(fields.get("startsAt"), f"{index}.startsAt"), f"{index}.startsAt"),
        "endsAt": time_of(gojson.text_of(fields.get("endsAt"), f"{index}.endsAt"), f"{index}.endsAt"),
        "generatorURL": gojson.text_of(fields.get("generatorURL"), f"{index}.generatorURL"),
    }


def _check_schema(posted: dict[str, Any] | None, index: int) -> None:
    if posted is None:
        return
    if posted["labels"] is None:
        raise MalformedBody(f"{index}.labels in body is required", status=422, code=602)
    _check_uri(posted["generatorURL"], index)


def _sort_in(parsed: Parsed, posted: dict[str, Any] | None, index: int, now: datetime) -> None:
    if posted is None:
        # Alertmanager's handler panics here and takes the good alerts of the batch with it.
        parsed.rejected.append(RejectedAlert(index, "null is not an alert", "null"))
        return
    labels = label_set(posted["labels"])
    annotations, starts_at, ends_at = posted["annotations"], posted["startsAt"], posted["endsAt"]
    if fault := fault_of(labels, annotations) or _fault_of_times(starts_at, ends_at, now):
        parsed.rejected.append(RejectedAlert(index, fault, excerpt_of(posted)))
    else:
        parsed.alerts.append(_alert(labels, annotations, starts_at, ends_at, posted["generatorURL"], now))


def _check_uri(text: str, index: int) -> None:
    """Alertmanager's schema wants a URI: absolute, or a path."""
    if not text or text.startswith(("http://", "https://", "/")):
        return
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if not scheme or " " in text:
        raise MalformedBody(f'{index}.generatorURL in body must be of type uri: "{text[:80]}"', status=422, code=601)


def _fault_of_times(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> str:
    """An alert may not end before it starts, nor start after it would be taken to have ended."""
    if starts_at is not None and (ends_at or now + RESOLVE_TIMEOUT) < starts_at:
        return "start time must be before end time"
    return ""


def _alert(
    labels: LabelSet,
    annotations: Any,
    starts_at: datetime | None,
    ends_at: datetime | None,
    generator_url: str,
    now: datetime,
) -> Alert:
    ends_at = ends_at or now + RESOLVE_TIMEOUT
    status = AlertStatus.RESOLVED if ends_at <= now else AlertStatus.FIRING
    return Alert(NAME, labels, annotations, status, starts_at, ends_at, True, generator_url)
