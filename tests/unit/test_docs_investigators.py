"""The page for investigators has the record and the report as they are."""

import json
import re
from pathlib import Path

import msgspec

from lookout.api.rest import InvestigationArguments
from lookout.feeds.kafka.records import Trigger
from lookout.incidents.actions import NAME_LIMIT
from lookout.incidents.investigation import (
    BRIEF_LIMIT,
    INVESTIGATIONS_LIMIT,
    RECOMMENDATION_LIMIT,
    RECOMMENDATIONS_LIMIT,
    ROOT_CAUSE_LIMIT,
)
from lookout.limits import USUAL

PAGE = (Path(__file__).parents[2] / "docs" / "investigators.md").read_text()


def test_the_record_is_one() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
    msgspec.json.decode(block, type=Trigger)
    assert list(json.loads(block)) == list(Trigger.__struct_fields__)


def test_every_field_of_a_report_has_a_row_with_its_bound() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ?([^|]*?) ?\|$", PAGE, flags=re.MULTILINE))
    assert rows == {
        "report_id": f"{NAME_LIMIT} characters",
        "summary": f"{USUAL.report_length:,} characters",
        "investigator": f"{NAME_LIMIT} characters",
        "root_cause": f"{ROOT_CAUSE_LIMIT:,} characters",
        "recommendations": f"{RECOMMENDATIONS_LIMIT} of {RECOMMENDATION_LIMIT} characters",
        "confidence": "",
        "link": "4,096 characters",
    }
    assert rows.keys() == set(InvestigationArguments.__struct_fields__)


def test_the_other_bounds_are_told() -> None:
    assert f"It takes {INVESTIGATIONS_LIMIT} in all" in PAGE
    assert f"the first {BRIEF_LIMIT} characters of the summary" in PAGE


def test_the_report_in_the_example_of_curl_is_one() -> None:
    (body,) = re.findall(r"/investigations\" -d '(.*?)'", PAGE, flags=re.DOTALL)
    msgspec.json.decode(body, type=InvestigationArguments)
