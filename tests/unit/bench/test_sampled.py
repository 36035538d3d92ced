"""What Lookout is seen doing is told by the innermost module that says it."""

import pytest
from bench.sampled import LOOP, OTHER, PARTS, part_of


@pytest.mark.parametrize(("modules", "part"), [
    (["asyncpg.connection", "lookout.store.log", "lookout.intake.writer"], "the database's driver"),
    (["json", "lookout.store.log", "lookout.intake.writer"], "rows and statements"),
    (["lookout.incidents.decide", "lookout.intake.writer"], "deciding"),
    (["selectors", "asyncio.base_events", "lookout.server"], LOOP),
    (["threading"], OTHER),
    (["lookout.apiary"], OTHER),
])  # fmt: skip
def test_a_stack_is_of_one_part(modules: list[str], part: str) -> None:
    assert part_of(modules) == part


def test_each_part_names_modules_that_there_are() -> None:
    missing = [name for name in PARTS if _is_missing(name)]
    assert missing == []


def _is_missing(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is None
