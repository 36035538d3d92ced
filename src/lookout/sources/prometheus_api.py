"""What a Prometheus says fires: `GET /api/v1/rules`, and of itself `/api/v1/status/config` and `/runtimeinfo`.

The rules are asked for and not `/api/v1/alerts`, because they say too which of them are evaluated: after a restart, and
while a query fails, an alert is missing that has not ended. The labels there are without the external ones, and before
`alert_relabel_configs`; both are in the configuration.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import msgspec
import yaml

from lookout.alerts.alert import Alert, AlertStatus, LabelSet, label_set
from lookout.alerts.answer import Answer, Rule
from lookout.alerts.source import Source
from lookout.sources import gojson
from lookout.sources.asking import Asked, Question, decoded, running_since, time_in
from lookout.sources.parsed import MalformedBody
from lookout.sources.prometheus import NAME
from lookout.sources.reading import check_count, told_as_go
from lookout.sources.relabel import Relabel, check_relabel, relabelled

LONGEST_FOR = 3650 * 86_400
"""Seconds of a rule's `for` that are believed."""
_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # every value is text, as labels are
_NAME = "alertname"


class _Alert(msgspec.Struct, gc=False):
    state: str
    labels: dict[str, str]
    annotations: dict[str, str]
    activeAt: str  # noqa: N815


class _Rule(msgspec.Struct, gc=False):
    type: str
    name: str
    health: str
    query: str = ""
    duration: float = 0
    labels: dict[str, str] = {}
    alerts: list[_Alert] = []


class _Group(msgspec.Struct, gc=False):
    rules: list[_Rule]


class _Rules(msgspec.Struct, gc=False):
    groups: list[_Group]
    groupNextToken: str = ""  # noqa: N815


class _Config(msgspec.Struct, gc=False):
    yaml: str


class _Runtime(msgspec.Struct, gc=False):
    startTime: str  # noqa: N815


class _RulesBody(msgspec.Struct, gc=False):
    data: _Rules


class _ConfigBody(msgspec.Struct, gc=False):
    data: _Config


class _RuntimeBody(msgspec.Struct, gc=False):
    data: _Runtime


class _Global(msgspec.Struct):
    external_labels: dict[str, str] = {}


class _Target(msgspec.Struct):
    alert_relabel_configs: list[Any] = []


class _Alerting(msgspec.Struct):
    alert_relabel_configs: list[Relabel] = []
    alertmanagers: list[_Target] = []


class _Settings(msgspec.Struct):
    global_: _Global = msgspec.field(default_factory=_Global, name="global")
    alerting: _Alerting = msgspec.field(default_factory=_Alerting)


class _Labelling(msgspec.Struct, frozen=True):
    """What a Prometheus makes of the labels of an alert before it sends it."""

    external: Mapping[str, str]
    relabels: Sequence[Relabel]

    def sent(self, labels: Mapping[str, str]) -> dict[str, str] | None:
        """The labels as they are sent, None if the alert is not."""
        return relabelled({**self.external, **{name: value for name, value in labels.items() if value}}, self.relabels)


def _paths(_: Source) -> Sequence[str]:
    return ("/api/v1/status/config", "/api/v1/status/runtimeinfo", "/api/v1/rules?type=alert")


def _read(asked: Asked, source: Source) -> Answer:
    config_body, runtime_body, rules_body = asked.bodies
    labelling = _labelling_of(decoded(config_body, _ConfigBody, "the configuration", asked.limits).data.yaml)
    started = decoded(runtime_body, _RuntimeBody, "the runtime information", asked.limits).data.startTime
    told = decoded(rules_body, _RulesBody, "the list of rules", asked.limits).data
    if told.groupNextToken:
        raise MalformedBody("the list of rules is not whole: it has more pages")
    rules = [rule for group in told.groups for rule in group.rules if rule.type == "alerting"]
    check_count(sum(len(rule.alerts) for rule in rules), asked.limits)
    alerts: list[Alert] = []
    unsettled: list[LabelSet] = []
    for rule in rules:
        for alert in rule.alerts:
            sent = labelling.sent(alert.labels)
            if sent is None:
                continue
            read = _alert(rule, alert, sent, asked, source)
            if read is not None and alert.state == "firing" and rule.health == "ok":
                alerts.append(read)
            else:
                unsettled.append(label_set(sent, source.drop_labels))
    return Answer(
        NAME,
        running_since(asked, started, "startTime"),
        alerts,
        unsettled=unsettled,
        replica=label_set(labelling.sent({_NAME: _NAME}) or labelling.external, source.drop_labels).replica,
        rules=_rules_by_name(rules, labelling, source),
    )


def _alert(rule: _Rule, alert: _Alert, sent: Mapping[str, str], asked: Asked, source: Source) -> Alert | None:
    """The alert as it would have been sent, None if it would have been refused. Its start is told by none: it is a
    moment after the rule had held for long enough."""
    active_at = time_in(alert.activeAt, "activeAt")
    starts_at = min(active_at + timedelta(seconds=min(max(rule.duration, 0), LONGEST_FOR)), asked.asked_at)
    fields: dict[str, gojson.Json] = {
        "labels": {**sent},
        "annotations": {**alert.annotations},
        "generatorURL": f"{asked.url}/graph?g0.expr={quote_plus(rule.query)}&g0.tab=1",
    }
    told = told_as_go(fields, rule.name[:80], source, asked.limits)
    if told.fault:
        return None
    return Alert(NAME, told.label_set, told.annotations, AlertStatus.FIRING, starts_at, None, True, told.generator_url)


def _rules_by_name(rules: Sequence[_Rule], labelling: _Labelling, source: Source) -> dict[str, Rule]:
    known: dict[str, Rule] = {}
    for rule in rules:
        overriding = {name: value for name, value in rule.labels.items() if name in labelling.external}
        sent = labelling.sent({**overriding, _NAME: rule.name})
        if sent is None:
            continue
        labels = label_set(sent, source.drop_labels).labels
        # What a template makes of a label is not known before.
        labels = {name: value for name, value in labels.items() if "{{" not in value}
        is_evaluated = rule.health == "ok"
        if (other := known.get(rule.name)) is not None:
            labels = {name: value for name, value in labels.items() if other.labels.get(name) == value}
            is_evaluated = is_evaluated and other.is_evaluated
        known[rule.name] = Rule(labels, is_evaluated)
    return known


def _labelling_of(config: str) -> _Labelling:
    """External labels and relabelling, from the two parts of the configuration that hold them."""
    # It is printed by Prometheus, so all of a part is indented: no need to read all, which can be long.
    parts = re.findall(r"^(?:global|alerting):.*(?:\n(?:[ \t].*)?)*", config, flags=re.MULTILINE)
    try:
        read: object = yaml.load("\n".join(parts), _LOADER)  # noqa: S506 - the base loader makes text of everything
        settings = msgspec.convert(read if parts else {}, _Settings)
    except (yaml.YAMLError, msgspec.ValidationError, RecursionError):
        raise MalformedBody("the configuration cannot be read") from None
    if any(target.alert_relabel_configs for target in settings.alerting.alertmanagers):
        raise MalformedBody("alert_relabel_configs of one target among the alertmanagers are not followed here")
    for relabel in settings.alerting.alert_relabel_configs:
        check_relabel(relabel)
    return _Labelling(settings.global_.external_labels, settings.alerting.alert_relabel_configs)


QUESTION = Question(_paths, _read)
