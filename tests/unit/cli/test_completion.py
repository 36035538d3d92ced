"""Shell completion knows the commands, their commands and their options; it starts nothing and asks no server."""

import os
import subprocess
import sys

import pytest


def completed(shell: str, line: str) -> str:
    """What the shell is offered at the end of a line."""
    words = line.split(" ")
    asked = {
        "_LOOKOUT_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    program = [sys.executable, "-c", "from lookout.cli import main; main()"]
    environ = {**os.environ, **asked}
    done = subprocess.run(program, check=True, env=environ, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_and_options_are_completed(shell: str) -> None:
    for line, offered, not_offered in (
        ("lookout in", "incidents", "tail"),
        ("lookout incidents a", "acknowledge", "resolve"),
        ("lookout incidents --s", "--severity", "--limit"),
    ):
        answer = completed(shell, line)
        assert offered in answer, line
        assert not_offered not in answer, line
