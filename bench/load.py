"""The load: `wrk`, which costs a few microseconds a request, with a script that gives it the bodies to send."""

import asyncio
import json
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from lookout.errors import StartError

REPEAT = """
local bodies, at = {}, 0
function init(arguments)
  for body in io.lines(arguments[1]) do
    bodies[#bodies + 1] = wrk.format(arguments[2], nil, {["Content-Type"] = "application/json"}, body)
  end
end
function request()
  at = at % #bodies + 1
  return bodies[at]
end
"""
"""Sends the lines of a file in turn, from the first on again after the last."""

_FRESH = """
local size, run, number = 0, "", 0
local headers = {["Content-Type"] = "application/json"}
function init(arguments)
  size, run = tonumber(arguments[1]), arguments[2]
  begin(arguments)
end
function request()
  local alerts = {}
  for place = 1, size do
    number = number + 1
    alerts[place] = string.format(
      '{"labels":{"alertname":"Fresh","cluster":"eu-1","job":"%s-%d","instance":"10.0.0.1:9100",' ..
      '"severity":"warning"},"annotations":{"summary":"it has begun"},"startsAt":"2026-01-01T00:00:00Z"}', run, number)
  end
  turn()
  return wrk.format("POST", nil, headers, "[" .. table.concat(alerts, ",") .. "]")
end
"""

FRESH = f"{_FRESH}\nfunction begin() end\nfunction turn() end\n"
"""Sends alerts that nobody has seen before, each of a group of its own."""

FRESH_OF_TENANTS = f"""{_FRESH}
local first, tenants, requests = 0, 1, 0
function begin(arguments)
  headers["Authorization"] = "Bearer " .. arguments[3]
  first, tenants = tonumber(arguments[4]), arguments[5] - arguments[4]
end
function turn()
  headers["X-Tenant-ID"] = string.format("tenant-%d", first + requests % tenants)
  requests = requests + 1
end
"""
"""The same, each request of the next of several tenants, whose numbers go from one up to another."""

DONE = """
function done(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
  io.write(string.format('\\n{"requests":%d,"microseconds":%d,"failed":%d,"p50":%d,"p99":%d}\\n', summary.requests,
    summary.duration, failed + summary.errors.timeout, latency:percentile(50), latency:percentile(99)))
end
"""


class Load(msgspec.Struct, frozen=True):
    """What came of it. Times in microseconds, of one request."""

    requests: int
    microseconds: int
    failed: int
    p50: int
    p99: int

    @property
    def per_second(self) -> float:
        return self.requests / self.microseconds * 1e6

    def check(self) -> None:
        """Raise `StartError` if a request failed, as what is refused is answered fast, or if none was answered."""
        if self.failed or not self.requests:
            raise StartError(f"{self.failed} of {self.requests} requests failed")


def alerts(count: int) -> Iterator[dict[str, object]]:
    """Alerts as a Prometheus sends them, a hundred in each group."""
    began = datetime.now(UTC)
    ends_at = (began + timedelta(hours=1)).isoformat()
    for number in range(count):
        labels = {
            "alertname": "InstanceDown",
            "cluster": f"eu-{number // 1000}",
            "job": f"node-{number // 100}",
            "instance": f"10.0.{number // 250}.{number % 250}:9100",
            "severity": "warning",
        }
        summary = {"summary": "A target has not answered for five minutes"}
        url = "http://prometheus.example/graph?g0.expr=up+%3D%3D+0"
        starts_at = began.isoformat()
        yield {"labels": labels, "annotations": summary, "startsAt": starts_at, "endsAt": ends_at, "generatorURL": url}


def written(directory: Path, count: int, per_request: int) -> Path:
    """A file with the bodies of requests, a line each, that send `count` alerts."""
    everything = list(alerts(count))
    path = directory / f"bodies-{count}-{per_request}"
    parts = (everything[start : start + per_request] for start in range(0, count, per_request))
    path.write_text("".join(json.dumps(part, separators=(",", ":")) + "\n" for part in parts))
    return path


async def wrk(url: str, script: str, *arguments: str | Path, connections: int, seconds: float, directory: Path) -> Load:
    """Send for so many seconds, each connection as soon as its last request was answered. Raises `StartError`."""
    if shutil.which("wrk") is None:
        raise StartError("wrk is missing: install it (apt-get install wrk on Debian or Ubuntu).")
    path = directory / f"load-{uuid.uuid4().hex}.lua"
    path.write_text(script + DONE)
    process = await asyncio.create_subprocess_exec(
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:.0f}s", "--timeout", "60s",
        "--script", path, url, "--", *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    stdout, _ = await process.communicate()
    try:
        return msgspec.json.decode(stdout.strip().rsplit(b"\n", 1)[-1], type=Load)
    except msgspec.DecodeError as error:
        raise StartError(f"wrk told nothing: {stdout.decode()}") from error
