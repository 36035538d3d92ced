"""What each fault does to the stage when it begins, and what mends it: one line in a table."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from faults.link import Link
from faults.schedule import Fault, Step
from faults.stage import Stage

Act = Callable[[Stage, Step], Awaitable[None] | None]

RESET_FROM = 0.5


async def begin(stage: Stage, step: Step) -> None:
    """Let it happen."""
    await _do(_ACTS[step.fault][0], stage, step)


async def mend(stage: Stage, step: Step) -> None:
    """Let it be over."""
    await _do(_ACTS[step.fault][1], stage, step)


async def _do(act: Act, stage: Stage, step: Step) -> None:
    if (doing := act(stage, step)) is not None:
        await doing


def _signal_broker(stage: Stage, number: signal.Signals) -> None:
    if stage.broker.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(stage.broker.pid, number)


async def _start_broker(stage: Stage, _: Step) -> None:
    with suppress(AssertionError):  # it may be frozen before it answers; if it never does, the end of the log says so
        await stage.broker.start()


def _slow_down(link: Link, step: Step) -> None:
    link.delay = step.amount


def _end_silence(link: Link, step: Step) -> None:
    if step.amount >= RESET_FROM:
        link.reset()
    link.mend()


def _start_again(stage: Stage, step: Step) -> None:
    stage.replicas[step.target].mend()


def _mend_database(stage: Stage, _: Step) -> Awaitable[None]:
    return stage.cluster.mend()


def _read_on(stage: Stage, step: Step) -> None:
    stage.followers[step.target].mend()


_ACTS: dict[Fault, tuple[Act, Act]] = {
    Fault.LOOKOUT_KILLED: (lambda stage, step: stage.replicas[step.target].kill(), _start_again),
    Fault.LOOKOUT_STOPPED: (lambda stage, step: stage.replicas[step.target].stop(), _start_again),
    Fault.LOOKOUT_FROZEN: (lambda stage, step: stage.replicas[step.target].freeze(), _start_again),
    Fault.CLOCK_MOVED: (
        lambda stage, step: stage.replicas[step.target].clock.move(step.amount),
        lambda stage, step: stage.replicas[step.target].clock.move(0.0),
    ),
    Fault.POSTGRES_KILLED: (lambda stage, _: asyncio.to_thread(stage.cluster.kill), _mend_database),
    Fault.POSTGRES_STOPPED: (lambda stage, _: stage.cluster.stop_at_once(), _mend_database),
    Fault.POSTGRES_FROZEN: (lambda stage, _: stage.cluster.freeze(), _mend_database),
    Fault.BACKEND_KILLED: (lambda stage, step: stage.cluster.kill_backend(int(step.at)), _mend_database),
    Fault.BACKENDS_ENDED: (lambda stage, _: stage.cluster.end_backends(), _mend_database),
    Fault.DISK_FULL: (lambda stage, _: asyncio.to_thread(stage.disk.fill), _mend_database),
    Fault.DATABASE_CUT: (
        lambda stage, step: stage.to_database[step.target].cut(),
        lambda stage, step: stage.to_database[step.target].mend(),
    ),
    Fault.DATABASE_DELAYED: (
        lambda stage, step: _slow_down(stage.to_database[step.target], step),
        lambda stage, step: stage.to_database[step.target].mend(),
    ),
    Fault.DATABASE_SILENT: (
        lambda stage, step: stage.to_database[step.target].silence(),
        lambda stage, step: _end_silence(stage.to_database[step.target], step),
    ),
    Fault.CLIENTS_CUT: (
        lambda stage, step: stage.to_lookout[step.target].cut(),
        lambda stage, step: stage.to_lookout[step.target].mend(),
    ),
    Fault.CLIENTS_DELAYED: (
        lambda stage, step: _slow_down(stage.to_lookout[step.target], step),
        lambda stage, step: stage.to_lookout[step.target].mend(),
    ),
    Fault.CLIENTS_SILENT: (
        lambda stage, step: stage.to_lookout[step.target].silence(),
        lambda stage, step: _end_silence(stage.to_lookout[step.target], step),
    ),
    Fault.KAFKA_KILLED: (lambda stage, _: stage.broker.kill(), _start_broker),
    Fault.KAFKA_FROZEN: (
        lambda stage, _: _signal_broker(stage, signal.SIGSTOP),
        lambda stage, _: _signal_broker(stage, signal.SIGCONT),
    ),
    Fault.KAFKA_CUT: (
        lambda stage, step: stage.to_kafka[step.target].cut(),
        lambda stage, step: stage.to_kafka[step.target].mend(),
    ),
    Fault.KAFKA_DELAYED: (
        lambda stage, step: _slow_down(stage.to_kafka[step.target], step),
        lambda stage, step: stage.to_kafka[step.target].mend(),
    ),
    Fault.KAFKA_SILENT: (
        lambda stage, step: stage.to_kafka[step.target].silence(),
        lambda stage, step: _end_silence(stage.to_kafka[step.target], step),
    ),
    Fault.FOLLOWER_KILLED: (lambda stage, step: stage.followers[step.target].cut_off(), _read_on),
    Fault.FOLLOWER_FROZEN: (lambda stage, step: stage.followers[step.target].freeze(), _read_on),
}

KNOWN = frozenset(_ACTS)
"""All that can be played."""
