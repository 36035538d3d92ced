"""What folds alerts into one incident: the dedup key, and the words about the group."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.examples import examples
from tests.unit.times import NOW

from lookout.alerts.alert import Alert, AlertStatus, label_set
from lookout.incidents.grouping import (
    KEY_LIMIT,
    SUMMARY_LIMIT,
    TITLE_LIMIT,
    VALUE_LIMIT,
    group_of,
    summary_of,
    title_of,
)
from lookout.incidents.policy import Policy

POLICY = Policy()


def _key(labels: dict[str, str], policy: Policy = POLICY) -> str:
    return group_of(label_set(labels), policy).dedup_key


def _alert(labels: dict[str, str], **annotations: str) -> Alert:
    return Alert("prometheus", label_set(labels), annotations, AlertStatus.FIRING, NOW, NOW, True)


def _title(labels: dict[str, str]) -> str:
    alert = _alert(labels)
    return title_of(alert, group_of(alert.label_set, POLICY))


def test_the_key_is_typed_versioned_canonical_json() -> None:
    assert _key({"job": "api", "alertname": "Down", "instance": "a"}) == 'labels/1:{"alertname":"Down","job":"api"}'


def test_values_cannot_run_into_each_other() -> None:
    policy = Policy(group_by=("a", "b"))
    pairs = itertools.product(["", "x", "xy", 'x","b":"y', "x\\", '"'], repeat=2)
    keys = [_key({"a": first, "b": second, "other": "o"}, policy) for first, second in pairs if first or second]
    assert len(set(keys)) == len(keys)


def test_a_missing_label_is_not_another_label_of_the_same_value() -> None:
    policy = Policy(group_by=("a", "b"))
    assert _key({"a": "x"}, policy) != _key({"b": "x"}, policy)


def test_a_missing_label_is_not_one_that_says_so() -> None:
    policy = Policy(group_by=("a", "b"))
    assert len({_key({"a": "x", "b": word}, policy) for word in ("", "null", "None", " ", "-")}) == 5


def test_an_empty_label_is_a_missing_one_as_it_is_for_the_fingerprint() -> None:
    assert _key({"alertname": "Down", "job": ""}) == _key({"alertname": "Down"})


def test_an_alert_with_none_of_the_group_labels_stands_alone() -> None:
    first, second = label_set({"x": "1"}), label_set({"x": "2"})
    assert group_of(first, POLICY).dedup_key == f"alert/1:{first.fingerprint}"
    assert group_of(first, POLICY).dedup_key != group_of(second, POLICY).dedup_key
    assert group_of(first, POLICY).labels == {}


def test_without_group_labels_in_the_policy_each_alert_stands_alone() -> None:
    policy = Policy(group_by=())
    assert _key({"alertname": "Down", "i": "1"}, policy) != _key({"alertname": "Down", "i": "2"}, policy)


def test_labels_outside_the_group_do_not_matter() -> None:
    assert _key({"alertname": "Down", "instance": "a"}) == _key({"alertname": "Down", "instance": "b", "pod": "c"})


@pytest.mark.parametrize("group_by", list(itertools.permutations(("alertname", "job", "cluster"))))
def test_the_order_of_group_by_does_not_matter(group_by: tuple[str, ...]) -> None:
    labels = {"alertname": "Down", "job": "api", "cluster": "eu"}
    assert _key(labels, Policy(group_by=group_by)) == _key(labels, Policy(group_by=("alertname", "cluster", "job")))


def test_a_key_at_the_limit_is_kept_as_it_is() -> None:
    overhead = len('{"alertname":""}')
    assert _key({"alertname": "x" * (KEY_LIMIT - overhead)}).startswith("labels/1:")


def test_an_over_long_key_is_hashed_and_still_tells_apart() -> None:
    first, second = _key({"alertname": "x" * 5000 + "a"}), _key({"alertname": "x" * 5000 + "b"})
    assert first.startswith("digest/1:")
    assert len(first) < 100
    assert first != second


def test_a_label_cannot_forge_a_digest_or_a_fingerprint() -> None:
    forged = _key({"alertname": _key({"alertname": "x" * 5000})})
    assert forged.startswith("labels/1:")


@examples(200)
@given(*[st.dictionaries(st.sampled_from("abcd"), st.text(max_size=4), max_size=4)] * 2)
def test_keys_are_equal_exactly_when_the_group_labels_are(first: dict[str, str], second: dict[str, str]) -> None:
    policy = Policy(group_by=("a", "b", "c"))
    groups = [{name: labels[name] for name in "abc" if labels.get(name)} for labels in (first, second)]
    alone = [group or label_set(labels).labels for labels, group in zip((first, second), groups, strict=True)]
    assert (_key(first, policy) == _key(second, policy)) == (alone[0] == alone[1])


@examples(100)
@given(st.dictionaries(st.text(min_size=1, max_size=3), st.text(max_size=5), min_size=1, max_size=4))
def test_any_key_fits_a_database_index_and_names_its_labels(labels: dict[str, str]) -> None:
    group = group_of(label_set(labels), Policy(group_by=tuple(labels)))
    kind, _, rest = group.dedup_key.partition(":")
    assert "\0" not in group.dedup_key
    assert len(group.dedup_key.encode()) <= KEY_LIMIT + len("labels/1:")
    if kind == "labels/1":
        assert json.loads(rest) == label_set(labels).labels


def test_the_labels_of_a_group_are_safe_to_show() -> None:
    group = group_of(label_set({"alertname": "a\x1b[31m" + "x" * 1000}), POLICY)
    assert "\x1b" not in group.labels["alertname"]
    assert len(group.labels["alertname"]) == VALUE_LIMIT


@pytest.mark.parametrize(
    ("labels", "title"),
    [
        ({"alertname": "Down"}, "Down"),
        ({"alertname": "Down", "job": "api", "cluster": "eu", "pod": "x"}, "Down (cluster=eu, job=api)"),
        ({"x": "1"}, label_set({"x": "1"}).fingerprint),
        ({"job": "api"}, f"{label_set({'job': 'api'}).fingerprint} (job=api)"),
        ({"alertname": "{0.__class__}", "job": "%s"}, "{0.__class__} (job=%s)"),
    ],
)
def test_titles(labels: dict[str, str], title: str) -> None:
    assert _title(labels) == title


def test_a_title_is_bounded() -> None:
    assert len(_title({"alertname": "x" * 5000})) == TITLE_LIMIT


@pytest.mark.parametrize(
    ("annotations", "summary"),
    [
        ({"summary": "it is down", "description": "very"}, "it is down"),
        ({"description": "very"}, "very"),
        ({"summary": "", "description": "very"}, "very"),
        ({}, "the title"),
        ({"summary": " \n "}, "the title"),
        ({"summary": "two\nlines"}, "two lines"),
    ],
)
def test_summaries(annotations: dict[str, str], summary: str) -> None:
    assert summary_of([_alert({"alertname": "Down"}, **annotations)], "the title") == summary


def test_a_summary_is_bounded() -> None:
    alert = _alert({"alertname": "Down"}, summary="x" * 5000)
    assert len(summary_of([alert], "the title")) == SUMMARY_LIMIT
