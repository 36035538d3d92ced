"""While the database is away nothing is taken and every answer says so; when it is back, all goes on (I1, I8)."""

import httpx
from tests.driver import Driver

from lookout.incidents.incident import Status


def _is_try_again(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0


async def test_i1_alerts_are_answered_503_and_not_taken_and_the_repeat_is(lookout: Driver) -> None:
    alert = lookout.alert({"job": "a"})
    async with lookout.database_away():
        answer = await lookout.after_all_tries(lookout.post_alerts(alert))
        assert _is_try_again(answer)
        assert answer.json()["code"] == 503
    assert await lookout.incidents() == []
    assert (await lookout.post_alerts(alert)).status_code == 200
    assert (await lookout.only_incident()).status is Status.FIRING


async def test_i1_the_webhook_is_answered_503_which_alertmanager_retries(lookout: Driver) -> None:
    async with lookout.database_away():
        assert _is_try_again(await lookout.after_all_tries(lookout.webhook({"labels": {"alertname": "Down"}})))
    assert (await lookout.webhook({"labels": {"alertname": "Down"}})).status_code == 200


async def test_i1_a_repeat_that_this_process_knows_is_not_taken_either(lookout: Driver) -> None:
    """The short way of a repeat answers after its commit, too."""
    alert = lookout.alert({"job": "a"})
    await lookout.post_alerts(alert)
    async with lookout.database_away():
        assert _is_try_again(await lookout.after_all_tries(lookout.post_alerts(alert)))


async def test_i1_a_commit_that_fails_once_is_tried_again_and_answered_200(lookout: Driver) -> None:
    await lookout.fires(job="before")
    await lookout.sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'lookout'")
    await lookout.fires(job="a")
    assert len(await lookout.incidents()) == 2


async def test_an_action_is_answered_503_at_once_and_never_done_twice(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    async with lookout.database_away():
        assert _is_try_again(await lookout.act(incident.id, "notes", text="once"))
    await lookout.act(incident.id, "notes", text="once")
    assert await lookout.types() == ["opened", "note_added"]


async def test_reads_and_streams_that_begin_are_answered_503(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    async with lookout.database_away():
        for path in ("/v1/incidents", f"/v1/incidents/{incident.id}", "/v1/feed?after=0", "/v1/rejected-alerts"):
            assert _is_try_again(await lookout.http.get(path)), path
        for path in ("/v1/feed", "/v1/feed?after=0"):
            assert _is_try_again(await lookout.http.get(path, headers={"Accept": "text/event-stream"})), path
    assert await lookout.only_incident() == incident


async def test_i4_an_open_stream_goes_on_when_the_database_is_back(lookout: Driver) -> None:
    await lookout.clock.until_asleep(seconds=1)
    async with lookout.stream(after="0") as events:
        await lookout.fires(job="a")
        assert (await anext(events)).position == 1
        async with lookout.database_away():
            for _ in range(3):
                # The follower has lost its connection, tries again every second, and fails.
                await lookout.clock.until_asleep(seconds=1)
                lookout.clock.move(seconds=1)
        await lookout.clock.until_asleep(seconds=1)
        lookout.clock.move(seconds=1)
        await lookout.fires(job="b")
        assert (await anext(events)).position == 2
        await lookout.fires(job="c")
        assert (await anext(events)).position == 3


async def test_after_the_outage_silence_counts_from_its_end_on(lookout: Driver) -> None:
    """Alerts whose sender could not be heard do not expire: it gets the time of one resend."""
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=3)
    async with lookout.database_away():
        lookout.clock.move(minutes=20)
        await lookout.after_all_tries(lookout.post_alerts(lookout.alert({"job": "a"}, starts_at=started)))
    lookout.clock.move(seconds=59)
    await lookout.ticks()
    assert (await lookout.only_incident()).status is Status.FIRING
    await lookout.fires(starts_at=started, job="a")
    lookout.clock.move(seconds=1)
    await lookout.ticks()
    assert await lookout.types() == ["opened"]
