"""A rule of the policy brings alerts together, and every surface says which one did."""

from tests.driver import Driver
from tests.scenario.conftest import Start
from tests.unit.graphql.client import ask

from lookout.alerts.matcher import parse_matchers
from lookout.incidents.events import Opened
from lookout.incidents.policy import Policy
from lookout.incidents.rules import Rule

POLICY = Policy(rules=(Rule("database", parse_matchers('job=~"postgres.*"'), ("cluster",), "Database trouble"),))


async def _database_trouble(lookout: Driver) -> None:
    await lookout.fires(alertname="Slow", job="postgres", cluster="eu")
    await lookout.fires(alertname="Lagging", job="postgres-replica", cluster="eu")
    await lookout.fires(job="api", cluster="eu")


async def test_what_a_rule_matches_is_one_incident_under_its_title(start: Start) -> None:
    async with start(POLICY) as lookout:
        await _database_trouble(lookout)
        told = [(incident.title, incident.rule, incident.total_alerts) for incident in await lookout.incidents()]
        assert told == [("Down (cluster=eu, job=api)", "", 1), ("Database trouble (cluster=eu)", "database", 2)]


async def test_rest_the_feed_and_graphql_name_the_rule_and_the_policy(start: Start) -> None:
    async with start(POLICY) as lookout:
        await _database_trouble(lookout)
        other, grouped = await lookout.incidents()
        assert {other.policy_version, grouped.policy_version} == {POLICY.version}
        opened = (await lookout.feed())[0]
        assert isinstance(opened.change, Opened)
        assert (opened.change.rule, opened.change.policy_version) == ("database", POLICY.version)
        assert opened.incident.rule == "database"
        nodes = (await ask(lookout, "{ incidentsConnection { nodes { rule policyVersion } } }"))["incidentsConnection"]
        assert nodes["nodes"] == [{"rule": rule, "policyVersion": POLICY.version} for rule in ("", "database")]


async def test_i5_the_log_folds_to_the_rule_too(start: Start) -> None:
    async with start(POLICY) as lookout:
        await _database_trouble(lookout)
        assert (await lookout.rebuild()).equal
        await lookout.sql("UPDATE incidents SET rule = 'another'")
        assert not (await lookout.rebuild(repair=True)).equal
        assert [incident.rule for incident in await lookout.incidents()] == ["", "database"]


async def test_i5_an_incident_of_before_rules_were_recorded_has_none(lookout: Driver) -> None:
    """A log that an older Lookout wrote, and the row that the migration left."""
    await lookout.fires(job="a")
    await lookout.sql("UPDATE events SET change = (change::jsonb - 'rule' - 'policy_version')::json")
    await lookout.sql("UPDATE events SET incident = (incident::jsonb - 'rule' - 'policy_version')::json")
    await lookout.sql("UPDATE incidents SET rule = DEFAULT, policy_version = DEFAULT")
    incident = await lookout.only_incident()
    assert (incident.rule, incident.policy_version) == ("", "")
    assert [event.incident for event in await lookout.feed()] == [incident]
    assert (await lookout.rebuild()).equal
