"""A position to go on after: whether the log still has what follows, and already has what went before."""

from lookout.errors import Conflict
from lookout.feeds.follow import check_kept
from lookout.store.reads import LogEnds


def check_position(position: int, ends: LogEnds) -> None:
    """Raises `Conflict` for one that has not happened, `Gone` where what follows is not kept any more."""
    if position > ends.last:
        raise Conflict(
            f"position {position} has not happened yet: the log ends at {ends.last}. Start again without a position.",
            "after",
            f"maximum {ends.last}",
        )
    check_kept(position, ends.pruned + 1)
