"""The plans of a commit's statements, which are made while the tables are empty, hold when they are full."""

import pytest
from tests.driver import Driver
from tests.plans import plan_when_new

TEXTS = ("ARRAY['a']",) * 4
TIMES = ("ARRAY['2026-01-01Z'::timestamptz]",) * 2
TIME = "'2026-01-01Z'::timestamptz"
ID = "'00000000-0000-0000-0000-000000000000'::uuid"


@pytest.mark.parametrize(
    ("statement", "arguments", "index"),
    [
        ("renew_leases", (*TEXTS, *TIMES, TIME), "leases_pkey"),
        ("lock_feeds", TEXTS, "feeds_pkey"),
        ("load_alerts", TEXTS, "alerts_pkey"),
        ("load_leases", TEXTS, "leases_pkey"),
        ("load_incidents", TEXTS, "incidents_of_key"),
        ("load_incidents_by_id", (f"ARRAY[{ID}]",), "incidents_pkey"),
        ("load_firing_alerts", ("'a'", ID), "firing_alerts_of_incident"),
        ("load_postponed_alerts", TEXTS, "postponed_alerts_pkey"),
        ("load_postponed_groups", (*TEXTS[:2], TIMES[0], TIME), "postponed_alerts_of_group"),
        ("load_told", ("ARRAY['a']", f"ARRAY[{ID}]", "ARRAY['a']", "5"), "events_of_incident"),
        ("load_heartbeats", TEXTS, "heartbeats_pkey"),
        ("load_reports", ("ARRAY['a']", f"ARRAY[{ID}]", "ARRAY['a']"), "one_report_of_incident"),
        ("forget_leases", (*TEXTS, TIMES[0]), "leases_pkey"),
        ("forget_postponed_alerts", TEXTS, "postponed_alerts_pkey"),
        ("forget_heartbeats", TEXTS, "heartbeats_pkey"),
        ("advance_feeds", ("ARRAY['a']", "ARRAY[1::bigint]"), "feeds_pkey"),
    ],
)
async def test_it_goes_by_the_key(lookout: Driver, statement: str, arguments: tuple[str, ...], index: str) -> None:
    plan = await plan_when_new(lookout, statement, *arguments)
    assert "Seq Scan" not in plan
    assert index in plan
