"""What the fault harness holds against a Lookout that ends: not what the harness itself does to it."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from faults import replica
from faults.replica import Replica
from tests import server_process

SECONDS = 20
ENDS_IN_ORDER = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))"
ENDS_WITH_AN_ERROR = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))"
DOES_NOT_END = "signal.signal(signal.SIGTERM, lambda *_: None)"
ENDS_BY_ITSELF = "threading.Timer(0.2, os._exit, (4,)).start()"

Play = Callable[[str], AbstractAsyncContextManager[Replica]]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """A program in Lookout's place that says that it listens, and does this."""

    def instead(does: str) -> AbstractAsyncContextManager[Replica]:
        program = tmp_path / "lookout"
        says = "print('listens on http://127.0.0.1:9', flush=True)"
        goes_on = "while True:\n    signal.pause()"
        program.write_text(f"#!{sys.executable}\nimport os, signal, sys, threading\n{does}\n{says}\n{goes_on}\n")
        program.chmod(0o755)
        monkeypatch.setattr(replica, "lookout_process", partial(server_process.lookout_process, command=(program,)))
        return replica.replica("lookout 1", tmp_path, tmp_path / "log", {})

    return instead


async def _until(lookout: Replica, is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        await lookout.until(is_so)


async def test_one_that_ends_by_itself_is_at_fault(play: Play) -> None:
    async with play(ENDS_BY_ITSELF) as lookout:
        await _until(lookout, lambda: bool(lookout.faults))
        assert lookout.faults[0].startswith("lookout 1 ended by itself with exit code 4")


async def test_one_that_ends_in_order_is_not(play: Play) -> None:
    async with play(ENDS_IN_ORDER) as lookout:
        await _until(lookout, lambda: lookout.is_up)
        await lookout.stop()
        assert lookout.faults == []


async def test_one_that_ends_with_an_error_is(play: Play) -> None:
    async with play(ENDS_WITH_AN_ERROR) as lookout:
        await _until(lookout, lambda: lookout.is_up)
        await lookout.stop()
        assert lookout.faults == ["lookout 1 ended with exit code 3 after SIGTERM"]


async def test_one_that_does_not_end_is(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "STOP_SECONDS", 0.1)
    async with play(DOES_NOT_END) as lookout:
        await _until(lookout, lambda: lookout.is_up)
        await lookout.stop()
        assert lookout.faults == ["lookout 1 did not end within 0.1 s of SIGTERM"]


async def test_one_that_is_killed_before_it_has_ended_is_not(play: Play) -> None:
    async with play(DOES_NOT_END) as lookout:
        await _until(lookout, lambda: lookout.is_up)
        stopping = asyncio.create_task(lookout.stop())
        await asyncio.sleep(0)
        lookout.kill()
        await stopping
        assert lookout.faults == []
