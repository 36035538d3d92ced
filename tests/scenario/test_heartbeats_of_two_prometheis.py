"""Each label set of a heartbeat covers the alerts that carry it: two Prometheis are told apart."""

from tests.driver import Driver

from lookout.incidents.incident import Resolution


async def _two_of_which_one_dies(lookout: Driver) -> None:
    started = lookout.clock.now()
    for cluster in ("eu", "us"):
        await lookout.beats(started, cluster=cluster)
        await lookout.fires(cluster=cluster, instance="a")
    for _ in range(6):
        lookout.clock.move(minutes=1)
        await lookout.beats(started, cluster="us")
        await lookout.ticks()


async def test_the_alerts_of_the_silent_one_are_held_and_those_of_the_other_end(lookout: Driver) -> None:
    await _two_of_which_one_dies(lookout)
    incidents = {incident.title: incident for incident in await lookout.incidents()}
    assert incidents.keys() == {"SourceSilent (cluster=eu)", "Down (cluster=eu)", "Down (cluster=us)"}
    assert incidents["SourceSilent (cluster=eu)"].summary.startswith("prometheus (cluster=eu) is silent")
    assert incidents["Down (cluster=us)"].resolution is Resolution.EXPIRED
    assert await lookout.stale() == {"SourceSilent (cluster=eu)": False, "Down (cluster=eu)": True}


async def test_what_another_sender_speaks_of_since_is_neither_stale_nor_held(lookout: Driver) -> None:
    """A heartbeat without labels of its own covers all; what is heard after its silence is somebody else's."""
    started = lookout.clock.now()
    await lookout.beats()
    await lookout.fires(job="a")
    for _ in range(4):
        lookout.clock.move(minutes=1)
        await lookout.fires(started, job="a")
        await lookout.ticks()
    assert await lookout.stale() == {"SourceSilent": False, "Down (job=a)": False}
    lookout.clock.move(minutes=5)
    await lookout.ticks()
    assert await lookout.stale() == {"SourceSilent": False}


async def test_grafanas_folder_is_no_sender(lookout: Driver) -> None:
    labels = {"alertname": "Watchdog", "grafana_folder": "meta"}
    await lookout.http.post("/v1/grafana", json={"version": "1", "alerts": [{"status": "firing", "labels": labels}]})
    labels = {"alertname": "Down", "grafana_folder": "app"}
    await lookout.http.post("/v1/grafana", json={"version": "1", "alerts": [{"status": "firing", "labels": labels}]})
    lookout.clock.move(hours=13)
    await lookout.ticks()
    assert await lookout.stale() == {"SourceSilent": False, "Down": True}
