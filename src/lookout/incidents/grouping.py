"""What folds alerts into one incident: the dedup key, typed and versioned."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta

import msgspec

from lookout.alerts.alert import Alert, LabelSet
from lookout.alerts.text import one_line
from lookout.incidents.policy import Policy
from lookout.incidents.rules import Rule

KEY_LIMIT = 1024
"""Bytes of a key that are kept as they are: what is longer would not fit a database index, and is hashed."""
VALUE_LIMIT = 200
TITLE_LIMIT = 200
SUMMARY_LIMIT = 500


class Group(msgspec.Struct, frozen=True):
    """A dedup key, and the group labels for people to read. `rule` is what said so, None where none matches."""

    dedup_key: str
    labels: Mapping[str, str]
    rule: Rule | None = None

    @property
    def rule_name(self) -> str:
        """The rule's name, "" for none."""
        return self.rule.name if self.rule is not None else ""


def dedup_key_of(label_set: LabelSet, policy: Policy) -> str:
    """The dedup key of an alert with these labels.

    It is canonical JSON of the group labels that the alert has, so that values cannot run into each other and a missing
    label is not an empty one. An alert with none of them stands alone: its fingerprint is the key.
    """
    return _key_of(label_set, _group_labels(label_set.matched, policy)[0])


def group_of(label_set: LabelSet, policy: Policy) -> Group:
    """The group of an alert with these labels.

    One that stands for another, as "no data" does for its rule, is matched and grouped by that one's name. Neither the
    place of the policy's rule nor its name is part of the key: alerts of two rules with the same group labels are one.
    """
    labels, rule = _group_labels(label_set.matched, policy)
    shown = {one_line(name, VALUE_LIMIT): one_line(value, VALUE_LIMIT) for name, value in labels.items()}
    return Group(_key_of(label_set, labels), shown, rule)


def _group_labels(known: Mapping[str, str], policy: Policy) -> tuple[dict[str, str], Rule | None]:
    rule = policy.rule_of(known) if policy.rules else None
    group_by = policy.group_by if rule is None or rule.group_by is None else rule.group_by
    return {name: known[name] for name in group_by if name in known}, rule


def _key_of(label_set: LabelSet, labels: Mapping[str, str]) -> str:
    if not labels:
        return f"alert/1:{label_set.fingerprint}"
    text = msgspec.json.encode(labels, order="deterministic")
    return f"labels/1:{text.decode()}" if len(text) <= KEY_LIMIT else f"digest/1:{hashlib.sha256(text).hexdigest()}"


def reopen_window_of(label_set: LabelSet, policy: Policy) -> timedelta:
    """How long after its resolution an alert with these labels reopens its incident."""
    rule = group_of(label_set, policy).rule if policy.rules else None
    return policy.reopen_window if rule is None or rule.reopen_window is None else rule.reopen_window


def title_of(alert: Alert, group: Group) -> str:
    """The incident's name: the rule's title or the alert's name, and the group labels.

    By default it does not depend on which alert came first.
    """
    title = group.rule.title if group.rule is not None else ""
    name = title or alert.label_set.stands_for or alert.name
    others = ", ".join(f"{name}={value}" for name, value in group.labels.items() if title or name != "alertname")
    return one_line(f"{name} ({others})" if others else name, TITLE_LIMIT) or alert.fingerprint


def summary_of(alerts: list[Alert], title: str) -> str:
    """The sentence about the incident: its first alert's summary, else that one's description, else the title."""
    first = alerts[0].annotations.get("summary") or alerts[0].annotations.get("description") or ""
    return one_line(first, SUMMARY_LIMIT) or title
