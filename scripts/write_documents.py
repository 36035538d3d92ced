"""Writes what is generated from the code and checked in: `make documents`. A test compares, so nothing goes stale."""

from collections.abc import Mapping
from pathlib import Path

from bench import bars, paths, results, sizing
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
README = ROOT / "README.md"
PERFORMANCE = ROOT / "docs" / "performance.md"


def documents() -> dict[Path, str]:
    """Every generated file with the text that it should have."""
    found = results.results()
    return {
        ROOT / "openapi.json": openapi.text_of(openapi.document()),
        ROOT / "event.schema.json": openapi.text_of(openapi.event_schema()),
        ROOT / "schema.graphql": printed(),
        ROOT / "deploy" / "grafana" / "lookout.json": dashboard.text(),
        ROOT / "asyncapi.yaml": asyncapi.text_of(asyncapi.document()),
        ARCHITECTURE: _with_life(ARCHITECTURE.read_text()),
        SCALING: _filled(SCALING, {"the arithmetic": sizing.tables(costs()), "the play": sizing.compared(simulated())}),
        README: _filled(README, {"how fast": results.readme_table(found)}),
        PERFORMANCE: _filled(
            PERFORMANCE,
            {
                "what is missed": results.missed(found),
                "what an alert costs": results.alert_costs(found),
                "where it goes": paths.tables(paths.paths()),
            },
        ),
        ROOT / "bench" / "RESULTS.md": results.document(found),
        ROOT / "docs" / "images" / "bench.svg": bars.picture("Measured against target", found.figures),
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


def _filled(path: Path, texts: Mapping[str, str]) -> str:
    """The page with these texts, each between its two marks."""
    page = path.read_text()
    for name, text in texts.items():
        begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->\n"
        head, _, rest = page.partition(begin)
        _, _, tail = rest.partition(end)
        page = f"{head}{begin}\n{text}\n\n{end}{tail}"
    return page


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
