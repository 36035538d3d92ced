"""`POST /v1/events` and `POST /v2/enqueue`: one event as PagerDuty's Events API v2 has it.

An event is about the alert that its `dedup_key` names, and says nothing of when that began or how long it holds: the
order of arrival decides. So a trigger is a firing alert without a start, a resolve ends all that was triggered, and
nothing but the key is identity: the rest may change with every trigger, and a resolve carries the key alone.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from lookout.alerts.alert import Alert, AlertStatus, LabelSet, label_set, parse_time
from lookout.alerts.shown import is_web_url, numbered_link
from lookout.alerts.text import ELLIPSIS, one_line
from lookout.limits import USUAL, Limits
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody, Parsed

NAME = "events"
KEY = "dedup_key"
ACTIONS = ("trigger", "acknowledge", "resolve")

BODY_LIMIT = 512_000
"""Bytes of an event, as PagerDuty's clients count its 512 kB."""
KEY_LIMIT = 255
TEXT_LIMIT = 1024
"""Characters of a summary, by PagerDuty's rule, and of every other text."""
LINKS_LIMIT = 16
DETAILS_LIMIT = 32
"""Custom details that are kept, of at most `DETAIL_LIMIT` characters each and `ALL_DETAILS_LIMIT` together."""
DETAIL_LIMIT = 4096
ALL_DETAILS_LIMIT = 32_768
FAULTS_LIMIT = 20
_DETAIL_NAME_LIMIT = 100

_OPTIONAL = ("component", "group", "class")

_Object = Mapping[str, gojson.Json]


def parse(body: bytes, now: datetime, made_key: str, limits: Limits = USUAL) -> Parsed:
    """The alert of one event; `made_key` is its key if a trigger has none. Raises `MalformedBody` with its faults."""
    value = gojson.decode(body, limits.nesting)
    if not isinstance(value, dict):
        raise MalformedBody(f"cannot read {gojson.kind_of(value)} as an event")
    faults: list[str] = []
    action = _action_of(value, faults)
    key = _key_of(value, action, faults) or made_key
    trigger = _trigger_of(value, faults) if action == "trigger" else None
    if faults:
        raise MalformedBody("; ".join(faults[:FAULTS_LIMIT]), faults=faults[:FAULTS_LIMIT])
    identity = label_set({KEY: key}, replica_labels=())
    if trigger is not None:
        return Parsed([_firing(identity, *trigger)], [])
    if action == "resolve":
        return Parsed([Alert(NAME, identity, {}, AlertStatus.RESOLVED, None, None, False)], [])
    return Parsed([], [], [identity])


def key_of(parsed: Parsed) -> str:
    """The key of the event that was parsed."""
    alerts: list[LabelSet] = [alert.label_set for alert in parsed.alerts]
    return (alerts or parsed.acknowledged)[0].labels[KEY]


def _firing(identity: LabelSet, annotations: Mapping[str, str], url: str) -> Alert:
    return Alert(NAME, identity, annotations, AlertStatus.FIRING, None, None, False, url)


def _action_of(event: _Object, faults: list[str]) -> str:
    # Which service a key stands for is the token's matter; here it has to be there, as every client has it.
    _text(event, "routing_key", faults, required=True)
    action = _text(event, "event_action", faults, required=True)
    if action and action not in ACTIONS:
        faults.append(f"'event_action' is {action[:40]!r}, must be one of {', '.join(ACTIONS)}")
    return action


def _key_of(event: _Object, action: str, faults: list[str]) -> str:
    key = _text(event, KEY, faults, required=action in ACTIONS[1:])
    if len(key) > KEY_LIMIT:
        faults.append(f"'{KEY}' is longer than {KEY_LIMIT} characters")
    return key if key.strip() else ""


