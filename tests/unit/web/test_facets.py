"""Facets: counts that are right, choices that can be changed, and labels that tell something apart."""

from tests.unit.web.found import brief

from lookout.alerts.severity import Severity
from lookout.web.facets import VALUES_SHOWN, facets_of
from lookout.web.finding import Sight, read_query

LIST = [
    brief(1, severity=Severity.CRITICAL, labels={"cluster": "eu", "region": "eu-west", "pod": "a", "team": "video"}),
    brief(2, labels={"cluster": "eu", "region": "eu-west", "pod": "b", "team": "video"}),
    brief(3, labels={"cluster": "us", "region": "us-east", "pod": "c", "team": "video"}),
    brief(4, labels={"cluster": "us", "region": "us-east", "pod": "d", "team": "video"}),
]
SIGHT = Sight({"id-1": {"prometheus", "grafana"}, "id-2": {"prometheus"}})


def told(text: str = "") -> dict[str, dict[str, int]]:
    return {
        facet.name: {choice.value: choice.count for choice in facet.choices}
        for facet in facets_of(read_query(text), LIST, SIGHT)
    }


def test_labels_that_split_the_list_are_shown_and_others_are_not() -> None:
    # `pod` tells each from every other, `team` none, and `region` says what `cluster` does.
    assert told() == {
        "severity": {"critical": 1, "warning": 3},
        "status": {"firing": 4},
        "source": {"prometheus": 2, "grafana": 1},
        "cluster": {"eu": 2, "us": 2},
    }


def test_what_is_chosen_narrows_the_others_and_can_be_changed_itself() -> None:
    facets = told("cluster=us")
    assert facets["severity"] == {"warning": 2}
    assert facets["cluster"] == {"eu": 2, "us": 2}


def test_a_choice_is_a_search() -> None:
    (cluster,) = [facet for facet in facets_of(read_query("cluster=us"), LIST, SIGHT) if facet.name == "cluster"]
    assert [(choice.value, choice.is_chosen, choice.query) for choice in cluster.choices] == [
        ("us", True, ""),
        ("eu", False, "cluster=eu"),
    ]


def test_a_facet_has_a_bounded_number_of_values_and_says_how_many_more_there_are() -> None:
    many = [brief(number, labels={"cluster": f"c{number % 20:02}"}) for number in range(100)]
    (cluster,) = [facet for facet in facets_of(read_query(""), many, Sight()) if facet.name == "cluster"]
    assert len(cluster.choices) == VALUES_SHOWN
    assert cluster.others == 20 - VALUES_SHOWN


def test_an_empty_list_has_no_facets() -> None:
    assert facets_of(read_query(""), [], Sight()) == []
