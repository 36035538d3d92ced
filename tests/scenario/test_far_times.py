"""Times at the far ends of the calendar are times like any others, and cost nobody else anything."""

import pytest
from tests.driver import Driver

from lookout.incidents.incident import Status

FAR = [
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999999Z",
    "9999-06-01T00:00:00-12:00",
]
LONG_AGO = ["0002-01-01T00:00:00Z", "0001-12-31T00:00:00+14:00", "1970-01-01T00:00:00Z"]


@pytest.mark.parametrize("far", FAR)
async def test_an_end_far_away_is_taken_beside_the_others_and_can_be_ended(lookout: Driver, far: str) -> None:
    started = lookout.clock.now()
    odd = lookout.alert({"job": "odd"}) | {"endsAt": far}
    for _ in range(2):
        assert (await lookout.post_alerts(odd, lookout.alert({"job": "good"}))).status_code == 200
    assert len(await lookout.incidents(status="firing")) == 2
    lookout.clock.move(hours=1)
    await lookout.ticks()
    odd_alone = await lookout.incidents(status="firing")
    assert [incident.title for incident in odd_alone] == ["Down (job=odd)"]
    await lookout.resolves(started, job="odd")
    await lookout.act(odd_alone[0].id, "resolve")
    assert await lookout.incidents(status="firing") == []
    assert (await lookout.rebuild()).equal


@pytest.mark.parametrize("far", FAR)
async def test_a_webhooks_times_far_away_are_taken_too(lookout: Driver, far: str) -> None:
    for alert in ({"startsAt": far}, {"status": "resolved", "endsAt": far}, {"startsAt": far, "endsAt": far}):
        for job in ("one", "two"):
            assert (await lookout.webhook({"labels": {"alertname": "Odd", "job": job}, **alert})).status_code == 200
        lookout.clock.move(hours=13)
        await lookout.ticks()
    assert (await lookout.rebuild()).equal


@pytest.mark.parametrize("ago", LONG_AGO)
async def test_a_start_long_ago_is_taken(lookout: Driver, ago: str) -> None:
    assert (await lookout.post_alerts(lookout.alert({"job": "a"}) | {"startsAt": ago})).status_code == 200
    assert (await lookout.webhook({"labels": {"alertname": "Odd"}, "startsAt": ago})).status_code == 200
    assert {incident.status for incident in await lookout.incidents()} == {Status.FIRING}
    assert (await lookout.rebuild()).equal
