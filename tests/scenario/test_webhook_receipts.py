"""Alertmanager's webhook is told what became of each alert, in the order of the message."""

from tests.driver import Driver


async def test_a_receipt_says_what_happened_why_and_to_which_incident(lookout: Driver) -> None:
    answer = await lookout.webhook({"labels": {"alertname": "Down"}})
    incident = await lookout.only_incident()
    assert answer.json() == {
        "receipts": [
            {
                "fingerprint": (await lookout.alerts_of(incident.id))[0].fingerprint,
                "outcome": "recorded",
                "reason": "opened",
                "incident_id": incident.id,
            }
        ],
        "rejected": [],
    }


async def test_a_repeat_is_silent_and_names_its_incident(lookout: Driver) -> None:
    message = {"labels": {"alertname": "Down"}, "startsAt": "2026-01-01T11:59:00Z"}
    await lookout.webhook(message)
    incident = await lookout.only_incident()
    for _ in range(2):
        [receipt] = (await lookout.webhook(message)).json()["receipts"]
        assert (receipt["outcome"], receipt["reason"], receipt["incident_id"]) == ("silent", "duplicate", incident.id)


async def test_receipts_stand_in_the_order_of_the_message_when_repeats_are_among_them(lookout: Driver) -> None:
    def told(job: str) -> dict[str, object]:
        return {"labels": {"alertname": "Down", "job": job}, "startsAt": "2026-01-01T11:59:00Z"}

    await lookout.webhook(told("b"), told("d"))
    receipts = (await lookout.webhook(told("a"), told("b"), told("c"), told("d"))).json()["receipts"]
    assert [receipt["reason"] for receipt in receipts] == ["opened", "duplicate", "opened", "duplicate"]
    titles = [(await lookout.incident(receipt["incident_id"])).title for receipt in receipts]
    assert titles == [f"Down (job={job})" for job in "abcd"]


async def test_firing_and_resolved_alerts_of_one_message_each_get_their_due(lookout: Driver) -> None:
    started = lookout.clock.now().isoformat()
    one = {"labels": {"alertname": "Down", "instance": "one"}, "startsAt": started}
    two = {"labels": {"alertname": "Down", "instance": "two"}, "startsAt": started}
    await lookout.webhook(one)
    lookout.clock.move(minutes=1)
    ended = {"status": "resolved", "endsAt": lookout.clock.now().isoformat()}
    receipts = (await lookout.webhook(one | ended, two)).json()["receipts"]
    assert [receipt["reason"] for receipt in receipts] == ["left", "joined"]
    incident = await lookout.only_incident()
    assert (incident.firing_alerts, incident.total_alerts) == (1, 2)


async def test_an_alert_that_a_truncated_message_leaves_out_goes_on_firing(lookout: Driver) -> None:
    one = {"labels": {"alertname": "Down", "instance": "one"}}
    two = {"labels": {"alertname": "Down", "instance": "two"}}
    await lookout.webhook(one, two)
    await lookout.webhook(one, truncatedAlerts=1)
    assert (await lookout.only_incident()).firing_alerts == 2


async def test_i9_a_bad_alert_is_named_and_the_good_ones_are_stored(lookout: Driver) -> None:
    answer = await lookout.webhook(
        {"labels": {"alertname": "Good"}}, {"labels": {}}, {"labels": {"alertname": "Odd"}, "status": "pending"}
    )
    assert answer.status_code == 200
    assert [receipt["reason"] for receipt in answer.json()["receipts"]] == ["opened"]
    assert answer.json()["rejected"] == [
        {"index": 1, "reason": "at least one label pair required"},
        {"index": 2, "reason": 'status \'pending\' is neither "firing" nor "resolved"'},
    ]
    assert (await lookout.only_incident()).title == "Good"
    assert [rejected.index for rejected in await lookout.rejected()] == [2, 1]
