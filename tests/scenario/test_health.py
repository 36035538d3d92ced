"""`/health` has the platform's shape, and `/ready` says whether alerts can be taken."""

from datetime import datetime

from tests.driver import Driver
from tests.scenario.conftest import Start

from lookout import __version__
from lookout.limits import Limits


async def test_a_healthy_lookout_says_so_in_the_platforms_shape(lookout: Driver) -> None:
    answer = await lookout.http.get("/health")
    told = answer.json()
    assert answer.status_code == 200
    assert told.keys() == {"status", "service", "version", "timestamp", "checks"}
    assert (told["status"], told["service"], told["version"]) == ("healthy", "lookout", __version__)
    assert datetime.fromisoformat(told["timestamp"]) == lookout.clock.now()
    assert told["checks"].keys() == {"database", "intake", "config"}
    for check in told["checks"].values():
        assert check.keys() == {"status", "message", "latency"}
        assert check["status"] == "healthy"
        assert check["latency"].endswith("ms")


async def test_without_its_database_it_is_unhealthy_and_not_ready_and_then_again(lookout: Driver) -> None:
    async with lookout.database_away():
        answer = await lookout.http.get("/health")
        assert answer.status_code == 503
        assert answer.json()["status"] == answer.json()["checks"]["database"]["status"] == "unhealthy"
        assert answer.json()["checks"]["intake"]["status"] == "healthy"
        ready = await lookout.http.get("/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert (await lookout.http.get("/health")).json()["status"] == "healthy"
    ready = await lookout.http.get("/ready")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "message": "the database answers"})


async def test_a_long_queue_is_degraded_and_still_200(start: Start) -> None:
    async with start(limits=Limits(queue=-2)) as lookout:
        answer = await lookout.http.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["checks"]["intake"]["message"] == "0 alerts wait for a commit"
