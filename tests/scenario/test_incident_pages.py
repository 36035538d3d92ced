"""Lists page by key: what arrives meanwhile neither repeats nor hides anything."""

from tests.driver import Driver

COUNT = 120


async def test_paging_through_with_new_ones_arriving_repeats_and_misses_none(lookout: Driver) -> None:
    for start in range(0, COUNT, 30):
        await lookout.post_alerts(*(lookout.alert({"job": str(start + number)}) for number in range(30)))
    known = [incident.id for incident in await lookout.incidents(first="500")]
    assert len(known) == COUNT
    seen: list[str] = []
    query = {"first": "17"}
    while True:
        page = (await lookout.http.get("/v1/incidents", params=query)).json()
        seen += [incident["id"] for incident in page["incidents"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
        await lookout.fires(job=f"new after {len(seen)}")
    assert seen == known


async def test_the_pages_position_is_one_from_which_the_feed_goes_on_without_a_gap(lookout: Driver) -> None:
    await lookout.fires(job="a")
    position = (await lookout.http.get("/v1/incidents")).json()["position"]
    await lookout.fires(job="b")
    assert [event.position for event in await lookout.feed(after=position)] == [2]


async def test_a_page_that_is_just_full_is_the_last(lookout: Driver) -> None:
    await lookout.post_alerts(*(lookout.alert({"job": job}) for job in "abc"))
    page = (await lookout.http.get("/v1/incidents", params={"first": 3})).json()
    assert (len(page["incidents"]), page["next"]) == (3, None)


async def test_the_newest_come_first(lookout: Driver) -> None:
    for job in "abc":
        await lookout.fires(job=job)
        lookout.clock.move(seconds=1)
    assert [incident.labels["job"] for incident in await lookout.incidents()] == ["c", "b", "a"]
