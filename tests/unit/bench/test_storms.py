"""How much an incident may tell in a storm is what the policy says."""

from bench.storms import most_events

from lookout.incidents.policy import Pace


def test_an_incident_may_tell_a_burst_then_one_an_interval_and_the_last_state() -> None:
    assert most_events(0) == Pace().burst + 1
    assert most_events(10.9) == Pace().burst + 10 + 1
