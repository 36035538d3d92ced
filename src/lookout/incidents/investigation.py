"""An investigation: what somebody, or a program, found out about an incident."""

import msgspec

INVESTIGATIONS_LIMIT = 100
"""Investigations of one incident."""
ROOT_CAUSE_LIMIT = 5_000
RECOMMENDATIONS_LIMIT = 20
RECOMMENDATION_LIMIT = 500
BRIEF_LIMIT = 500
"""Characters of the summary that the event has: the event goes out on every feed, and the whole is read from there."""


class Investigation(msgspec.Struct, frozen=True):
    """A report. Its id is the investigator's own, and an incident has it once: the first stands.

    `summary`, `root_cause` and the recommendations are Markdown as it was written, and data everywhere. `confidence`
    is from 0 to 1, None if nothing is said of it. `link` is where the whole report is, an http or https URL or empty.
    """

    report_id: str
    investigator: str
    summary: str
    root_cause: str = ""
    recommendations: tuple[str, ...] = ()
    confidence: float | None = None
    link: str = ""
