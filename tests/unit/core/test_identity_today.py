"""The identity that an alert which was stored had, and the one that it would get today."""

from lookout.alerts.alert import LabelSet, label_set
from lookout.alerts.source import USUAL, Source
from lookout.sources import identity_today, known_again

LABELS = {"alertname": "Down", "replica": "a"}
DROPS = Source(drop_labels=("replica",))


def test_a_label_that_is_dropped_by_now_is_no_part_of_it() -> None:
    known = known_again("prometheus", LABELS, label_set(LABELS).fingerprint)
    assert identity_today("prometheus", known, DROPS) == label_set(LABELS, ("replica",))
    assert identity_today("alertmanager", known, DROPS).labels == {"alertname": "Down"}
    assert identity_today("prometheus", known, USUAL) is known


def test_sources_that_drop_no_labels_give_the_same_again() -> None:
    for source in ("grafana", "events"):
        known = known_again(source, LABELS, "given")
        assert identity_today(source, known, DROPS) is known


def test_what_grafana_says_of_a_rule_without_data_stands_for_the_rule_again() -> None:
    labels = {"alertname": "DatasourceNoData", "rulename": "Disk"}
    assert known_again("grafana", labels, "given") == LabelSet(labels, "given", stands_for="Disk")
    assert known_again("alertmanager", labels, "given").stands_for == ""
