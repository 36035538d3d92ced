"""The line breaks just when a commit goes over it: nobody knows whether it was done, and no answer lies (I1, I7)."""

from collections.abc import AsyncIterator

import pytest
from tests.driver import LEASE, Driver
from tests.line import Cut, Line, line_to
from tests.scenario.conftest import Start


@pytest.fixture
async def line_and_lookout(start: Start, dsn: str) -> AsyncIterator[tuple[Line, Driver]]:
    """A Lookout whose database is at the end of a line that can break; one alert fires."""
    async with line_to(dsn) as (line, through), start(through=through) as lookout:
        await lookout.fires(job="before")
        yield line, lookout


@pytest.mark.parametrize("cut", Cut)
async def test_i1_i7_alerts_are_committed_again_and_stored_once(
    line_and_lookout: tuple[Line, Driver], cut: Cut
) -> None:
    line, lookout = line_and_lookout
    started = lookout.clock.now()
    alerts = [lookout.alert({"job": "a"}), lookout.alert({"job": "b"})]
    line.cut_next = cut
    answer = await lookout.after_all_tries(lookout.post_alerts(*alerts), tries=2)
    assert answer.status_code == 200
    assert line.cut_next is None
    assert await lookout.types() == ["opened"] * 3
    line.cut_next = cut
    ended = lookout.alert({"job": "a"}, starts_at=started, ends_at=lookout.clock.now())
    answer = await lookout.after_all_tries(lookout.post_alerts(ended), tries=2)
    assert answer.status_code == 200
    assert await lookout.types() == ["opened"] * 3 + ["resolved"]
    assert (await lookout.rebuild()).equal


@pytest.mark.parametrize("cut", Cut)
async def test_i1_a_repeat_is_renewed_again(line_and_lookout: tuple[Line, Driver], cut: Cut) -> None:
    """The short way of a repeat has a commit of its own."""
    line, lookout = line_and_lookout
    repeat = lookout.alert({"job": "before"})
    repeat["endsAt"] = (lookout.clock.now() + 2 * LEASE).isoformat()
    line.cut_next = cut
    assert (await lookout.after_all_tries(lookout.post_alerts(repeat), tries=2)).status_code == 200
    assert await lookout.types() == ["opened"]
    [lease] = await lookout.sql("SELECT ends_at FROM leases")
    assert lease["ends_at"].isoformat() == repeat["endsAt"]


@pytest.mark.parametrize(("cut", "notes"), [(Cut.BEFORE_COMMIT, 0), (Cut.AFTER_COMMIT, 1)])
async def test_a_note_is_never_written_twice_and_its_answer_says_that_nothing_is_known(
    line_and_lookout: tuple[Line, Driver], cut: Cut, notes: int
) -> None:
    line, lookout = line_and_lookout
    incident = await lookout.only_incident()
    line.cut_next = cut
    answer = await lookout.act(incident.id, "notes", text="once")
    assert answer.status_code == 503
    assert "known to be stored" in answer.json()["error"]
    assert await lookout.types() == ["opened"] + ["note_added"] * notes
    assert (await lookout.rebuild()).equal


@pytest.mark.parametrize("cut", Cut)
async def test_a_report_is_attached_again_and_is_there_once(line_and_lookout: tuple[Line, Driver], cut: Cut) -> None:
    line, lookout = line_and_lookout
    incident = await lookout.only_incident()
    line.cut_next = cut
    answer = await lookout.after_all_tries(lookout.attach(incident.id), tries=2)
    assert answer.is_success
    assert await lookout.types() == ["opened", "investigation_attached"]
    assert len(await lookout.investigations_of(incident.id)) == 1
