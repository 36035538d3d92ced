"""The README's tree is the tree, its promises name tests that exist, and what the pages link to is there."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "lookout"
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

# What is no word of the field, nor of a reader's world.
MARKETING = re.compile(
    r"\b(powerful|seamless\w*|blazing\w*|robust|simply|leverage|cutting-edge|effortless\w*)\b", re.IGNORECASE
)
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f]")


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [text for name, text in fenced if name == language]


def anchors(page: Path) -> set[str]:
    """The anchors that the headings of a page have."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_the_tree_lists_every_package_and_top_level_module_and_nothing_else() -> None:
    (tree,) = [block for block in blocks(ROOT / "README.md", "") if block.startswith("src/lookout/\n")]
    listed = re.findall(r"^  (\S+)  +\S", tree, flags=re.MULTILINE)
    packages = [f"{path.parent.relative_to(SOURCE)}/" for path in SOURCE.rglob("__init__.py") if path.parent != SOURCE]
    modules = [path.name for path in SOURCE.glob("*.py")]
    assert sorted(listed) == sorted(packages + modules)


def test_each_promise_names_a_test_file_that_tests_it() -> None:
    rows = re.findall(r"^\| (I\d+) \| .* \| `(tests/\S+)` \|$", README, flags=re.MULTILINE)
    assert rows
    for invariant, path in rows:
        assert f"_{invariant.lower()}_" in (ROOT / path).read_text(), f"{path} has no test of {invariant}"


def test_every_invariant_is_promised_or_a_limit() -> None:
    promised, limits = README.partition("## Limits")[::2]
    named = set(re.findall(r"\bI\d+\b", promised)) | set(re.findall(r"\bI\d+\b", limits))
    # I11, the one clock, is a rule of the code and not of what it does: ruff holds it.
    assert named == {f"I{number}" for number in range(1, 13)} - {"I11"}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    missing: list[str] = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_the_tone_is_plain(page: Path) -> None:
    assert MARKETING.findall(page.read_text()) == []
    assert EMOJI.findall(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_examples_can_be_read(page: Path) -> None:
    for block in blocks(page, "yaml"):
        assert isinstance(yaml.safe_load(block), dict)
    for block in blocks(page, "json"):
        assert isinstance(json.loads(block), dict)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_paths_in_examples_are_served(page: Path) -> None:
    document: dict[str, Any] = json.loads((ROOT / "openapi.json").read_text())
    served = {re.sub(r"\{\w+\}", "X", path) for path in document["paths"]} | {
        "",
        "/graphql",
        "/mcp",
        "/metrics",
        "/openapi.json",
        "/-/reload",
    }
    asked = re.findall(r"http://127\.0\.0\.1:18013([^\s?'\"`;,]*)", page.read_text())
    assert {re.sub(r"/\$\w+", "/X", path) for path in asked} <= served


def test_the_picture_asks_no_other_server() -> None:
    svg = (ROOT / "docs" / "images" / "tail.svg").read_text()
    assert set(re.findall(r"https?://[^\s\"']+", svg)) == {"http://www.w3.org/2000/svg"}


def test_the_changelog_has_lines_of_one_form() -> None:
    lines = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines()[1:] if line]
    assert [
        line
        for line in lines
        if not re.fullmatch(r"## \d+\.\d+\.\d+ \(.+\)|- \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX)\] [a-z]+: .+\.", line)
    ] == []


def test_the_pictures_of_the_page_are_there() -> None:
    pictures = re.findall(r'(?:src|srcset)="([^"]+)"', README)
    assert len(pictures) == 6
    for picture in pictures:
        assert (ROOT / picture).read_bytes().startswith(b"\x89PNG"), picture
