"""What has sent something is listed: when last, how much, and whether it is still heard."""

from tests.driver import Driver
from tests.unit.graphql.client import ask

QUERY = """{ sources { source lastReceivedAt alerts rejected
  heartbeats { fingerprint labels lastReceivedAt dueAt silentSince } } }"""


async def test_a_source_is_listed_with_its_last_delivery_its_numbers_and_its_heartbeats(lookout: Driver) -> None:
    assert (await lookout.http.get("/v1/sources")).json() == {"sources": []}
    await lookout.beats(cluster="eu")
    lookout.clock.move(minutes=1)
    await lookout.post_alerts(lookout.alert({"job": "a"}), {"labels": {}})
    await lookout.webhook({"labels": {"alertname": "Down"}})
    lookout.clock.move(minutes=2)
    await lookout.ticks()
    webhook, prometheus = (await lookout.http.get("/v1/sources")).json()["sources"]
    assert webhook == {
        "source": "alertmanager",
        "last_received_at": "2026-01-01T12:01:00Z",
        "alerts": 1,
        "rejected": 0,
        "heartbeats": [],
    }
    (heartbeat,) = prometheus.pop("heartbeats")
    assert prometheus == {
        "source": "prometheus",
        "last_received_at": "2026-01-01T12:01:00Z",
        "alerts": 3,
        "rejected": 1,
    }
    assert heartbeat.pop("fingerprint")
    assert heartbeat == {
        "labels": {"alertname": "Watchdog", "cluster": "eu", "severity": "none"},
        "last_received_at": "2026-01-01T12:00:00Z",
        "due_at": "2026-01-01T12:03:00Z",
        "silent_since": "2026-01-01T12:03:00Z",
    }


async def test_graphql_lists_the_same(lookout: Driver) -> None:
    await lookout.beats()
    await lookout.ticks()
    (source,) = (await ask(lookout, QUERY))["sources"]
    (heartbeat,) = source["heartbeats"]
    assert (source["source"], source["alerts"], source["rejected"]) == ("prometheus", 1, 0)
    assert heartbeat["labels"] == {"alertname": "Watchdog", "severity": "none"}
    assert heartbeat["silentSince"] is None


async def test_the_numbers_are_of_a_day_and_the_last_delivery_of_all_that_is_kept(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.ticks()
    lookout.clock.move(hours=26)
    (source,) = (await lookout.http.get("/v1/sources")).json()["sources"]
    assert (source["last_received_at"], source["alerts"]) == ("2026-01-01T12:00:00Z", 0)
