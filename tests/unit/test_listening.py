"""Since when a tenant is heard: a refusal of its own counts for it alone, one of many tenants for all."""

from datetime import UTC, datetime, timedelta

import pytest

from lookout.intake import listening
from lookout.intake.listening import Listening

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def later(minutes: int) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_a_refusal_counts_for_its_tenant_alone() -> None:
    heard = Listening(NOW)
    heard.refused("storm", later(1))
    heard.refused("storm", later(2))
    assert (heard.since, heard.since_of("storm"), heard.since_of("quiet")) == (NOW, later(2), NOW)
    assert heard.refusals() == [("storm", later(2))]


def test_a_refused_request_of_many_tenants_counts_for_all() -> None:
    heard = Listening(NOW)
    heard.refused("storm", later(1))
    heard.refused("", later(2))
    assert heard.since_of("storm") == heard.since_of("quiet") == later(2)
    assert heard.refusals() == []


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "TENANTS_LIMIT", 2)
    heard = Listening(NOW)
    for minute, name in enumerate("abac", 1):
        heard.refused(name, later(minute))
    assert heard.refusals() == [("a", later(3)), ("c", later(4))]
