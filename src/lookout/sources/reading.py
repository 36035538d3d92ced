"""What the senders' formats share: label sets recognised by their bytes, and the checks of one alert's parts."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec

from lookout.alerts.alert import LabelSet, label_set, parse_time
from lookout.sources import gojson
from lookout.sources.parsed import MalformedBody

EXCERPT_LENGTH = 512
# A label set of usual size is kept, ready, under its raw bytes: a resend costs neither a parse nor a hash.
# 16,384 entries of at most 2 KiB, with their parsed form about five times that, stay under 160 MiB at the very worst
# and around 30 MiB with usual labels.
_CACHED_LABEL_SETS = 16_384
_CACHED_LENGTH = 2048

_TEXTS = msgspec.json.Decoder(dict[str, str])


def read_label_set(raw: bytes) -> LabelSet:
    """The label set of a JSON object of strings. Raises msgspec's or Unicode's error if it is anything else."""
    return _known_label_set(raw) if len(raw) <= _CACHED_LENGTH else label_set(_TEXTS.decode(raw))


@lru_cache(maxsize=_CACHED_LABEL_SETS)
def _known_label_set(raw: bytes) -> LabelSet:
    return label_set(_TEXTS.decode(raw))


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

    @property
    def fault(self) -> str:
        """Why such an alert cannot be kept, in Alertmanager's words; "" if it can."""
        labels = self.label_set
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


def told_usually(alert: Usual, where: str) -> Told:
    """The parts of an alert in the usual form. Raises `MalformedBody` for a bad time."""
    return Told(
        read_label_set(bytes(alert.labels)),
        read_annotations(bytes(alert.annotations)),
        time_of(alert.startsAt, where, "startsAt"),
        time_of(alert.endsAt, where, "endsAt"),
        alert.generatorURL,
    )


def told_as_go(fields: Mapping[str, gojson.Json], where: str) -> Told:
    """The parts of an alert, each read as Go reads it. Raises `MalformedBody` for what Go cannot read either."""

    def text(name: str) -> str:
        return gojson.text_of(fields.get(name), f"{where}.{name}")

    return Told(
        label_set(gojson.texts_of(fields.get("labels"), f"{where}.labels")),
        gojson.texts_of(fields.get("annotations"), f"{where}.annotations"),
        time_of(text("startsAt"), where, "startsAt"),
        time_of(text("endsAt"), where, "endsAt"),
        text("generatorURL"),
    )


def time_of(text: str, where: str, name: str) -> datetime | None:
    """`text` as a time. Raises `MalformedBody` that says where it stands."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise MalformedBody(f"{where}.{name}: {error}") from None


def excerpt_of(part: object) -> str:
    """The beginning of what was refused, as JSON, for the operator who looks for its sender."""
    try:
        raw = msgspec.json.encode(part)
    except UnicodeEncodeError:  # a lone surrogate, which Python's own writer escapes
        raw = json.dumps(part, default=str).encode()
    return raw[:EXCERPT_LENGTH].decode(errors="replace")
