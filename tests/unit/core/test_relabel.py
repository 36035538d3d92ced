"""`alert_relabel_configs` as Prometheus applies them, as far as they are followed."""

import pytest

from lookout.sources.parsed import MalformedBody
from lookout.sources.relabel import Relabel, check_relabel, relabelled

LABELS = {"alertname": "Down", "job": "api", "replica": "a", "zone": "EU"}


@pytest.mark.parametrize(
    ("relabel", "expected"),
    [
        (Relabel("labeldrop", regex="replica|zone"), {"alertname": "Down", "job": "api"}),
        (Relabel("labeldrop", regex="repl"), LABELS),
        (Relabel("labelkeep", regex="alertname|job"), {"alertname": "Down", "job": "api"}),
        (Relabel("drop", ("job",), regex="api"), None),
        (Relabel("drop", ("job",), regex="ap"), LABELS),
        (Relabel("keep", ("job", "zone"), regex="api;EU"), LABELS),
        (Relabel("keep", ("job", "zone"), separator="/", regex="api;EU"), None),
        (Relabel(target_label="team", replacement="core"), {**LABELS, "team": "core"}),
        (Relabel("replace", ("job",), regex="web", target_label="team", replacement="core"), LABELS),
        (Relabel("replace", ("zone",), target_label="region"), {**LABELS, "region": "EU"}),
        (Relabel("replace", ("missing",), target_label="zone"), {"alertname": "Down", "job": "api", "replica": "a"}),
        (Relabel("lowercase", ("zone",), target_label="zone"), {**LABELS, "zone": "eu"}),
        (Relabel("uppercase", ("job",), target_label="job"), {**LABELS, "job": "API"}),
        (Relabel("keepequal", ("job",), target_label="job"), LABELS),
        (Relabel("keepequal", ("job",), target_label="zone"), None),
        (Relabel("dropequal", ("job",), target_label="job"), None),
        (Relabel("dropequal", ("job",), target_label="zone"), LABELS),
    ],
)
def test_a_step(relabel: Relabel, expected: dict[str, str] | None) -> None:
    check_relabel(relabel)
    assert relabelled(LABELS, [relabel]) == expected


def test_steps_follow_each_other_and_what_is_dropped_stays_so() -> None:
    rename = [Relabel("replace", ("zone",), target_label="region"), Relabel("labeldrop", regex="zone")]
    assert relabelled(LABELS, rename) == {"alertname": "Down", "job": "api", "replica": "a", "region": "EU"}
    assert relabelled(LABELS, [Relabel("drop", ("job",)), *rename]) is None


@pytest.mark.parametrize(
    ("relabel", "words"),
    [
        (Relabel("hashmod"), "'hashmod'"),
        (Relabel("labelmap"), "'labelmap'"),
        (Relabel("replace", ("job",), regex="(.*)-x", target_label="job"), "takes labels apart"),
        (Relabel("replace", ("job",), target_label="job", replacement="$1x"), "takes labels apart"),
        (Relabel("replace", ("job",), target_label="$1"), "takes labels apart"),
        (Relabel("drop", ("job",), regex="("), "missing closing"),
    ],
)
def test_what_is_not_followed_is_refused(relabel: Relabel, words: str) -> None:
    with pytest.raises(MalformedBody, match=words):
        check_relabel(relabel)
