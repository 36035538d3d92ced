"""Logs: one line for each thing, as key=value, on standard error.

An error may quote what a stranger sent, and the log is read in a terminal: whatever a line holds, it is one line and
steers nothing.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from lookout.alerts.text import escaped
from lookout.clock import SystemClock


class LineFormatter(logging.Formatter):
    """What libraries log, in the form of our own lines, a traceback too."""

    def __init__(self) -> None:
        super().__init__("level=%(levelname)s logger=%(name)s event=%(message)r")

    def format(self, record: logging.LogRecord) -> str:
        return escaped(super().format(record).replace("\n", "\\n"))


def _stamp(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    line["timestamp"] = SystemClock().now().isoformat()
    return line


def _escape(_: object, __: str, line: str) -> str:
    return escaped(line)


PROCESSORS: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    _stamp,
    structlog.processors.format_exc_info,
    structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event", "action"]),
    _escape,
]
"""What makes a line of an event, one after the other."""


def configure_logs(lowest: int = logging.INFO) -> None:
    """Let all that this process says go to standard error, from a level on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    # Its pool logs a traceback whenever the database is away, which we tell in a line.
    logging.getLogger("asyncpg").setLevel(logging.ERROR)
    structlog.configure(
        processors=PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
