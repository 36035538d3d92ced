"""The read side of the Alertmanager API: shapes, filters, flags, and the captured answers of Alertmanager 0.33."""

import asyncio
import json
import re
from typing import Any

import httpx
import pytest
import yaml
from tests.access import ACCESS, bearer, person
from tests.driver import Driver
from tests.plans import plan_of
from tests.scenario.conftest import Start
from tests.unit.payloads import WIRE

from lookout.api import alertmanager
from lookout.store.reads import Reads

ALERTS = "/api/v2/alerts"


async def _get(lookout: Driver, path: str, *pairs: tuple[str, str]) -> Any:
    return (await lookout.http.get(path, params=pairs)).raise_for_status().json()


async def _jobs(lookout: Driver, *filters: str) -> list[str]:
    alerts = await _get(lookout, ALERTS, *(("filter", text) for text in filters))
    return sorted(alert["labels"]["job"] for alert in alerts)


async def test_an_alert_has_alertmanagers_shape(lookout: Driver) -> None:
    alert = lookout.alert({"job": "a"}, annotations={"summary": "It is <down>"})
    (await lookout.post_alerts(alert)).raise_for_status()
    answer = await lookout.http.get(ALERTS)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == [
        {
            "annotations": {"summary": "It is <down>"},
            "endsAt": "2026-01-01T12:04:00.000Z",
            "fingerprint": "2a7335904af79d6c",
            "generatorURL": "http://prometheus.example/graph",
            "labels": {"alertname": "Down", "job": "a"},
            "receivers": [{"name": "lookout"}],
            "startsAt": "2026-01-01T12:00:00.000Z",
            "status": {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"},
            "updatedAt": "2026-01-01T12:00:00.000Z",
        }
    ]


async def test_what_an_alert_does_not_have_is_empty_and_never_null(lookout: Driver) -> None:
    (await lookout.post_alerts({"labels": {"alertname": "A", "n": "x\0\ue000y"}})).raise_for_status()
    (alert,) = await _get(lookout, ALERTS)
    assert alert["annotations"] == {}
    assert "generatorURL" not in alert
    assert alert["labels"] == {"alertname": "A", "n": "x\0\ue000y"}


async def test_the_lease_and_the_earliest_start_are_told(lookout: Driver) -> None:
    noon = lookout.clock.now()
    labels = {"job": "a"}
    twins = [{"prometheus_replica": "a"}, {"prometheus_replica": "b"}]
    await lookout.post_alerts(lookout.alert(labels | twins[0], starts_at=noon))
    lookout.clock.move(seconds=1.2345)
    later = lookout.clock.now()
    await lookout.post_alerts(lookout.alert(labels | twins[1], starts_at=later, annotations={"summary": "newer"}))
    (alert,) = await _get(lookout, ALERTS)
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-01-01T12:00:00.000Z", "2026-01-01T12:04:01.234Z")
    assert alert["updatedAt"] == "2026-01-01T12:00:01.234Z"
    assert alert["annotations"] == {"summary": "newer"}

    # One twin's resolve ends its own word: the other's lease is what the alert has.
    lookout.clock.move(seconds=10)
    await lookout.resolves(later, **labels, **twins[1])
    (alert,) = await _get(lookout, ALERTS)
    assert alert["endsAt"] == "2026-01-01T12:04:00.000Z"


async def test_what_has_resolved_or_expired_is_not_listed(lookout: Driver) -> None:
    noon = lookout.clock.now()
    await lookout.fires(job="resolves")
    await lookout.fires(job="expires")
    await lookout.webhook({"labels": {"alertname": "Down", "job": "told"}})
    lookout.clock.move(minutes=1)
    await lookout.resolves(noon, job="resolves")
    assert await _jobs(lookout) == ["expires", "told"]
    lookout.clock.move(minutes=3, seconds=30)
    # Within the grace of one resend it fires on, though its lease has passed.
    await lookout.ticks()
    assert await _jobs(lookout) == ["expires", "told"]
    lookout.clock.move(minutes=1)
    await lookout.ticks()
    assert await _jobs(lookout) == ["told"]


async def test_what_an_operator_resolved_is_not_listed(lookout: Driver) -> None:
    await lookout.fires(job="a")
    (await lookout.act((await lookout.only_incident()).id, "resolve")).raise_for_status()
    assert await _get(lookout, ALERTS) == []
    assert await _get(lookout, f"{ALERTS}/groups") == []


async def test_alerts_come_by_fingerprint(lookout: Driver) -> None:
    await lookout.post_alerts(*(lookout.alert({"job": str(number)}) for number in range(50)))
    fingerprints = [alert["fingerprint"] for alert in await _get(lookout, ALERTS)]
    assert len(fingerprints) == 50
    assert fingerprints == sorted(fingerprints)


async def test_filters_are_all_of_them_true(lookout: Driver) -> None:
    for job in ("a", "b", "ab", "é b"):
        await lookout.fires(job=job, severity="page" if job == "a" else "info")
    await lookout.post_alerts(lookout.alert({"job": "u", "é b": "x"}))
    assert await _jobs(lookout, "job=a") == ["a"]
    assert await _jobs(lookout, 'job!="a"', "job!=u") == ["ab", "b", "é b"]
    assert await _jobs(lookout, "job=~a|b") == ["a", "b"]
    assert await _jobs(lookout, 'job!~".*b"') == ["a", "u"]
    assert await _jobs(lookout, "job=~a.*", "severity=info") == ["ab"]
    assert await _jobs(lookout, 'severity=""') == ["u"]
    assert await _jobs(lookout, '"é b"="x"') == ["u"]
    assert await _jobs(lookout, '"é b"!="x"', 'job="é b"') == ["é b"]
    assert await _jobs(lookout, "job=a", "job=b") == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("active=true", True),
        ("active=", True),
        ("active=YES&active=on", True),
        ("active=true&active=false", False),
        ("active=false", False),
        ("active=maybe", False),
        ("active=0", False),
        ("silenced=false&inhibited=false&unprocessed=false&muted=false", True),
        ("receiver=lookout", True),
        ("receiver=look.%2B", True),
        ("receiver=look", False),
        ("receiver=", True),
        ("receiver_matchers=name%3Dlookout", True),
        ("receiver_matchers=name!%3Dlookout", False),
        ("unknown=1", True),
    ],
)
async def test_flags_and_receivers(lookout: Driver, query: str, found: bool) -> None:
    await lookout.fires(job="a")
    for path in (ALERTS, f"{ALERTS}/groups"):
        assert ((await lookout.http.get(f"{path}?{query}")).json() != []) is found, path


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("filter=bad", "bad matcher format: bad"),
        ("filter=", "bad matcher format: "),
        ("filter=a%3Db&filter=c", "bad matcher format: c"),
        ("filter=a%3D~(", "error parsing regexp: missing closing ): `^(?:()$`"),
        ("receiver=(", "failed to parse receiver param: error parsing regexp: missing closing ): `^(?:()$`"),
        ("receiver_matchers=x", "failed to parse receiver_matchers param: bad matcher format: x"),
        ("active=false&filter=bad", "bad matcher format: bad"),
    ],
)
async def test_a_query_that_cannot_be_read_is_a_bare_string(lookout: Driver, query: str, message: str) -> None:
    for path in (ALERTS, f"{ALERTS}/groups"):
        answer = await lookout.http.get(f"{path}?{query}")
        assert (answer.status_code, answer.json(), answer.text[-1]) == (400, message, "\n")


