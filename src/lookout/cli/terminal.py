"""Where the commands write: a console that obeys NO_COLOR and closed pipes, marks, and text made safe to print.

Sender's text never goes to Rich as a string, which could hold markup: it goes as `Text`, cleaned before.
"""

import os
import re
import sys
from collections.abc import Mapping
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from lookout.alerts.severity import Severity
from lookout.alerts.text import HIDDEN, escapes_of, one_line
from lookout.incidents.incident import Incident, Status

TEXT_LIMIT = 1000
PIPE_WIDTH = 240
"""Columns where no terminal says how many: `grep` should find whole titles."""

MARKS: Mapping[Severity, tuple[str, str]] = {
    Severity.CRITICAL: ("▲", "bold red"),
    Severity.ERROR: ("■", "magenta"),
    Severity.WARNING: ("●", "yellow"),
    Severity.INFO: ("○", "cyan"),
}
"""A shape and a style for each severity. The word stands beside them: nobody has to tell colours apart."""

STATUS_STYLES: Mapping[Status, str] = {
    Status.FIRING: "bold red",
    Status.ACKNOWLEDGED: "cyan",
    Status.RESOLVED: "green",
}

FLAPPING_STYLE = "magenta"

# What `one_line` drops, as far as JSON allows it unescaped: it would reach the terminal as it is.
_UNSHOWN = re.compile(f"[\x7f-\x9f{HIDDEN}]")


class Terminal(Console):
    """Standard output or standard error. Its reader may leave at any time: that is no error."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = PIPE_WIDTH

    def on_broken_pipe(self) -> NoReturn:
        close_quietly()
        raise SystemExit(0)

    def say(self, text: Text) -> None:
        """Print one line as it is, neither wrapped nor cut."""
        self.print(text, soft_wrap=True)


def close_quietly() -> None:
    """Whoever read standard output is gone: let nothing more be said about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """Say on standard error, in one sentence, why the command failed."""
    for line in message.splitlines() or [""]:
        Terminal(stderr=True).say(Text(f"lookout: {one_line(line, TEXT_LIMIT)}"))


def severity_mark(incident: Incident) -> Text:
    """Shape and word of an incident's severity, ten columns; faint once it is over."""
    shape, style = MARKS[incident.severity]
    return Text(f"{shape} {incident.severity:<8}", style=style if incident.is_open else "dim")


def short_id(incident_id: str) -> str:
    """The end of an id, which every command takes: the beginning is a time that incidents of one storm share."""
    return one_line(incident_id.replace("-", "")[-8:], 8)


def json_line(text: str) -> str:
    """JSON on one line, the same value, with what could steer a terminal written as escapes."""
    return _UNSHOWN.sub(escapes_of, " ".join(text.splitlines()) if "\n" in text or "\r" in text else text)
