"""When nobody knows whether a commit went through, a report is committed again: it is there once (I1, I7)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.driver import Driver

from lookout.store.log import Log
from lookout.store.transaction import Transaction


@pytest.fixture
def answer_lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The connection breaks after each commit that is named here, before its answer arrives."""
    lost: list[str] = []
    transaction = Log.transaction

    @asynccontextmanager
    async def broken(self: Log, *asked: Any) -> AsyncGenerator[Transaction]:
        async with transaction(self, *asked) as begun:
            yield begun
        if lost:
            raise ConnectionResetError(lost.pop())

    monkeypatch.setattr(Log, "transaction", broken)
    return lost


async def test_i1_a_report_is_committed_again_and_stands_there_once(lookout: Driver, answer_lost: list[str]) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    answer_lost.append("the first try")
    answer = await lookout.after_all_tries(lookout.attach(incident.id), tries=2)
    assert answer.status_code == 200
    assert answer.json()["investigation_count"] == 1
    assert await lookout.types() == ["opened", "investigation_attached"]


async def test_a_note_is_not(lookout: Driver, answer_lost: list[str]) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    answer_lost.append("the only try")
    assert (await lookout.act(incident.id, "notes", text="once")).status_code == 503
    assert await lookout.types() == ["opened", "note_added"]


async def test_i1_while_the_database_is_away_it_is_not_taken_and_then_it_is(lookout: Driver) -> None:
    await lookout.fires(job="a")
    incident = await lookout.only_incident()
    async with lookout.database_away():
        answer = await lookout.after_all_tries(lookout.attach(incident.id))
        assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
    assert (await lookout.attach(incident.id)).status_code == 200
    assert await lookout.types() == ["opened", "investigation_attached"]
