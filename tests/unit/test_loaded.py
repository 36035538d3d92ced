"""What is loaded when somebody first asks for it is no more looked at by the garbage collector."""

import gc
import sys
from types import ModuleType

import pytest

from lookout.api.loaded import staying

NAME = "a_module_that_is_loaded_late"


def test_what_is_new_stays_and_what_is_known_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []
    for _ in range(2):
        before = gc.get_freeze_count()
        made = ModuleType(NAME)
        with staying(NAME):
            monkeypatch.setitem(sys.modules, NAME, made)
        seen.append(gc.get_freeze_count() > before)
    assert seen == [True, False]
