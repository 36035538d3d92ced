"""`lookout.yaml`, read anew while Lookout runs: on SIGHUP and on `POST /-/reload`. A broken file changes nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import structlog

from lookout import metrics
from lookout.clock import Clock
from lookout.errors import SettingsError
from lookout.intake.writer import Intake
from lookout.limits import Limits
from lookout.policy_file import load_policy
from lookout.store.reads import Reads

PROBLEMS_LOGGED = 20

log = structlog.get_logger()


class Reload:
    """The file, and those who go by it. `problems` are what was wrong with it when it was last read."""

    def __init__(self, path: Path | None, limits: Limits, intake: Intake, reads: Reads, clock: Clock) -> None:
        self.problems: Sequence[str] = ()
        self._path = path
        self._limits = limits
        self._intake = intake
        self._reads = reads
        self._clock = clock
        self._turn = asyncio.Lock()
        self._note_success()

    async def __call__(self) -> None:
        """Take the policy of the file; without a file, keep the one that there is.

        Raises `SettingsError` with every problem: the policy from before holds then.
        """
        async with self._turn:
            if self._path is None:
                return
            try:
                policy = await asyncio.to_thread(load_policy, self._path, self._limits)
            except SettingsError as error:
                self._note_failure(error)
                raise
            # All at once, with nothing awaited in between. A commit that is under way ends with the policy it has.
            self._intake.policy = policy
            self._reads.severities = policy.severities
            self._note_success()
            log.info("reload", action="config_reloaded", version=policy.version, rules=len(policy.rules))

    def _note_success(self) -> None:
        self.problems = ()
        metrics.CONFIG_SUCCESSFUL.set(1)
        metrics.CONFIG_SUCCESS_TIME.set(self._clock.now().timestamp())

    def _note_failure(self, error: SettingsError) -> None:
        self.problems = str(error).splitlines()
        metrics.CONFIG_SUCCESSFUL.set(0)
        for problem in self.problems[:PROBLEMS_LOGGED]:
            log.error("reload", action="config_refused", error=problem)
