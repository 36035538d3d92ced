"""Whatever somebody changes stands in the audit, with the credential that it was done with."""

from typing import Any

from structlog.testing import capture_logs
from tests.access import ACCESS, SERVICE, api_token, bearer, make_tenants, person
from tests.asked import Prometheus
from tests.scenario.conftest import Start

from lookout.alerts.source import Source
from lookout.api.parts import Scope
from lookout.incidents.policy import Policy

EVENT = {"routing_key": "k", "dedup_key": "d", "payload": {"summary": "s", "source": "h", "severity": "error"}}


def audit(lines: list[Any]) -> list[tuple[str, ...]]:
    """What was done, in which tenant, by whom and with what."""
    return [
        (line["deed"], line["tenant_id"], line["by"], line["credential"])
        for line in lines
        if line["event"] == "audit" and line["action"] == "acted"
    ]


async def test_each_action_on_an_incident_is_in_the_audit(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        await lookout.http.post(
            "/api/v2/alerts",
            json=[lookout.alert({})],
            headers=bearer((await api_token(lookout, Scope.INGEST)).text),
        )
        mira = bearer(person(lookout))
        robot = await api_token(lookout, Scope.READ, Scope.OPERATE)
        platform = bearer(person(lookout, "platform", "platform_operator"), **{"X-Tenant-ID": "acme"})
        (incident,) = (await lookout.http.get("/v1/incidents", headers=mira)).json()["incidents"]
        one = f"/v1/incidents/{incident['id']}"
        report = {"report_id": "r", "summary": "the disk is full"}
        with capture_logs() as lines:
            for action, body, who in (
                ("acknowledge", {}, mira),
                ("assign", {"assignee": "jo"}, mira),
                ("notes", {"text": "hm"}, bearer(robot.text)),
                ("investigations", report, bearer(robot.text)),
                ("resolve", {}, platform),
            ):
                answer = await lookout.http.post(f"{one}/{action}", json=body, headers=who)
                assert answer.status_code == 200
            # What was not done is in no audit.
            assert (await lookout.http.post(f"{one}/acknowledge", json={}, headers=mira)).status_code == 409
        by_token = ("acme", "robot", f"token {robot.token.id}")
        by_platform = "mira (platform_operator)"
        assert audit(lines) == [
            ("acknowledge", "acme", "mira", "user mira"),
            ("assign", "acme", "mira", "user mira"),
            ("add_note", *by_token),
            ("attach_investigation", *by_token),
            ("resolve", "acme", by_platform, "user mira"),
        ]
        acted = [line for line in lines if line["event"] == "audit"]
        assert [line["is_platform"] for line in acted] == [False] * 4 + [True]
        assert {line["incident_id"] for line in acted} == {incident["id"]}


async def test_what_is_of_no_incident_is_in_the_audit(start: Start, prometheus: Prometheus) -> None:
    sources = {"prometheus": Source(prometheus_url=(prometheus.url,))}
    async with start(Policy(sources=sources), access=ACCESS) as lookout:
        await make_tenants(lookout, "acme")
        service = bearer(SERVICE, **{"X-Tenant-ID": "acme", "X-User-ID": "gate"})
        watchdog = lookout.alert({"alertname": "Watchdog", "severity": "none"})
        await lookout.http.post("/api/v2/alerts", json=[watchdog], headers=service)
        (source,) = (await lookout.http.get("/v1/sources", headers=service)).json()["sources"]
        (heartbeat,) = source["heartbeats"]
        path = f"/v1/sources/prometheus/heartbeats/{heartbeat['fingerprint']}"
        with capture_logs() as lines:
            assert (await lookout.http.delete(path, headers=service)).status_code == 204
            assert (await lookout.http.post("/v1/reconcile", json={}, headers=service)).status_code == 200
            assert (await lookout.http.post("/-/reload", headers=service)).status_code == 200
        by_service = ("acme", "gate", "service token")
        assert audit(lines) == [(deed, *by_service) for deed in ("forget_heartbeat", "reconcile", "reload")]


async def test_an_event_acknowledges_as_the_credential_that_it_came_with(start: Start) -> None:
    async with start(access=ACCESS) as lookout:
        pager = await api_token(lookout, Scope.INGEST, name="pager of eu-1")
        with capture_logs() as lines:
            for action in ("trigger", "acknowledge"):
                event = {**EVENT, "event_action": action}
                answer = await lookout.http.post("/v1/events", json=event, headers=bearer(pager.text))
                assert answer.status_code == 202
        (incident,) = (await lookout.http.get("/v1/incidents", headers=bearer(person(lookout)))).json()["incidents"]
        assert incident["acknowledged_by"] == "pager of eu-1"
        assert audit(lines) == [("acknowledge", "acme", "pager of eu-1", f"token {pager.token.id}")]
