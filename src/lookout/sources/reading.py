"""What the senders' formats share: label sets recognised by their bytes, and the checks of one alert's parts."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec

from lookout.alerts.alert import LabelSet, label_set, parse_time
from lookout.alerts.source import Source
from lookout.limits import Limits, size_in_words
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody

LINK_LIMIT = 64 * 1024
"""Characters of an alert's link to its source: a longer one is left out, and the alert is taken."""

# A label set of usual size is kept, ready, under its raw bytes: a resend costs neither a parse nor a hash.
# 16,384 entries of at most 2 KiB, with their parsed form about five times that, stay under 160 MiB at the very worst
# and around 30 MiB with usual labels.
_CACHED_LABEL_SETS = 16_384
_CACHED_LENGTH = 2048

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_TEXTS = msgspec.json.Decoder(dict[str, str])


def check_objects(body: bytes, limits: Limits) -> None:
    """Refuse a body of more objects than any sender's, before it is decoded. Raises `MalformedBody`."""
    # Braces in texts are no objects, but few bodies have so many that the texts have to be told from the rest.
    most = limits.objects
    if _brackets_of(body) > most and _brackets_of(_STRING.sub(b"", body)) > most:
        raise _too_many(f"more than {most:,} objects; it may have at most {limits.alerts:,} alerts")


def check_count(alerts: int, limits: Limits) -> None:
    """Refuse a body of too many alerts. Raises `MalformedBody`."""
    if alerts > limits.alerts:
        raise _too_many(f"{alerts:,} alerts; at most {limits.alerts:,} are taken at once")


def _brackets_of(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def _too_many(found: str) -> MalformedBody:
    return MalformedBody(f"the body has {found}; nothing of it was taken", status=413, code=413)


def read_label_set(raw: bytes, drop_labels: tuple[str, ...]) -> LabelSet:
    """The label set of a JSON object of strings. Raises msgspec's or Unicode's error if it is anything else."""
    if len(raw) <= _CACHED_LENGTH:
        return _known_label_set(raw, drop_labels)
    return label_set(_TEXTS.decode(raw), drop_labels)


@lru_cache(maxsize=_CACHED_LABEL_SETS)
def _known_label_set(raw: bytes, drop_labels: tuple[str, ...]) -> LabelSet:
    return label_set(_TEXTS.decode(raw), drop_labels)


@lru_cache(maxsize=_CACHED_LABEL_SETS)
def _known_texts(raw: bytes) -> Mapping[str, str]:
    return _TEXTS.decode(raw)


def read_annotations(raw: bytes) -> Mapping[str, str]:
    """The annotations of a JSON object of strings. Raises msgspec's or Unicode's error if it is anything else."""
    return _known_texts(raw) if len(raw) <= _CACHED_LENGTH else _TEXTS.decode(raw)


class Usual(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An alert in the form in which senders write it, as far as all agree. It is read in one pass."""

    labels: msgspec.Raw
    annotations: msgspec.Raw = msgspec.Raw(b"{}")
    startsAt: str = ""  # noqa: N815
    endsAt: str = ""  # noqa: N815
    generatorURL: str = ""  # noqa: N815


class Told(msgspec.Struct, frozen=True, gc=False):
    """What a body says about one alert, with its parts typed and no rule of the sender applied yet."""

    label_set: LabelSet
    annotations: Mapping[str, str]
    starts_at: datetime | None
    ends_at: datetime | None
    generator_url: str
    fault_of_size: str = ""

    @property
    def fault(self) -> str:
        """Why such an alert cannot be kept, in Alertmanager's words; "" if it can."""
        labels = self.label_set
        if self.fault_of_size:
            return self.fault_of_size
        if not labels.labels and not labels.replica:
            return "at least one label pair required"
        if "" in labels.labels:
            return 'invalid label set: invalid name ""'
        if "" in self.annotations:
            return 'invalid annotations: invalid name ""'
        return ""


FIELDS = ("labels", "annotations", "startsAt", "endsAt", "generatorURL")
NOT_THE_USUAL_FORM = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What `told_usually`, and the decoding before it, raise for a body that has to be read the careful way."""


def told_usually(alert: Usual, where: str, source: Source, limits: Limits, unlooked: int) -> Told:
    """The parts of an alert in the usual form. Raises `MalformedBody` for a bad time.

    `unlooked` is `limits.unlooked_bytes`, which a parser asks for once and not for each alert.
    """
    labels, annotations = bytes(alert.labels), bytes(alert.annotations)
    fault_of_size = ""
    if len(labels) > unlooked or len(annotations) > unlooked:  # what counts is no more than these bytes
        fault_of_size = _fault_of_size(_TEXTS.decode(labels), _TEXTS.decode(annotations), limits)
    return Told(
        read_label_set(labels, source.drop_labels),
        read_annotations(annotations),
        time_of(alert.startsAt, where, "startsAt"),
        time_of(alert.endsAt, where, "endsAt"),
        _link(alert.generatorURL),
        fault_of_size,
    )


def told_as_go(fields: Mapping[str, gojson.Json], where: str, source: Source, limits: Limits) -> Told:
    """The parts of an alert, each read as Go reads it. Raises `MalformedBody` for what Go cannot read either."""

    def text(name: str) -> str:
        return gojson.text_of(fields.get(name), f"{where}.{name}")

    labels = gojson.texts_of(fields.get("labels"), f"{where}.labels")
    annotations = gojson.texts_of(fields.get("annotations"), f"{where}.annotations")
    return Told(
        label_set(labels, source.drop_labels),
        annotations,
        time_of(text("startsAt"), where, "startsAt"),
        time_of(text("endsAt"), where, "endsAt"),
        _link(text("generatorURL")),
        _fault_of_size(labels, annotations, limits),
    )


def _link(text: str) -> str:
    return text if len(text) <= LINK_LIMIT else ""


def _fault_of_size(labels: Mapping[str, str], annotations: Mapping[str, str], limits: Limits) -> str:
    """Counted in one form, so that both ways of reading come to the same."""
    for name, texts in (("labels", labels), ("annotations", annotations)):
        if len(texts) > limits.labels:
            return f"more than {limits.labels:,} labels, or annotations"
        if len(msgspec.json.encode(texts)) > limits.labels_bytes:
            return f"the {name} are larger than {size_in_words(limits.labels_bytes)} of JSON"
        if any(len(text) > limits.name_length for text in texts):
            return f"the name of one of the {name} is longer than {limits.name_length:,} characters"
        if any(len(text) > limits.value_length for text in texts.values()):
            return f"the value of one of the {name} is longer than {limits.value_length:,} characters"
    return ""


def time_of(text: str, where: str, name: str) -> datetime | None:
    """`text` as a time. Raises `MalformedBody` that says where it stands."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise MalformedBody(f"{where}.{name}: {error}") from None
