"""Annotations that change with every resend, as a value in them does, are shown and add no event."""

from tests.driver import Driver


async def test_i7_the_latest_annotations_are_shown_without_an_event(lookout: Driver) -> None:
    started = lookout.clock.now()
    for value in range(4):
        await lookout.post_alerts(lookout.alert({"job": "a"}, starts_at=started, annotations={"value": str(value)}))
        lookout.clock.move(minutes=1)
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.annotations == {"value": "3"}
    assert await lookout.types() == ["opened"]


async def test_annotations_that_change_back_are_shown_as_they_are(lookout: Driver) -> None:
    started = lookout.clock.now()
    for value in ("low", "high", "low"):
        await lookout.post_alerts(lookout.alert({"job": "a"}, starts_at=started, annotations={"value": value}))
        lookout.clock.move(minutes=1)
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.annotations == {"value": "low"}


async def test_a_repeat_moves_the_time_it_was_last_heard(lookout: Driver) -> None:
    started = lookout.clock.now()
    await lookout.fires(job="a")
    lookout.clock.move(minutes=1)
    await lookout.fires(starts_at=started, job="a")
    [alert] = await lookout.alerts_of((await lookout.only_incident()).id)
    assert alert.last_received_at == lookout.clock.now()
