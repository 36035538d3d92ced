"""How many examples the property tests try: a fifth within the suite, all with `make fuzz`, which CI runs too."""

from typing import Any

from hypothesis import settings
from tests.fuzzing import SECONDS


def count_of(examples: int) -> int:
    """So many, or a fifth of them."""
    return examples if SECONDS else max(3, examples // 5)


def examples(count: int, **others: Any) -> settings:
    """The settings of a test that tries so many with `make fuzz`."""
    return settings(deadline=None, max_examples=count_of(count), **others)
