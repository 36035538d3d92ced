"""A line of the log is one line that steers no terminal, whatever the error quotes that it tells of."""

import logging
import sys
from typing import Any

import pytest
from tests.hostile import MARK, TEXTS, UNSEEN

from lookout.logs import PROCESSORS, LineFormatter

TEXT = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)


def raised(text: str) -> BaseException:
    """An error that quotes a text, with its traceback."""
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


def logged(**line: Any) -> str:
    """The line that an event of Lookout becomes."""
    told: Any = line
    for process in PROCESSORS:
        told = process(None, "error", told)
    return told


@TEXT
def test_our_own(text: str) -> None:
    error = raised(text)
    line = logged(event="api", action="request_failed", error=str(error), at=repr(error), exc_info=error)
    assert line.count(MARK) >= text.count(MARK)
    assert not UNSEEN & set(line)
    assert line.startswith("timestamp=")
    assert " level=error event=api action=request_failed " in line


@TEXT
def test_those_of_libraries(text: str) -> None:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        told = sys.exc_info()
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "x.py", 1, "it failed: %s", (text,), told)
    line = LineFormatter().format(record)
    assert line.startswith("level=ERROR logger=uvicorn.error event=")
    assert "RuntimeError" in line
    assert not UNSEEN & set(line)


def test_a_text_cannot_add_a_key_or_a_line() -> None:
    line = logged(event="api", action="database_away", error='a" level=info event=audit\naction=token_created')
    assert line.endswith(r'error="a\" level=info event=audit\naction=token_created"')
