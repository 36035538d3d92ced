"""Anything that can happen, in any order, through two replicas on one database: the invariants hold after each step.

Hypothesis makes the steps up in a thread of its own; each step runs in the loop that serves.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.clock import FakeClock
from tests.driver import Driver
from tests.examples import count_of
from tests.scenario.conftest import Start

from lookout.incidents.incident import Status
from lookout.incidents.policy import Pace, Policy

Run = Callable[[Coroutine[Any, Any, Any]], Any]

TABLES = "feeds, events, event_alerts, investigations, incidents, alerts, leases, rejected_alerts, postponed_alerts"
LABELS = st.fixed_dictionaries(
    {
        "job": st.sampled_from("ab"),
        "instance": st.sampled_from("12"),
        "severity": st.sampled_from(["info", "critical"]),
    },
    optional={"prometheus_replica": st.sampled_from("xy")},
)
UNTOLD = """
SELECT coalesce(a.fingerprint, l.fingerprint) AS fingerprint, a.status, l.fires
FROM alerts AS a
FULL JOIN (
    SELECT fingerprint, bool_or(resolved_at IS NULL AND closed_at IS NULL AND NOT expired) AS fires
    FROM leases
    GROUP BY fingerprint
) AS l USING (fingerprint)
WHERE l.fires AND a.status IS DISTINCT FROM 'firing'
"""
"""Alerts of which a lease lives that the tables do not say to fire."""
MINUTES = st.integers(-9, 0)
ACTIONS = ["acknowledge", "resolve", "assign", "notes", "investigations"]
ARGUMENTS = {
    "assign": {"assignee": "kim"},
    "notes": {"text": "hm"},
    "investigations": {"report_id": "r1", "summary": "the disk"},
}
SIDES = st.integers(0, 1)


class Story(RuleBasedStateMachine):
    """Two replicas, and whatever their senders and operators do."""

    run_in_loop: Run
    start: Start
    clock: FakeClock
    policy = Policy()

    def __init__(self) -> None:
        super().__init__()
        self.open = AsyncExitStack()
        self.sides: list[Driver] = []
        self.last: Callable[[], Coroutine[Any, Any, httpx.Response]] | None = None
        self.run_in_loop(self._begin())

    async def _begin(self) -> None:
        for _ in range(2):
            self.sides.append(await self.open.enter_async_context(self.start(self.policy)))
        await self.sides[0].sql(f"TRUNCATE {TABLES}")

    def _deliver(self, send: Callable[[], Coroutine[Any, Any, httpx.Response]]) -> None:
        answer: httpx.Response = self.run_in_loop(send())
        assert answer.status_code == 200, answer.text
        self.last = send

    @rule(side=SIDES, several=st.lists(st.tuples(LABELS, MINUTES, st.booleans()), min_size=1, max_size=4))
    def prometheus_sends(self, side: int, several: list[tuple[dict[str, str], int, bool]]) -> None:
        lookout, now = self.sides[side], self.clock.now()
        alerts = [
            lookout.alert(labels, starts_at=now + timedelta(minutes=began), ends_at=now if over else None)
            for labels, began, over in several
        ]
        self._deliver(lambda: lookout.post_alerts(*alerts))

    @rule(side=SIDES, several=st.lists(st.tuples(LABELS, MINUTES, st.booleans()), min_size=1, max_size=4))
    def alertmanager_sends(self, side: int, several: list[tuple[dict[str, str], int, bool]]) -> None:
        lookout, now = self.sides[side], self.clock.now()
        alerts = [
            {
                "labels": {"alertname": "Down", **labels},
                "startsAt": (now + timedelta(minutes=began)).isoformat(),
                **({"status": "resolved", "endsAt": now.isoformat()} if over else {}),
            }
            for labels, began, over in several
        ]
        self._deliver(lambda: lookout.webhook(*alerts))

    @rule(side=SIDES)
    @precondition(lambda self: self.last is not None)
    def i7_the_last_message_comes_again_and_is_silent(self, side: int) -> None:
        assert self.last is not None
        before = self.run_in_loop(self.sides[side].types())
        self.run_in_loop(self.last())
        assert self.run_in_loop(self.sides[side].types()) == before

    @rule(side=SIDES, minutes=st.sampled_from([1, 3, 6, 800]))
    def time_passes(self, side: int, minutes: int) -> None:
        self.run_in_loop(self._pass(self.sides[side], minutes))
        self.last = None

    async def _pass(self, lookout: Driver, minutes: int) -> None:
        self.clock.move(minutes=minutes)
        await lookout.ticks()

    @rule(side=SIDES, which=st.integers(0, 5), action=st.sampled_from(ACTIONS))
    def somebody_acts(self, side: int, which: int, action: str) -> None:
        incidents = self.run_in_loop(self.sides[side].incidents())
        if incidents:
            arguments = ARGUMENTS.get(action, {})
            incident = incidents[which % len(incidents)]
            answer = self.run_in_loop(self.sides[side].act(incident.id, action, **arguments))
            refused = action == "acknowledge" and incident.status is Status.RESOLVED
            assert answer.status_code == (409 if refused else 200)
            self.last = None

    @rule(side=SIDES)
    def what_waits_is_told(self, side: int) -> None:
        self.run_in_loop(self._tell(self.sides[side]))
        self.last = None

    async def _tell(self, lookout: Driver) -> None:
        """When nothing is postponed the tables say what the leases say."""
        await lookout.tells_what_waits()
        rows = await lookout.sql(UNTOLD)
        assert not rows, rows

    @invariant()
    def i2_one_open_incident_each_key(self) -> None:
        incidents = self.run_in_loop(self.sides[0].incidents(first="500"))
        keys = [incident.dedup_key for incident in incidents if incident.status is not Status.RESOLVED]
        assert len(keys) == len(set(keys))

    @invariant()
    def i4_positions_have_no_gap(self) -> None:
        events = self.run_in_loop(self.sides[1].feed())
        assert [event.position for event in events] == list(range(1, len(events) + 1))

    def teardown(self) -> None:
        try:
            report = self.run_in_loop(self.sides[0].rebuild())
            assert report.equal, report.lines
        finally:
            self.run_in_loop(self.open.aclose())


@pytest.mark.parametrize(
    ("policy", "examples"),
    [
        pytest.param(Policy(), 12, id="at the usual pace"),
        pytest.param(Policy(pace=Pace(burst=1, flapping_changes=1)), 12, id="much is postponed"),
    ],
)
async def test_i2_i4_i5_i7_hold_whatever_happens(start: Start, clock: FakeClock, policy: Policy, examples: int) -> None:
    loop = asyncio.get_running_loop()

    def run_in_loop(_: Story, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=30)

    story = type(
        "AnyStory",
        (Story,),
        {"run_in_loop": run_in_loop, "start": staticmethod(start), "clock": clock, "policy": policy},
    )
    bounded = settings(
        max_examples=count_of(examples),
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    await asyncio.to_thread(run_state_machine_as_test, story, settings=bounded)
