"""What is installed is pinned by hash, and no tracked file says from where."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]

# In pieces, so that this file holds none of them.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("registry", "npmjs", "org"),
        ("registry", "yarnpkg", "com"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("repo1", "maven", "org"),
        ("repo", "maven", "apache", "org"),
        ("deb", "debian", "org"),
        ("archive", "ubuntu", "com"),
    ]
]


def pins(file_name: str) -> dict[str, str]:
    """Of one file in requirements/: each package's name and the text after it, up to the next package."""
    text = (ROOT / "requirements" / file_name).read_text()
    parts = re.split(r"^([A-Za-z0-9][\w.-]*)==", text, flags=re.MULTILINE)
    return {canonicalize_name(name): pin for name, pin in zip(parts[1::2], parts[2::2], strict=True)}


def version(pin: str) -> str:
    return pin.split(maxsplit=1)[0]


def test_no_tracked_file_names_a_registry() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    found = [
        f"{path}: {host}"
        for path in listed.decode().split("\0")
        if (ROOT / path).is_file()
        for host in REGISTRY_HOSTS
        if host.encode() in (ROOT / path).read_bytes().lower()
    ]
    assert found == []


@pytest.mark.parametrize("file_name", ["run.txt", "dev.txt"])
def test_pins_hold_names_versions_and_hashes_only(file_name: str) -> None:
    text = (ROOT / "requirements" / file_name).read_text()
    assert "://" not in text
    assert not re.search(r"^\s*-(?!-hash=sha256:)", text, flags=re.MULTILINE), "an option in a pins file"
    assert [name for name, pin in pins(file_name).items() if "--hash=sha256:" not in pin] == []


def test_every_runtime_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = pins("run.txt")
    for requirement in map(Requirement, project["dependencies"]):
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name} is not pinned: make pins"
        assert requirement.specifier.contains(version(pinned[name])), f"{name}: make pins"


def test_tests_run_on_the_versions_that_are_served() -> None:
    tested = pins("dev.txt")
    for name, pin in pins("run.txt").items():
        assert version(tested[name]) == version(pin)
