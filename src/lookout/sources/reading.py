"""What the senders' formats share: label sets recognised by their bytes, and the checks of one alert's parts."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

import msgspec

from lookout.alerts.alert import LabelSet, label_set, parse_time
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


def time_of(text: str, where: str) -> datetime | None:
    """`text` as a time. Raises `MalformedBody` with the place, as a bad time costs the whole body."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise MalformedBody(f"{where}: {error}") from None


def fault_of(labels: LabelSet, annotations: Mapping[str, str]) -> str:
    """Why an alert with these cannot be kept, in Alertmanager's words; "" if it can."""
    if not labels.labels and not labels.replica:
        return "at least one label pair required"
    if "" in labels.labels:
        return 'invalid label set: invalid name ""'
    if "" in annotations:
        return 'invalid annotations: invalid name ""'
    return ""


def excerpt_of(part: object) -> str:
    """The beginning of what was refused, as JSON, for the operator who looks for its sender."""
    try:
        raw = msgspec.json.encode(part)
    except UnicodeEncodeError:  # a lone surrogate, which Python's own writer escapes
        raw = json.dumps(part, default=str).encode()
    return raw[:EXCERPT_LENGTH].decode(errors="replace")
