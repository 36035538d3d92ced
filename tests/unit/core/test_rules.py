"""Which rule an alert falls under: the first whose matchers all take it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.stories import Story
from tests.unit.times import at

from lookout.alerts.alert import label_set
from lookout.alerts.matcher import Matcher, parse_matchers
from lookout.alerts.source import Source
from lookout.incidents.grouping import group_of, reopen_window_of
from lookout.incidents.policy import Policy
from lookout.incidents.rules import RULES_LIMIT, VALUE_LENGTH, Rule, Rules
from lookout.incidents.transitions import Reason
from lookout.sources import known_again


def rule(name: str, matchers: str, *group_by: str, title: str = "", reopen: float | None = None) -> Rule:
    window = timedelta(minutes=reopen) if reopen is not None else None
    return Rule(name, parse_matchers(matchers), group_by or None, title, window)


def named(rules: list[Rule], **labels: str) -> str | None:
    found = Rules(rules).first(labels)
    return found.name if found is not None else None


def test_the_first_rule_that_matches_counts() -> None:
    rules = [rule("eu", 'cluster="eu"'), rule("db", 'job=~"postgres.*"'), rule("all eu", 'cluster=~"eu|us"')]
    assert named(rules, cluster="eu", job="postgres") == "eu"
    assert named(rules, cluster="us", job="postgres-1") == "db"
    assert named(rules, cluster="us", job="api") == "all eu"
    assert named(rules, cluster="asia", job="api") is None
    assert named([*reversed(rules)], cluster="eu", job="postgres") == "all eu"


def test_without_rules_none_matches() -> None:
    assert named([], cluster="eu") is None


def test_all_matchers_of_a_rule_have_to_take_the_alert() -> None:
    rules = [rule("both", 'job="a",severity!="info"')]
    assert named(rules, job="a", severity="critical") == "both"
    assert named(rules, job="a", severity="info") is None
    assert named(rules, job="b", severity="critical") is None


def test_two_matchers_of_one_label_both_count() -> None:
    rules = [rule("some", 'job=~"a.*",job!="api"'), rule("rest", 'job=~".+"')]
    assert [named(rules, job=job) for job in ("ab", "api", "b")] == ["some", "rest", "rest"]


def test_a_missing_label_is_an_empty_one_as_in_alertmanager() -> None:
    rules = [rule("nobody's", 'team=""')]
    assert named(rules, job="a") == "nobody's"
    assert named(rules, team="web") is None


def test_a_value_too_long_to_be_remembered_is_matched_all_the_same() -> None:
    rules = Rules([rule("long", 'job=~"x+"')])
    for length in (VALUE_LENGTH, VALUE_LENGTH + 1):
        assert rules.first({"job": "x" * length}) is not None
        assert rules.first({"job": "x" * length + "y"}) is None


def test_as_many_rules_as_there_may_be_are_told_apart() -> None:
    rules = [rule(str(number), f'job=~"job-{number}",team=""') for number in range(RULES_LIMIT)]
    assert [named(rules, job=f"job-{number}") for number in range(RULES_LIMIT)] == [one.name for one in rules]


def test_what_an_alert_costs_does_not_grow_with_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expressions are tried on a value that is new, and on no other label than their own."""
    tried: list[str] = []
    usual = Matcher.test

    def counting(matcher: Matcher) -> Callable[[str], bool]:
        takes = usual(matcher)

        def test(value: str) -> bool:
            tried.append(value)
            return takes(value)

        return test

    monkeypatch.setattr(Matcher, "test", counting)
    policy = Policy(rules=tuple(rule(str(number), f'job=~"job-{number}"', "job") for number in range(RULES_LIMIT)))
    for number in range(1000):
        group_of(label_set({"alertname": "Down", "job": f"job-{number % 5}", "instance": str(number)}), policy)
    assert len(tried) == 5 * RULES_LIMIT


@pytest.mark.parametrize("labels", [{"alertname": "Down", "job": "a", "cluster": "eu"}, {"other": "x"}])
def test_the_key_depends_neither_on_a_rules_place_nor_on_its_name(labels: dict[str, str]) -> None:
    never, always = rule("never", 'job="never"', "job"), rule("first name", 'nothing=""', "cluster")
    renamed = rule("second name", 'nothing="",no=""', "cluster", title="Trouble", reopen=60)
    groups = [group_of(label_set(labels), Policy(rules=rules)) for rules in ((always, never), (never, renamed))]
    assert groups[0].dedup_key == groups[1].dedup_key
    assert [group.rule_name for group in groups] == ["first name", "second name"]
    by_default = group_of(label_set(labels), Policy(group_by=("cluster",)))
    assert (by_default.dedup_key, by_default.rule_name) == (groups[0].dedup_key, "")


def test_a_rule_that_names_no_labels_groups_as_the_policy_does() -> None:
    labels = label_set({"alertname": "Down", "job": "a"})
    policy = Policy(group_by=("job",), rules=(rule("titled", 'job="a"', title="Trouble"),))
    assert group_of(labels, policy).dedup_key == group_of(labels, Policy(group_by=("job",))).dedup_key


def test_the_title_of_a_rule_is_a_text_before_all_group_labels() -> None:
    policy = Policy(rules=(rule("db", 'job="db"', "alertname", "cluster", title="Database {{ .Labels }} {job}"),))
    story = Story(policy)
    story.fires(job="db", cluster="eu")
    assert story.incident.title == "Database {{ .Labels }} {job} (alertname=Down, cluster=eu)"


