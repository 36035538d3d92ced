"""What every parser gives out, and the one error it may raise."""

from collections.abc import Sequence

import msgspec

from lookout.alerts.alert import Alert, LabelSet, RejectedAlert


class Parsed(msgspec.Struct, frozen=True):
    """A request as understood: the alerts to keep, and those refused with the reason.

    `acknowledged` are alerts of which the sender says that somebody is on them, and nothing else.
    """

    alerts: list[Alert]
    rejected: list[RejectedAlert]
    acknowledged: list[LabelSet] = []


class MalformedBody(Exception):
    """The whole body is refused. `status` is the HTTP status, `code` the one in the Alertmanager API's error object.

    `faults` are what is wrong with it one by one, for a sender whose answers list them.
    """

    def __init__(self, message: str, status: int = 400, code: int = 400, faults: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.faults = faults
