"""Grafana's signature, by the vectors of its own tests."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.payloads import WIRE

from lookout.api.signature import HEADER, Signature
from lookout.errors import Unsigned

VECTORS = json.loads((WIRE / "grafana-hmac-vectors.json").read_text())
BODY = VECTORS["body"].encode()
TIME = VECTORS["timestamp"]
NOW = datetime.fromtimestamp(int(TIME), UTC)


def test_the_header_is_grafanas() -> None:
    assert VECTORS["header_default"] == HEADER


def test_the_signature_of_a_body_is_grafanas() -> None:
    Signature(VECTORS["secret"]).check({HEADER: VECTORS["signature_without_timestamp"]}, BODY, NOW)


def test_the_signature_of_time_and_body_is_grafanas() -> None:
    headers = {HEADER: VECTORS["signature_with_timestamp"], "X-Time": TIME}
    Signature(VECTORS["secret"], "X-Time").check(headers, BODY, NOW + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("signature", "headers"),
    [
        (Signature("secret"), {HEADER: VECTORS["signature_with_timestamp"], "X-Time": TIME}),
        (Signature("secret", "X-Time"), {HEADER: VECTORS["signature_without_timestamp"], "X-Time": TIME}),
        (Signature("secret", "X-Time"), {HEADER: VECTORS["signature_with_timestamp"]}),
        (Signature("secret", "X-Time"), {HEADER: VECTORS["signature_with_timestamp"], "X-Time": "1700000001"}),
        (Signature("Secret"), {HEADER: VECTORS["signature_without_timestamp"]}),
        (Signature("secret"), {}),
    ],
)
def test_everything_else_is_unsigned(signature: Signature, headers: dict[str, str]) -> None:
    with pytest.raises(Unsigned):
        signature.check(headers, BODY, NOW)
