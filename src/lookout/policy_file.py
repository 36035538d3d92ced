"""`lookout.yaml`: the policy, the sources and the tenants, read with line and key for whatever is wrong."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import yaml

from lookout.alerts.matcher import Matcher, MatcherError, parse_matchers
from lookout.alerts.severity import SYNONYMS, Severity
from lookout.alerts.source import Source
from lookout.alerts.text import one_line
from lookout.durations import LONGEST, duration_of, is_duration
from lookout.errors import SettingsError
from lookout.incidents.policy import Policy
from lookout.incidents.rules import MATCHED_LABELS_LIMIT, MATCHERS_LIMIT, RULES_LIMIT, Matching, Rule
from lookout.incidents.tenants import TENANT_EXPECTED, TENANT_RULES_LIMIT, Tenancy, TenantRule, is_tenant_id
from lookout.limits import USUAL, Limits

FILE_LIMIT = 256 * 1024
"""Characters of lookout.yaml, which is read while alerts are taken."""
LABELS_LIMIT = 50
"""Names in one list of labels."""
ALERT_NAME_LIMIT = 200
"""Characters of an alert's name."""
ADDRESSES_LIMIT = 16
"""Addresses at which one source is asked."""
NAME_LIMIT = 100
"""Characters of a rule's name or title: the group labels stand behind a title, and want room."""
SHORTEST = timedelta(seconds=1)
_URL = re.compile(r"[!-~]+", re.ASCII)