async def test_groups_are_the_incidents(lookout: Driver) -> None:
    await lookout.fires(job="b", instance="1")
    await lookout.fires(job="b", instance="2")
    await lookout.fires(job="a", namespace="n")
    await lookout.post_alerts({"labels": {"team": "x"}})
    groups = await _get(lookout, f"{ALERTS}/groups")
    assert [(group["labels"], len(group["alerts"])) for group in groups] == [
        ({}, 1),
        ({"alertname": "Down", "job": "b"}, 2),
        ({"alertname": "Down", "job": "a", "namespace": "n"}, 1),
    ]
    listed = {alert["fingerprint"]: alert for alert in await _get(lookout, ALERTS)}
    for group in groups:
        assert group.keys() == {"alerts", "labels", "receiver", "routeLabels"}
        assert (group["receiver"], group["routeLabels"]) == ({"name": "lookout"}, {})
        assert group["alerts"] == [listed[alert["fingerprint"]] for alert in group["alerts"]]
    assert await _get(lookout, f"{ALERTS}/groups", ("filter", 'instance="2"')) == [
        {**groups[1], "alerts": [alert for alert in groups[1]["alerts"] if alert["labels"]["instance"] == "2"]}
    ]


async def test_status_tells_what_clients_need(lookout: Driver) -> None:
    lookout.clock.move(hours=1)
    status = await _get(lookout, "/api/v2/status")
    assert status.keys() == {"cluster", "config", "uptime", "versionInfo"}
    assert status["cluster"] == {"peers": [], "status": "disabled"}
    assert status["uptime"] == "2026-01-01T12:00:00.000Z"
    assert re.fullmatch(r"\d+\.\d+\.\d+", status["versionInfo"]["version"])
    assert yaml.safe_load(status["config"]["original"]) == {
        "route": {"receiver": "lookout"},
        "receivers": [{"name": "lookout"}],
    }
    assert (
        f'alertmanager_build_info{{version="{status["versionInfo"]["version"]}"}} 1.0'
        in (await lookout.http.get("/metrics")).text.splitlines()
    )


