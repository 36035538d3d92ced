"""A bad alert never costs the good ones of its batch, and is named (I9)."""

from typing import Any

from prometheus_client import REGISTRY
from tests.driver import Driver

from lookout.store.reads import RejectedView

BAD: dict[str, Any] = {"labels": {}}
NAMELESS: dict[str, Any] = {"labels": {"alertname": "A", "": "x"}}


def _told(rejected: RejectedView) -> tuple[int | None, str, str]:
    return rejected.index, rejected.reason, rejected.excerpt


async def test_i9_the_good_alerts_are_stored_and_the_answer_joins_the_reasons(lookout: Driver) -> None:
    answer = await lookout.post_alerts(lookout.alert({"job": "a"}), BAD, lookout.alert({"job": "b"}), NAMELESS)
    assert answer.status_code == 400
    assert answer.text == '"at least one label pair required\\ninvalid label set: invalid name \\"\\""\n'
    assert {incident.title for incident in await lookout.incidents()} == {"Down (job=a)", "Down (job=b)"}


async def test_i9_each_refused_alert_is_listed_with_its_place_and_the_beginning_of_it(lookout: Driver) -> None:
    await lookout.post_alerts(lookout.alert({"job": "a"}), BAD, NAMELESS)
    last, first = await lookout.rejected()
    assert _told(first)[:2] == (1, "at least one label pair required")
    assert _told(last)[:2] == (2, 'invalid label set: invalid name ""')
    assert '"alertname":"A"' in last.excerpt
    assert first.source == "prometheus"
    assert first.received_at == lookout.clock.now()


async def test_i9_a_body_that_is_refused_whole_is_listed_without_a_place(lookout: Driver) -> None:
    await lookout.repeats_captured("/api/v2/alerts", b'{"labels": "?"}')
    await lookout.repeats_captured("/v1/alertmanager", b"not json")
    webhook, api = await lookout.rejected()
    assert _told(api) == (None, "cannot read an object as an array of alerts", '{"labels": "?"}')
    assert (webhook.source, webhook.index, webhook.excerpt) == ("alertmanager", None, "not json")


async def test_i9_a_body_of_the_wrong_type_is_listed_too(lookout: Driver) -> None:
    await lookout.http.post("/api/v2/alerts", content=b"[]", headers={"Content-Type": "text/plain"})
    [rejected] = await lookout.rejected()
    assert rejected.reason == 'unsupported media type "text/plain", only [application/json] are allowed'


async def test_the_list_of_what_was_refused_has_pages(lookout: Driver) -> None:
    for _ in range(3):
        await lookout.post_alerts(BAD, BAD)
    places: list[int] = []
    after: dict[str, int] = {}
    while True:
        page = (await lookout.http.get("/v1/rejected-alerts", params={"first": 4, **after})).json()
        places += [rejected["index"] for rejected in page["rejected_alerts"]]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert places == [1, 0, 1, 0, 1, 0]


def _counted() -> tuple[float, float]:
    found = (
        REGISTRY.get_sample_value(f"lookout_alerts_{name}_total", {"source": "prometheus"})
        for name in ("received", "rejected")
    )
    received, rejected = (value or 0.0 for value in found)
    return received, rejected


async def test_i9_of_many_refused_alerts_a_hundred_are_told_and_all_are_counted(lookout: Driver) -> None:
    before = _counted()
    answer = await lookout.post_alerts(lookout.alert({"job": "a"}), *[BAD] * 1100)
    assert answer.json().split("\n") == ["at least one label pair required"] * 100 + ["and 1,000 more"]
    after = _counted()
    assert (after[0] - before[0], after[1] - before[1]) == (1101, 1100)
    rejected = (await lookout.http.get("/v1/rejected-alerts", params={"first": 500})).json()["rejected_alerts"]
    assert len(rejected) == 101
    assert (rejected[0]["index"], rejected[0]["reason"]) == (101, "and 1,000 more")
    assert await lookout.only_incident()


async def test_i9_a_webhooks_answer_tells_a_hundred_refused_alerts_and_how_many_more(lookout: Driver) -> None:
    answer = await lookout.webhook(*[BAD] * 105)
    rejected = answer.json()["rejected"]
    assert len(rejected) == 101
    assert rejected[-1] == {"index": 100, "reason": "and 5 more"}
