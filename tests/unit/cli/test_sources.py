"""`lookout sources`: what has sent something, and whether it is still heard."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.unit.cli.lookout_in_memory import Lookout, busy, run
from tests.unit.cli.samples import HOSTILE, NOW

ID, OTHER = "c9b0a6a3f0a4b1d2", "c9ffffffffffffff"


def _heartbeat(fingerprint: str, minutes: int, *, silent: bool = False, **labels: str) -> dict[str, Any]:
    heard_at = NOW - timedelta(minutes=minutes)
    return {
        "fingerprint": fingerprint,
        "labels": {"alertname": "Watchdog", "severity": "none", **labels},
        "last_received_at": heard_at.isoformat(),
        "due_at": (heard_at + timedelta(minutes=3)).isoformat(),
        "silent_since": (heard_at + timedelta(minutes=3)).isoformat() if silent else None,
    }


def _source(name: str, *heartbeats: dict[str, Any], heard: bool = True) -> dict[str, Any]:
    return {
        "source": name,
        "last_received_at": NOW.isoformat() if heard else None,
        "alerts": 1204,
        "rejected": 3,
        "heartbeats": heartbeats,
    }


def _answering(*sources: dict[str, Any]) -> Lookout:
    lookout = Lookout()
    lookout.answers = [lambda _: httpx.Response(200, json={"sources": sources})]
    return lookout


def _rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_each_heartbeat_has_a_row_and_a_source_without_one_too(capsys: pytest.CaptureFixture[str]) -> None:
    silent, heard = _heartbeat(ID, 14, silent=True, cluster="eu"), _heartbeat(OTHER, 0, cluster="us")
    lookout = _answering(_source("grafana", heard=False), _source("prometheus", silent, heard))
    assert run(lookout, "sources") == 0
    heading, *rows = _rows(capsys.readouterr().out)
    assert heading == ["SOURCE", "HEARD", "ALERTS", "24H", "REFUSED", "HEARTBEAT", "STATE", "ID", "LABELS"]
    assert rows == [
        ["grafana", "1,204", "3", "none"],
        ["prometheus", "0s", "1,204", "3", "Watchdog", "silent", "for", "14m", ID[:8], "cluster=eu"],
        ["Watchdog", "heard", "0s", "ago", OTHER[:8], "cluster=us"],
    ]


def test_without_any_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_answering(), "sources") == 0
    assert capsys.readouterr().out.startswith("Nothing has sent alerts yet")


def test_json_is_a_source_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_answering(_source("a"), _source("b", _heartbeat(ID, 1))), "sources", "--json") == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["source"], second["heartbeats"][0]["fingerprint"]) == ("a", ID)


def test_a_senders_text_is_made_safe(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_answering(_source("a", _heartbeat(ID, 1, cluster=HOSTILE))), "sources") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out


def _forgetting(lookout: Lookout) -> Lookout:
    lookout.answers.append(lambda _: httpx.Response(204))
    return lookout


@pytest.mark.parametrize("part", [[], ["c9b0"], ["C9B0A6A3F0A4B1D2"]])
def test_the_one_that_is_meant_is_forgotten(part: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    others = [_heartbeat(OTHER, 1)] if part else []
    lookout = _forgetting(_answering(_source("grafana", _heartbeat(ID, 1)), _source("a/b", _heartbeat(ID, 1), *others)))
    assert run(lookout, "sources", "forget", "a/b", *part) == 0
    assert capsys.readouterr().out == "forgotten: Watchdog of a/b \n"
    request = lookout.requests[-1]
    assert (request.method, request.url.raw_path) == ("DELETE", f"/v1/sources/a%2Fb/heartbeats/{ID}".encode())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["prometheus"], "2 heartbeats are meant: give the beginning of the ID of one"),
        (["prometheus", "00"], "'prometheus' has no such heartbeat: `lookout sources` lists them"),
        (["grafana"], "'grafana' has no such heartbeat: `lookout sources` lists them"),
    ],
)
def test_what_is_not_clear_is_not_forgotten(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lookout = _answering(_source("prometheus", _heartbeat(ID, 1), _heartbeat(OTHER, 1)))
    assert run(lookout, "sources", "forget", *arguments) == 1
    assert told in capsys.readouterr().err


def test_a_refusal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = _answering(_source("a", _heartbeat(ID, 1)))
    lookout.answers.append(busy)
    assert run(lookout, "sources", "forget", "a") == 1
    assert "busy" in capsys.readouterr().err
