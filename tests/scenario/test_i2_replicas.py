"""Two Lookouts on one database, fed the same alerts at once: one incident, one log (I2, I4)."""

import asyncio

from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout.incidents.incident import Status


async def _race(a: Driver, b: Driver) -> None:
    """Twenty requests at once, half to each, all of the same five alerts, in two groups."""
    alerts = [a.alert({"job": "a", "instance": str(number)}) for number in range(4)] + [a.alert({"job": "b"})]
    answers = await asyncio.gather(*((a, b)[number % 2].post_alerts(*alerts) for number in range(20)))
    assert {answer.status_code for answer in answers} == {200}


async def test_i2_i7_the_same_alerts_to_both_open_one_incident_each_group(start: Start) -> None:
    async with start() as a, start() as b:
        await _race(a, b)
        incidents = await b.incidents()
        assert sorted(incident.title for incident in incidents) == ["Down (job=a)", "Down (job=b)"]
        assert await a.types() == ["opened", "opened"]
        assert (await a.rebuild()).equal


async def test_i2_fires_and_resolves_through_both_leave_one_open_at_most(start: Start) -> None:
    async with start() as a, start() as b:
        for _ in range(6):
            started = a.clock.now()
            await asyncio.gather(a.fires(job="a"), b.fires(job="a"))
            a.clock.move(seconds=30)
            ended = a.alert({"job": "a"}, starts_at=started, ends_at=a.clock.now())
            again = a.alert({"job": "a"}, starts_at=a.clock.now())
            await asyncio.gather(*(lookout.post_alerts(alert) for lookout in (a, b) for alert in (ended, again, ended)))
        keys = [incident.dedup_key for incident in await a.incidents() if incident.status is not Status.RESOLVED]
        assert len(keys) == len(set(keys)) == 1
        assert (await a.rebuild()).equal


async def test_i4_positions_have_no_gap_and_a_follower_of_one_sees_what_the_other_took(start: Start) -> None:
    async with start() as a, start() as b:
        await b.clock.until_asleep(seconds=1)
        async with b.stream(after="0") as events:
            posts = (
                (a, b)[number % 2].post_alerts(a.alert({"job": str(number)}), a.alert({"job": f"{number}, too"}))
                for number in range(20)
            )
            await asyncio.gather(*posts)
            seen = [await anext(events) for _ in range(40)]
        assert [event.position for event in seen] == list(range(1, 41))
        assert seen == await a.feed()


async def test_an_action_on_one_is_seen_by_the_other(start: Start) -> None:
    async with start() as a, start() as b:
        started = a.clock.now()
        await a.fires(job="a")
        await b.act((await b.only_incident()).id, "resolve")
        a.clock.move(minutes=1)
        # A knows the alert as one that fires; the database knows better.
        await a.fires(starts_at=started, job="a")
        assert (await a.only_incident()).status is Status.RESOLVED
        assert await a.types() == ["opened", "resolved"]
