"""Signed requests: whether a body was written by somebody who knows the secret, and not long ago."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from lookout.errors import Unsigned

HEADER = "X-Grafana-Alerting-Signature"
REPLAY_WINDOW = timedelta(minutes=5)
"""How far a signed time may be from ours, either way."""


class Signature(msgspec.Struct, frozen=True):
    """How Grafana signs (grafana/alerting, http/hmac.go): the HMAC-SHA256 of the body, in hex, in a header.

    With a timestamp header the time, in Unix seconds, and a colon stand before the body. Without one, anybody who has
    seen a message can send it again.
    """

    secret: str
    timestamp_header: str | None = None

    def check(self, headers: Mapping[str, str], body: bytes, now: datetime) -> None:
        """Raises `Unsigned` if `body`, received at `now`, is not signed, or not as it has to be."""
        given = headers.get(HEADER, "").strip().lower()
        if not given:
            raise Unsigned(f"the header {HEADER} is missing: set the HMAC secret in Grafana's contact point")
        signed = body
        if self.timestamp_header is not None:
            signed = self._timestamp(headers, self.timestamp_header, now).encode() + b":" + body
        expected = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise Unsigned(
                f"the signature in {HEADER} is not that of this body: the secret, or the timestamp header, is not the "
                "same here and in Grafana"
            )

    def _timestamp(self, headers: Mapping[str, str], name: str, now: datetime) -> str:
        text = headers.get(name, "").strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 11):
            raise Unsigned(f"the header {name} is missing or is no time: set it as timestamp header in Grafana")
        if abs(datetime.fromtimestamp(int(text), UTC) - now) > REPLAY_WINDOW:
            raise Unsigned(f"the time in {name} is more than {REPLAY_WINDOW.seconds // 60} minutes from ours")
        return text
