"""A heartbeat that is told to have ended, or that a person forgets, is watched no more."""

from tests.driver import Driver


async def test_a_heartbeat_that_is_resolved_is_no_silence(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.beats()
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, alertname="Watchdog", severity="none")
    lookout.clock.move(minutes=30)
    await lookout.ticks()
    assert await lookout.types() == []
    assert await lookout.sql("SELECT * FROM heartbeats") == []


async def test_a_late_word_of_one_that_has_ended_brings_it_not_back(lookout: Driver) -> None:
    started = lookout.clock.now()
    late = lookout.alert({"alertname": "Watchdog"})
    await lookout.post_alerts(late)
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, alertname="Watchdog")
    await lookout.post_alerts(late)
    assert await lookout.sql("SELECT * FROM heartbeats") == []


async def test_a_silent_one_that_is_forgotten_ends_its_silence_and_holds_nothing(lookout: Driver) -> None:
    await lookout.beats()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=10)
    await lookout.ticks()
    assert await lookout.stale() == {"SourceSilent": False, "Down (job=a)": True}
    (row,) = await lookout.sql("SELECT fingerprint FROM heartbeats")
    path = f"/v1/sources/prometheus/heartbeats/{row['fingerprint']}"
    assert (await lookout.http.delete(path)).status_code == 204
    assert await lookout.stale() == {"Down (job=a)": False}
    lookout.clock.move(minutes=5)
    await lookout.ticks()
    assert await lookout.stale() == {}
    assert (await lookout.rebuild()).equal


async def test_what_is_not_there_cannot_be_forgotten(lookout: Driver) -> None:
    answer = await lookout.http.delete("/v1/sources/prometheus/heartbeats/%00")
    assert (answer.status_code, "GET /v1/sources" in answer.json()["error"]) == (404, True)
    await lookout.beats()
    assert (await lookout.http.delete("/v1/sources/grafana/heartbeats/0")).status_code == 404
