"""What every parser gives out, and the one error it may raise."""

import json
from collections.abc import Sequence

import msgspec

from lookout.alerts.alert import Alert, LabelSet, RejectedAlert
from lookout.alerts.text import escaped

EXCERPT_LENGTH = 512
REJECTED_LIMIT = 100
"""Rejected alerts of one body that are told one by one: the first show what is wrong with its sender."""


class Parsed(msgspec.Struct):
    """A request as understood: the alerts to keep, and those refused with the reason.

    `rejected` are the first `REJECTED_LIMIT`, and after them one that says how many more there are, in the place of the
    first left out; `rejected_places` are the places of all in the request. `acknowledged` are alerts of which the
    sender says that somebody is on them, and nothing else.
    """

    alerts: list[Alert]
    rejected: list[RejectedAlert]
    acknowledged: list[LabelSet] = []
    rejected_places: list[int] = []

    @property
    def rejected_count(self) -> int:
        return len(self.rejected_places)

    def reject(self, index: int, reason: str, part: object) -> None:
        """Refuse one alert, `part` of the body. The reason may quote it."""
        self.rejected_places.append(index)
        if (more := self.rejected_count - REJECTED_LIMIT) <= 0:
            self.rejected.append(RejectedAlert(index, escaped(reason), _excerpt_of(part)))
        elif more == 1:
            self.rejected.append(RejectedAlert(index, "and 1 more"))
        else:
            self.rejected[-1] = RejectedAlert(self.rejected[-1].index, f"and {more:,} more")


class MalformedBody(Exception):
    """The whole body is refused, for a reason that may quote it.

    `status` is the HTTP status, `code` the one in the Alertmanager API's error object. `faults` are what is wrong with
    it one by one, for a sender whose answers list them.
    """

    def __init__(self, message: str, status: int = 400, code: int = 400, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = escaped(message)
        self.status = status
        self.code = code
        self.faults = tuple(map(escaped, faults))


def _excerpt_of(part: object) -> str:
    """The beginning of what was refused, as JSON, for the operator who looks for its sender."""
    try:
        raw = msgspec.json.encode(part)
    except UnicodeEncodeError:  # a lone surrogate, which Python's own writer escapes
        raw = json.dumps(part, default=str).encode()
    return raw[:EXCERPT_LENGTH].decode(errors="replace")
