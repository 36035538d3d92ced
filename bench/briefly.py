"""Lookout as it serves, but it forgets after minutes: a soak has no time for the shortest retention that may be set.

python -m bench.briefly 5m
"""

import os
import sys

import msgspec

from lookout.app import serve
from lookout.config import duration_of, load_settings


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    settings = msgspec.structs.replace(load_settings(os.environ), retention=duration_of(sys.argv[1]))
    serve(settings, _say)


def _say(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
