"""Writes what is generated from the code and checked in: `make documents`. A test compares, so nothing goes stale."""

from pathlib import Path

from bench import sizing
from bench.comparison import simulated
from bench.quantities import costs
from scripts import dashboard

from lookout.api import openapi
from lookout.api.graphql.schema import printed
from lookout.feeds import asyncapi
from lookout.incidents.incident import Status
from lookout.incidents.transitions import TRANSITIONS, Step, Stimulus

ROOT = Path(__file__).parents[1]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BEGIN = "<!-- begin: the life of an incident -->\n"
END = "<!-- end: the life of an incident -->\n"
SCALING = ROOT / "docs" / "scaling.md"


def documents() -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    return {
        ROOT / "openapi.json": openapi.text_of(openapi.document()),
        ROOT / "event.schema.json": openapi.text_of(openapi.event_schema()),
        ROOT / "schema.graphql": printed(),
        ROOT / "deploy" / "grafana" / "lookout.json": dashboard.text(),
        ROOT / "asyncapi.yaml": asyncapi.text_of(asyncapi.document()),
        ARCHITECTURE: _with_life(ARCHITECTURE.read_text()),
        SCALING: _with_tables(SCALING.read_text()),
    }


def diagram() -> str:
    """The moves from one status to another, as a Mermaid state diagram."""
    moves: dict[tuple[Status | None, Status], list[str]] = {}
    for (before, stimulus), step in TRANSITIONS.items():
        if before is not step.status:
            moves.setdefault((before, step.status), []).append(stimulus)
    lines = [f"    {before or '[*]'} --> {after}: {', '.join(stimuli)}" for (before, after), stimuli in moves.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def table() -> str:
    """Every step, as a Markdown table: the event it adds, or why it adds none. A dash is what cannot happen."""
    statuses = [None, *Status]
    rows = [
        [stimulus.value, *(_cell(TRANSITIONS.get((status, stimulus))) for status in statuses)] for stimulus in Stimulus
    ]
    heading = ["what happens", "no incident", *Status]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heading, ["---"] * len(heading), *rows])


def _cell(step: Step | None) -> str:
    if step is None:
        return "-"
    if step.event_type is None:
        return f"nothing: `{step.reason}`"
    return f"`{step.event_type}`"


def _with_life(page: str) -> str:
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{diagram()}\n\nWhich event each step adds to the log:\n\n{table()}\n\n{END}{tail}"


def _with_tables(page: str) -> str:
    """What a large load needs, by the arithmetic of the bench, and what was played of it."""
    for name, text in (("the arithmetic", sizing.tables(costs())), ("the play", sizing.compared(simulated()))):
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->\n"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        page = f"{head}{begin}\n{text}\n\n{end}{tail}"
    return page


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
