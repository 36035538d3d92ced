"""Each check says nothing of a log in which all is well, and names the one thing that is broken in another."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from faults import checks
from faults.checks import Record, Told
from faults.followers import Seen
from faults.ledger import Thing, Word

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def told(position: int, incident: str = "i1", status: str = "firing", **others: Any) -> Told:
    seen = Seen(position, f"e{position}", "incident_opened", f"bytes of {position}")
    usual = Told(seen, "acme", incident, "disk", status, frozenset({"acme"}))
    return msgspec.structs.replace(usual, **others)


WELL = [told(1), told(2), told(3, status="resolved"), told(4, "i2"), told(5, "i2", "resolved")]
SEEN = [it.seen for it in WELL]
RECORDS = [Record("acme", it.seen.event_id, it.incident_id, it.seen.position) for it in WELL]


def thing(**word: bool) -> tuple[str, Thing]:
    return "acme", Thing({"instance": "web-1"}, NOW, words={"prometheus": Word(**word)}, key="f1")


def test_i4_a_log_without_gaps_is_whole_and_one_with_a_gap_or_an_event_twice_is_not() -> None:
    assert checks.gapless({"acme": WELL, "empty": []}) == []
    assert checks.gapless({"acme": [*WELL[:2], *WELL[3:]]}) == [
        "I4: the positions of acme are not 1 to 4: 4 stands where 3 should"
    ]
    twice = msgspec.structs.replace(WELL[1], seen=Seen(2, "e1", "incident_opened"))
    assert checks.gapless({"acme": [WELL[0], twice]}) == ["I4: an event id of acme stands there twice"]


def test_i4_a_follower_that_missed_or_saw_twice_or_saw_another_event_is_named() -> None:
    assert checks.followed("SSE", SEEN, WELL) == []
    assert checks.followed("SSE", SEEN[:-1], WELL) == ["I4: SSE saw 4 of 5 events: it ends at 4"]
    assert checks.followed("SSE", [SEEN[0], *SEEN], WELL) == ["I4: SSE saw 6 of 5 events: 1 stands where 2 should"]
    for other in ({"digest": "other bytes"}, {"event_id": "e9"}, {"event_type": "incident_resolved"}):
        changed = [*SEEN[:-1], msgspec.structs.replace(SEEN[-1], **other)]
        assert checks.followed("SSE", changed, WELL) == ["I4: SSE saw another event at 5 than the JSON feed shows"]
    without = [msgspec.structs.replace(seen, digest="") for seen in SEEN]
    assert checks.followed("GraphQL", without, WELL) == []


def test_i2_two_open_incidents_of_one_group_are_found_where_they_meet() -> None:
    assert checks.one_open({"acme": WELL}) == []
    assert checks.one_open({"acme": [told(1), told(2, "i2"), told(3, "i2", "resolved")]}) == [
        "I2: at 2 i2 and i1 of one group are open"
    ]
    of_another_group = told(2, "i2", dedup_key="memory")
    assert checks.one_open({"acme": [told(1), of_another_group]}) == []


def test_i6_an_event_or_an_alert_of_another_tenant_is_found() -> None:
    assert checks.isolated({"acme": WELL}) == []
    others: list[dict[str, Any]] = [{"tenant_id": "globex"}, {"names": frozenset({"acme", "globex"})}]
    for other in others:
        assert checks.isolated({"acme": [told(1, **other)]}) == [
            "I6: the log of acme has at 1 an event of another tenant"
        ]


def test_i6_an_alert_that_is_another_tenants_is_found() -> None:
    assert checks.own([thing()], [("acme", "f1")]) == []
    assert checks.own([thing()], []) == []
    assert checks.own([thing()], [("acme", "f1"), ("globex", "f1")]) == [
        "I6: globex has the alert f1, which is not its own"
    ]


def test_i12_a_record_that_is_missing_or_in_another_order_is_found_and_one_twice_is_none() -> None:
    logs = {"acme": WELL}
    assert checks.relayed("t", [RECORDS[:3], RECORDS[3:]], logs) == []
    assert checks.relayed("t", [[*RECORDS[:2], *RECORDS]], logs) == []
    assert checks.relayed("t", [RECORDS[1:]], logs) == ["I12: t lacks 1 of 5 events"]
    assert checks.relayed("t", [[RECORDS[1], RECORDS[0], *RECORDS[2:]]], logs) == ["I12: t has 1 of acme after 2"]
    assert checks.relayed("t", [[RECORDS[3], RECORDS[0]]], {"acme": [WELL[0], WELL[3]]}) == [
        "I12: t has 1 of acme after 4"
    ], "of two incidents"
    assert checks.relayed("t", [RECORDS[:2], RECORDS[2:3]], {"acme": WELL[:3]}) == ["I12: t has i1 in two partitions"]
    assert checks.relayed("t", [RECORDS], {"acme": WELL[:4]}) == ["I12: t has 1 events that are not in the log"]


def test_i1_an_alert_that_was_answered_and_is_not_there_is_lost() -> None:
    answered = thing(firing_answered=True)
    assert checks.answered([answered], {("acme", "f1"): "firing"}) == []
    assert checks.answered([answered], {}) == ["I1: web-1 (f1) of acme was answered and is not there"]
    assert checks.answered([answered], {("globex", "f1"): "firing"}) != []
    assert checks.answered([thing(resolve_answered=True)], {}) == []


def test_i1_the_state_is_what_was_answered_last_and_open_where_nobody_was_answered() -> None:
    firing, resolved = {("acme", "f1"): "firing"}, {("acme", "f1"): "resolved"}
    fires = thing(firing_answered=True)
    assert checks.answered([fires], resolved) == [
        "I1: web-1 (f1) of acme is resolved; by what was answered it is firing"
    ]
    ended = thing(firing_answered=True, resolve_tried=True, resolve_answered=True)
    assert checks.answered([ended], firing) == ["I1: web-1 (f1) of acme is firing; by what was answered it is resolved"]
    asked = thing(firing_answered=True, resolve_tried=True)
    unsure = thing(firing_answered=True, resolve_tried=True, resolve_answered=True, is_unsure=True)
    for either in (asked, unsure):
        assert checks.answered([either], firing) == checks.answered([either], resolved) == []


def test_i1_one_twin_that_has_not_said_the_end_holds_the_alert() -> None:
    tenant_id, one = thing(firing_answered=True, resolve_tried=True, resolve_answered=True)
    one.words["twin"] = Word(firing_answered=True)
    assert checks.answered([(tenant_id, one)], {("acme", "f1"): "firing"}) == []
    assert checks.answered([(tenant_id, one)], {("acme", "f1"): "resolved"}) != []


def test_i3_what_was_said_again_is_so() -> None:
    tenant_id, one = thing(firing_answered=True)
    assert checks.true([(tenant_id, one)], {("acme", "f1"): "firing"}) == []
    assert checks.true([(tenant_id, one)], {}) == ["I3: web-1 (f1) of acme is firing, and Lookout has it as None"]
    one.ended_at = NOW
    assert checks.true([(tenant_id, one)], {("acme", "f1"): "firing"}) == [
        "I3: web-1 (f1) of acme is resolved, and Lookout has it as firing"
    ]
    assert checks.true([thing()], {}) == []


def test_i7_an_event_by_a_repeat_is_found() -> None:
    assert checks.silent({"acme": 5}, {"acme": 5}) == []
    assert checks.silent({"acme": 5}, {"acme": 7}) == ["I7: repeats added 2 events to the log of acme"]


def test_i8_a_process_that_grew_is_named() -> None:
    assert checks.bounded({"lookout 1": 100 << 20}, 200 << 20) == []
    assert checks.bounded({"lookout 1": 300 << 20}, 200 << 20) == ["I8: lookout 1 had 300 MiB resident, more than 200"]


def test_of_many_of_a_kind_some_are_shown_and_the_others_counted() -> None:
    many = [("acme", Thing({"instance": f"web-{n}"}, NOW, words={"p": Word(True)}, key=f"f{n}")) for n in range(9)]
    said = checks.answered(many, {})
    assert len(said) == checks.SHOWN + 1
    assert said[-1] == "and 4 more are lost"
