"""Plays the demo from the page, in local mode: the same program that `lookout demo` is, as a process of its own."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from contextlib import suppress

COMMAND = "from lookout.cli import main; main()"


class Demo:
    """At most one at a time. It ends with Lookout."""

    def __init__(self) -> None:
        self._process: Process | None = None

    @property
    def plays(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def play(self, url: str) -> bool:
        """Begin, against the server at `url`. False if one plays already."""
        if self.plays:
            return False
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", COMMAND, "demo", "--url", url, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        return True

    async def run(self) -> None:
        """Wait for ever, and end what plays when that ends."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if self._process is not None and self._process.returncode is None:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
