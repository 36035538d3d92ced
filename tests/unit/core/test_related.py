"""Which incidents may have to do with each other, and how the score orders them."""

from datetime import timedelta

from tests.clock import NOON

from lookout.alerts.severity import Severity
from lookout.incidents.incident import Incident, Status
from lookout.incidents.related import Compared, common_labels, related


def compared(name: str, minutes: float = 0, **labels: str) -> Compared:
    at = NOON + timedelta(minutes=minutes)
    position = int(name) if name.isdigit() else 1
    incident = Incident(
        id=name, tenant_id="t", dedup_key=name, status=Status.FIRING, severity=Severity.ERROR, title=name, summary="",
        labels={}, started_at=at, opened_position=position, position=position, updated_at=at,
    )  # fmt: skip
    return Compared(incident, labels)


def names(one: Compared, *others: Compared, limit: int = 10) -> list[str]:
    return [it.incident.id for it in related(one, others, limit)]


def test_who_shares_nothing_is_not_related() -> None:
    one = compared("one", job="a", node="n1")
    assert names(one, compared("2", job="b", node="n2"), compared("3"), compared("4", job="a")) == ["4"]


def test_a_label_is_shared_by_name_and_value() -> None:
    assert names(compared("one", job="a"), compared("2", service="a")) == []


def test_a_rare_value_outweighs_common_ones() -> None:
    one = compared("one", cluster="eu", region="west", node="n7")
    crowd = [compared(str(number), cluster="eu", region="west") for number in range(10, 40)]
    assert names(one, *crowd, compared("2", node="n7"))[0] == "2"


def test_more_shared_values_outweigh_fewer() -> None:
    one = compared("one", service="pay", namespace="shop")
    assert names(one, compared("2", service="pay"), compared("3", service="pay", namespace="shop")) == ["3", "2"]


def test_what_is_shared_is_named_the_rarest_first() -> None:
    one = compared("one", cluster="eu", node="n7", severity="critical")
    crowd = [compared(str(number), cluster="eu") for number in range(10, 15)]
    [best, *_] = related(one, [*crowd, compared("2", cluster="eu", node="n7", severity="critical")], 10)
    assert list(best.shared.items()) == [("node", "n7"), ("cluster", "eu")]


def test_the_severity_is_no_relation() -> None:
    assert names(compared("one", severity="critical"), compared("2", severity="critical")) == []


def test_a_value_that_all_have_weighs_little_but_something() -> None:
    crowd = [compared(str(number), cluster="eu") for number in range(100)]
    scores = {it.score for it in related(compared("one", cluster="eu"), crowd, 200)}
    assert max(scores) < 0.1
    assert related(compared("one", cluster="eu"), [compared("2", cluster="eu")], 1)[0].score > 0.5


def test_alike_the_nearest_in_time_comes_first_and_then_the_newest() -> None:
    one = compared("one", job="a")
    assert names(
        one, compared("2", 5, job="a"), compared("3", -1, job="a"), compared("4", 1, job="a"), compared("5", 9, job="a")
    ) == ["4", "3", "2", "5"]


def test_no_more_than_the_limit() -> None:
    others = [compared(str(number), job="a") for number in range(20)]
    assert len(related(compared("one", job="a"), others, 3)) == 3


def test_common_labels_are_those_of_all() -> None:
    assert common_labels([]) == {}
    assert common_labels([{"b": "1", "a": "2"}]) == {"a": "2", "b": "1"}
    assert common_labels([{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1"}]) == {"a": "1"}
