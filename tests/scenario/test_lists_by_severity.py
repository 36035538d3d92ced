"""Lists and counts of incidents cost what they show, however rare it is: they say what a look at all would say."""

from collections.abc import Iterator
from itertools import combinations

import pytest
from tests.driver import Driver
from tests.plans import grow, plan_of

from lookout.alerts.severity import Severity
from lookout.incidents.incident import Incident, Status
from lookout.store.reads import END, IncidentFilter

MIXED = (
    "UPDATE incidents SET "
    "status = CASE WHEN opened_position % 7 = 0 THEN 'acknowledged' WHEN opened_position % 3 > 0 THEN 'resolved' "
    "ELSE 'firing' END, "
    "severity = CASE WHEN opened_position % 19 = 0 THEN 'critical' WHEN opened_position % 4 = 0 THEN 'error' "
    "ELSE 'warning' END"
)


def _filters() -> Iterator[IncidentFilter]:
    for statuses in range(len(Status) + 1):
        for some in combinations(Status, statuses):
            for of in ((), ("critical",), ("info",), ("error", "critical"), ("warning", "warning"), tuple(Severity)):
                yield IncidentFilter(some, tuple(map(Severity, of)))


async def _mixed(lookout: Driver, count: int) -> list[Incident]:
    """So many, of all kinds."""
    await lookout.fires(job="a")
    await lookout.sql(
        "INSERT INTO incidents (id, tenant_id, dedup_key, status, severity, title, summary, labels, started_at, "
        "opened_position, position, updated_at, firing_alerts, total_alerts, reopen_count) "
        "SELECT gen_random_uuid(), tenant_id, 'key' || n, status, severity, title, summary, labels, started_at, n, n, "
        f"updated_at, 1, 1, 0 FROM incidents CROSS JOIN generate_series(2, {count}) AS n"
    )
    await lookout.sql(MIXED)
    await lookout.sql(f"UPDATE feeds SET last_position = {count}")
    return await lookout.running.parts.reads.incidents_after("default", 0, count, IncidentFilter())


async def test_whatever_the_filter_the_list_and_the_count_are_of_all_that_it_admits(lookout: Driver) -> None:
    reads = lookout.running.parts.reads
    everything = await _mixed(lookout, 200)
    assert [incident.opened_position for incident in everything] == list(range(1, 201))
    for wanted in _filters():
        admitted = [
            incident.opened_position
            for incident in everything
            if incident.status in (wanted.statuses or Status) and incident.severity in (wanted.severities or Severity)
        ]
        assert await reads.count_incidents("default", wanted) == len(admitted), wanted
        for cursor in (0, 100):
            after = await reads.incidents_after("default", cursor, 20, wanted)
            beyond = [position for position in admitted if position > cursor]
            assert [incident.opened_position for incident in after] == beyond[:20], wanted
        for cursor in (END, 100):
            before = await reads.incidents_before("default", cursor, 20, wanted)
            beyond = [position for position in admitted if position < cursor]
            assert [incident.opened_position for incident in before] == beyond[::-1][:20], wanted


async def test_a_rare_severity_is_found_by_its_index(lookout: Driver) -> None:
    await grow(lookout)
    page, of = ("'default'", "2000", "NULL", "'{critical}'", "51"), "incidents_of_severities"
    for name, arguments, *indexes in (
        (f"{of}_before", page, "resolved_incidents_of_severity", "open_incidents_in_order"),
        (f"{of}_after", page, "resolved_incidents_of_severity", "open_incidents_in_order"),
        ("open_incidents_before", page, "open_incidents_in_order"),
        ("open_incidents_after", page, "open_incidents_in_order"),
        ("count_incidents_of_severities", ("'default'", "NULL", "'{critical}'"), "resolved_incidents_of_severity"),
    ):
        plan = await plan_of(lookout, name, *arguments)
        assert all(index in plan for index in indexes), (name, plan)
        assert "Seq Scan" not in plan, (name, plan)


ALL = IncidentFilter()
OVER = IncidentFilter((Status.RESOLVED,))


async def test_what_was_counted_is_not_counted_again(lookout: Driver) -> None:
    reads = lookout.running.parts.reads
    started = lookout.clock.now()
    assert await reads.count_incidents("default", ALL) == 0
    for job in "abc":
        await lookout.fires(job=job)
    assert await reads.count_incidents("default", ALL) == 3
    await lookout.sql("DELETE FROM incidents WHERE opened_position = 1")  # behind its back: nobody looks there again
    await lookout.fires(job="d")
    await lookout.resolves(started, job="d")
    assert [await reads.count_incidents("default", wanted) for wanted in (ALL, OVER)] == [4, 1 + 1]
    plan = await plan_of(lookout, "count_all_incidents", "'default'", "9999", "0", "'2026-01-01Z'", "'{firing}'")
    assert "incidents_in_order" in plan


@pytest.mark.parametrize(
    "change",
    ["UPDATE feeds SET pruned_position = 1", "UPDATE events SET recorded_at = recorded_at + interval '1 s'"],
    ids=["some of the log is forgotten", "a standby with another log took over"],
)
async def test_it_is_counted_anew_where_it_may_be_another(lookout: Driver, change: str) -> None:
    reads = lookout.running.parts.reads
    for job in "abc":
        await lookout.fires(job=job)
    assert await reads.count_incidents("default", ALL) == 3
    await lookout.sql("DELETE FROM incidents WHERE opened_position = 1")
    await lookout.sql(change)
    for _ in range(2):
        assert await reads.count_incidents("default", ALL) == 2
