"""How long the fuzz tests ask: a few examples within the suite, always the same, or seconds on end with `make fuzz`.

A test that fails names its round: FUZZ_SEED begins with that one again.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, seed, settings

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
"""How long each of the two surfaces is asked, by two tests in turn; 0 within the suite."""
EXAMPLES_OF_A_ROUND = 15


class Round(NamedTuple):
    """So many examples of each strategy. `number` None: they are derived from the test itself, so never others."""

    examples: int
    number: int | None

    def made(self, test: Callable[[], None]) -> Callable[[], None]:
        """A test of Hypothesis that asks what this round asks."""
        chosen: Any = settings(
            max_examples=self.examples,
            deadline=None,
            derandomize=self.number is None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        )(test)
        return chosen if self.number is None else seed(self.number)(chosen)


def rounds(examples: int) -> Iterator[Round]:
    """One round within the suite; with FUZZ_SECONDS as many as there is time for."""
    if not SECONDS:
        yield Round(examples, None)
        return
    until = time.monotonic() + SECONDS / 2
    number = int(os.environ.get("FUZZ_SEED") or secrets.randbits(32))
    while time.monotonic() < until:
        print(f"round {number}")  # noqa: T201 - shown where a test fails
        yield Round(EXAMPLES_OF_A_ROUND, number)
        number += 1
