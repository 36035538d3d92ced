"""The feed resumes by position: after N comes N+1, and a position that has not happened is an error."""

from tests.driver import Driver

from lookout.store.reads import Reads


async def _three(lookout: Driver) -> None:
    for job in "abc":
        await lookout.fires(job=job)


async def test_i4_a_stream_resumes_after_the_query_or_the_last_event_id(lookout: Driver) -> None:
    await _three(lookout)
    for resume in ({"after": "1"}, {"last_event_id": "1"}, {"after": "0", "last_event_id": "1"}):
        async with lookout.stream(**resume) as events:
            assert [(await anext(events)).position for _ in range(2)] == [2, 3]


async def test_i4_pages_go_on_at_next_and_the_end_is_an_empty_page_with_the_same_next(lookout: Driver) -> None:
    await _three(lookout)
    pages: list[tuple[list[int], int]] = []
    after = 0
    for _ in range(3):
        page = (await lookout.http.get("/v1/feed", params={"after": after, "first": 2})).json()
        after = page["next"]
        pages.append(([event["position"] for event in page["events"]], after))
    assert pages == [([1, 2], 2), ([3], 3), ([], 3)]


async def test_a_page_without_a_position_begins_at_the_first_event(lookout: Driver) -> None:
    await _three(lookout)
    page = (await lookout.http.get("/v1/feed")).json()
    assert [event["position"] for event in page["events"]] == [1, 2, 3]


async def test_a_position_beyond_the_end_is_a_conflict_that_names_the_end(lookout: Driver) -> None:
    await _three(lookout)
    assert (await lookout.http.get("/v1/feed?after=3")).status_code == 200
    for accept in ("application/json", "text/event-stream"):
        answer = await lookout.http.get("/v1/feed?after=4", headers={"Accept": accept})
        assert answer.status_code == 409
        assert answer.json()["error"].startswith("position 4 has not happened yet: the log ends at 3.")


async def test_what_is_no_position_is_refused(lookout: Driver) -> None:
    for word in ("-1", "x", "", "1.5", "9" * 30, "\u0663"):
        answer = await lookout.http.get("/v1/feed", params={"after": word})
        assert answer.status_code == 400, word
        assert answer.json()["error"].startswith("after is ")
    answer = await lookout.http.get("/v1/feed", headers={"Last-Event-ID": "x"})
    assert answer.json()["error"].startswith("Last-Event-ID is 'x'")


async def test_a_stream_without_a_position_begins_now(lookout: Driver) -> None:
    await _three(lookout)
    async with lookout.stream() as events:
        await lookout.fires(job="d")
        assert (await anext(events)).position == 4


async def test_now_is_before_the_answer_and_not_when_the_stream_has_got_going(lookout: Driver) -> None:
    """Who has the answer's head and then makes something happen sees it, however slow the follower's start is."""
    reads = lookout.running.parts.reads
    last_position = reads.last_position
    asked: list[str] = []

    async def happens_meanwhile(tenant_id: str) -> int:
        asked.append(tenant_id)
        if len(asked) == 1:  # the follower's start: the answer has looked already
            await lookout.fires(job="a")
        return await last_position(tenant_id)

    setattr(reads, Reads.last_position.__name__, happens_meanwhile)
    async with lookout.stream() as events:
        assert (await anext(events)).position == 1
