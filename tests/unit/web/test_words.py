"""Headlines without what stands beside them, ages that are short, and a hint for what is noisy."""

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from tests.unit.web.found import NOON

from lookout.alerts.severity import Severity
from lookout.store.stats import NoisyGroup
from lookout.web.history import hint_of
from lookout.web.words import age, chips, counted, headline, utc


def named(title: str, labels: dict[str, str]) -> NoisyGroup:
    return NoisyGroup("key", title, labels, Severity.WARNING, 1, 0, 1, "id", NOON)


def group(incidents: int = 1, reopens: int = 0, **labels: str) -> NoisyGroup:
    return NoisyGroup("key", "Down", labels, Severity.WARNING, incidents, reopens, 1, "id", NOON)


@pytest.mark.parametrize(
    ("title", "labels", "short"),
    [
        ("Down (cluster=eu, job=x)", {"alertname": "Down", "cluster": "eu", "job": "x"}, "Down"),
        ("Down (job=x, cluster=eu)", {"alertname": "Down", "cluster": "eu", "job": "x"}, "Down"),
        ("Trouble (cluster=eu)", {"cluster": "eu"}, "Trouble"),
        ("All (alertname=Down, cluster=eu)", {"alertname": "Down", "cluster": "eu"}, "All"),
        ("Down (again) (cluster=eu)", {"cluster": "eu"}, "Down (again)"),
        ("Down (maybe)", {"cluster": "eu"}, "Down (maybe)"),
        ("Down", {}, "Down"),
        ("(cluster=eu)", {"cluster": "eu"}, "(cluster=eu)"),
        ("Down (cluster=e…", {"cluster": "eu-west"}, "Down (cluster=e…"),
    ],
)
def test_a_headline_says_what_the_labels_do_not(title: str, labels: dict[str, str], short: str) -> None:
    assert headline(named(title, labels)) == short


def test_labels_that_the_headline_says_are_no_chips() -> None:
    assert chips(named("Down (cluster=eu)", {"alertname": "Down", "cluster": "eu"})) == [("cluster", "eu")]


@pytest.mark.parametrize(
    ("seconds", "words"), [(-3, "0 s"), (59, "59 s"), (119, "1 min"), (7199, "1 h"), (90_000, "1 d"), (864_000, "10 d")]
)
def test_ages_have_one_unit(seconds: int, words: str) -> None:
    assert age(timedelta(seconds=seconds)) == words


def test_numbers_agree_with_their_nouns() -> None:
    assert (counted(1, "alert"), counted(2000, "alert")) == ("1 alert", "2,000 alerts")


def test_times_are_in_utc() -> None:
    assert utc(datetime(2026, 1, 1, 12, tzinfo=UTC)) == "2026-01-01 12:00:00 UTC"


def test_groups_of_one_alert_might_be_one_group() -> None:
    noisy = [group(alertname="Down", cluster="eu", instance=f"i{number}") for number in range(3)]
    hint = hint_of(noisy[0], noisy)
    assert hint is not None
    assert yaml.safe_load(hint.rule) == [
        {"name": "Down", "matchers": ["alertname=Down"], "group_by": ["alertname", "cluster"]}
    ]


def test_what_comes_back_might_stay_one_incident() -> None:
    flapping = group(incidents=2, reopens=1, alertname='It\'s "down": {x}')
    hint = hint_of(flapping, [flapping])
    assert hint is not None
    (rule,) = yaml.safe_load(hint.rule)
    assert rule["reopen_window"] == "30m"
    assert rule["matchers"] == ['alertname="It\'s \\"down\\": {x}"']


def test_what_is_calm_has_no_hint() -> None:
    assert hint_of(group(alertname="Down"), []) is None
    assert hint_of(group(incidents=9), []) is None
