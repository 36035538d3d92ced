"""The audit: a line of the log for whatever a caller has changed, with the credential by which it is known who it was.

The log of an incident names the actor. This names the credential beside, also for what no incident tells of.
"""

import structlog

from lookout.api.parts import Caller

log = structlog.get_logger()


def note(caller: Caller, deed: str, **about: str) -> None:
    """Say that this caller did it. `about` is what it was done to."""
    log.info(
        "audit",
        action="acted",
        deed=deed,
        tenant_id=caller.tenant_id,
        by=caller.actor,
        credential=caller.credential,
        is_platform=caller.is_platform,
        **about,
    )
