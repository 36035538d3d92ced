"""A flapping incident is seen to be one, in the list and on its page."""

import io
from datetime import UTC, timedelta
from typing import Any

import msgspec
import pytest
from rich.console import Console, RenderableType
from tests.unit.cli.samples import NOW, TITLE, incident

from lookout.cli.pages import When, incident_page, incident_table
from lookout.incidents.incident import IncidentView

WHEN = When(NOW, UTC)


def _view(**different: Any) -> IncidentView:
    return msgspec.convert(incident(**different), IncidentView, from_attributes=True)


CALM, FLAPPING = _view(), _view(flapping=True, flapping_until=NOW + timedelta(minutes=42))


def _printed(what: RenderableType, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(what)
    return console.export_text()


def test_the_list_says_so_before_the_title() -> None:
    marked, calm = _printed(incident_table([FLAPPING, CALM], WHEN, 100)).splitlines()[1:]
    assert f"firing        flapping {TITLE}" in marked
    assert f"firing        {TITLE}" in calm


@pytest.mark.parametrize("width", [60, 80])
def test_the_list_with_it_fits_the_terminal(width: int) -> None:
    lines = _printed(incident_table([FLAPPING], WHEN, width), width).splitlines()
    assert max(map(len, lines)) <= width
    assert "flapping T" in lines[1]


def test_the_page_says_so_and_until_when() -> None:
    page = _printed(incident_page(FLAPPING, [], False, [], WHEN))
    assert page.splitlines()[0] == f"▲ critical firing  flapping {TITLE}"
    assert "flapping  until 12:45:44, if it stays as it is" in " ".join(page.split("\n"))
    assert "flapping" not in _printed(incident_page(CALM, [], False, [], WHEN))
