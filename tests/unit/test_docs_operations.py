"""Every setting, metric, bound and log line has its row, with the value that the code has."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from lookout import kafka, limits, metrics, policy_file, reconcile, server, timers
from lookout.alerts import expression, shown
from lookout.alerts.alert import label_set
from lookout.alerts.severity import SYNONYMS
from lookout.api import alertmanager, bodies, connections, periods, rest
from lookout.api import limits as tenant_limits
from lookout.api.auth import keys, people, tokens
from lookout.api.graphql import app as graphql
from lookout.api.graphql import pages
from lookout.api.mcp import arguments, telling
from lookout.api.mcp import mount as mcp
from lookout.api.mcp import reading as mcp_reading
from lookout.cli import app as commands
from lookout.cli.outside import DEFAULT_URL
from lookout.config import DEFAULT_PORT, VARIABLES, load_settings
from lookout.durations import duration_of
from lookout.errors import SettingsError
from lookout.feeds import follow, recent
from lookout.feeds.kafka import producer, relay
from lookout.incidents import actions, events, grouping, heartbeat, investigation, lease, policy, rules, tenants
from lookout.incidents.grouping import group_of
from lookout.incidents.policy import Policy
from lookout.intake import listening, placing, queue, repeats, ways
from lookout.limits import USUAL
from lookout.policy_file import load_policy
from lookout.sources import events as source_events
from lookout.sources import parsed, reading
from lookout.store import connecting, database, isolation, log, places, relations, relays, retention, stats

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
MEBIBYTE = 1024 * 1024


def section(heading: str) -> str:
    """What stands below a heading, up to the next one."""
    (text,) = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    return text


def rows(text: str) -> dict[str, list[str]]:
    """The tables in `text`: the other cells of a row, by its first one."""
    found = re.findall(r"^\| (.+?) \| (.+) \|$", text, flags=re.MULTILINE)
    return {
        first.strip("`"): rest.split(" | ") for first, rest in found if rest.split(" | ")[0] not in ("---|---", "---")
    }


def subcommands() -> dict[str, TyperCommand | TyperGroup]:
    """What stands after `lookout`, by name."""
    group = get_command(commands)
    assert isinstance(group, TyperGroup)
    return {name: command for name, command in group.commands.items() if isinstance(command, TyperCommand | TyperGroup)}


def test_every_variable_has_a_row_and_no_other() -> None:
    assert rows(section("Environment")).keys() - {"variable"} == {
        *(set(VARIABLES) - set(limits.VARIABLES)),
        f"{kafka.PROPERTY_PREFIX}<PROPERTY>",
        "LOOKOUT_URL",
        "LOOKOUT_TOKEN",
    }


def test_the_defaults_of_the_environment() -> None:
    settings = load_settings({"HOME": "/home/jo"})
    table = rows(section("Environment"))
    assert table["HOST"][0] == f"`{settings.host}`"
    assert table["PORT"][0] == f"`{settings.port}`" == f"`{DEFAULT_PORT}`"
    assert table["KAFKA_CLIENT_ID"][0] == f"`{kafka.CLIENT_ID}`"
    assert table["LOOKOUT_INCIDENTS_TOPIC"][0] == f"`{kafka.INCIDENTS_TOPIC}`"
    assert table["SERVICE_EVENTS_KAFKA_TOPIC"][0] == f"`{kafka.SERVICE_EVENTS_TOPIC}`"
    assert settings.kafka is None
    assert table["LOOKOUT_PLATFORM_TENANT"][0] == f"`{settings.platform_tenant}`"
    assert table["LOOKOUT_RETENTION"][0] == f"`{settings.retention.days}d`"
    assert table["LOOKOUT_URL"][0] == f"`{DEFAULT_URL}`"
    assert settings.database_url is None
    assert str(database.LOWEST_VERSION) in table["DATABASE_URL"][1]


@pytest.mark.parametrize("name", limits.BOUNDS)
def test_a_limit_has_its_row_with_its_default_its_unit_and_its_range(name: str) -> None:
    bound = limits.BOUNDS[name]
    told = [f"{getattr(USUAL, name):,}", bound.unit, f"{bound.least:,}", f"{bound.most:,}"]
    cells = rows(section("Limits"))[bound.variable]
    assert cells[:4] == told
    reason, beyond = cells[4:]
    assert len(reason) > 20
    assert beyond


def test_there_is_a_row_for_every_limit_and_no_other() -> None:
    assert list(rows(section("Limits")))[1:] == list(limits.VARIABLES)


def test_an_unknown_variable_is_an_error_as_the_page_says() -> None:
    with pytest.raises(SettingsError, match="LOOKOUT_DATADIR"):
        load_settings({"LOOKOUT_DATADIR": "/data"})


def test_every_option_of_serve_has_a_row_and_no_other() -> None:
    options = {option for parameter in subcommands()["serve"].params for option in parameter.opts}
    assert rows(section("Options of `lookout serve`")).keys() - {"option"} == options


def test_every_command_is_in_the_changelog() -> None:
    (line,) = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if "] cli:" in line]
    assert set(re.findall(r"`(?:lookout )?([a-z-]+)`", line)) == set(subcommands())


def test_every_key_of_the_policy_has_a_row_and_no_other() -> None:
    assert list(rows(section("`lookout.yaml`")))[1:] == list(policy_file.POLICY_KEYS)
    assert {*policy_file.POLICY_KEYS, "sources", "tenants", "pace"} == {
        field.name for field in msgspec.structs.fields(Policy)
    }


def test_every_key_of_a_rule_has_a_row_and_no_other() -> None:
    assert list(rows(section("Rules in `lookout.yaml`")))[1:] == list(policy_file.RULE_KEYS)


def test_every_key_of_the_tenants_has_a_row_and_the_defaults_are_told(tmp_path: Path) -> None:
    text = section("Tenants in `lookout.yaml`")
    assert list(rows(text))[1:] == list(policy_file.TENANT_KEYS)
    (example,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    path = tmp_path / "lookout.yaml"
    path.write_text(example)
    assert load_policy(path) == Policy()
    assert set(yaml.safe_load(example)["tenants"]) == set(policy_file.TENANT_KEYS)
    assert all(f"`{key}`" in text for key in policy_file.TENANT_RULE_KEYS)


def test_the_example_file_has_every_key_and_is_right() -> None:
    path = ROOT / "docs" / "lookout.example.yaml"
    given = yaml.safe_load(path.read_text())
    policy = load_policy(path)
    assert list(given["policy"]) == list(policy_file.POLICY_KEYS)
    assert {key for rule in given["policy"]["rules"] for key in rule} == set(policy_file.RULE_KEYS)
    assert {name: set(keys) for name, keys in given["sources"].items()} == {
        name: set(keys) for name, keys in policy_file.SOURCE_KEYS.items()
    }
    assert list(given["tenants"]) == list(policy_file.TENANT_KEYS)
    assert {key for rule in given["tenants"]["rules"] for key in rule} == set(policy_file.TENANT_RULE_KEYS)
    assert policy.rules[0].name in PAGE
    assert group_of(label_set({"job": "pgbouncer", "severity": "critical", "cluster": "eu"}), policy).labels == {
        "cluster": "eu"
    }


def test_every_key_of_a_source_has_a_row_with_the_sources_that_take_it() -> None:
    takes = {
        key: ", ".join(f"`{name}`" for name, keys in policy_file.SOURCE_KEYS.items() if key in keys)
        for keys in policy_file.SOURCE_KEYS.values()
        for key in keys
    }
    table = rows(section("Sources in `lookout.yaml`"))
    assert {key: cells[0] for key, cells in table.items() if key != "key"} == takes


def test_the_example_is_the_default_policy(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", section("`lookout.yaml`"), flags=re.DOTALL)
    path = tmp_path / "lookout.yaml"
    path.write_text(example)
    assert load_policy(path) == Policy()
    for name, cells in rows(section("`lookout.yaml`")).items():
        if match := re.fullmatch(r"`(\d+\w)`", cells[0]):
            assert duration_of(match[1]) == getattr(Policy(), name)


def test_every_synonym_is_told_with_its_severity() -> None:
    (told,) = re.findall(r"^The synonyms: (.*)\.$", PAGE, flags=re.MULTILINE)
    found = {
        word: severity.strip()
        for part in told.split(";")
        for words, severity in [re.split(r" (?:are|is) ", part)]
        for word in re.findall(r"`(\w+)`", words)
    }
    assert found == SYNONYMS


def test_every_metric_has_a_row_with_its_type_and_no_other() -> None:
    kept = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    types = {
        family.name + ("_total" if family.type == "counter" else ""): family.type
        for metric in kept
        for family in metric.collect()
    }
    told = {
        name: cells[0] for name, cells in rows(section("Health and metrics")).items() if name.startswith("lookout_")
    }
    assert told == types


def test_every_metric_of_lookout_is_in_its_one_module() -> None:
    named = {family.name for family in REGISTRY.collect() if family.name.startswith("lookout_")}
    kept = [value for value in vars(metrics).values() if isinstance(value, MetricWrapperBase)]
    assert named == {family.name for metric in kept for family in metric.collect()}


BOUNDS = {
    "time for a body to arrive": f"{bodies.BODY_SECONDS:.0f}",
    "objects and arrays of one body": f"{USUAL.objects:,}",
    "body of an event of PagerDuty": f"{source_events.BODY_LIMIT // 1024} KiB",
    "buckets of requests that are remembered": f"{tenant_limits.BUCKETS_LIMIT:,}",
    "tenants whose last refusal is remembered": f"{listening.TENANTS_LIMIT:,}",
    "lists of alerts that are made at once": f"{alertmanager.READS_LIMIT}",
    "lists of one tenant's alerts that are made at once": f"{alertmanager.READS_OF_TENANT}",
    "matchers of a query of the Alertmanager API": f"{alertmanager.MATCHERS_LIMIT}",
    "a regular expression in a matcher, compiled": f"{expression.PROGRAM_LIMIT // MEBIBYTE} MiB",
    "API tokens that are remembered": f"{tokens.REMEMBERED_LIMIT:,}",
    "a people's token": f"{people.LONGEST_TOKEN:,}",
    "the keys of people's tokens": f"{keys.LARGEST // 1024} KiB",
    "link of an alert to its source": f"{reading.LINK_LIMIT // 1024} KiB",
    "rejected alerts told of one body": f"{parsed.REJECTED_LIMIT}",
    "part of a tenant in the room for all bodies": f"{bodies.TENANT_PART}",
    "kept for small ingest bodies": f"{bodies.RESERVE // MEBIBYTE} MiB",
    "alerts of a quiet tenant that wait": f"{queue.QUIET}",
    "alerts of all quiet tenants together that wait": f"{queue.QUIET_BATCH}",
    "standstill of one commit for quiet tenants, in seconds": (
        f"{ways.STANDSTILL_SECONDS:g} for {ways.STANDSTILL_ALERTS} alerts, at most {ways.STANDSTILL_LIMIT:g}"
    ),
    "rules that place alerts": f"{tenants.TENANT_RULES_LIMIT}",
    "tenants that are remembered to be there": f"{placing.KNOWN_LIMIT:,}",
    "tenants that are remembered to have a log": f"{log.FEEDS_KNOWN:,}",
    "tenants that are remembered to have a position": f"{relays.KNOWN_LIMIT:,}",
    "tenants that alerts make": f"{placing.CREATED_LIMIT:,}",
    "alerts that expire in one commit": f"{timers.BATCH_LIMIT:,}",
    "heartbeats of a tenant": f"{heartbeat.HEARTBEATS_LIMIT:,}",
    "heartbeats told as missing in one commit": f"{timers.WATCH_LIMIT:,}",
    "addresses of one source": f"{policy_file.ADDRESSES_LIMIT}",
    "an answer of a source that is asked": f"{reconcile.ANSWER_LIMIT // MEBIBYTE} MiB",
    "time for an address to answer": f"{reconcile.ADDRESS_SECONDS:.0f}",
    "alerts reconciled in one commit": f"{reconcile.BATCH_LIMIT:,}",
    "alerts told one by one of a reconcile": f"{reconcile.FINDINGS_TOLD:,}",
    "operators who wait for a reconcile": f"{reconcile.WAITING_LIMIT}",
    "repeats recognised without loading": f"{repeats.REPEATS_KNOWN:,}",
    "lookout.yaml": f"{policy_file.FILE_LIMIT // 1024} KiB",
    "rules": f"{rules.RULES_LIMIT}",
    "matchers of a rule": f"{rules.MATCHERS_LIMIT}",
    "labels that matchers look at": f"{rules.MATCHED_LABELS_LIMIT}",
    "values of labels of which the rules are known": f"{rules.VALUES_KNOWN:,}",
    "labels that `group_by` or `drop_labels` name": f"{policy_file.LABELS_LIMIT}",
    "leases of an alert that live at once": f"{lease.LIVE_LEASES_KEPT}",
    "ended leases of an alert": f"{lease.ENDED_LEASES_KEPT}",
    "open connections of one process": f"{connections.CONNECTIONS:,}",
    "time for the headers of a request to arrive": f"{connections.HEADERS_SECONDS:.0f}",
    "a client that takes nothing, while more than 64 KiB wait for it": f"{connections.UNREAD_SECONDS:.0f}",
    "headers of a request": f"{connections.HEADERS_LIMIT // 1024} KiB",
    "requests on a connection that wait for the answer to one before": f"{connections.PIPELINED}",
    "reads of tenants at once": f"{database.READS}",
    "reads of one tenant at once": f"{database.READS_OF_TENANT}",
    "reads of one tenant that are under way or wait": f"{places.WAITING}",
    "followers of one process": f"{follow.STREAM_LIMIT:,}",
    "events kept for followers of a tenant": f"{recent.RECENT_LIMIT:,}",
    "events kept for followers of all tenants": f"{recent.RECENT_BYTES // MEBIBYTE} MiB",
    "body of an action": f"{rest.ACTION_LIMIT // 1024} KiB",
    "a name (`X-User-ID`, assignee, investigator)": f"{actions.NAME_LIMIT}",
    "investigations of an incident": f"{investigation.INVESTIGATIONS_LIMIT}",
    "an investigation's root cause": f"{investigation.ROOT_CAUSE_LIMIT:,}",
    "recommendations of an investigation": f"{investigation.RECOMMENDATIONS_LIMIT}",
    "a recommendation": f"{investigation.RECOMMENDATION_LIMIT}",
    "an investigation's summary in its event": f"{investigation.BRIEF_LIMIT}",
    "a link": f"{shown.URL_LIMIT:,}",
    "title": f"{grouping.TITLE_LIMIT}",
    "summary": f"{grouping.SUMMARY_LIMIT}",
    "dedup key kept as text": f"{grouping.KEY_LIMIT:,}",
    "changes of its alerts that an incident tells at once": f"{policy.Pace().burst}",
    "time between what the alerts of a flapping incident add": f"{policy.Pace().flapping_interval.seconds}",
    "groups whose postponed changes are told in one commit": f"{timers.GROUPS_LIMIT}",
    "state changes until an incident flaps": f"{policy.Pace().flapping_changes}",
    "alerts that an event names in itself": f"{events.FIRST_ALERTS}",
    "rejected alerts kept of a tenant": f"{log.REJECTED_KEPT:,}",
    "body of an agent's request": f"{mcp.BODY_LIMIT // 1024} KiB",
    "things of an answer to an agent": f"{arguments.PAGE_LIMIT}",
    "alerts of an incident told to an agent": f"{mcp_reading.ALERTS_SHOWN}",
    "labels of an alert told to an agent": f"{telling.LABELS_SHOWN}",
    "a report told to an agent": f"{telling.REPORT_SHOWN:,}",
    "days of figures told to an agent": f"{mcp_reading.LONGEST_STATS_DAYS}",
    "a message on a WebSocket": f"{server.WEBSOCKET_MESSAGE_LIMIT // 1024} KiB",
    "subscriptions of one WebSocket": f"{graphql.SUBSCRIPTIONS_LIMIT}",
    "events sent to Kafka together": f"{relay.EVENTS_AT_ONCE:,}",
    "time for Kafka to confirm them": f"{producer.SECONDS:.0f}",
    "related incidents compared": f"{relations.NEAREST}",
    "alerts of an opening compared": f"{relations.OPENING_ALERTS}",
    "related incidents of an answer": f"{relations.RELATED_LIMIT}",
    "buckets of figures": f"{periods.BUCKETS_LIMIT}",
    "noisiest groups": f"{stats.NOISIEST}",
    "events forgotten in one commit": f"{retention.EVENTS_AT_ONCE:,}",
    "alerts of the events forgotten in one commit": f"{retention.ALERTS_AT_ONCE:,}",
    "commits of forgetting every five seconds": f"{retention.COMMITS_AT_ONCE}",
    "a statement": f"{isolation.STATEMENT_SECONDS:.0f}",
    "the answer to a statement": f"{database.COMMAND_SECONDS:.0f}",
    "waiting for one lock": f"{isolation.LOCK_SECONDS:.0f}",
    "standing still in a transaction": f"{isolation.IDLE_SECONDS:.0f}",
    "connecting to a server": f"{connecting.CONNECT_SECONDS:.0f}",
}


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_bound_is_as_the_code_has_it(bound: str) -> None:
    assert rows(section("Bounds"))[bound][0] == BOUNDS[bound]


TIME_LIMITS = {
    "a commit of alerts, all tries together": f"{log.COMMIT_SECONDS:.0f} s, and one more for each "
    f"{log.ALERTS_A_SECOND:,} alerts",
    "waiting for one lock in it": f"three quarters of that: {log.COMMIT_SECONDS * log.LOCK_PART:.0f} s",
    "any other statement, a lock, standing still": f"{isolation.STATEMENT_SECONDS:.0f} s, "
    f"{isolation.LOCK_SECONDS:.0f} s, {isolation.IDLE_SECONDS:.0f} s",
    "the answer to a statement": f"{database.COMMAND_SECONDS:.0f} s",
    "a peer that acknowledges nothing": f"{connecting.SILENCE_SECONDS} s",
    "a connect, to each server named": f"{connecting.CONNECT_SECONDS:.0f} s",
    "a connection that listens and hears nothing": f"{database.SIGN_OF_LIFE.seconds} s until it is asked, "
    f"{database.SIGN_OF_LIFE_SECONDS:.0f} s to answer",
}


@pytest.mark.parametrize("what", TIME_LIMITS)
def test_a_time_limit_is_as_the_code_has_it(what: str) -> None:
    assert rows(section("Time limits"))[what][0] == TIME_LIMITS[what]


def test_pages_and_actions_are_bounded_alike_everywhere() -> None:
    assert (rest.PAGE_DEFAULT, rest.ACTION_LIMIT) == (pages.PAGE_DEFAULT, graphql.BODY_LIMIT)


def test_every_action_of_the_logs_has_a_row_and_no_other() -> None:
    logged = {
        action
        for path in (ROOT / "src" / "lookout").rglob("*.py")
        for action in re.findall(r"log\.\w+\([^)]*?action=\"(\w+)\"", path.read_text())
    }
    assert rows(section("Logs")).keys() - {"action"} == logged
