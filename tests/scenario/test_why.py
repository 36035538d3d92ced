"""Why an incident is what it is: what grouped it, what would today, and the last decision about each alert."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.graphql.client import ask

from lookout.alerts.matcher import parse_matchers
from lookout.api.grouping import PresentGrouping
from lookout.incidents.policy import Policy
from lookout.incidents.rules import Rule
from lookout.incidents.transitions import Reason

POLICY = Policy(rules=(Rule("database", parse_matchers('job=~"postgres.*"'), ("cluster",)),))


async def _reason(lookout: Driver) -> tuple[Reason, timedelta]:
    """The last decision about the one alert of the one incident, and how long ago it was."""
    (alert,) = (await lookout.grouping((await lookout.only_incident()).id)).alerts
    return alert.reason, lookout.clock.now() - alert.decided_at


async def test_it_names_the_rule_the_policy_the_key_and_the_label_values(start: Start) -> None:
    async with start(POLICY) as lookout:
        await lookout.fires(job="postgres", cluster="eu")
        grouping = await lookout.grouping((await lookout.only_incident()).id)
        key = 'labels/1:{"cluster":"eu"}'
        assert (grouping.rule, grouping.policy_version) == ("database", POLICY.version)
        assert (grouping.dedup_key, grouping.labels) == (key, {"cluster": "eu"})
        assert grouping.present == PresentGrouping(POLICY.version, "database", key, True)
        (alert,) = grouping.alerts
        assert (alert.rule, alert.same_group) == ("database", True)
        assert alert.labels == {"alertname": "Down", "cluster": "eu", "job": "postgres"}


async def test_the_last_decision_about_an_alert_is_told_whether_it_added_to_the_log_or_not(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", prometheus_replica="one")
    assert await _reason(lookout) == (Reason.OPENED, timedelta())
    lookout.clock.move(minutes=1)
    assert await _reason(lookout) == (Reason.OPENED, timedelta(minutes=1))
    await lookout.fires(starts_at=started, job="a", prometheus_replica="one")
    assert await _reason(lookout) == (Reason.DUPLICATE, timedelta())  # renewed, without a ledger
    lookout.clock.move(minutes=1)
    await lookout.fires(job="a", prometheus_replica="two")
    assert await _reason(lookout) == (Reason.DUPLICATE, timedelta())
    lookout.clock.move(minutes=1)
    await lookout.resolves(started, job="a", prometheus_replica="one")
    assert await _reason(lookout) == (Reason.HELD, timedelta())
    lookout.clock.move(seconds=1)
    stale = lookout.alert({"job": "a", "prometheus_replica": "one"}, starts_at=started)
    await lookout.post_alerts({**stale, "endsAt": (lookout.clock.now() + timedelta(seconds=1)).isoformat()})
    assert await _reason(lookout) == (Reason.STALE, timedelta())
    lookout.clock.move(seconds=1)
    await lookout.fires(starts_at=started + timedelta(minutes=2), job="a", prometheus_replica="two")
    assert await _reason(lookout) == (Reason.DUPLICATE, timedelta())
    lookout.clock.move(seconds=1)
    await lookout.act((await lookout.only_incident()).id, "resolve")
    assert await _reason(lookout) == (Reason.RESOLVED, timedelta())
    lookout.clock.move(seconds=1)
    await lookout.fires(starts_at=started + timedelta(minutes=2), job="a", prometheus_replica="two")
    assert await _reason(lookout) == (Reason.CLOSED, timedelta())
    assert await lookout.types() == ["opened", "resolved"]


async def test_a_resolve_that_comes_again_is_the_last_decision(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    ended_at = lookout.clock.now()
    await lookout.resolves(started, job="a")
    assert await _reason(lookout) == (Reason.RESOLVED, timedelta())
    lookout.clock.move(minutes=1)
    await lookout.post_alerts(lookout.alert({"job": "a"}, starts_at=started, ends_at=ended_at))
    assert await _reason(lookout) == (Reason.DUPLICATE, timedelta())


async def test_each_alert_of_an_incident_has_its_own(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a", instance="1", severity="info")
    lookout.clock.move(minutes=1)
    await lookout.fires(job="a", instance="2", severity="info")
    await lookout.fires(job="a", instance="3", severity="critical")
    await lookout.resolves(started, job="a", instance="1", severity="info")
    grouping = await lookout.grouping((await lookout.only_incident()).id)
    assert {alert.labels["instance"]: alert.reason for alert in grouping.alerts} == {
        "1": Reason.LEFT,
        "2": Reason.JOINED,
        "3": Reason.ESCALATED,
    }


async def test_what_an_alert_did_in_a_later_incident_is_not_told_of_the_earlier_one(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    await lookout.resolves(started, job="a")
    earlier = await lookout.only_incident()
    lookout.clock.move(hours=1)
    began = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    await lookout.fires(starts_at=began, job="a")
    await lookout.resolves(started, job="a")  # late, and silent
    later = (await lookout.incidents())[0]
    assert [alert.reason for alert in (await lookout.grouping(earlier.id)).alerts] == [Reason.RESOLVED]
    (alert,) = (await lookout.grouping(later.id)).alerts
    assert alert.decided_at == lookout.clock.now()


async def test_it_says_whether_the_present_policy_would_do_the_same(start: Start, tmp_path: Path) -> None:
    config = tmp_path / "lookout.yaml"
    config.write_text("policy: {group_by: [cluster]}\n")
    async with start(config=config) as lookout:
        await lookout.fires(job="a", cluster="eu", replica="1")
        await lookout.fires(job="b", cluster="eu", replica="1")
        incident = await lookout.only_incident()
        config.write_text("policy: {group_by: [cluster], rules: [{name: b, matchers: [job=b], group_by: [job]}]}\n")
        await lookout.reload()
        grouping = await lookout.grouping(incident.id)
        assert grouping.rule == ""
        assert grouping.policy_version == incident.policy_version
        assert grouping.present is not None
        assert grouping.present.same_group  # the one that opened it
        assert grouping.present.policy_version == lookout.running.parts.intake.policy.version
        assert {alert.labels["job"]: (alert.rule, alert.same_group) for alert in grouping.alerts} == {
            "a": ("", True),
            "b": ("b", False),
        }
        # A label that is dropped by now cannot be grouped by.
        config.write_text("policy: {group_by: [replica]}\nsources: {prometheus: {drop_labels: [replica]}}\n")
        await lookout.reload()
        present = (await lookout.grouping(incident.id)).present
        assert present is not None
        assert (present.same_group, present.dedup_key.startswith("alert/1:")) == (False, True)


async def test_its_alerts_come_in_pages(lookout: Driver) -> None:
    await lookout.post_alerts(*(lookout.alert({"job": "a", "instance": str(number)}) for number in range(5)))
    incident = await lookout.only_incident()
    seen: list[str] = []
    after = ""
    for size in (2, 2, 1):
        page = await lookout.grouping(incident.id, first="2", after=after)
        assert len(page.alerts) == size
        seen += [alert.fingerprint for alert in page.alerts]
        after = page.next or ""
    assert after == ""
    assert seen == sorted(set(seen))
    assert len(seen) == 5


@pytest.mark.parametrize("query", ["first=0", "first=501", "first=x"])
async def test_a_page_that_cannot_be_is_refused(lookout: Driver, query: str) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    assert (await lookout.http.get(f"/v1/incidents/{incident.id}/grouping?{query}")).status_code == 400


@pytest.mark.parametrize("incident_id", ["01977e4e-0000-7000-8000-000000000001", "x", "%00"])
async def test_an_incident_that_is_not_there_is_404(lookout: Driver, incident_id: str) -> None:
    assert (await lookout.http.get(f"/v1/incidents/{incident_id}/grouping")).status_code == 404


async def test_i6_a_neighbours_incident_is_not_there(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    for table in ("feeds", "events", "event_alerts", "incidents", "alerts", "leases"):
        await lookout.sql(f"UPDATE {table} SET tenant_id = 'neighbour'")
    absent = await lookout.http.get("/v1/incidents/01977e4e-0000-7000-8000-000000000001/grouping")
    hidden = await lookout.http.get(f"/v1/incidents/{incident.id}/grouping")
    assert (hidden.status_code, absent.status_code) == (404, 404)
    assert hidden.text.replace(incident.id, "") == absent.text.replace("01977e4e-0000-7000-8000-000000000001", "")


async def test_where_the_first_alerts_are_no_longer_kept_the_present_is_not_guessed(lookout: Driver) -> None:
    await lookout.fires(job="a")
    await lookout.sql("DELETE FROM event_alerts")
    grouping = await lookout.grouping((await lookout.only_incident()).id)
    assert (grouping.present, grouping.alerts) == (None, [])


async def test_graphql_tells_the_same(start: Start) -> None:
    async with start(POLICY) as lookout:
        await lookout.fires(job="postgres", cluster="eu", instance="1")
        await lookout.fires(job="postgres", cluster="eu", instance="2")
        incident = await lookout.only_incident()
        document = """query($id: ID!, $after: String) { incident(id: $id) { grouping {
          rule policyVersion dedupKey labels present { policyVersion rule dedupKey sameGroup }
          alerts(page: {first: 1, after: $after}) {
            totalCount pageInfo { hasNextPage endCursor }
            nodes { fingerprint labels reason decidedAt rule sameGroup } } } } }"""
        rest = await lookout.grouping(incident.id)
        first = (await ask(lookout, document, id=incident.id))["incident"]["grouping"]
        assert first["alerts"]["totalCount"] == 2
        assert (first["rule"], first["policyVersion"], first["dedupKey"], first["labels"]) == (
            rest.rule,
            rest.policy_version,
            rest.dedup_key,
            rest.labels,
        )
        assert first["present"] == {
            "policyVersion": POLICY.version,
            "rule": "database",
            "dedupKey": incident.dedup_key,
            "sameGroup": True,
        }
        assert first["alerts"]["pageInfo"]["hasNextPage"]
        cursor = first["alerts"]["pageInfo"]["endCursor"]
        second = (await ask(lookout, document, id=incident.id, after=cursor))["incident"]["grouping"]
        assert not second["alerts"]["pageInfo"]["hasNextPage"]
        nodes = first["alerts"]["nodes"] + second["alerts"]["nodes"]
        assert [node["fingerprint"] for node in nodes] == [alert.fingerprint for alert in rest.alerts]
        assert {node["reason"] for node in nodes} == {"OPENED", "JOINED"}
        assert all(node["sameGroup"] and node["rule"] == "database" for node in nodes)


async def test_graphqls_alerts_page_forward_only(lookout: Driver) -> None:
    await lookout.fires(job="a")
    document = "query($id: ID!) { incident(id: $id) { grouping { alerts(page: {last: 1}) { totalCount } } } }"
    query = {"query": document, "variables": {"id": (await lookout.only_incident()).id}}
    (error,) = (await lookout.http.post("/graphql", json=query)).json()["errors"]
    assert "forward only" in error["message"]
