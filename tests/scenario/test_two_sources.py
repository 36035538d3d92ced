"""The same alert from Prometheus and from Alertmanager is one alert, which both hold."""

from tests.driver import Driver

from lookout.incidents.incident import Status


async def test_i7_the_second_source_adds_no_event_and_is_listed(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    answer = await lookout.webhook({"labels": {"alertname": "Down", "job": "a"}, "startsAt": started.isoformat()})
    assert [receipt["reason"] for receipt in answer.json()["receipts"]] == ["duplicate"]
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.sources == ("alertmanager", "prometheus")
    assert await lookout.types() == ["opened"]


async def test_what_one_source_says_ended_is_over_for_the_other_too_if_it_is_the_same_firing(lookout: Driver) -> None:
    started = lookout.clock.now()
    message = {"labels": {"alertname": "Down", "job": "a"}, "startsAt": started.isoformat()}
    await lookout.fires(job="a")
    await lookout.webhook(message)
    lookout.clock.move(minutes=2)
    await lookout.resolves(started, job="a")
    assert (await lookout.only_incident()).status is Status.RESOLVED
    await lookout.webhook(message)
    assert await lookout.types() == ["opened", "resolved"]