async def test_there_is_one_receiver_and_no_silence(lookout: Driver) -> None:
    receivers = [{"labels": {"name": "lookout"}, "name": "lookout"}]
    assert await _get(lookout, "/api/v2/receivers") == receivers
    assert await _get(lookout, "/api/v2/receivers", ("receiver_matchers", "name=other")) == []
    assert await _get(lookout, "/api/v2/silences", ("filter", "a=b")) == []
    assert (await lookout.http.get("/api/v2/silences?filter=bad")).status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("HEAD", "/api/v2/status", "GET"),
        ("PUT", "/api/v2/status", "GET"),
        ("DELETE", ALERTS, "GET,POST"),
        ("HEAD", ALERTS, "GET,POST"),
        ("POST", f"{ALERTS}/groups", "GET"),
        ("PATCH", "/api/v2/receivers", "GET"),
        ("POST", "/api/v2/silences", "GET"),
        ("DELETE", "/api/v2/silence/00000000-0000-0000-0000-000000000000", "GET"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(lookout: Driver, method: str, path: str, allowed: str) -> None:
    answer = await lookout.http.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    if method != "HEAD":
        told = answer.json()
        assert told["code"] == 405
        assert told["message"].startswith(f"method {method} is not allowed, but [{allowed}] are")


async def test_who_silences_is_told_where_to(lookout: Driver) -> None:
    answer = await lookout.http.post("/api/v2/silences", json={"matchers": []})
    assert answer.json()["message"] == (
        "method POST is not allowed, but [GET] are: "
        "Lookout keeps no silences; make them in the Alertmanager that notifies"
    )


async def test_healthy_and_ready(lookout: Driver) -> None:
    for path in ("/-/healthy", "/-/ready"):
        answer = await lookout.http.get(path)
        assert (answer.status_code, answer.text) == (200, "OK")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    async with lookout.database_away():
        assert (await lookout.http.get("/-/healthy")).status_code == 200
        assert (await lookout.http.get("/-/ready")).status_code == 503
        answer = await lookout.http.get(ALERTS)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.json() == {"code": 503, "message": "the database does not answer; try again"}


async def test_more_lists_than_the_bound_at_once_are_refused_to_whoever_asks_for_them(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, go_on = asyncio.Semaphore(0), asyncio.Event()
    firing_alerts = Reads.firing_alerts

    async def slow(reads: Reads, tenant_id: str) -> Any:
        reading.release()
        await go_on.wait()
        return await firing_alerts(reads, tenant_id)

    monkeypatch.setattr(Reads, "firing_alerts", slow)
    async with start(access=ACCESS) as lookout:
        asking: list[asyncio.Task[httpx.Response]] = []

        async def fill(tenant_id: str) -> None:
            """Have as many lists made as one tenant may; one more is refused."""
            headers = bearer(person(lookout, tenant_id))
            for _ in range(alertmanager.READS_OF_TENANT):
                asking.append(asyncio.create_task(lookout.http.get(ALERTS, headers=headers)))
                await reading.acquire()
            refused = await lookout.http.get(f"{ALERTS}/groups", headers=headers)
            assert (refused.status_code, refused.headers["Retry-After"], refused.json()["code"]) == (503, "1", 503)
            assert "of this tenant" in refused.json()["message"]

        await fill("acme")
        await fill("globex")
        refused = await lookout.http.get(ALERTS, headers=bearer(person(lookout, "initech")))
        assert (refused.status_code, refused.headers["Retry-After"], refused.json()["code"]) == (503, "1", 503)
        go_on.set()
        assert {(await answer).status_code for answer in asking} == {200}
        for tenant_id in ("acme", "initech"):
            assert (await lookout.http.get(ALERTS, headers=bearer(person(lookout, tenant_id)))).status_code == 200


@pytest.mark.parametrize("path", [ALERTS, f"{ALERTS}/groups", "/api/v2/silences", "/api/v2/receivers"])
async def test_more_matchers_than_the_bound_are_refused(lookout: Driver, path: str) -> None:
    name = "receiver_matchers" if path.endswith("receivers") else "filter"
    texts = ["name=~.*"] * alertmanager.MATCHERS_LIMIT
    assert (await lookout.http.get(path, params={name: texts})).status_code == 200
    refused = await lookout.http.get(path, params={name: [*texts, "name=~.*"]})
    assert refused.status_code == 400
    assert refused.json().endswith(f"there are 51 of {name}: at most 50 are taken")


async def test_two_replicas_list_the_same(start: Start) -> None:
    async with start() as one, start() as other:
        await one.fires(job="a")
        await other.fires(job="b")
        assert (await one.http.get(ALERTS)).content == (await other.http.get(ALERTS)).content
        assert await _jobs(one) == ["a", "b"]


def _captured() -> dict[str, tuple[int, str, str]]:
    """The rows of the capture that are GETs: path to status, media type and body."""
    text = (WIRE / "bad-input-alertmanager-0.33.txt").read_text()
    rows = re.findall(r"^GET (\S+) +(\d{3}) (None|\S+(?:; charset=\S+)?) b'(.*)'$", text, flags=re.MULTILINE)
    return {
        path: (int(status), "" if kind == "None" else kind, body.encode().decode("unicode_escape"))
        for path, status, kind, body in rows
    }


CAPTURED = _captured()
OF_ITS_OWN_STATE = {
    "/api/v2/alerts?filter=alertname%3D%22PartialGood%22": 200,
    "/api/v2/receivers": 200,
}
NAMES_NO_VERSION = "/api/v1/status"


async def _ask(http: httpx.AsyncClient, path: str) -> tuple[int, str, str]:
    answer = await http.get(path)
    return answer.status_code, answer.headers.get("content-type", ""), answer.text


async def test_captured_requests_are_answered_as_alertmanager_answered_them(lookout: Driver) -> None:
    assert len(CAPTURED) == 13
    same = CAPTURED.keys() - OF_ITS_OWN_STATE.keys() - {NAMES_NO_VERSION}
    assert {path: await _ask(lookout.http, path) for path in same} == {path: CAPTURED[path] for path in same}


async def test_captured_lists_have_the_same_fields(lookout: Driver) -> None:
    for path, status in OF_ITS_OWN_STATE.items():
        assert (await lookout.http.get(path)).status_code == status == CAPTURED[path][0]
    await lookout.fires(alertname="PartialGood")
    (receiver,) = await _get(lookout, "/api/v2/receivers")
    assert receiver.keys() == json.loads(CAPTURED["/api/v2/receivers"][2])[0].keys()
    (alert,) = await _get(lookout, ALERTS, ("filter", 'alertname="PartialGood"'))
    captured = CAPTURED["/api/v2/alerts?filter=alertname%3D%22PartialGood%22"][2]  # its end is cut off
    assert set(re.findall(r'"(\w+)":', captured)) <= {*alert, *alert["status"], *alert["receivers"][0], ""}


async def test_version_1_is_gone(lookout: Driver) -> None:
    status, _, body = await _ask(lookout.http, NAMES_NO_VERSION)
    assert status == CAPTURED[NAMES_NO_VERSION][0] == 410
    assert json.loads(body).keys() == json.loads(CAPTURED[NAMES_NO_VERSION][2]).keys()


async def test_what_grafanas_data_source_asks(lookout: Driver) -> None:
    """Its check, with the implementation "Prometheus": there must be no Mimir, and there must be an Alertmanager."""
    assert (await lookout.http.get("/alertmanager/api/v2/status")).status_code == 404
    assert (await lookout.http.get("/api/v1/status/buildinfo")).status_code == 410
    assert (await _get(lookout, "/api/v2/status"))["config"]["original"] != ""


async def test_what_karma_asks(lookout: Driver) -> None:
    """All that its mapper reads is there, once in each object, and of the type that it has in Go."""
    await lookout.fires(job="a")
    metrics = (await lookout.http.get("/metrics")).text
    assert re.search(r'^alertmanager_build_info\{version="0\.(2[2-9]|[3-9]\d)\.\d+"\}', metrics, re.MULTILINE)
    assert await _get(lookout, "/api/v2/silences") == []

    def no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    body = (await lookout.http.get(f"{ALERTS}/groups")).content.decode()
    (group,) = json.loads(body, object_pairs_hook=no_twice)
    (alert,) = group["alerts"]
    assert group["receiver"]["name"] == "lookout"
    for texts in (group["labels"], alert["labels"], alert["annotations"]):
        assert all(isinstance(text, str) for text in texts.values())
    assert alert["status"]["inhibitedBy"] == alert["status"]["silencedBy"] == []
    assert isinstance(alert["generatorURL"], str)


async def test_the_list_of_alerts_is_not_compared_each_with_each_before_the_planner_knows_them(lookout: Driver) -> None:
    """Until a table that has just grown was looked at, PostgreSQL takes it for empty: 10,000 alerts took 10 s."""
    await lookout.fires(job="a")
    await lookout.sql(
        "INSERT INTO alerts SELECT tenant_id, 'f' || n, status, incident_id, starts_at, ends_at, position, "
        "source, labels, annotations, generator_url FROM alerts CROSS JOIN generate_series(1, 5000) AS n"
    )
    await lookout.sql(
        "INSERT INTO leases SELECT tenant_id, 'f' || n, source, replica, starts_at, ends_at, last_received_at, "
        "promised, expired FROM leases CROSS JOIN generate_series(1, 5000) AS n"
    )
    plan = await plan_of(lookout, "firing_alerts", "'default'")
    assert "Index Scan using leases_pkey" in plan, plan
    assert "Group Key" not in plan, f"leases are gathered as a whole, and then looked through for each alert: {plan}"