def load_policy(path: Path, limits: Limits = USUAL) -> Policy:
    """The policy of a `lookout.yaml`. Raises `SettingsError`: a line for each problem, with file, line and key."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(FILE_LIMIT + 1)
        if len(text) > FILE_LIMIT:
            raise SettingsError(f"{path}: larger than {FILE_LIMIT // 1024} KiB")
        tree: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except OSError as error:
        raise SettingsError(f"LOOKOUT_CONFIG: cannot read {path}: {error.strerror}") from None
    except RecursionError:
        raise SettingsError(f"{path}: nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise SettingsError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if tree is None or tree.tag == _NULL:
        return Policy()
    problems: list[str] = []
    given = _keys(_Part(tree, path, tree.start_mark.line + 1, "", problems, limits), _FILE)
    if problems:
        raise SettingsError("\n".join(problems))
    sources = {name: Source(**settled) for name, settled in given.get("sources", {}).items()}
    tenants = Tenancy(**given.get("tenants", {}))
    return Policy(**given.get("policy", {}), sources=sources, tenants=tenants)


_NULL = "tag:yaml.org,2002:null"


class _Part(msgspec.Struct, frozen=True):
    """What stands at a place of the file. The problems of all its parts go to one list."""

    node: yaml.Node
    path: Path
    line: int
    key: str
    problems: list[str]
    limits: Limits

    @property
    def text(self) -> str | None:
        """The text as it is written, whatever YAML takes it for; None if it is a list or keys."""
        return _text(self.node)

    def note(self, problem: str) -> None:
        self.problems.append(f"{self.path}:{self.line}: {self.key or 'the file'}: {problem}")

    def within(self, key: str, node: yaml.Node, place: yaml.Node) -> "_Part":
        """What stands under `key`, beginning at `place`."""
        return _Part(
            node, self.path, place.start_mark.line + 1, f"{self.key}{key}".lstrip("."), self.problems, self.limits
        )

    def entries(self, fold: Callable[[str], str] = str) -> Iterator[tuple[str, "_Part"]]:
        """What stands here by key, as `fold` makes it. A key that stands here twice is noted."""
        if not isinstance(self.node, yaml.MappingNode):
            self.note("keys with values are expected")
            return
        lines: dict[str, int] = {}
        for name, value in self.node.value:
            key = _text(name)
            if key is None:
                self.within("", name, name).note("a key is one word")
                continue
            part = self.within(f".{key}", value, name)
            folded = fold(key)
            if folded in lines:
                part.note(f"given twice, first in line {lines[folded]}")
            else:
                lines[folded] = part.line
                yield folded, part


def _text(node: yaml.Node) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) and node.tag.startswith("tag:yaml.org") else None


def _keys(part: _Part, readers: "Mapping[str, _Reader]") -> dict[str, Any]:
    """What stands under the known keys, without those left empty."""
    given: dict[str, Any] = {}
    for key, value in part.entries():
        if key not in readers:
            value.note(f"unknown key; known: {', '.join(readers)}")
        elif value.node.tag != _NULL:
            given[key] = readers[key](value)
    return given


def _group_by(part: _Part) -> tuple[str, ...]:
    if isinstance(part.node, yaml.SequenceNode) and not part.node.value:
        part.note("without a label every alert would be an incident of its own; leave the key out for the default")
    return _labels(part)


def _labels(part: _Part) -> tuple[str, ...]:
    labels: list[str] = []
    items = _items(part, "a list of labels is expected: [alertname, job]")
    _bound(part, len(items), LABELS_LIMIT, "labels")
    for item in items:
        if item.text:
            labels.append(item.text)
        else:
            item.note("the name of a label is expected")
    return tuple(labels)


def _duration(part: _Part, shortest: timedelta = SHORTEST) -> timedelta:
    text = part.text or ""
    if not is_duration(text):
        part.note("a duration like 5m, 1h30m or 12h is expected")
        return shortest
    try:
        duration = duration_of(text)
    except (OverflowError, ValueError):  # a number of more digits than Python takes
        duration = timedelta.max
    if not shortest <= duration <= LONGEST:
        part.note(f"from {shortest.total_seconds():.0f}s to {LONGEST.days}d are allowed")
    return duration


def _alert_name(part: _Part) -> str:
    if part.text is None or len(part.text) > ALERT_NAME_LIMIT:
        part.note(f'the name of an alert is expected, at most {ALERT_NAME_LIMIT} characters; "" for none')
    return part.text or ""


def _rules(part: _Part) -> tuple[Rule, ...]:
    lines: dict[str, int] = {}
    rules: list[Rule] = []
    items = _items(part, "a list of rules is expected")
    _bound(part, len(items), RULES_LIMIT, "rules")
    for item in items:
        given: dict[str, Any] = {"name": "", "matchers": (), **(told := _keys(item, RULE_KEYS))}
        for key in RULE_NEEDS:
            if isinstance(item.node, yaml.MappingNode) and key not in told:
                item.note(f"{key} is missing")
        name: str = given["name"]
        if name in lines:
            item.note(f"the name {name!r} is that of the rule in line {lines[name]}")
        elif name:
            lines[name] = item.line
        rules.append(Rule(**given))
    _bound_labels(part, rules)
    return tuple(rules)


def _tenant_rules(part: _Part) -> tuple[TenantRule, ...]:
    rules: list[TenantRule] = []
    items = _items(part, "a list of rules is expected")
    _bound(part, len(items), TENANT_RULES_LIMIT, "rules")
    for item in items:
        given: dict[str, Any] = {"matchers": (), "tenant": "", **(told := _keys(item, TENANT_RULE_KEYS))}
        for key in TENANT_RULE_KEYS:
            if isinstance(item.node, yaml.MappingNode) and key not in told:
                item.note(f"{key} is missing")
        rules.append(TenantRule(**given))
    _bound_labels(part, rules)
    return tuple(rules)


def _tenant(part: _Part) -> str:
    text = part.text or ""
    if not is_tenant_id(text):
        part.note(TENANT_EXPECTED)
    return text


def _flag(part: _Part) -> bool:
    if part.text not in ("true", "false"):
        part.note("true or false is expected")
    return part.text == "true"


def _label(part: _Part) -> str:
    if part.text is None or len(part.text) > ALERT_NAME_LIMIT:
        part.note(f'the name of a label is expected, at most {ALERT_NAME_LIMIT} characters; "" for none')
    return part.text or ""


def _bound_labels(part: _Part, rules: Sequence[Matching]) -> None:
    labels = {matcher.name for rule in rules for matcher in rule.matchers}
    _bound(part, len(labels), MATCHED_LABELS_LIMIT, "labels that matchers look at")


def _matchers(part: _Part, instead: str = "say that as policy.group_by") -> tuple[Matcher, ...]:
    if isinstance(part.node, yaml.SequenceNode) and not part.node.value:
        part.note(f"without a matcher it would take every alert; {instead}")
    matchers: list[Matcher] = []
    for item in _items(part, "a list of matchers is expected: ['job=\"api\"']"):
        try:
            read = parse_matchers(item.text or "", part.limits)
        except MatcherError as error:
            item.note(one_line(str(error), _ERROR_LIMIT))
            continue
        if not read:
            item.note("a matcher is expected, such as 'job=~\"postgres.*\"'")
        matchers += read
    _bound(part, len(matchers), MATCHERS_LIMIT, "matchers")
    return tuple(matchers)


def _bound(part: _Part, count: int, limit: int, what: str) -> None:
    if count > limit:
        part.note(f"{count:,} {what}; there may be {limit}")


def _items(part: _Part, expected: str) -> list[_Part]:
    """What stands in a list."""
    if not isinstance(part.node, yaml.SequenceNode):
        part.note(expected)
        return []
    return [part.within(f"[{index}]", node, node) for index, node in enumerate(part.node.value)]


def _line_of_text(part: _Part) -> str:
    text = part.text or ""
    if not text or one_line(text, NAME_LIMIT) != text:
        part.note(f"a text of one line is expected, with at most {NAME_LIMIT} characters")
    return text


def _addresses(part: _Part) -> tuple[str, ...]:
    """One address or a list of them."""
    if not isinstance(part.node, yaml.SequenceNode):
        return (_address(part),)
    if not 1 <= len(part.node.value) <= ADDRESSES_LIMIT:
        part.note(f"1 to {ADDRESSES_LIMIT} addresses are expected")
    return tuple(_address(part.within(f"[{index}]", node, node)) for index, node in enumerate(part.node.value))


def _address(part: _Part) -> str:
    # What is wrong with it is not repeated: a password may stand in it.
    text = (part.text or "").rstrip("/")
    try:
        url = urlsplit(text)
        is_address = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        is_address = False
    if not is_address or not _URL.fullmatch(text) or "?" in text or "#" in text:
        part.note("an address like http://127.0.0.1:9090 is expected, without a query")
    return text


def _word(part: _Part) -> str:
    if not part.text:
        part.note("a name is expected")
    return part.text or ""


def _severities(part: _Part) -> dict[str, Severity]:
    words = dict(SYNONYMS)
    for word, value in part.entries(str.lower):
        if value.text in _SEVERITIES:
            words[word] = Severity(value.text)
        else:
            value.note(f"one of {', '.join(Severity)} is expected")
    return words


_Reader = Callable[[_Part], object]
"""Takes what a key means; what is wrong with it is noted, and then the answer counts for nothing."""
_SEVERITIES = frozenset(Severity)
_ERROR_LIMIT = 300
RULE_KEYS: Mapping[str, _Reader] = {
    "name": _line_of_text,
    "matchers": _matchers,
    "group_by": _group_by,
    "title": _line_of_text,
    "reopen_window": partial(_duration, shortest=timedelta()),
}
RULE_NEEDS = ("name", "matchers")
POLICY_KEYS: Mapping[str, _Reader] = {
    "group_by": _group_by,
    "reopen_window": partial(_duration, shortest=timedelta()),
    "resend_delay": _duration,
    "webhook_expiry": _duration,
    "severities": _severities,
    "rules": _rules,
}
_HEARTBEAT: Mapping[str, _Reader] = {"heartbeat": _alert_name, "heartbeat_timeout": _duration}
SOURCE_KEYS: Mapping[str, Mapping[str, _Reader]] = {
    "prometheus": {"drop_labels": _labels, "expiry": _duration, **_HEARTBEAT, "prometheus_url": _addresses},
    "alertmanager": {
        "drop_labels": _labels,
        "expiry": _duration,
        **_HEARTBEAT,
        "alertmanager_url": _addresses,
        "alertmanager_receiver": _word,
    },
    # Grafana's own fingerprint is kept, whatever its labels are, and an event is its key alone: nothing to drop.
    "grafana": {"expiry": _duration, **_HEARTBEAT},
    "events": {"expiry": _duration},
}
TENANT_RULE_KEYS: Mapping[str, _Reader] = {
    "matchers": partial(_matchers, instead="what nothing places is LOOKOUT_PLATFORM_TENANT's"),
    "tenant": _tenant,
}
TENANT_KEYS: Mapping[str, _Reader] = {"label": _label, "rules": _tenant_rules, "auto_create_tenants": _flag}
_FILE: Mapping[str, _Reader] = {
    "policy": partial(_keys, readers=POLICY_KEYS),
    "sources": partial(_keys, readers={name: partial(_keys, readers=keys) for name, keys in SOURCE_KEYS.items()}),
    "tenants": partial(_keys, readers=TENANT_KEYS),
}
