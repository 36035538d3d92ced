"""A webhook message that cannot be read is refused with what to do about it."""

from typing import Any

import pytest
from tests.driver import Driver
from tests.unit.payloads import captured

REFUSED: dict[str, tuple[Any, str]] = {
    "version 1": ({"version": "1", "alerts": []}, "this is a message of Grafana"),
    "version 3": ({"version": "3", "alerts": []}, "version '3' is not known: expected \"4\""),
    "no version": ({"alerts": []}, "version '' is not known"),
    "an array": ([], "cannot read an array as a webhook message"),
    "alerts not an array": ({"version": "4", "alerts": {"a": 1}}, "alerts: cannot read an object as an array"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_message_of_another_kind_is_refused_in_clear_words(lookout: Driver, name: str) -> None:
    body, message = REFUSED[name]
    answer = await lookout.http.post("/v1/alertmanager", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert [rejected.reason for rejected in await lookout.rejected()] == [answer.json()["error"]]


async def test_grafanas_message_on_this_path_is_refused_and_opens_nothing(lookout: Driver) -> None:
    answer = await lookout.repeats_captured("/v1/alertmanager", captured("grafana-webhook-firing-constructed.json"))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith('this is a message of Grafana (version "1")')
    assert await lookout.incidents() == []


async def test_only_json_is_read(lookout: Driver) -> None:
    answer = await lookout.http.post("/v1/alertmanager", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415
    assert "text/plain" in answer.json()["error"]


async def test_a_message_without_alerts_is_taken(lookout: Driver) -> None:
    messages: list[list[Any] | None] = [[], None]
    for alerts in messages:
        answer = await lookout.http.post("/v1/alertmanager", json={"version": "4", "alerts": alerts})
        assert answer.status_code == 200
        assert answer.json() == {"receipts": [], "rejected": []}
