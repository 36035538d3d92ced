"""GraphQL's types against the core's: no field is forgotten, no value is without a name, nothing without a text."""

from enum import StrEnum

import msgspec
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    is_specified_scalar_type,
)
from strawberry.utils.str_converters import to_camel_case

from lookout.alerts.alert import AlertStatus
from lookout.alerts.severity import Severity
from lookout.api.graphql.schema import SCHEMA
from lookout.api.grouping import GroupedAlert, PresentGrouping
from lookout.incidents.events import EventType, FeedEvent
from lookout.incidents.incident import IncidentView, Resolution, Status
from lookout.incidents.transitions import Reason
from lookout.store.reads import AlertView, InvestigationView
from lookout.store.sources import HeartbeatView, SourceView
from lookout.store.stats import IncidentStats, NoisyGroup

CORE = SCHEMA._schema  # pyright: ignore[reportPrivateUsage]


def fields_of(name: str) -> set[str]:
    kind = CORE.get_type(name)
    assert isinstance(kind, GraphQLObjectType)
    return set(kind.fields)


@pytest.mark.parametrize(
    ("name", "struct", "own"),
    [
        ("Incident", IncidentView, {"incidentId", "alerts", "events", "grouping", "investigations", "related"}),
        ("IncidentEvent", FeedEvent, set[str]()),
        ("Alert", AlertView, set[str]()),
        ("Investigation", InvestigationView, set[str]()),
        ("IncidentStats", IncidentStats, {"buckets", "noisiest"}),
        ("NoisyGroup", NoisyGroup, set[str]()),
        ("Source", SourceView, set[str]()),
        ("Heartbeat", HeartbeatView, set[str]()),
        ("GroupedAlert", GroupedAlert, set[str]()),
        ("PresentGrouping", PresentGrouping, set[str]()),
    ],
)
def test_a_type_has_every_field_of_the_core(name: str, struct: type[msgspec.Struct], own: set[str]) -> None:
    assert fields_of(name) - own == {to_camel_case(field) for field in struct.__struct_fields__}


@pytest.mark.parametrize(
    ("name", "enum"),
    [
        ("IncidentStatus", Status),
        ("Severity", Severity),
        ("IncidentResolution", Resolution),
        ("AlertStatus", AlertStatus),
        ("IncidentEventType", EventType),
        ("DecisionReason", Reason),
    ],
)
def test_an_enum_has_the_words_of_the_feed_in_capitals(name: str, enum: type[StrEnum]) -> None:
    kind = CORE.get_type(name)
    assert isinstance(kind, GraphQLEnumType)
    assert list(kind.values) == [member.value.upper() for member in enum]


def test_everything_says_what_it_is() -> None:
    for name, kind in CORE.type_map.items():
        if name.startswith(("_", "link__")) or is_specified_scalar_type(kind):  # of GraphQL and of Federation
            continue
        assert kind.description, name
        if isinstance(kind, GraphQLEnumType):
            assert all(value.description for value in kind.values.values()), name
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            silent = {field for field, known in kind.fields.items() if not known.description}
            assert silent <= {"_entities", "_service"}, name


def test_every_connection_can_be_measured() -> None:
    for kind in CORE.type_map.values():
        for name, field in kind.fields.items() if isinstance(kind, GraphQLObjectType) else ():
            if str(field.type).endswith("Connection!"):
                assert {"page", "first"} & set(field.args), f"{kind.name}.{name}"
