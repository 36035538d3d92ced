"""`lookout isolation-test` as an operator types it: it needs nothing, and leaves nothing behind."""

import os
from pathlib import Path

from tests.server_process import run_lookout


async def test_it_says_what_was_tried_and_leaves_nothing_behind(empty_data_dir: Path) -> None:
    code, said, complained = await run_lookout("isolation-test", "--list", TMPDIR=str(empty_data_dir))
    assert (code, complained) == (0, ""), said
    *surfaces, verdict = said.splitlines()
    assert verdict.startswith("apart: ")
    assert any(line.endswith("  GET /v1/incidents/{id}") for line in surfaces)
    assert os.listdir(empty_data_dir) == []
