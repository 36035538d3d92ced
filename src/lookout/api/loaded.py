"""What is loaded when somebody first asks for it, and stays from then on."""

import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def staying(module: str) -> Generator[None]:
    """If the block loads the module, the garbage collector does not look at it, nor at what was made at the start."""
    is_new = module not in sys.modules
    yield
    if is_new:
        gc.freeze()
