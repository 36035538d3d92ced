"""What is wrong with `lookout.yaml`: every problem at once, each with its place."""

from datetime import timedelta
from pathlib import Path

import pytest

from lookout.alerts.matcher import Matcher, Operator
from lookout.alerts.severity import SYNONYMS, Severity
from lookout.alerts.source import Source
from lookout.config import load_settings
from lookout.errors import SettingsError
from lookout.incidents.policy import Policy
from lookout.incidents.rules import Rule
from lookout.incidents.tenants import Tenancy, TenantRule
from lookout.policy_file import load_policy

DURATION = "a duration like 5m, 1h30m or 12h is expected"
BOUNDS = "from 1s to 3650d are allowed"
SEVERITY = "one of critical, error, warning, info is expected"
LABEL = "the name of a label is expected"
LABELS = "a list of labels is expected: [alertname, job]"
KNOWN_OF_PROMETHEUS = "unknown key; known: drop_labels, expiry, heartbeat, heartbeat_timeout, prometheus_url"
NAME = 'the name of an alert is expected, at most 200 characters; "" for none'
ALONE = "without a label every alert would be an incident of its own; leave the key out for the default"
KEYS = "keys with values are expected"
KNOWN = "unknown key; known: group_by, reopen_window, resend_delay, webhook_expiry, severities, rules"

RULE_KNOWN = "unknown key; known: name, matchers, group_by, title, reopen_window"
MATCHER = "a matcher is expected, such as 'job=~\"postgres.*\"'"
LINE = "a text of one line is expected, with at most 100 characters"
ADDRESS = "an address like http://127.0.0.1:9090 is expected, without a query"

