"""I6: whatever a tenant asks, on whichever surface, it sees and changes nothing of another.

By `lookout isolation-test`, as an operator types it: it needs nothing, and leaves nothing behind.
"""

import os
from pathlib import Path

from tests.server_process import run_lookout

SURFACES = (
    "GET /v1/incidents/{id}",
    "GraphQL mutation resolveIncident",
    "tool why_grouped",
    "POST /v1/events",
    "the stream of /v1/feed",
    "the stream of /live",
    "the subscription liveIncidentUpdates",
    "the subscription liveIncidentUpdates on /graphql",
)
"""One of each kind."""


async def test_i6_nothing_of_a_tenant_is_shown_to_another_or_changed_by_it(empty_data_dir: Path) -> None:
    code, said, complained = await run_lookout("isolation-test", "--list", TMPDIR=str(empty_data_dir))
    assert (code, complained) == (0, ""), said
    *listed, verdict = said.splitlines()
    assert verdict.startswith("apart: ")
    tried = {line.partition("  ")[2] for line in map(str.strip, listed)}
    assert tried.issuperset(SURFACES)
    assert os.listdir(empty_data_dir) == []
