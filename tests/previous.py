"""The release before this one, as git has it: it runs beside this one while replicas are replaced one by one."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BEFORE_THE_FIRST_RELEASE = "44c91a3482fae265ffa4b144e8f7161841ce03d1"
"""What stands for it until there is a tag: a commit after which the schema only expands."""


def previous_release() -> str:
    """The newest tag of a version before this commit, or the commit that stands for it."""
    tag = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
    return tag or BEFORE_THE_FIRST_RELEASE


def source_of(release: str, directory: Path) -> Path:
    """The sources of a release, for `PYTHONPATH`. Without them the test is skipped, and in CI it fails."""
    if not _git("cat-file", "-t", release):
        missing = f"THE HISTORY OF GIT IS MISSING, and with it {release}: git fetch --unshallow --tags"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    archive = subprocess.run(["git", "archive", release, "src"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "--extract", "--directory", directory], input=archive.stdout, check=True)
    return directory / "src"


def _git(*arguments: str) -> str:
    """What git says to standard output; nothing if it fails, or is not there."""
    try:
        told = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return told.stdout.strip()
