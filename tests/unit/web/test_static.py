"""What is not ours in the page's files is as its package has it, and named with its licence."""

import hashlib
import re
from pathlib import Path

STATIC = Path(__file__).parents[3] / "src" / "lookout" / "web" / "static"
OURS = {"lookout.css", "lookout.js", "README.md"}


def test_each_file_of_others_is_listed_with_its_sum() -> None:
    told = (STATIC / "README.md").read_text()
    listed = dict(re.findall(r"^\| `(\S+)` \| .* \| `([0-9a-f]{64})` \|$", told, re.MULTILINE))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in STATIC.iterdir()}
    assert listed == {name: found[name] for name in found.keys() - OURS}
