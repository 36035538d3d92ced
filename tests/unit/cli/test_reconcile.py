"""`lookout reconcile`: what it prints of what the server found, and its exit code."""

from typing import Any

import httpx
import pytest
from tests.unit.cli.lookout_in_memory import Lookout, run

ID = "01977e4e-0000-7000-8000-0000deadbeef"
URL = "http://127.0.0.1:9090"


def _finds(lookout: Lookout, *sources: dict[str, Any]) -> None:
    lookout.answers.append(lambda _: httpx.Response(200, json={"sources": sources}))


def _source(*alerts: dict[str, Any], **others: Any) -> dict[str, Any]:
    began = sum(alert["is_firing"] for alert in alerts)
    return {
        "source": "prometheus",
        "addresses": [{"url": URL, "firing": 3, "problem": None}],
        "began": began,
        "ended": len(alerts) - began,
        "alerts": alerts,
        **others,
    }


def _alert(name: str, reason: str, *, is_firing: bool) -> dict[str, Any]:
    return {"fingerprint": "00", "name": name, "is_firing": is_firing, "reason": reason, "incident_id": ID}


def test_it_asks_the_server_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    _finds(lookout, _source())
    assert run(lookout, "reconcile") == 0
    (request,) = lookout.requests
    assert (request.method, request.url.path, request.headers["Content-Type"]) == (
        "POST",
        "/v1/reconcile",
        "application/json",
    )
    assert capsys.readouterr().out.splitlines() == [f"prometheus  {URL}  3 firing", "  nothing differs"]


def test_it_tells_what_began_and_what_ended(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    began = _alert("DiskFull\x1b[31m", "opened", is_firing=True)
    ended = _alert("TargetDown", "resolved", is_firing=False)
    _finds(lookout, _source(began, ended, ended=600))
    assert run(lookout, "reconcile") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"prometheus  {URL}  3 firing",
        "  began  DiskFull [31m  (opened, incident deadbeef)",
        "  ended  TargetDown  (resolved, incident deadbeef)",
        "  and 599 more",
        "  1 began, 600 ended",
    ]


def test_an_address_that_does_not_answer_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    gone = {"url": URL, "firing": None, "problem": "cannot be reached: refused"}
    _finds(lookout, _source(addresses=[gone, {"url": URL, "firing": 0}]), _source(addresses=[gone]))
    assert run(lookout, "reconcile") == 1
    assert capsys.readouterr().out.splitlines() == [
        f"prometheus  {URL}  cannot be reached: refused",
        f"prometheus  {URL}  0 firing",
        "  nothing differs",
        f"prometheus  {URL}  cannot be reached: refused",
        "  nothing was changed",
    ]


def test_without_an_address_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    lookout = Lookout()
    lookout.answers.append(lambda _: httpx.Response(409, json={"error": "no source can be asked: set it"}))
    assert run(lookout, "reconcile") == 1
    assert capsys.readouterr().err == "lookout: no source can be asked: set it\n"
