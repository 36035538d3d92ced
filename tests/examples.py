"""How many examples the property tests try: a third within the suite, all with `make fuzz`, where there is time."""

from typing import Any

from hypothesis import settings
from tests.fuzzing import SECONDS


def count_of(examples: int) -> int:
    """So many, or a third of them."""
    return examples if SECONDS else max(3, examples // 3)


def examples(count: int, **others: Any) -> settings:
    """The settings of a test that tries so many with `make fuzz`."""
    return settings(deadline=None, max_examples=count_of(count), **others)