def _trigger_of(event: _Object, faults: list[str]) -> tuple[dict[str, str], str]:
    """The annotations of a trigger, and the page of the client that it is from."""
    payload = event.get("payload")
    if not isinstance(payload, dict):
        faults.append("'payload' is missing or blank" if payload is None else "'payload' must be an object")
        return {}, ""
    told = {
        "summary": _text(payload, "summary", faults, "payload.", required=True),
        "source": _text(payload, "source", faults, "payload.", required=True),
        # Any word: `severity_of` maps what is none of the four.
        "severity": _text(payload, "severity", faults, "payload.", required=True),
        "timestamp": _timestamp(_text(payload, "timestamp", faults, "payload.")),
        **{name: _text(payload, name, faults, "payload.") for name in _OPTIONAL},
        "client": _text(event, "client", faults),
    }
    texts = {name: _cut(text, TEXT_LIMIT) for name, text in told.items() if text}  # a long one is cut, not refused
    client_url = _text(event, "client_url", faults)
    links = [(client_url, told["client"] or "client"), *_links_of(event, faults)]
    usable = [(url, text) for url, text in links if is_web_url(url)][:LINKS_LIMIT]
    annotations = (
        _details_of(payload, faults)
        | texts
        | dict(numbered_link(number, url, text) for number, (url, text) in enumerate(usable, 1))
    )
    return annotations, client_url if is_web_url(client_url) else ""


def _timestamp(text: str) -> str:
    """When the problem was detected, for people to read: in UTC if it can be read, else as it was sent."""
    try:
        time = parse_time(text)
    except ValueError:
        return text
    return time.isoformat().replace("+00:00", "Z") if time is not None else ""


def _links_of(event: _Object, faults: list[str]) -> Iterator[tuple[str, str]]:
    """The URLs of links and images, with their texts."""
    for index, link in enumerate(_objects(event, "links", faults)):
        where = f"links[{index}]."
        yield _text(link, "href", faults, where), _text(link, "text", faults, where)
    for index, image in enumerate(_objects(event, "images", faults)):
        where = f"images[{index}]."
        yield _text(image, "src", faults, where), _text(image, "alt", faults, where) or f"image {index + 1}"


def _objects(event: _Object, name: str, faults: list[str]) -> list[_Object]:
    items = event.get(name) or []
    if isinstance(items, list):
        objects: list[_Object] = [item for item in items if isinstance(item, dict)]
        if len(objects) == len(items):
            return objects
    faults.append(f"'{name}' must be an array of objects")
    return []


def _details_of(payload: _Object, faults: list[str]) -> dict[str, str]:
    """The custom details as annotations, as many as there is room for; what was left out is said."""
    details = payload.get("custom_details")
    if isinstance(details, str):
        return {"custom_details": _cut(gojson.text_of(details, ""), DETAIL_LIMIT)}
    if details is not None and not isinstance(details, dict):
        faults.append("'payload.custom_details' must be an object")
    kept: dict[str, str] = {}
    room = ALL_DETAILS_LIMIT
    items = list(details.items()) if isinstance(details, dict) else []
    for count, (name, value) in enumerate(items):
        text = _cut(_plain_text(value), DETAIL_LIMIT)
        room -= len(text)
        if count == DETAILS_LIMIT or room < 0:
            kept["custom_details"] = f"{len(items) - count} more were left out"
            break
        if text:
            kept[f"custom_details.{one_line(name, _DETAIL_NAME_LIMIT)}"] = text
    return kept


def _plain_text(value: gojson.Json) -> str:
    """A detail as text: a string as it is, all else as JSON."""
    text = value if isinstance(value, str) else json.dumps(_with_whole_numbers(value), ensure_ascii=False)
    return gojson.text_of(text, "")


def _with_whole_numbers(value: gojson.Json) -> object:
    """Numbers are read as floats; whole ones were written without a fraction."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [_with_whole_numbers(item) for item in value]
        case dict():
            return {name: _with_whole_numbers(item) for name, item in value.items()}
        case _:
            return value


def _text(fields: _Object, name: str, faults: list[str], where: str = "", *, required: bool = False) -> str:
    """A field as text, "" if it is absent. Notes what is wrong with it, in PagerDuty's words where it has some."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        faults.append(f"'{where}{name}' must be a string")
        return ""
    text = gojson.text_of(value, "")
    if required and not text.strip():
        faults.append(f"'{where}{name}' is missing or blank")
        return ""
    return text


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + ELLIPSIS
