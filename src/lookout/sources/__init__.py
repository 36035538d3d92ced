"""Bytes in, alerts out: one file per sender, each with a `parse(body, now) -> Parsed`. Pure.

A parser returns alerts and rejected ones, or raises `MalformedBody`, its one error. `WEBHOOKS` is the table of the
senders that have a path of their own, `POST /v1/<name>`; the Alertmanager API answers in its own way and stands apart.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from lookout.sources import alertmanager
from lookout.sources.parsed import Parsed

Parser = Callable[[bytes, datetime], Parsed]

WEBHOOKS: Mapping[str, Parser] = {
    alertmanager.NAME: alertmanager.parse,
}
