"""What an operation costs, and what is refused: without running it, whatever the document is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from graphql import OperationDefinitionNode, get_introspection_query, parse

from lookout.api.graphql.limits import Cost, cost_of, refusal_of
from lookout.api.graphql.schema import SCHEMA
from lookout.limits import USUAL

CORE = SCHEMA._schema  # pyright: ignore[reportPrivateUsage]


def cost(document: str, **variables: Any) -> Cost:
    parsed = parse(document)
    operation = next(node for node in parsed.definitions if isinstance(node, OperationDefinitionNode))
    return cost_of(CORE, parsed, operation, variables, USUAL.page)


def page(first: int, inner: str) -> str:
    return f"{{ incidentsConnection(page: {{first: {first}}}) {{ nodes {{ {inner} }} }} }}"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ incident(id: 1) { id title } }", Cost(depth=2, fields=3)),
        ("{ a: incident(id: 1) { b: id } }", Cost(depth=2, fields=2, aliases=2)),
        (page(20, "id"), Cost(depth=3, fields=3, rows=20)),
        ("{ incidentsConnection { nodes { id } } }", Cost(depth=3, fields=3, rows=50)),
        ("{ incidentsConnection(page: {last: 7}) { totalCount } }", Cost(depth=2, fields=2, rows=7)),
        ("{ incidentsConnection(page: {first: null}) { totalCount } }", Cost(depth=2, fields=2, rows=50)),
        ("{ incidentEventsConnection { position } }", Cost(depth=2, fields=2, rows=100)),
        ("{ incidentEventsConnection(first: 3) { position } }", Cost(depth=2, fields=2, rows=3)),
        (page(10, "alerts(page: {first: 4}) { nodes { labels } }"), Cost(depth=5, fields=5, rows=10 + 10 * 4)),
        (
            """{ incidentsConnection(page: {first: 10}) { nodes { alerts(page: {first: 1}) { totalCount } }
              edges { node { alerts(page: {first: 2}) { totalCount } } } } }""",
            Cost(depth=5, fields=8, rows=10 * (1 + 1 + 2)),
        ),
    ],
)
def test_fields_count_as_written_and_rows_multiply(document: str, expected: Cost) -> None:
    assert cost(document) == expected


def test_pages_are_read_from_variables_and_their_defaults() -> None:
    document = "query($page: ConnectionInput) { incidentsConnection(page: $page) { totalCount } }"
    assert cost(document, page={"first": 9}).rows == 9
    assert cost(document, page={"last": 8}).rows == 8
    assert cost(document, page=None).rows == 50
    assert cost(document).rows == 50
    document = "query($n: Int = 6) { incidentsConnection(page: {first: $n}) { totalCount } }"
    assert cost(document).rows == 6
    assert cost(document, n=5).rows == 5
    assert cost(document, n="nonsense").rows == 50


def test_what_a_page_cannot_have_counts_as_the_most_it_can() -> None:
    assert cost(page(100_000, "id")).rows == 500
    assert cost(page(-5, "id")).rows == 1


@pytest.mark.parametrize("n", [500, 500.0, 1e300])
def test_a_size_counts_however_the_number_is_written(n: float) -> None:
    within = "nodes { alerts(page: {first: $n}) { nodes { labels } } }"
    for asked in ("first: $n", "last: $n", "first: 0, last: $n", "first: $n, last: 0"):
        document = f"query($n: Int) {{ incidentsConnection(page: {{{asked}}}) {{ {within} }} }}"
        assert cost(document, n=n).rows == 500 * (1 + 500)
    assert cost("query($n: Int) { incidentEventsConnection(first: $n) { position } }", n=n).rows == 500


def test_what_a_page_of_none_contains_counts_still() -> None:
    assert cost(page(0, "alerts(page: {first: 400}) { nodes { labels } }")).rows == 1 + 400


@pytest.mark.parametrize("n", [0.5, float("nan"), float("inf"), True, "500"])
def test_what_is_no_whole_number_is_no_size(n: object) -> None:
    document = "query($n: Int) { incidentsConnection(page: {first: $n}) { totalCount } }"
    assert cost(document, n=n).rows == (1 if n is True else 50)


def test_fragments_count_wherever_they_are_spread() -> None:
    spread = "{ a: incident(id: 1) { ...f } incident(id: 2) { ... on Incident { ...f } } }"
    assert cost(spread + " fragment f on Incident { id x: title }") == Cost(depth=2, fields=6, aliases=3)


def test_entities_count_once_each() -> None:
    document = (
        "query($keys: [_Any!]!) { _entities(representations: $keys) { ... on Incident { events { position } } } }"
    )
    assert cost(document, keys=[{}] * 3).rows == 3 * (1 + 100)
    assert cost(document).rows == 1 + 100


def stats(days: float, inner: str = "opened", name: str = "") -> str:
    end = (datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days)).isoformat()
    return f'{name} incidentStats(timeRange: {{start: "2024-01-01T00:00:00Z", end: "{end}"}}) {{ {inner} }}'


@pytest.mark.parametrize(
    ("document", "rows"),
    [
        ("{ incidentStats { opened } }", 8),
        ("{ incidentStats(bucket: DAY) { opened } }", 1),
        ("{ incidentStats(timeRange: null, bucket: null) { opened } }", 8),
        (f"{{ {stats(2)} }}", 16),
        (f"{{ {stats(30)} }}", 10),
        (f"{{ {stats(750)} }}", 250),
        (f"{{ {stats(750, 'buckets { start } noisiest { title }')} }}", 750),
        (f"{{ {stats(750, 'a: buckets { start } b: buckets { start } c: noisiest { title }')} }}", 1_000),
        # Refused where they are read.
        (f"{{ {stats(751)} }}", 1),
        (f"{{ {stats(-1)} }}", 1),
        ('{ incidentStats(timeRange: {start: "noon", end: 5}) { opened } }', 1),
        ('{ incidentStats(timeRange: {start: "2024-01-01T00:00:00Z"}, bucket: YEAR) { opened } }', 1),
    ],
)
def test_figures_count_by_the_time_that_is_read_for_them(document: str, rows: int) -> None:
    assert cost(document).rows == rows


def test_the_time_of_figures_is_read_from_variables() -> None:
    document = "query($r: TimeRangeInput, $b: BucketSize) { incidentStats(timeRange: $r, bucket: $b) { opened } }"
    month = {"start": "2024-01-01T00:00:00Z", "end": "2024-01-31T00:00:00+00:00"}
    assert cost(document, r=month).rows == 10
    assert cost(document, r=month, b="HOUR").rows == 240
    assert cost(document).rows == 8


def test_all_figures_of_the_longest_time_fit_once_and_those_of_a_month_often() -> None:
    whole = "opened resolved buckets { start resolved opened { severity incidents } } noisiest { title incidents }"
    assert refusal_of(cost(f"{{ {stats(750, whole)} }}"), USUAL) is None
    twice = f"{{ {stats(750, whole, 'a:')} {stats(750, whole, 'b:')} }}"
    assert "a shorter time" in (refusal_of(cost(twice), USUAL) or "")
    assert refusal_of(cost(f"{{ {' '.join(stats(30, 'opened', f'a{n}:') for n in range(30))} }}"), USUAL) is None
    assert refusal_of(cost(f"{{ {' '.join(stats(750, 'opened', f'a{n}:') for n in range(30))} }}"), USUAL) is not None


def test_sources_count_as_what_they_may_show() -> None:
    assert cost("{ sources { source heartbeats { labels } } }").rows == 100
    many = " ".join(f"a{n}: sources {{ source }}" for n in range(10))
    assert refusal_of(cost(f"{{ {many} }}"), USUAL) is not None


def test_a_page_of_50_incidents_with_all_their_fields_and_10_alerts_each_fits() -> None:
    names = " ".join(f"f{number}" for number in range(23))
    alerts = f"alerts(page: {{first: 10}}) {{ totalCount nodes {{ {names} }} pageInfo {{ endCursor }} }}"
    assert refusal_of(cost(page(50, f"{names} {alerts}")), USUAL) is None


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        (page(500, "alerts(page: {first: 500}) { nodes { labels } }"), "complex"),
        (page(50, "alerts { nodes { labels } }"), "smaller pages"),
        ("{ " + "incident(id: 1) { events(first: 1) { nodes { " * 4 + "x" + " } } }" * 4 + " }", "10 fields"),
        ("{ " + "".join(f"a{number}: incident(id: 1) {{ id }} " for number in range(31)) + " }", "30"),
        ("{ " + "a{ " * 150 + "x" + " }" * 150 + " }", "10 fields"),
    ],
)
def test_too_much_is_refused_with_the_limit(document: str, limit: str) -> None:
    assert limit in (refusal_of(cost(document), USUAL) or "")


def test_the_limits_themselves_are_allowed() -> None:
    assert (
        refusal_of(Cost(USUAL.graphql_depth, 400, USUAL.graphql_complexity - 400, USUAL.graphql_aliases), USUAL) is None
    )
    assert refusal_of(Cost(fields=1, rows=USUAL.graphql_complexity), USUAL) is not None
    assert refusal_of(Cost(aliases=USUAL.graphql_aliases + 1), USUAL) is not None
    assert refusal_of(Cost(depth=USUAL.graphql_depth + 1), USUAL) is not None


def test_fragments_that_multiply_are_measured_once_each() -> None:
    levels = (USUAL.graphql_tokens - 10) // 14
    chain = "".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }} " for n in range(levels))
    document = f"{{ ...f0 }} {chain} fragment f{levels} on Query {{ a: incident(id: 1) {{ id }} }}"
    assert cost(document).aliases == 2**levels
    assert len(refusal_of(cost(document), USUAL) or "") < 200


def test_a_document_that_is_not_valid_costs_something_too() -> None:
    assert cost("{ ...f } fragment f on Query { ...f }") == Cost()
    assert cost("{ ...nowhere x(page: 1) { y } ... on Nothing { z } }") == Cost(depth=2, fields=3)
    assert cost("{ incidentsConnection(page: 5) { x } incidentEventsConnection(first: []) { x } }").rows == 150


def test_introspection_is_left_to_graphql_core() -> None:
    assert cost(get_introspection_query()) == Cost(depth=1, fields=1)
