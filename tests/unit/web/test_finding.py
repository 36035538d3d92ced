"""What is written into the search field finds what it says, and what cannot be read is named and left out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.web.found import brief

from lookout.alerts.matcher import Matcher, Operator, parse_matcher
from lookout.alerts.severity import Severity
from lookout.incidents.incident import Status
from lookout.web.finding import QUERY_LIMIT, TERMS_LIMIT, Sight, matching, read_query, written

ID = "019ac000-0000-7000-8000-000000000001"
ONE = brief(
    id=ID,
    severity=Severity.CRITICAL,
    title="Buffer full",
    labels={"cluster": "eu-1", "note": 'say "hi"'},
    assignee="mira",
    rule="disks",
)
SIGHT = Sight({ID: {"prometheus", "grafana"}}, {"instance": {ID: {"web-1:9100", "web-2:9100"}}})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "severity=critical",
        'severity = "critical"',
        "severity=~critical|error cluster=~eu-.* buffer",
        "severity=critical, cluster=eu-1",
        "BUFFER full",
        '"buffer full"',
        "severity!=warning",
        "status=open",
        "status=firing",
        "status!=resolved",
        "source=grafana",
        "source!=alertmanager",
        "assignee=mira rule=disks",
        "instance=web-2:9100",
        'instance=~"web-.*"',
        "missing=",
        'missing=""',
        "missing!=x",
        r'note="say \"hi\""',
        "00000001",
        "eu-1 mira",
    ],
)
def test_it_is_found(text: str) -> None:
    query = read_query(text)
    assert query.problems == ()
    assert matching(query, [ONE], SIGHT) == [ONE]


@pytest.mark.parametrize(
    "text",
    [
        "severity=error",
        "severity!=critical",
        "cluster!~eu-.*",
        "cluster=eu",
        "nowhere",
        '"full buffer"',
        "status=resolved",
        "status!=open",
        "source=alertmanager",
        "source!=grafana",
        "instance!=web-1:9100",
        "missing=x",
        "buffer empty",
        "0000001",
    ],
)
def test_it_is_not_found(text: str) -> None:
    query = read_query(text)
    assert query.problems == ()
    assert matching(query, [ONE], SIGHT) == []


def test_what_cannot_be_read_is_named_and_the_rest_holds() -> None:
    query = read_query('cluster=~"(" buffer')
    assert [problem.partition(": ")[0] for problem in query.problems] == ['cluster=~"("']
    assert query.text == "buffer"


def test_a_search_has_bounds_and_says_so() -> None:
    assert len(read_query("x" * (QUERY_LIMIT + 1)).problems) == 1
    query = read_query(" ".join(["a"] * (TERMS_LIMIT + 1)))
    assert len(query.terms) == TERMS_LIMIT
    assert len(query.problems) == 1


@pytest.mark.parametrize(
    ("text", "is_open", "is_resolved"),
    [
        ("", True, False),
        ("buffer", True, False),
        ("status=resolved", False, True),
        ("status=open", True, False),
        ("status=~.*", True, True),
        ("status!=firing", False, True),
    ],
)
def test_a_search_without_a_word_about_it_is_of_what_is_open(text: str, is_open: bool, is_resolved: bool) -> None:
    query = read_query(text)
    assert query.asks_for(Status.FIRING) is is_open
    assert query.asks_for(Status.RESOLVED) is is_resolved


def test_a_choice_takes_the_place_of_the_one_before_and_goes_when_it_is_made_again() -> None:
    query = read_query("cluster=eu-1 buffer")
    other = query.toggled("cluster", "eu 2")
    assert other.text == 'buffer cluster="eu 2"'
    assert other.toggled("cluster", "eu 2").text == "buffer"
    assert read_query(other.text) == other


def test_labels_that_only_alerts_have_are_asked_for() -> None:
    query = read_query("instance=a severity=critical source=b status=open x")
    assert query.label_names == {"instance"}


@given(st.text(max_size=40), st.sampled_from(list(Operator)[:2]), st.text(max_size=40))
def test_what_is_written_is_read_again(name: str, operator: Operator, value: str) -> None:
    named = "label" if not name.isidentifier() or not name.isascii() else name
    matcher = Matcher(named, operator, value)
    assert parse_matcher(written(matcher)) == matcher


@given(st.text(max_size=200))
def test_nothing_is_refused_and_what_is_read_reads_the_same_again(text: str) -> None:
    query = read_query(text)
    again = read_query(query.text)
    assert again.terms == query.terms
    matching(query, [ONE, brief(2, labels={})], Sight())


def test_found_by_any_of_its_parts() -> None:
    fields: dict[str, Any] = {"title": "t-word", "summary": "s-word", "labels": {"l": "l-word"}, "assignee": "a-word"}
    for word in ("t-word", "s-word", "l-word", "a-word"):
        assert matching(read_query(word.upper()), [brief(**fields)], Sight())