EVERY_ALERT = "without a matcher it would take every alert; what nothing places is LOOKOUT_PLATFORM_TENANT's"
TENANT = "letters, digits, dot, dash and underscore are expected, at most 100, a letter or a digit first"
WRONG: dict[str, list[str]] = {
    # The file as a whole.
    "- policy\n": [f"1: the file: {KEYS}"],
    "# a comment\n\n5m\n": [f"3: the file: {KEYS}"],
    "policies: {}\npolicy: 5\nx: 1\n": [
        "1: policies: unknown key; known: policy, sources, tenants",
        f"2: policy: {KEYS}",
        "3: x: unknown key; known: policy, sources, tenants",
    ],
    "policy: {}\npolicy: {}\n": ["2: policy: given twice, first in line 1"],
    "policy: {1: 2}\n": [f"1: policy.1: {KNOWN}"],
    "policy:\n  [a]: 5m\n": ["2: policy: a key is one word"],
    "policy:\n  <<: {reopen_window: 5m}\n": [f"2: policy.<<: {KNOWN}"],
    # Durations.
    "policy:\n  webhook_expiry: 3000000d\n": [f"2: policy.webhook_expiry: {BOUNDS}"],
    "policy:\n  reopen_window: 99999999999d\n": ["2: policy.reopen_window: from 0s to 3650d are allowed"],
    f"policy:\n  reopen_window: {'9' * 5000}d\n": ["2: policy.reopen_window: from 0s to 3650d are allowed"],
    f"policy:\n  resend_delay: {'9' * 400}s\n": [f"2: policy.resend_delay: {BOUNDS}"],
    "policy:\n  resend_delay: 0s\n  webhook_expiry: 999ms\n": [
        f"2: policy.resend_delay: {BOUNDS}",
        f"3: policy.webhook_expiry: {BOUNDS}",
    ],
    "policy:\n  webhook_expiry: 3650d1ms\n": [f"2: policy.webhook_expiry: {BOUNDS}"],
    "policy:\n  reopen_window: 2026-99-99\n": [f"2: policy.reopen_window: {DURATION}"],
    "policy:\n  reopen_window: 300\n  resend_delay: -1m\n  webhook_expiry: 5 m\n": [
        f"2: policy.reopen_window: {DURATION}",
        f"3: policy.resend_delay: {DURATION}",
        f"4: policy.webhook_expiry: {DURATION}",
    ],
    "policy:\n  reopen_window: [5m]\n  resend_delay: !env DELAY\n": [
        f"2: policy.reopen_window: {DURATION}",
        f"3: policy.resend_delay: {DURATION}",
    ],
    "policy:\n  reopen_window: 5m\n\n  reopen_window: 6m\n": ["4: policy.reopen_window: given twice, first in line 2"],
    # Labels.
    "policy:\n  group_by: []\n": [f"2: policy.group_by: {ALONE}"],
    "policy:\n  group_by: job\n": [f"2: policy.group_by: {LABELS}"],
    "policy:\n  group_by: {job: yes}\n": [f"2: policy.group_by: {LABELS}"],
    "policy:\n  group_by:\n    - ''\n    - job\n    - [a]\n    - {b: c}\n    -\n": [
        f"3: policy.group_by[0]: {LABEL}",
        f"5: policy.group_by[2]: {LABEL}",
        f"6: policy.group_by[3]: {LABEL}",
        f"7: policy.group_by[4]: {LABEL}",
    ],
    # Severities.
    "policy:\n  severities:\n    a: info\n    sev1: critcal\n    sev2: wurst\n": [
        f"4: policy.severities.sev1: {SEVERITY}",
        f"5: policy.severities.sev2: {SEVERITY}",
    ],
    "policy:\n  severities: {p1: [critical], p.2: 2, p3: }\n": [
        f"2: policy.severities.p1: {SEVERITY}",
        f"2: policy.severities.p.2: {SEVERITY}",
        f"2: policy.severities.p3: {SEVERITY}",
    ],
    "policy:\n  severities:\n    P1: critical\n    p1: info\n": [
        "4: policy.severities.p1: given twice, first in line 3"
    ],
    "policy:\n  severities: [critical]\n": [f"2: policy.severities: {KEYS}"],
    f"policy:\n  group_by: [{', '.join('a' * 51)}]\n": ["2: policy.group_by: 51 labels; there may be 50"],
    # Rules.
    "policy:\n  rules: {name: a}\n": ["2: policy.rules: a list of rules is expected"],
    "policy:\n  rules:\n    - 5\n    -\n": [f"3: policy.rules[0]: {KEYS}", f"4: policy.rules[1]: {KEYS}"],
    "policy:\n  rules:\n    - title: a\n      nme: b\n    - name: a\n": [
        f"4: policy.rules[0].nme: {RULE_KNOWN}",
        "3: policy.rules[0]: name is missing",
        "3: policy.rules[0]: matchers is missing",
        "5: policy.rules[1]: matchers is missing",
    ],
    "policy:\n  rules:\n    - {name: a, matchers: ['a=b']}\n    - {name: b, matchers: ['a=b']}\n"
    "    - {name: a, matchers: ['c=d']}\n": ["5: policy.rules[2]: the name 'a' is that of the rule in line 3"],
    "policy:\n  rules:\n    - name: a\n      matchers:\n        - job=~\"post(gres\"\n        - job\n        - ''\n"
    '        - a=b\n        - {a: b}\n        - "x\\nbad"\n': [
        "5: policy.rules[0].matchers[0]: error parsing regexp: missing closing ): `^(?:post(gres)$`",
        "6: policy.rules[0].matchers[1]: bad matcher format: job",
        f"7: policy.rules[0].matchers[2]: {MATCHER}",
        f"9: policy.rules[0].matchers[4]: {MATCHER}",
        "10: policy.rules[0].matchers[5]: bad matcher format: x bad",
    ],
    "policy:\n  rules:\n    - {name: a, matchers: []}\n    - {name: b, matchers: a=b}\n": [
        "3: policy.rules[0].matchers: without a matcher it would take every alert; say that as policy.group_by",
        "4: policy.rules[1].matchers: a list of matchers is expected: ['job=\"api\"']",
    ],
    f"policy:\n  rules:\n    - {{name: {'a' * 101}, matchers: [a=b], title: [x], reopen_window: x, group_by: []}}\n": [
        f"3: policy.rules[0].name: {LINE}",
        f"3: policy.rules[0].title: {LINE}",
        f"3: policy.rules[0].reopen_window: {DURATION}",
        f"3: policy.rules[0].group_by: {ALONE}",
    ],
    'policy:\n  rules:\n    - {name: "a\\nb", matchers: [a=b], title: ""}\n': [
        f"3: policy.rules[0].name: {LINE}",
        f"3: policy.rules[0].title: {LINE}",
    ],
    f"policy:\n  rules: [{', '.join(f'{{name: r{number}, matchers: [a=b]}}' for number in range(101))}]\n": [
        "2: policy.rules: 101 rules; there may be 100"
    ],
    f"policy:\n  rules: [{{name: a, matchers: [{', '.join(['a=b'] * 21)}]}}]\n": [
        "2: policy.rules[0].matchers: 21 matchers; there may be 20"
    ],
    f"policy:\n  rules: [{{name: a, matchers: ['{','.join(['a=b'] * 21)}']}}]\n": [
        "2: policy.rules[0].matchers: 21 matchers; there may be 20"
    ],
    f"policy:\n  rules: [{', '.join(f'{{name: r{number}, matchers: [a{number}=b]}}' for number in range(51))}]\n": [
        "2: policy.rules: 51 labels that matchers look at; there may be 50"
    ],
    # Sources.
    "sources:\n  prometeus: {expiry: 5m}\n  grafana:\n    drop_labels: [replica]\n  events: 5m\n": [
        "2: sources.prometeus: unknown key; known: prometheus, alertmanager, grafana, events",
        "4: sources.grafana.drop_labels: unknown key; known: expiry, heartbeat, heartbeat_timeout",
        f"5: sources.events: {KEYS}",
    ],
    "sources:\n  prometheus:\n    drop_labels: replica\n    expiry: never\n  alertmanager: {drop_labels: ['']}\n": [
        f"3: sources.prometheus.drop_labels: {LABELS}",
        f"4: sources.prometheus.expiry: {DURATION}",
        f"5: sources.alertmanager.drop_labels[0]: {LABEL}",
    ],
    f"sources:\n  grafana:\n    heartbeat: [a]\n  prometheus: {{heartbeat: {'a' * 201}, heartbeat_timeout: 0s}}\n": [
        f"3: sources.grafana.heartbeat: {NAME}",
        f"4: sources.prometheus.heartbeat: {NAME}",
        "4: sources.prometheus.heartbeat_timeout: from 1s to 3650d are allowed",
    ],
    "sources:\n  prometheus:\n    prometheus_url: prometheus:9090\n    alertmanager_url: http://a\n": [
        f"3: sources.prometheus.prometheus_url: {ADDRESS}",
        f"4: sources.prometheus.alertmanager_url: {KNOWN_OF_PROMETHEUS}",
    ],
    "sources:\n  prometheus:\n    prometheus_url:\n    - http://:9090\n    - http://jo:secret@a b\n    - {a: 1}\n": [
        f"{line}: sources.prometheus.prometheus_url[{line - 4}]: {ADDRESS}" for line in (4, 5, 6)
    ],
    "sources:\n  prometheus:\n    prometheus_url: http://a:9e9\n  alertmanager:\n    alertmanager_url: http://a?x\n": [
        f"3: sources.prometheus.prometheus_url: {ADDRESS}",
        f"5: sources.alertmanager.alertmanager_url: {ADDRESS}",
    ],
    "sources:\n  prometheus:\n    prometheus_url: []\n  alertmanager:\n    alertmanager_receiver: []\n": [
        "3: sources.prometheus.prometheus_url: 1 to 16 addresses are expected",
        "5: sources.alertmanager.alertmanager_receiver: a name is expected",
    ],
    f"sources:\n  alertmanager:\n    alertmanager_url: [{', '.join(['http://a'] * 17)}]\n": [
        "3: sources.alertmanager.alertmanager_url: 1 to 16 addresses are expected"
    ],
    "tenants:\n  lable: a\n  label: []\n  auto_create_tenants: perhaps\n  rules: 5\n": [
        "2: tenants.lable: unknown key; known: label, rules, auto_create_tenants",
        '3: tenants.label: the name of a label is expected, at most 200 characters; "" for none',
        "4: tenants.auto_create_tenants: true or false is expected",
        "5: tenants.rules: a list of rules is expected",
    ],
    "tenants:\n  rules:\n  - {matchers: [], tenant: a b}\n  - {tenant: a}\n  - {matchers: ['a=~\"[\"']}\n": [
        f"3: tenants.rules[0].matchers: {EVERY_ALERT}",
        f"3: tenants.rules[0].tenant: {TENANT}",
        "4: tenants.rules[1]: matchers is missing",
        "5: tenants.rules[2].matchers[0]: error parsing regexp: missing closing ]: `[)$`",
        "5: tenants.rules[2]: tenant is missing",
    ],
    f"tenants:\n  rules: [{', '.join(['{matchers: [a=b], tenant: a}'] * 501)}]\n": [
        "2: tenants.rules: 501 rules; there may be 500"
    ],
    # All at once.
    "policy:\n  reopen_windw: 10m\n  resend_delay: soon\n  group_by: [job, '']\n  severities: {a: b}\n": [
        f"2: policy.reopen_windw: {KNOWN}",
        f"3: policy.resend_delay: {DURATION}",
        f"4: policy.group_by[1]: {LABEL}",
        f"5: policy.severities.a: {SEVERITY}",
    ],
}

