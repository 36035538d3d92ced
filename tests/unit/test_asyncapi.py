"""`asyncapi.yaml` is what the code says, refers to nothing that is not there, and names what is sent."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from lookout.api.openapi import event_schema
from lookout.feeds.asyncapi import document, text_of
from lookout.kafka import INCIDENTS_TOPIC, SERVICE_EVENTS_TOPIC

TEXT = (Path(__file__).parents[2] / "asyncapi.yaml").read_text()


def test_the_checked_in_document_is_what_the_code_says() -> None:
    assert text_of(document()) == TEXT, "run `make documents`, look at the difference, and commit it"
    assert yaml.safe_load(TEXT) == document()


def test_every_reference_leads_somewhere() -> None:
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document())))
    assert len(references) > 10
    for reference in references:
        place: Any = document()
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]


def test_each_schema_is_one() -> None:
    for schema in document()["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_both_topics_and_the_feed_are_there() -> None:
    addresses = {channel["address"] for channel in document()["channels"].values()}
    assert addresses == {INCIDENTS_TOPIC, SERVICE_EVENTS_TOPIC, "/v1/feed"}


def test_the_event_is_the_one_of_every_surface() -> None:
    described = json.dumps(document()["components"]["schemas"]["FeedEvent"])
    published = event_schema()["$defs"]["FeedEvent"]
    assert json.loads(described.replace("#/components/schemas/", "#/$defs/")) == published
