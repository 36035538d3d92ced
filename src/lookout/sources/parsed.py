"""What every parser gives out, and the one error it may raise."""

import msgspec

from lookout.alerts.alert import Alert, RejectedAlert


class Parsed(msgspec.Struct, frozen=True):
    """A request as understood: the alerts to keep, and those refused with the reason."""

    alerts: list[Alert]
    rejected: list[RejectedAlert]


class MalformedBody(Exception):
    """The whole body is refused. `status` is the HTTP status, `code` the one in the Alertmanager API's error object."""

    def __init__(self, message: str, status: int = 400, code: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
