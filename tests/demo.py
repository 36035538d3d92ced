"""The story of `lookout demo`, played at a running Lookout on the test's clock."""

import asyncio
from datetime import UTC

import httpx
from tests.driver import Driver

from lookout.cli.demo import Player
from lookout.cli.outside import Outside
from lookout.cli.story import STORY, Fire

WORST = next(number for number, step in enumerate(STORY) if isinstance(step.deed, Fire) and "twins" in step.text)
"""How many steps there are until the storm is at its height, and nobody has done anything."""


async def play(lookout: Driver, steps: int = len(STORY), token: str = "") -> None:
    """The first steps of it, with a credential where there is one, and then until nothing is postponed."""
    with httpx.HTTPTransport() as transport:
        outside = Outside(
            transport, now=lookout.clock.now, zone=UTC, environ={"LOOKOUT_TOKEN": token}, user=lambda: "jo"
        )
        player = Player(outside, lookout.url)
        for step in STORY[:steps]:
            await asyncio.to_thread(player.do, step)
            lookout.clock.move(seconds=step.seconds)
    await lookout.tells_what_waits()