UNREADABLE: dict[bytes, str] = {
    b"policy: [\n": "while parsing a flow node",
    b"policy: {}\n---\npolicy: {}\n": "expected a single document",
    b"policy: *default\n": "found undefined alias",
    b'policy: "\\UFFFFFFFF"\n': "not YAML: Python int too large",
    b'policy: "\\U00110000"\n': "chr() arg not in range",
    b"policy: caf\xe9\n": "can't decode byte 0xe9",
    b"policy: \x00\n": "special characters are not allowed",
    b"[" * 100_000: "nested too deeply",
    b"#" * 300_000: "larger than 256 KiB",
}

READ: dict[str, Policy] = {
    "": Policy(),
    "# policy:\n": Policy(),
    "---\n": Policy(),
    "policy:\n": Policy(),
    "policy:\n  group_by:\n  reopen_window:\n  severities:\n": Policy(),
    "policy: {reopen_window: 0s, resend_delay: 1s, webhook_expiry: 3650d}\n": Policy(
        reopen_window=timedelta(), resend_delay=timedelta(seconds=1), webhook_expiry=timedelta(days=3650)
    ),
    "policy: {reopen_window: 1h30m, resend_delay: 1500ms}\n": Policy(
        reopen_window=timedelta(minutes=90), resend_delay=timedelta(seconds=1.5)
    ),
    "policy: {group_by: [job, on]}\n": Policy(group_by=("job", "on")),
    'policy:\n  rules:\n    - name: db\n      matchers: [\'job=~"postgres.*"\', \'{severity="critical","a b"!=""}\']\n'
    "      group_by: [cluster]\n      title: Database trouble\n      reopen_window: 15m\n"
    "    - {name: 5, matchers: [team=web]}\n": Policy(
        rules=(
            Rule(
                "db",
                (
                    Matcher("job", Operator.MATCHES, "postgres.*"),
                    Matcher("severity", Operator.EQUAL, "critical"),
                    Matcher("a b", Operator.NOT_EQUAL, ""),
                ),
                ("cluster",),
                "Database trouble",
                timedelta(minutes=15),
            ),
            Rule("5", (Matcher("team", Operator.EQUAL, "web"),)),
        )
    ),
    "policy: {rules: []}\n": Policy(),
    "tenants:\n": Policy(),
    "tenants: {label: '', auto_create_tenants: true}\n": Policy(tenants=Tenancy("", (), True)),
    "tenants: {label: org, rules: [{matchers: ['a=b', c!=d], tenant: 5}]}\n": Policy(
        tenants=Tenancy(
            "org",
            (TenantRule((Matcher("a", Operator.EQUAL, "b"), Matcher("c", Operator.NOT_EQUAL, "d")), "5"),),
        )
    ),
    "sources:\n  prometheus:\n  grafana: {expiry: }\n": Policy(sources={"grafana": Source()}),
    "sources: {prometheus: {heartbeat: ''}, grafana: {heartbeat: AlwaysOn, heartbeat_timeout: 15m}}\n": Policy(
        sources={
            "prometheus": Source(heartbeat=""),
            "grafana": Source(heartbeat="AlwaysOn", heartbeat_timeout=timedelta(minutes=15)),
        }
    ),
    "sources: {prometheus: {drop_labels: []}, alertmanager: {drop_labels: [replica, a], expiry: 3d}}\n": Policy(
        sources={
            "prometheus": Source(drop_labels=()),
            "alertmanager": Source(("replica", "a"), timedelta(days=3)),
        }
    ),
    "sources:\n  prometheus: {prometheus_url: 'https://jo:secret@a.example/prometheus/'}\n"
    "  alertmanager: {alertmanager_url: ['http://[::1]:9093', http://b], alertmanager_receiver: lookout}\n": Policy(
        sources={
            "prometheus": Source(prometheus_url=("https://jo:secret@a.example/prometheus",)),
            "alertmanager": Source(alertmanager_url=("http://[::1]:9093", "http://b"), alertmanager_receiver="lookout"),
        }
    ),
    "policy: {severities: {Sev1: critical, 2: error, warn: info}}\n": Policy(
        severities={**SYNONYMS, "sev1": Severity.CRITICAL, "2": Severity.ERROR, "warn": Severity.INFO}
    ),
}


def problems(environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as told:
        load_settings(environ)
    return str(told.value).splitlines()


@pytest.mark.parametrize("text", WRONG)
def test_every_problem_of_a_file_is_told_with_line_and_key(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lookout.yaml"
    path.write_text(text)
    assert problems({"LOOKOUT_CONFIG": str(path)}) == [f"{path}:{problem}" for problem in WRONG[text]]


@pytest.mark.parametrize("content", UNREADABLE)
def test_what_is_no_yaml_is_told_in_a_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "lookout.yaml"
    path.write_bytes(content)
    (problem,) = problems({"LOOKOUT_CONFIG": str(path)})
    assert problem.startswith(f"{path}: ")
    assert UNREADABLE[content] in problem


@pytest.mark.parametrize("text", READ)
def test_a_file_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lookout.yaml"
    path.write_text(text)
    assert load_policy(path) == READ[text]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert problems({"LOOKOUT_CONFIG": str(path)}) == [f"LOOKOUT_CONFIG: cannot read {path}: No such file or directory"]
