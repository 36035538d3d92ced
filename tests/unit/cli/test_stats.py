"""`lookout stats`: what is asked, and what is shown."""

import json
from typing import Any

import httpx
import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run

FIGURES: dict[str, Any] = {
    "opened": 12,
    "resolved": 11,
    "open": 3,
    "reopened": 2,
    "flapping": 1,
    "alerts": 40,
    "alerts_received": 480,
    "alerts_rejected": 5,
    "noise_reduction": 40.0,
    "seconds_to_acknowledge": 90.0,
    "seconds_to_acknowledge_p90": 600.0,
    "seconds_to_resolve": None,
    "seconds_to_resolve_p90": None,
}
GROUP: dict[str, Any] = {
    "dedup_key": "{}",
    "title": "QueueFull (job=\x1b[2Jingest)",
    "labels": {},
    "severity": "error",
    "incidents": 7,
    "reopens": 2,
    "alerts": 21,
    "last_incident_id": "01977e4e-0000-7000-8000-00000000abcd",
    "last_started_at": "2026-01-31T11:00:00Z",
}


def _bucket(start: str, critical: int, info: int = 0) -> dict[str, Any]:
    return {"start": start, "opened": {"critical": critical, "error": 0, "warning": 0, "info": info}, "resolved": 1}


def _answering(**others: Any) -> Lookout:
    lookout = Lookout()
    view: dict[str, Any] = {
        "start": "2026-01-30T12:00:00Z",
        "end": "2026-01-31T12:00:00Z",
        "bucket": "hour",
        "figures": FIGURES,
        "buckets": [_bucket("2026-01-30T12:00:00Z", 2, 1), _bucket("2026-01-30T13:00:00Z", 0)],
        "noisiest": [GROUP],
    }
    lookout.answers = [lambda _: httpx.Response(200, json=view | others)]
    return lookout


def test_figures_chart_and_noisiest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_answering(), "stats") == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "opened 12, 2 of them fired again after their end, 1 flapped" in lines
    assert "to acknowledge 1m, nine of ten within 10m" in lines
    assert "to resolve -" in lines
    assert "alerts received 480, 5 refused" in lines
    assert "noise reduction 40.0 alerts for each incident" in lines
    assert "01-30 12:00 3 ▲▲○" in lines
    assert "01-30 13:00 0" in lines
    assert any(line.startswith("7 2 21 0000abcd ■ QueueFull") for line in lines)
    assert "\x1b" not in out


def test_the_time_is_sent_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = _answering()
    run(lookout, "stats", "--since", "2026-01-31T00:00", "--until", "2026-01-31T12:00", "--by", "day")
    assert dict(lookout.requests[0].url.params) == {
        "start": "2026-01-31T00:00:00Z",
        "end": "2026-01-31T12:00:00Z",
        "bucket": "day",
    }


def test_a_long_bar_is_shortened_and_a_small_part_of_it_stays(capsys: pytest.CaptureFixture[str]) -> None:
    run(_answering(bucket="day", buckets=[_bucket("2026-01-30T00:00:00Z", 4000, 1)]), "stats")
    [line] = [line for line in capsys.readouterr().out.splitlines() if "2026-01-30  " in line]
    assert line.count("▲") == 40
    assert line.count("○") == 1


def test_nothing_happened(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = FIGURES | {"noise_reduction": None, "reopened": 0, "flapping": 0, "alerts_rejected": 0}
    assert run(_answering(figures=nothing, buckets=[], noisiest=[]), "stats") == 0
    out = capsys.readouterr().out
    assert "noise" not in out
    assert "Noisiest" not in out


def test_json_is_the_servers_own(capsys: pytest.CaptureFixture[str]) -> None:
    run(_answering(), "stats", "--json")
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert json.loads(out)["figures"] == FIGURES


def test_what_is_no_answer_of_lookout_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_answering(figures={}), "stats") == 1
    assert "does not answer as Lookout does" in capsys.readouterr().err