def test_an_incident_tells_what_grouped_it_from_its_opening_on() -> None:
    policy = Policy(rules=(rule("db", 'job="db"', "cluster"),))
    story = Story(policy)
    story.fires(job="db", cluster="eu")
    story.fires(job="web", cluster="eu")
    story.fires(alertname="Slow", job="db", cluster="eu")
    assert [(incident.rule, incident.policy_version, incident.total_alerts) for incident in story.incidents] == [
        ("db", policy.version, 2),
        ("", policy.version, 1),
    ]


def test_rules_that_group_alike_share_their_incidents() -> None:
    story = Story(Policy(rules=(rule("db", 'job="db"', "cluster"), rule("web", 'job="web"', "cluster"))))
    assert story.fires(job="db", cluster="eu") is Reason.OPENED
    assert story.fires(job="web", cluster="eu") is Reason.JOINED
    assert story.incident.rule == "db"


def test_a_rule_has_a_reopen_window_of_its_own() -> None:
    policy = Policy(rules=(rule("slow", 'job="db"', reopen=60), rule("never", 'job="web"', reopen=0)))
    windows = {job: reopen_window_of(label_set({"job": job}), policy) for job in ("db", "web", "api")}
    assert windows == {"db": timedelta(hours=1), "web": timedelta(), "api": timedelta(minutes=5)}
    for job, minutes, reason in (
        ("db", 60, Reason.REOPENED),
        ("db", 60.1, Reason.OPENED),
        ("web", 0.1, Reason.OPENED),
        ("api", 5, Reason.REOPENED),
        ("api", 5.1, Reason.OPENED),
    ):
        story = Story(policy)
        story.fires(since=0, job=job)
        story.passes(1)
        story.resolves(since=0, job=job)
        story.passes(minutes)
        assert story.fires(since=1 + minutes, job=job) is reason, (job, minutes)


def test_of_alerts_that_start_at_once_one_within_its_window_is_enough() -> None:
    policy = Policy(rules=(rule("slow", 'job="db"', "cluster", reopen=60), rule("quick", 'job="web"', "cluster")))
    story = Story(policy)
    story.fires(since=0, job="db", cluster="eu")
    story.passes(1)
    story.resolves(since=0, job="db", cluster="eu")
    story.passes(30)
    begun = [story.alert(since=31, job=job, cluster="eu") for job in ("web", "db")]
    assert [receipt.reason for receipt in story.hears(*begun)] == [Reason.REOPENED, Reason.REOPENED]
    assert story.incident.reopen_count == 1


def test_an_alert_that_stands_for_another_is_matched_by_that_ones_name() -> None:
    labels = {"alertname": "DatasourceNoData", "rulename": "Disk", "cluster": "eu"}
    no_data = known_again("grafana", labels, "f1")
    policy = Policy(rules=(rule("disk", 'alertname="Disk"', "cluster"),))
    assert group_of(no_data, policy).rule_name == "disk"
    assert group_of(known_again("prometheus", labels, "f1"), policy).rule_name == ""


def test_a_version_tells_policies_apart_by_all_that_decides() -> None:
    policies = [
        Policy(),
        Policy(group_by=("job",)),
        Policy(reopen_window=timedelta(minutes=6)),
        Policy(rules=(rule("a", 'job="a"'),)),
        Policy(rules=(rule("b", 'job="a"'),)),
        Policy(rules=(rule("a", 'job!="a"'),)),
        Policy(rules=(rule("a", 'job="a"', "job"),)),
    ]
    versions = [policy.version for policy in policies]
    assert len(set(versions)) == len(versions)
    assert Policy().version == versions[0]
    assert all(len(version) == 12 for version in versions)


def test_where_a_source_is_asked_is_not_told_by_the_version() -> None:
    """A password may stand in the address, and twelve digits of a digest are enough to try passwords on."""
    addresses = [("http://jo:one@10.0.0.1:9090",), ("http://jo:two@10.0.0.1:9090",), ()]
    assert len({Policy(sources={"prometheus": Source(prometheus_url=urls)}).version for urls in addresses}) == 1
    assert Policy(sources={"prometheus": Source(("replica",))}).version != Policy().version


def test_i2_what_fires_stays_in_its_incident_until_it_ends_whatever_the_policy_becomes() -> None:
    story = Story(Policy())
    story.fires(job="a", instance="1")
    story.fires(job="a", instance="2")
    first = story.incident
    story.turns_to(Policy(rules=(rule("by instance", 'job="a"', "instance"),)))
    story.passes(1)
    assert story.fires(job="a", instance="1") is Reason.DUPLICATE
    assert story.fires(since=1, job="a", instance="3") is Reason.OPENED
    story.passes(1)
    assert story.resolves(job="a", instance="1") is Reason.LEFT
    assert story.fires(since=2, job="a", instance="1") is Reason.OPENED
    assert story.resolves(job="a", instance="2") is Reason.RESOLVED
    assert not story.ledger.by_id[first.id].is_open
    assert [(incident.rule, incident.firing_alerts) for incident in story.open_incidents] == [
        ("by instance", 1),
        ("by instance", 1),
    ]


def test_i2_an_incident_of_before_takes_what_the_present_policy_gives_the_same_key() -> None:
    story = Story(Policy(rules=(rule("old", 'job=~".+"', "cluster"),)))
    story.fires(job="a", cluster="eu")
    story.turns_to(Policy(group_by=("cluster",)))
    assert story.fires(job="b", cluster="eu") is Reason.JOINED
    assert (story.incident.rule, len(story.incidents)) == ("old", 1)
    assert story.now == at(0)
