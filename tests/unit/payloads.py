"""The captured payloads in tests/wire, and bytes as odd senders write them."""

import json
from pathlib import Path
from typing import Any

import msgspec

WIRE = Path(__file__).parent.parent / "wire"

PROMETHEUS = tuple(sorted(path.name for path in WIRE.glob("prometheus-*.json")))
ALERTMANAGER = tuple(sorted(path.name for path in WIRE.glob("alertmanager-*.json")))
GRAFANA = tuple(sorted(path.name for path in WIRE.glob("grafana-webhook-*.json")))
KIN = tuple(sorted(path.name for path in WIRE.glob("*-post-alerts-*.json") if not path.name.startswith("prometheus-")))
"""What else sends as Prometheus does: vmalert as it was captured, the others from their sources."""
EVENTS = (
    "pagerduty-from-alertmanager-0.25-resolve.json",
    "pagerduty-from-alertmanager-0.25-trigger.json",
    "pagerduty-v2-ack-minimal-constructed.json",
    "pagerduty-v2-trigger-from-openapi.json",
)


class _Request(msgspec.Struct):
    headers: list[tuple[str, str]] = []


class _Capture(msgspec.Struct):
    body: Any
    request: _Request = msgspec.field(default_factory=_Request)
    body_raw: str = ""


def captured(name: str) -> bytes:
    """The body of a captured request, byte for byte as it was on the wire."""
    capture = msgspec.json.decode((WIRE / name).read_bytes(), type=_Capture)
    return capture.body_raw.encode() or json.dumps(capture.body).encode()


def captured_headers(name: str) -> dict[str, str]:
    """The headers of a captured request, without those that a client writes for each connection."""
    capture = msgspec.json.decode((WIRE / name).read_bytes(), type=_Capture)
    return {name: value for name, value in capture.request.headers if name not in ("Host", "Content-Length")}


def told_alerts(name: str) -> list[dict[str, Any]]:
    """The alerts that a captured request holds, as plain JSON."""
    body: Any = json.loads(captured(name))
    return body if isinstance(body, list) else body["alerts"]  # pyright: ignore[reportUnknownVariableType]
